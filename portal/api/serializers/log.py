"""Checkpoints and the proofs between them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.checkpoints import served_note
from governance.models import Checkpoint
from portal.api.serializers.judgement import Base64


class CheckpointShape(serializers.Serializer[Any]):
    size = serializers.IntegerField()
    root = Base64(help_text="The tree's root in base64.")
    note = serializers.SerializerMethodField(help_text="The C2SP signed note, with the witnesses' cosignatures.")
    signed_at = serializers.DateTimeField()

    def get_note(self, checkpoint: Checkpoint) -> str:
        return served_note(checkpoint)


class ConsistencyShape(serializers.Serializer[Any]):
    old = serializers.IntegerField()
    new = serializers.IntegerField()
    proof = serializers.ListField(child=Base64(), help_text="Hashes in base64, as the offline verifier reads them.")


class TrustedKeyShape(serializers.Serializer[Any]):
    vkey = serializers.CharField()
    from_size = serializers.IntegerField()
    to_size = serializers.IntegerField(allow_null=True, help_text="The largest size it was to sign; null: it signs on.")
    revoked = serializers.BooleanField()


class TrustShape(serializers.Serializer[Any]):
    format = serializers.CharField()
    origin = serializers.CharField()
    keys = TrustedKeyShape(many=True)
    witnesses = serializers.ListField(child=serializers.CharField())
    quorum = serializers.IntegerField()


class SignatureShape(serializers.Serializer[Any]):
    keyid = serializers.CharField()
    sig = serializers.CharField()


class EnvelopeShape(serializers.Serializer[Any]):
    payloadType = serializers.CharField()
    payload = serializers.CharField(help_text="The revocation list, in base64.")
    signatures = SignatureShape(many=True)
