"""Promotion into an environment, rollback to the former release, and retirement."""

from __future__ import annotations

import json
from dataclasses import replace

from django.db import transaction

from governance import auditlog, releasing
from governance.actors import Actor
from governance.amendment import about_model, about_version, move
from governance.dossier import Dossier, collect
from governance.exceptions import GateClosed, IntegrityBroken, InvalidInput, TransitionNotAllowed
from governance.gate import judge, judge_again
from governance.lifecycle import next_state
from governance.models import ModelVersion, RegisteredModel, Release, ReleaseKind
from governance.permissions import authorise
from governance.permits import is_recorded
from governance.policies_in_force import read_policy
from governance.reauthentication import Proof, challenge_for, reauthenticate
from governance.refusals import record_refusal
from governance.text import clean_text
from governance.validity import lasts_until
from governance.votes import as_signed


@record_refusal("promotion.refused")
@transaction.atomic
def promote(
    version: ModelVersion, *, environment: str, dossier_digest: str, password: str | Proof, actor: Actor
) -> Release:
    """Release a version into an environment. Everything is read, hashed and judged again inside this transaction.

    The former release of the model there ends in the same step. Raises ``GateClosed`` with all findings.
    """
    authorise(actor, "promote", version.model.project)
    _model, version = releasing.lock(version)
    next_state("promote", version.state)
    proved = reauthenticate(actor.user, password, challenge=challenge_for("promote", dossier_digest))
    dossier = collect(version)
    _check_environment(dossier, environment, version)
    releasing.check_reading(dossier, dossier_digest, actor)
    releasing.check_records(dossier)
    decision = judge(dossier)
    if not decision.is_open:
        raise GateClosed("The gate is closed.", decision.closing)
    return releasing.release(
        version,
        dossier,
        decision,
        kind=ReleaseKind.REGULAR,
        expires_at=lasts_until(dossier),
        verb="promote",
        data={"authentication": proved},
        actor=actor,
    )


def _check_environment(dossier: Dossier, environment: str, version: ModelVersion) -> None:
    """The policy speaks of one environment, and may ask for others before it."""
    policy = dossier.policy
    if environment != policy.environment:
        raise InvalidInput(
            f"This version was reviewed for “{policy.environment}”, not for “{environment}”.", field="environment"
        )
    # What ran there past a closed gate, or in no way that the log knows of, was not released there first.
    reviewed = Release.objects.filter(version=version).exclude(kind=ReleaseKind.EMERGENCY)
    been = {release.environment for release in reviewed if is_recorded(release)}
    for earlier in policy.after:
        if earlier not in been:
            raise TransitionNotAllowed(
                f"The policy wants this version released into “{earlier}” before “{environment}”."
            )


@record_refusal("rollback.refused")
@transaction.atomic
def roll_back(release: Release, *, reason: str, password: str | Proof, actor: Actor) -> Release:
    """Put the release that ran before ``release`` back into its environment, as one action with its own entry.

    No new review is needed while the sign-offs on the former dossier are valid; its evidence is hashed again, and what
    was recalled, refused, taken away for cause or has run out since refuses it.
    """
    project = release.model.project
    authorise(actor, "roll_back", project)
    RegisteredModel.objects.select_for_update().get(pk=release.model_id)
    release = (
        Release.objects.select_for_update(of=("self",)).select_related("version__model__project").get(pk=release.pk)
    )
    if release.ended_at is not None:
        raise TransitionNotAllowed("This release has ended. Roll back what runs now.", code="release_ended")
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    proved = reauthenticate(actor.user, password, challenge=challenge_for("roll_back", release.pk))
    former = releasing.find_former(release)
    _model, version = releasing.lock(former.version)
    next_state("roll_back", version.state)
    dossier = _read_as_released(former, version)
    releasing.check_reading(dossier, former.dossier_id, actor)
    releasing.check_records(dossier)
    decision = judge_again(dossier, former.environment)
    if not decision.is_open:
        raise GateClosed("What was signed for the former release does not hold any more.", decision.closing)
    expires_at = min(lasts_until(dossier), former.expires_at)
    if expires_at <= dossier.as_of:
        raise TransitionNotAllowed("What allowed the former release has run out since.", code="former_release_expired")
    return releasing.release(
        version,
        dossier,
        decision,
        kind=ReleaseKind.ROLLBACK,
        expires_at=expires_at,
        verb="roll_back",
        reason=reason,
        data={"restores": former.pk, "ends": release.pk, "authentication": proved},
        actor=actor,
    )


def _read_as_released(former: Release, version: ModelVersion) -> Dossier:
    """The dossier as it was signed for the former release, and judged by a policy that speaks of its environment."""
    if not is_recorded(former):
        raise IntegrityBroken("The log does not record the former release as it stands. Run: manage.py verify_log")
    dossier = collect(version)
    if dossier.policy.environment != former.environment:
        # It was put before its reviewers for another environment since: that policy says nothing of this one.
        signed = json.loads(former.dossier.document)
        dossier = replace(dossier, policy=read_policy(signed["policy"]["digest"]))
    return as_signed(dossier, former.dossier)


@transaction.atomic
def retire_version(version: ModelVersion, *, reason: str, actor: Actor) -> ModelVersion:
    """Take a version out of use: its releases end now. A draft that will not be finished is retired as well."""
    authorise(actor, "retire", version.model.project)
    _model, version = releasing.lock(version)
    moved = move(version, "retire")
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    ended = Release.objects.select_for_update().filter(version=version, ended_at=None)
    names, now = [release.environment for release in ended], auditlog.database_now()
    left: dict[str, int] = {}
    for release in ended:
        left |= releasing.follow_up_emergency(release, now)
    ended.update(ended_at=now, end_reason=reason[:300])
    auditlog.append(
        "version.retired",
        actor=actor,
        subject=about_version(version),
        project=version.model.project,
        related=[about_model(version.model)],
        data={"environments": names, "states": moved, **left},
        reason=reason,
    )
    return version
