"""The question to a person's passkeys, for programs that carry a session."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance import passkeys
from governance.exceptions import NotPermitted
from portal.actors import session_of
from portal.api.base import ApiView
from portal.api.fields import FreeObject, Strict, Text

LONGEST_PURPOSE = 300
EXAMPLE = {"purpose": "sign_off sha256:" + "9" * 64}


@extend_schema_serializer(examples=[OpenApiExample("To sign a dossier", EXAMPLE, request_only=True)])
class AskPasskey(Strict):
    purpose = Text(
        max_length=LONGEST_PURPOSE,
        help_text="The verb and what it is done to, such as “sign_off” and the dossier's digest. The answer holds for "
        "nothing else, once, for five minutes, in this session.",
    )


class PasskeyQuestion(serializers.Serializer[object]):
    publicKey = FreeObject(help_text="For navigator.credentials.get, in JSON.")  # noqa: N815 - WebAuthn's name


class PasskeyQuestionsView(ApiView):
    answers_secret = True

    @extend_schema(operation_id="askPasskey", request=AskPasskey, responses={201: PasskeyQuestion}, tags=["people"])
    def post(self, request: Request) -> Response:
        """The question to your passkeys. A signed-in person only; no token signs."""
        given = self.read(AskPasskey)
        if not self.actor.is_interactive:
            raise NotPermitted("Only a person who is signed in has passkeys.", code="person_needed")
        asked = passkeys.ask(self.actor.user, purpose=given["purpose"], session=session_of(request))
        return Response(asked, status=201)
