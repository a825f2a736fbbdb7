"""Putting a version before its reviewers: from here on it is judged by the policy in force now."""

from __future__ import annotations

from django.db import transaction

from governance import auditlog
from governance.actors import Actor
from governance.amendment import about_model, about_version, move
from governance.dossier import collect, keep
from governance.exceptions import TransitionNotAllowed
from governance.lifecycle import next_state
from governance.models import ModelVersion, PocDecision, PolicyText, ProofOfConcept
from governance.permissions import authorise
from governance.policies_in_force import policy_in_force


@transaction.atomic
def submit_version(version: ModelVersion, *, environment: str = "production", actor: Actor) -> ModelVersion:
    """Put a version before its reviewers, for one environment. Needs a proof of concept with a recorded go.

    The policy in force for its tier and that environment is bound to it by digest: a policy adopted later touches only
    what is submitted later. The dossier as it is now is kept. Other gaps are the gate's.
    """
    project = version.model.project
    authorise(actor, "submit_version", project)
    version = ModelVersion.objects.select_for_update(of=("self",)).select_related("model__project").get(pk=version.pk)
    next_state("submit", version.state)
    policy = policy_in_force(project, version.model.risk_tier, environment)
    PolicyText.objects.get_or_create(digest=policy.digest, defaults={"text": policy.text})
    moved = move(version, "submit")
    version.target_environment, version.policy_digest = environment, policy.digest
    version.submitted_at = auditlog.database_now()
    version.save(update_fields=["submitted_at", "target_environment", "policy_digest"])
    if not ProofOfConcept.objects.filter(model=version.model_id, decision=PocDecision.GO).exists():
        raise TransitionNotAllowed(
            "A version enters review only from a proof of concept with a recorded go. Record it for this model first."
        )
    auditlog.append(
        "version.submitted",
        actor=actor,
        subject=about_version(version),
        project=project,
        related=[about_model(version.model)],
        data={"environment": environment, "policy": policy.digest, "states": moved},
    )
    keep(collect(version))
    return version
