"""Asking for an evaluation: the row that is written here is the queue."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from governance import auditlog, runner, tasks
from governance.actors import Actor
from governance.amendment import about_evaluation, lock_and_amend, version_and_model
from governance.auditlog import Subject
from governance.canonical import canonical_digest
from governance.exceptions import InvalidInput
from governance.models import (
    DatasetRole,
    DatasetUse,
    DatasetVersion,
    Evaluation,
    EvaluationKind,
    Evidence,
    EvidenceKind,
    ModelVersion,
)
from governance.permissions import authorise


@transaction.atomic
def request_evaluation(
    version: ModelVersion,
    *,
    kind: str,
    evidence: Evidence,
    spec: dict[str, Any],
    dataset_role: str = DatasetRole.TEST,
    dataset_version: DatasetVersion | None = None,
    actor: Actor,
) -> Evaluation:
    """Ask the laboratory to evaluate submitted evidence (predictions or SHAP values) on a declared dataset version.

    Refuses a specification that the laboratory would refuse, evidence of another version or kind or that is
    superseded, and a dataset that is not declared in this role.
    """
    authorise(actor, "request_evaluation", version.model.project)
    if kind not in EvaluationKind.values:
        raise InvalidInput(f"“kind” must be one of {', '.join(EvaluationKind.values)}.", field="kind")
    checked = runner.check_spec(kind, spec)
    version, moved = lock_and_amend(version)
    _check_evidence(version, kind, evidence)
    used = _declared(version, dataset_role, dataset_version)
    predictions = _newest_predictions(version) if kind == EvaluationKind.EXPLANATION else None
    evaluation = Evaluation.objects.create(
        version=version,
        kind=kind,
        evidence=evidence,
        predictions=predictions,
        spec=checked,
        dataset_version=used,
        dataset_role=dataset_role,
        requested_by=actor.user,
    )
    auditlog.append(
        "evaluation.requested",
        actor=actor,
        subject=about_evaluation(evaluation),
        project=version.model.project,
        related=[*version_and_model(version), Subject("evidence", evidence.pk, evidence.title, evidence.digest)],
        data={
            "kind": kind,
            "dataset_role": dataset_role,
            "dataset_version": used.pk,
            "dataset_digest": used.digest,
            "evidence_digest": evidence.digest,
            "predictions_digest": predictions.digest if predictions else "",
            "spec_digest": canonical_digest(checked),
            "states": moved,
        },
    )
    tasks.run_evaluation.delay_on_commit(evaluation.pk)
    return evaluation


def _check_evidence(version: ModelVersion, kind: str, evidence: Evidence) -> None:
    needed = runner.EVIDENCE_FOR[kind]
    if evidence.version_id != version.pk or evidence.kind != needed:
        raise InvalidInput(f"A {kind} reads evidence of kind “{needed}” of the same version.", field="evidence")
    if Evidence.objects.filter(supersedes=evidence).exists():
        raise InvalidInput("That evidence is superseded; evaluate what took its place.", field="evidence")


def _declared(version: ModelVersion, role: str, wanted: DatasetVersion | None) -> DatasetVersion:
    if role not in DatasetRole.values:
        raise InvalidInput(f"“dataset_role” must be one of {', '.join(DatasetRole.values)}.", field="dataset_role")
    uses = DatasetUse.objects.filter(version=version, role=role).select_related("dataset_version")
    found = [use.dataset_version for use in uses]
    if wanted is not None:
        found = [item for item in found if item.pk == wanted.pk]
    if not found:
        raise InvalidInput(f"Declare first which dataset version is this version's {role} data.", field="dataset_role")
    if len(found) > 1:
        raise InvalidInput(f"Several datasets are declared as {role} data; name one.", field="dataset_version")
    return found[0]


def _newest_predictions(version: ModelVersion) -> Evidence | None:
    """An explanation's rows are matched with the predictions on record, where there are any."""
    return version.evidence.current().filter(kind=EvidenceKind.PREDICTIONS).order_by("-pk").first()
