"""What an answer may be: each type takes what it is, and says so where it is given something else."""

from __future__ import annotations

from typing import Any

import pytest

from governance.answer_digest import digest_answer
from governance.answer_text import LONGEST_ANSWER, MOST_ITEMS, clean_answer
from governance.exceptions import InvalidInput
from governance.frameworks.vocabulary import FactKind, facts

TEXT, LIST = FactKind("x", "text", "T"), FactKind("x", "list", "L")
TRUTH, DAY, NUMBER = FactKind("x", "bool", "B"), FactKind("x", "date", "D"), FactKind("x", "num", "N")
CHOICE = FactKind("x", "enum", "E", choices=("one", "two"))
ROLES = FactKind("x", "list", "R", choices=("provider", "deployer"))
RECORD = FactKind("x", "record", "R", keys=("what", "why"))
FREE = FactKind("x", "record", "R")


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        (TEXT, "  So.\r\nAnd so. ", "So.\nAnd so."),
        (LIST, ["one", "one", "two"], ["one", "two"]),
        (LIST, [], []),
        (TRUTH, False, False),
        (DAY, "2026-11-24", "2026-11-24"),
        (NUMBER, "12", 12),
        (NUMBER, 0.5, 0.5),
        (NUMBER, 3.0, 3),
        (CHOICE, "two", "two"),
        (ROLES, ["deployer"], ["deployer"]),
        (RECORD, {"what": " A tree. ", "why": ""}, {"what": "A tree."}),
        (FREE, "In one text.", "In one text."),
    ],
)
def test_answer_is_kept_as_its_type_says(kind, given, kept):
    assert clean_answer(kind, given) == kept
    assert type(clean_answer(kind, given)) is type(kept)


@pytest.mark.parametrize("kind", [TEXT, LIST, TRUTH, DAY, NUMBER, CHOICE, RECORD, FREE])
def test_nothing_takes_an_answer_back(kind):
    assert clean_answer(kind, None) is None


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (TEXT, "", "must not be empty"),
        (TEXT, 5, "takes text"),
        (TEXT, "x" * (LONGEST_ANSWER + 1), "longer than"),
        (TEXT, "a\u202eb", "hidden character"),
        (LIST, "one", "takes a list"),
        (LIST, ["x"] * (MOST_ITEMS + 1), "at most"),
        (LIST, ["ok", ""], "must not be empty"),
        (LIST, [["nested"]], "takes text"),
        (TRUTH, "true", "takes true or false"),
        (TRUTH, 1, "takes true or false"),
        (DAY, "24.11.2026", "takes a day"),
        (DAY, 20261124, "takes a day"),
        (NUMBER, "many", "takes a number"),
        (NUMBER, True, "takes a number"),
        (NUMBER, float("nan"), "takes a number"),
        (NUMBER, "1e400", "takes a number"),
        (CHOICE, "three", "takes one of one, two"),
        (CHOICE, ["one"], "takes one of"),
        (ROLES, ["owner"], "is no choice"),
        (RECORD, "text", "takes the parts what, why"),
        (RECORD, {"who": "x"}, "has no part “who”"),
        (RECORD, {"what": "", "why": ""}, "Fill at least one part"),
        (FactKind("x", "sig", "S"), "signed", "is signed, not typed"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(kind, given, said):
    with pytest.raises(InvalidInput, match=said):
        clean_answer(kind, given)


def test_every_fact_of_the_vocabulary_can_be_answered_or_signed():
    samples = {"bool": True, "date": "2026-11-24", "num": 1, "list": ["x"], "text": "x", "record": "x", "file": "x"}
    for kind in facts().values():
        if kind.type == "sig":
            continue
        given: Any
        if kind.keys:
            given = {kind.keys[0]: "x"}
        elif kind.choices:
            given = [kind.choices[0]] if kind.type == "list" else kind.choices[0]
        else:
            given = samples[kind.type]
        assert clean_answer(kind, given) not in (None, "", [], {}), kind.id


def test_digest_tells_fact_value_and_artefact_apart():
    digests = {
        digest_answer("a", "x", ""),
        digest_answer("b", "x", ""),
        digest_answer("a", "y", ""),
        digest_answer("a", "x", "sha256:0"),
        digest_answer("a", ["x"], ""),
    }
    assert len(digests) == 5
