"""Frameworks, what is recorded of a version against them, answers, rulings and signatures on records."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from governance.frameworks.catalogue import Framework, parse_framework
from governance.frameworks.judging import ControlFinding, ControlState, Coverage
from governance.models import ControlRulingKind, Evidence, FrameworkEdition
from portal.api.fields import Instant, Reference, Strict, Text, listed
from portal.api.proofs import Signed
from portal.api.serializers.people import Person

MOST_ANSWERS = 100
STATES = [state.value for state in ControlState]


@extend_schema_field(
    {"description": "Text, a list of texts, true or false, a number, or an object of texts. null: taken back."}
)
class AnswerValue(serializers.Field[Any, Any, Any, Any]):
    """What the fact takes; the action checks it."""

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        # null is an answer too: it takes the former one back.
        return (True, None) if data is None else super().validate_empty_values(data)


class ControlShape(serializers.Serializer[Any]):
    id = serializers.CharField()
    ref = serializers.CharField(help_text="The place in the source.")
    group = serializers.CharField()
    level = serializers.CharField(help_text="must, should or may")
    by = serializers.CharField(help_text="team, org, portal, reviewer or auditor")
    gate = serializers.CharField()
    gist = serializers.CharField(help_text="In our own words.")
    facts = serializers.SerializerMethodField()

    def get_facts(self, control: Any) -> list[str]:
        return sorted(control.facts)


class FrameworkShape(serializers.Serializer[Any]):
    """A text in force. What it says comes from the text itself."""

    id = serializers.IntegerField()
    key = serializers.CharField(help_text="Stays with this edition; another edition has another.")
    number = serializers.IntegerField(help_text="Corrected texts of an edition count up.")
    title = serializers.CharField()
    edition = serializers.CharField()
    issuer = serializers.SerializerMethodField()
    kind = serializers.SerializerMethodField()
    force = serializers.SerializerMethodField()
    as_of = serializers.SerializerMethodField(help_text="When its content was checked.")
    review_by = serializers.SerializerMethodField(help_text="By when somebody looks again.")
    is_due_for_review = serializers.SerializerMethodField()
    control_count = serializers.SerializerMethodField()
    digest = serializers.CharField(help_text="Of the exact text.")
    is_shipped = serializers.BooleanField(help_text="It stands as it came with the product.")
    loaded_by = Person()
    loaded_at = serializers.DateTimeField()
    log_index = serializers.IntegerField(allow_null=True)

    def _read(self, edition: FrameworkEdition) -> Framework:
        return parse_framework(edition.text)

    def get_issuer(self, edition: FrameworkEdition) -> str:
        return self._read(edition).issuer

    def get_kind(self, edition: FrameworkEdition) -> str:
        return self._read(edition).kind

    def get_force(self, edition: FrameworkEdition) -> str:
        return self._read(edition).force

    @extend_schema_field({"type": "string", "format": "date"})
    def get_as_of(self, edition: FrameworkEdition) -> str:
        return self._read(edition).as_of.isoformat()

    @extend_schema_field({"type": "string", "format": "date"})
    def get_review_by(self, edition: FrameworkEdition) -> str:
        return self._read(edition).review_by.isoformat()

    def get_is_due_for_review(self, edition: FrameworkEdition) -> bool:
        # The portal's own clock: asking the database's would cost a query for each row.
        return self._read(edition).is_due_for_review(timezone.now().date())

    def get_control_count(self, edition: FrameworkEdition) -> int:
        return len(self._read(edition).controls)


class WholeFrameworkShape(FrameworkShape):
    text = serializers.CharField(help_text="YAML; its SHA-256 is the digest.")
    controls = serializers.SerializerMethodField()

    @extend_schema_field(ControlShape(many=True))
    def get_controls(self, edition: FrameworkEdition) -> list[dict[str, Any]]:
        return [dict(ControlShape(control).data) for control in self._read(edition).controls]


CHARTER = """\
catalogue: 1
id: "model-charter"
title: "Model charter"
edition: "Second edition, May 2026"
issuer: "Northfield Hospital"
kind: internal
force: voluntary
as_of: "2026-11-01"
review_by: "2027-11-01"
groups:
  - {id: use, title: "Use"}
controls:
  - id: C-1
    ref: "Charter 1"
    group: use
    level: must
    by: team
    gate: design
    gist: "Say what it is for."
    needs:
      - {fact: system.intended_purpose, is: filled}
    section: R02
"""


@extend_schema_serializer(examples=[OpenApiExample("A text of the house's own", {"text": CHARTER}, request_only=True)])
class LoadFramework(Strict):
    text = Text(help_text="YAML. A refusal names line and key. A text with the id of one that stands corrects it.")


class NeedShape(serializers.Serializer[Any]):
    """One need of a control. ``lacking`` says what is missing; empty where it holds."""

    fact = serializers.CharField(source="need.fact")
    key = serializers.CharField(source="need.key")
    test = serializers.CharField(source="need.test")
    holds = serializers.BooleanField()
    is_late = serializers.BooleanField()
    lacking = serializers.CharField()
    value = serializers.SerializerMethodField()
    strength = serializers.SerializerMethodField()
    source = serializers.SerializerMethodField()
    digest = serializers.SerializerMethodField(help_text="Of the file that shows it.")
    log_index = serializers.SerializerMethodField()
    by = serializers.SerializerMethodField()
    at = serializers.SerializerMethodField()

    @extend_schema_field({"description": "As it is recorded; null where nothing is."})
    def get_value(self, found: Any) -> Any:
        return found.recorded.value if found.recorded else None

    @extend_schema_field({"type": ["string", "null"], "enum": ["machine", "artefact", "statement", None]})
    def get_strength(self, found: Any) -> str | None:
        return found.recorded.strength.name.lower() if found.recorded else None

    def get_source(self, found: Any) -> str:
        return found.recorded.source.text if found.recorded else ""

    def get_digest(self, found: Any) -> str:
        return found.recorded.digest if found.recorded else ""

    def get_log_index(self, found: Any) -> int | None:
        return found.recorded.source.log_index if found.recorded else None

    def get_by(self, found: Any) -> list[str]:
        return list(found.recorded.by) if found.recorded else []

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_at(self, found: Any) -> str | None:
        return found.recorded.at.isoformat() if found.recorded and found.recorded.at else None


class StandingRulingShape(serializers.Serializer[Any]):
    kind = serializers.SerializerMethodField()
    reason = serializers.CharField()
    by = serializers.CharField(source="name")
    role = serializers.CharField()
    at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    log_index = serializers.IntegerField(allow_null=True)

    @extend_schema_field({"type": "string", "enum": ["waived", "not_applicable"]})
    def get_kind(self, ruling: Any) -> str:
        return "waived" if ruling.is_waiver else "not_applicable"


class ControlFindingShape(serializers.Serializer[Any]):
    control = ControlShape()
    state = serializers.ChoiceField(choices=STATES)
    strength = serializers.SerializerMethodField(help_text="The weakest word that it rests on.")
    undecided = serializers.ListField(
        child=serializers.CharField(), help_text="Facts to record before it is known whether it applies."
    )
    needs = NeedShape(many=True)
    ruling = StandingRulingShape(allow_null=True)

    @extend_schema_field({"type": ["string", "null"], "enum": ["machine", "artefact", "statement", None]})
    def get_strength(self, finding: ControlFinding) -> str | None:
        return finding.strength.name.lower() if finding.strength is not None else None


class CoverageShape(serializers.Serializer[Any]):
    """One framework. It says what is recorded and what is missing; whether the text is satisfied, a person judges."""

    framework = serializers.CharField(source="coverage.framework.id")
    title = serializers.CharField(source="coverage.framework.title")
    edition = serializers.CharField(source="coverage.framework.edition")
    digest = serializers.CharField(source="coverage.framework.digest")
    is_due_for_review = serializers.BooleanField(source="coverage.is_due_for_review")
    applies = serializers.BooleanField(source="coverage.applies", allow_null=True, help_text="null: not known yet.")
    undecided = serializers.ListField(child=serializers.CharField(), source="coverage.undecided")
    counts = serializers.SerializerMethodField(help_text="How many controls are in each state.")
    controls = ControlFindingShape(many=True, allow_null=True, help_text="null unless “framework” or “state” is given.")

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "integer"}})
    def get_counts(self, row: Any) -> dict[str, int]:
        coverage: Coverage = row["coverage"]
        return {state: coverage.counts[ControlState(state)] for state in STATES}


class CoveragesShape(serializers.Serializer[Any]):
    as_of = serializers.DateTimeField()
    frameworks = CoverageShape(many=True)
    asked = serializers.SerializerMethodField(help_text="Facts that are needed → the frameworks that need them.")

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}})
    def get_asked(self, whole: Any) -> dict[str, list[str]]:
        asked: dict[str, list[str]] = whole["asked"]
        return asked


class FactAnswerShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    version = serializers.IntegerField(source="version_id", allow_null=True, help_text="null: for the organisation.")
    fact = serializers.CharField()
    value = AnswerValue()
    digest = serializers.CharField(help_text="As the log names it.")
    artefact = serializers.CharField(source="artefact_digest", help_text="The digest of what shows it.")
    evidence = serializers.IntegerField(source="evidence_id", allow_null=True)
    file_name = serializers.CharField()
    carried_from = serializers.IntegerField(source="carried_from_id", allow_null=True)
    answered_by = Person()
    answered_at = serializers.DateTimeField()
    log_index = serializers.IntegerField(allow_null=True)


class GiveAnswer(Strict):
    fact = Text()
    value = AnswerValue()
    evidence = Reference(Evidence.objects.all(), noun="evidence", required=False, allow_null=True, default=None)


ANSWERS_EXAMPLE = {
    "answers": [
        {"fact": "change.log", "value": ["Threshold lowered to 0.42 in May"]},
        {"fact": "monitoring.limits", "value": ["Below 0.80 recall: back to the former version"]},
        {"fact": "oversight.competence", "value": "Two days of training, once a year."},
    ]
}


@extend_schema_serializer(examples=[OpenApiExample("Three facts", ANSWERS_EXAMPLE, request_only=True)])
class GiveAnswers(Strict):
    """All of them are recorded, or none; each is an entry of the log."""

    answers = listed(GiveAnswer(), most=MOST_ANSWERS, min_length=1)


class FactAnswersShape(serializers.Serializer[Any]):
    answers = FactAnswerShape(many=True)


@extend_schema_serializer(examples=[OpenApiExample("One fact", {"fact": "change.log"}, request_only=True)])
class CarryOver(Strict):
    fact = Text()


@extend_schema_serializer(
    examples=[OpenApiExample("Roles", {"fact": "org.roles", "value": "Owner, validator, approver."}, request_only=True)]
)
class AnswerForOrganisation(Strict):
    fact = Text()
    value = AnswerValue()


class UploadForOrganisation(Strict):
    """The same with the document that shows it."""

    metadata = serializers.CharField(help_text="The fields as one JSON object.")
    file = serializers.FileField()


RULING_EXAMPLE = {
    "framework": "nyc-ll144",
    "control": "LL144-301b4",
    "kind": "not_applicable",
    "reason": "The tool sorts nobody into groups.",
    "password": "seven quiet rivers",
}


@extend_schema_serializer(examples=[OpenApiExample("Does not apply", RULING_EXAMPLE, request_only=True)])
class RuleOnControl(Signed):
    framework = Text()
    control = Text()
    kind = Text(help_text="not_applicable, waived or lifted")
    reason = Text()
    expires_at = Instant(required=False, allow_null=True, default=None, help_text="Of an accepted gap; a year at most.")


class RulingShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    version = serializers.IntegerField(source="version_id")
    framework = serializers.CharField()
    control = serializers.CharField()
    kind = serializers.ChoiceField(choices=ControlRulingKind.choices)
    reason = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    role = serializers.CharField()
    ruled_by = Person()
    ruled_at = serializers.DateTimeField()
    log_index = serializers.IntegerField(allow_null=True)


SIGNATURE_EXAMPLE = {
    "fact": "conformity.declaration",
    "meaning": "declaration of conformity",
    "seen_digest": "sha256:" + "3" * 64,
    "password": "seven quiet rivers",
}


@extend_schema_serializer(examples=[OpenApiExample("A declaration", SIGNATURE_EXAMPLE, request_only=True)])
class SignFact(Signed):
    fact = Text()
    meaning = Text(help_text="What the signature means.")
    seen_digest = Text(help_text="Of what is signed, as GET shows it: a later change is refused.")


class CoveredShape(serializers.Serializer[Any]):
    fact = serializers.CharField()
    value = AnswerValue()
    digest = serializers.CharField()


class FactSignatureShape(serializers.Serializer[Any]):
    fact = serializers.CharField()
    digest = serializers.CharField()
    meaning = serializers.CharField()
    role = serializers.CharField()
    signer_name = serializers.CharField()
    signed_at = serializers.DateTimeField()
    log_index = serializers.IntegerField(allow_null=True)


class SignableShape(serializers.Serializer[Any]):
    """A record that is signed: exactly what a signature would cover. Empty digest: something is not recorded yet."""

    fact = serializers.CharField()
    text = serializers.CharField()
    digest = serializers.CharField()
    covers = CoveredShape(many=True)
    signatures = FactSignatureShape(many=True, help_text="Those that cover what is recorded now.")


class SignablesShape(serializers.Serializer[Any]):
    records = SignableShape(many=True)


@extend_schema_serializer(
    examples=[OpenApiExample("Every such control", {"framework": "nyc-ll144"}, request_only=True)]
)
class RequirementsFromFramework(Strict):
    framework = Text()
    controls = listed(Text(), most=500, required=False, allow_null=True, default=None)
