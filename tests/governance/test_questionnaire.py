"""Risk questionnaires: the answers give the tier, and a text that could give none is refused."""

from __future__ import annotations

import itertools

import pytest

from governance.exceptions import InvalidInput
from governance.policy import RISK_TIERS
from governance.questionnaire import find_questionnaire, parse_questionnaire, questionnaires, score

TEXT = """
questionnaire: Small
version: 3
questions:
  - {key: a, text: "A?", answers: [{key: nay, text: Nay}, {key: yea, text: Yea, points: 4}]}
  - {key: b, text: "B?", answers: [{key: nay, text: Nay, points: 0}, {key: yea, text: Yea, points: 3}]}
scoring:
  sum: {medium: 3, high: 7}
overrides:
  - {question: b, answers: [nay], tier: medium, because: B is lacking.}
"""


def answers_of(questionnaire):
    for chosen in itertools.product(*(question.answers for question in questionnaire.questions)):
        yield {q.key: answer.key for q, answer in zip(questionnaire.questions, chosen, strict=True)}


@pytest.mark.parametrize("key", ["credit", "general", "health", "hiring"])
def test_every_preset_gives_every_tier_and_all_answers_one(key):
    questionnaire = find_questionnaire(key)
    found = {score(questionnaire, answers).tier for answers in itertools.islice(answers_of(questionnaire), 5_000)}
    assert found == set(RISK_TIERS)


@pytest.mark.parametrize(
    ("a", "b", "tier"),
    [("nay", "nay", "medium"), ("nay", "yea", "medium"), ("yea", "nay", "medium"), ("yea", "yea", "high")],
)
def test_points_are_added_and_an_override_only_raises(a, b, tier):
    tiering = score(parse_questionnaire("small", TEXT), {"a": a, "b": b})
    assert tiering.tier == tier
    assert ("Raised" in tiering.reasons[-1]) is ((a, b) == ("nay", "nay"))


@pytest.mark.parametrize("key", ["credit", "general", "health", "hiring"])
def test_no_answer_that_is_graver_gives_a_lower_tier(key):
    """In sums every answer weighs at least as much as the one before it, and so does every line of a matrix."""
    questionnaire = find_questionnaire(key)
    base = {question.key: question.answers[0].key for question in questionnaire.questions}
    for question in questionnaire.questions:
        ranks = [
            RISK_TIERS.index(score(questionnaire, base | {question.key: answer.key}).tier)
            for answer in question.answers
        ]
        assert ranks == sorted(ranks), question.key


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"a": "nay"}, "answers.b"),
        ({"a": "nay", "b": "perhaps"}, "answers.b"),
        ({"a": "nay", "b": "nay", "c": "x"}, "answers"),
    ],
)
def test_every_question_is_answered_by_one_of_its_answers(answers, field):
    with pytest.raises(InvalidInput) as caught:
        score(parse_questionnaire("small", TEXT), answers)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 3\n", ""),
        ("{medium: 3, high: 7}", "{medium: 7, high: 3}"),
        ("{medium: 3, high: 7}", "{medium: 3}"),
        ("key: b, text", "key: a, text"),
        ("points: 3", "points: -3"),
        ("points: 3", "points: .nan"),
        ("answers: [nay], tier", "answers: [perhaps], tier"),
        ("tier: medium, because", "tier: none, because"),
        ("question: b, answers", "question: z, answers"),
        ("[{key: nay, text: Nay}, {key: yea, text: Yea, points: 4}]", "[{key: nay, text: Nay}]"),
        ("scoring:\n  sum", "scoring:\n  dice"),
    ],
)
def test_a_text_that_cannot_tell_is_refused(old, new):
    assert old in TEXT
    with pytest.raises(InvalidInput):
        parse_questionnaire("small", TEXT.replace(old, new, 1))


def test_an_unknown_questionnaire_is_refused_by_name():
    with pytest.raises(InvalidInput, match="credit, general, health, hiring"):
        find_questionnaire("weather")
    assert list(questionnaires()) == ["credit", "general", "health", "hiring"]
