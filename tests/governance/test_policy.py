"""Promotion policies: the built-in ones, and texts that must be refused."""

from __future__ import annotations

import pytest

from governance.exceptions import InvalidInput
from governance.models import EvaluationKind, EvidenceKind, RiskTier
from governance.policy import BUILT_IN, parse_policy, policy_for

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


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{role: validator, count: 1}", "{role: visitor, count: 1}", "“visitor” is not a role that signs."),
        ("{role: validator, count: 1}", "{role: validator, count: 0}", "Zero validators can never be enough."),
        ("policy: High-risk release", "policies: x", "Unknown policy key: policies."),
        ("version: 1", "", "The policy lacks “version”."),
        ("sign_offs:", "evidence_more: 1\nsign_offs:", "Unknown policy key: evidence_more."),
    ],
)
def test_parse_policy_refuses(old, new, message):
    assert old in HIGH
    with pytest.raises(InvalidInput) as caught:
        parse_policy(HIGH.replace(old, new, 1))
    assert caught.value.message == message


@pytest.mark.parametrize("text", ["[]", "", "- a", "{", "sign_offs: []\npolicy: p"])
def test_parse_policy_refuses_what_is_no_policy(text):
    with pytest.raises(InvalidInput):
        parse_policy(text)


def test_parse_policy_refuses_a_single_signer():
    text = HIGH.replace("  - {role: compliance, count: 1}\n  - {role: approver, count: 1}\n", "")
    with pytest.raises(InvalidInput, match="at least two distinct people"):
        parse_policy(text)
