"""Signing a dossier, setting a refusal aside, and saying that a condition is fulfilled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict

from django.db import transaction

from governance import auditlog
from governance.actors import Actor
from governance.amendment import about_model, about_version, move
from governance.auditlog import Subject
from governance.dossier import Dossier, collect, keep
from governance.dossier_signing import check_recorded, find_deciding_role, is_established
from governance.exceptions import (
    Duplicate,
    GateClosed,
    InvalidInput,
    NotPermitted,
    StaleReading,
    TransitionNotAllowed,
)
from governance.findings import Area
from governance.gate import judge
from governance.lifecycle import State, next_state
from governance.models import (
    APPROVALS,
    REFUSALS,
    AuditLogEntry,
    Condition,
    Decision,
    Delegation,
    Membership,
    ModelVersion,
    Overrule,
    SignOff,
    User,
)
from governance.permissions import authorise, duties_are_separate
from governance.policy import SIGNING_ROLES
from governance.reauthentication import Proof, challenge_for, reauthenticate
from governance.refusals import record_refusal
from governance.text import clean_name, clean_text
from governance.votes import cast_vote, counting_approvals, fulfil, is_their_turn, standing_refusals

MOST_CONDITIONS = 20


class ConditionGiven(TypedDict):
    """``owner`` has until ``due_at`` (an instant with a time zone) to do what ``text`` says."""

    text: str
    owner: User
    due_at: datetime


@record_refusal("sign_off.refused")
@transaction.atomic
def sign_off(
    version: ModelVersion,
    *,
    role: str,
    decision: str,
    meaning: str,
    reason: str = "",
    dossier_digest: str,
    password: str | Proof,
    conditions: Sequence[ConditionGiven] = (),
    delegation: Delegation | None = None,
    actor: Actor,
) -> SignOff:
    """Sign the dossier whose digest the signer saw. The last signature that opens the gate approves the version.

    Refuses: a token, a role not held or younger than the submission, a contributor, a wrong password, a dossier that
    changed since it was read, an approval while other findings keep the gate closed or before its turn, conditions
    that the policy does not allow, a second identical vote.
    """
    authorise(actor, "sign_off" if delegation is None else "sign_for_another", version.model.project)
    version = _lock(version)
    next_state("sign", version.state)
    meaning = clean_name(meaning, "meaning", limit=300)
    reason = clean_text(reason, "reason", required=decision != Decision.APPROVE)
    now = auditlog.database_now()
    membership = _find_role(version, role, decision, delegation, now, actor)
    proved = reauthenticate(actor.user, password, challenge=challenge_for("sign_off", dossier_digest))
    dossier = collect(version)
    _check_reading(dossier, dossier_digest)
    _check_duties(dossier, delegation, actor)
    _check_rejected(dossier, role, actor)
    _check_decision(dossier, role, decision, conditions)
    snapshot = keep(dossier)
    last = SignOff.objects.filter(version=version, signer=actor.user, role=role).order_by("pk").last()
    if last is not None and (last.dossier_id, last.decision) == (snapshot.digest, decision):
        raise Duplicate("You have signed exactly this already, and it stands.")
    signed = SignOff.objects.create(
        version=version,
        dossier=snapshot,
        signer=actor.user,
        signer_name=actor.user.get_full_name(),
        role=role,
        decision=decision,
        meaning=meaning,
        reason=reason,
        authentication=proved,
        membership=membership,
        delegation=delegation,
        signed_at=dossier.as_of,
    )
    recorded = _set_conditions(signed, conditions, dossier)
    moved = _settle(version, decision, cast_vote(dossier, signed, recorded))
    entry = _log_signature(signed, recorded, dossier, moved, actor)
    auditlog.stamp(signed, entry)
    return signed


def _lock(version: ModelVersion) -> ModelVersion:
    return ModelVersion.objects.select_for_update(of=("self",)).select_related("model__project").get(pk=version.pk)


def _find_role(
    version: ModelVersion, role: str, decision: str, delegation: Delegation | None, now: datetime, actor: Actor
) -> Membership:
    """The membership by which this vote is cast, locked so that it cannot end meanwhile."""
    if role not in SIGNING_ROLES:
        raise InvalidInput(f"“role” must be one of {', '.join(SIGNING_ROLES)}.", field="role")
    if decision not in Decision.values:
        raise InvalidInput(f"“decision” must be one of {', '.join(Decision.values)}.", field="decision")
    project = version.model.project
    holder = actor.user if delegation is None else _find_delegator(version, role, delegation, now, actor)
    held = Membership.objects.current().select_for_update(of=("self",))
    membership = held.filter(project=project, user=holder, role=role, user__is_active=True).first()
    if membership is None:
        spoken = "You are" if holder == actor.user else f"{holder} is"
        raise NotPermitted(f"{spoken} not {role} in {project.name}.")
    check_recorded([membership])
    if not is_established(membership, version.submitted_at, now):
        raise NotPermitted(
            "This role was granted after the version was submitted. A second administrator has to confirm it first.",
            code="role_not_confirmed",
        )
    return membership


def _find_delegator(version: ModelVersion, role: str, delegation: Delegation, now: datetime, actor: Actor) -> User:
    """Whose right is used. A delegation lends a right for a time; it makes none."""
    standing = Delegation.objects.standing(now=now).select_for_update(of=("self",)).select_related("from_user")
    found = standing.filter(pk=delegation.pk, project=version.model.project_id, to_user=actor.user, role=role).first()
    if found is None:
        raise NotPermitted("This delegation is not yours, not for this role and project, or not for today.")
    return found.from_user


def _check_reading(dossier: Dossier, seen: str) -> None:
    if seen != dossier.digest:
        raise StaleReading(
            "The dossier changed after you opened it. Read what changed, then sign the present one.",
            code="dossier_changed",
            field="dossier_digest",
        )


def _check_duties(dossier: Dossier, delegation: Delegation | None, actor: Actor) -> None:
    """Nobody signs what they contributed to, and nobody has another person sign it for them."""
    people = [actor.user] if delegation is None else [actor.user, delegation.from_user]
    for person in people:
        if not dossier.solo_mode and not duties_are_separate(person, dossier.contributor_person_keys):
            who = "You" if person == actor.user else str(person)
            raise NotPermitted(
                f"{who} contributed to this dossier, so somebody else must sign it.", code="duties_not_separate"
            )


def _check_rejected(dossier: Dossier, role: str, actor: Actor) -> None:
    """A rejected version takes one kind of vote: another word of whoever rejected it."""
    if dossier.state != State.REJECTED:
        return
    own = {(item.signer_person_key, item.role) for item in standing_refusals(dossier)}
    if (actor.user.person_key, role) not in own:
        raise TransitionNotAllowed("This version is rejected. Only whoever rejected it can take that back.")


def _check_decision(dossier: Dossier, role: str, decision: str, conditions: Sequence[ConditionGiven]) -> None:
    """What the gate and the policy say to this decision now."""
    _check_conditions(dossier, decision, conditions)
    if decision not in APPROVALS:
        return
    decided = judge(dossier)
    if not decided.is_ready_to_sign:
        gaps = [finding for finding in decided.closing if finding.area != Area.SIGN_OFFS]
        raise GateClosed("This dossier cannot be approved while these findings stand.", gaps)
    if not is_their_turn(dossier, role, before=None, approvals=counting_approvals(dossier)):
        raise TransitionNotAllowed("The policy asks for its sign-offs in order, and an earlier one is missing.")


def _check_conditions(dossier: Dossier, decision: str, conditions: Sequence[ConditionGiven]) -> None:
    if (decision == Decision.APPROVE_WITH_CONDITIONS) != bool(conditions):
        raise InvalidInput("“Approve with conditions”, and only that, needs conditions.", field="conditions")
    if conditions and not dossier.policy.conditions.allowed:
        raise InvalidInput("The policy of this dossier does not allow approval with conditions.", field="decision")
    if len(conditions) > MOST_CONDITIONS:
        raise InvalidInput(f"At most {MOST_CONDITIONS} conditions.", field="conditions")
    longest = timedelta(days=dossier.policy.conditions.longest_days)
    for condition in conditions:
        due_at = condition["due_at"]
        if due_at.tzinfo is None or not dossier.as_of < due_at <= dossier.as_of + longest:
            raise InvalidInput(
                f"A condition is due within {longest.days} days from now; give the time zone.", field="conditions"
            )
        if not condition["owner"].is_active:
            raise InvalidInput("The owner of a condition needs an open account.", field="conditions")


def _set_conditions(signed: SignOff, conditions: Sequence[ConditionGiven], dossier: Dossier) -> list[Condition]:
    project = signed.version.model.project
    members = set(Membership.objects.current().filter(project=project).values_list("user_id", flat=True))
    if any(given["owner"].pk not in members for given in conditions):
        raise InvalidInput("The owner of a condition needs a role in the project.", field="conditions")
    return [
        Condition.objects.create(
            sign_off=signed,
            version=signed.version,
            text=clean_name(given["text"], "conditions.text", limit=500),
            owner=given["owner"],
            due_at=given["due_at"],
        )
        for given in conditions
    ]


def _settle(version: ModelVersion, decision: str, voted: Dossier) -> dict[str, str]:
    """What the vote does to the version's state. An emergency release keeps its own until it ends."""
    if version.state == State.EMERGENCY:
        return {}
    if decision == Decision.REJECT and version.state != State.REJECTED:
        return move(version, "reject")
    if decision in REFUSALS:
        return move(version, "return") if version.state != State.REJECTED else {}
    return _move_by_gate(version, voted)


def _move_by_gate(version: ModelVersion, voted: Dossier) -> dict[str, str]:
    """An open gate approves; one that closed again takes the approval back; a rejection that is gone reopens review."""
    moved: dict[str, str] = {}
    if version.state == State.REJECTED:
        if any(item.decision == Decision.REJECT for item in standing_refusals(voted)):
            return {}
        moved |= move(version, "reopen")
    is_open = judge(voted).is_open
    if version.state == State.IN_REVIEW and is_open:
        moved |= move(version, "approve")
    elif version.state == State.APPROVED and not is_open:
        moved |= move(version, "reconsider")
    return moved


def _log_signature(
    signed: SignOff, conditions: Sequence[Condition], dossier: Dossier, moved: dict[str, str], actor: Actor
) -> AuditLogEntry:
    version = signed.version
    data: dict[str, Any] = {
        "dossier": dossier.digest,
        "policy": dossier.policy.digest,
        "role": signed.role,
        "decision": signed.decision,
        "meaning": signed.meaning,
        "signer": signed.signer_id,
        "signer_name": signed.signer_name,
        "authentication": signed.authentication,
        "states": moved,
    }
    if signed.delegation is not None:
        data["delegation"] = {"id": signed.delegation_id, "from": signed.delegation.from_user_id}
    if conditions:
        data["conditions"] = [
            {"id": item.pk, "text": item.text, "owner": item.owner_id, "due_at": item.due_at.isoformat()}
            for item in conditions
        ]
    return auditlog.append(
        "sign_off.given",
        actor=actor,
        subject=Subject("sign_off", signed.pk, str(signed), dossier.digest),
        project=version.model.project,
        related=[about_version(version), about_model(version.model)],
        data=data,
        reason=signed.reason[:2_000],
    )


@record_refusal("overrule.refused")
@transaction.atomic
def overrule_refusal(refused: SignOff, *, role: str, reason: str, password: str | Proof, actor: Actor) -> Overrule:
    """Set a refusal aside, in the role that the policy names. It stays on record, and so does this.

    Nobody overrules a refusal of what they contributed to; whoever refused takes it back by another vote instead.
    """
    project = refused.version.model.project
    authorise(actor, "overrule_refusal", project)
    version = _lock(refused.version)
    next_state("overrule", version.state)
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    reauthenticate(actor.user, password, challenge=challenge_for("overrule_refusal", refused.pk))
    dossier = collect(version)
    _check_overruling(dossier, version, refused, role, actor)
    _check_duties(dossier, None, actor)
    overrule = Overrule.objects.create(
        sign_off=refused, role=role, reason=reason, overruled_by=actor.user, overruled_at=dossier.as_of
    )
    remaining = [item for item in standing_refusals(dossier) if item.id != refused.pk]
    rejected = any(item.decision == Decision.REJECT for item in remaining)
    moved = move(version, "reopen") if version.state == State.REJECTED and not rejected else {}
    entry = auditlog.append(
        "sign_off.overruled",
        actor=actor,
        subject=Subject("sign_off", refused.pk, str(refused), refused.dossier_id),
        project=project,
        related=[about_version(version), about_model(version.model)],
        data={"role": role, "states": moved},
        reason=reason,
    )
    auditlog.stamp(overrule, entry)
    return overrule


def _check_overruling(dossier: Dossier, version: ModelVersion, refused: SignOff, role: str, actor: Actor) -> None:
    entitled = dossier.policy.overrule_role
    if not entitled:
        raise NotPermitted("The policy of this dossier lets nobody overrule a refusal; its author has to vote again.")
    if role != entitled or find_deciding_role(version, actor.user, [role], dossier.as_of) is None:
        raise NotPermitted(f"The policy of this dossier lets only a person in the role {entitled} overrule a refusal.")
    if refused.signer.person_key == actor.user.person_key:
        raise NotPermitted("Take your own refusal back by voting again.")
    if refused.pk not in {item.id for item in standing_refusals(dossier)}:
        raise Duplicate("This refusal does not stand any more.")


@record_refusal("condition.refused")
@transaction.atomic
def fulfil_condition(condition: Condition, *, how: str, password: str | Proof, actor: Actor) -> Condition:
    """Say that a condition is fulfilled. That is for the role that set it, and never for whoever had to fulfil it."""
    project = condition.version.model.project
    authorise(actor, "sign_off", project)
    version = _lock(condition.version)
    condition = (
        Condition.objects.select_for_update(of=("self",)).select_related("sign_off", "owner").get(pk=condition.pk)
    )
    how = clean_text(how, "how", required=True, limit=2_000)
    if condition.fulfilled_at is not None:
        raise Duplicate("This condition is fulfilled already.")
    role = condition.sign_off.role
    if find_deciding_role(version, actor.user, [role], auditlog.database_now()) is None:
        raise NotPermitted(f"A {role} set this condition, so a {role} says that it is fulfilled.")
    if condition.owner.person_key == actor.user.person_key:
        raise NotPermitted("You had to fulfil this condition, so somebody else must say that it is fulfilled.")
    reauthenticate(actor.user, password, challenge=challenge_for("fulfil_condition", condition.pk))
    dossier = collect(version)
    _check_duties(dossier, None, actor)
    condition.fulfilled_by, condition.fulfilled_at, condition.fulfilled_how = actor.user, dossier.as_of, how
    condition.save(update_fields=["fulfilled_by", "fulfilled_at", "fulfilled_how"])
    moved = _move_by_gate(version, fulfil(dossier, condition)) if version.state == State.IN_REVIEW else {}
    auditlog.append(
        "condition.fulfilled",
        actor=actor,
        subject=Subject("condition", condition.pk, condition.text[:200]),
        project=project,
        related=[about_version(version), about_model(version.model)],
        data={"states": moved},
        reason=how,
    )
    return condition
