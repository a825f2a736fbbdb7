"""Cosignatures: what a witness on another machine says about a checkpoint (c2sp.org/tlog-cosignature, Ed25519).

A cosignature is one more signature line of the checkpoint's note. It carries the time at which the witness had seen
the log grow to this size without a rewriting of what it saw before. Pure: nothing is read or stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from governance.notes import NoteError, SignatureMismatch, VerifierKey, encode, split_key, split_note

COSIGNATURE = b"\x04"
TIME_BYTES = 8
SIGNATURE_BYTES = 64
LATEST_TIME = 2**63 - 1


@dataclass(frozen=True)
class WitnessKey:
    """The public half of a witness's key, written `name+keyid+base64` with the type 0x04."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256 over name, newline, algorithm byte and public key."""
        return hashlib.sha256(self.name.encode() + b"\n" + COSIGNATURE + self.public).digest()[:4]

    @classmethod
    def from_text(cls, text: str) -> WitnessKey:
        """Read a witness's vkey. Raises ``NoteError`` when it is malformed, mangled or of another type."""
        name, key_id, public = split_key(text, "witness key", COSIGNATURE)
        key = cls(name, public)
        if key.key_id.hex() != key_id:
            raise NoteError(f"the witness key of {name} does not match its own key id {key_id}")
        return key

    def to_text(self) -> str:
        """Write the vkey."""
        return f"{self.name}+{self.key_id.hex()}+{encode(COSIGNATURE + self.public)}"

    def open(self, text: str, signature: bytes) -> int:
        """Return when the witness cosigned the text (seconds since 1970). Raises ``NoteError`` when it did not."""
        if len(signature) != TIME_BYTES + SIGNATURE_BYTES:
            raise NoteError(f"the cosignature of {self.name} does not have {TIME_BYTES + SIGNATURE_BYTES} bytes")
        at = int.from_bytes(signature[:TIME_BYTES])
        message = f"cosignature/v1\ntime {at}\n{text}"
        if at > LATEST_TIME or not VerifierKey(self.name, self.public).verify(message, signature[TIME_BYTES:]):
            raise SignatureMismatch(f"the cosignature of {self.name} does not fit the text")
        return at


@dataclass(frozen=True)
class Cosigned:
    """A cosignature that holds: by whom, when (seconds since 1970), and its line as it stands in the note."""

    witness: WitnessKey
    at: int
    line: str


def find_cosignatures(note: str, vkeys: Iterable[str]) -> list[Cosigned]:
    """Return the cosignatures in a note by the given witnesses, one for each, the others being ignored.

    Raises ``NoteError``: also for a cosignature by one of these witnesses that does not hold.
    """
    text, signatures = split_note(note)
    trusted = {(key.name, key.key_id): key for key in map(WitnessKey.from_text, vkeys)}
    found: dict[WitnessKey, Cosigned] = {}
    for name, key_id, signature in signatures:
        key = trusted.get((name, key_id))
        if key is not None:
            line = f"\u2014 {name} {encode(key_id + signature)}\n"
            found.setdefault(key, Cosigned(key, key.open(text, signature), line))
    return list(found.values())
