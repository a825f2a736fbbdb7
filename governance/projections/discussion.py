"""What was said about dossiers, compared with the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from governance.models import Remark
from governance.projections.base import Entry, Problem, RowPerEntry, iterate_rows, moment_differs


class Remarks(RowPerEntry):
    noun = "remark"
    table = Remark
    makers = frozenset({"remark.written"})
    types = makers | frozenset({"question.resolved"})
    columns = (
        *("version_id", "item_key", "parent_id", "text", "author_id", "written_at", "is_question"),
        *("resolved_by_id", "resolved_at", "resolution", "log_index"),
    )

    moments = frozenset({"resolved_at"})

    def __init__(self) -> None:
        super().__init__()
        self.resolved: set[int] = set()

    def prepare(self, entries: Sequence[Entry]) -> None:
        super().prepare(entries)
        self.mentions: dict[int, list[int]] = {}
        links = Remark.mentions.through.objects.filter(remark_id__in=self.rows)
        for remark, user in links.values_list("remark_id", "user_id"):
            self.mentions.setdefault(remark, []).append(user)

    def expected(self, entry: Entry) -> dict[str, Any]:
        data = entry.data
        return {
            "version_id": entry.related_id("version"),
            "item_key": data["item"],
            "parent_id": data["parent"],
            "text": data["text"],
            "author_id": entry.actor_id,
            "is_question": data["kind"] == "question",
            "log_index": entry.index,
        }

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        yield from moment_differs(row, "written_at", entry.at)
        if sorted(self.mentions.get(row["pk"], ())) != sorted(entry.data["mentions"]):
            yield "it mentions other people than recorded"

    def changed(self, entry: Entry) -> dict[str, Any]:
        reason = entry.body.get("reason", "")
        return {"resolved_by_id": entry.actor_id, "resolution": reason, "resolved_at": entry.at}

    def follow(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        self.resolved.add(row["pk"])
        return super().follow(row, entry)

    def finish(self) -> Iterator[Problem]:
        yield from super().finish()
        for key, resolved_at, index in iterate_rows(Remark, "resolved_at", "log_index"):
            if resolved_at is not None and key in self.seen and key not in self.resolved:
                yield Problem(index, f"remark {key} is marked as resolved, but no entry resolves it")
