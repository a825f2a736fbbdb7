"""The verdicts of a result on the criteria of its specification, as a page shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from governance.findings import FindingStatus
from governance.metric_titles import title_of_metric
from governance.models import Comparator
from governance.text import as_sentence

STATUSES = {
    "met": FindingStatus.MET,
    "not met": FindingStatus.NOT_MET,
    "inconclusive": FindingStatus.INCONCLUSIVE,
}


@dataclass(frozen=True)
class VerdictRow:
    """``settled_by`` says what would settle an open question, where that is known."""

    status: str
    name: str
    demand: str
    population: str
    reason: str
    settled_by: str


def present_verdicts(verdicts: Iterable[Mapping[str, Any]]) -> list[VerdictRow]:
    """Return a row for each criterion, in the order of the specification."""
    return [
        VerdictRow(
            STATUSES[verdict["verdict"]],
            verdict["name"] or "",
            f"{title_of_metric(verdict['metric'])} {Comparator(verdict['comparator']).label} {verdict['threshold']:g}",
            verdict["population"],
            as_sentence(verdict["reason"]),
            verdict["settled_by"] or "",
        )
        for verdict in verdicts
    ]
