"""Promotion policies: the built-in ones, and texts that must be refused."""

from __future__ import annotations

import pytest

from governance.exceptions import InvalidInput
from governance.models import EvaluationKind, EvidenceKind, RiskTier
from governance.policy import BUILT_IN, parse_policy, policy_for
from governance.policy_text import PolicyFault

OVERRULE = "Line 21, “overrule”: “auditor” is none of validator, compliance, approver, administrator."
HIGH = (BUILT_IN / "high.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("tier", RiskTier.values)
def test_built_in_policy_names_only_known_things(tier):
    policy = policy_for(tier)
    assert policy.risk_tier == tier
    assert policy.environment == "production"
    assert set(policy.evidence) <= set(EvidenceKind.values)
    assert {need.kind for need in policy.evaluations} <= set(EvaluationKind.values)
    assert sum(step.count for step in policy.sign_offs) >= 2
    assert policy.needs_proof_of_concept


def test_high_risk_policy_asks_for_three_people():
    assert [(step.role, step.count) for step in policy_for("high").sign_offs] == [
        ("validator", 1),
        ("compliance", 1),
        ("approver", 1),
    ]


def test_policy_digest_changes_with_a_single_character():
    assert parse_policy(HIGH + "\n").digest != parse_policy(HIGH).digest


def fault_of(text: str) -> PolicyFault:
    with pytest.raises(PolicyFault) as caught:
        parse_policy(text)
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version: 1", "", "The policy lacks “version”."),
        (
            "{role: validator, count: 1, independent: true}",
            "{role: visitor}",
            "Line 15, “role”: “visitor” is not a role that signs; those are validator, compliance, approver.",
        ),
        ("{role: compliance, count: 1}", "{role: compliance, count: 0}", "Line 16, “count”: 0 is not within 1 to 20."),
        ("overrule: administrator", "overrule: auditor", OVERRULE),
    ],
)
def test_refusal_names_line_and_key(old, new, message):
    assert old in HIGH
    assert fault_of(HIGH.replace(old, new, 1)).message == message


def test_unknown_key_is_named_with_the_known_ones():
    fault = fault_of(HIGH.replace("policy: High-risk release", "policies: x"))
    assert (fault.line, fault.key) == (2, "policies")
    assert "known are policy, version, risk_tier" in fault.message


@pytest.mark.parametrize("text", ["[]", "", "- a", "{", "sign_offs: []\npolicy: p"])
def test_parse_policy_refuses_what_is_no_policy(text):
    with pytest.raises(InvalidInput):
        parse_policy(text)


def test_parse_policy_refuses_a_single_signer():
    text = HIGH.replace("  - {role: compliance, count: 1}\n  - {role: approver, count: 1}\n", "")
    with pytest.raises(InvalidInput, match="at least two distinct people"):
        parse_policy(text)
