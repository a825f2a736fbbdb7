"""The tree half of ``verify_log``: grown from the entries, compared with nodes, checkpoints and the signer's leaves."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from django.db.models import Q

from governance.auditlog import node_at
from governance.log_entries import BATCH, BrokenEntry, EntryRow
from governance.merkle import Frontier
from governance.models import AuditLogEntry, Checkpoint, LogHead, LogNode
from governance.notes import NoteError
from governance.projections.base import Problem, row_batches
from governance.signer_files import Memory, signed_leaves
from governance.trust import Trust

StoredCheckpoint = tuple[int, bytes, str]


class TreeCheck:
    """Takes entries in order and knows the tree of those before ``place``.

    Where an entry is bad or gone, the leaf that the signer kept stands in for it, so that what comes after is still
    judged on its own. ``bad`` lists those places, in order, and ``unsure`` the ones without such a leaf: whatever lies
    above them is bound to differ and is not reported again. ``lost`` says that the tree cannot be grown any further.
    """

    def __init__(self, frontier: Frontier, trust: Trust, memory: Memory | None) -> None:
        self.frontier = frontier
        self.trust = trust
        self.memory = memory
        self.start = self.place = self._compared_to = frontier.size
        self.bad: list[int] = []
        self.unsure: list[int] = []
        self.lost = False
        self.checkpoints = 0
        self.sealed = 0
        self.doubts: list[str] = []
        self._completed: dict[tuple[int, int], bytes] = {}
        self._kept: tuple[int, list[bytes]] = (0, [])
        self._stored_checkpoints = _iterate_checkpoints(self.start)
        self._next_checkpoint = next(self._stored_checkpoints, None)
        if not trust.keys:
            self.doubts.append("No verifier key is given and the signer has published none: no signature was checked.")
        if memory is not None and not memory.has_its_leaves():
            self.memory = None
            self.doubts.append("The signer's kept leaves do not belong to what it signed last; they were not used.")

    @classmethod
    def from_nodes(cls, start: int, trust: Trust) -> TreeCheck:
        """Begin at ``start`` with the stored nodes below it. Raises ``BrokenEntry`` when one is missing."""
        roots, place = [], 0
        for level in reversed(range(start.bit_length())):
            if start >> level & 1:
                try:
                    roots.append(node_at(level, place >> level))
                except (LogNode.DoesNotExist, AuditLogEntry.DoesNotExist):
                    raise BrokenEntry(place, f"the stored tree lacks the node over {1 << level} entries") from None
                place += 1 << level
        return cls(Frontier(start, roots), trust, None)

    def take(self, row: EntryRow, fault: str | None) -> Iterator[Problem]:
        """Grow by the next entry, ``fault`` being what is known to be wrong with it."""
        kept = self._kept_leaf(self.place)
        leaf = bytes(row.leaf)
        if fault is None and kept is not None and kept != leaf:
            fault = "it is another entry than the one that was signed"
        if fault is not None:
            yield Problem(self.place, fault)
            self._note_bad(self.place, unsure=kept is None)
        yield from self._grow(kept or leaf)

    def skip_to(self, place: int) -> Iterator[Problem]:
        """Report the entries missing before ``place``, and grow by what the signer kept of them."""
        if place <= self.place:
            return
        last = "" if place == self.place + 1 else f" to {place - 1}"
        yield Problem(self.place, f"the entries {self.place}{last} are missing" if last else "it is missing")
        self._note_bad(self.place)
        while self.place < place and (kept := self._kept_leaf(self.place)) is not None:
            yield from self._grow(kept)
        if self.place < place:
            self.lost = True
            self._note_bad(self.place, unsure=True)
            self.place = place

    def _grow(self, leaf: bytes) -> Iterator[Problem]:
        if not self.lost:
            for level, index, value in self.frontier.append(leaf):
                self._completed[level, index] = value
        self.place += 1
        while self._next_checkpoint is not None and self._next_checkpoint[0] <= self.place:
            yield from self._check_checkpoint(self._next_checkpoint)
            self._next_checkpoint = next(self._stored_checkpoints, None)

    def _kept_leaf(self, place: int) -> bytes | None:
        if self.memory is None or place >= self.memory.size:
            return None
        first, leaves = self._kept
        if not first <= place < first + len(leaves):
            first, leaves = place, signed_leaves(place, min(place + BATCH, self.memory.size))
            self._kept = (first, leaves)
        return leaves[place - first]

    def _note_bad(self, place: int, *, unsure: bool = False) -> None:
        insort(self.bad, place)
        if unsure:
            insort(self.unsure, place)

    def _check_checkpoint(self, stored: StoredCheckpoint) -> Iterator[Problem]:
        size, root, note = stored
        name = f"the checkpoint of {size} entries"
        if self.trust.keys:
            try:
                signed = self.trust.open_stored(note)
            except NoteError as error:
                yield Problem(size - 1, f"{name} does not hold: {error}")
                return
            if (signed.size, signed.root) != (size, root):
                yield Problem(size - 1, f"{name} is not the one in its signed note")
                return
        if size != self.frontier.size or _has_between(self.unsure, 0, size):
            return  # what is wrong below it has been said
        if root != self.frontier.root():
            yield Problem(self.sealed, f"the entries {self.sealed} to {size - 1} are not those that {name} signed")
            self._note_bad(self.sealed, unsure=True)
            return
        self.checkpoints += 1
        self.sealed = size

    def compare_nodes(self) -> Iterator[Problem]:
        """Compare the stored nodes that were completed since the last call, the lowest first."""
        first, last = self._compared_to, self.frontier.size
        ranges = [(level, first >> level, last >> level) for level in range(1, last.bit_length())]
        parts = [Q(level=level, index__gte=low, index__lt=high) for level, low, high in ranges if low < high]
        stored: dict[tuple[int, int], bytes] = {}
        if parts:
            wanted = parts[0]
            for part in parts[1:]:
                wanted |= part
            for level, index, value in LogNode.objects.filter(wanted).values_list("level", "index", "hash"):
                stored[level, index] = bytes(value)
        for key in sorted(self._completed):
            level, index = key
            low, high = index << level, (index + 1) << level
            if stored.get(key) != self._completed[key] and not _has_between(self.bad, low, high):
                said = "differs from what its entries give" if key in stored else "is missing"
                yield Problem(low, f"the stored node over the entries {low} to {high - 1} {said}")
                self._note_bad(low)
        self._completed.clear()
        self._compared_to = last

    def finish(self) -> Iterator[Problem]:
        """Compare what only the end of the log can tell: its head, and what was signed for a longer log."""
        head = LogHead.objects.filter(pk=1).values_list("size", "frontier").first() or (0, b"")
        if head[0] < self.place:
            yield Problem(head[0], f"it stands beyond the end of the log, which has {head[0]} entries")
        elif not self.lost and not self.bad and bytes(head[1]) != self.frontier.to_bytes():
            yield Problem(None, "the stored head of the log is not what its entries give")
        if self.trust.keys and self.place and not self.checkpoints:
            self.doubts.append("No checkpoint vouches for any of these entries. Is the signer running?")
        while self._next_checkpoint is not None:
            size = self._next_checkpoint[0]
            yield Problem(self.place, f"a checkpoint of {size} entries is stored, but the log has {self.place}")
            self._next_checkpoint = next(self._stored_checkpoints, None)
        nodes = self.frontier.size - self.frontier.size.bit_count()
        if self.start == 0 and not self.lost and not self.bad and LogNode.objects.count() != nodes:
            yield Problem(None, f"the stored tree has {LogNode.objects.count()} nodes, its entries give {nodes}")


def _has_between(places: list[int], start: int, end: int) -> bool:
    """Whether a place in the ordered list lies in start <= place < end."""
    found = bisect_left(places, start)
    return found < len(places) and places[found] < end


def _iterate_checkpoints(after: int) -> Iterator[StoredCheckpoint]:
    """The stored checkpoints of more than ``after`` entries, by size."""
    for rows in row_batches(Checkpoint, "root", "note", after=after):
        for size, root, note in rows:
            yield size, bytes(root), note
