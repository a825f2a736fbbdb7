"""Asking for an evaluation and cancelling one: the row that is written here is the queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from governance import auditlog, runner, tasks
from governance.actors import Actor
from governance.amendment import about_evaluation, lock_and_amend, version_and_model
from governance.auditlog import Subject
from governance.canonical import canonical_digest
from governance.exceptions import InvalidInput, TransitionNotAllowed
from governance.models import (
    DatasetRole,
    DatasetUse,
    DatasetVersion,
    Evaluation,
    EvaluationInput,
    Evidence,
    EvidenceKind,
    InputRole,
    ModelVersion,
    WorkStatus,
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
    inputs: Mapping[str, Evidence] | None = None,
    actor: Actor,
) -> Evaluation:
    """Ask the laboratory to evaluate submitted evidence on a declared dataset version.

    ``inputs`` is further evidence by role (``InputRole``), such as rows to be explained. Refuses a specification that
    the laboratory would refuse, evidence of another version or kind or that is superseded, and a dataset that is not
    declared in this role.
    """
    authorise(actor, "request_evaluation", version.model.project)
    if kind not in runner.EVIDENCE_FOR:
        raise InvalidInput(f"“kind” must be one of {', '.join(runner.EVIDENCE_FOR)}.", field="kind")
    checked = runner.check_spec(kind, spec, evidence.kind)
    version, moved = lock_and_amend(version)
    _check_evidence(version, f"A {kind}", evidence, runner.EVIDENCE_FOR[kind], "evidence")
    used = _declared(version, dataset_role, dataset_version)
    read = _check_inputs(version, kind, evidence.kind, dict(inputs or {}))
    evaluation = Evaluation.objects.create(
        version=version,
        kind=kind,
        evidence=evidence,
        spec=checked,
        dataset_version=used,
        dataset_role=dataset_role,
        requested_by=actor.user,
    )
    EvaluationInput.objects.bulk_create(
        EvaluationInput(evaluation=evaluation, role=role, evidence=item) for role, item in read.items()
    )
    auditlog.append(
        "evaluation.requested",
        actor=actor,
        subject=about_evaluation(evaluation),
        project=version.model.project,
        related=[*version_and_model(version), Subject("evidence", evidence.pk, evidence.title, evidence.digest)],
        data=_tell_request(evaluation, read) | {"states": moved},
    )
    tasks.run_evaluation.delay_on_commit(evaluation.pk)
    return evaluation


def _tell_request(evaluation: Evaluation, read: Mapping[str, Evidence]) -> dict[str, Any]:
    """What the log says was asked for, and of what: the specification and everything read, by digest."""
    return {
        "kind": evaluation.kind,
        "dataset_role": evaluation.dataset_role,
        "dataset_version": evaluation.dataset_version_id,
        "dataset_digest": evaluation.dataset_version.digest,
        "evidence_digest": evaluation.evidence.digest,
        "inputs": {role: {"evidence": item.pk, "digest": item.digest} for role, item in read.items()},
        "spec_digest": canonical_digest(evaluation.spec),
    }


@transaction.atomic
def cancel_evaluation(evaluation: Evaluation, *, actor: Actor) -> Evaluation:
    """End an evaluation that waits or runs; a worker that computes it stops and writes nothing.

    Refuses one that has ended: its outcome stands.
    """
    version = evaluation.version
    authorise(actor, "request_evaluation", version.model.project)
    locked = Evaluation.objects.select_for_update().get(pk=evaluation.pk)
    if locked.is_finished:
        raise TransitionNotAllowed(f"{locked} has ended ({locked.get_status_display().lower()}); its outcome stands.")
    was = locked.status
    locked.status = WorkStatus.CANCELLED
    locked.lease_owner, locked.lease_until, locked.progress = "", None, ""
    locked.finished_at = timezone.now()
    locked.save(update_fields=["status", "lease_owner", "lease_until", "progress", "finished_at"])
    auditlog.append(
        "evaluation.cancelled",
        actor=actor,
        subject=about_evaluation(locked),
        project=version.model.project,
        related=version_and_model(version),
        data={"kind": locked.kind, "was": was, "attempt": locked.attempts},
    )
    return locked


def _check_evidence(version: ModelVersion, reader: str, evidence: Evidence, kinds: tuple[str, ...], field: str) -> None:
    if evidence.version_id != version.pk or evidence.kind not in kinds:
        needed = " or ".join(f"“{kind}”" for kind in kinds)
        raise InvalidInput(f"{reader} reads evidence of kind {needed} of the same version.", field=field)
    if Evidence.objects.filter(supersedes=evidence).exists():
        raise InvalidInput("That evidence is superseded; evaluate what took its place.", field=field)


def _check_inputs(
    version: ModelVersion, kind: str, evidence_kind: str, inputs: dict[str, Evidence]
) -> dict[str, Evidence]:
    """The further evidence by role. The rows of SHAP values are matched with the predictions on record; a model
    document is applied to rows of its own, and compared with predictions where they are named."""
    known = runner.INPUTS_FOR[kind]
    for role, evidence in inputs.items():
        if role not in known:
            roles = ", ".join(known) or "none"
            raise InvalidInput(f"A {kind} has no input “{role}”; it knows {roles}.", field="inputs")
        _check_evidence(version, f"The input “{role}”", evidence, known[role], "inputs")
    for role in runner.NEEDED_FOR.get((kind, evidence_kind), ()):
        if role not in inputs:
            raise InvalidInput(f"This {kind} needs the input “{role}”.", field="inputs")
    if evidence_kind == EvidenceKind.ATTRIBUTIONS and InputRole.PREDICTIONS not in inputs:
        newest = _newest_predictions(version)
        return inputs | ({InputRole.PREDICTIONS.value: newest} if newest else {})
    return inputs


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
    return version.evidence.current().filter(kind=EvidenceKind.PREDICTIONS).order_by("-pk").first()
