"""Receipts: what an auditor keeps to prove, without the portal, that the log recorded a document.

A receipt carries the entry's exact text, its path to the root, and the signed checkpoint with that root. It is made
by reading a handful of rows, and is checked here before it leaves the house.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from governance import auditlog
from governance.checkpoints import covering_checkpoint, served_note
from governance.exceptions import IntegrityBroken, InvalidInput, NotSealedYet
from governance.log_entries import COLUMNS, BrokenEntry, EntryRow, read_body
from governance.merkle import MerkleError, verify_inclusion
from governance.models import AuditLogEntry, Checkpoint, LogNode, Release
from governance.signer_files import SignerError, read_trust, read_vkey

FORMAT = "countersign/receipt/1"


def receipt_for(index: int, document_digest: str | None = None) -> dict[str, Any]:
    """The receipt of entry ``index`` in the format that ``client/countersign/verifier.py`` reads.

    {"format", "entry": {"index", "body"}, "inclusion_proof": [...], "checkpoint": note, "document_digest"}, with bytes
    in base64. ``document_digest`` ("sha256:...") must be one that the entry names; left out, it is the subject's, or
    absent when the entry names none. The oldest checkpoint that covers the entry is used, of those that a quorum of
    witnesses cosigned and whose key was not revoked, so that a receipt does not change without need.
    Raises ``NotSealedYet``, ``InvalidInput`` for another document, and ``IntegrityBroken`` when the stored log does not
    prove what it should.
    """
    row = _read_row(index)
    checkpoint = covering_checkpoint(index)
    if checkpoint is None:
        raise NotSealedYet(f"Entry {index} is recorded, but the signer has not sealed it yet. Ask again in a moment.")
    try:
        body = read_body(row)
    except BrokenEntry as error:
        raise IntegrityBroken(f"Entry {index} of the log is not as it was recorded: {error.what}.") from error
    receipt = {
        "format": FORMAT,
        "entry": {"index": index, "body": _encode(row.body)},
        "inclusion_proof": [_encode(step) for step in _prove(row, checkpoint)],
        "checkpoint": served_note(checkpoint),
    }
    digest = _choose_digest(body, document_digest)
    return receipt | ({"document_digest": digest} if digest else {})


def attestation_bundle(release: Release) -> dict[str, Any]:
    """{"envelope": the DSSE envelope, "receipt": of the promotion's entry}, for whoever checks a release offline.

    The receipt is for the dossier that was promoted; its entry also names the digest of the statement in the envelope.
    Raises ``NotSealedYet`` while the signer has not sealed the promotion.
    """
    if not release.envelope or release.log_index is None:
        raise NotSealedYet("This promotion is recorded, but the signer has not sealed it yet. Ask again in a moment.")
    return {
        "envelope": json.loads(release.envelope),
        "receipt": receipt_for(release.log_index, release.dossier_id),
    }


def vkey() -> str:
    """The log's verifier key, to be handed to everybody who verifies. Raises ``NotSealedYet`` before there is one."""
    found = read_vkey()
    if found is None:
        raise NotSealedYet("The signer has not made the log's key yet. Start it: manage.py sign_log")
    return found


def trust_file() -> str:
    """Every key of the log with its sizes, and the witnesses. Raises ``NotSealedYet`` and ``IntegrityBroken``."""
    try:
        trust = read_trust()
    except SignerError as error:
        raise IntegrityBroken(str(error)) from error
    if trust is None:
        raise NotSealedYet("The signer has not made the log's key yet. Start it: manage.py sign_log")
    return trust.to_json()


def _read_row(index: int) -> EntryRow:
    found = AuditLogEntry.objects.filter(pk=index).values_list(*COLUMNS).first()
    if found is None:
        raise InvalidInput(f"The log has no entry {index}.", field="index")
    return EntryRow._make(found)


def _prove(row: EntryRow, checkpoint: Checkpoint) -> tuple[bytes, ...]:
    """The inclusion proof, seen to hold. The rows it is read from are trusted by nobody."""
    try:
        proof = auditlog.prove_inclusion(row.place, checkpoint.size).hashes
        verify_inclusion(bytes(row.leaf), row.place, checkpoint.size, proof, bytes(checkpoint.root))
    except (MerkleError, AuditLogEntry.DoesNotExist, LogNode.DoesNotExist) as error:
        raise IntegrityBroken(
            f"The stored log does not prove entry {row.place}: {error}. An operator must run: manage.py verify_log"
        ) from error
    return proof


def _choose_digest(body: dict[str, Any], wanted: str | None) -> str | None:
    """The document's digest, which must stand in the entry where the verifier looks for it."""
    named = [part["digest"] for part in (body["subject"], body["data"]) if part.get("digest")]
    if wanted is None:
        return named[0] if named else None
    if wanted not in named:
        raise InvalidInput(f"Entry {body['index']} does not speak of the document {wanted}.", field="document_digest")
    return wanted


def _encode(data: bytes) -> str:
    return base64.b64encode(bytes(data)).decode("ascii")
