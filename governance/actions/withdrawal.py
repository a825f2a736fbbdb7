"""Releases that end by the clock, and the follow-ups that a person has to close."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from governance import auditlog, releasing
from governance.actors import SYSTEM, Actor
from governance.amendment import about_model, about_version
from governance.auditlog import Subject
from governance.exceptions import Duplicate, NotPermitted, TransitionNotAllowed
from governance.lifecycle import State
from governance.models import (
    Condition,
    EmergencyRequest,
    FollowUp,
    FollowUpKind,
    RegisteredModel,
    Release,
    ReleaseKind,
)
from governance.permissions import authorise
from governance.text import clean_text


@transaction.atomic
def withdraw_expired_release(release: Release, *, actor: Actor) -> Release:
    """End a release whose time is up and open a follow-up. The version goes back to review."""
    if actor.authentication != SYSTEM:
        raise NotPermitted("Only the clock withdraws an expired release. A person retires the version.")
    RegisteredModel.objects.select_for_update().get(pk=release.model_id)
    locked = Release.objects.select_for_update(of=("self",)).select_related("version__model__project")
    release = locked.get(pk=release.pk)
    now = auditlog.database_now()
    if release.ended_at is not None or release.expires_at > now:
        raise TransitionNotAllowed("This release has ended already, or its time is not up.")
    kind, why = _find_reason(release)
    moved = releasing.end_release(release, why, now, verbs={State.RELEASED: "withdraw", State.EMERGENCY: "withdraw"})
    follow_up = FollowUp.objects.create(
        version=release.version, release=release, kind=kind, text=why[:500], opened_at=now
    )
    auditlog.append(
        "release.withdrawn",
        actor=actor,
        subject=Subject("release", release.pk, str(release), release.dossier_id),
        project=release.model.project,
        related=[about_version(release.version), about_model(release.model)],
        data={"environment": release.environment, "follow_up": follow_up.pk, "kind": kind, "states": moved},
        reason=why,
    )
    return release


def _find_reason(release: Release) -> tuple[str, str]:
    """(kind of follow-up, what happened in words)."""
    if release.kind == ReleaseKind.EMERGENCY:
        return FollowUpKind.EMERGENCY, "The emergency release was over and nobody had promoted the version regularly."
    first = _list_overdue(release).first()
    if first is not None:
        return (
            FollowUpKind.CONDITION_OVERDUE,
            f"{first.owner.get_full_name()} did not fulfil the condition “{first.text}” in time.",
        )
    return FollowUpKind.EXPIRED, "A waiver or the validity of the evidence that this release stood on ran out."


def _list_overdue(release: Release) -> QuerySet[Condition]:
    """The conditions that were still open when the release ran out because of one."""
    due = Condition.objects.filter(sign_off__dossier=release.dossier_id, due_at__lte=release.expires_at)
    return due.filter(fulfilled_at=None).select_related("owner").order_by("due_at")


@transaction.atomic
def close_follow_up(follow_up: FollowUp, *, reason: str, actor: Actor) -> FollowUp:
    """Say what was done about it. Not for whoever promoted the release it is about, or asked for it, or had to fulfil
    the condition that was not fulfilled."""
    project = follow_up.version.model.project
    authorise(actor, "close_follow_up", project)
    locked = FollowUp.objects.select_for_update(of=("self",)).select_related("release__promoted_by", "version__model")
    follow_up = locked.get(pk=follow_up.pk)
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    if follow_up.closed_at is not None:
        raise Duplicate("This finding is closed already.")
    if actor.user.person_key in _find_concerned(follow_up):
        raise NotPermitted(
            "You released this, asked for it, or had to do what was not done, so somebody else must close the finding.",
            code="duties_not_separate",
        )
    follow_up.closed_by, follow_up.closed_at = actor.user, auditlog.database_now()
    follow_up.closing_reason = reason
    follow_up.save(update_fields=["closed_by", "closed_at", "closing_reason"])
    auditlog.append(
        "follow_up.closed",
        actor=actor,
        subject=Subject("follow_up", follow_up.pk, follow_up.text[:200]),
        project=project,
        related=[about_version(follow_up.version), about_model(follow_up.version.model)],
        reason=reason,
    )
    return follow_up


def _find_concerned(follow_up: FollowUp) -> set[str]:
    """The persons whose own doing the finding is about."""
    release = follow_up.release
    asked = EmergencyRequest.objects.filter(release=release).select_related("requested_by")
    concerned = {release.promoted_by.person_key, *(request.requested_by.person_key for request in asked)}
    if follow_up.kind == FollowUpKind.CONDITION_OVERDUE:
        concerned |= {condition.owner.person_key for condition in _list_overdue(release)}
    return concerned
