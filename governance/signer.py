"""The signer: a process of its own that seals the log with signed checkpoints, promotions with envelopes, and reports.

It holds the log's keys and remembers, outside the database, what it signed last. Before it signs it hashes every new
entry again from its exact text and grows its own tree, which starts from what it remembers and not from anything the
database says; and in turns it hashes again what it signed before. Whatever disagrees stops the signing and raises an
alarm. So it is a witness against anybody who can write to the database and not to its own folder.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import Error as DatabaseAway
from django.db import close_old_connections, connection
from django.db.models import Max

from governance.attestations import seal_statement, statement_digest
from governance.auditlog import database_now
from governance.log_entries import COLUMNS, BrokenEntry, EntryRow, iterate_batches, read_body
from governance.merkle import Frontier
from governance.models import AuditLogEntry, Checkpoint, LogHead, Release
from governance.notes import NoteError, VerifierKey, add_signature, sign_checkpoint
from governance.report_sealing import ReportSealer
from governance.revocations import Revoker
from governance.signer_files import (
    Memory,
    SignerError,
    clear_alarm,
    load_memory,
    raise_alarm,
    read_alarm,
    signed_leaves,
    take_lock,
    write_leaves,
)
from governance.signer_keys import KeyRing, is_ordered, publish
from governance.trust import KEY_ENTRIES, KeyHistoryError, Trust, TrustedKey, follow
from governance.vouching import Vouching
from governance.witnesses import read_quorum, read_witnesses

__all__ = ["BrokenEntry", "Signer", "SignerError", "read_alarm", "run", "sign_once"]

logger = logging.getLogger(__name__)

# The entries that let something run.
PROMOTIONS = frozenset({"version.promoted", "version.promoted_in_emergency", "release.rolled_back"})
PATROL = 250  # entries hashed again per round: a few milliseconds
INTERVAL_SECONDS = 0.5
ALARM_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 5.0
LOCK_PATIENCE_SECONDS = 10.0
REPEAT_ALARM_SECONDS = 60.0


class Signer:
    """One signer at work: its keys, its memory, and how far it has got with hashing old entries again."""

    def __init__(self, ring: KeyRing, memory: Memory) -> None:
        self.ring = ring
        self.memory = memory
        self.patrolled = 0
        self.revoker = Revoker()
        self.reports = ReportSealer()

    @classmethod
    def start(cls) -> Signer:
        """Read the signer's files; make the key at the first start. Raises ``SignerError`` and ``BrokenEntry``."""
        ring = KeyRing.load()
        memory = load_memory()
        if memory is None and Checkpoint.objects.exists():
            logger.warning("The signer's memory is gone: reading the whole log against its stored checkpoints.")
        signer = cls(ring, memory or Memory())
        signer.memory.keys = signer.memory.keys or (TrustedKey(ring.first),)
        ring.check(signer.memory.keys)
        publish(signer.trust())
        signer.reports.prepare()
        if not signer.memory.has_its_leaves():
            signer._rebuild_leaves()
        return signer

    def trust(self, keys: Sequence[TrustedKey] | None = None) -> Trust:
        """What outsiders need: the log's keys as far as it is signed, or others given, and its witnesses."""
        # The key's name, not the setting: a log keeps the name it was born with.
        origin = VerifierKey.from_text(self.ring.first).name
        try:
            witnesses = tuple(witness.key.to_text() for witness in read_witnesses())
            quorum = read_quorum(len(witnesses))
        except ValueError as error:
            raise SignerError(f"The witnesses are not configured as they should: {error}.") from None
        return Trust(origin, tuple(self.memory.keys if keys is None else keys), witnesses, quorum)

    def run_round(self, *, thorough: bool = False) -> Checkpoint | None:
        """Check, seal what is new, and return the checkpoint made, if any. Raises ``BrokenEntry`` and signs nothing.

        ``thorough`` hashes again everything that was signed before, and not only the next part of it.
        """
        if thorough:
            self.patrolled = 0
        self.patrol(self.memory.size if thorough else PATROL)
        made = self.seal() if self.is_due() else None
        self.seal_releases()
        self.reports.seal(self.memory.size, self._read_signed)
        if self.memory.size:
            self.revoker.renew(self.trust().origin, self.memory.size, self.ring.signing(self.memory.keys))
        return made

    def is_due(self) -> bool:
        """Whether the log grew, shrank, or lost its newest checkpoint. Two small queries."""
        size = LogHead.objects.filter(pk=1).values_list("size", flat=True).first() or 0
        sealed = Checkpoint.objects.aggregate(Max("size"))["size__max"] or 0
        return size != self.memory.size or sealed != self.memory.size

    def patrol(self, limit: int) -> None:
        """Hash the next ``limit`` entries that were signed before against the leaves that were signed."""
        start = self.patrolled if self.patrolled < self.memory.size else 0
        end = min(start + limit, self.memory.size)
        place = start
        for rows in iterate_batches(start, end):
            kept = signed_leaves(place, place + len(rows))
            for row, leaf in zip(rows, kept, strict=True):
                _check_row(row, place)
                if bytes(row.leaf) != leaf:
                    raise BrokenEntry(place, "it is another entry than the one that was signed")
                place += 1
        if place < end:
            self._check_not_shorter(_stored_head()[0])  # says more of an older backup than of a hole in the middle
            raise BrokenEntry(place, "it is gone, though it was signed")
        self.patrolled = end

    def seal(self) -> Checkpoint | None:
        """Sign the log as it is now, once every entry since the last time is seen to be whole."""
        size, tree = _stored_head()
        self._check_not_shorter(size)
        frontier, leaves, keys = self._read_new(size)
        if frontier.to_bytes() != bytes(tree):
            self.patrolled = 0
            self.patrol(self.memory.size)  # names the entry, if it is one that was signed before
            raise BrokenEntry(None, "the stored head of the log is not what its entries give")
        if size > self.memory.size:
            self._remember(frontier, leaves, keys)
        return self._store_checkpoint() if size else None

    def _check_not_shorter(self, size: int) -> None:
        if size < self.memory.size:
            raise BrokenEntry(
                size, f"the log has {size} entries and is shorter than the {self.memory.size} that were signed"
            )

    def _remember(self, frontier: Frontier, leaves: bytes, keys: Sequence[TrustedKey]) -> None:
        """Write down what is about to be signed, and publish keys that have changed before they sign."""
        if keys != self.memory.keys:
            self.ring = KeyRing.load()
            self.ring.signing(keys)  # raises before anything is written down
        self.memory.remember(frontier, leaves, keys)
        publish(self.trust())

    def _read_new(self, size: int) -> tuple[Frontier, bytes, tuple[TrustedKey, ...]]:
        """The tree of ``size`` entries grown from what was signed last, the leaves it grew by, and the keys by then."""
        frontier = Frontier(self.memory.size, self.memory.frontier.roots)
        leaves, keys = bytearray(), self.memory.keys
        stored = dict(Checkpoint.objects.filter(size__gt=self.memory.size).values_list("size", "note"))
        for rows in iterate_batches(self.memory.size, size):
            for row in rows:
                body = _check_row(row, frontier.size)
                if body.get("type") in KEY_ENTRIES:
                    keys = _follow(keys, body)
                frontier.append(bytes(row.leaf))
                leaves += row.leaf
                if frontier.size in stored:  # only after the memory was lost, or by a forger
                    self._check_stored(stored.pop(frontier.size), frontier, keys)
        if frontier.size < size:
            raise BrokenEntry(frontier.size, "it is missing")
        if stored:
            raise BrokenEntry(size, f"a checkpoint of {max(stored)} entries is stored, but the log has {size}")
        return frontier, bytes(leaves), keys

    def _check_stored(self, note: str, frontier: Frontier, keys: Sequence[TrustedKey]) -> None:
        try:
            signed = self.trust(keys).open_stored(note)
        except NoteError:
            signed = None
        if signed is None or (signed.size, signed.root) != (frontier.size, frontier.root()):
            raise BrokenEntry(None, f"the stored checkpoint of {frontier.size} entries is not one this signer made")

    def _store_checkpoint(self) -> Checkpoint | None:
        stored = Checkpoint.objects.filter(pk=self.memory.size).first()
        if stored is None:
            note = self._sign(self.memory.frontier)
            return Checkpoint.objects.create(
                size=self.memory.size, root=self.memory.root, note=note, signed_at=database_now()
            )
        self._check_stored(stored.note, self.memory.frontier, self.memory.keys)
        if bytes(stored.root) != self.memory.root:
            raise BrokenEntry(None, f"the stored checkpoint of {stored.size} entries is not the one that was signed")
        return None

    def _sign(self, frontier: Frontier) -> str:
        """The note, signed with every key that is the log's now, the oldest first."""
        first, *others = self.ring.signing(self.memory.keys)
        note = sign_checkpoint(first.name, frontier.size, frontier.root(), first)
        for key in others:
            note = add_signature(note, key)
        return note

    def seal_releases(self) -> None:
        """Seal the statement of every promotion that a checkpoint covers. One that was changed is not sealed."""
        broken: BrokenEntry | None = None
        for release in Release.objects.filter(envelope="", log_index__lt=self.memory.size).order_by("pk"):
            try:
                self._check_promotion(release)
            except BrokenEntry as error:
                broken = broken or error
                continue
            envelope = seal_statement(release.statement, *self.ring.signing(self.memory.keys))
            Release.objects.filter(pk=release.pk, envelope="").update(envelope=envelope)
        if broken is not None:
            raise broken

    def _check_promotion(self, release: Release) -> None:
        """The promotion's entry, as it was signed, must carry this release and the digest of this statement."""
        index = release.log_index
        body = self._read_signed(index, f"release {release.pk}")
        said = (body["subject"]["kind"], body["subject"]["id"], body["data"].get("statement"))
        promised = ("release", release.pk, statement_digest(release.statement))
        if body["type"] not in PROMOTIONS or said != promised:
            raise BrokenEntry(index, f"release {release.pk} carries another statement than its promotion recorded")

    def _read_signed(self, index: int | None, whose: str) -> dict[str, Any]:
        """The body of an entry that must be the one that was signed."""
        if index is None:
            raise BrokenEntry(None, f"{whose} has no entry")
        rows = AuditLogEntry.objects.filter(pk=index).values_list(*COLUMNS)
        row = next(map(EntryRow._make, rows), None)
        if row is None or [bytes(row.leaf)] != signed_leaves(index, index + 1):
            raise BrokenEntry(index, "it is gone, or another one than the entry that was signed")
        return read_body(row)

    def _rebuild_leaves(self) -> None:
        """Write the kept leaves anew from the entries, if these still give the root that was signed."""
        frontier, leaves = Frontier(), bytearray()
        for rows in iterate_batches(0, self.memory.size):
            for row in rows:
                _check_row(row, frontier.size)
                frontier.append(bytes(row.leaf))
                leaves += row.leaf
        if frontier.size < self.memory.size or frontier.root() != self.memory.root:
            raise BrokenEntry(None, f"the first {self.memory.size} entries do not give the root that was signed")
        write_leaves(0, bytes(leaves))


def _stored_head() -> tuple[int, bytes]:
    """Size and frontier of the log as the database says."""
    found = LogHead.objects.filter(pk=1).values_list("size", "frontier").first()
    return (0, b"") if found is None else (found[0], bytes(found[1]))


def _check_row(row: EntryRow, place: int) -> dict[str, Any]:
    if row.place != place:
        raise BrokenEntry(place, "it is missing")
    return read_body(row)


def _follow(keys: Sequence[TrustedKey], body: dict[str, Any]) -> tuple[TrustedKey, ...]:
    """The log's keys after an entry about them, which the operator must have ordered in the signer's own folder."""
    try:
        changed = follow(keys, body)
    except KeyHistoryError as error:
        raise BrokenEntry(body["index"], str(error)) from None
    if not is_ordered(body["type"], body["data"]["vkey"]):
        raise BrokenEntry(body["index"], "it changes the log's keys, but nobody ordered that from the signer")
    return changed


def sign_once() -> Checkpoint | None:
    """Check everything, seal what is new and end. Raises ``BrokenEntry`` after raising the alarm, and ``SignerError``.

    Returns the checkpoint made, or None when nothing was new.
    """
    lock = _wait_for_lock(threading.Event(), LOCK_PATIENCE_SECONDS)
    if lock is None:
        raise SignerError("Another signer is at work on this log. There is no need for a second one.")
    with lock:
        try:
            made = Signer.start().run_round(thorough=True)
        except BrokenEntry as error:
            _alarm(error)
            raise
        _end_alarm()
        Vouching().run_round()
        return made


def run(stop: threading.Event, *, interval: float = INTERVAL_SECONDS) -> None:
    """Seal until ``stop`` is set. While the database is away, ask more rarely; while the log is broken, keep alarming.

    Raises ``SignerError`` when the signer's own files need an operator.
    """
    lock = _wait_for_lock(stop, None)
    if lock is None:
        return
    with lock, _others_asked(stop):
        signer, pause, said_at = None, 0.0, 0.0
        while not stop.wait(pause):
            close_old_connections()
            try:
                signer = signer or Signer.start()
                signer.run_round(thorough=read_alarm() is not None)
                _end_alarm()
                pause = interval
            except BrokenEntry as error:
                if _alarm(error, again=time.monotonic() - said_at > REPEAT_ALARM_SECONDS):
                    said_at = time.monotonic()
                pause = max(interval, ALARM_PAUSE_SECONDS)
            except (DatabaseAway, OSError) as error:
                pause = _back_off(pause, interval, error)


@contextmanager
def _others_asked(stop: threading.Event) -> Iterator[None]:
    """While this runs, witnesses and a time-stamp authority are asked in a thread of their own, where there are any."""
    try:
        vouching = Vouching()
    except ValueError as error:
        raise SignerError(f"The witnesses are not configured as they should: {error}.") from None
    thread = threading.Thread(target=vouching.run, args=(stop,), name="vouching", daemon=True)
    if vouching.is_wanted:
        thread.start()
    yield


def _back_off(pause: float, interval: float, error: Exception) -> float:
    longer = min(max(pause, interval) * 2, LONGEST_PAUSE_SECONDS)
    logger.warning(
        "Cannot seal the log: %s. Is the database up and the disk not full? Trying again in %.0f s.", error, longer
    )
    connection.close()
    return longer


def _alarm(error: BrokenEntry, *, again: bool = True) -> bool:
    """Tell operator and pages. True when it was said in the operator's log."""
    new = raise_alarm(error.index, error.what, database_now().strftime("%Y-%m-%dT%H:%M:%SZ"))
    if new or again:
        place = "The log" if error.index is None else f"Entry {error.index} of the log"
        logger.error(
            "%s is not as it was recorded: %s. NOTHING IS SIGNED until this is explained. "
            "See everything that is wrong: manage.py verify_log",
            place,
            error.what,
        )
    return new or again


def _end_alarm() -> None:
    ended: dict[str, Any] | None = clear_alarm()
    if ended is not None:
        logger.warning("The log is whole again; this stood since %s: %s", ended.get("since"), ended.get("what"))


def _wait_for_lock(stop: threading.Event, patience: float | None) -> Any:
    """The signers' lock, or None when told to stop or out of patience. A signer that was killed leaves it free."""
    until = None if patience is None else time.monotonic() + patience
    told = False
    while (lock := take_lock()) is None:
        if not told:
            logger.warning("Another signer is at work on this log; waiting for it to end.")
            told = True
        if (until is not None and time.monotonic() > until) or stop.wait(0.2):
            return None
    return lock
