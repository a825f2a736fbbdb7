"""The organisation's certificate, by which issued reports are signed: the signer's alone, as the log's keys are.

Neither a web process nor a worker holds its key: what renders a report reads what users wrote, and what answers the
network is the first to fall. The signer makes a certificate of its own at its first start; an organisation that has a
real one names its file (``COUNTERSIGN_REPORT_CERTIFICATE``). The public half, with its chain, lies in ``reports.crt``
for everybody to read.
"""

from __future__ import annotations

import asyncio
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from governance.signer_files import SECRET, SignerError, keys_folder, replace_file, write_through

if TYPE_CHECKING:
    from cryptography import x509

ALGORITHM = "sha256"
LIFETIME = timedelta(days=3653)
BEGIN_KEY = b"PRIVATE KEY-----"


@dataclass(frozen=True)
class PublicCertificate:
    """What everybody may see: the certificates as DER, the signer's own first."""

    chain: tuple[bytes, ...]

    @property
    def fingerprint(self) -> str:
        """As log entries name it."""
        return "sha256:" + sha256(self.chain[0]).hexdigest()


def read_published() -> PublicCertificate | None:
    """The certificate that reports are signed with now; None before the signer's first start."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        read = x509.load_pem_x509_certificates((keys_folder() / "reports.crt").read_bytes())
    except FileNotFoundError:
        return None
    return PublicCertificate(tuple(item.public_bytes(Encoding.DER) for item in read))


class ReportKey:
    """The private key with its certificates, ready to sign."""

    def __init__(self, key: Any, chain: list[x509.Certificate]) -> None:
        self.key = key
        self.chain = chain

    @classmethod
    def load(cls) -> ReportKey:
        """The configured certificate, or the one that the signer made itself, made now if need be.

        Publishes what may be public. Raises ``SignerError`` for a file that cannot be used or that others may read.
        """
        configured = settings.COUNTERSIGN_REPORT_CERTIFICATE
        path = Path(configured) if configured else keys_folder() / "reports.key"
        if not configured and not path.exists():
            _make_own(path)
        found = cls(*_read(path, settings.COUNTERSIGN_REPORT_CERTIFICATE_PASSWORD if configured else ""))
        found._publish()
        return found

    @property
    def fingerprint(self) -> str:
        from cryptography.hazmat.primitives import hashes

        return "sha256:" + self.chain[0].fingerprint(hashes.SHA256()).hex()

    def sign(self, digest: bytes) -> bytes:
        """A detached CMS signature, as PAdES wants it, over content with this SHA-256."""
        # Imported here: a signer that never signs a report needs nothing of it.
        from asn1crypto import keys, x509
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
        from pyhanko.sign.signers import SimpleSigner
        from pyhanko_certvalidator.registry import SimpleCertificateStore

        private = self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        first, *others = (x509.Certificate.load(item.public_bytes(Encoding.DER)) for item in self.chain)
        store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        store.register_multiple(others)
        signer = SimpleSigner(first, keys.PrivateKeyInfo.load(private), store)
        made: bytes = asyncio.run(signer.async_sign(digest, ALGORITHM, use_pades=True)).dump()
        return made

    def _publish(self) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding

        text = "".join(item.public_bytes(Encoding.PEM).decode() for item in self.chain)
        place = keys_folder() / "reports.crt"
        if not place.exists() or place.read_text() != text:
            replace_file(place, text)


def _read(path: Path, password: str) -> tuple[Any, list[x509.Certificate]]:
    """The key and the certificates of a PEM or PKCS#12 file."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

    secret = password.encode() or None
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise SignerError(f"The reports' key {path} can be read by others (mode {mode:04o}): chmod 600 {path}")
        content = path.read_bytes()
        if BEGIN_KEY in content:
            key: Any = load_pem_private_key(content, secret)
            chain = x509.load_pem_x509_certificates(content)
        else:
            key, first, others = pkcs12.load_key_and_certificates(content, secret)
            chain = [item for item in (first, *others) if item is not None]
    except (OSError, ValueError, TypeError) as error:
        raise SignerError(f"The certificate for reports {path} cannot be used: {error}.") from error
    _check(path, key, chain)
    return key, chain


def _check(path: Path, key: Any, chain: list[x509.Certificate]) -> None:
    """Raise ``SignerError`` unless the first certificate is the key's and of a kind that readers check."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if not chain or key is None or chain[0].public_key() != key.public_key():
        raise SignerError(f"{path} must hold a private key and, first among its certificates, the one of that key.")
    known = isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048
    if not known and not (isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1"):
        raise SignerError(f"The key in {path} is neither RSA of 2048 bits or more nor on the curve P-256.")
    now = datetime.now(UTC)
    if not chain[0].not_valid_before_utc <= now <= chain[0].not_valid_after_utc:
        raise SignerError(
            f"The certificate in {path} is not valid now; it ends {chain[0].not_valid_after_utc:%Y-%m-%d}."
        )


def _make_own(path: Path) -> None:
    """Make a certificate that nobody vouches for but the log: its fingerprint stands in the entry of every report.

    It comes with a root, which readers can be told to trust. The root signs this one certificate and forgets its key.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    host = settings.COUNTERSIGN_LOG_ORIGIN.partition("/")[0]
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certify(f"Root of {host}", root_key, f"Root of {host}", root_key, is_root=True)
    leaf = _certify(f"Reports of {host}", key, f"Root of {host}", root_key, is_root=False)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    text = b"".join([private, *(item.public_bytes(Encoding.PEM) for item in (leaf, root))]).decode()
    draft = path.with_name(f"{path.name}.draft")
    write_through(draft, text, SECRET)
    draft.replace(path)


def _certify(subject: str, key: Any, issuer: str, signing: Any, *, is_root: bool) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    def name(text: str) -> x509.Name:
        organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Countersign")
        return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])

    now = datetime.now(UTC).replace(microsecond=0)
    never = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only", "decipher_only"), False
    )
    usage = x509.KeyUsage(digital_signature=not is_root, content_commitment=not is_root, key_cert_sign=is_root, **never)
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=0 if is_root else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(signing, hashes.SHA256())
    )
