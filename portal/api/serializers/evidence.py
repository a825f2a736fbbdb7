"""Evidence and evaluations."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from governance.models import (
    DatasetRole,
    DatasetVersion,
    Evaluation,
    EvaluationKind,
    Evidence,
    EvidenceKind,
    InputRole,
    Requirement,
    WorkStatus,
)
from portal.api.fields import FreeObject, Instant, Reference, Strict, Text, listed, optional_text
from portal.api.serializers.people import Person

MOST_REQUIREMENTS = 200


class FileShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    digest = serializers.CharField()
    size = serializers.IntegerField()
    media_type = serializers.CharField()


class EvidenceShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    version = serializers.IntegerField(source="version_id")
    kind = serializers.ChoiceField(choices=EvidenceKind.choices)
    title = serializers.CharField()
    description = serializers.CharField()
    content = FreeObject(allow_null=True)
    file = serializers.SerializerMethodField()
    digest = serializers.CharField(help_text="Of the file where there is one, else of the content.")
    content_digest = serializers.CharField()
    requirements = serializers.SerializerMethodField()
    supersedes = serializers.IntegerField(source="supersedes_id", allow_null=True)
    superseded_by = serializers.SerializerMethodField()
    observed_at = serializers.DateTimeField(help_text="When it was measured, in the submitter's words.")
    received_at = serializers.DateTimeField(help_text="When it came here.")
    submitted_by = Person()
    log_index = serializers.IntegerField(allow_null=True)

    @extend_schema_field(FileShape(allow_null=True))
    def get_file(self, evidence: Evidence) -> dict[str, Any] | None:
        if evidence.file is None:
            return None
        return {
            "name": evidence.file_name,
            "digest": evidence.file_id,
            "size": evidence.file.size,
            "media_type": evidence.media_type,
        }

    def get_requirements(self, evidence: Evidence) -> list[int]:
        return [item.pk for item in evidence.requirements.all()]

    def get_superseded_by(self, evidence: Evidence) -> int | None:
        successor = getattr(evidence, "superseded_by", None)
        return successor.pk if successor else None


METRICS_EXAMPLE = {
    "kind": "metrics",
    "title": "Cross-validated metrics",
    "observed_at": "2026-11-20T09:30:00Z",
    "content": {"metrics": [{"name": "accuracy", "value": 0.78, "population": "overall", "dataset_role": "test"}]},
}


@extend_schema_serializer(examples=[OpenApiExample("Metrics", METRICS_EXAMPLE, request_only=True)])
class SubmitEvidence(Strict):
    kind = serializers.ChoiceField(choices=EvidenceKind.choices)
    title = Text()
    observed_at = Instant()
    description = optional_text()
    content = FreeObject(required=False, allow_null=True, default=None)
    requirements = listed(
        Reference(Requirement.objects.all(), noun="requirement"), most=MOST_REQUIREMENTS, required=False, default=list
    )
    supersedes = Reference(Evidence.objects.all(), noun="evidence", required=False, allow_null=True, default=None)


class UploadEvidence(serializers.Serializer[Any]):
    """Only described, never run: UploadParser and SubmitEvidence read it."""

    file = serializers.FileField()
    metadata = serializers.CharField(
        required=False, help_text="All fields of SubmitEvidence as one JSON object. Or send them one by one:"
    )
    kind = serializers.ChoiceField(choices=EvidenceKind.choices, required=False)
    title = serializers.CharField(required=False)
    observed_at = serializers.DateTimeField(required=False)
    description = serializers.CharField(required=False)
    requirements = serializers.CharField(required=False, help_text="A JSON list of ids, such as [3, 4].")
    supersedes = serializers.CharField(required=False, help_text="An id.")
    content = serializers.CharField(required=False, help_text="A JSON object.")


class EvaluationInputShape(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=InputRole.choices)
    evidence = serializers.IntegerField(source="evidence_id")


class EvaluationShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    version = serializers.IntegerField(source="version_id")
    kind = serializers.ChoiceField(choices=EvaluationKind.choices)
    status = serializers.ChoiceField(choices=WorkStatus.choices)
    dataset_version = serializers.IntegerField(source="dataset_version_id")
    dataset_role = serializers.ChoiceField(choices=DatasetRole.choices)
    evidence = serializers.IntegerField(source="evidence_id")
    inputs = EvaluationInputShape(many=True, source="inputs.all", help_text="Further evidence it reads, by role.")
    spec = FreeObject()
    progress = serializers.CharField()
    failure = serializers.CharField()
    result_digest = serializers.CharField()
    requested_by = Person()
    requested_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class EvaluationWithResult(EvaluationShape):
    result = serializers.SerializerMethodField()

    @extend_schema_field({"type": ["object", "null"], "additionalProperties": True})
    def get_result(self, evaluation: Evaluation) -> Any:
        return json.loads(evaluation.result) if evaluation.result else None


BIAS_EXAMPLE = {
    "kind": "bias_audit",
    "evidence": 1,
    "dataset_role": "test",
    "spec": {
        "task": "binary",
        "columns": {"y_true": "y_true", "y_pred": "y_pred", "id": "row_id"},
        "positive_label": "1",
        "sensitive": ["sex"],
        "minimum_group_size": 20,
        "intervals": {"draws": 1000, "level": 0.95},
        "seed": 7,
    },
}


def _an_input() -> Reference:
    return Reference(Evidence.objects.all(), noun="evidence", required=False)


class EvaluationInputs(Strict):
    """Further evidence by role; which roles a kind of evaluation knows, its refusal says."""

    predictions = _an_input()
    sensitive_file = _an_input()
    data = _an_input()
    background = _an_input()
    training = _an_input()
    source = _an_input()


@extend_schema_serializer(examples=[OpenApiExample("A bias audit", BIAS_EXAMPLE, request_only=True)])
class RequestEvaluation(Strict):
    kind = serializers.ChoiceField(choices=EvaluationKind.choices)
    evidence = Reference(Evidence.objects.all(), noun="evidence")
    spec = FreeObject()
    inputs = EvaluationInputs(required=False, default=dict)
    dataset_role = serializers.ChoiceField(choices=DatasetRole.choices, required=False, default=DatasetRole.TEST)
    dataset_version = Reference(
        DatasetVersion.objects.all(), noun="dataset version", required=False, allow_null=True, default=None
    )
