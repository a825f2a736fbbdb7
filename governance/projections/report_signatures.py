"""Renderings that were to be signed, compared with the log."""

from __future__ import annotations

from typing import Any

from governance.models import ReportSignature
from governance.projections.base import Entry, RowPerEntry


class ReportSignatures(RowPerEntry):
    """The signature itself is checked by whoever reads the report; what it was asked for stands in the log."""

    noun = "rendering"
    table = ReportSignature
    makers = frozenset({"report.rendered"})
    types = makers
    columns = ("report_id", "unsigned_digest", "covered_digest", "log_index")

    def row_id(self, entry: Entry) -> int:
        return int(entry.data["rendering"])

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "report_id": entry.subject_id,
            "unsigned_digest": entry.data["unsigned"],
            "covered_digest": entry.subject["digest"],
            "log_index": entry.index,
        }
