"""Promotion past a closed gate: asked for by one person, confirmed by another, over within hours."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from governance import auditlog, releasing
from governance.actors import Actor
from governance.amendment import about_model, about_version
from governance.auditlog import Subject
from governance.dossier import Dossier, collect, keep
from governance.dossier_signing import find_deciding_role
from governance.exceptions import (
    Duplicate,
    InvalidInput,
    NotPermitted,
    TransitionNotAllowed,
)
from governance.gate import judge
from governance.lifecycle import next_state
from governance.models import Decision, EmergencyRequest, ModelVersion, Release, ReleaseKind
from governance.permissions import authorise
from governance.reauthentication import Proof, challenge_for, reauthenticate
from governance.refusals import record_refusal
from governance.text import clean_text
from governance.votes import standing_refusals


@record_refusal("emergency.refused")
@transaction.atomic
def ask_for_emergency(
    version: ModelVersion, *, reason: str, hours: int, dossier_digest: str, password: str | Proof, actor: Actor
) -> EmergencyRequest:
    """Ask to run a version although its gate is closed. Nothing runs before a second person confirms it."""
    project = version.model.project
    authorise(actor, "ask_for_emergency", project)
    _model, version = releasing.lock(version)
    next_state("promote_emergency", version.state)
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    proved = reauthenticate(actor.user, password, challenge=challenge_for("ask_for_emergency", dossier_digest))
    dossier = collect(version)
    _check_rule(dossier, version, hours, actor)
    releasing.check_reading(dossier, dossier_digest, actor)
    environment = dossier.policy.environment
    if EmergencyRequest.objects.filter(version=version, confirmed_at=None, withdrawn_at=None).exists():
        raise Duplicate("An emergency promotion of this version waits for its confirmation already.")
    request = EmergencyRequest.objects.create(
        version=version,
        environment=environment,
        dossier=keep(dossier),
        reason=reason,
        hours=hours,
        requested_by=actor.user,
        requested_at=dossier.as_of,
    )
    auditlog.append(
        "emergency.asked",
        actor=actor,
        subject=Subject("emergency", request.pk, str(request), dossier.digest),
        project=project,
        related=[about_version(version), about_model(version.model)],
        data={"environment": environment, "hours": hours, "dossier": dossier.digest, "authentication": proved},
        reason=reason,
    )
    return request


def _check_rule(dossier: Dossier, version: ModelVersion, hours: int, actor: Actor) -> None:
    """What the policy says of emergencies: who, and for how long."""
    rule = dossier.policy.emergency
    if not rule.allowed:
        raise NotPermitted("The policy of this dossier allows no emergency promotion.")
    if not 1 <= hours <= rule.longest_hours:
        raise InvalidInput(f"An emergency lasts 1 to {rule.longest_hours} hours.", field="hours")
    if find_deciding_role(version, actor.user, rule.roles, dossier.as_of) is None:
        raise NotPermitted(f"The policy of this dossier lets only {' or '.join(rule.roles)} do this.")
    if any(item.decision == Decision.REJECT for item in standing_refusals(dossier)):
        raise TransitionNotAllowed(
            "Somebody rejected this version. An emergency goes past what is missing, and not past a rejection.",
            code="rejected",
        )
    if not dossier.version.artifacts:
        raise TransitionNotAllowed("No artifact digest is recorded, so nothing says which file is meant.")


@record_refusal("emergency.refused")
@transaction.atomic
def confirm_emergency(
    request: EmergencyRequest, *, dossier_digest: str, password: str | Proof, actor: Actor
) -> Release:
    """The second person's word: the version is released for the hours asked for, with every finding on record.

    Unless it is promoted regularly meanwhile it is withdrawn when they are over, and a follow-up is opened.
    """
    project = request.version.model.project
    authorise(actor, "confirm_emergency", project)
    _model, version = releasing.lock(request.version)
    request = EmergencyRequest.objects.select_for_update(of=("self",)).select_related("requested_by").get(pk=request.pk)
    next_state("promote_emergency", version.state)
    if request.confirmed_at is not None or request.withdrawn_at is not None:
        raise Duplicate("This request is settled already.")
    if actor.user.person_key == request.requested_by.person_key:
        raise NotPermitted("Somebody else than who asked has to confirm an emergency promotion.")
    proved = reauthenticate(actor.user, password, challenge=challenge_for("confirm_emergency", dossier_digest))
    dossier = collect(version)
    _check_rule(dossier, version, request.hours, actor)
    releasing.check_reading(dossier, dossier_digest, actor)
    if dossier.digest != request.dossier_id:
        raise TransitionNotAllowed("The dossier changed after this was asked for. Ask again.", code="dossier_changed")
    releasing.check_records(dossier)
    release = releasing.release(
        version,
        dossier,
        judge(dossier),
        kind=ReleaseKind.EMERGENCY,
        expires_at=dossier.as_of + timedelta(hours=request.hours),
        verb="promote_emergency",
        reason=request.reason,
        data={
            "request": request.pk,
            "asked_by": request.requested_by_id,
            "hours": request.hours,
            "authentication": proved,
        },
        actor=actor,
    )
    request.confirmed_by, request.confirmed_at, request.release = actor.user, dossier.as_of, release
    request.save(update_fields=["confirmed_by", "confirmed_at", "release"])
    return release


@transaction.atomic
def withdraw_emergency_request(request: EmergencyRequest, *, reason: str, actor: Actor) -> EmergencyRequest:
    """Take back a request that nobody has confirmed."""
    project = request.version.model.project
    authorise(actor, "ask_for_emergency", project)
    _model, version = releasing.lock(request.version)
    request = EmergencyRequest.objects.select_for_update().get(pk=request.pk)
    if request.confirmed_at is not None or request.withdrawn_at is not None:
        raise Duplicate("This request is settled already.")
    request.withdrawn_at = auditlog.database_now()
    request.save(update_fields=["withdrawn_at"])
    auditlog.append(
        "emergency.withdrawn",
        actor=actor,
        subject=Subject("emergency", request.pk, str(version)),
        project=project,
        related=[about_version(version), about_model(version.model)],
        reason=clean_text(reason, "reason", required=True, limit=2_000),
    )
    return request
