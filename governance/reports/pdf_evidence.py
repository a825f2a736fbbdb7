"""What a report carries so that it can be checked and recomputed without the portal, beside its own contents.

All of it follows from the reading that is printed and the checkpoint it names, so that the same report comes out again
byte by byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from governance import receipts
from governance.checkpoints import served_note
from governance.exceptions import GovernanceError
from governance.models import AuditLogEntry, Checkpoint, Release
from governance.reports.log_proof import DECISIONS
from governance.reports.pdf import Attached

CELLS_FORMAT = "countersign/report-cells/1"
CLIENT = Path(__file__).resolve().parents[2] / "client" / "countersign"
VERIFIER = ("report_verifier.py", "report_cells.py", "cms.py", "verifier.py")
"""What checks a report offline: files that need nothing but Python."""
MOST_RECEIPTS = 100


def attach_proofs(version_id: int | None, checkpoint: Checkpoint | None) -> Iterator[Attached]:
    """The verifier; and, once the log is sealed, trust file, checkpoint and, of a version, receipts of decisions and
    attestations."""
    for name in VERIFIER:
        yield Attached(name, "Part of the offline verifier", (CLIENT / name).read_bytes())
    if checkpoint is None:
        return
    yield Attached("trust.json", "The log's keys. Compare them with what somebody you trust gave you", _trust())
    yield Attached("checkpoint.txt", "The signed state of the log", served_note(checkpoint).encode())
    if version_id is None:
        return
    entries = AuditLogEntry.objects.about("version", version_id).filter(type__in=DECISIONS, index__lt=checkpoint.size)
    for index in entries.order_by("index").values_list("index", flat=True)[:MOST_RECEIPTS]:
        yield _write(f"receipt-{index}.json", f"Inclusion proof of entry {index}", receipts.receipt_for(index))
    for release in Release.objects.filter(version=version_id, log_index__lt=checkpoint.size).order_by("pk"):
        if release.envelope:
            name, what = f"attestation-{release.pk}.json", f"Attestation for {release.environment}"
            yield _write(name, what, receipts.attestation_bundle(release))


def _trust() -> bytes:
    try:
        return receipts.trust_file().encode()
    except GovernanceError:  # no checkpoint holds without it, so whoever checks will see that
        return b"{}"


def attach_cells(evaluation_id: int, result: Mapping[str, Any]) -> Attached | None:
    """The counted cells from which every printed rate follows; None for results that have none.

    Only of groups that are printed: one that is too small to judge is named and withheld here as well.
    """
    counted = result.get("cells")
    if not counted or counted.get("condition") is not None:
        return None
    smallest = result["passport"]["minimum_group_size"]
    document = {
        "format": CELLS_FORMAT,
        "evaluation": evaluation_id,
        "task": counted["task"],
        "classes": counted["classes"],
        "positive_label": counted["positive_label"],
        "weighted": counted["weighted"],
        "clustered": "cluster" in (result.get("data") or {}).get("columns", {}),
        "columns": ["label", "prediction", "count", "weight", "weight_squared"],
        "minimum_group_size": smallest,
        "level": result["passport"]["intervals"]["level"],
        "overall": sum_cells(row[1:] for row in counted["cells"]),
        "groupings": [_count_grouping(grouping, counted) for grouping in result["groupings"]],
    }
    return _write(f"cells-{evaluation_id}.json", f"Counted cells of evaluation {evaluation_id}", document)


def _count_grouping(grouping: Mapping[str, Any], counted: Mapping[str, Any]) -> dict[str, Any]:
    places = [counted["sensitive_features"].index(feature) for feature in grouping["sensitive"]]
    shown, withheld = [], []
    for group in grouping["by_group"]:
        values = [group["group"][feature] for feature in grouping["sensitive"]]
        if group["below_minimum_size"]:
            withheld.append(group["group"])
            continue
        rows = [row[1:] for row in counted["cells"] if [row[0][place] for place in places] == values]
        shown.append({"group": group["group"], "cells": sum_cells(rows)})
    return {"sensitive": grouping["sensitive"], "groups": shown, "withheld": withheld}


def sum_cells(rows: Iterable[list[Any]]) -> list[list[Any]]:
    """Rows alike in label and prediction as one."""
    sums: dict[tuple[int, int], list[Any]] = {}
    for label, prediction, count, weight, squared in rows:
        whole = sums.setdefault((label, prediction), [0, 0.0, 0.0])
        for place, part in enumerate((count, weight, squared)):
            whole[place] += part
    return [[*key, *whole] for key, whole in sorted(sums.items())]


def _write(name: str, description: str, document: Any) -> Attached:
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Attached(name, description, text.encode())
