"""Submitting a version to review, signing its dossier, accepting a gap."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from governance import auditlog
from governance.actors import Actor
from governance.amendment import about_model, about_version, lock_and_amend, move
from governance.auditlog import Subject
from governance.dossier import Dossier, collect, keep
from governance.exceptions import (
    Duplicate,
    GateClosed,
    InvalidInput,
    NotPermitted,
    ReauthenticationFailed,
    StaleReading,
    TransitionNotAllowed,
)
from governance.findings import Area
from governance.gate import judge
from governance.lifecycle import State, next_state
from governance.models import AuditLogEntry, Decision, ModelVersion, PocDecision, SignOff, Waiver
from governance.permissions import authorise, duties_are_separate, roles_of
from governance.policy import SIGNING_ROLES
from governance.text import clean_name, clean_text

LONGEST_WAIVER = timedelta(days=180)


@transaction.atomic
def submit_version(version: ModelVersion, *, actor: Actor) -> ModelVersion:
    """Put a version before its reviewers. Needs a proof of concept with a recorded go; other gaps are the gate's."""
    authorise(actor, "submit_version", version.model.project)
    version = _lock(version)
    next_state("submit", version.state)
    dossier = collect(version)
    poc = dossier.proof_of_concept
    if poc is None or poc.decision != PocDecision.GO:
        raise TransitionNotAllowed(
            "A version enters review only from a proof of concept with a recorded go. Record it for this model first."
        )
    moved = move(version, "submit")
    version.submitted_at = dossier.as_of
    version.save(update_fields=["submitted_at"])
    auditlog.append(
        "version.submitted",
        actor=actor,
        subject=about_version(version),
        project=version.model.project,
        related=[about_model(version.model)],
        data={"states": moved},
    )
    return version


@transaction.atomic
def sign_off(
    version: ModelVersion,
    *,
    role: str,
    decision: str,
    meaning: str,
    reason: str = "",
    dossier_digest: str,
    password: str,
    actor: Actor,
) -> SignOff:
    """Sign the dossier whose digest the signer saw. The last signature that opens the gate approves the version.

    Refuses: a token, a role not held, a contributor, a wrong password, a dossier that changed since it was read, an
    approval while other findings keep the gate closed, a second identical vote.
    """
    authorise(actor, "sign_off", version.model.project)
    version = _lock(version)
    next_state("sign", version.state)
    meaning = clean_name(meaning, "meaning", limit=300)
    reason = clean_text(reason, "reason", required=decision != Decision.APPROVE)
    _check_signer(version, role, decision, actor)
    if not actor.user.check_password(password):
        raise ReauthenticationFailed("The password is not right. Nothing was signed.", field="password")
    dossier = collect(version)
    _check_reading(dossier, dossier_digest, decision, actor)
    snapshot = keep(dossier)
    if SignOff.objects.filter(dossier=snapshot, signer=actor.user, role=role, decision=decision).exists():
        raise Duplicate("You have signed exactly this already.")
    signed = SignOff.objects.create(
        version=version,
        dossier=snapshot,
        signer=actor.user,
        signer_name=actor.user.get_full_name(),
        role=role,
        decision=decision,
        meaning=meaning,
        reason=reason,
        signed_at=dossier.as_of,
    )
    entry = _log_signature(signed, dossier, _settle(version, decision), actor)
    auditlog.stamp(signed, entry)
    return signed


def _log_signature(signed: SignOff, dossier: Dossier, moved: dict[str, str], actor: Actor) -> AuditLogEntry:
    version = signed.version
    return auditlog.append(
        "sign_off.given",
        actor=actor,
        subject=Subject("sign_off", signed.pk, str(signed), dossier.digest),
        project=version.model.project,
        related=[about_version(version), about_model(version.model)],
        data={
            "dossier": dossier.digest,
            "policy": dossier.policy.digest,
            "role": signed.role,
            "decision": signed.decision,
            "meaning": signed.meaning,
            "signer": signed.signer_id,
            "signer_name": signed.signer_name,
            "states": moved,
        },
        reason=signed.reason[:2_000],
    )


def _lock(version: ModelVersion) -> ModelVersion:
    return ModelVersion.objects.select_for_update(of=("self",)).select_related("model__project").get(pk=version.pk)


def _check_signer(version: ModelVersion, role: str, decision: str, actor: Actor) -> None:
    if role not in SIGNING_ROLES:
        raise InvalidInput(f"“role” must be one of {', '.join(SIGNING_ROLES)}.", field="role")
    if decision not in Decision.values:
        raise InvalidInput(f"“decision” must be one of {', '.join(Decision.values)}.", field="decision")
    if role not in roles_of(actor.user, version.model.project):
        raise NotPermitted(f"You are not {role} in {version.model.project.name}.")


def _check_reading(dossier: Dossier, seen: str, decision: str, actor: Actor) -> None:
    if seen != dossier.digest:
        raise StaleReading(
            "The dossier changed after you opened it. Read what changed, then sign the present one.",
            code="dossier_changed",
            field="dossier_digest",
        )
    if not duties_are_separate(actor.user, dossier.contributor_person_keys):
        raise NotPermitted(
            "You contributed to this dossier, so somebody else must sign it.", code="duties_not_separate"
        )
    decided = judge(dossier)
    if decision == Decision.APPROVE and not decided.is_ready_to_sign:
        gaps = [finding for finding in decided.closing if finding.area != Area.SIGN_OFFS]
        raise GateClosed("This dossier cannot be approved while these findings stand.", gaps)


def _settle(version: ModelVersion, decision: str) -> dict[str, str]:
    """What the vote does to the version's state."""
    if decision == Decision.REJECT:
        return move(version, "reject")
    if decision == Decision.REQUEST_CHANGES:
        return move(version, "return")
    if version.state == State.APPROVED or not judge(collect(version)).is_open:
        return {}
    return move(version, "approve")


@transaction.atomic
def grant_waiver(
    version: ModelVersion, *, finding_key: str, reason: str, expires_at: datetime, password: str, actor: Actor
) -> Waiver:
    """Accept a named gap until a date. Its author becomes a contributor; the finding is shown as WAIVED ever after."""
    authorise(actor, "grant_waiver", version.model.project)
    version, moved = lock_and_amend(version)
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    if not actor.user.check_password(password):
        raise ReauthenticationFailed("The password is not right. Nothing was waived.", field="password")
    now = auditlog.database_now()
    if expires_at.tzinfo is None or not now < expires_at <= now + LONGEST_WAIVER:
        raise InvalidInput(
            f"A waiver needs an end within {LONGEST_WAIVER.days} days, with a time zone.", field="expires_at"
        )
    findings = [finding for finding in judge(collect(version)).closing if finding.area != Area.SIGN_OFFS]
    meant = next((finding for finding in findings if finding.key == finding_key), None)
    if meant is None:
        raise InvalidInput(
            "Only a finding that keeps the gate closed, and no sign-off, is waived.", field="finding_key"
        )
    waiver = Waiver.objects.create(
        version=version,
        finding_key=finding_key,
        gap=meant.gap,
        reason=reason,
        expires_at=expires_at,
        granted_by=actor.user,
        granted_at=now,
    )
    entry = auditlog.append(
        "waiver.granted",
        actor=actor,
        subject=Subject("waiver", waiver.pk, finding_key),
        project=version.model.project,
        related=[about_version(version), about_model(version.model)],
        data={"finding": finding_key, "gap": meant.gap, "expires_at": expires_at.isoformat(), "states": moved},
        reason=reason,
    )
    auditlog.stamp(waiver, entry)
    return waiver
