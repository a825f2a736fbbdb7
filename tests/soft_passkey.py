"""A passkey in software: it answers as an authenticator and a browser would, honestly or not."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

import fido2.cbor
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2.cose import ES256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def spell(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unspell(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class SoftPasskey:
    """One credential. ``count`` rises with every answer; ``flags`` say that a person was there and was checked."""

    origin: str = "http://localhost:8000"
    rp_id: str = "localhost"
    count: int = 0
    flags: int = PRESENT | VERIFIED
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def register(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer to ``passkeys.ask_to_register``."""
        public_key = fido2.cbor.encode(ES256.from_cryptography_key(self.key.public_key()))
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + public_key
        data = self._authenticator_data(self.flags | ATTESTED) + attested
        attestation = fido2.cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self._client_data("webauthn.create", options["publicKey"]["challenge"])
        return self._credential({"clientDataJSON": spell(client_data), "attestationObject": spell(attestation)})

    def answer(self, options: dict[str, Any], *, step: int = 1, cross_origin: bool = False) -> dict[str, Any]:
        """The answer to ``passkeys.ask``. ``step`` is by how much the counter goes on."""
        self.count += step
        data = self._authenticator_data(self.flags)
        client_data = self._client_data("webauthn.get", options["publicKey"]["challenge"], cross_origin)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
        return self._credential(
            {
                "clientDataJSON": spell(client_data),
                "authenticatorData": spell(data),
                "signature": spell(signature),
                "userHandle": None,
            }
        )

    def _authenticator_data(self, flags: int) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest() + struct.pack(">BI", flags, self.count)

    def _client_data(self, kind: str, challenge: str, cross_origin: bool = False) -> bytes:
        given = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": cross_origin}
        return json.dumps(given).encode()

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": spell(self.id),
            "rawId": spell(self.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": response,
        }
