"""Promotion policies: proposed by one person, adopted by another. What was submitted before keeps its own."""

from __future__ import annotations

from django.db import transaction

from governance import auditlog
from governance.actors import Actor
from governance.auditlog import Subject
from governance.dossier_records import read_bodies, records
from governance.exceptions import (
    Duplicate,
    IntegrityBroken,
    NotPermitted,
    TransitionNotAllowed,
)
from governance.models import AuditLogEntry, PolicyText, Project, PromotionPolicy
from governance.permissions import authorise
from governance.policies_in_force import read_policy
from governance.policy_fit import check_order, check_proposal, list_lacking_people
from governance.reauthentication import Proof, challenge_for, reauthenticate
from governance.refusals import record_refusal
from governance.text import clean_text


@transaction.atomic
def propose_policy(
    project: Project, *, risk_tier: str, environment: str, text: str, reason: str, actor: Actor
) -> PromotionPolicy:
    """Propose the next version of the project's policy for a tier and an environment. It is in force once adopted.

    Refuses a degenerate text with line and key, one that speaks of another tier or environment or has not the next
    version number, one that is in force already, and a second proposal beside an open one.
    """
    authorise(actor, "propose_policy", project)
    project = Project.objects.select_for_update().get(pk=project.pk)
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    policy = check_proposal(project, risk_tier=risk_tier, environment=environment, text=text)
    versions = PromotionPolicy.objects.filter(project=project, risk_tier=risk_tier, environment=environment)
    if versions.open().exists():
        raise Duplicate("A proposal for this tier and environment is open: adopt or withdraw it first.")
    kept, _made = PolicyText.objects.get_or_create(digest=policy.digest, defaults={"text": policy.text})
    proposed = PromotionPolicy.objects.create(
        project=project,
        risk_tier=risk_tier,
        environment=environment,
        number=policy.version,
        text=kept,
        reason=reason,
        proposed_by=actor.user,
        proposed_at=auditlog.database_now(),
    )
    _log("policy.proposed", proposed, actor, reason)
    return proposed


@record_refusal("policy.refused")
@transaction.atomic
def adopt_policy(policy: PromotionPolicy, *, password: str | Proof, actor: Actor) -> PromotionPolicy:
    """Put a proposal in force for everything that is submitted from now on. A second person's act, never a token's.

    Refuses the person who proposed it, whichever login they use; a text that is not as it was proposed; and a policy
    that the project's present people could never satisfy.
    """
    authorise(actor, "adopt_policy", policy.project)
    policy = _lock(policy)
    _check_open(policy)
    _check_recorded(policy)
    if actor.user.person_key == policy.proposed_by.person_key:
        raise NotPermitted("You proposed this policy, so somebody else must adopt it.", code="duties_not_separate")
    proved = reauthenticate(actor.user, password, challenge=challenge_for("adopt_policy", policy.text_id))
    meant = read_policy(policy.text_id)
    check_order(meant, policy.project)
    lacking = list_lacking_people(meant, policy.project)
    if lacking:
        raise TransitionNotAllowed(
            "Nothing could ever be released under this policy: " + " ".join(lacking) + " Grant the roles first.",
            code="policy_unsatisfiable",
        )
    policy.adopted_by = actor.user
    policy.adopted_at = auditlog.database_now()
    policy.save(update_fields=["adopted_by", "adopted_at"])
    _log("policy.adopted", policy, actor, authentication=proved)
    return policy


@transaction.atomic
def withdraw_policy(policy: PromotionPolicy, *, reason: str, actor: Actor) -> PromotionPolicy:
    """Take a proposal back before anybody adopts it. What is in force is only replaced, by two people."""
    authorise(actor, "withdraw_policy", policy.project)
    policy = _lock(policy)
    _check_open(policy)
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    policy.withdrawn_by = actor.user
    policy.withdrawn_at = auditlog.database_now()
    policy.save(update_fields=["withdrawn_by", "withdrawn_at"])
    _log("policy.withdrawn", policy, actor, reason)
    return policy


def _lock(policy: PromotionPolicy) -> PromotionPolicy:
    """The proposal, with its project locked first: whoever proposes or adopts in a project waits for the other."""
    Project.objects.select_for_update().get(pk=policy.project_id)
    rows = PromotionPolicy.objects.select_for_update(of=("self",)).select_related("project", "proposed_by")
    return rows.get(pk=policy.pk)


def _check_open(policy: PromotionPolicy) -> None:
    if policy.adopted_at is not None:
        raise Duplicate("This policy is adopted already. To replace it, propose its next version.")
    if policy.withdrawn_at is not None:
        raise TransitionNotAllowed("This proposal was withdrawn. Propose it again as the next version.")


def _check_recorded(policy: PromotionPolicy) -> None:
    """A proposal that the log does not record, or records otherwise, was not made through any door of ours."""
    entry = AuditLogEntry.objects.about("policy", policy.pk).filter(type="policy.proposed").first()
    body = read_bodies([entry.pk]).get(entry.pk) if entry else None
    said = (body["data"].get("digest"), body["actor"]["id"]) if body is not None else None
    is_recorded = records(body, "policy.proposed", "policy", policy.pk)
    if not is_recorded or said != (policy.text_id, policy.proposed_by_id):
        raise IntegrityBroken("The log does not record this proposal as it stands here. Ask an operator to verify it.")


def _log(type: str, policy: PromotionPolicy, actor: Actor, reason: str = "", **further: str) -> None:
    auditlog.append(
        type,
        actor=actor,
        subject=Subject("policy", policy.pk, str(policy), policy.text_id),
        project=policy.project,
        data={
            "risk_tier": policy.risk_tier,
            "environment": policy.environment,
            "number": policy.number,
            "digest": policy.text_id,
            **further,
        },
        reason=reason,
    )
