"""The house's own framework: grown by one control at a time, and always a text that can be loaded."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from governance.exceptions import InvalidInput
from governance.frameworks.catalogue import parse_framework
from governance.house_framework import HOUSE_KEY, NewControl, add_control
from governance.policy_text import PolicyFault

TODAY = date(2026, 11, 24)
VOTE = NewControl(
    ref="Charter 4",
    gist='The committee\'s "yes": on record,\n  # with its date.',
    group="Ethics & law",
    level="must",
    by="team",
    gate="design",
    section="R09",
    needs=[("system.intended_purpose", "filled")],
    question="What did the committee vote, and when?",
)


def grow(*controls: NewControl) -> str:
    text = None
    for control in controls:
        text = add_control(text, control, issuer="Northfield Hospital", today=TODAY)
    assert text is not None
    return text


def test_first_control_begins_the_framework():
    framework = parse_framework(grow(VOTE))
    (control,) = framework.controls
    assert (framework.id, framework.issuer, framework.as_of) == (HOUSE_KEY, "Northfield Hospital", TODAY)
    assert control.gist == 'The committee\'s "yes": on record, # with its date.'
    assert [need.fact for need in control.single_needs] == ["system.intended_purpose", "private.house_1"]
    assert framework.private_facts["private.house_1"].text == VOTE.question


def test_further_controls_keep_what_was_there():
    more = replace(VOTE, ref="", group="Law", question="", needs=[("org.roles", "filled")])
    third = replace(more, group="ethics & LAW", question="Names?", question_type="list")
    framework = parse_framework(grow(VOTE, more, third))
    assert [control.id for control in framework.controls] == ["H-1", "H-2", "H-3"]
    assert [control.ref for control in framework.controls] == ["Charter 4", "H-2", "H-3"]
    assert list(framework.groups.values()) == ["Ethics & law", "Law"]
    assert [control.group for control in framework.controls] == ["g1", "g2", "g1"]
    assert set(framework.private_facts) == {"private.house_1", "private.house_3"}


def test_what_stands_is_kept_where_somebody_has_edited_it_by_hand():
    by_hand = grow(VOTE).replace('id: "H-1"', 'id: "Z"').replace('as_of: "', 'status: "Ours."\nas_of: "')
    framework = parse_framework(add_control(by_hand, VOTE, issuer="x", today=TODAY))
    assert ([control.id for control in framework.controls], framework.status) == (["Z", "H-1"], "Ours.")
    assert framework.issuer == "Northfield Hospital"


def test_control_that_needs_nothing_is_refused():
    with pytest.raises(InvalidInput, match="what shows"):
        grow(replace(VOTE, needs=(), question=""))


@pytest.mark.parametrize("wrong", [{"section": "R99"}, {"level": "perhaps"}, {"needs": [("no.fact", "filled")]}])
def test_what_the_format_does_not_know_is_refused_by_the_loader(wrong):
    with pytest.raises(PolicyFault):
        parse_framework(grow(replace(VOTE, **wrong)))
