"""Rights lent for a time, and projects whose people may sign what they made, compared with the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from governance.models import Delegation, Project
from governance.projections.base import Entry, Problem, Projection, RowPerEntry, iterate_rows, moment_differs


class Delegations(RowPerEntry):
    noun = "delegation"
    table = Delegation
    makers = frozenset({"delegation.given"})
    types = makers | frozenset({"delegation.ended"})
    columns = (
        *("project_id", "from_user_id", "to_user_id", "role", "reason"),
        *("starts_at", "ends_at", "given_at", "ended_at"),
    )

    moments = frozenset({"ended_at"})

    def __init__(self) -> None:
        super().__init__()
        self.ended: set[int] = set()

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "project_id": entry.project_id,
            "from_user_id": entry.actor_id,
            "to_user_id": entry.related_id("user"),
            "role": entry.data["role"],
            "reason": entry.body["reason"],
            "starts_at": datetime.fromisoformat(entry.data["starts_at"]),
            "ends_at": datetime.fromisoformat(entry.data["ends_at"]),
        }

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        return moment_differs(row, "given_at", entry.at)

    def changed(self, entry: Entry) -> dict[str, Any]:
        return {"ended_at": entry.at}

    def follow(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        self.ended.add(row["pk"])
        return super().follow(row, entry)

    def finish(self) -> Iterator[Problem]:
        yield from super().finish()
        for key, ended_at in iterate_rows(Delegation, "ended_at"):
            if ended_at is not None and key in self.seen and key not in self.ended:
                yield Problem(None, f"delegation {key} is marked as ended, but no entry ends it")


class SoloModes(Projection):
    """A project is in solo mode exactly if the last entry to switch it switched it on."""

    types = frozenset({"project.solo_mode_switched"})

    def __init__(self) -> None:
        self.last: dict[int, Entry] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
        self.last[entry.subject_id] = entry
        return ()

    def finish(self) -> Iterator[Problem]:
        for key, since, reason in iterate_rows(Project, "solo_since", "solo_reason"):
            entry = self.last.get(key)
            on = entry is not None and bool(entry.data["on"])
            index = entry.index if entry else None
            if (since is not None) != on:
                is_on, was_on = ("on" if state else "off" for state in (since is not None, on))
                yield Problem(index, f"project {key}: its solo mode is {is_on}, recorded is {was_on}")
            elif entry is not None and on:
                for what in moment_differs({"solo_since": since}, "solo_since", entry.at):
                    yield Problem(index, f"project {key}: {what}")
                if reason != entry.body.get("reason", ""):
                    yield Problem(index, f"project {key}: the reason of its solo mode is not the recorded one")
