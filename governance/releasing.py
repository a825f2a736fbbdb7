"""What every way into an environment has in common: records checked, the former release ended, one row, one entry."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from governance import attestations, auditlog, sealing, store
from governance.actors import Actor
from governance.amendment import about_model, about_version, move
from governance.auditlog import Subject
from governance.canonical import canonical_bytes, sha256_hex
from governance.dossier import Dossier, keep
from governance.dossier_items import instant
from governance.exceptions import NotPermitted, NotSealedYet, StaleReading, TransitionNotAllowed
from governance.gate import GateDecision
from governance.lifecycle import State
from governance.models import FollowUp, FollowUpKind, ModelVersion, RegisteredModel, Release, ReleaseKind
from governance.permissions import duties_are_separate
from governance.votes import counting_approvals

ENTRY_TYPES = {
    ReleaseKind.REGULAR: "version.promoted",
    ReleaseKind.EMERGENCY: "version.promoted_in_emergency",
    ReleaseKind.ROLLBACK: "release.rolled_back",
}
SIGNER_PATIENCE = timedelta(minutes=1)


def lock(version: ModelVersion) -> tuple[RegisteredModel, ModelVersion]:
    """Lock the model, then the version: every way into an environment does, so two at once wait for each other."""
    model = RegisteredModel.objects.select_for_update(of=("self",)).select_related("project").get(pk=version.model_id)
    locked = ModelVersion.objects.select_for_update(of=("self",)).select_related("model__project").get(pk=version.pk)
    return model, locked


def check_reading(dossier: Dossier, seen: str, actor: Actor) -> None:
    """Refuse who saw another dossier, and who contributed to this one."""
    if seen != dossier.digest:
        raise StaleReading(
            "The dossier changed after you opened it. Read what changed first.",
            code="dossier_changed",
            field="dossier_digest",
        )
    if not dossier.solo_mode and not duties_are_separate(actor.user, dossier.contributor_person_keys):
        raise NotPermitted(
            "You contributed to this dossier, so somebody else must promote it.", code="duties_not_separate"
        )


def check_records(dossier: Dossier) -> None:
    """Hash every evidence file again, and see that the log's seals hold. Raises what is wrong; nothing is released."""
    for item in dossier.evidence:
        if item.size is not None:
            store.check(item.digest)
    if sealing.is_behind(SIGNER_PATIENCE):
        raise NotSealedYet(
            "The log is not sealed: its signer is behind or has raised an alarm. Nothing is released until it is. "
            "An operator must run: manage.py verify_log"
        )


def find_former(release: Release) -> Release:
    """The newest release of another version that ran in this environment before, and was not an emergency."""
    earlier = Release.objects.filter(
        model=release.model_id, environment=release.environment, started_at__lt=release.started_at
    ).exclude(version=release.version_id)
    former = (
        earlier.exclude(kind=ReleaseKind.EMERGENCY)
        .select_related("version__model__project", "dossier")
        .order_by("-started_at", "-pk")
        .first()
    )
    if former is None:
        raise TransitionNotAllowed("There is no former release to go back to.", code="no_former_release")
    return former


def release(
    version: ModelVersion,
    dossier: Dossier,
    decision: GateDecision,
    *,
    kind: str,
    expires_at: datetime,
    verb: str,
    reason: str = "",
    data: dict[str, Any] | None = None,
    actor: Actor,
) -> Release:
    """End what runs in the environment, start the new release, log and attest it: one step of one transaction."""
    moved, left = _end_former(version, decision.environment, dossier.as_of)
    moved |= move(version, verb)
    made = Release.objects.create(
        model=version.model,
        version=version,
        environment=decision.environment,
        kind=kind,
        dossier=keep(dossier),
        promoted_by=actor.user,
        started_at=dossier.as_of,
        expires_at=expires_at,
        findings=tell_findings(decision),
        statement=attestations.statement(
            dossier,
            decision,
            kind=kind,
            not_before=dossier.as_of,
            expires_at=expires_at,
            solo_mode=dossier.solo_mode,
            conditions=list(_tell_conditions(dossier)),
        ),
    )
    told = {"policy": decision.policy_digest, "states": moved, **left, **(data or {})}
    entry = auditlog.append(
        ENTRY_TYPES[ReleaseKind(kind)],
        actor=actor,
        subject=Subject("release", made.pk, str(made), dossier.digest),
        project=version.model.project,
        related=[about_version(version), about_model(version.model)],
        data=_tell_release(made) | told,
        reason=reason,
    )
    auditlog.stamp(made, entry)
    return made


def _tell_release(made: Release) -> dict[str, Any]:
    """What the log says of a release: enough to see every later change of its row."""
    return {
        "environment": made.environment,
        "dossier": made.dossier_id,
        "statement": attestations.statement_digest(made.statement),
        "findings": sha256_hex(made.findings.encode()),
        "expires_at": instant(made.expires_at),
    }


def tell_findings(decision: GateDecision) -> str:
    """Every finding as it was judged, in words: what the gate's answer shows for as long as the release lasts."""
    texts = ("key", "area", "title", "status", "detail")
    told = [
        {name: str(getattr(finding, name)) for name in texts} | {"blocks": finding.blocks}
        for finding in decision.findings
    ]
    return canonical_bytes(told).decode()


def _tell_conditions(dossier: Dossier) -> Iterable[dict[str, str]]:
    for vote in counting_approvals(dossier):
        for item in vote.conditions:
            state = "open" if item.fulfilled_at is None else "fulfilled"
            yield {"text": item.text, "owner": item.owner, "dueAt": instant(item.due_at), "state": state}


def _end_former(version: ModelVersion, environment: str, at: datetime) -> tuple[dict[str, str], dict[str, int]]:
    """End what runs in the environment now. One live release per model and environment is a database constraint.

    Returns how states moved, and what the log says of an emergency that was never made good.
    """
    moved: dict[str, str] = {}
    left: dict[str, int] = {}
    live = Release.objects.select_for_update().filter(model=version.model_id, environment=environment, ended_at=None)
    for former in live:
        # An emergency release of the same version gives way to its regular one, and the version moves only once.
        is_same = former.version_id == version.pk
        verbs = {} if is_same else {State.RELEASED: "retire", State.EMERGENCY: "withdraw"}
        moved |= end_release(former, f"Superseded by version {version.number}.", at, verbs=verbs)
        left |= {} if is_same else follow_up_emergency(former, at)
    return moved, left


def follow_up_emergency(release: Release, at: datetime) -> dict[str, int]:
    """An emergency release that ends otherwise than by its regular promotion leaves a finding, whoever ends it."""
    if release.kind != ReleaseKind.EMERGENCY:
        return {}
    text = "The emergency release was ended before its time and nobody had promoted the version regularly."
    given = {"version_id": release.version_id, "release": release, "opened_at": at}
    return {"follow_up": FollowUp.objects.create(kind=FollowUpKind.EMERGENCY, text=text, **given).pk}


def end_release(former: Release, why: str, at: datetime, *, verbs: dict[State, str]) -> dict[str, str]:
    """End a release; its version moves by ``verbs`` once it runs nowhere, unless it is under review again.

    An emergency is over when its release ends, wherever else the version runs.
    """
    former.ended_at, former.end_reason = at, why[:300]
    former.save(update_fields=["ended_at", "end_reason"])
    runs_elsewhere = Release.objects.live().filter(version=former.version_id).exists()
    if runs_elsewhere and former.kind != ReleaseKind.EMERGENCY:
        return {}
    version = ModelVersion.objects.select_for_update().get(pk=former.version_id)
    verb = verbs.get(State(version.state))
    return move(version, verb) if verb else {}
