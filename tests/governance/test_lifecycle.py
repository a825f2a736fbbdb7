"""The lifecycle table, every pair of verb and state."""

from __future__ import annotations

import itertools

import pytest

from governance.exceptions import TransitionNotAllowed
from governance.lifecycle import TRANSITIONS, VERBS, State, next_state

EXPECTED = {
    "amend": {"DRAFT": "DRAFT", "IN_REVIEW": "IN_REVIEW", "APPROVED": "IN_REVIEW", "EMERGENCY": "EMERGENCY"},
    "submit": {"DRAFT": "IN_REVIEW", "RELEASED": "IN_REVIEW"},
    "sign": {state: state for state in ("IN_REVIEW", "APPROVED", "REJECTED", "EMERGENCY")},
    "approve": {"IN_REVIEW": "APPROVED"},
    "reconsider": {"APPROVED": "IN_REVIEW"},
    "overrule": {state: state for state in ("DRAFT", "IN_REVIEW", "REJECTED", "EMERGENCY")},
    "reopen": {"REJECTED": "IN_REVIEW"},
    "return": {"IN_REVIEW": "DRAFT", "APPROVED": "DRAFT"},
    "reject": {"IN_REVIEW": "REJECTED", "APPROVED": "REJECTED"},
    "promote": {"APPROVED": "RELEASED", "EMERGENCY": "RELEASED"},
    "promote_emergency": {"IN_REVIEW": "EMERGENCY", "APPROVED": "EMERGENCY"},
    "withdraw": {"EMERGENCY": "IN_REVIEW", "RELEASED": "IN_REVIEW"},
    "roll_back": {"RETIRED": "RELEASED", "RELEASED": "RELEASED"},
    "retire": {"DRAFT": "RETIRED", "RELEASED": "RETIRED", "EMERGENCY": "RETIRED"},
}


@pytest.mark.parametrize(("verb", "state"), list(itertools.product(EXPECTED, State.values)))
def test_next_state_every_pair(verb, state):
    expected = EXPECTED[verb].get(state)
    if expected is None:
        with pytest.raises(TransitionNotAllowed):
            next_state(verb, state)
    else:
        assert next_state(verb, state) == expected


def test_transitions_hold_no_other_verb():
    assert sorted(EXPECTED) == VERBS
    assert sum(map(len, EXPECTED.values())) == len(TRANSITIONS)


def test_next_state_refusal_says_from_where_it_is_possible():
    with pytest.raises(TransitionNotAllowed) as caught:
        next_state("promote", State.DRAFT)
    assert (
        caught.value.message
        == "This version is “Draft”; “promote” is possible only from “Approved” or “Emergency release”."
    )


def test_next_state_unknown_verb_is_a_programming_error():
    with pytest.raises(ValueError, match="unknown lifecycle verb 'fly'"):
        next_state("fly", State.DRAFT)
