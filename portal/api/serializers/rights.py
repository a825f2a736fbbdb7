"""Rights to sign: lent, confirmed, ended; and solo mode."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from governance.models import Role
from portal.api.fields import Instant, Strict, Text, YesOrNo, optional_text
from portal.api.proofs import Signed
from portal.api.serializers.people import Person, ProjectName

PASSWORD_EXAMPLE = "seven quiet rivers"  # noqa: S105 - nobody's


class DelegationShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    project = ProjectName()
    from_user = Person(help_text="Whose right it is.")
    to_user = Person(help_text="Who may use it.")
    role = serializers.ChoiceField(choices=Role.choices)
    reason = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    given_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True, help_text="When it was ended before its time.")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A fortnight's leave",
            {
                "to_user": "mara",
                "role": "validator",
                "starts_at": "2026-12-01T00:00:00Z",
                "ends_at": "2026-12-14T23:59:59Z",
                "reason": "On leave.",
                "password": PASSWORD_EXAMPLE,
            },
            request_only=True,
        )
    ]
)
class GiveDelegation(Signed):
    to_user = Text(help_text="The login of somebody who holds a role in the project.")
    role = serializers.ChoiceField(choices=Role.choices)
    starts_at = Instant()
    ends_at = Instant()
    reason = Text()


class EndDelegation(Strict):
    reason = optional_text()


@extend_schema_serializer(examples=[OpenApiExample("By password", {"password": PASSWORD_EXAMPLE}, request_only=True)])
class ConfirmRole(Signed):
    """Only the proof of who confirms."""


@extend_schema_serializer(
    examples=[OpenApiExample("A leaver", {"reason": "Moved on.", "for_cause": False}, request_only=True)]
)
class EndRole(Strict):
    reason = optional_text()
    for_cause = YesOrNo(
        required=False, default=False, help_text="What they signed in this role then counts no more. Needs a reason."
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Too few people",
            {"on": True, "reason": "We are two people.", "password": PASSWORD_EXAMPLE},
            request_only=True,
        )
    ]
)
class SwitchSoloMode(Signed):
    on = YesOrNo()
    reason = Text()
