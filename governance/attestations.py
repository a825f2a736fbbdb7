"""Attestations: what was promoted, said for machines, as an in-toto statement (v1) in a DSSE envelope.

The promotion writes the statement; the signer process seals it in an envelope once a checkpoint covers the promotion's
log entry, so that no web process ever holds a key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from governance.canonical import canonical_bytes, sha256_hex
from governance.dossier_items import instant
from governance.envelopes import EnvelopeError, open_sealed, seal
from governance.notes import SigningKey

__all__ = ["EnvelopeError", "open_envelope", "seal_statement", "statement", "statement_digest"]

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:countersign:attestation:promotion:2"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


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


def seal_statement(text: str, *keys: SigningKey) -> str:
    """Return the DSSE envelope of a statement, signed with every key."""
    return seal(PAYLOAD_TYPE, text, keys)


def open_envelope(envelope: str, vkeys: Iterable[str]) -> str:
    """Return the statement that a trusted key signed. Raises ``EnvelopeError``, and ``NoteError`` for a bad vkey."""
    return open_sealed(PAYLOAD_TYPE, envelope, vkeys)
