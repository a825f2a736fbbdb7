"""What a report says of the log: the entries about the version, and the proof that a checkpoint covers each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from governance import auditlog
from governance.models import AuditLogEntry, Checkpoint

# Printed with their proofs; everything else is listed.
DECISIONS = ("version.submitted", "sign_off.given", "waiver.granted", "version.promoted", "version.retired")
MOST_LISTED = 200


@dataclass(frozen=True)
class ProvenEntry:
    index: int
    type: str
    at: str
    actor: str
    subject: str
    leaf: str
    proof: tuple[str, ...]


@dataclass(frozen=True)
class ListedEntry:
    index: int
    type: str
    at: str
    actor: str
    subject: str


@dataclass(frozen=True)
class LogProof:
    """``checkpoint`` is None while nothing is sealed yet; then no entry is proven either."""

    checkpoint: Checkpoint | None
    root: str
    decisions: tuple[ProvenEntry, ...]
    entries: tuple[ListedEntry, ...]
    left_out: int


def prove_history(version_id: int, checkpoint: Checkpoint | None) -> LogProof:
    """Read the version's log. Decisions come with inclusion proofs against the checkpoint."""
    rows = AuditLogEntry.objects.about("version", version_id).order_by("index")
    count = rows.count()
    listed, decisions = [], []
    for row in rows[:MOST_LISTED]:
        body = json.loads(bytes(row.body))
        listed.append(ListedEntry(row.index, row.type, body["at"], body["actor"]["name"], body["subject"]["label"]))
    for row in rows.filter(type__in=DECISIONS):
        if checkpoint is not None and row.index < checkpoint.size:
            decisions.append(_prove(row, json.loads(bytes(row.body)), checkpoint.size))
    return LogProof(
        checkpoint,
        bytes(checkpoint.root).hex() if checkpoint else "",
        tuple(decisions),
        tuple(listed),
        max(0, count - MOST_LISTED),
    )


def _prove(row: AuditLogEntry, body: dict[str, Any], size: int) -> ProvenEntry:
    proof = auditlog.prove_inclusion(row.index, size)
    return ProvenEntry(
        row.index,
        row.type,
        body["at"],
        body["actor"]["name"],
        body["subject"]["label"],
        bytes(row.leaf).hex(),
        tuple(value.hex() for value in proof.hashes),
    )
