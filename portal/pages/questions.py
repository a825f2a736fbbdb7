"""The questionnaire: what the frameworks that apply or may apply need and the record does not say, by area."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from governance.facts import is_asked
from governance.facts.answers import SOURCE
from governance.frameworks.conditions import facts_of
from governance.frameworks.judging import Coverage
from governance.frameworks.recorded import Recorded
from governance.frameworks.vocabulary import FactKind
from governance.models import Answer, ModelVersion
from portal.pages.coverage import speak_value
from portal.pages.framework_words import AREAS, name_area

DECIDING, FIRST = "first", _("What decides which texts apply")
NEWEST = Answer.objects.newest().select_related("answered_by", "evidence", "file", "carried_from__version")


@dataclass(frozen=True)
class Question:
    """One fact to be asked for. ``answer`` is the newest one, ``recorded`` what the record says by itself, ``former``
    what an earlier version of the model answered; ``serves`` names the frameworks and their places."""

    kind: FactKind
    answer: Answer | None
    recorded: Recorded | None
    former: Answer | None
    serves: Mapping[str, list[str]]

    @property
    def is_answered(self) -> bool:
        return self.answer is not None and self.answer.value is not None

    @property
    def said(self) -> str:
        """What was answered, in words."""
        return speak_value(self.answer.value) if self.answer is not None else ""

    @property
    def offered(self) -> str:
        """What the former version answered, where it can be confirmed for this one."""
        if self.former is None or self.is_answered:
            return ""
        return speak_value(self.former.value)

    @property
    def can_be_confirmed(self) -> bool:
        """A document of another version shows nothing about this one: then the answer has to be given anew."""
        return bool(self.offered) and self.former is not None and not self.former.artefact_digest

    @property
    def machine(self) -> str:
        """What the record says by itself though it does not say enough."""
        if self.recorded is None or self.recorded.source.kind == SOURCE:
            return ""
        return speak_value(self.recorded.value)


@dataclass(frozen=True)
class Area:
    """One section of the questionnaire, with its progress."""

    id: str
    title: str
    questions: tuple[Question, ...]
    read: tuple[tuple[FactKind, Recorded], ...]

    @property
    def total(self) -> int:
        return len(self.questions)

    @property
    def answered(self) -> int:
        return sum(question.is_answered for question in self.questions)

    @property
    def confirmable(self) -> int:
        return sum(question.can_be_confirmed for question in self.questions)


def list_areas(
    serves: Mapping[str, Mapping[str, list[str]]],
    kinds: Mapping[str, FactKind],
    recorded: Mapping[str, Recorded],
    lacking: frozenset[str],
    *,
    version: ModelVersion | None,
    deciding: frozenset[str] = frozenset(),
) -> list[Area]:
    """The sections in the order of the vocabulary; for the organisation where ``version`` is None. First comes what
    decides which texts apply at all.

    ``lacking`` are facts of which the record says something but not enough, where an answer would add the rest.
    """
    wide = version is None
    wanted = [kinds[fact] for fact in serves if kinds[fact].is_organisation_wide is wide and kinds[fact].type != "sig"]
    asked = {kind.id for kind in wanted if is_asked(kind, recorded) or kind.id in lacking}
    answers = {row.fact: row for row in NEWEST.filter(version=version)}
    former = read_former(version) if version is not None else {}
    grouped: dict[str, tuple[list[Question], list[tuple[FactKind, Recorded]]]] = {}
    for kind in wanted:
        questions, read = grouped.setdefault(DECIDING if kind.id in deciding else kind.area, ([], []))
        if kind.id in asked:
            known = recorded.get(kind.id)
            questions.append(Question(kind, answers.get(kind.id), known, former.get(kind.id), dict(serves[kind.id])))
        else:
            read.append((kind, recorded[kind.id]))
    order = [DECIDING, *AREAS]
    areas = sorted(grouped, key=lambda area: order.index(area) if area in order else len(order))
    titles = {area: str(FIRST) if area == DECIDING else name_area(area) for area in areas}
    return [Area(area, titles[area], tuple(grouped[area][0]), tuple(grouped[area][1])) for area in areas]


def read_former(version: ModelVersion) -> dict[str, Answer]:
    """The standing answer of the nearest earlier version of the model to each question."""
    rows = NEWEST.filter(
        version__model=version.model_id, version__number__lt=version.number, value__isnull=False
    ).select_related("version", "answered_by", "evidence")
    return {row.fact: row for row in rows.order_by("version__number")}


def find_lacking(coverages: Iterable[Coverage]) -> frozenset[str]:
    """Facts on record in which a control misses a part or a document that an answer can add."""
    return frozenset(
        item.need.fact
        for coverage in coverages
        if coverage.applies is not False
        for finding in coverage.findings
        for item in finding.lacking
        if item.recorded is not None and (item.need.key or item.need.test == "linked")
    )


def find_deciding(coverages: Iterable[Coverage]) -> frozenset[str]:
    """Facts by which a framework says to which systems it applies."""
    return frozenset().union(*(facts_of(coverage.framework.applies_when) for coverage in coverages))


def count(areas: Iterable[Area]) -> dict[str, Any]:
    """How far the whole questionnaire is: answered of total, and in percent."""
    areas = list(areas)
    total, answered = sum(area.total for area in areas), sum(area.answered for area in areas)
    return {"total": total, "answered": answered, "percent": round(100 * answered / total) if total else 100}
