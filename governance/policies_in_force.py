"""Which promotion policy speaks: the newest that the log says was adopted, else the built-in text of the tier.

Read from the log and not from the table of policies: whoever can write to a table without the portal changes no rule.
Whatever cannot be read exactly as it was adopted raises, so that the gate stays closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from governance.exceptions import GovernanceError, IntegrityBroken, InvalidInput
from governance.lifecycle import State
from governance.log_entries import COLUMNS, BrokenEntry, EntryRow, read_body
from governance.models import AuditLogEntry, ModelVersion, PolicyText, Project
from governance.policy import RISK_TIERS, Policy, digest_policy, parse_policy, policy_for


def policy_in_force(project: Project, risk_tier: str, environment: str) -> Policy:
    """The policy by which a version submitted now would be judged. Raises for an environment that has none."""
    for adopted in _read_adoptions(project):
        if (adopted["risk_tier"], adopted["environment"]) == (risk_tier, environment):
            return read_policy(adopted["digest"])
    return _built_in(risk_tier, environment)


def policies_in_force(project: Project) -> dict[tuple[str, str], Policy]:
    """(tier, environment) -> the policy in force there, for every pair that has one; in the order of tiers."""
    found: dict[tuple[str, str], str] = {}
    for adopted in _read_adoptions(project):
        found.setdefault((adopted["risk_tier"], adopted["environment"]), adopted["digest"])
    texts = read_policies(found.values())
    policies = {pair: texts[digest] for pair, digest in found.items()}
    for tier in RISK_TIERS:
        built_in = policy_for(tier)
        policies.setdefault((tier, built_in.environment), built_in)
    return dict(sorted(policies.items(), key=lambda item: (RISK_TIERS.index(item[0][0]), item[0][1])))


def bound_policy(version: ModelVersion) -> Policy:
    """The policy by which this version is judged.

    Submission binds a version to the words in force then, and a later adoption does not touch it. A draft is judged by
    what would count if it were submitted now; so is a version whose tier or environment has changed since.
    """
    return bound_policies([version])[version.pk]


def bound_policies(versions: Iterable[ModelVersion]) -> dict[int, Policy]:
    """Version id -> the policy by which it is judged. Texts are read together, and each question is asked once."""
    versions = list(versions)
    bindings = _read_bindings(version for version in versions if _is_bound(version))
    texts = read_policies(bindings.values())
    found: dict[int, Policy] = {}
    in_force: dict[tuple[int, str, str], Policy] = {}
    for version in versions:
        tier, environment = version.model.risk_tier, version.target_environment
        bound = texts[bindings[version.pk]] if version.pk in bindings else None
        if bound is None or (bound.risk_tier, bound.environment) != (tier, environment):
            asked = (version.model.project_id, tier, environment)
            if asked not in in_force:
                in_force[asked] = policy_in_force(version.model.project, tier, environment)
            bound = in_force[asked]
        found[version.pk] = bound
    return found


def _read_bindings(versions: Iterable[ModelVersion]) -> dict[int, str]:
    """Version id -> the digest that its last submission bound it to. A row that says otherwise is not ours."""
    bound = {version.pk: version.policy_digest for version in versions}
    if not bound:
        return bound
    submissions = AuditLogEntry.objects.filter(
        type="version.submitted", subjects__kind="version", subjects__object_id__in=list(bound)
    )
    recorded: dict[int, str] = {}
    for row in submissions.order_by("pk").values_list(*COLUMNS):
        body = _read_entry(EntryRow._make(row))
        recorded[body["subject"]["id"]] = body["data"].get("policy", "")
    for pk, digest in bound.items():
        if recorded.get(pk) != digest:
            raise IntegrityBroken("The log does not record that this version was submitted under this policy.")
    return bound


def _is_bound(version: ModelVersion) -> bool:
    return bool(version.policy_digest) and version.state != State.DRAFT


def read_policy(digest: str) -> Policy:
    """The policy with this digest, hashed again. Raises ``IntegrityBroken`` when its words are gone or others."""
    return read_policies([digest])[digest]


def read_policies(digests: Iterable[str]) -> dict[str, Policy]:
    wanted = set(digests)
    texts = dict(PolicyText.objects.filter(pk__in=wanted).values_list("digest", "text")) if wanted else {}
    return {digest: _read(digest, texts.get(digest)) for digest in wanted}


def _read(digest: str, text: str | None) -> Policy:
    if text is None or digest_policy(text) != digest:
        raise IntegrityBroken(f"The policy {digest} is not kept as it was adopted.")
    return _parse(text)


@lru_cache(maxsize=256)
def _parse(text: str) -> Policy:
    try:
        return parse_policy(text)
    except InvalidInput as error:
        raise GovernanceError(
            f"A policy that was adopted cannot be read any more: {error.message}", code="policy_unreadable"
        ) from None


def _built_in(risk_tier: str, environment: str) -> Policy:
    if risk_tier in RISK_TIERS and policy_for(risk_tier).environment == environment:
        return policy_for(risk_tier)
    raise GovernanceError(
        f"No policy says what a version of the tier “{risk_tier}” needs before “{environment}”. Adopt one first.",
        code="no_policy",
    )


def _read_adoptions(project: Project) -> Iterable[dict[str, Any]]:
    """What the entries “policy.adopted” of the project record, newest first."""
    rows = AuditLogEntry.objects.filter(type="policy.adopted", project=project).order_by("-pk")
    for row in rows.values_list(*COLUMNS):
        yield _read_entry(EntryRow._make(row))["data"]


def _read_entry(row: EntryRow) -> dict[str, Any]:
    try:
        return read_body(row)
    except BrokenEntry as error:
        raise IntegrityBroken(f"Entry {error.index} of the log says which policy holds, and is broken.") from None
