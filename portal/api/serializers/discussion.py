"""Remarks and questions about a dossier's items."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from governance.models import Remark
from portal.api.fields import Reference, Strict, Text, YesOrNo, optional_text
from portal.api.serializers.people import Person


class RemarkShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    version = serializers.IntegerField(source="version_id")
    item_key = serializers.CharField(help_text="A finding's key, or what the item is, such as evidence:12 or policy.")
    parent = serializers.IntegerField(source="parent_id", allow_null=True)
    author = Person()
    text = serializers.CharField()
    mentions = Person(many=True)
    written_at = serializers.DateTimeField()
    is_question = serializers.BooleanField()
    resolved_by = Person(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolution = serializers.CharField()
    log_index = serializers.IntegerField(allow_null=True)


QUESTION = {"item_key": "policy", "text": "Why does it ask for two approvers?", "is_question": True}


@extend_schema_serializer(examples=[OpenApiExample("A question", QUESTION, request_only=True)])
class WriteRemark(Strict):
    text = Text(help_text="At most 2,000 characters. “@login” calls a member of the project.")
    item_key = Text(required=False, default="dossier")
    parent = Reference(
        Remark.objects.all(),
        noun="remark",
        required=False,
        allow_null=True,
        default=None,
        help_text="The remark that begins the thread; the answer is about its item.",
    )
    is_question = YesOrNo(required=False, default=False)


@extend_schema_serializer(examples=[OpenApiExample("Answered", {"resolution": "See the answer."}, request_only=True)])
class ResolveQuestion(Strict):
    resolution = optional_text()
