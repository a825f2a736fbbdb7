"""Comparing tables with the log: each table of the record office is a projection of what the log says was done.

A projection reads the entries of its types in order, a batch at a time, and yields a ``Problem`` for each difference.
Facts that never change are compared as their entries pass; what later entries may change is kept and compared at the
end. Nothing here writes.

The same reading serves for any moment of the past: ``fold`` takes in what an entry says and looks at no table, so that
a projection that was given the entries up to some index knows what its table held then. See ``governance.past_state``.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db.models import Model

from governance.canonical import CanonicalError, canonical_digest, sha256_hex

KEY_BATCH = 5_000
# A row's own time is taken in the transaction that logs it, some seconds of waiting for locks before the entry's.
SAME_MOMENT = timedelta(minutes=10)
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError)


@dataclass(frozen=True)
class Problem:
    """Something that is not as it was recorded. ``index`` is the entry concerned, where there is one."""

    index: int | None
    what: str


@dataclass(slots=True)
class Entry:
    """A log entry as it was recorded: its place, its time, and its parsed body."""

    index: int
    at: datetime
    body: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.body["type"])

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body["data"]
        return found

    @property
    def actor_id(self) -> int:
        return int(self.body["actor"]["id"])

    @property
    def project_id(self) -> int | None:
        return int(self.body["project"]["id"]) if "project" in self.body else None

    @property
    def subject(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body["subject"]
        return found

    @property
    def subject_id(self) -> int:
        return int(self.body["subject"]["id"])

    def related_id(self, kind: str) -> int:
        """The id of the first related thing of a kind. Raises ``KeyError`` when none is named."""
        for thing in self.body["related"]:
            if thing["kind"] == kind:
                return int(thing["id"])
        raise KeyError(kind)


@dataclass(slots=True)
class PastRow:
    """A row as the entries up to some index have it: who made it and when, and the values of its columns then."""

    key: int
    index: int
    at: datetime
    by: str
    label: str
    reason: str
    values: dict[str, Any]
    changed_by: list[int]


class Projection(ABC):
    """One table, or one column of it, compared with the entries of ``types``."""

    types: ClassVar[frozenset[str]]

    def read(self, entries: Sequence[Entry]) -> Iterator[Problem]:
        """Compare a batch of entries, all of this projection's types, in the order of the log."""
        for entry in entries:
            try:
                yield from [Problem(entry.index, what) for what in self.read_one(entry)]
            except MALFORMED:
                yield Problem(entry.index, f"it does not hold what an entry “{entry.type}” records")

    def fold(self, entry: Entry) -> None:
        """Take in what one entry says, and look at no table. Raises one of ``MALFORMED``."""
        for _what in self.read_one(entry):
            pass

    @abstractmethod
    def read_one(self, entry: Entry) -> Iterable[str]:
        """What differs for one entry. Compares what ``finish`` does not; where that is nothing, reads no table."""

    def finish(self) -> Iterator[Problem]:
        """Compare what only the whole log can tell."""
        return iter(())


class RowPerEntry(Projection):
    """A table in which every row is recorded by exactly one entry of one of the types ``makers``.

    ``moments`` are the columns whose time is taken in the transaction that writes the entry.
    """

    noun: ClassVar[str]
    table: ClassVar[type[Model]]
    makers: ClassVar[frozenset[str]]
    columns: ClassVar[tuple[str, ...]]
    moments: ClassVar[frozenset[str]] = frozenset()

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.rows: dict[int, dict[str, Any]] = {}
        self.past: dict[int, PastRow] = {}

    def row_id(self, entry: Entry) -> int:
        """The row's key, as the entry names it."""
        return entry.subject_id

    @abstractmethod
    def expected(self, entry: Entry) -> dict[str, Any]:
        """Column -> the value that the entry records."""

    def further(self, entry: Entry) -> dict[str, Any]:
        """What the entry records of its row that stands in other tables or may change later."""
        return {}

    def changed(self, entry: Entry) -> dict[str, Any]:
        """Column -> the value that an entry of another type about the row records."""
        return {}

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        """Further differences of the row that the entry made."""
        return ()

    def follow(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        """Differences between a row and an entry of another type about it."""
        return self.compare(row, self.changed(entry))

    def compare(self, row: dict[str, Any], said: dict[str, Any]) -> Iterator[str]:
        """Differences between a row and what is recorded of some of its columns."""
        for column, recorded in said.items():
            if column in self.moments:
                yield from moment_differs(row, column, recorded)
            else:
                yield from differences(row, {column: recorded})

    def fold(self, entry: Entry) -> None:
        key = self.row_id(entry)
        if entry.type in self.makers:
            said = self.expected(entry) | self.further(entry)
            name, reason = str(entry.body["actor"]["name"]), str(entry.body.get("reason", ""))
            label = str(entry.subject["label"])
            self.past[key] = PastRow(key, entry.index, entry.at, name, label, reason, said, [])
        elif key in self.past:
            self.past[key].values |= self.changed(entry)
            self.past[key].changed_by.append(entry.index)

    def read(self, entries: Sequence[Entry]) -> Iterator[Problem]:
        self.prepare(entries)
        yield from super().read(entries)

    def prepare(self, entries: Sequence[Entry]) -> None:
        """Fetch the rows that the batch speaks of."""
        wanted = set()
        for entry in entries:
            try:
                wanted.add(self.row_id(entry))
            except MALFORMED:
                continue  # read_one says so
        found = self.table._base_manager.filter(pk__in=wanted).values("pk", *self.columns)
        self.rows = {row["pk"]: row for row in found}

    def read_one(self, entry: Entry) -> Iterable[str]:
        key = self.row_id(entry)
        name = f"{self.noun} {key}"
        row = self.rows.get(key)
        if entry.type in self.makers:
            if key in self.seen:
                return [f"{name} is recorded a second time"]
            self.seen.add(key)
        if row is None:
            return [f"{name} is recorded here and gone from its table"]
        if entry.type not in self.makers:
            return [f"{name}: {what}" for what in self.follow(row, entry)]
        found = [*differences(row, self.expected(entry)), *self.inspect(row, entry)]
        return [f"{name}: {what}" for what in found]

    def finish(self) -> Iterator[Problem]:
        indexed = "log_index" in self.columns
        for row in iterate_rows(self.table, "log_index" if indexed else "pk"):
            if row[0] not in self.seen:
                claimed = row[1] if indexed else None
                yield Problem(claimed, f"{self.noun} {row[0]} stands in its table, but no entry records it")


def differences(row: dict[str, Any], expected: dict[str, Any]) -> Iterator[str]:
    """Name each column whose value is not the recorded one."""
    for column, recorded in expected.items():
        if row[column] != recorded:
            name = column.removesuffix("_id").replace("__", " ").replace("_", " ")
            yield f"its {name} is {_short(row[column])}, recorded is {_short(recorded)}"


def moment_differs(row: dict[str, Any], column: str, at: datetime) -> Iterator[str]:
    """A row's own time must be about that of the entry written in the same transaction."""
    if row[column] is None or abs(row[column] - at) > SAME_MOMENT:
        yield f"its {column.replace('_', ' ')} is {row[column]}, but the entry was written at {at}"


def iterate_rows(table: type[Model], *columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield (pk, *columns) of every row in the order of keys."""
    for rows in row_batches(table, *columns):
        yield from rows


def row_batches(
    table: type[Model], *columns: str, batch: int = KEY_BATCH, after: Any = None
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of ``iterate_rows`` with keys beyond ``after`` in batches; between them no cursor is open."""
    rows = table._base_manager.order_by("pk").values_list("pk", *columns)
    found = list((rows if after is None else rows.filter(pk__gt=after))[:batch])
    while found:
        yield found
        found = list(rows.filter(pk__gt=found[-1][0])[:batch])


# What the standard encoder, fast because it is in C, spells in another way than RFC 8785, or RFC 8785 not at all: text
# beyond ASCII, exponents, whole floats, and integers that may be too large.
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False).encode
_SPELT_OTHERWISE = re.compile(r"[0-9][eE][-+]?[0-9]|\.0(?![0-9])|(?<![.0-9])[0-9]{16}|NaN|Infinity")


def digest_again(value: Any) -> str:
    """The digest of a JSON column's value, or nothing when it has none: then it is not what was recorded either."""
    text = _encode(value)
    if text.isascii() and _SPELT_OTHERWISE.search(text) is None:
        return sha256_hex(text.encode())
    try:
        return canonical_digest(value)
    except CanonicalError:
        return ""


def _short(value: Any) -> str:
    text = str(value) if isinstance(value, datetime) else repr(value)
    return text if len(text) <= 100 else text[:97] + "..."
