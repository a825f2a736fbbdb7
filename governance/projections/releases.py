"""Releases, what was asked for in emergencies and what has to be followed up, compared with the log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from governance.attestations import EnvelopeError, open_envelope, statement_digest
from governance.canonical import sha256_hex
from governance.dossier_items import instant
from governance.models import EmergencyRequest, FollowUp, Release
from governance.notes import NoteError
from governance.projections.base import (
    Entry,
    Problem,
    Projection,
    RowPerEntry,
    differences,
    iterate_rows,
    moment_differs,
)
from governance.trust import Trust

KINDS = {
    "version.promoted": "regular",
    "version.promoted_in_emergency": "emergency",
    "release.rolled_back": "rollback",
}


class Releases(RowPerEntry):
    """A release is what the entry says that made it; its beginning and end to the microsecond, by its statement."""

    noun = "release"
    table = Release
    makers = frozenset(KINDS)
    types = makers
    columns = (
        *("model_id", "version_id", "environment", "kind", "dossier_id", "promoted_by_id", "started_at"),
        *("expires_at", "findings", "log_index", "statement", "envelope"),
    )

    def __init__(self, trust: Trust) -> None:
        super().__init__()
        self.trust = trust

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "model_id": entry.related_id("model"),
            "version_id": entry.related_id("version"),
            "environment": entry.data["environment"],
            "kind": KINDS[entry.type],
            "dossier_id": entry.data["dossier"],
            "promoted_by_id": entry.actor_id,
            "log_index": entry.index,
        }

    def further(self, entry: Entry) -> dict[str, Any]:
        # Entries of the first format left the end to the statement, whose digest they name.
        return {"expires_at": entry.data.get("expires_at", ""), "statement": entry.data["statement"]}

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        yield from moment_differs(row, "started_at", entry.at)
        if statement_digest(row["statement"]) != entry.data["statement"]:
            yield "its statement is not the recorded one"
        else:
            yield from _compare_span(row, json.loads(row["statement"])["predicate"])
        if sha256_hex(row["findings"].encode()) != entry.data.get("findings", sha256_hex(b"")):
            yield "its findings are not the recorded ones"
        if row["envelope"] and self.trust.keys:
            try:
                if open_envelope(row["envelope"], self.trust.sealing_vkeys(entry.index)) != row["statement"]:
                    yield "its envelope carries another statement"
            except (EnvelopeError, NoteError) as error:
                yield f"its envelope does not hold: {error}"


def _compare_span(row: dict[str, Any], predicate: dict[str, Any]) -> Iterator[str]:
    """Statements of the first format said only when they were promoted."""
    if "expiresAt" in predicate:
        yield from differences(
            {"started_at": instant(row["started_at"]), "expires_at": instant(row["expires_at"])},
            {"started_at": predicate["notBefore"], "expires_at": predicate["expiresAt"]},
        )


class ReleaseEnds(Projection):
    """A release lasts until the next one of its model in its environment, its version's retirement or its own time."""

    types = frozenset(KINDS) | {"version.retired", "release.withdrawn"}

    def __init__(self) -> None:
        self.live: dict[tuple[int, str], int] = {}
        self.started: dict[int, int] = {}
        self.ended: dict[int, Entry] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
        model = entry.related_id("model")
        environments = entry.data["environments"] if entry.type == "version.retired" else [entry.data["environment"]]
        for environment in environments:
            former = self.live.pop((model, environment), None)
            if former is not None:
                self.ended[former] = Entry(entry.index, entry.at, {})
        if entry.type in KINDS:
            self.live[model, entry.data["environment"]] = entry.subject_id
            self.started[entry.subject_id] = entry.index
        return ()

    def finish(self) -> Iterator[Problem]:
        for key, ended_at in iterate_rows(Release, "ended_at"):
            end = self.ended.get(key)
            if end is None and ended_at is not None and key in self.started:
                yield Problem(self.started[key], f"release {key} is marked as ended, but no entry ends it")
            elif end is not None and ended_at is None:
                yield Problem(end.index, f"release {key} was ended here and is marked as live")
            elif end is not None:
                for what in moment_differs({"ended_at": ended_at}, "ended_at", end.at):
                    yield Problem(end.index, f"release {key}: {what}")


class EmergencyRequests(RowPerEntry):
    noun = "emergency request"
    table = EmergencyRequest
    makers = frozenset({"emergency.asked"})
    types = makers
    columns = ("version_id", "environment", "dossier_id", "reason", "hours", "requested_by_id", "requested_at")

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "version_id": entry.related_id("version"),
            "environment": entry.data["environment"],
            "dossier_id": entry.data["dossier"],
            "reason": entry.body["reason"],
            "hours": entry.data["hours"],
            "requested_by_id": entry.actor_id,
        }

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        return moment_differs(row, "requested_at", entry.at)


class EmergencyEnds(Projection):
    """A request is settled by the entry that confirms it or takes it back, and by nothing else."""

    types = frozenset({"version.promoted_in_emergency", "emergency.withdrawn"})

    def __init__(self) -> None:
        self.settled: dict[int, tuple[int, int | None, int | None]] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
        confirmed = entry.type == "version.promoted_in_emergency"
        key = entry.data["request"] if confirmed else entry.subject_id
        self.settled[key] = (entry.index, *((entry.actor_id, entry.subject_id) if confirmed else (None, None)))
        return ()

    def finish(self) -> Iterator[Problem]:
        rows = iterate_rows(EmergencyRequest, "confirmed_by_id", "release_id", "confirmed_at", "withdrawn_at")
        for key, confirmed_by, release, confirmed_at, withdrawn_at in rows:
            index, by, made = self.settled.get(key, (None, None, None))
            is_settled = confirmed_at is not None or withdrawn_at is not None
            if (confirmed_by, release, is_settled) != (by, made, index is not None):
                yield Problem(index, f"emergency request {key} is not settled as recorded")


@dataclass(frozen=True, slots=True)
class Finding:
    """What opened a follow-up: the entry, the release or version it was about, and why, where it was withdrawn."""

    index: int
    at: datetime
    about: str
    why: str
    model: int


class FollowUps(Projection):
    """Opened by a withdrawal or by what ended an emergency, closed by a person."""

    types = frozenset(KINDS) | {"release.withdrawn", "version.retired", "follow_up.closed"}

    def __init__(self) -> None:
        self.opened: dict[int, int] = {}
        self.closed: dict[int, tuple[int, int, str, datetime]] = {}
        self.findings: dict[int, Finding] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
        if entry.type == "follow_up.closed":
            self.closed[entry.subject_id] = (entry.index, entry.actor_id, entry.body.get("reason", ""), entry.at)
        elif "follow_up" in entry.data:
            self.opened[entry.data["follow_up"]] = entry.index
            told = (entry.subject["label"], entry.body.get("reason", ""), entry.related_id("model"))
            self.findings[entry.data["follow_up"]] = Finding(entry.index, entry.at, *told)
        return ()

    def still_open(self) -> Iterator[tuple[int, Finding]]:
        """(id, finding) of those that the entries folded so far opened and did not close."""
        yield from ((key, found) for key, found in self.findings.items() if key not in self.closed)

    def finish(self) -> Iterator[Problem]:
        found = set()
        for key, closed_by, reason, closed_at in iterate_rows(FollowUp, "closed_by_id", "closing_reason", "closed_at"):
            found.add(key)
            index, by, why, _at = self.closed.get(key, (self.opened.get(key), None, "", None))
            if key not in self.opened:
                yield Problem(None, f"follow-up {key} stands in its table, but no entry records it")
            elif (closed_by, reason, closed_at is not None) != (by, why, by is not None):
                yield Problem(index, f"follow-up {key} is not closed or open as recorded")
        for key in sorted(set(self.opened) - found):
            yield Problem(self.opened[key], f"follow-up {key} is recorded here and gone from its table")
