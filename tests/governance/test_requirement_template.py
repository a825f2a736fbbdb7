"""Requirement templates and acceptance criteria as text: read, or refused with the place at fault."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from governance.exceptions import InvalidInput
from governance.models import Comparator, DatasetRole, RiskTier, Severity
from governance.requirement_template import (
    COMPARATORS,
    DATASET_ROLES,
    LONGEST_TEMPLATE,
    SEVERITIES,
    built_in_text,
    digest_requirement,
    parse_criterion,
    parse_template,
)

CRITERION: dict[str, Any] = {"metric": "accuracy", "comparator": "at_least", "threshold": "0.8"}


def refuse_template(text: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse_template(text)
    assert caught.value.field in ("text", "criteria")
    assert len(caught.value.message) < 1_000
    return caught.value.message


def refuse_criterion(**change: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse_criterion(CRITERION | change, "criterion 1")
    assert caught.value.field == "criteria"
    return caught.value.message


@pytest.mark.parametrize("tier", RiskTier.values)
def test_built_in_templates_are_read(tier):
    requirements = parse_template(built_in_text(tier))
    assert len({item.title for item in requirements}) == len(requirements) >= 1
    assert sum(len(item.criteria) for item in requirements) >= 1


def test_words_of_templates_are_those_of_the_tables():
    assert (set(COMPARATORS), set(DATASET_ROLES), set(SEVERITIES)) == (set(Comparator), set(DatasetRole), set(Severity))


def test_template_is_read_with_its_defaults():
    (item,) = parse_template(
        "- title: ' Fair '\n  statement: |\n    It is\n    fair.\n  criteria:\n"
        "    - {metric: tpr_difference, comparator: at_most, threshold: 0.10}"
    )
    (criterion,) = item.criteria
    assert (item.title, item.statement, item.source) == ("Fair", "It is\nfair.", "")
    assert (criterion.threshold, criterion.population) == (Decimal("0.1"), "overall")
    assert (criterion.dataset_role, criterion.severity) == ("test", "must")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "A template is a list of requirements."),
        ("[]", "A template is a list of requirements."),
        ("title: a", "A template is a list of requirements."),
        ("- just words", "requirement 1: a title and a statement are needed."),
        ("- {title: a, statement: b}\n- {title: a}", "requirement 2: “statement” must not be empty"),
        ("- {statement: b}", "requirement 1: “title” must not be empty"),
        ("- {title: 7, statement: b}", "requirement 1: “title” must be text; put it in quotes."),
        ("- {title: 2026-01-01, statement: b}", "requirement 1: “title” must be text"),
        ("- {title: a, statement: b, source: [c]}", "requirement 1: “source” must be text"),
        ('- {title: "a\\0b", statement: b}', "requirement 1: “title” contains the hidden character U+0000"),
        ('- {title: a, statement: "a\\0b"}', "requirement 1: “statement” contains the hidden character U+0000"),
        (f"- {{title: {'a' * 201}, statement: b}}", "requirement 1: “title” is longer than 200 characters"),
        (f"- {{title: a, statement: b, source: {'a' * 201}}}", "“source” is longer than 200 characters"),
        ("- {title: a, statement: b, criteria: accuracy}", "requirement 1: “criteria” must be a list"),
        ("- {title: a, statement: b, criteria: [accuracy]}", "requirement 1, criterion 1: a criterion is a mapping"),
        ("- {title: a, statement: b, criteria: [{metric: m}]}", "criterion 1: “comparator” must be one of"),
        ("- [", "The template is not valid YAML"),
        ("- !!python/object/apply:os.system ['true']", "The template is not valid YAML"),
        ("- {title: 2026-13-45, statement: b}", "The template cannot be read as YAML"),
        ("[" * 50_000, "The template cannot be read as YAML"),
        ("- {title: a, statement: b}\n" * 101, "at most 100 requirements"),
        ("#" * (LONGEST_TEMPLATE + 1), "at most 100,000 characters"),
    ],
    ids=lambda value: value[:30],
)
def test_template_that_cannot_be_used_is_refused_with_its_place(text, words):
    assert words in refuse_template(text)


@pytest.mark.parametrize("place", ["title: *x", "statement: *x", "source: *x"])
def test_template_of_aliases_does_not_blow_up(place):
    started = time.monotonic()
    refuse_template(f"{BOMB}\n- {{title: a, statement: b, {place}}}")
    assert time.monotonic() - started < 5


def test_template_of_merge_keys_does_not_blow_up():
    levels = [f"- &m{n} {{<<: [{','.join([f'*m{n - 1}'] * 10)}]}}" for n in range(1, 7)]
    started = time.monotonic()
    assert "not valid YAML" in refuse_template("\n".join(["- &m0 {title: a, statement: b}", *levels]))
    assert time.monotonic() - started < 2


def test_threshold_of_more_digits_than_python_prints_is_refused():
    text = "- {title: a, statement: b, criteria: [{metric: m, comparator: at_least, threshold: 0x" + "f" * 4_000 + "}]}"
    assert "“threshold” must be a number" in refuse_template(text)


@pytest.mark.parametrize("place", ["metric: *x", "population: *x", "threshold: *x", "comparator: *x", "severity: *x"])
def test_criterion_of_aliases_does_not_blow_up(place):
    started = time.monotonic()
    refuse_template(
        f"{BOMB}\n- {{title: a, statement: b, criteria: [{{metric: m, comparator: at_least, threshold: 1, {place}}}]}}"
    )
    assert time.monotonic() - started < 5


# Ten levels of ten: 10^10 letters when somebody writes it down.
BOMB = "\n".join(
    ["- &a0 [" + ",".join(["lol"] * 10) + "]"]
    + [f"- &{'x' if n == 9 else f'a{n}'} [" + ",".join([f"*a{n - 1}"] * 10) + "]" for n in range(1, 10)]
)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0.8", "0.8"),
        (0.8, "0.8"),
        (0, "0"),
        ("-0.0", "0"),
        (" 1e3"[1:], "1000"),
        (-5, "-5"),
        ("0.123456789", "0.123456789"),
        ("100000000000000", "100000000000000"),
        (Decimal("0.10"), "0.1"),
    ],
)
def test_threshold_is_kept_exactly(given, kept):
    assert parse_criterion(CRITERION | {"threshold": given}, "c").threshold == Decimal(kept)


@pytest.mark.parametrize(
    "value",
    [None, "", "high", "NaN", "sNaN", "Infinity", "-inf", True, "1_000", "\u0661", [], {}, "1e999999", "1e15", 10**15],
)
def test_threshold_that_is_no_number_is_refused(value):
    assert refuse_criterion(threshold=value) == "criterion 1: “threshold” must be a number."


def test_threshold_is_refused_rather_than_rounded():
    assert "more than nine decimal places" in refuse_criterion(threshold="0.1234567891")
    assert "more than nine decimal places" in refuse_criterion(threshold=1 / 3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"metric": ""}, "“metric” must not be empty"),
        ({"metric": None}, "“metric” must not be empty"),
        ({"metric": "m" * 101}, "“metric” is longer than 100"),
        ({"metric": "a\x00"}, "hidden character U+0000"),
        ({"population": "p" * 201}, "“population” is longer than 200"),
        ({"population": "sex=\u202efemale"}, "hidden character U+202E"),
        ({"comparator": ">="}, "“comparator” must be one of at_least, at_most"),
        ({"comparator": None}, "“comparator” must be one of"),
        ({"dataset_role": "live"}, "“dataset_role” must be one of training, validation, test"),
        ({"dataset_role": None}, "“dataset_role” must be one of"),
        ({"severity": "shall"}, "“severity” must be one of must, should"),
    ],
)
def test_criterion_names_what_is_wrong(change, words):
    message = refuse_criterion(**change)
    assert message.startswith("criterion 1: ")
    assert words in message


def test_digest_binds_every_word():
    base: tuple[Any, ...] = ("t", "s", "q", [parse_criterion(CRITERION, "c")])
    changes: list[dict[str, Any]] = [
        {"metric": "tpr"},
        {"comparator": "at_most"},
        {"threshold": "0.81"},
        {"population": "by sex"},
        {"dataset_role": "validation"},
        {"severity": "should"},
    ]
    others = [("T", *base[1:]), ("t", "S", *base[2:]), ("t", "s", "Q", base[3]), ("t", "s", "q", [])]
    others += [("t", "s", "q", [parse_criterion(CRITERION | change, "c")]) for change in changes]
    assert len({digest_requirement(*given) for given in [base, *others]}) == 11
    assert digest_requirement("t", "s", "q", [parse_criterion(CRITERION | {"threshold": 0.80}, "c")]) == (
        digest_requirement(*base)
    )
