"""Controls judged on recorded facts: every state, every test, and conditions that nobody can decide yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.frameworks.catalogue import AnyOf, Control, Need, parse_framework, shipped_texts
from governance.frameworks.conditions import All, Any_, Comparison, Not, decide
from governance.frameworks.judging import ControlRuling, ControlState, cover, judge_control
from governance.frameworks.recorded import Recorded, Signature, Source, Strength
from tests.governance.framework_texts import SMALL

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HERE = Source("answer", 1, "Answered by Mira")


def says(fact: str, value: Any, *, days_old: int = 0, **given: Any) -> Recorded:
    strength = given.pop("strength", Strength.STATEMENT)
    return Recorded(fact, value, strength, NOW - timedelta(days=days_old), ("Mira",), HERE, **given)


def control(*needs: Need | AnyOf, **given: Any) -> Control:
    parts = {"id": "C-1", "ref": "1", "group": "g", "level": "must", "by": "team", "gate": "design", "gist": "Do."}
    return Control(**parts, needs=needs, section="R01", **given)


def judge(item: Control, *recorded: Recorded, ruling: ControlRuling | None = None) -> Any:
    return judge_control(item, {known.fact: known for known in recorded}, ruling, NOW)


FILLED = Need("design.logic", "filled")
LISTED = Need("design.choices", "listed", least=2)


def test_state_follows_from_the_needs():
    both = control(FILLED, LISTED)
    logic, choices = says("design.logic", "A tree."), says("design.choices", ["depth", "rate"])
    assert judge(both).state == ControlState.MISSING
    assert judge(both, logic).state == ControlState.PARTIAL
    assert judge(both, logic, choices).state == ControlState.MET


@pytest.mark.parametrize(
    ("need", "recorded", "holds"),
    [
        (FILLED, says("design.logic", ""), False),
        (FILLED, says("design.logic", False), True),
        (FILLED, says("design.logic", 0), True),
        (FILLED, says("design.logic", []), False),
        (LISTED, says("design.choices", ["one"]), False),
        (LISTED, says("design.choices", "one, two"), False),
        (Need("impact.dpia", "linked"), says("impact.dpia", "Done."), False),
        (Need("impact.dpia", "linked"), says("impact.dpia", "Done.", digest="sha256:1"), True),
        (Need("impact.dpia", "linked", key="risks"), says("impact.dpia", {"needs": "x"}, digest="sha256:1"), False),
        (Need("impact.dpia", "linked", key="risks"), says("impact.dpia", {"risks": "x"}, digest="sha256:1"), True),
        (Need("impact.dpia", "linked", key="risks"), says("impact.dpia", {"risks": "x"}), False),
        (Need("x", "is_true"), says("x", True), True),
        (Need("x", "is_true"), says("x", "true"), False),
        (Need("x", "is_false"), says("x", False), True),
        (Need("x", "is_false"), says("x", None), False),
        (Need("x", "value", op="ge", value=3), says("x", 3), True),
        (Need("x", "value", op="ge", value=3), says("x", 2), False),
        (Need("x", "value", op="ge", value=3), says("x", "4"), False),
        (Need("x", "fresh", days=30), says("x", "y", days_old=30), True),
        (Need("x", "fresh", days=30), says("x", "y", days_old=31), False),
        (Need("x", "fresh", days=30), says("x", "2026-10-01"), False),
        (Need("x", "independent", not_roles=("developer",)), says("x", "y"), True),
        (
            Need("x", "independent", not_roles=("developer",)),
            says("x", "y", recorder_roles=frozenset({"developer"})),
            False,
        ),
    ],
)
def test_each_test_of_a_need(need, recorded, holds):
    assert judge(control(need), recorded).needs[0].holds is holds


def test_signature_counts_in_its_role_with_its_meaning():
    need = Need("approval.release", "signed", role="approver", meaning="Approve for production")
    right = Signature("Ines", "approver", "approve for production.", NOW)
    for signature, holds in [
        (right, True),
        (Signature("Ines", "validator", right.meaning, NOW), False),
        (Signature("Ines", "approver", "seen", NOW), False),
    ]:
        assert judge(control(need), says("approval.release", "x", signatures=(signature,))).needs[0].holds is holds
    assert not judge(control(need), says("approval.release", "x")).needs[0].holds


def test_what_is_too_old_makes_a_control_stale():
    old = control(FILLED, expires_days=365)
    assert judge(old, says("design.logic", "A tree.", days_old=365)).state == ControlState.MET
    found = judge(old, says("design.logic", "A tree.", days_old=366))
    assert found.state == ControlState.STALE
    assert "counted until 2026-11-23" in found.needs[0].lacking


def test_one_of_a_choice_is_enough():
    choice = control(AnyOf((FILLED, LISTED)))
    assert judge(choice, says("design.choices", ["a", "b"])).state == ControlState.MET
    assert "; or: " in judge(choice).needs[0].lacking


def test_weakest_word_is_the_strength():
    found = judge(
        control(FILLED, LISTED),
        says("design.logic", "A tree.", strength=Strength.MACHINE),
        says("design.choices", ["a", "b"], strength=Strength.ARTEFACT),
    )
    assert found.strength == Strength.ARTEFACT
    assert judge(control(FILLED)).strength is None


def test_unknown_fact_makes_a_condition_unknown_and_never_false():
    item = control(FILLED, when=Comparison("system.personal_data", "eq", True))
    logic = says("design.logic", "A tree.")
    found = judge(item, logic)
    assert found.state == ControlState.UNKNOWN
    assert found.undecided == ("system.personal_data",)
    assert judge(item, logic, says("system.personal_data", True)).state == ControlState.MET
    assert judge(item, logic, says("system.personal_data", False)).state == ControlState.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("values", "every", "one", "neither"),
    [
        ({}, None, None, None),
        ({"a": True}, None, True, False),
        ({"a": False}, False, None, None),
        ({"a": True, "b": True}, True, True, False),
        ({"a": True, "b": False}, False, True, False),
        ({"a": False, "b": False}, False, False, True),
    ],
)
def test_conditions_are_three_valued(values, every, one, neither):
    parts = (Comparison("a", "eq", True), Comparison("b", "eq", True))
    assert decide(All(parts), values) is every
    assert decide(Any_(parts), values) is one
    assert decide(Not(Any_(parts)), values) is neither


@pytest.mark.parametrize(
    ("places", "asked", "holds"),
    [
        (["US-NY-NYC"], "US", True),
        (["US-NY-NYC"], "US-NY", True),
        (["US"], "US-NY-NYC", False),
        (["USA"], "US", False),
        (["DE"], "EU", True),
        (["DE-BY"], "EU", True),
        (["UK"], "EU", False),
        (["EU"], "EU", True),
        (["EU"], "DE", False),
        ([], "EU", False),
    ],
)
def test_place_lies_in_its_region(places, asked, holds):
    assert decide(Comparison("system.jurisdictions", "has", asked), {"system.jurisdictions": places}) is holds


def test_ruling_that_does_not_apply_is_shown_with_its_signer():
    ruling = ControlRuling("C-1", False, "No hiring here.", "Ines", "approver", NOW)
    found = judge(control(FILLED), ruling=ruling)
    assert found.state == ControlState.NOT_APPLICABLE
    assert found.ruling == ruling


def test_waiver_ends_and_never_reads_as_met():
    ruling = ControlRuling("C-1", True, "Spring.", "Ines", "approver", NOW, NOW + timedelta(days=1))
    assert judge(control(FILLED), ruling=ruling).state == ControlState.WAIVED
    assert judge(control(FILLED), says("design.logic", "A tree."), ruling=ruling).state == ControlState.MET
    over = ControlRuling("C-1", True, "Spring.", "Ines", "approver", NOW, NOW)
    assert judge(control(FILLED), ruling=over).state == ControlState.MISSING


def test_waiver_does_not_decide_what_nobody_can_decide_yet():
    ruling = ControlRuling("C-1", True, "Spring.", "Ines", "approver", NOW, NOW + timedelta(days=1))
    item = control(FILLED, when=Comparison("system.personal_data", "eq", True))
    assert judge(item, ruling=ruling).state == ControlState.UNKNOWN


def test_newest_ruling_counts():
    rulings = [
        ControlRuling("H-1", False, "Not ours.", "Ines", "approver", NOW),
        ControlRuling("H-1", True, "Spring.", "Ines", "approver", NOW + timedelta(hours=1), NOW + timedelta(days=9)),
    ]
    found = cover(parse_framework(SMALL), {}, as_of=NOW + timedelta(hours=2), rulings=rulings)
    assert found.findings[0].state == ControlState.WAIVED


def test_framework_says_whether_it_applies():
    framework = parse_framework(shipped_texts()["nyc_ll144"])
    nothing = cover(framework, {}, as_of=NOW)
    assert nothing.applies is None
    assert nothing.undecided == ("system.aedt", "system.jurisdictions")
    hiring = {"system.aedt": says("system.aedt", True)}
    assert cover(framework, hiring, as_of=NOW).undecided == ("system.jurisdictions",)
    here = hiring | {"system.jurisdictions": says("system.jurisdictions", ["US-NY-NYC"])}
    assert cover(framework, here, as_of=NOW).applies is True
    assert cover(framework, {"system.aedt": says("system.aedt", False)}, as_of=NOW).applies is False


@pytest.mark.parametrize("name", shipped_texts())
def test_nothing_recorded_meets_nothing(name):
    """A control is a gap, or nobody can say yet whether it applies. Nothing is met by silence."""
    found = cover(parse_framework(shipped_texts()[name]), {}, as_of=NOW)
    conditional = {item.id for item in found.framework.controls if item.when is not None}
    for finding in found.findings:
        expected = ControlState.UNKNOWN if finding.control.id in conditional else ControlState.MISSING
        assert finding.state == expected, finding.control.id
