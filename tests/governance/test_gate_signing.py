"""How votes fill the places of a policy, fed by hand: no database."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from governance import dossier_items as items
from governance.findings import FindingStatus
from governance.gate import judge
from governance.gate_signing import judge_sign_offs, weigh_votes
from governance.policy import ConditionRule, Policy, SignOffStep, policy_for
from governance.votes import counting_approvals, fill_slots, standing_refusals
from tests.governance.test_gate import NOW, make_dossier, make_sign_off, statuses

HIGH = policy_for("high")
ALL = [("validator", "viktor"), ("compliance", "carla"), ("approver", "amir")]


def with_policy(**changes: Any) -> Policy:
    return dataclasses.replace(HIGH, **changes)


def votes(*given: Any) -> tuple[items.SignOffItem, ...]:
    """Votes in order: (role, person) or (role, person, changes)."""
    return tuple(make_sign_off(n, one[0], one[1], **(one[2] if len(one) > 2 else {})) for n, one in enumerate(given, 1))


def make_condition(**changes: Any) -> items.ConditionItem:
    item = items.ConditionItem(7, "Ask the clinic.", "Dana", "dana", NOW + timedelta(days=5), None, "", "")
    return dataclasses.replace(item, **changes)


def open_with(condition: items.ConditionItem, **rule: Any) -> tuple[bool, str, bool]:
    """Whether the gate is open with this condition of the validator's; the finding's status and whether it blocks."""
    policy = with_policy(conditions=ConditionRule(**({"allowed": True, "longest_days": 30} | rule)))
    conditional = {"decision": "approve_conditions", "conditions": (condition,)}
    dossier = make_dossier(policy=policy, sign_offs=votes(("validator", "viktor", conditional), *ALL[1:]))
    decision = judge(dossier)
    found = {finding.key: finding for finding in decision.findings}.get("condition:7")
    return decision.is_open, found.status if found else "", found.blocks if found else False


# --- Conditions -----------------------------------------------------------------------------------


def test_open_condition_blocks():
    assert open_with(make_condition()) == (False, FindingStatus.MISSING, True)


def test_open_condition_lets_run_until_due_where_the_policy_says_so():
    assert open_with(make_condition(), run_until_due=True) == (True, FindingStatus.MISSING, False)


@pytest.mark.parametrize("run_until_due", [True, False])
@pytest.mark.parametrize("overdue", [timedelta(0), timedelta(microseconds=1), timedelta(days=3)])
def test_overdue_condition_blocks_whatever_the_policy_says(run_until_due, overdue):
    late = make_condition(due_at=NOW - overdue)
    assert open_with(late, run_until_due=run_until_due) == (False, FindingStatus.NOT_MET, True)


def test_condition_is_open_until_the_last_moment_before_it_is_due():
    almost = make_condition(due_at=NOW + timedelta(microseconds=1))
    assert open_with(almost, run_until_due=True)[0]


def test_fulfilled_condition_opens_and_is_shown_as_met():
    past = NOW - timedelta(days=1)
    done = make_condition(fulfilled_at=NOW, fulfilled_by="Vera", fulfilled_how="Agreed.", due_at=past)
    assert open_with(done) == (True, FindingStatus.MET, True)


def test_conditional_approval_does_not_count_where_the_policy_allows_none():
    is_open, status, _blocks = open_with(make_condition(), allowed=False, longest_days=0)
    assert (is_open, status) == (False, "")


def test_condition_of_a_vote_that_was_replaced_says_nothing():
    first = ("validator", "viktor", {"decision": "approve_conditions", "conditions": (make_condition(),)})
    dossier = make_dossier(sign_offs=votes(first, *ALL))
    assert judge(dossier).is_open


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", ["reject", "request_changes"])
@pytest.mark.parametrize("is_current", [True, False])
def test_b23_refusal_stands_on_this_digest_and_on_an_earlier_one(decision, is_current):
    changes = {"decision": decision, "is_current": is_current, "changed": () if is_current else ("evidence: x",)}
    dossier = make_dossier(sign_offs=votes(("compliance", "cora", changes), *ALL))
    assert not judge(dossier).is_open
    assert statuses(dossier)["refusal:1"] == "NOT_MET"


@pytest.mark.parametrize("taken_back", ["approve", "abstain"])
def test_b23_author_takes_a_refusal_back_by_another_vote(taken_back):
    again = [("compliance", "cora", {"decision": "reject"}), ("compliance", "cora", {"decision": taken_back})]
    assert judge(make_dossier(sign_offs=votes(*again, *ALL))).is_open


def test_b23_nobody_else_takes_it_back():
    dossier = make_dossier(sign_offs=votes(("compliance", "cora", {"decision": "reject"}), *ALL, *ALL))
    assert not judge(dossier).is_open


def test_b23_author_in_another_role_does_not_take_it_back():
    rows = votes(("compliance", "cora", {"decision": "reject"}), ("approver", "cora"), *ALL)
    assert not judge(make_dossier(sign_offs=rows)).is_open


def test_b23_later_refusal_counts_again():
    rows = votes(*ALL, ("validator", "viktor", {"decision": "reject"}))
    found = statuses(make_dossier(sign_offs=rows))
    assert (found["refusal:4"], found["sign_off:validator:0"]) == ("NOT_MET", "MISSING")


def test_overruled_refusal_does_not_stand_and_gives_no_approval():
    over = ("compliance", "cora", {"decision": "reject", "overruled": "Ingrid: answered"})
    assert judge(make_dossier(sign_offs=votes(over, *ALL))).is_open
    assert not judge(make_dossier(sign_offs=votes(over, ALL[0], ALL[2]))).is_open


def test_b20_word_that_the_log_does_not_hold_takes_nothing_back():
    """A row put into the table by hand, after the refusal."""
    rows = votes(
        ("compliance", "cora", {"decision": "reject"}),
        ("compliance", "cora", {"decision": "abstain", "objection": "no entry", "is_recorded": False}),
        *ALL,
    )
    dossier = make_dossier(sign_offs=rows)
    assert [item.id for item in standing_refusals(dossier)] == [1]
    assert not judge(dossier).is_open


# --- What gives no weight -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"objection": "the role was taken away for cause"}, "NOT_MET"),
        ({"objection": "no entry of the log records it", "is_recorded": False}, "NOT_MET"),
        ({"signed_at": NOW - timedelta(days=91)}, "STALE"),
        ({"is_current": False, "changed": ("evidence: x",)}, "STALE"),
        ({"decision": "abstain"}, "MISSING"),
        ({"signer_person_key": "dana"}, "NOT_MET"),
        ({"delegator": "Dana", "delegator_person_key": "dana"}, "NOT_MET"),
    ],
)
def test_vote_without_weight_fills_no_place(changes, status):
    rows = votes(("validator", "viktor", changes), *ALL[1:])
    assert statuses(make_dossier(sign_offs=rows))["sign_off:validator:0"] == status


def test_reader_is_told_why_a_vote_has_no_weight():
    rows = votes(("validator", "viktor", {"objection": "it was not held"}), ("approver", "dana"), *ALL[1:])
    told = [vote.weightless for vote in weigh_votes(make_dossier(sign_offs=rows))]
    assert told == [
        "The vote of Viktor does not count: it was not held.",
        "Dana contributed to this dossier and cannot sign it.",
        "",
        "",
    ]


# --- Delegation -----------------------------------------------------------------------------------

TWO_VALIDATORS = with_policy(sign_offs=(SignOffStep("validator", 2, 0, False), *HIGH.sign_offs[1:]))
LENT = {"delegator": "Viktor", "delegator_person_key": "viktor"}


def test_b04_giver_and_delegate_do_not_fill_two_places():
    rows = votes(("validator", "viktor"), ("validator", "lars", LENT), *ALL[1:])
    assert not judge(make_dossier(policy=TWO_VALIDATORS, sign_offs=rows)).is_open


def test_b04_two_delegates_of_one_giver_do_not_fill_two_places():
    rows = votes(("validator", "lars", LENT), ("validator", "mona", LENT), *ALL[1:])
    assert not judge(make_dossier(policy=TWO_VALIDATORS, sign_offs=rows)).is_open


def test_delegate_and_another_holder_fill_two_places():
    rows = votes(("validator", "vera"), ("validator", "lars", LENT), *ALL[1:])
    assert judge(make_dossier(policy=TWO_VALIDATORS, sign_offs=rows)).is_open


def test_b04_delegate_fills_no_second_place_of_their_own():
    rows = votes(("compliance", "carla"), ("validator", "carla", LENT), ("approver", "amir"))
    assert not judge(make_dossier(sign_offs=rows)).is_open


# --- M of N, turns, independence ------------------------------------------------------------------


def test_panel_needs_enough_people_who_did_not_contribute():
    panel = with_policy(sign_offs=(SignOffStep("validator", 1, 3, False), *HIGH.sign_offs[1:]))
    three = {"validator": frozenset({"viktor", "vera", "mona"})}
    with_dana = {"validator": frozenset({"viktor", "vera", "dana"})}
    assert judge(make_dossier(policy=panel, panels=three)).is_open
    assert statuses(make_dossier(policy=panel, panels=with_dana))["panel:validator"] == "MISSING"
    assert not judge(make_dossier(policy=panel, panels={})).is_open


@pytest.mark.parametrize(
    ("order", "is_open"),
    [((0, 1, 2), True), ((0, 2, 1), False), ((1, 0, 2), False), ((2, 1, 0), False)],
)
def test_votes_count_only_in_turn_where_the_policy_says_sequential(order, is_open):
    rows = votes(*(ALL[place] for place in order))
    assert judge(make_dossier(policy=with_policy(order="sequential"), sign_offs=rows)).is_open is is_open
    assert judge(make_dossier(sign_offs=rows)).is_open


def test_vote_out_of_turn_counts_once_given_again():
    rows = votes(ALL[1], ALL[0], ALL[1], ALL[2])
    assert judge(make_dossier(policy=with_policy(order="sequential"), sign_offs=rows)).is_open


@pytest.mark.parametrize("who", ["signer", "delegator"])
def test_b01_independent_place_is_closed_to_the_owning_team(who):
    """Whoever develops or ever developed there: the dossier's owning team holds former members too."""
    changes = {} if who == "signer" else {"delegator": "Dev", "delegator_person_key": "dev"}
    person = "dev" if who == "signer" else "lars"
    rows = votes(("validator", person, changes), *ALL[1:])
    assert statuses(make_dossier(sign_offs=rows, owning_team=frozenset({"dev"})))["sign_off:validator:0"] == "NOT_MET"


def test_place_that_need_not_be_independent_is_open_to_the_team():
    rows = votes(ALL[0], ("compliance", "dev"), ALL[2])
    assert judge(make_dossier(sign_offs=rows, owning_team=frozenset({"dev"}))).is_open


def test_b04_people_are_matched_and_not_counted_greedily():
    """Carla can validate and comply, Viktor only validates: taking Carla first would leave a place empty."""
    rows = votes(("validator", "carla"), ("compliance", "carla"), ("validator", "viktor"), ("approver", "amir"))
    assert judge(make_dossier(sign_offs=rows)).is_open


# --- Solo mode ------------------------------------------------------------------------------------


def test_solo_mode_lets_one_contributor_fill_every_place():
    rows = votes(*((role, "dana") for role, _person in ALL))
    alone = {"sign_offs": rows, "owning_team": frozenset({"dana"})}
    assert judge(make_dossier(**alone, solo_mode=True)).is_open
    assert not judge(make_dossier(**alone)).is_open


def test_solo_mode_still_needs_every_role_and_hears_refusals():
    rows = votes(("validator", "dana"), ("approver", "dana"))
    assert not judge(make_dossier(sign_offs=rows, solo_mode=True)).is_open
    rows = votes(*((role, "dana") for role, _person in ALL), ("approver", "amir", {"decision": "reject"}))
    assert not judge(make_dossier(sign_offs=rows, solo_mode=True)).is_open


def test_solo_mode_changes_the_digest():
    assert make_dossier().digest != make_dossier(solo_mode=True).digest


# --- Every vote that is added opens no more than it says ------------------------------------------


def test_no_vote_at_all_fills_nothing():
    dossier = make_dossier(sign_offs=())
    assert counting_approvals(dossier) == []
    assert fill_slots(dossier, []) == [None, None, None]
    assert [finding.status for finding in judge_sign_offs(dossier)] == ["MISSING"] * 3


def test_policy_without_places_needs_none():
    """The policy's own rules refuse it; here it only shows that nothing is invented."""
    assert judge_sign_offs(make_dossier(policy=with_policy(sign_offs=()), sign_offs=())) == []
