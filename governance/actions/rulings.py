"""What people sign about controls and about recorded facts."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from governance import auditlog
from governance.actors import Actor
from governance.amendment import version_and_model
from governance.auditlog import Subject
from governance.exceptions import InvalidInput, NotPermitted, StaleReading
from governance.facts import digest_fact, read_facts_of
from governance.frameworks_in_force import find_fact, find_framework
from governance.models import AuditLogEntry, ControlRuling, ControlRulingKind, FactSignature, ModelVersion, Role
from governance.permissions import RULES, authorise, roles_of
from governance.reauthentication import Proof, challenge_for, reauthenticate
from governance.refusals import record_refusal
from governance.text import clean_text

LONGEST_WAIVER = timedelta(days=366)
# Whoever may let a version into production may accept that a control's gap goes with it.
RELEASING = Role.APPROVER


@record_refusal("control.refused")
@transaction.atomic
def rule_on_control(
    version: ModelVersion,
    *,
    framework: str,
    control: str,
    kind: str,
    reason: str,
    expires_at: datetime | None = None,
    password: str | Proof,
    actor: Actor,
) -> ControlRuling:
    """Sign that a control does not apply to a version, accept its gap until a day, or lift what was ruled before.

    Only somebody who may release accepts a gap. It is shown as waived ever after and never as met.
    """
    project = version.model.project
    authorise(actor, "rule_on_control", project)
    version = ModelVersion.objects.select_for_update().select_related("model__project").get(pk=version.pk)
    if kind not in ControlRulingKind.values:
        raise InvalidInput(f"“kind” is one of {', '.join(ControlRulingKind.values)}.", field="kind")
    meant = find_framework(framework).find(control)
    if meant is None:
        raise InvalidInput(f"This framework has no control “{control}”.", field="control")
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    role = _find_role(version, "rule_on_control", actor, only=RELEASING if kind == ControlRulingKind.WAIVED else None)
    now = auditlog.database_now()
    _check_end(kind, expires_at, now)
    proved = reauthenticate(actor.user, password, challenge=challenge_for("rule_on_control", version.pk))
    ruling = ControlRuling.objects.create(
        version=version,
        framework=framework,
        control=control,
        kind=kind,
        reason=reason,
        expires_at=expires_at,
        role=role,
        ruled_by=actor.user,
        ruler_name=actor.user.get_full_name(),
        ruled_at=now,
    )
    auditlog.stamp(ruling, _log_ruling(ruling, actor, proved))
    return ruling


def _log_ruling(ruling: ControlRuling, actor: Actor, proved: str) -> AuditLogEntry:
    return auditlog.append(
        "control.ruled",
        actor=actor,
        subject=Subject("control", ruling.pk, f"{ruling.framework} {ruling.control}"),
        project=ruling.version.model.project,
        related=version_and_model(ruling.version),
        data={
            "framework": ruling.framework,
            "control": ruling.control,
            "kind": ruling.kind,
            "expires_at": ruling.expires_at.isoformat() if ruling.expires_at is not None else "",
            "role": ruling.role,
            "authentication": proved,
        },
        reason=ruling.reason,
    )


@record_refusal("fact.refused")
@transaction.atomic
def sign_fact(
    version: ModelVersion, *, fact: str, meaning: str, seen_digest: str, password: str | Proof, actor: Actor
) -> FactSignature:
    """Sign what is recorded of a fact, such as a test report or a declaration, exactly as the signer saw it.

    Refuses a fact that is not signed, one of which nothing is recorded, and one that has changed since it was shown.
    """
    project = version.model.project
    authorise(actor, "sign_fact", project)
    version = ModelVersion.objects.select_for_update().select_related("model__project").get(pk=version.pk)
    kind = find_fact(fact)
    if kind.type != "sig" or not kind.over:
        raise InvalidInput(f"“{fact}” is not signed here.", field="fact")
    meaning = clean_text(meaning, "meaning", required=True, limit=300)
    digest = digest_fact(kind, read_facts_of(version))
    if digest is None:
        raise InvalidInput(f"Nothing is recorded yet that “{fact}” would sign: {', '.join(kind.over)}.", field="fact")
    if digest != seen_digest:
        raise StaleReading("What you were shown has changed since. Look at it again, then sign.")
    role = _find_role(version, "sign_fact", actor)
    proved = reauthenticate(actor.user, password, challenge=challenge_for("sign_fact", version.pk))
    signature = FactSignature.objects.create(
        version=version,
        fact=fact,
        digest=digest,
        meaning=meaning,
        role=role,
        signer=actor.user,
        signer_name=actor.user.get_full_name(),
        signed_at=auditlog.database_now(),
    )
    entry = auditlog.append(
        "fact.signed",
        actor=actor,
        subject=Subject("fact", signature.pk, fact, digest),
        project=project,
        related=version_and_model(version),
        data={"fact": fact, "digest": digest, "meaning": meaning, "role": role, "authentication": proved},
    )
    auditlog.stamp(signature, entry)
    return signature


def _find_role(version: ModelVersion, verb: str, actor: Actor, *, only: str | None = None) -> str:
    """The role in which the actor signs."""
    held = roles_of(actor.user, version.model.project)
    entitled = sorted(held & ({only} if only is not None else set(RULES[verb].roles)))
    if not entitled:
        raise NotPermitted(f"Only the role {only} accepts a gap.")
    return entitled[0]


def _check_end(kind: str, expires_at: datetime | None, now: datetime) -> None:
    if (kind == ControlRulingKind.WAIVED) is (expires_at is None):
        raise InvalidInput("An accepted gap has an end; nothing else has one.", field="expires_at")
    if expires_at is not None and not now < expires_at <= now + LONGEST_WAIVER:
        raise InvalidInput("The end must lie ahead, a year at most.", field="expires_at")
