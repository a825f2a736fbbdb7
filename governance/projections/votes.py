"""What belongs to a vote and may change after it: conditions and their fulfilment, refusals set aside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from governance.models import Condition, Overrule
from governance.projections.base import Entry, Problem, Projection, differences, iterate_rows, moment_differs


class Conditions(Projection):
    """Each condition stands in the entry of the vote that set it; another entry says when it was fulfilled."""

    types = frozenset({"sign_off.given", "condition.fulfilled"})
    columns = (
        *("sign_off_id", "version_id", "text", "owner_id", "due_at"),
        *("fulfilled_by_id", "fulfilled_how", "fulfilled_at"),
    )

    def __init__(self) -> None:
        self.recorded: dict[int, tuple[Entry, dict[str, Any]]] = {}
        self.fulfilled: dict[int, Entry] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
        if entry.type == "condition.fulfilled":
            self.fulfilled[entry.subject_id] = entry
            return ()
        for item in entry.data.get("conditions", ()):
            said = {
                "sign_off_id": entry.subject_id,
                "version_id": entry.related_id("version"),
                "text": item["text"],
                "owner_id": item["owner"],
                "due_at": datetime.fromisoformat(item["due_at"]),
            }
            self.recorded[item["id"]] = (Entry(entry.index, entry.at, {}), said)
        return ()

    def finish(self) -> Iterator[Problem]:
        for key, *values in iterate_rows(Condition, *self.columns):
            row = dict(zip(self.columns, values, strict=True))
            if key not in self.recorded:
                yield Problem(None, f"condition {key} stands in its table, but no entry records it")
                continue
            entry, said = self.recorded.pop(key)
            for what in differences(row, said):
                yield Problem(entry.index, f"condition {key}: {what}")
            yield from self._compare_end(key, row, entry)
        for key, (entry, _said) in self.recorded.items():
            yield Problem(entry.index, f"condition {key} is recorded here and gone from its table")

    def _compare_end(self, key: int, row: dict[str, Any], made: Entry) -> Iterator[Problem]:
        end = self.fulfilled.get(key)
        if end is None:
            if (row["fulfilled_at"], row["fulfilled_by_id"]) != (None, None):
                yield Problem(made.index, f"condition {key} is marked as fulfilled, but no entry says so")
            return
        said = {"fulfilled_by_id": end.actor_id, "fulfilled_how": end.body.get("reason", "")}
        for what in (*differences(row, said), *moment_differs(row, "fulfilled_at", end.at)):
            yield Problem(end.index, f"condition {key}: {what}")


class Overrules(Projection):
    """A refusal is set aside once, by the entry that names it."""

    types = frozenset({"sign_off.overruled"})
    columns = ("sign_off_id", "role", "reason", "overruled_by_id", "log_index", "overruled_at")

    def __init__(self) -> None:
        self.recorded: dict[int, Entry] = {}

    def read_one(self, entry: Entry) -> Iterable[str]:
        again = entry.subject_id in self.recorded
        self.recorded[entry.subject_id] = entry
        return [f"sign-off {entry.subject_id} is overruled a second time"] if again else []

    def finish(self) -> Iterator[Problem]:
        for key, *values in iterate_rows(Overrule, *self.columns):
            row = dict(zip(self.columns, values, strict=True))
            entry = self.recorded.pop(row["sign_off_id"], None)
            if entry is None:
                yield Problem(row["log_index"], f"overrule {key} stands in its table, but no entry records it")
                continue
            said = {
                "role": entry.data["role"],
                "reason": entry.body["reason"],
                "overruled_by_id": entry.actor_id,
                "log_index": entry.index,
            }
            for what in (*differences(row, said), *moment_differs(row, "overruled_at", entry.at)):
                yield Problem(entry.index, f"overrule {key}: {what}")
        for sign_off, entry in self.recorded.items():
            yield Problem(entry.index, f"the overrule of sign-off {sign_off} is recorded here and gone from its table")
