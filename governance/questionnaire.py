"""Risk questionnaires: versioned YAML texts whose answers give the risk tier. Nobody picks a tier.

Points are added up, or two questions are read as a matrix; an override raises the tier whatever the points say. An
override never lowers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from governance.canonical import sha256_hex
from governance.exceptions import InvalidInput
from governance.policy import RISK_TIERS
from governance.policy_text import PolicyFault, Value, read_policy_text

BUILT_IN = Path(__file__).parent / "questionnaires"
MOST_QUESTIONS, MOST_ANSWERS, MOST_POINTS = 40, 12, 100


@dataclass(frozen=True)
class Answer:
    key: str
    text: str
    points: int


@dataclass(frozen=True)
class Question:
    key: str
    text: str
    help: str
    answers: tuple[Answer, ...]

    def find(self, key: str) -> Answer | None:
        return next((answer for answer in self.answers if answer.key == key), None)


@dataclass(frozen=True)
class Override:
    """The tier is at least ``tier`` when ``question`` is answered by one of ``answers``."""

    question: str
    answers: tuple[str, ...]
    tier: str
    because: str


@dataclass(frozen=True)
class Matrix:
    """``cells``: answer to ``rows`` -> answer to ``columns`` -> tier."""

    rows: str
    columns: str
    cells: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Questionnaire:
    """``tiers``: the fewest points for medium and for high; empty where a matrix decides."""

    key: str
    name: str
    version: int
    text: str
    digest: str
    questions: tuple[Question, ...]
    tiers: Mapping[str, int]
    matrix: Matrix | None
    overrides: tuple[Override, ...]


@dataclass(frozen=True)
class Tiering:
    """The tier that answers give, and why in words."""

    tier: str
    points: int
    reasons: tuple[str, ...]


def score(questionnaire: Questionnaire, answers: Mapping[str, str]) -> Tiering:
    """Read the tier off the answers. Raises ``InvalidInput`` for what is left out or unknown."""
    chosen = _choose(questionnaire, answers)
    points = sum(answer.points for answer in chosen.values())
    if questionnaire.matrix is not None:
        matrix = questionnaire.matrix
        tier = matrix.cells[chosen[matrix.rows].key][chosen[matrix.columns].key]
        reasons = [f"“{chosen[matrix.rows].text}” and “{chosen[matrix.columns].text}” together make it {tier}."]
    else:
        tier = max((name for name, least in questionnaire.tiers.items() if points >= least), key=_rank, default="low")
        reasons = [f"{points} points make it {tier} ({_tell_tiers(questionnaire)})."]
    for override in questionnaire.overrides:
        if chosen[override.question].key in override.answers and _rank(override.tier) > _rank(tier):
            tier = override.tier
            reasons.append(f"Raised to {tier}: {override.because}")
    return Tiering(tier, points, tuple(reasons))


def _rank(tier: str) -> int:
    return RISK_TIERS.index(tier)


def _tell_tiers(questionnaire: Questionnaire) -> str:
    return ", ".join(f"{name} from {least}" for name, least in sorted(questionnaire.tiers.items(), key=lambda t: t[1]))


def _choose(questionnaire: Questionnaire, answers: Mapping[str, str]) -> dict[str, Answer]:
    unknown = sorted(set(answers) - {question.key for question in questionnaire.questions})
    if unknown:
        raise InvalidInput(f"There is no question “{unknown[0]}” in this questionnaire.", field="answers")
    chosen = {}
    for question in questionnaire.questions:
        given = answers.get(question.key)
        if given is None:
            raise InvalidInput(f"“{question.text}” is not answered.", field=f"answers.{question.key}")
        answer = question.find(given)
        if answer is None:
            allowed = ", ".join(item.key for item in question.answers)
            raise InvalidInput(
                f"“{given}” is no answer to “{question.text}”; choose one of {allowed}.",
                field=f"answers.{question.key}",
            )
        chosen[question.key] = answer
    return chosen


@lru_cache(maxsize=64)
def parse_questionnaire(key: str, text: str) -> Questionnaire:
    """Read and check a questionnaire. Raises ``PolicyFault`` naming line and key.

    Every reading of a dossier asks for the same few texts, and parsing one costs more than all the rest of a reading.
    """
    raw = read_policy_text(text).mapping(("questionnaire", "version", "questions", "scoring", "overrides"))
    for needed in ("questionnaire", "version", "questions", "scoring"):
        if needed not in raw:
            raise PolicyFault(f"the questionnaire lacks “{needed}”.")
    questions = tuple(_read_question(item) for item in raw["questions"].items(MOST_QUESTIONS))
    keys = [question.key for question in questions]
    if not questions or len(set(keys)) != len(keys):
        raise raw["questions"].fault("every question needs a key of its own.")
    tiers, matrix = _read_scoring(raw["scoring"], {question.key: question for question in questions})
    overrides = raw["overrides"].items(MOST_QUESTIONS) if "overrides" in raw else []
    return Questionnaire(
        key=key,
        name=raw["questionnaire"].text(),
        version=raw["version"].whole_number(1, 999_999),
        text=text,
        digest=sha256_hex(text.encode()),
        questions=questions,
        tiers=tiers,
        matrix=matrix,
        overrides=tuple(_read_override(item, {question.key: question for question in questions}) for item in overrides),
    )


def _read_question(value: Value) -> Question:
    raw = value.mapping(("key", "text", "help", "answers"))
    if not {"key", "text", "answers"} <= set(raw):
        raise value.fault("a question has a key, a text and answers.")
    answers = tuple(_read_answer(item) for item in raw["answers"].items(MOST_ANSWERS))
    if len({answer.key for answer in answers}) != len(answers) or len(answers) < 2:
        raise raw["answers"].fault("a question has two answers or more, each with a key of its own.")
    return Question(raw["key"].text(), raw["text"].text(), raw["help"].text() if "help" in raw else "", answers)


def _read_answer(value: Value) -> Answer:
    raw = value.mapping(("key", "text", "points"))
    if not {"key", "text"} <= set(raw):
        raise value.fault("an answer has a key and a text.")
    points = raw["points"].whole_number(0, MOST_POINTS) if "points" in raw else 0
    return Answer(raw["key"].text(), raw["text"].text(), points)


def _read_scoring(value: Value, questions: Mapping[str, Question]) -> tuple[dict[str, int], Matrix | None]:
    raw = value.mapping(("sum", "matrix"))
    if len(raw) != 1:
        raise value.fault("score by “sum” or by “matrix”.")
    if "matrix" in raw:
        return {}, _read_matrix(raw["matrix"], questions)
    tiers = raw["sum"].mapping(RISK_TIERS[1:])
    if set(tiers) != set(RISK_TIERS[1:]):
        raise raw["sum"].fault("say from how many points it is medium, and from how many high.")
    least = {name: item.whole_number(1, MOST_POINTS * MOST_QUESTIONS) for name, item in tiers.items()}
    if least["medium"] >= least["high"]:
        raise raw["sum"].fault("high needs more points than medium.")
    return least, None


def _read_matrix(value: Value, questions: Mapping[str, Question]) -> Matrix:
    raw = value.mapping(("rows", "columns", "cells"))
    rows, columns = (raw[name].choice(questions) for name in ("rows", "columns"))
    cells: dict[str, dict[str, str]] = {}
    for row in questions[rows].answers:
        line = raw["cells"].mapping(answer.key for answer in questions[rows].answers).get(row.key)
        if line is None:
            raise raw["cells"].fault(f"the row “{row.key}” is missing.")
        found = line.mapping(answer.key for answer in questions[columns].answers)
        if set(found) != {answer.key for answer in questions[columns].answers}:
            raise line.fault("every answer to the other question needs its tier here.")
        cells[row.key] = {key: item.choice(RISK_TIERS) for key, item in found.items()}
    return Matrix(rows, columns, cells)


def _read_override(value: Value, questions: Mapping[str, Question]) -> Override:
    raw = value.mapping(("question", "answers", "tier", "because"))
    if len(raw) != 4:
        raise value.fault("an override has a question, answers, a tier and a because.")
    question = questions[raw["question"].choice(questions)]
    answers = tuple(
        item.choice(answer.key for answer in question.answers) for item in raw["answers"].items(MOST_ANSWERS)
    )
    return Override(question.key, answers, raw["tier"].choice(RISK_TIERS), raw["because"].text())


@cache
def questionnaires() -> dict[str, Questionnaire]:
    """Every questionnaire that comes with the product, by key."""
    return {
        path.stem: parse_questionnaire(path.stem, path.read_text(encoding="utf-8"))
        for path in sorted(BUILT_IN.glob("*.yaml"))
    }


def find_questionnaire(key: str) -> Questionnaire:
    found = questionnaires().get(key)
    if found is None:
        raise InvalidInput(
            f"There is no questionnaire “{key}”; choose one of {', '.join(questionnaires())}.", field="questionnaire"
        )
    return found
