"""What was said about a version, arranged by thread and by the item it is about."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from governance.models import ModelVersion, Remark


@dataclass
class Thread:
    """A remark or question with its answers. ``title`` names the item; an item that is gone keeps its key."""

    root: Remark
    title: str
    is_present: bool
    answers: list[Remark] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.root.is_question and self.root.resolved_at is None

    @property
    def length(self) -> int:
        return 1 + len(self.answers)


def read_threads(version: ModelVersion, titles: dict[str, str]) -> list[Thread]:
    """Every thread: open questions first, then the newest. One query, however much was said."""
    rows = Remark.objects.filter(version=version).select_related("author", "resolved_by").order_by("pk")
    threads: dict[int, Thread] = {}
    for row in rows:
        if row.parent_id is None:
            threads[row.pk] = Thread(row, titles.get(row.item_key, row.item_key), row.item_key in titles)
        else:
            threads[row.parent_id].answers.append(row)
    return sorted(threads.values(), key=lambda thread: (not thread.is_open, -thread.root.pk))


def group_by_item(threads: list[Thread]) -> dict[str, list[Thread]]:
    """Item key -> its threads."""
    found: dict[str, list[Thread]] = defaultdict(list)
    for thread in threads:
        found[thread.root.item_key].append(thread)
    return dict(found)
