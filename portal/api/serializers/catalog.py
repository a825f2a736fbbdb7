"""Registered models, their requirements and proofs of concept, and model versions."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from governance.lifecycle import State
from governance.models import (
    Comparator,
    DatasetRole,
    Evaluation,
    ModelVersion,
    PocDecision,
    Project,
    RegisteredModel,
    RiskTier,
    Severity,
)
from portal.api.fields import Reference, Strict, Text, Threshold, WholeNumber, optional_text
from portal.api.serializers.people import Person, ProjectName


class VersionName(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=State.choices)


class ModelName(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    project = ProjectName()


class ModelShape(ModelName):
    owner = Person()
    description = serializers.CharField()
    intended_use = serializers.CharField()
    out_of_scope_uses = serializers.CharField()
    affected_people = serializers.CharField()
    risk_tier = serializers.ChoiceField(choices=RiskTier.choices)
    risk_tier_rationale = serializers.CharField()
    revision = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    latest_version = serializers.SerializerMethodField()

    @extend_schema_field(VersionName(allow_null=True))
    def get_latest_version(self, model: RegisteredModel) -> dict[str, Any] | None:
        latest: Any = model
        if latest.latest_id is None:
            return None
        return {"id": latest.latest_id, "number": latest.latest_number, "state": latest.latest_state}


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A triage model",
            {
                "project": 1,
                "name": "Progression triage",
                "intended_use": "Order the call-back list of a clinic.",
                "out_of_scope_uses": "Diagnosis.",
                "affected_people": "Patients of the clinic.",
            },
            request_only=True,
        )
    ]
)
class RegisterModel(Strict):
    project = Reference(Project.objects.all(), noun="project")
    name = Text()
    description = optional_text()
    intended_use = optional_text()
    out_of_scope_uses = optional_text()
    affected_people = optional_text()
    owner = Text(required=False, help_text="The login of the owner; left out, you.")


@extend_schema_serializer(
    examples=[OpenApiExample("New words", {"affected_people": "Adult patients."}, request_only=True)]
)
class DescribeModel(Strict):
    description = Text(required=False)
    intended_use = Text(required=False)
    out_of_scope_uses = Text(required=False)
    affected_people = Text(required=False)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A call-back list in care",
            {
                "questionnaire": "health",
                "answers": {"state": "serious", "role": "drives", "oversight": "clinician", "site": "here"},
                "rationale": "Decides who is called back first.",
            },
            request_only=True,
        )
    ]
)
class AssessRisk(Strict):
    questionnaire = Text(help_text="The key of a questionnaire, such as `general`.")
    answers = serializers.DictField(child=Text(), help_text="Question key to answer key; every question.")
    rationale = Text(help_text="What has to be known to understand the answers.")


class AnswerShape(serializers.Serializer[Any]):
    key = serializers.CharField()
    text = serializers.CharField()
    points = serializers.IntegerField()


class QuestionShape(serializers.Serializer[Any]):
    key = serializers.CharField()
    text = serializers.CharField()
    answers = AnswerShape(many=True)


class QuestionnaireShape(serializers.Serializer[Any]):
    key = serializers.CharField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    digest = serializers.CharField()
    questions = QuestionShape(many=True)


class CriterionShape(serializers.Serializer[Any]):
    metric = serializers.CharField()
    comparator = serializers.ChoiceField(choices=Comparator.choices)
    threshold = Threshold(help_text="Decimal text.")
    population = serializers.CharField(help_text="overall, one group (sex=female), or the groups (by sex).")
    dataset_role = serializers.ChoiceField(choices=DatasetRole.choices)
    severity = serializers.ChoiceField(choices=Severity.choices)


class CriterionGiven(Strict):
    metric = Text()
    comparator = serializers.ChoiceField(choices=Comparator.choices)
    threshold = Threshold()
    population = Text(required=False, default="overall")
    dataset_role = serializers.ChoiceField(choices=DatasetRole.choices, required=False, default=DatasetRole.TEST)
    severity = serializers.ChoiceField(choices=Severity.choices, required=False, default=Severity.MUST)


class RequirementShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    model = serializers.IntegerField(source="model_id")
    key = serializers.CharField()
    title = serializers.CharField()
    statement = serializers.CharField()
    source = serializers.CharField()
    from_template = serializers.BooleanField()
    criteria = CriterionShape(many=True, source="criteria.all")
    withdrawn_at = serializers.DateTimeField(allow_null=True)
    revision = serializers.IntegerField()
    created_by = Person()
    created_at = serializers.DateTimeField()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Women and men alike",
            {
                "title": "Selects alike",
                "statement": "Women and men are selected alike.",
                "source": "Hospital policy 12",
                "criteria": [
                    {
                        "metric": "demographic_parity_difference",
                        "comparator": "at_most",
                        "threshold": "0.1",
                        "population": "by sex",
                    }
                ],
            },
            request_only=True,
        )
    ]
)
class WriteRequirement(Strict):
    title = Text()
    statement = Text()
    source = optional_text()
    criteria = CriterionGiven(many=True, required=False, default=list)


class SuccessCriterionShape(serializers.Serializer[Any]):
    statement = serializers.CharField()
    metric = serializers.CharField()
    comparator = serializers.ChoiceField(choices=Comparator.choices)
    threshold = Threshold()
    population = serializers.CharField()
    evaluation = serializers.IntegerField(
        source="evaluation_id", allow_null=True, help_text="The evaluation that judged it."
    )


class SuccessCriterionGiven(Strict):
    statement = Text()
    metric = Text()
    comparator = serializers.ChoiceField(choices=Comparator.choices)
    threshold = Threshold()
    population = Text(required=False, default="overall")
    evaluation = Reference(
        Evaluation.objects.select_related("version"),
        noun="evaluation",
        required=False,
        allow_null=True,
        default=None,
    )


class ProofOfConceptShape(serializers.Serializer[Any]):
    model = serializers.IntegerField(source="model_id")
    problem_statement = serializers.CharField()
    risks = serializers.CharField()
    open_questions = serializers.CharField()
    success_criteria = SuccessCriterionShape(many=True, source="success_criteria.all")
    written_by = Person()
    written_at = serializers.DateTimeField()
    revision = serializers.IntegerField()
    decision = serializers.ChoiceField(choices=PocDecision.choices, allow_blank=True)
    decision_reason = serializers.CharField()
    decided_by = Person(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A proof of concept",
            {
                "problem_statement": "Too many patients come back within a year.",
                "risks": "Few data.",
                "open_questions": "Does it hold in the second clinic?",
                "success_criteria": [
                    {
                        "statement": "Better than the present rule of thumb.",
                        "metric": "accuracy",
                        "comparator": "at_least",
                        "threshold": 0.7,
                    }
                ],
            },
            request_only=True,
        )
    ]
)
class WriteProofOfConcept(Strict):
    problem_statement = Text()
    risks = optional_text()
    open_questions = optional_text()
    success_criteria = SuccessCriterionGiven(many=True, required=False, default=list)


@extend_schema_serializer(examples=[OpenApiExample("Go", {"decision": "go", "reason": "Useful."}, request_only=True)])
class DecideProofOfConcept(Strict):
    decision = serializers.ChoiceField(choices=PocDecision.choices)
    reason = Text()


class ArtifactShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    digest = serializers.CharField()
    size = serializers.IntegerField(allow_null=True)


class ArtifactGiven(Strict):
    name = Text()
    digest = Text(help_text="sha256: and 64 hexadecimal digits.")
    size = WholeNumber(required=False, allow_null=True, default=None)


class VersionShape(VersionName):
    model = ModelName()
    artifacts = ArtifactShape(many=True, source="artifacts.all")
    artifact_location = serializers.CharField()
    source_run = serializers.CharField()
    training_code = serializers.CharField()
    parent = serializers.IntegerField(source="parent_id", allow_null=True)
    notes = serializers.CharField()
    created_by = Person()
    created_at = serializers.DateTimeField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    target_environment = serializers.CharField(help_text="What it is, or is to be, judged for.")
    policy_digest = serializers.CharField(help_text="Of the policy that its submission bound it to; empty before.")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A version",
            {
                "artifacts": [{"name": "model.onnx", "digest": "sha256:" + "5" * 64, "size": 48213}],
                "artifact_location": "s3://models/triage/7",
                "source_run": "mlflow:/runs/8f2c",
                "training_code": "git:4c1e9d",
            },
            request_only=True,
        )
    ]
)
class RegisterVersion(Strict):
    artifacts = ArtifactGiven(many=True, required=False, default=list)
    artifact_location = optional_text()
    source_run = optional_text()
    training_code = optional_text()
    parent = Reference(ModelVersion.objects.all(), noun="model version", required=False, allow_null=True, default=None)
    notes = optional_text()


@extend_schema_serializer(examples=[OpenApiExample("To staging first", {"environment": "staging"}, request_only=True)])
class SubmitVersion(Strict):
    environment = Text(
        required=False, default="production", help_text="One with a policy in force for the model's tier."
    )
