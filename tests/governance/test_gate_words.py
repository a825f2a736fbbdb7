"""What the gate's findings say of signatures, word for word: a reader acts on these sentences. No database."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from governance.dossier import Dossier
from governance.findings import Finding
from governance.gate import judge
from governance.gate_signing import tell_weakness, weigh_votes
from governance.models import Authentication, Decision
from governance.policy import ConditionRule, SignOffStep
from tests.governance.test_gate import NOW, make_dossier
from tests.governance.test_gate_signing import ALL, HIGH, make_condition, votes, with_policy

ALONE = with_policy(sign_offs=(SignOffStep("validator", 1), *HIGH.sign_offs[1:]))
INDEPENDENT = with_policy(sign_offs=(SignOffStep("validator", 1, independent=True), *HIGH.sign_offs[1:]))


def find(dossier: Dossier, key: str) -> Finding:
    return next(finding for finding in judge(dossier).findings if finding.key == key)


def test_votes_are_listed_with_which_is_the_last_word_and_which_refuses():
    rows = votes(
        ("compliance", "cora", {"decision": "reject"}),
        ("validator", "viktor"),
        ("validator", "viktor", {"decision": "request_changes", "authentication": "totp"}),
    )
    told = weigh_votes(make_dossier(sign_offs=rows))
    assert [(vote.is_last_word, vote.stands_as_refusal) for vote in told] == [
        (True, True),
        (False, False),
        (True, True),
    ]
    assert [vote.decision for vote in told] == [
        str(Decision(name).label) for name in ("reject", "approve", "request_changes")
    ]
    assert [vote.authentication for vote in told] == [
        str(Authentication(name).label) for name in ("password", "password", "totp")
    ]


def test_a_filled_slot_says_who_signed_when_and_with_which_words():
    found = find(make_dossier(policy=ALONE, sign_offs=votes(*ALL)), "sign_off:validator:0")
    assert (found.title, found.detail) == ("Sign-off as validator", "Viktor, 2026-11-21 12:00 UTC: I agree.")
    lent = {"delegator": "Vera", "delegator_person_key": "vera"}
    rows = votes(("validator", "viktor", lent), *ALL[1:])
    found = find(make_dossier(policy=INDEPENDENT, sign_offs=rows), "sign_off:validator:0")
    assert found.title == "Sign-off as validator, independent of the owning team"
    assert found.detail == "Viktor, 2026-11-21 12:00 UTC: I agree. (for Vera)"


def test_an_empty_slot_says_what_changed_since_an_approval_and_nothing_of_other_votes():
    changed = {"is_current": False, "changed": ("evidence: report", "risk tier")}
    rows = votes(("validator", "viktor", changed), *ALL[1:])
    found = find(make_dossier(sign_offs=rows), "sign_off:validator:0")
    assert found.detail == "Viktor signed before this changed: evidence: report; risk tier."
    rows = votes(("validator", "viktor", changed | {"decision": "abstain"}), *ALL[1:])
    found = find(make_dossier(sign_offs=rows), "sign_off:validator:0")
    assert (found.status, found.detail) == ("MISSING", "Nobody independent has signed in this role.")


def test_the_latest_of_several_approvals_is_told():
    old = NOW - timedelta(days=HIGH.sign_off_days, seconds=1)
    rows = votes(
        ("validator", "vera", {"objection": "it was not held"}), ("validator", "viktor", {"signed_at": old}), *ALL[1:]
    )
    found = find(make_dossier(sign_offs=rows), "sign_off:validator:0")
    assert (found.status, found.detail) == ("STALE", f"Viktor signed more than {HIGH.sign_off_days} days ago.")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "Dana contributed to this dossier and cannot sign it."),
        ({"delegator": "Vera", "delegator_person_key": "vera"}, "Dana contributed to this dossier and cannot sign it."),
        ({"decision": "reject"}, ""),
        ({"is_current": False}, ""),
        ({"objection": "so it is"}, "The vote of Dana does not count: so it is."),
    ],
)
def test_weakness_of_a_contributor_is_told_of_present_approvals(changes, told):
    (row,) = votes(("validator", "dana", changes))
    assert tell_weakness(row, make_dossier()) == told


def test_weakness_names_the_one_signed_for_when_it_is_theirs():
    (row,) = votes(("validator", "viktor", {"delegator": "Dana", "delegator_person_key": "dana"}))
    assert tell_weakness(row, make_dossier()) == "Dana contributed to this dossier and cannot sign it."


def test_weakness_of_conditions_that_no_policy_allows_is_told():
    (row,) = votes(("validator", "viktor", {"decision": "approve_conditions", "conditions": (make_condition(),)}))
    dossier = make_dossier(policy=with_policy(conditions=ConditionRule()))
    assert tell_weakness(row, dossier) == "Viktor set conditions, which this policy does not allow."


def test_a_vote_of_the_owning_team_fills_no_independent_slot_and_it_is_said_why():
    dossier = make_dossier(policy=INDEPENDENT, sign_offs=votes(*ALL), owning_team=frozenset({"viktor"}))
    found = find(dossier, "sign_off:validator:0")
    assert (found.status, found.detail) == ("NOT_MET", "Viktor belongs to the team that owns the model.")


def test_a_panel_counts_who_did_not_contribute():
    policy = with_policy(sign_offs=(SignOffStep("validator", 1, 3), *HIGH.sign_offs[1:]))
    panel = {"validator": frozenset({"viktor", "vera", "dana"})}
    dossier = make_dossier(policy=policy, panels=panel)
    found = find(dossier, "panel:validator")
    assert (found.status, found.title, found.area) == ("MISSING", "Panel of validator", "sign_offs")
    assert found.detail == "The policy wants 1 of 3; only 2 who did not contribute hold the role."
    assert not judge(dossier).is_open
    enough = dataclasses.replace(dossier, panels={"validator": panel["validator"] | {"vivian"}})
    assert judge(enough).is_open
    assert "panel:validator" not in {item.key for item in judge(enough).findings}
    alone = dataclasses.replace(dossier, solo_mode=True)
    assert "panel:validator" not in {item.key for item in judge(alone).findings}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"reason": "Too slow."}, "Too slow."),
        ({"reason": ""}, "I agree."),
        (
            {"reason": "Too slow.", "is_current": False, "changed": ("risk tier", "evidence: x")},
            "Too slow. (Changed since: risk tier; evidence: x. Whoever refused has not voted again.)",
        ),
    ],
)
def test_a_refusal_says_why_and_what_changed_since(changes, told):
    found = find(
        make_dossier(sign_offs=votes(("compliance", "cora", {"decision": "reject"} | changes), *ALL)), "refusal:1"
    )
    assert (found.title, found.detail) == ("Refusal by Cora", told)


@pytest.mark.parametrize(
    ("changes", "rule", "told"),
    [
        ({}, {}, "Open: Dana has until 2026-11-26 12:00 UTC."),
        (
            {},
            {"run_until_due": True},
            "Open: Dana has until 2026-11-26 12:00 UTC. Until then a release may run; after that it is withdrawn.",
        ),
        ({"due_at": NOW}, {}, "Dana did not fulfil it by 2026-11-21 12:00 UTC."),
        (
            {"fulfilled_at": NOW, "fulfilled_by": "Vera", "fulfilled_how": "Agreed."},
            {},
            "Fulfilled, as Vera found on 2026-11-21 12:00 UTC: Agreed.",
        ),
    ],
)
def test_a_condition_says_how_it_stands(changes, rule, told):
    policy = with_policy(conditions=ConditionRule(**({"allowed": True, "longest_days": 30} | rule)))
    given = {"decision": "approve_conditions", "conditions": (make_condition(**changes),)}
    found = find(make_dossier(policy=policy, sign_offs=votes(("validator", "viktor", given), *ALL[1:])), "condition:7")
    assert (found.title, found.detail) == ("Condition set by Viktor: Ask the clinic.", told)
