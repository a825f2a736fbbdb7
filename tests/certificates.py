"""Certificates as an authority gives them to an organisation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, pkcs12
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Chain:
    """An organisation's certificate and its authority's."""

    leaf: x509.Certificate
    root: x509.Certificate

    def pack(self, key: Any, kind: str, password: bytes) -> bytes:
        """Both with the key in one file: "pem" or "p12"."""
        locked = BestAvailableEncryption(password)
        if kind == "p12":
            return pkcs12.serialize_key_and_certificates(b"reports", key, self.leaf, [self.root], locked)
        certificates = [item.public_bytes(Encoding.PEM) for item in (self.leaf, self.root)]
        return b"".join([key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked), *certificates])


def make_chain(*, days: int = 30) -> tuple[rsa.RSAPrivateKey, Chain]:
    """An RSA key certified by an authority. With ``days`` 0 the certificate has run out."""
    keys = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
    names = [
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("Example Authority", "Example Hospital")
    ]
    root = _certify(names[0], names[0], keys[0], keys[0], days=3650, is_authority=True)
    return keys[1], Chain(_certify(names[1], names[0], keys[1], keys[0], days=days, is_authority=False), root)


def _certify(
    subject: x509.Name, issuer: x509.Name, key: Any, signing: Any, *, days: int, is_authority: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    usage = dict.fromkeys(("key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=days) - timedelta(days=1 if not days else 0))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_authority,
                content_commitment=not is_authority,
                key_cert_sign=is_authority,
                crl_sign=is_authority,
                decipher_only=False,
                **usage,
            ),
            critical=True,
        )
        .sign(signing, hashes.SHA256())
    )
