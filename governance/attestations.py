"""Attestations: what was promoted, said for machines, as an in-toto statement (v1) in a DSSE envelope.

The promotion writes the statement; the signer process seals it in an envelope (secure-systems-lab/dsse, v1.0.2) once
a checkpoint covers the promotion's log entry, so that no web process ever holds a key. The key is the log's: what it
signs as an envelope starts with "DSSEv1 ", which no checkpoint can, because a log's name holds no space.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from governance.canonical import canonical_bytes, sha256_hex
from governance.dossier_items import instant
from governance.notes import SigningKey, VerifierKey

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:countersign:attestation:promotion:2"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


class EnvelopeError(ValueError):
    """The text is no DSSE envelope of ours, or nobody trusted has signed what it carries."""


def statement(
    dossier: Any,
    decision: Any,
    *,
    kind: str,
    not_before: datetime,
    expires_at: datetime,
    solo_mode: bool,
    conditions: Sequence[dict[str, str]],
) -> str:
    """The canonical statement: subjects are the artifact digests, the predicate is what was judged and signed.

    ``kind`` is the release's ("regular", "emergency", "rollback"); the artifact may run from ``not_before`` until
    before ``expires_at``. ``conditions`` are {"text", "owner", "dueAt", "state"} each, times already as text.
    """
    document = {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": item.name, "digest": {"sha256": item.digest.removeprefix("sha256:")}}
            for item in dossier.version.artifacts
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "model": dossier.model.name,
            "project": dossier.model.project,
            "version": dossier.version.number,
            "environment": decision.environment,
            "kind": kind,
            "dossier": dossier.digest,
            "policy": decision.policy_digest,
            "findings": [[finding.key, finding.status] for finding in decision.findings],
            "signOffs": [
                {
                    "name": item.signer,
                    "role": item.role,
                    "decision": item.decision,
                    "meaning": item.meaning,
                    "at": instant(item.signed_at),
                }
                for item in dossier.sign_offs
                if item.is_current
            ],
            "conditions": list(conditions),
            "soloMode": solo_mode,
            "promotedAt": instant(decision.judged_at),
            "notBefore": instant(not_before),
            "expiresAt": instant(expires_at),
        },
    }
    return canonical_bytes(document).decode()


def statement_digest(text: str) -> str:
    """The digest that the promotion's log entry carries."""
    return sha256_hex(text.encode())


def seal_statement(text: str, key: SigningKey) -> str:
    """Return the DSSE envelope of a statement as canonical JSON, with one Ed25519 signature.

    ``keyid`` is the key id of the verifier key (the eight hexadecimal digits in the middle of the vkey).
    """
    signature = {"keyid": key.verifier_key.key_id.hex(), "sig": _encode(key.sign(_pre_authentication(text)))}
    envelope = {"payloadType": PAYLOAD_TYPE, "payload": _encode(text.encode()), "signatures": [signature]}
    return canonical_bytes(envelope).decode()


def open_envelope(envelope: str, vkeys: Iterable[str]) -> str:
    """Return the statement that a trusted key has signed. Raises ``EnvelopeError``, and ``NoteError`` for a bad vkey.

    Every signature that names a trusted key must fit; signatures by others are ignored.
    """
    text, signatures = _read_envelope(envelope)
    trusted = {key.key_id.hex(): key for key in map(VerifierKey.from_text, vkeys)}
    signed = _pre_authentication(text)
    found = [(trusted[keyid], signature) for keyid, signature in signatures if keyid in trusted]
    if not found:
        raise EnvelopeError("no trusted key has signed this envelope")
    if not all(key.verify(signed, signature) for key, signature in found):
        raise EnvelopeError("the signature does not fit the statement in the envelope")
    return text


def _pre_authentication(text: str) -> str:
    """What is signed: DSSE's PAE, with lengths in bytes."""
    return f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(text.encode())} {text}"


def _read_envelope(envelope: str) -> tuple[str, list[tuple[str, bytes]]]:
    """(statement, [(keyid, signature)])."""
    try:
        read = json.loads(envelope)
        if read["payloadType"] != PAYLOAD_TYPE:
            raise EnvelopeError(f"the envelope does not carry {PAYLOAD_TYPE}")
        text = base64.b64decode(read["payload"], validate=True).decode()
        return text, [(str(item["keyid"]), base64.b64decode(item["sig"], validate=True)) for item in read["signatures"]]
    except (binascii.Error, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise EnvelopeError(f"this is not a DSSE envelope: {error}") from error


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
