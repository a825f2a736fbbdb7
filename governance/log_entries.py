"""Reading the log's stored rows again: in order, in batches, and checked against themselves.

The signer and ``verify_log`` share this and nothing else: what it finds is a property of one row. What it cannot find,
an entry replaced together with its leaf, is found by comparing roots.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from governance.merkle import leaf_hash
from governance.models import AuditLogEntry

BATCH = 2_000
# The log's profile has ASCII keys and no floats: for such values this is their RFC 8785 form, at C speed.
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False).encode
_decode = json.JSONDecoder().raw_decode
COLUMNS = ("index", "body", "leaf", "type", "at", "actor_id", "project_id")


class EntryRow(NamedTuple):
    """One stored row of the log; ``place`` is its index, ``body`` the exact text that was hashed."""

    place: int
    body: bytes
    leaf: bytes
    type: str
    at: datetime
    actor_id: int
    project_id: int | None


class BrokenEntry(Exception):
    """The log is not what ``append`` writes. ``index`` is the first entry that is wrong, where one can be named."""

    def __init__(self, index: int | None, what: str) -> None:
        super().__init__(what)
        self.index = index
        self.what = what


def iterate_batches(start: int, end: int, *, batch: int = BATCH) -> Iterator[list[EntryRow]]:
    """Yield the rows with start <= index < end in order, at most ``batch`` at a time, however many there are."""
    rows = AuditLogEntry.objects.order_by("index").values_list(*COLUMNS)
    while start < end:
        found = [EntryRow._make(row) for row in rows.filter(index__gte=start, index__lt=end)[:batch]]
        if not found:
            return
        yield found
        start = found[-1].place + 1


def read_body(row: EntryRow) -> dict[str, Any]:
    """Return the parsed body of a row whose leaf, index and spelling are right. Raises ``BrokenEntry``."""
    text = bytes(row.body)
    if leaf_hash(text) != bytes(row.leaf):
        raise BrokenEntry(row.place, "its text does not have the leaf hash that was stored with it")
    try:
        spoken = text.decode()
        body, end = _decode(spoken)
        again = _encode(body)
    except (ValueError, RecursionError):
        raise BrokenEntry(row.place, "its text is not JSON") from None
    if again != spoken or end != len(spoken):
        raise BrokenEntry(row.place, "its text is not in the canonical form")
    if not isinstance(body, dict) or type(body.get("index")) is not int or body["index"] != row.place:
        raise BrokenEntry(row.place, "its text says that it stands somewhere else in the log")
    return body


def check_columns(row: EntryRow, body: dict[str, Any]) -> datetime:
    """The searchable columns must say what the text says; returns the entry's time. Raises ``BrokenEntry``."""
    try:
        at = datetime.fromisoformat(body["at"])
        project = body["project"]["id"] if "project" in body else None
        said = (body["type"], at, body["actor"]["id"], project)
        if not isinstance(body["data"], dict):
            raise TypeError("data")
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenEntry(row.place, f"its text lacks what every entry has ({error})") from None
    for name, stored, recorded in zip(("type", "at", "actor", "project"), row[3:], said, strict=True):
        if stored != recorded:
            raise BrokenEntry(row.place, f"its column {name} is {stored!s}, its text says {recorded!s}")
    return at


@contextmanager
def one_reading() -> Iterator[None]:
    """Read everything inside as of one moment, while others go on writing. Does not hold them up.

    Inside a transaction already: nothing more is needed, or possible.
    """
    if connection.in_atomic_block:
        yield
        return
    # Not atomic(): on SQLite that takes the write lock at once, for as long as the reading lasts.
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if connection.vendor == "postgresql" else "BEGIN DEFERRED"
    with connection.cursor() as cursor:
        cursor.execute(begin)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")
