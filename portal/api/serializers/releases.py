"""Shapes of releases that are no ordinary promotion: rollbacks, emergencies and what has to be followed up."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.models import FollowUpKind
from portal.api.fields import Text
from portal.api.proofs import Signed
from portal.api.serializers.catalog import VersionName
from portal.api.serializers.judgement import ReleaseShape
from portal.api.serializers.people import Person


class RollBack(Signed):
    reason = Text()


class AskForEmergency(Signed):
    reason = Text()
    hours = serializers.IntegerField(min_value=1, max_value=72)
    dossier_digest = Text(help_text="The digest of the dossier you read.")


class ConfirmEmergency(Signed):
    dossier_digest = Text(help_text="The digest of the dossier you read.")


class EmergencyShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    version = VersionName()
    environment = serializers.CharField()
    reason = serializers.CharField()
    hours = serializers.IntegerField()
    dossier_digest = serializers.CharField(source="dossier_id")
    requested_by = Person()
    requested_at = serializers.DateTimeField()
    confirmed_by = Person(allow_null=True)
    confirmed_at = serializers.DateTimeField(allow_null=True)
    withdrawn_at = serializers.DateTimeField(allow_null=True)
    release = serializers.IntegerField(source="release_id", allow_null=True)


class FollowUpShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    version = VersionName()
    release = serializers.IntegerField(source="release_id")
    kind = serializers.ChoiceField(choices=FollowUpKind.choices)
    text = serializers.CharField()
    opened_at = serializers.DateTimeField()
    closed_by = Person(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    closing_reason = serializers.CharField()


class InUseShape(serializers.Serializer[Any]):
    at = serializers.DateTimeField(help_text="The instant the answer is about.")
    releases = ReleaseShape(many=True)
