"""Projects, people, roles, tokens, templates."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from governance.models import Project, RiskTier, Role
from governance.permissions import SCOPES
from portal.api.fields import Reference, Strict, Text, WholeNumber, YesOrNo, listed, optional_text


class Person(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    username = serializers.CharField()
    full_name = serializers.CharField()


class UserShape(Person):
    email = serializers.CharField()
    is_active = serializers.BooleanField()
    is_organisation_administrator = serializers.BooleanField()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "An account",
            {
                "username": "mara",
                "full_name": "Mara Okafor",
                "email": "mara@example.org",
                "password": "seven quiet rivers",
            },
            request_only=True,
        )
    ]
)
class CreateUser(Strict):
    username = Text()
    full_name = Text()
    email = Text()
    password = Text(write_only=True)
    is_organisation_administrator = YesOrNo(required=False, default=False)


class Reason(Strict):
    reason = Text(help_text="Why; it stands in the log.")


class ProjectName(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class ProjectShape(ProjectName):
    slug = serializers.CharField()
    description = serializers.CharField()
    created_at = serializers.DateTimeField()
    solo_since = serializers.DateTimeField(allow_null=True, help_text="Since when duties are not separated here.")
    solo_reason = serializers.CharField()


@extend_schema_serializer(
    examples=[OpenApiExample("A project", {"name": "Heart clinic", "description": "Triage models."}, request_only=True)]
)
class CreateProject(Strict):
    name = Text()
    description = optional_text()


class MembershipShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    project = ProjectName()
    user = Person()
    role = serializers.ChoiceField(choices=Role.choices)
    granted_by = Person()
    granted_at = serializers.DateTimeField()
    confirmed_by = Person(allow_null=True, help_text="The second administrator who stands for the role.")
    confirmed_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_for_cause = serializers.BooleanField()


@extend_schema_serializer(
    examples=[OpenApiExample("A role", {"username": "mara", "role": "validator"}, request_only=True)]
)
class GrantRole(Strict):
    username = Text()
    role = serializers.ChoiceField(choices=Role.choices)


class TemplateShape(serializers.Serializer[Any]):
    risk_tier = serializers.ChoiceField(choices=RiskTier.choices)
    text = serializers.CharField(help_text="YAML: a list of requirements with their acceptance criteria.")
    revision = serializers.IntegerField()


TEMPLATE_EXAMPLE = """- title: Right often enough
  statement: The model decides well on data it has not seen.
  criteria:
    - {metric: accuracy, comparator: at_least, threshold: 0.8}
"""


@extend_schema_serializer(examples=[OpenApiExample("A template", {"text": TEMPLATE_EXAMPLE}, request_only=True)])
class WriteTemplate(Strict):
    text = Text()


class TokenShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="The public beginning by which the token is recognised.")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES))
    project = ProjectName(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class NewToken(TokenShape):
    secret = serializers.CharField(help_text="Shown once and kept nowhere.")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A token", {"name": "nightly pipeline", "scopes": ["read", "submit"], "days": 30}, request_only=True
        )
    ]
)
class CreateToken(Strict):
    name = Text()
    scopes = listed(Text(), most=len(SCOPES))
    days = WholeNumber()
    project = Reference(Project.objects.all(), noun="project", required=False, allow_null=True, default=None)


class HeldRole(serializers.Serializer[Any]):
    project = ProjectName()
    role = serializers.ChoiceField(choices=Role.choices)


class Me(UserShape):
    authentication = serializers.CharField(help_text="session or api-token")
    token = TokenShape(allow_null=True)
    roles = HeldRole(many=True)
