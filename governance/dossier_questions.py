"""Which questions about a dossier are open, as the log tells it: a row marked as answered by hand opens nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from governance.dossier_items import OpenQuestionItem
from governance.log_entries import COLUMNS, BrokenEntry, EntryRow, read_body
from governance.models import AuditLogEntry, LogSubject, ModelVersion

QUESTION = "question"
TOLD_BY = ("remark.written", "question.resolved")


def read_open_questions(version: ModelVersion) -> tuple[OpenQuestionItem, ...]:
    """The questions that were asked and not resolved, oldest first. One query, however much was said.

    An entry that cannot be read counts as an open question: nobody closes one by spoiling it.
    """
    told = AuditLogEntry.objects.filter(type__in=TOLD_BY, subjects__kind="version", subjects__object_id=version.pk)
    about_questions = told.filter(pk__in=LogSubject.objects.filter(kind=QUESTION).values("entry_id")).order_by("pk")
    still_open: dict[int, OpenQuestionItem] = {}
    for row in about_questions.values_list(*COLUMNS):
        entry = EntryRow._make(row)
        try:
            body = read_body(entry)
        except BrokenEntry as broken:
            still_open[-entry.place] = OpenQuestionItem(0, "dossier", broken.what, str(entry.place), entry.at)
            continue
        pk = body["subject"]["id"]
        if body["type"] == "question.resolved":
            still_open.pop(pk, None)
        else:
            still_open[pk] = _read(pk, body)
    return tuple(still_open.values())


def _read(pk: int, body: dict[str, Any]) -> OpenQuestionItem:
    return OpenQuestionItem(
        pk,
        body["data"]["item"],
        body["data"]["text"],
        body["actor"]["name"],
        datetime.fromisoformat(body["at"]),
    )
