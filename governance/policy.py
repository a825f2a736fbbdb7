"""Promotion policies: a short YAML text that says what a version of some risk tier needs before production.

The text is the policy: a dossier names its digest, so that a version is judged by exactly the words its signers saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from governance.canonical import sha256_hex
from governance.exceptions import InvalidInput

BUILT_IN = Path(__file__).parent / "policies"
KNOWN_KEYS = {
    "policy",
    "version",
    "risk_tier",
    "environment",
    "proof_of_concept",
    "lineage",
    "evidence",
    "evaluations",
    "blocking_severity",
    "sign_offs",
    "valid_days",
}
SIGNING_ROLES = ("validator", "compliance", "approver")


@dataclass(frozen=True)
class SignOffStep:
    """``count`` distinct persons must approve in ``role``."""

    role: str
    count: int


@dataclass(frozen=True)
class EvaluationNeed:
    kind: str
    dataset_role: str


@dataclass(frozen=True)
class Policy:
    name: str
    version: int
    risk_tier: str
    environment: str
    text: str
    digest: str
    needs_proof_of_concept: bool
    lineage: tuple[str, ...]
    evidence: tuple[str, ...]
    evaluations: tuple[EvaluationNeed, ...]
    blocking_severity: tuple[str, ...]
    sign_offs: tuple[SignOffStep, ...]
    sign_off_days: int
    evidence_days: int


def parse_policy(text: str) -> Policy:
    """Read and check a policy. Raises ``InvalidInput`` naming the key at fault; one that asks for nobody is refused."""
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidInput(f"The policy is not valid YAML: {error}", field="text") from None
    if not isinstance(raw, dict):
        raise InvalidInput("A policy is a mapping of keys; see the built-in ones.", field="text")
    unknown = sorted(set(raw) - KNOWN_KEYS)
    if unknown:
        raise InvalidInput(f"Unknown policy key: {', '.join(unknown)}.", field="text")
    steps = _sign_off_steps(raw.get("sign_offs"))
    days = raw.get("valid_days", {})
    return Policy(
        name=str(_needed(raw, "policy")),
        version=int(_needed(raw, "version")),
        risk_tier=str(_needed(raw, "risk_tier")),
        environment=str(_needed(raw, "environment")),
        text=text,
        digest=sha256_hex(text.encode()),
        needs_proof_of_concept=raw.get("proof_of_concept") == "go",
        lineage=tuple(raw.get("lineage", ())),
        evidence=tuple(raw.get("evidence", ())),
        evaluations=tuple(EvaluationNeed(need["kind"], need["dataset_role"]) for need in raw.get("evaluations", ())),
        blocking_severity=tuple(raw.get("blocking_severity", ("must",))),
        sign_offs=steps,
        sign_off_days=int(days.get("sign_offs", 90)),
        evidence_days=int(days.get("evidence", 365)),
    )


def _needed(raw: dict[str, Any], key: str) -> Any:
    if key not in raw:
        raise InvalidInput(f"The policy lacks “{key}”.", field="text")
    return raw[key]


def _sign_off_steps(raw: Any) -> tuple[SignOffStep, ...]:
    if not isinstance(raw, list) or not raw:
        raise InvalidInput("The policy must name its sign-offs.", field="text")
    steps = tuple(SignOffStep(str(step.get("role")), int(step.get("count", 1))) for step in raw)
    for step in steps:
        if step.role not in SIGNING_ROLES:
            raise InvalidInput(f"“{step.role}” is not a role that signs.", field="text")
        if step.count < 1:
            raise InvalidInput(f"Zero {step.role}s can never be enough.", field="text")
    if sum(step.count for step in steps) < 2:
        raise InvalidInput("A policy needs at least two distinct people.", field="text")
    return steps


@cache
def policy_for(risk_tier: str) -> Policy:
    """The built-in policy of a tier."""
    return parse_policy((BUILT_IN / f"{risk_tier}.yaml").read_text(encoding="utf-8"))
