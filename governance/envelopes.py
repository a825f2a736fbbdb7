"""DSSE envelopes (secure-systems-lab/dsse, v1.0.2): a text of a named type, with one Ed25519 signature for each key.

The keys are the log's. What is signed starts with "DSSEv1 ", which no checkpoint can, because a log's name holds no
space: a signature over one can never be passed off as a signature over the other. Pure.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence

from governance.canonical import canonical_bytes
from governance.notes import SigningKey, VerifierKey


class EnvelopeError(ValueError):
    """The text is no DSSE envelope of this type, or nobody trusted has signed what it carries."""


def seal(payload_type: str, text: str, keys: Sequence[SigningKey]) -> str:
    """Return the envelope of a text as canonical JSON, signed with every key.

    ``keyid`` is the key id of the verifier key (the eight hexadecimal digits in the middle of the vkey).
    """
    signed = _pre_authentication(payload_type, text)
    signatures = [{"keyid": key.verifier_key.key_id.hex(), "sig": _encode(key.sign(signed))} for key in keys]
    envelope = {"payloadType": payload_type, "payload": _encode(text.encode()), "signatures": signatures}
    return canonical_bytes(envelope).decode()


def open_sealed(payload_type: str, envelope: str, vkeys: Iterable[str]) -> str:
    """Return the text that a trusted key has signed. Raises ``EnvelopeError``, and ``NoteError`` for a bad vkey.

    Every signature that names a trusted key must fit; signatures by others are ignored.
    """
    text, signatures = _read_envelope(payload_type, envelope)
    trusted = {key.key_id.hex(): key for key in map(VerifierKey.from_text, vkeys)}
    signed = _pre_authentication(payload_type, text)
    found = [(trusted[keyid], signature) for keyid, signature in signatures if keyid in trusted]
    if not found:
        raise EnvelopeError("no trusted key has signed this envelope")
    if not all(key.verify(signed, signature) for key, signature in found):
        raise EnvelopeError("the signature does not fit the statement in the envelope")
    return text


def _pre_authentication(payload_type: str, text: str) -> str:
    """What is signed: DSSE's PAE, with lengths in bytes."""
    return f"DSSEv1 {len(payload_type)} {payload_type} {len(text.encode())} {text}"


def _read_envelope(payload_type: str, envelope: str) -> tuple[str, list[tuple[str, bytes]]]:
    """(text, [(keyid, signature)])."""
    try:
        read = json.loads(envelope)
        if read["payloadType"] != payload_type:
            raise EnvelopeError(f"the envelope does not carry {payload_type}")
        text = base64.b64decode(read["payload"], validate=True).decode()
        return text, [(str(item["keyid"]), base64.b64decode(item["sig"], validate=True)) for item in read["signatures"]]
    except (binascii.Error, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise EnvelopeError(f"this is not a DSSE envelope: {error}") from error


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
