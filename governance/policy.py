"""Promotion policies: a short YAML text that says what a version of some risk tier needs before an environment.

The text is the policy: a dossier names its digest, so that a version is judged by exactly the words its signers saw.
What a text does not say is closed: no conditions, no waivers, no overrule, no emergency.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from governance.canonical import sha256_hex
from governance.exceptions import InvalidInput
from governance.policy_text import PolicyFault, Value, read_policy_text
from governance.text import BIDI, clean_name

BUILT_IN = Path(__file__).parent / "policies"
RISK_TIERS = ("low", "medium", "high")
SIGNING_ROLES = ("validator", "compliance", "approver")
ENTITLED_ROLES = (*SIGNING_ROLES, "administrator")
DATASET_ROLES = ("training", "validation", "test")
EVALUATION_KINDS = ("bias_audit", "explanation", "data_quality", "reproduction")
EVIDENCE_KINDS = (
    *("metrics", "predictions", "cells", "attributions", "model_document", "onnx_model", "table", "reproduction"),
    *("document", "validation_report", "test_report", "load_test", "ab_result", "security_review", "privacy_review"),
    "file",
)
SEVERITIES = ("must", "should")
ORDERS = ("parallel", "sequential")
KNOWN_KEYS = (
    *("policy", "version", "risk_tier", "environment", "after", "proof_of_concept", "lineage", "evidence"),
    *("evaluations", "criteria", "blocking_severity", "order", "sign_offs", "valid_days", "conditions", "waivers"),
    *("overrule", "emergency", "open_questions", "smallest_group", "excluded_rows"),
)
ENVIRONMENT = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
FEWEST_PEOPLE = 2
MOST_ITEMS, MOST_PEOPLE, LONGEST_DAYS = 30, 20, 3_650
LONGEST_CONDITION_DAYS, LONGEST_WAIVER_DAYS, LONGEST_EMERGENCY_HOURS = 365, 365, 72
DEFAULT_SMALLEST_GROUP = 20
Item = TypeVar("Item")


@dataclass(frozen=True)
class SignOffStep:
    """``count`` distinct persons must approve in ``role``; where ``of`` is given, at least so many must hold it.

    ``independent`` persons are none of the owning team.
    """

    role: str
    count: int
    of: int = 0
    independent: bool = False


@dataclass(frozen=True)
class EvaluationNeed:
    kind: str
    dataset_role: str


@dataclass(frozen=True)
class CriterionNeed:
    """Some requirement must have an acceptance criterion on ``metric`` of this severity, or of a stricter one."""

    metric: str
    severity: str


@dataclass(frozen=True)
class ConditionRule:
    """Whether an approval may carry conditions, and whether a release may run until one is due."""

    allowed: bool = False
    run_until_due: bool = False
    longest_days: int = 0


@dataclass(frozen=True)
class WaiverRule:
    """Who may accept a gap, and for how long. No role: nobody may."""

    roles: tuple[str, ...] = ()
    longest_days: int = 0


@dataclass(frozen=True)
class EmergencyRule:
    """Whether two persons in these roles may promote past a closed gate, and for how long."""

    allowed: bool = False
    longest_hours: int = 0
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    name: str
    version: int
    risk_tier: str
    environment: str
    after: tuple[str, ...]
    text: str
    digest: str
    needs_proof_of_concept: bool
    lineage: tuple[str, ...]
    evidence: tuple[str, ...]
    evaluations: tuple[EvaluationNeed, ...]
    blocking_severity: tuple[str, ...]
    criteria: tuple[CriterionNeed, ...]
    sign_offs: tuple[SignOffStep, ...]
    order: str
    sign_off_days: int
    evidence_days: int
    conditions: ConditionRule
    waivers: WaiverRule
    overrule_role: str
    emergency: EmergencyRule
    open_questions_block: bool
    smallest_group: int
    allow_excluded_missing: bool


def parse_policy(text: str) -> Policy:
    """Read and check a policy. Raises ``PolicyFault`` naming line and key; one that asks for nobody is refused."""
    root = read_policy_text(text)
    if not isinstance(root.content, dict):
        raise PolicyFault("A policy is a mapping of keys; see the built-in ones.")
    raw = root.mapping(KNOWN_KEYS)
    days = _part(raw, "valid_days", ("sign_offs", "evidence"))
    environment = _environment(_needed(raw, "environment"))
    order = raw["order"].choice(ORDERS) if "order" in raw else "parallel"
    return Policy(
        name=_name(_needed(raw, "policy"), limit=120),
        version=_needed(raw, "version").whole_number(1, 999_999),
        risk_tier=_needed(raw, "risk_tier").choice(RISK_TIERS),
        environment=environment,
        after=_after(raw, environment),
        text=text,
        digest=digest_policy(text),
        needs_proof_of_concept=_choice(raw, "proof_of_concept", ("go", "not_needed")) == "go",
        lineage=_distinct(raw, "lineage", _one_of(DATASET_ROLES)),
        evidence=_distinct(raw, "evidence", _one_of(EVIDENCE_KINDS)),
        evaluations=_distinct(raw, "evaluations", _evaluation),
        blocking_severity=_blocking(raw),
        criteria=_distinct(raw, "criteria", _criterion),
        sign_offs=_sign_off_steps(_needed(raw, "sign_offs"), order),
        order=order,
        sign_off_days=_days(days, "sign_offs", 90),
        evidence_days=_days(days, "evidence", 365),
        conditions=_conditions(raw),
        waivers=_waivers(raw),
        overrule_role=raw["overrule"].choice(ENTITLED_ROLES) if "overrule" in raw else "",
        emergency=_emergency(raw),
        open_questions_block=_choice(raw, "open_questions", ("block", "allow")) == "block",
        smallest_group=raw["smallest_group"].whole_number(1, 100_000)
        if "smallest_group" in raw
        else DEFAULT_SMALLEST_GROUP,
        allow_excluded_missing=_choice(raw, "excluded_rows", ("refuse", "allow")) == "allow",
    )


def digest_policy(text: str) -> str:
    """The digest by which dossiers and the log name a policy's exact words."""
    return sha256_hex(text.encode())


def _needed(raw: dict[str, Value], key: str) -> Value:
    if key not in raw:
        raise PolicyFault(f"The policy lacks “{key}”.", key="")
    return raw[key]


def _part(raw: dict[str, Value], key: str, known: Iterable[str]) -> dict[str, Value]:
    return raw[key].mapping(known) if key in raw else {}


def _choice(raw: dict[str, Value], key: str, allowed: tuple[str, ...]) -> str:
    """One of the allowed words; the first where nothing is said."""
    return raw[key].choice(allowed) if key in raw else allowed[0]


def _days(raw: dict[str, Value], key: str, default: int) -> int:
    return raw[key].whole_number(1, LONGEST_DAYS) if key in raw else default


def _name(value: Value, *, limit: int) -> str:
    try:
        return clean_name(value.text(), value.key, limit=limit)
    except PolicyFault:
        raise
    except InvalidInput as error:
        raise value.fault(error.message) from None


def _environment(value: Value) -> str:
    name = value.text()
    if not ENVIRONMENT.fullmatch(name):
        raise value.fault("an environment is named by up to 40 lower-case letters, digits, “-” and “_”.")
    return name


def _one_of(allowed: tuple[str, ...]) -> Callable[[Value], str]:
    return lambda value: value.choice(allowed)


def _distinct(raw: dict[str, Value], key: str, read: Callable[[Value], Item]) -> tuple[Item, ...]:
    """The items of a list, none of them twice; nothing where the key is absent."""
    found: list[Item] = []
    for value in raw[key].items(MOST_ITEMS) if key in raw else ():
        item = read(value)
        if item in found:
            raise value.fault("this is named twice.")
        found.append(item)
    return tuple(found)


def _after(raw: dict[str, Value], environment: str) -> tuple[str, ...]:
    before = _distinct(raw, "after", _environment)
    if environment in before:
        raise raw["after"].fault(f"“{environment}” cannot come after itself.")
    return before


def _evaluation(value: Value) -> EvaluationNeed:
    need = value.mapping(("kind", "dataset_role"))
    return EvaluationNeed(
        _of(value, need, "kind").choice(EVALUATION_KINDS), _of(value, need, "dataset_role").choice(DATASET_ROLES)
    )


def _criterion(value: Value) -> CriterionNeed:
    need = value.mapping(("metric", "severity"))
    severity = need["severity"].choice(SEVERITIES) if "severity" in need else "must"
    return CriterionNeed(_name(_of(value, need, "metric"), limit=100), severity)


def _of(value: Value, part: dict[str, Value], key: str) -> Value:
    if key not in part:
        raise value.fault(f"“{key}” is missing here.")
    return part[key]


def _blocking(raw: dict[str, Value]) -> tuple[str, ...]:
    """Which criteria keep the gate closed. What must hold always does."""
    if "blocking_severity" not in raw:
        return ("must",)
    found = _distinct(raw, "blocking_severity", _one_of(SEVERITIES))
    if "must" not in found:
        raise raw["blocking_severity"].fault("“must” always blocks; name it.")
    return found


def _sign_off_steps(value: Value, order: str) -> tuple[SignOffStep, ...]:
    steps = tuple(_sign_off_step(item) for item in value.items(MOST_ITEMS))
    if not steps:
        raise value.fault("the policy must name its sign-offs.")
    alike = [(step.role, step.independent) for step in steps]
    for role, _independent in alike:
        if order == "parallel" and alike.count((role, _independent)) > 1:
            raise value.fault(f"“{role}” is named by two parallel steps; name it once with the count of both.")
    if sum(step.count for step in steps) < FEWEST_PEOPLE:
        raise value.fault("a policy needs at least two distinct people.")
    return steps


def _sign_off_step(value: Value) -> SignOffStep:
    raw = value.mapping(("role", "count", "of", "independent"))
    role = _of(value, raw, "role")
    if role.content not in SIGNING_ROLES:
        raise role.fault(f"“{role.shown}” is not a role that signs; those are {', '.join(SIGNING_ROLES)}.")
    count = raw["count"].whole_number(1, MOST_PEOPLE) if "count" in raw else 1
    of = raw["of"].whole_number(1, MOST_PEOPLE) if "of" in raw else 0
    if of and count > of:
        raise raw["of"].fault(f"{count} of {of} people can never sign.")
    return SignOffStep(role.text(), count, of, raw["independent"].truth() if "independent" in raw else False)


def _conditions(raw: dict[str, Value]) -> ConditionRule:
    part = _part(raw, "conditions", ("allowed", "run_until_due", "longest_days"))
    if not part or not _of(raw["conditions"], part, "allowed").truth():
        _refuse_the_rest(part)
        return ConditionRule()
    return ConditionRule(
        allowed=True,
        run_until_due=part["run_until_due"].truth() if "run_until_due" in part else False,
        longest_days=_of(raw["conditions"], part, "longest_days").whole_number(1, LONGEST_CONDITION_DAYS),
    )


def _waivers(raw: dict[str, Value]) -> WaiverRule:
    part = _part(raw, "waivers", ("roles", "longest_days"))
    if not part:
        return WaiverRule()
    longest = _of(raw["waivers"], part, "longest_days").whole_number(1, LONGEST_WAIVER_DAYS)
    return WaiverRule(_roles(raw["waivers"], part, ENTITLED_ROLES), longest)


def _emergency(raw: dict[str, Value]) -> EmergencyRule:
    part = _part(raw, "emergency", ("allowed", "longest_hours", "roles"))
    if not part or not _of(raw["emergency"], part, "allowed").truth():
        _refuse_the_rest(part)
        return EmergencyRule()
    longest = _of(raw["emergency"], part, "longest_hours").whole_number(1, LONGEST_EMERGENCY_HOURS)
    return EmergencyRule(True, longest, _roles(raw["emergency"], part, ENTITLED_ROLES))


def _refuse_the_rest(part: dict[str, Value]) -> None:
    """What is not allowed has no terms: terms beside ``allowed: false`` are a mistake in one of them."""
    for key, value in part.items():
        if key != "allowed" and value.content not in (False, 0):
            raise value.fault("this says how, while “allowed” is false.")


def _roles(whole: Value, part: dict[str, Value], allowed: tuple[str, ...]) -> tuple[str, ...]:
    _of(whole, part, "roles")
    roles = _distinct(part, "roles", _one_of(allowed))
    if not roles:
        raise part["roles"].fault("an empty group means nobody; name a role or leave the whole out.")
    return roles


def check_characters(text: str) -> None:
    """Refuse hidden characters that would make a policy read otherwise than it is."""
    for number, line in enumerate(text.split("\n"), 1):
        for character in line:
            if character in BIDI:
                raise PolicyFault(f"the hidden character U+{ord(character):04X}; remove it.", line=number)


@cache
def policy_for(risk_tier: str) -> Policy:
    """The built-in policy of a tier."""
    return parse_policy((BUILT_IN / f"{risk_tier}.yaml").read_text(encoding="utf-8"))
