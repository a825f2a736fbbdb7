"""The proof that an entry is in the log, computed again for whoever looks at it, step by step.

Nothing here is taken from what the database says of itself: the text is hashed, the path is climbed, the signature is
checked. It still runs on the operator's machine, which is why the page also hands out the receipt.
"""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from shlex import quote
from typing import Any

from django.utils.translation import gettext as _

from governance.exceptions import GovernanceError, NotSealedYet
from governance.merkle import MerkleError, leaf_hash, verify_inclusion
from governance.models import AuditLogEntry
from governance.notes import Checkpoint, NoteError
from governance.receipts import receipt_for
from governance.signer_files import SignerError, read_trust, read_vkey
from governance.trust import Trust

HELD, BROKEN, OPEN = "held", "broken", "open"


@dataclass(frozen=True)
class Step:
    """One step of the check: ``outcome`` is held, broken or open (cannot be told yet)."""

    outcome: str
    text: str


@dataclass(frozen=True)
class ProofReading:
    """The steps, and what they were computed from: the path's hashes (from the leaf up), the note, the receipt."""

    steps: tuple[Step, ...]
    leaf: str
    path: tuple[str, ...] = ()
    checkpoint: Checkpoint | None = None
    note: str = ""
    names_document: bool = False

    @property
    def root(self) -> str:
        return self.checkpoint.root.hex() if self.checkpoint else ""

    @property
    def outcome(self) -> str:
        outcomes = {step.outcome for step in self.steps}
        return next((worst for worst in (BROKEN, OPEN) if worst in outcomes), HELD)


def verify_command(document: str, receipt: str) -> str:
    """What an auditor types to check a document against its receipt, far from this portal."""
    return f"python verifier.py receipt {quote(document)} {quote(receipt)} {trust_words()}"


def trust_words() -> str:
    """Whom the verifier is to trust: the log's key, or the trust file where one key does not say it all."""
    trust = _read_trust()
    if len(trust.keys) > 1 or trust.quorum:
        return "--trust log.trust.json"
    return f"--key {quote(read_vkey() or 'KEY')}"


def read_proof(entry: AuditLogEntry) -> ProofReading:
    """Prove an entry against the oldest checkpoint that seals it. Answers, never raises."""
    leaf = leaf_hash(bytes(entry.body))
    own = _check_leaf(entry, leaf)
    try:
        receipt = receipt_for(entry.index)
    except NotSealedYet:
        waiting = Step(OPEN, _("The signer has not sealed this entry yet. That takes a few seconds."))
        return ProofReading((own, waiting), leaf.hex())
    except GovernanceError as error:
        return ProofReading((own, Step(BROKEN, error.message)), leaf.hex())
    path = [b64decode(step) for step in receipt["inclusion_proof"]]
    steps, checkpoint = _check_sealing(entry, leaf, path, receipt)
    return ProofReading(
        (own, *steps),
        leaf.hex(),
        tuple(step.hex() for step in path),
        checkpoint,
        receipt["checkpoint"],
        "document_digest" in receipt,
    )


def _check_leaf(entry: AuditLogEntry, leaf: bytes) -> Step:
    if leaf == bytes(entry.leaf):
        return Step(HELD, _("The text of the entry has the leaf hash that was recorded with it."))
    return Step(BROKEN, _("The text of the entry does not have the leaf hash that was recorded with it."))


def _check_sealing(
    entry: AuditLogEntry, leaf: bytes, path: list[bytes], receipt: dict[str, Any]
) -> tuple[tuple[Step, ...], Checkpoint | None]:
    """Signature first: a root that nobody signed proves nothing."""
    trust = _read_trust()
    if not trust.keys:
        return (Step(OPEN, _("The log's verifier key is not here, so the signature cannot be checked.")),), None
    try:
        checkpoint = trust.open_checkpoint(receipt["checkpoint"])
    except NoteError as error:
        return (Step(BROKEN, _("The checkpoint's signature does not hold: %(why)s") % {"why": error}),), None
    words = {"count": len(path), "size": checkpoint.size}
    signed = Step(HELD, _("The checkpoint over %(size)d entries carries a good signature by the log's key.") % words)
    try:
        verify_inclusion(leaf, entry.index, checkpoint.size, path, checkpoint.root)
    except MerkleError as error:
        return (
            Step(BROKEN, _("The path does not lead to the signed root: %(why)s") % {"why": error}),
            signed,
        ), checkpoint
    climbed = Step(HELD, _("From it, %(count)d hashes lead to the root over %(size)d entries.") % words)
    return (climbed, signed), checkpoint


def _read_trust() -> Trust:
    """The log's keys; none when their file cannot be read, which the page of checkpoints says."""
    try:
        return read_trust() or Trust("", ())
    except SignerError:
        return Trust("", ())
