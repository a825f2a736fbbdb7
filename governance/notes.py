"""Signed notes, checkpoints and proofs in the C2SP text formats, with Ed25519.

A note is text, an empty line, and one line per signature (c2sp.org/signed-note). A checkpoint is a
note of three lines: the log's origin, its size, its root (c2sp.org/tlog-checkpoint). The log signs
under its origin as key name. A proof file carries an inclusion proof and the checkpoint it leads to
(c2sp.org/tlog-proof). Any implementation of these formats can check what is written here.

Pure: keys come in as text, nothing is read or stored. Errors are `NoteError` and its children.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

ED25519 = b"\x01"
KEY_BYTES = 32
ROOT_BYTES = 32
MAX_NOTE_BYTES = 1024 * 1024
MAX_SIGNATURES = 100
MAX_SIZE = 2**63 - 1
MAX_PROOF_HASHES = 63  # one per level of the largest tree
PROOF_HEADER = "c2sp.org/tlog-proof@v1"
PRIVATE_PREFIX = "PRIVATE+KEY+"

_SIGNATURE_START = "\u2014 "  # em dash, space
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_KEY_ID = re.compile(r"[0-9a-f]{8}")


class NoteError(ValueError):
    """The text is not a note, key, checkpoint or proof of the formats named above."""


class SignatureMismatch(NoteError):
    """A signature by a trusted key does not fit the text: the note was changed, or is forged."""


class NoTrustedSignature(NoteError):
    """None of the signatures is by a trusted key, so nothing can be said about the text."""


@dataclass(frozen=True)
class VerifierKey:
    """The public half of a key, written `name+keyid+base64` (a vkey)."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256 over name, newline, algorithm byte and public key."""
        named = self.name.encode() + b"\n" + ED25519 + self.public
        return hashlib.sha256(named).digest()[:4]

    @classmethod
    def from_text(cls, text: str) -> VerifierKey:
        """Read a vkey. Raises NoteError when it is malformed, mangled or not Ed25519."""
        name, key_id, public = split_key(text, "verifier key")
        key = cls(name, public)
        if key.key_id.hex() != key_id:
            raise NoteError(f"the verifier key of {name} does not match its own key id {key_id}")
        return key

    def to_text(self) -> str:
        """Write the vkey."""
        return f"{self.name}+{self.key_id.hex()}+{encode(ED25519 + self.public)}"

    def verify(self, text: str, signature: bytes) -> bool:
        """Say whether the 64-byte signature fits the text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """The private half of a key: whoever holds it speaks as `name`. Never logged, never shown."""

    name: str
    seed: bytes = field(repr=False)

    @property
    def verifier_key(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self._private().public_key().public_bytes_raw())

    @property
    def vkey(self) -> str:
        """The public half as text, to be handed to everybody who verifies."""
        return self.verifier_key.to_text()

    @classmethod
    def from_text(cls, text: str) -> SigningKey:
        """Read what `to_text` wrote. Raises NoteError; the message never quotes the key."""
        if not text.startswith(PRIVATE_PREFIX):
            raise NoteError(f"a signing key starts with {PRIVATE_PREFIX}")
        name, key_id, seed = split_key(text.removeprefix(PRIVATE_PREFIX), "signing key")
        key = cls(name, seed)
        if key.verifier_key.key_id.hex() != key_id:
            raise NoteError(f"the signing key of {name} does not match its own key id {key_id}")
        return key

    def to_text(self) -> str:
        """Write the key in the note package's form. Keep it in a file only its owner can read."""
        key_id = self.verifier_key.key_id.hex()
        return f"{PRIVATE_PREFIX}{self.name}+{key_id}+{encode(ED25519 + self.seed)}"

    def sign(self, text: str) -> bytes:
        """Return the 64-byte Ed25519 signature over the text's UTF-8 bytes."""
        return self._private().sign(text.encode())

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True)
class OpenedNote:
    """A note with at least one signature by a trusted key; `signers` are those keys."""

    text: str
    signers: tuple[VerifierKey, ...]


@dataclass(frozen=True)
class Checkpoint:
    """The signed statement: the log named `origin` had `size` entries and this 32-byte root."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True)
class TlogProof:
    """An inclusion proof with its checkpoint. Nobody signed `extra`: never trust it."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None


def generate_key(name: str) -> SigningKey:
    """Make a new signing key. For the log, `name` is its origin, as `audit.example.org/log`."""
    _check_name(name)
    return SigningKey(name, Ed25519PrivateKey.generate().private_bytes_raw())


# Notes.


def sign_note(text: str, key: SigningKey) -> str:
    """Return the note of a text that ends in a newline, with one signature."""
    _check_text(text)
    if not text.endswith("\n"):
        raise NoteError("the text of a note ends in a newline")
    return text + "\n" + _signature_line(text, key)


def add_signature(note: str, key: SigningKey) -> str:
    """Return the note with one more signature, as in the overlap of a key rotation."""
    text, _ = split_note(note)
    return note + _signature_line(text, key)


def open_note(note: str, vkeys: Iterable[str]) -> OpenedNote:
    """Return the text of a note that a trusted key has signed.

    `vkeys` are the trusted verifier keys as text. Signatures by other keys are ignored. Raises
    SignatureMismatch when a trusted key's signature is wrong, even beside a right one,
    NoTrustedSignature when there is none, NoteError when note or keys are malformed.
    """
    text, signatures = split_note(note)
    trusted = _index_keys(vkeys)
    signers: list[VerifierKey] = []
    for name, key_id, signature in signatures:
        key = trusted.get((name, key_id))
        if key is None:
            continue
        if not key.verify(text, signature):
            raise SignatureMismatch(f"the signature of {name} does not fit the text")
        if key not in signers:
            signers.append(key)
    if not signers:
        names = ", ".join(sorted({name for name, _, _ in signatures}))
        raise NoTrustedSignature(f"signed by {names}; none of these keys is trusted")
    return OpenedNote(text, tuple(signers))


# Checkpoints.


def sign_checkpoint(origin: str, size: int, root: bytes, key: SigningKey) -> str:
    """Return the checkpoint note. The key's name must be the origin."""
    if key.name != origin:
        raise NoteError(f"the key of {key.name} cannot sign a checkpoint of {origin}")
    if not 0 <= size <= MAX_SIZE:
        raise NoteError(f"a log does not have {size} entries")
    if len(root) != ROOT_BYTES:
        raise NoteError(f"a root has {ROOT_BYTES} bytes, not {len(root)}")
    return sign_note(f"{origin}\n{size}\n{encode(root)}\n", key)


def open_checkpoint(note: str, vkeys: Iterable[str]) -> Checkpoint:
    """Return the checkpoint in a note that a trusted key has signed under the log's origin.

    Raises as `open_note` does, and NoTrustedSignature when the signers are trusted but none of them
    is the log that the checkpoint speaks of.
    """
    opened = open_note(note, vkeys)
    checkpoint = parse_checkpoint(opened.text)
    if all(key.name != checkpoint.origin for key in opened.signers):
        raise NoTrustedSignature(f"no trusted key of {checkpoint.origin} signed its checkpoint")
    return checkpoint


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint note: three lines, no extension lines. Checks no signature."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise NoteError("a checkpoint has three lines: origin, size and root")
    origin, size, root_text, _ = lines
    _check_name(origin)
    root = _decode(root_text, "root")
    if len(root) != ROOT_BYTES:
        raise NoteError(f"a root has {ROOT_BYTES} bytes, not {len(root)}")
    return Checkpoint(origin, _parse_count(size, "size"), root)


# Proof files.


def build_proof(index: int, hashes: Sequence[bytes], checkpoint: str, extra: bytes | None = None) -> str:
    """Write a tlog-proof: the index, the inclusion proof from the leaf up, the checkpoint note."""
    lines = [PROOF_HEADER]
    if extra is not None:
        lines.append(f"extra {encode(extra)}")
    lines.append(f"index {index}")
    lines.extend(encode(item) for item in hashes)
    text = "\n".join(lines) + "\n\n" + checkpoint
    parse_proof(text)
    return text


def parse_proof(text: str) -> TlogProof:
    """Read a tlog-proof. Checks its form only: neither the signature nor the inclusion."""
    head, separator, checkpoint = text.partition("\n\n")
    header, *lines = head.split("\n")
    if header != PROOF_HEADER or not separator:
        raise NoteError(f"a proof starts with {PROOF_HEADER} and ends with a checkpoint")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = _decode(lines.pop(0).removeprefix("extra "), "extra data")
    if not lines or not lines[0].startswith("index "):
        raise NoteError("a proof names its entry in a line 'index <number>'")
    index = _parse_count(lines.pop(0).removeprefix("index "), "index")
    hashes = tuple(_decode(line, "hash") for line in lines)
    if len(hashes) > MAX_PROOF_HASHES or any(len(item) != ROOT_BYTES for item in hashes):
        raise NoteError(f"a proof has at most {MAX_PROOF_HASHES} hashes of {ROOT_BYTES} bytes")
    parse_checkpoint(split_note(checkpoint)[0])
    return TlogProof(index, hashes, checkpoint, extra)


# The small print of the formats.


def split_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """Return the text and the signatures as (key name, key id, signature). Checks none of them."""
    _check_text(note)
    text, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise NoteError("a note is text, an empty line, and lines with signatures")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteError(f"a note has at most {MAX_SIGNATURES} signatures")
    return text + "\n", [_parse_signature(line) for line in lines]


def _parse_signature(line: str) -> tuple[str, bytes, bytes]:
    name, separator, encoded = line.removeprefix(_SIGNATURE_START).partition(" ")
    if not line.startswith(_SIGNATURE_START) or not separator:
        raise NoteError("a signature line is an em dash, a key name and a signature")
    _check_name(name)
    signature = _decode(encoded, "signature")
    if len(signature) < 5:
        raise NoteError(f"the signature of {name} is too short")
    return name, signature[:4], signature[4:]


def _signature_line(text: str, key: SigningKey) -> str:
    signature = key.verifier_key.key_id + key.sign(text)
    return f"{_SIGNATURE_START}{key.name} {encode(signature)}\n"


def _index_keys(vkeys: Iterable[str]) -> dict[tuple[str, bytes], VerifierKey]:
    trusted: dict[tuple[str, bytes], VerifierKey] = {}
    for text in vkeys:
        key = VerifierKey.from_text(text)
        if trusted.setdefault((key.name, key.key_id), key) != key:
            raise NoteError(f"two trusted keys of {key.name} share a key id; give only one")
    return trusted


def split_key(text: str, what: str, algorithm: bytes = ED25519) -> tuple[str, str, bytes]:
    """Split `name+keyid+base64` and return the name, the key id as hex, and the 32 key bytes."""
    parts = text.split("+", 2)  # the base64 may hold a plus, too
    if len(parts) != 3:
        raise NoteError(f"a {what} is written name+keyid+base64")
    name, key_id, encoded = parts
    _check_name(name)
    material = _decode(encoded, what)
    if not _KEY_ID.fullmatch(key_id):
        raise NoteError(f"the key id of {name} is not 8 lowercase hexadecimal digits")
    if material[:1] != algorithm or len(material) != 1 + KEY_BYTES:
        raise NoteError(f"the {what} of {name} is not an Ed25519 key of type {algorithm.hex()}")
    return name, key_id, material[1:]


def _check_name(name: str) -> None:
    if not name or "+" in name or any(character.isspace() for character in name):
        raise NoteError("a key name or origin is not empty and has neither spaces nor plus signs")
    _check_text(name)


def _check_text(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise NoteError("the text is not valid Unicode") from None
    if size > MAX_NOTE_BYTES:
        raise NoteError(f"the text has {size} bytes; at most {MAX_NOTE_BYTES} are accepted")
    if _CONTROL.search(text):
        raise NoteError("the text holds a control character other than newline")


def _parse_count(text: str, what: str) -> int:
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_SIZE:
        raise NoteError(f"the {what} is not a decimal number without leading zeros")
    return int(text)


def encode(data: bytes) -> str:
    """Write bytes as the one base64 that these formats know."""
    return base64.b64encode(data).decode("ascii")


def _decode(text: str, what: str) -> bytes:
    """Decode standard base64 that has one spelling only: with padding, no stray bits."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError(f"the {what} is not base64") from None
    if encode(data) != text:
        raise NoteError(f"the {what} is not in the one canonical base64 spelling")
    return data
