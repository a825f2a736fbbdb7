"""Accepting a named gap until a date."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from governance import auditlog
from governance.actors import Actor
from governance.amendment import about_model, about_version, lock_and_amend
from governance.auditlog import Subject
from governance.dossier import Dossier, collect
from governance.dossier_signing import find_deciding_role
from governance.exceptions import InvalidInput, NotPermitted
from governance.findings import Finding
from governance.gate import judge
from governance.models import ModelVersion, Waiver
from governance.permissions import authorise
from governance.reauthentication import Proof, challenge_for, reauthenticate
from governance.refusals import record_refusal
from governance.text import clean_text


@record_refusal("waiver.refused")
@transaction.atomic
def grant_waiver(
    version: ModelVersion, *, finding_key: str, reason: str, expires_at: datetime, password: str | Proof, actor: Actor
) -> Waiver:
    """Accept a gap in a role that the policy entitles, for as long as it allows.

    Whoever does becomes a contributor; the finding is shown as WAIVED ever after and never as met.
    """
    project = version.model.project
    authorise(actor, "grant_waiver", project)
    version, moved = lock_and_amend(version)
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    proved = reauthenticate(actor.user, password, challenge=challenge_for("grant_waiver", version.pk))
    dossier = collect(version)
    role = _find_entitled_role(dossier, version, actor)
    _check_end(dossier, expires_at)
    meant = _find_gap(dossier, finding_key)
    waiver = Waiver.objects.create(
        version=version,
        finding_key=finding_key,
        gap=meant.gap,
        reason=reason,
        expires_at=expires_at,
        role=role,
        granted_by=actor.user,
        granted_at=dossier.as_of,
    )
    entry = auditlog.append(
        "waiver.granted",
        actor=actor,
        subject=Subject("waiver", waiver.pk, finding_key),
        project=project,
        related=[about_version(version), about_model(version.model)],
        data={
            "finding": finding_key,
            "gap": meant.gap,
            "expires_at": expires_at.isoformat(),
            "role": role,
            "authentication": proved,
            "states": moved,
        },
        reason=reason,
    )
    auditlog.stamp(waiver, entry)
    return waiver


def _find_entitled_role(dossier: Dossier, version: ModelVersion, actor: Actor) -> str:
    entitled = dossier.policy.waivers.roles
    if not entitled:
        raise NotPermitted("The policy of this dossier lets nobody waive a finding.")
    role = find_deciding_role(version, actor.user, entitled, dossier.as_of)
    if role is None:
        raise NotPermitted(f"The policy of this dossier lets only {' or '.join(entitled)} waive a finding.")
    return role.role


def _check_end(dossier: Dossier, expires_at: datetime) -> None:
    longest = timedelta(days=dossier.policy.waivers.longest_days)
    if expires_at.tzinfo is None or not dossier.as_of < expires_at <= dossier.as_of + longest:
        raise InvalidInput(f"A waiver needs an end within {longest.days} days, with a time zone.", field="expires_at")


def _find_gap(dossier: Dossier, finding_key: str) -> Finding:
    for finding in judge(dossier).findings:
        if finding.key == finding_key and finding.can_be_waived:
            return finding
    raise InvalidInput("Only a finding that keeps the gate closed, and no sign-off, is waived.", field="finding_key")
