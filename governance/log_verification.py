"""Checking the whole log again from its stored bytes, and every table that the log can vouch for against it.

One pass in the order of the log: each entry is hashed from its exact text, the tree is grown from the entries alone
and compared with every stored node and every signed checkpoint, and what the entries say was done is compared with
the tables. Memory does not grow with the length of the log, except for a set of the keys seen.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Min

from governance import store
from governance.append_only import find_fallen
from governance.exceptions import GovernanceError
from governance.log_entries import BrokenEntry, EntryRow, check_columns, iterate_batches, one_reading, read_body
from governance.log_tree import TreeCheck
from governance.merkle import Frontier
from governance.models import AuditLogEntry, ComplianceReport, Evidence, LogHead, LogSubject, StoredFile
from governance.projections import Entry, Problem, Projection, all_projections
from governance.projections.base import iterate_rows
from governance.signer_files import Memory, SignerError, load_memory, read_trust
from governance.trust import Trust

__all__ = ["Problem", "Verification", "own_trust", "trusted_vkeys", "verify", "verify_files", "verify_recent"]

MOST_PROBLEMS = 1_000
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Verification:
    """What was read and what was found. ``problems`` of the log itself come before those of tables, each in the order
    of the log, those without a place last; triggers that do not stand come after all of them.

    ``sealed`` is the size of the newest checkpoint that holds; ``doubts`` is what could not be checked and why.
    """

    entries: int
    checkpoints: int
    sealed: int
    problems: tuple[Problem, ...]
    doubts: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        return not self.problems

    @property
    def first_index(self) -> int | None:
        """The first bad entry, where one can be named."""
        return self.problems[0].index if self.problems else None


@dataclass
class _Findings:
    """Problems as they are found, up to a limit: one change deep down can make a million differences."""

    log: list[Problem] = field(default_factory=list)
    tables: list[Problem] = field(default_factory=list)
    fences: list[Problem] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    left_out: int = 0

    def add(self, problems: Iterable[Problem], *, of_tables: bool = False) -> None:
        for problem in problems:
            if len(self.log) + len(self.tables) < MOST_PROBLEMS:
                (self.tables if of_tables else self.log).append(problem)
            else:
                self.left_out += 1

    def in_order(self) -> tuple[Problem, ...]:
        """The log's own problems first: where it is damaged, tables are bound to differ from what is left of it.

        Fallen triggers come last: whoever took down all of them must not have what he changed then pushed out of sight.
        """
        last = [Problem(None, f"and {self.left_out:,} more")] if self.left_out else []
        return (*sorted(self.log, key=_by_place), *sorted(self.tables, key=_by_place), *self.fences, *last)


def _by_place(problem: Problem) -> tuple[bool, int]:
    return problem.index is None, problem.index or 0


def own_trust() -> Trust:
    """The log's keys as the signer published them, each for its sizes; none before its first start."""
    return read_trust() or Trust("", ())


def trusted_vkeys() -> tuple[str, ...]:
    """The verifier keys in ``own_trust`` that were not revoked."""
    return own_trust().vkeys


def verify(*, vkeys: Trust | Sequence[str], progress: Progress | None = None) -> Verification:
    """Check everything that the database holds of the log, and every table against it. Reads as of one moment.

    ``vkeys`` are the verifier keys that are trusted, plain ones for every size; obtain them elsewhere when the machine
    itself is in doubt.
    ``progress(done, total)`` is called after each batch of entries. Writes nothing.
    """
    findings = _Findings()
    memory = _read_memory(findings)
    with one_reading(), _collecting_rarely() as collect_garbage:
        size = _stored_size()
        _check_not_shorter(size, memory, findings)
        trust = Trust.of(vkeys)
        tree = TreeCheck(Frontier(), trust, memory)
        projections = all_projections(trust)
        for entries in _read_entries(size, tree, findings):
            _compare_tables(entries, projections, findings)
            collect_garbage(0)
            if progress is not None:
                progress(min(tree.place, size), size)
        findings.add(tree.finish())
        findings.fences += (Problem(None, what) for what in find_fallen(connection))
        for projection in projections:
            findings.add(projection.finish(), of_tables=True)
    return _conclude(size, tree, findings)


@contextmanager
def _collecting_rarely() -> Iterator[Callable[[int], int]]:
    """Python looks for garbage after every few hundred rows, among all that is kept: a quarter of the whole time. Once
    per batch, among what is new, is enough; yields the function that does it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield gc.collect
    finally:
        if was_on:
            gc.enable()


def verify_recent(limit: int = 200, *, vkeys: Trust | Sequence[str] | None = None) -> Verification:
    """Check the last ``limit`` entries up to the newest checkpoint: bounded work, for a page.

    The older part of the tree comes in as a handful of stored nodes, which nobody needs to trust: a signed root above
    them holds only if they are right. Tables are not compared.
    """
    findings = _Findings()
    memory = _read_memory(findings)
    with one_reading():
        size = _stored_size()
        _check_not_shorter(size, memory, findings)
        start = max(0, size - limit)
        try:
            tree = TreeCheck.from_nodes(start, own_trust() if vkeys is None else Trust.of(vkeys))
        except BrokenEntry as error:
            return Verification(0, 0, 0, (Problem(error.index, error.what),))
        for _entries in _read_entries(size, tree, findings):
            pass
        findings.add(tree.finish())
    return _conclude(size - start, tree, findings)


def verify_files(*, progress: Progress | None = None) -> tuple[Problem, ...]:
    """Read every stored file again and compare its bytes with its digest and size. Takes as long as reading them."""
    findings = _Findings()
    total = StoredFile.objects.count()
    for done, (digest, size) in enumerate(iterate_rows(StoredFile, "size"), 1):
        findings.add(Problem(_entry_of_file(digest), what) for what in _check_file(digest, size))
        if progress is not None:
            progress(done, total)
    return findings.in_order()


def _check_file(digest: str, size: int) -> Iterator[str]:
    try:
        store.check(digest)
        if store.path_of(digest).stat().st_size != size:
            yield f"the stored file {digest} has another size than the {size} bytes recorded"
    except GovernanceError as error:
        yield error.message
    except (OSError, ValueError) as error:
        yield f"the stored file {digest} cannot be read: {error}"


def _entry_of_file(digest: str) -> int | None:
    """The first entry that records the file, by the rows that name it."""
    for table in (Evidence, ComplianceReport):
        found = table._base_manager.filter(file_id=digest).aggregate(Min("log_index"))["log_index__min"]
        if found is not None:
            return int(found)
    return None


def _conclude(entries: int, tree: TreeCheck, findings: _Findings) -> Verification:
    doubts = [*findings.doubts, *tree.doubts]
    return Verification(entries, tree.checkpoints, tree.sealed, findings.in_order(), tuple(doubts))


def _stored_size() -> int:
    return LogHead.objects.filter(pk=1).values_list("size", flat=True).first() or 0


def _read_memory(findings: _Findings) -> Memory | None:
    """What the signer signed last. Read before the log is: the log only grows."""
    try:
        return load_memory()
    except SignerError as error:
        findings.doubts.append(str(error))
        return None


def _check_not_shorter(size: int, memory: Memory | None, findings: _Findings) -> None:
    """Whoever put an older database back did not reach the signer's memory."""
    if memory is not None and memory.size > size:
        what = f"the log has {size} entries and is shorter than the {memory.size} that were signed"
        findings.add([Problem(size, what)])


def _read_entries(size: int, tree: TreeCheck, findings: _Findings) -> Iterator[list[Entry]]:
    """Yield the readable entries batch by batch, each checked against itself and fed to the tree.

    Reads what is stored, also beyond ``size``, which is what the head says.
    """
    last = AuditLogEntry.objects.order_by("index").values_list("index", flat=True).last()
    for rows in iterate_batches(tree.place, size if last is None else last + 1):
        mentioned = _mentions(rows[0].place, rows[-1].place)
        entries: list[Entry] = []
        for row in rows:
            findings.add(tree.skip_to(row.place))
            fault = None
            try:
                entries.append(_check_columns(row, read_body(row), mentioned.get(row.place, set())))
            except BrokenEntry as error:
                fault = error.what
            findings.add(tree.take(row, fault))
        findings.add(tree.compare_nodes())
        yield entries
    findings.add(tree.skip_to(size))
    findings.add(tree.compare_nodes())


def _check_columns(row: EntryRow, body: dict[str, Any], mentioned: set[tuple[str, int]]) -> Entry:
    """The searchable columns and the index of subjects must say what the text says. Raises ``BrokenEntry``."""
    at = check_columns(row, body)
    try:
        things = {(thing["kind"], thing["id"]) for thing in (body["subject"], *body["related"])}
    except (KeyError, TypeError) as error:
        raise BrokenEntry(row.place, f"its text lacks what every entry has ({error})") from None
    if mentioned != things:
        raise BrokenEntry(row.place, "the index of subjects does not list what its text is about")
    return Entry(row.place, at, body)


def _mentions(first: int, last: int) -> dict[int, set[tuple[str, int]]]:
    found: dict[int, set[tuple[str, int]]] = {}
    rows = LogSubject.objects.filter(entry__gte=first, entry__lte=last).values_list("entry_id", "kind", "object_id")
    for index, kind, key in rows:
        found.setdefault(index, set()).add((kind, key))
    return found


def _compare_tables(entries: Sequence[Entry], projections: Sequence[Projection], findings: _Findings) -> None:
    by_type: dict[str, list[Entry]] = {}
    for entry in entries:
        by_type.setdefault(entry.type, []).append(entry)
    for projection in projections:
        if "*" in projection.types:
            concerned = list(entries)
        else:
            concerned = [entry for type in projection.types for entry in by_type.get(type, ())]
            concerned.sort(key=lambda entry: entry.index)
        if concerned:
            findings.add(projection.read(concerned), of_tables=True)
