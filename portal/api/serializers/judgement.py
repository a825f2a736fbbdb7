"""Dossier, gate, sign-offs, waivers, releases, reports, log."""

from __future__ import annotations

import base64
import json
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from governance.actions.signoff import MOST_CONDITIONS
from governance.findings import Area, FindingStatus
from governance.lifecycle import State
from governance.models import (
    AuditLogEntry,
    Authentication,
    Decision,
    Delegation,
    ReleaseKind,
    Role,
)
from portal.api.fields import FreeObject, Instant, Reference, Strict, Text
from portal.api.proofs import Signed
from portal.api.serializers.catalog import ModelName, VersionName
from portal.api.serializers.people import Person, ProjectName

DIGEST_EXAMPLE = "sha256:" + "9" * 64


@extend_schema_field(OpenApiTypes.STR)
class Base64(serializers.Field[Any, Any, Any, Any]):
    """Bytes as base64 text."""

    def to_representation(self, value: Any) -> str:
        return base64.b64encode(bytes(value)).decode("ascii")


class DossierCondition(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    text = serializers.CharField()
    owner = serializers.CharField()
    due_at = serializers.DateTimeField()
    fulfilled_at = serializers.DateTimeField(allow_null=True)
    fulfilled_by = serializers.CharField()
    fulfilled_how = serializers.CharField()


class DossierSignOff(serializers.Serializer[Any]):
    """A sign-off as the dossier reads it: is it about the present digest, and if not, what changed?"""

    id = serializers.IntegerField()
    signer = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    decision = serializers.ChoiceField(choices=Decision.choices)
    meaning = serializers.CharField()
    reason = serializers.CharField()
    signed_at = serializers.DateTimeField()
    dossier_digest = serializers.CharField()
    log_index = serializers.IntegerField(allow_null=True)
    is_current = serializers.BooleanField()
    changed = serializers.ListField(child=serializers.CharField(), help_text="What makes it stale, item by item.")
    authentication = serializers.ChoiceField(choices=Authentication.choices)
    delegator = serializers.CharField(help_text="For whom it was signed, if not for oneself.")
    objection = serializers.CharField(help_text="Why it gives no weight, whatever it says.")
    overruled = serializers.CharField(help_text="By whom and why a refusal was set aside.")
    conditions = DossierCondition(many=True)


class DossierShape(serializers.Serializer[Any]):
    version = serializers.IntegerField(source="version_id")
    state = serializers.ChoiceField(choices=State.choices)
    as_of = serializers.DateTimeField()
    digest = serializers.CharField(help_text="Of the canonical document: what a sign-off names.")
    document = FreeObject()
    sign_offs = DossierSignOff(many=True)
    solo_mode = serializers.BooleanField(help_text="Whether duties are not separated in the project.")


class FindingShape(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="Stable; a waiver names it.")
    area = serializers.ChoiceField(choices=Area.choices)
    title = serializers.CharField()
    status = serializers.ChoiceField(choices=FindingStatus.choices)
    detail = serializers.CharField()
    blocks = serializers.BooleanField(help_text="Whether it keeps the gate closed while it is not met.")
    opens = serializers.BooleanField()
    evidence_ids = serializers.ListField(child=serializers.IntegerField())
    evaluation_id = serializers.IntegerField(allow_null=True)


class GateShape(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=State.choices)
    environment = serializers.CharField()
    is_open = serializers.BooleanField()
    is_ready_to_sign = serializers.BooleanField(help_text="Only sign-offs are lacking.")
    dossier_digest = serializers.CharField()
    policy_digest = serializers.CharField()
    judged_at = serializers.DateTimeField()
    counts = serializers.DictField(child=serializers.IntegerField())
    findings = FindingShape(many=True)


class ConditionShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    text = serializers.CharField()
    owner = Person()
    due_at = serializers.DateTimeField()
    fulfilled_by = Person(allow_null=True)
    fulfilled_at = serializers.DateTimeField(allow_null=True)
    fulfilled_how = serializers.CharField()


class OverruleShape(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=Role.choices)
    reason = serializers.CharField()
    overruled_by = Person()
    overruled_at = serializers.DateTimeField()
    log_index = serializers.IntegerField(allow_null=True)


class SignOffShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    version = serializers.IntegerField(source="version_id")
    signer = Person()
    signer_name = serializers.CharField(help_text="As it was when signing.")
    role = serializers.ChoiceField(choices=Role.choices)
    decision = serializers.ChoiceField(choices=Decision.choices)
    meaning = serializers.CharField()
    reason = serializers.CharField()
    dossier_digest = serializers.CharField(source="dossier_id")
    signed_at = serializers.DateTimeField()
    authentication = serializers.ChoiceField(
        choices=Authentication.choices, help_text="How the signer proved who they are."
    )
    signed_for = Person(source="delegation.from_user", default=None, allow_null=True, help_text="Whose right was used.")
    conditions = ConditionShape(many=True, source="conditions.all")
    overrule = OverruleShape(default=None, allow_null=True)
    log_index = serializers.IntegerField(allow_null=True)


class GiveCondition(Strict):
    text = Text()
    owner = Text(help_text="The login of somebody who holds a role in the project.")
    due_at = Instant()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "An approval",
            {
                "role": "validator",
                "decision": "approve",
                "meaning": "I have re-run the evaluation and agree with it.",
                "dossier_digest": DIGEST_EXAMPLE,
                "password": "seven quiet rivers",
            },
            request_only=True,
        )
    ]
)
class GiveSignOff(Signed):
    role = serializers.ChoiceField(choices=Role.choices)
    decision = serializers.ChoiceField(choices=Decision.choices)
    meaning = Text()
    reason = Text(required=False, default="")
    dossier_digest = Text(help_text="The digest of the dossier you read.")
    conditions = GiveCondition(many=True, required=False, default=list, max_length=MOST_CONDITIONS)  # type: ignore[call-arg]
    delegation = Reference(Delegation.objects.all(), noun="delegation", required=False, allow_null=True, default=None)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A settled dispute",
            {"role": "administrator", "reason": "Answered in the board.", "password": "seven quiet rivers"},
            request_only=True,
        )
    ]
)
class OverruleRefusal(Signed):
    role = serializers.ChoiceField(choices=Role.choices, help_text="The one that the policy names.")
    reason = Text()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Seen", {"how": "The clinic has agreed in writing.", "password": "seven quiet rivers"}, request_only=True
        )
    ]
)
class FulfilCondition(Signed):
    how = Text(help_text="What shows it.")


class WaiverShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    version = serializers.IntegerField(source="version_id")
    finding_key = serializers.CharField()
    reason = serializers.CharField()
    expires_at = serializers.DateTimeField()
    granted_by = Person()
    granted_at = serializers.DateTimeField()
    log_index = serializers.IntegerField(allow_null=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "An accepted gap",
            {
                "finding_key": "evidence:privacy_review",
                "reason": "The review is booked for next week.",
                "expires_at": "2026-12-24T00:00:00Z",
                "password": "seven quiet rivers",
            },
            request_only=True,
        )
    ]
)
class GrantWaiver(Signed):
    finding_key = Text()
    reason = Text()
    expires_at = Instant()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "To production",
            {"environment": "production", "dossier_digest": DIGEST_EXAMPLE, "password": "seven quiet rivers"},
            request_only=True,
        )
    ]
)
class PromoteVersion(Signed):
    environment = Text()
    dossier_digest = Text(help_text="The digest of the dossier you read.")


class ReleaseShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    model = ModelName()
    version = VersionName()
    environment = serializers.CharField()
    kind = serializers.ChoiceField(choices=ReleaseKind.choices)
    is_live = serializers.SerializerMethodField()
    is_sealed = serializers.SerializerMethodField(help_text="Whether the attestation is signed already.")
    dossier_digest = serializers.CharField(source="dossier_id")
    promoted_by = Person()
    started_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="When what allows it runs out, if it does not end before.")
    ended_at = serializers.DateTimeField(allow_null=True)
    end_reason = serializers.CharField()
    log_index = serializers.IntegerField(allow_null=True)

    def get_is_live(self, release: Any) -> bool:
        return release.ended_at is None

    def get_is_sealed(self, release: Any) -> bool:
        return bool(release.envelope)


class AttestationBundle(serializers.Serializer[Any]):
    envelope = FreeObject(help_text="DSSE: payloadType, payload, signatures.")
    receipt = FreeObject(help_text="For the offline verifier.")


class PermissionToRun(serializers.Serializer[Any]):
    """The answer to a pipeline. Only the code ``released`` allows; ``pending_seal`` asks to ask again in a moment."""

    allowed = serializers.BooleanField()
    code = serializers.ChoiceField(
        choices=[
            *("released", "pending_seal", "expired", "not_recorded", "not_released"),
            *("unknown_version", "unknown_artifact"),
        ]
    )
    reason = serializers.CharField()
    environment = serializers.CharField()
    model = ModelName(allow_null=True)
    version = VersionName(allow_null=True)
    release = ReleaseShape(allow_null=True)
    gate = GateShape(allow_null=True, required=False, help_text="Every finding: as released, or as judged now.")


class LogEntryShape(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    type = serializers.CharField()
    at = serializers.DateTimeField()
    actor = Person()
    project = ProjectName(allow_null=True)
    subject = serializers.SerializerMethodField(help_text="What it is about: kind, id, label, digest.")
    leaf = Base64(help_text="The RFC 6962 leaf hash in base64.")

    def get_subject(self, entry: AuditLogEntry) -> dict[str, Any]:
        subject: dict[str, Any] = json.loads(bytes(entry.body)).get("subject", {})
        return subject


class LogEntryWithProof(LogEntryShape):
    body = serializers.SerializerMethodField(help_text="The entry. Its RFC 8785 form is what was hashed.")
    receipt = FreeObject(allow_null=True, help_text="The proof for the offline verifier; null until it is sealed.")

    def get_body(self, entry: AuditLogEntry) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(bytes(entry.body))
        return body


class MetricShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    direction = serializers.CharField(help_text="Which way is better.")
    definition = serializers.CharField()
