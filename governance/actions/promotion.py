"""Promotion into an environment, and retirement."""

from __future__ import annotations

from django.db import transaction

from governance import attestations, auditlog, store
from governance.actors import Actor
from governance.amendment import about_model, about_version, move
from governance.auditlog import Subject
from governance.dossier import Dossier, collect, keep
from governance.exceptions import GateClosed, InvalidInput, NotPermitted, StaleReading
from governance.gate import GateDecision, judge
from governance.lifecycle import next_state
from governance.models import ModelVersion, RegisteredModel, Release
from governance.permissions import authorise, duties_are_separate
from governance.reauthentication import Proof, challenge_for, reauthenticate
from governance.text import clean_text
from governance.validity import lasts_until


@transaction.atomic
def promote(
    version: ModelVersion, *, environment: str, dossier_digest: str, password: str | Proof, actor: Actor
) -> Release:
    """Release a version into an environment. Everything is read, hashed and judged again inside this transaction.

    The former release of the model there ends in the same step. Raises ``GateClosed`` with all findings.
    """
    authorise(actor, "promote", version.model.project)
    model = RegisteredModel.objects.select_for_update().get(pk=version.model_id)
    version = ModelVersion.objects.select_for_update(of=("self",)).select_related("model__project").get(pk=version.pk)
    next_state("promote", version.state)
    proved = reauthenticate(actor.user, password, challenge=challenge_for("promote", dossier_digest))
    dossier = collect(version)
    decision = _judge_for_promotion(dossier, environment, dossier_digest, actor)
    expires_at = lasts_until(dossier)
    moved = _end_former(model, environment, f"Superseded by version {version.number}.", dossier)
    moved |= move(version, "promote")
    release = Release.objects.create(
        model=model,
        version=version,
        environment=environment,
        dossier=keep(dossier),
        promoted_by=actor.user,
        started_at=dossier.as_of,
        expires_at=expires_at,
        statement=attestations.statement(
            dossier,
            decision,
            kind="regular",
            not_before=dossier.as_of,
            expires_at=expires_at,
            solo_mode=False,
            conditions=(),
        ),
    )
    entry = auditlog.append(
        "version.promoted",
        actor=actor,
        subject=Subject("release", release.pk, str(release), dossier.digest),
        project=model.project,
        related=[about_version(version), about_model(model)],
        data={
            "environment": environment,
            "dossier": dossier.digest,
            "authentication": proved,
            "policy": decision.policy_digest,
            "statement": attestations.statement_digest(release.statement),
            "states": moved,
        },
    )
    auditlog.stamp(release, entry)
    return release


def _judge_for_promotion(dossier: Dossier, environment: str, seen: str, actor: Actor) -> GateDecision:
    if environment != dossier.policy.environment:
        raise InvalidInput(
            f"The policy of this tier speaks of “{dossier.policy.environment}”, not of “{environment}”.",
            field="environment",
        )
    if seen != dossier.digest:
        raise StaleReading(
            "The dossier changed after you opened it. Read what changed first.",
            code="dossier_changed",
            field="dossier_digest",
        )
    if not duties_are_separate(actor.user, dossier.contributor_person_keys):
        raise NotPermitted(
            "You contributed to this dossier, so somebody else must promote it.", code="duties_not_separate"
        )
    for item in dossier.evidence:
        if item.size is not None:
            store.check(item.digest)
    decision = judge(dossier)
    if not decision.is_open:
        raise GateClosed("The gate is closed.", decision.closing)
    return decision


def _end_former(model: RegisteredModel, environment: str, why: str, dossier: Dossier) -> dict[str, str]:
    """End what runs in the environment now. One live release per model and environment is a database constraint."""
    moved: dict[str, str] = {}
    for former in Release.objects.select_for_update().filter(model=model, environment=environment, ended_at=None):
        former.ended_at = dossier.as_of
        former.end_reason = why
        former.save(update_fields=["ended_at", "end_reason"])
        still_live = Release.objects.live().filter(version=former.version_id).exists()
        if not still_live:
            moved |= move(ModelVersion.objects.select_for_update().get(pk=former.version_id), "retire")
    return moved


@transaction.atomic
def retire_version(version: ModelVersion, *, reason: str, actor: Actor) -> ModelVersion:
    """Take a version out of use: its releases end now. A draft that will not be finished is retired as well."""
    authorise(actor, "retire", version.model.project)
    RegisteredModel.objects.select_for_update().get(pk=version.model_id)
    version = ModelVersion.objects.select_for_update(of=("self",)).select_related("model__project").get(pk=version.pk)
    moved = move(version, "retire")
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    ended = Release.objects.select_for_update().filter(version=version, ended_at=None)
    names = [release.environment for release in ended]
    ended.update(ended_at=auditlog.database_now(), end_reason=reason[:300])
    auditlog.append(
        "version.retired",
        actor=actor,
        subject=about_version(version),
        project=version.model.project,
        related=[about_model(version.model)],
        data={"environments": names, "states": moved},
        reason=reason,
    )
    return version
