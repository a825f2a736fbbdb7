"""How each part of a dossier is read. The number of queries does not grow with what is recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch

from governance.dossier_items import (
    ArtifactItem,
    ContributorItem,
    CriterionItem,
    DatasetItem,
    DerivationItem,
    EvidenceItem,
    ModelItem,
    ProofOfConceptItem,
    RequirementItem,
    RiskAssessmentItem,
    SuccessCriterionItem,
    VersionItem,
    WaiverItem,
    instant,
)
from governance.evaluation_reading import read_measures
from governance.models import (
    AuditLogEntry,
    DatasetUse,
    DatasetVersion,
    Derivation,
    Evaluation,
    Evidence,
    LogSubject,
    ModelVersion,
    ProofOfConcept,
    RegisteredModel,
    RiskAssessment,
    SuccessCriterion,
    User,
    Waiver,
)
from governance.questionnaire import parse_questionnaire

WITH_EVALUATION = ("evaluation__version", "evaluation__dataset_version__dataset")
# What a person does that makes the dossier theirs. Signing, promoting, reading and reporting do not.
CONTRIBUTING = (
    "model.registered",
    "model.described",
    "model.tiered",
    "template.written",
    "requirements.generated",
    "requirement.written",
    "requirement.withdrawn",
    "proof_of_concept.written",
    "proof_of_concept.decided",
    "dataset.registered",
    "dataset_version.registered",
    "version.registered",
    "version.described",
    "version.submitted",
    "dataset_use.declared",
    "evidence.submitted",
    "evaluation.requested",
    "evaluation.cancelled",
    "dataset_version.recalled",
    "waiver.granted",
    "dossier.answered",
)


def read_model(model: RegisteredModel) -> ModelItem:
    return ModelItem(
        model.pk,
        model.name,
        model.project.name,
        model.owner.get_full_name(),
        model.description,
        model.intended_use,
        model.out_of_scope_uses,
        model.affected_people,
        model.risk_tier,
        model.risk_tier_rationale,
        read_risk_assessment(model),
    )


def read_risk_assessment(model: RegisteredModel) -> RiskAssessmentItem | None:
    """The newest answers, in the words of the questionnaire as it was when they were given."""
    row = RiskAssessment.objects.filter(model=model).select_related("answered_by").order_by("-pk").first()
    if row is None:
        return None
    asked = parse_questionnaire(row.questionnaire, row.text)
    told = []
    for question in asked.questions:
        answer = question.find(row.answers.get(question.key, ""))
        told.append((question.text, answer.text if answer else ""))
    return RiskAssessmentItem(
        asked.name,
        asked.version,
        asked.digest,
        tuple(told),
        tuple(row.reasons),
        row.answered_by.get_full_name(),
        instant(row.answered_at),
    )


def read_version(version: ModelVersion) -> VersionItem:
    artifacts = tuple(ArtifactItem(item.name, item.digest, item.size) for item in version.artifacts.all())
    return VersionItem(
        version.pk,
        version.number,
        artifacts,
        version.artifact_location,
        version.source_run,
        version.training_code,
        version.parent_id,
        version.notes,
        version.created_by.get_full_name(),
        instant(version.created_at),
    )


def read_proof_of_concept(model: RegisteredModel) -> ProofOfConceptItem | None:
    found = (
        ProofOfConcept.objects.filter(model=model)
        .select_related("decided_by")
        .prefetch_related(Prefetch("success_criteria", SuccessCriterion.objects.select_related(*WITH_EVALUATION)))
        .first()
    )
    if found is None:
        return None
    criteria = tuple(
        SuccessCriterionItem(
            item.statement,
            item.metric,
            item.population,
            item.comparator,
            decimal_text(item.threshold),
            item.evaluation_id,
            measured_value(item.evaluation, item.metric, item.population),
            item.evaluation.version.number if item.evaluation else None,
        )
        for item in found.success_criteria.all()
    )
    decider = found.decided_by.get_full_name() if found.decided_by else ""
    return ProofOfConceptItem(
        found.problem_statement,
        found.risks,
        found.open_questions,
        criteria,
        found.decision,
        found.decision_reason,
        decider,
        instant(found.decided_at),
    )


def measured_value(evaluation: Evaluation | None, metric: str, population: str) -> float | None:
    """The number an evaluation measured, if it did."""
    if evaluation is None:
        return None
    for measure in read_measures(evaluation):
        if (measure.metric, measure.population) == (metric, population):
            return measure.value
    return None


def decimal_text(value: Any) -> str:
    return f"{value.normalize():f}"


def read_requirements(version: ModelVersion) -> tuple[RequirementItem, ...]:
    through = Evidence.requirements.through.objects.filter(
        evidence__version=version, evidence__superseded_by=None
    ).values_list("requirement_id", "evidence_id")
    offered: dict[int, list[int]] = {}
    for requirement_id, evidence_id in sorted(through):
        offered.setdefault(requirement_id, []).append(evidence_id)
    rows = version.model.requirements.filter(withdrawn_at=None).prefetch_related("criteria")
    return tuple(
        RequirementItem(
            row.pk,
            row.key,
            row.title,
            row.statement,
            row.source,
            tuple(
                CriterionItem(
                    f"{row.key}.{criterion.position}",
                    criterion.metric,
                    criterion.comparator,
                    decimal_text(criterion.threshold),
                    criterion.population,
                    criterion.dataset_role,
                    criterion.severity,
                )
                for criterion in row.criteria.all()
            ),
            tuple(offered.get(row.pk, ())),
        )
        for row in rows
    )


def read_lineage(version: ModelVersion) -> tuple[tuple[DatasetItem, ...], tuple[DerivationItem, ...]]:
    """Datasets used, and everything they were derived from. All derivations of the project are read at once, so that
    the depth of the lineage does not cost queries."""
    uses = DatasetUse.objects.filter(version=version).select_related("dataset_version__dataset").order_by("role", "pk")
    datasets = tuple(_dataset_item(use.role, use.dataset_version) for use in uses)
    known = Derivation.objects.filter(derived__dataset__project=version.model.project_id).select_related(
        "derived__dataset", "source__dataset"
    )
    by_derived: dict[int, list[Derivation]] = {}
    for derivation in known.order_by("pk"):
        by_derived.setdefault(derivation.derived_id, []).append(derivation)
    reached, queue, found = set(), [item.dataset_version_id for item in datasets], []
    while queue:
        current = queue.pop(0)
        if current not in reached:
            reached.add(current)
            found += by_derived.get(current, [])
            queue += [derivation.source_id for derivation in by_derived.get(current, [])]
    return datasets, tuple(
        DerivationItem(
            item.derived_id,
            str(item.derived),
            item.source_id,
            str(item.source),
            item.source.digest,
            item.description,
            item.source.recall_reason,
        )
        for item in found
    )


def _dataset_item(role: str, version: DatasetVersion) -> DatasetItem:
    dataset = version.dataset
    return DatasetItem(
        role,
        version.pk,
        dataset.name,
        version.number,
        version.digest,
        version.row_count,
        dataset.source,
        dataset.licence,
        dataset.personal_data,
        tuple(version.sensitive_columns),
        version.recall_reason,
    )


def read_evidence(version: ModelVersion) -> tuple[EvidenceItem, ...]:
    rows = version.evidence.current().select_related("file", "submitted_by").order_by("kind", "pk")
    return tuple(
        EvidenceItem(
            row.pk,
            row.kind,
            row.title,
            row.digest,
            row.file.size if row.file else None,
            row.file_name,
            row.content,
            instant(row.observed_at),
            instant(row.received_at),
            row.submitted_by.get_full_name(),
            row.log_index,
            row.supersedes_id,
        )
        for row in rows
    )


def read_waivers(version: ModelVersion) -> tuple[WaiverItem, ...]:
    rows = Waiver.objects.filter(version=version).select_related("granted_by")
    return tuple(
        WaiverItem(
            row.pk, row.finding_key, row.gap, row.reason, instant(row.expires_at), row.granted_by.get_full_name()
        )
        for row in rows
    )


def read_contributors(
    version: ModelVersion, dataset_version_ids: Iterable[int]
) -> tuple[tuple[ContributorItem, ...], frozenset[str]]:
    """Everybody whom the log names as having touched any part, with what they did; and their person keys.

    ``dataset_version_ids`` are the dataset versions used and all that they were derived from.
    """
    data = set(dataset_version_ids)
    datasets = DatasetVersion.objects.filter(pk__in=data).values("dataset_id")
    entries = AuditLogEntry.objects.filter(type__in=CONTRIBUTING)
    # An entry that names the model because it is about another version of it is no touch of this one; nor is one that
    # names the dataset because it is about another version of that.
    of_a_version = LogSubject.objects.filter(entry=OuterRef("pk"), kind="version")
    generated = AuditLogEntry.objects.about("model", version.model_id).filter(
        Exists(LogSubject.objects.filter(entry=OuterRef("pk"), kind="template")), type="requirements.generated"
    )
    templates = LogSubject.objects.filter(entry__in=generated.values("pk"), kind="template").values("object_id")
    touches = [
        entries.filter(subjects__kind="model", subjects__object_id=version.model_id).exclude(Exists(of_a_version)),
        entries.filter(subjects__kind="version", subjects__object_id=version.pk),
        entries.filter(subjects__kind="dataset_version", subjects__object_id__in=data),
        entries.filter(subjects__kind="dataset", subjects__object_id__in=datasets, type="dataset.registered"),
        # Whoever wrote the template wrote the criteria made from it; what was written later did not reach them.
        entries.filter(
            subjects__kind="template", subjects__object_id__in=templates, index__lt=generated.values("index")[:1]
        ).filter(type="template.written"),
    ]
    did: dict[int, set[str]] = {}
    for touch in touches:
        for actor_id, type in touch.order_by().values_list("actor_id", "type").distinct():
            did.setdefault(actor_id, set()).add(type)
    people = User.objects.filter(pk__in=did, is_system=False).order_by("pk")
    contributors = tuple(ContributorItem(user.pk, user.get_full_name(), tuple(sorted(did[user.pk]))) for user in people)
    return contributors, frozenset(user.person_key for user in people)
