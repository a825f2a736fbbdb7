"""Lending one's right to sign, confirming a role that is younger than what it is to sign, and solo mode."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from governance import auditlog
from governance.actors import Actor
from governance.auditlog import Subject
from governance.exceptions import Duplicate, InvalidInput, NotPermitted
from governance.models import Delegation, Membership, Project, User
from governance.permissions import authorise, roles_of
from governance.policy import SIGNING_ROLES
from governance.reauthentication import Proof, challenge_for, reauthenticate
from governance.text import clean_text

LONGEST_DELEGATION = timedelta(days=90)


@transaction.atomic
def delegate(
    project: Project,
    *,
    to_user: User,
    role: str,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    password: str | Proof,
    actor: Actor,
) -> Delegation:
    """Let another member of the project sign in one's own role from one instant until another.

    It lends what the giver holds at each signature and no more; who contributed still signs nothing, neither for
    themselves nor for another.
    """
    authorise(actor, "delegate", project)
    Project.objects.select_for_update().get(pk=project.pk)
    now = auditlog.database_now()
    if role not in SIGNING_ROLES or role not in roles_of(actor.user, project):
        raise NotPermitted(f"You are not {role} in {project.name}, so you cannot lend that.")
    if to_user.person_key == actor.user.person_key:
        raise InvalidInput("Lend your right to somebody else.", field="to_user")
    if not to_user.is_active or not roles_of(to_user, project):
        raise InvalidInput("Only somebody who holds a role in the project can sign for you.", field="to_user")
    _check_span(now, starts_at, ends_at)
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    reauthenticate(actor.user, password, challenge=challenge_for("delegate", project.pk))
    delegation = Delegation.objects.create(
        project=project,
        from_user=actor.user,
        to_user=to_user,
        role=role,
        reason=reason,
        starts_at=starts_at,
        ends_at=ends_at,
        given_at=now,
    )
    auditlog.append(
        "delegation.given",
        actor=actor,
        subject=_about(delegation),
        project=project,
        related=[Subject("user", to_user.pk, to_user.get_full_name())],
        data={"role": role, "starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()},
        reason=reason,
    )
    return delegation


def _check_span(now: datetime, starts_at: datetime, ends_at: datetime) -> None:
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        raise InvalidInput("Beginning and end need a time zone, such as 2026-12-01T09:00:00Z.", field="starts_at")
    if not starts_at < ends_at <= starts_at + LONGEST_DELEGATION or ends_at <= now:
        raise InvalidInput(
            f"A delegation ends after it begins, in the future and within {LONGEST_DELEGATION.days} days.",
            field="ends_at",
        )


@transaction.atomic
def end_delegation(delegation: Delegation, *, reason: str = "", actor: Actor) -> Delegation:
    """End a delegation before its time: its giver, its receiver, or whoever manages the project's members."""
    delegation = Delegation.objects.select_for_update(of=("self",)).select_related("project").get(pk=delegation.pk)
    if actor.user.pk not in {delegation.from_user_id, delegation.to_user_id}:
        authorise(actor, "manage_members", delegation.project)
    elif not actor.is_interactive:
        raise NotPermitted("Only a person who is signed in ends a delegation.", code="person_needed")
    if delegation.ended_at is not None:
        raise Duplicate("This delegation is over already.")
    delegation.ended_at = auditlog.database_now()
    delegation.save(update_fields=["ended_at"])
    auditlog.append(
        "delegation.ended",
        actor=actor,
        subject=_about(delegation),
        project=delegation.project,
        reason=clean_text(reason, "reason", limit=2_000),
    )
    return delegation


def _about(delegation: Delegation) -> Subject:
    return Subject("delegation", delegation.pk, str(delegation))


@transaction.atomic
def confirm_role(membership: Membership, *, password: str | Proof, actor: Actor) -> Membership:
    """Stand for a role that another administrator granted, so that it may sign what was submitted before it."""
    authorise(actor, "confirm_role", membership.project)
    locked = Membership.objects.select_for_update(of=("self",)).select_related("project", "user", "granted_by")
    membership = locked.get(pk=membership.pk)
    if membership.ended_at is not None:
        raise Duplicate("This role has ended.")
    if membership.confirmed_at is not None:
        raise Duplicate("This role is confirmed already.")
    if actor.user.person_key in {membership.granted_by.person_key, membership.user.person_key}:
        raise NotPermitted(
            "A second administrator confirms a role: neither who granted it nor who holds it.",
            code="duties_not_separate",
        )
    reauthenticate(actor.user, password, challenge=challenge_for("confirm_role", membership.pk))
    membership.confirmed_by, membership.confirmed_at = actor.user, auditlog.database_now()
    membership.save(update_fields=["confirmed_by", "confirmed_at"])
    auditlog.append(
        "membership.confirmed",
        actor=actor,
        subject=Subject("user", membership.user_id, membership.user.get_full_name()),
        project=membership.project,
        related=[Subject("membership", membership.pk, membership.role)],
        data={"role": membership.role},
    )
    return membership


@transaction.atomic
def set_solo_mode(project: Project, *, on: bool, reason: str, password: str | Proof, actor: Actor) -> Project:
    """Say openly that a project has too few people to separate duties, or that it has enough again.

    While it is on, people may sign what they made. Every page and every report of the project says so in red, and every
    dossier carries it: switching it makes all signatures stale.
    """
    authorise(actor, "set_solo_mode", project)
    project = Project.objects.select_for_update().get(pk=project.pk)
    if (project.solo_since is not None) == on:
        raise Duplicate(f"Solo mode is {'on' if on else 'off'} already.")
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    reauthenticate(actor.user, password, challenge=challenge_for("set_solo_mode", project.pk))
    project.solo_since = auditlog.database_now() if on else None
    project.solo_reason = reason if on else ""
    project.save(update_fields=["solo_since", "solo_reason"])
    auditlog.append(
        "project.solo_mode_switched",
        actor=actor,
        subject=Subject("project", project.pk, project.name),
        project=project,
        data={"on": on},
        reason=reason,
    )
    return project
