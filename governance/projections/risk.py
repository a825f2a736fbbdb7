"""Recorded answers to risk questionnaires, compared with the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from governance.canonical import sha256_hex
from governance.models import RiskAssessment
from governance.projections.base import Entry, RowPerEntry, moment_differs


class RiskAssessments(RowPerEntry):
    noun = "risk assessment"
    table = RiskAssessment
    makers = frozenset({"model.tiered"})
    types = makers
    columns = (
        *("model_id", "questionnaire", "questionnaire_digest", "text", "answers", "risk_tier", "answered_by_id"),
        *("answered_at", "log_index"),
    )

    def row_id(self, entry: Entry) -> int:
        return entry.related_id("risk_assessment")

    def prepare(self, entries: Sequence[Entry]) -> None:
        super().prepare([entry for entry in entries if "questionnaire" in entry.data])

    def read_one(self, entry: Entry) -> Iterable[str]:
        # Before there were questionnaires a tier was recorded without answers.
        return super().read_one(entry) if "questionnaire" in entry.data else ()

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "model_id": entry.subject_id,
            "questionnaire": entry.data["questionnaire"],
            "questionnaire_digest": entry.data["questionnaire_digest"],
            "answers": entry.data["answers"],
            "risk_tier": entry.data["risk_tier"],
            "answered_by_id": entry.actor_id,
            "log_index": entry.index,
        }

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        if sha256_hex(row["text"].encode()) != row["questionnaire_digest"]:
            yield "the questionnaire's text is not the recorded one"
        yield from moment_differs(row, "answered_at", entry.at)
