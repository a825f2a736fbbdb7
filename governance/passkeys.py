"""Passkeys (WebAuthn): questions that are answered once, soon, and only for what they were asked for.

The server draws a challenge for one person in one session and one purpose, such as the dossier that is being signed. An
answer counts if the person's own passkey gave it, after checking who they are, on a page of this portal.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings

from governance.auditlog import database_now
from governance.canonical import sha256_hex
from governance.exceptions import InvalidInput
from governance.models import FactorKind, PasskeyChallenge, SecondFactor, User

if TYPE_CHECKING:
    from fido2.server import Fido2Server

QUESTION_LASTS = timedelta(minutes=5)
REGISTER = "add_passkey"
NAME = "Countersign"
LONGEST_ANSWER = 20_000
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, struct.error, RecursionError)


@dataclass(frozen=True)
class Credential:
    """What an authenticator made: its id, everything that is kept of it, and its counter."""

    id: str
    material: str
    sign_count: int


def home() -> str | None:
    """The origin at which passkeys work, or None: they are bound to a host's name, and a number is none.

    A portal at a loopback address has the name “localhost” too.
    """
    parts = urlsplit(settings.COUNTERSIGN_ORIGIN)
    try:
        address = ipaddress.ip_address(parts.hostname or "")
    except ValueError:
        return str(settings.COUNTERSIGN_ORIGIN)
    return f"{parts.scheme}://localhost:{parts.port or 80}" if address.is_loopback else None


def ask_to_register(user: User, *, session: str) -> dict[str, Any]:
    """The question that makes a new passkey, as ``navigator.credentials.create`` takes it in JSON."""
    challenge = _draw(user, purpose=REGISTER, session=session)
    person = {
        "id": hashlib.sha256(f"countersign user {user.pk}".encode()).digest(),
        "name": user.username,
        "displayName": user.get_full_name(),
    }
    options, _state = _server().register_begin(
        person,  # type: ignore[arg-type]  # the library takes a mapping as well
        credentials=[descriptor for _factor, descriptor in _known(user)],
        resident_key_requirement=_enums().ResidentKeyRequirement.PREFERRED,
        user_verification=_enums().UserVerificationRequirement.REQUIRED,
        challenge=challenge,
    )
    return dict(options)


def read_new(user: User, answer: Mapping[str, Any], *, session: str) -> Credential:
    """The credential in the answer to ``ask_to_register``. Raises ``InvalidInput``."""
    from fido2.cose import CoseKey
    from fido2.webauthn import RegistrationResponse

    refusal = InvalidInput("This passkey could not be added. Begin again on the account page.", field="credential")
    try:
        _check_size(answer)
        client_data = RegistrationResponse.from_dict(answer).response.client_data
        made = _server().register_complete(_state(client_data.challenge), answer)
    except MALFORMED:
        raise refusal from None
    credential = made.credential_data
    if credential is None or client_data.cross_origin:
        raise refusal
    if credential.public_key.get(3) not in CoseKey.supported_algorithms():
        raise refusal
    if not _take(user, client_data.challenge, purpose=REGISTER, session=session, now=database_now()):
        raise refusal
    return Credential(_spell(credential.credential_id), _spell(bytes(credential)), made.counter)


def ask(user: User, *, purpose: str, session: str) -> dict[str, Any]:
    """The question to the user's passkeys, as ``navigator.credentials.get`` takes it in JSON.

    Raises ``InvalidInput`` for a person without one.
    """
    known = _known(user)
    if not known:
        raise InvalidInput("You have no passkey here. Add one on your account page.")
    options, _state = _server().authenticate_begin(
        credentials=[descriptor for _factor, descriptor in known],
        user_verification=_enums().UserVerificationRequirement.REQUIRED,
        challenge=_draw(user, purpose=purpose, session=session),
    )
    return dict(options)


def use_answer(user: User, answer: Mapping[str, Any], *, purpose: str, session: str, now: datetime) -> bool:
    """Take an answer to ``ask``, which uses up the question together with the running transaction."""
    from fido2.webauthn import AuthenticationResponse

    known = _known(user)
    try:
        _check_size(answer)
        response = AuthenticationResponse.from_dict(answer).response
        client_data = response.client_data
        used = _server().authenticate_complete(
            _state(client_data.challenge), [credential for _factor, credential in known], answer
        )
    except MALFORMED:
        return False
    factor = next(factor for factor, credential in known if credential.credential_id == used.credential_id)
    return (
        not client_data.cross_origin
        and _take(user, client_data.challenge, purpose=purpose, session=session, now=now)
        and _count(factor, response.authenticator_data.counter, now)
    )


def _count(factor: SecondFactor, counted: int, now: datetime) -> bool:
    """A passkey that counts must count on: one that counts less than before is a copy. Many always say 0."""
    rows = SecondFactor.objects.current().filter(pk=factor.pk)
    rows = rows.filter(sign_count__lt=counted) if counted else rows.filter(sign_count=0)
    return rows.update(sign_count=counted, last_used_at=now) == 1


def _draw(user: User, *, purpose: str, session: str) -> bytes:
    now, challenge = database_now(), secrets.token_bytes(32)
    PasskeyChallenge.objects.filter(made_at__lt=now - QUESTION_LASTS).delete()
    PasskeyChallenge.objects.create(
        digest=sha256_hex(challenge),
        user=user,
        session_digest=sha256_hex(session.encode()),
        purpose=purpose,
        made_at=now,
    )
    return challenge


def _take(user: User, challenge: bytes, *, purpose: str, session: str, now: datetime) -> bool:
    """Use up a question. Of two answers to one question the database lets one through."""
    asked = PasskeyChallenge.objects.filter(
        digest=sha256_hex(challenge),
        user=user,
        session_digest=sha256_hex(session.encode()),
        purpose=purpose,
        made_at__gt=now - QUESTION_LASTS,
    )
    return asked.delete()[0] == 1


def _known(user: User) -> list[tuple[SecondFactor, Any]]:
    """The user's passkeys as they are stored and as the library reads them."""
    from fido2.webauthn import AttestedCredentialData

    rows = SecondFactor.objects.current().filter(user=user, kind=FactorKind.PASSKEY)
    return [(row, AttestedCredentialData(_unspell(row.material))) for row in rows]


def _server() -> Fido2Server:
    from fido2.server import Fido2Server
    from fido2.webauthn import PublicKeyCredentialRpEntity

    origin = home()
    if origin is None:
        raise InvalidInput("Passkeys need a portal that is reached by a host name, not by a number.")
    party = PublicKeyCredentialRpEntity(id=urlsplit(origin).hostname, name=NAME)
    return Fido2Server(party, attestation=None, verify_origin=lambda given: given == origin)


def _state(challenge: bytes) -> dict[str, Any]:
    """What the library remembers of a question. That it was asked at all, ``_take`` tells from our own table."""
    return {"challenge": _spell(challenge), "user_verification": _enums().UserVerificationRequirement.REQUIRED}


def _enums() -> Any:
    from fido2 import webauthn

    return webauthn


def _check_size(answer: Mapping[str, Any]) -> None:
    if len(str(answer)) > LONGEST_ANSWER:
        raise ValueError("too long")


def _spell(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unspell(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
