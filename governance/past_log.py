"""The log as it was at a moment: its entries read again up to there and checked, and the proof that they were those.

Every entry up to the moment is hashed from its exact text and the tree grown from it, whoever it is about; so an entry
that was changed since is found before anything is said. Which entries are read further follows from their texts, not
from the columns beside them. The proof ties the hashes of those entries to the root of that moment, and that root to
the newest checkpoint: an auditor sees offline that this log is the beginning of the present one.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from governance import auditlog
from governance.dossier_items import instant
from governance.exceptions import IntegrityBroken, InvalidInput, NotSealedYet
from governance.log_entries import BrokenEntry, EntryRow, check_columns, iterate_batches, read_body
from governance.merkle import MerkleError, SubsetTree, consistency_proof, leaf_hash, verify_consistency
from governance.models import AuditLogEntry, Checkpoint
from governance.projections.base import Entry

PROOF_FORMAT = "countersign/as-of-proof/1"
ORGANISATION = ("user.created", "user.closed", "framework.loaded", "framework.withdrawn")
"""What is read of entries that belong to no project: who people were, and which frameworks held."""
_MARKS = tuple(f'"type":"{type}"'.encode() for type in ORGANISATION)


@dataclass(frozen=True)
class PastLog:
    """``indexes`` and ``leaves`` are the entries that were read; ``hashes`` lead from them to the ``root`` over the
    first ``size`` entries. ``sealed`` is the newest checkpoint that stood then. ``left_out`` counts entries among those
    that are of a later time: the clock ran backwards, and the order of the log follows no clock."""

    at: datetime
    size: int
    root: bytes
    sealed: Checkpoint | None
    indexes: tuple[int, ...]
    leaves: bytes
    hashes: tuple[bytes, ...]
    left_out: int


def read_past(at: datetime, project_id: int, take: Callable[[Entry], None]) -> PastLog:
    """Read the log as it was at ``at`` and give ``take`` each entry of the project, and of the organisation, in order.

    Raises ``InvalidInput`` before the first entry, ``IntegrityBroken`` for a log that is not as it was recorded.
    """
    size = find_size(at)
    if size == 0:
        raise InvalidInput("The log holds nothing of that moment: it begins later.", field="as_of")
    sealed = Checkpoint.objects.filter(size__lte=size, signed_at__lte=at).order_by("-size").first()
    try:
        return _read(at, size, project_id, sealed, take)
    except BrokenEntry as error:
        raise IntegrityBroken(
            f"Entry {error.index} of the log is not as it was recorded: {error.what}. Nothing is told from such a log. "
            "An operator must run: manage.py verify_log"
        ) from None


def check_moment(at: datetime, kind: str, key: int) -> None:
    """Raises ``InvalidInput`` for an instant that is not past, or at which the log held nothing of the thing yet."""
    if at.tzinfo is None:
        raise InvalidInput("“as_of” needs a time zone, such as 2026-11-21T09:30:00Z.", field="as_of")
    if at >= auditlog.database_now():
        raise InvalidInput("“as_of” must lie in the past: what is recorded later cannot be told.", field="as_of")
    first = AuditLogEntry.objects.about(kind, key).order_by("index").values_list("at", flat=True).first()
    if first is None or at < first:
        began = f"; its first entry is of {instant(first)}" if first is not None else ""
        raise InvalidInput(f"The log holds nothing of this {kind} at that moment{began}.", field="as_of")


def find_size(at: datetime) -> int:
    """How many entries the log had at a moment."""
    newest = AuditLogEntry.objects.filter(at__lte=at).order_by("-index").values_list("index", flat=True).first()
    return 0 if newest is None else newest + 1


def _read(
    at: datetime, size: int, project_id: int, sealed: Checkpoint | None, take: Callable[[Entry], None]
) -> PastLog:
    tree, indexes, leaves, left_out = SubsetTree(), [], bytearray(), 0
    mark = b'"project":{"id":%d,' % project_id
    for rows in iterate_batches(0, size):
        for row in rows:
            if row.place != tree.size:
                raise BrokenEntry(tree.size, "it is missing")
            entry = _open(row, project_id, mark)
            is_read = entry is not None and entry.at <= at
            left_out += row.at > at
            if entry is not None and is_read:
                take(entry)
                indexes.append(row.place)
                leaves += row.leaf
            tree.append(bytes(row.leaf), chosen=is_read)
            if sealed is not None and tree.size == sealed.size and tree.root() != bytes(sealed.root):
                raise BrokenEntry(sealed.size - 1, f"the first {sealed.size} are not those that a checkpoint signed")
    if tree.size != size:
        raise BrokenEntry(tree.size, "it is missing")
    _check_next(size)
    root, hashes = tree.close()
    return PastLog(at, size, root, sealed, tuple(indexes), bytes(leaves), tuple(hashes), left_out)


def _open(row: EntryRow, project_id: int, mark: bytes) -> Entry | None:
    """The entry, if it is one to read; only hashed otherwise. In canonical text a mark stands for nothing else."""
    text = bytes(row.body)
    is_ours = mark in text or row.project_id == project_id
    if not is_ours and (b'"project":{' in text or not any(found in text for found in _MARKS)):
        if leaf_hash(text) != bytes(row.leaf):
            raise BrokenEntry(row.place, "its text does not have the leaf hash that was stored with it")
        return None
    body = read_body(row)
    return Entry(row.place, check_columns(row, body), body)


def _check_next(size: int) -> None:
    """Where the log ended then is told by a column: the first entry beyond must be as late as that says."""
    for rows in iterate_batches(size, size + 1):
        for row in rows:
            check_columns(row, read_body(row))


def prove(past: PastLog, present: Checkpoint | None) -> dict[str, Any]:
    """The proof as a document. Raises ``NotSealedYet`` while no checkpoint covers the moment, and ``IntegrityBroken``
    when the log that the checkpoint signed does not begin with this one."""
    if present is None or present.size < past.size:
        raise NotSealedYet("No checkpoint covers that moment yet. Ask again in a minute.")
    before = None
    try:
        onwards = _lead(past.size, past.root, present.size, bytes(present.root))
        if past.sealed is not None:
            found = _lead(past.sealed.size, bytes(past.sealed.root), past.size, past.root)
            before = {"note": past.sealed.note, "consistency": found}
    except MerkleError as error:
        raise IntegrityBroken(
            f"The log of that moment is not the beginning of the one that was signed ({error}). Nothing is told from "
            "it. An operator must run: manage.py verify_log"
        ) from None
    return {
        "format": PROOF_FORMAT,
        "at": instant(past.at),
        "size": past.size,
        "root": _spell(past.root),
        "indexes": list(past.indexes),
        "leaves": _spell(past.leaves),
        "hashes": _spell(b"".join(past.hashes)),
        "before": before,
        "consistency": onwards,
    }


def _lead(old: int, old_root: bytes, new: int, new_root: bytes) -> list[str]:
    hashes = consistency_proof(old, new, auditlog.node_at)
    verify_consistency(old, new, hashes, old_root, new_root)
    return [_spell(item) for item in hashes]


def _spell(data: bytes) -> str:
    return base64.b64encode(data).decode()
