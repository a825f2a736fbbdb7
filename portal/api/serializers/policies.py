"""Promotion policies: in force, proposed, adopted, withdrawn; and what a dry run says."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from governance.models import RiskTier
from governance.policy import policy_for
from portal.api.fields import Strict, Text
from portal.api.proofs import Signed
from portal.api.serializers.catalog import VersionName
from portal.api.serializers.judgement import FindingShape
from portal.api.serializers.people import Person, ProjectName

BUILT_IN = policy_for("high").text
SHORTER = BUILT_IN.replace("version: 1\n", "version: 2\n").replace("sign_offs: 90", "sign_offs: 30")
STATUSES = ("proposed", "adopted", "withdrawn")


class PolicyShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    project = ProjectName()
    risk_tier = serializers.ChoiceField(choices=RiskTier.choices)
    environment = serializers.CharField()
    number = serializers.IntegerField(help_text="The version, as its text says it.")
    status = serializers.ChoiceField(choices=STATUSES, help_text="The adopted one with the highest number is in force.")
    digest = serializers.CharField(source="text_id", help_text="Of the text: what a dossier names.")
    text = serializers.CharField(source="text.text", help_text="YAML.")
    reason = serializers.CharField()
    proposed_by = Person()
    proposed_at = serializers.DateTimeField()
    adopted_by = Person(allow_null=True)
    adopted_at = serializers.DateTimeField(allow_null=True)
    withdrawn_by = Person(allow_null=True)
    withdrawn_at = serializers.DateTimeField(allow_null=True)


class PolicyInForce(serializers.Serializer[Any]):
    """What judges a version that is submitted now."""

    name = serializers.CharField()
    version = serializers.IntegerField()
    risk_tier = serializers.ChoiceField(choices=RiskTier.choices)
    environment = serializers.CharField()
    digest = serializers.CharField()
    text = serializers.CharField(help_text="YAML.")


class PoliciesInForce(serializers.Serializer[Any]):
    policies = PolicyInForce(many=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "The next version",
            {
                "risk_tier": "high",
                "environment": "production",
                "reason": "Sign-offs of last quarter said little.",
                "text": SHORTER,
            },
            request_only=True,
        )
    ]
)
class ProposePolicy(Strict):
    risk_tier = Text(help_text="low, medium or high")
    environment = Text()
    text = Text(help_text="YAML. A refusal names line and key.")
    reason = Text()


@extend_schema_serializer(
    examples=[OpenApiExample("By password", {"password": "seven quiet rivers"}, request_only=True)]
)
class AdoptPolicy(Signed):
    """Only the proof of who adopts: what is adopted is the proposal's address."""


@extend_schema_serializer(examples=[OpenApiExample("The text in force", {"text": BUILT_IN}, request_only=True)])
class TryPolicy(Strict):
    text = Text(help_text="YAML; the releases of its own tier and environment are judged by it.")


class TriedRelease(serializers.Serializer[Any]):
    release = serializers.IntegerField(source="release.pk")
    version = VersionName(source="release.version")
    would_fail = serializers.BooleanField()
    closing = FindingShape(many=True, help_text="The findings that would keep its gate closed.")
    new = serializers.SerializerMethodField(help_text="Keys of those that its own policy does not make today.")

    def get_new(self, tried: Any) -> list[str]:
        return [finding.key for finding in tried.new]


class DryRunShape(serializers.Serializer[Any]):
    digest = serializers.CharField(help_text="Of the text that was tried.")
    risk_tier = serializers.ChoiceField(choices=RiskTier.choices)
    environment = serializers.CharField()
    releases = TriedRelease(many=True)
