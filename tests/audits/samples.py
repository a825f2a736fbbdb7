"""Small tables for the laboratory's tests, and where the developer set is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from audits.counting.cells import Cell, Cells
from audits.counting.reduction import reduce_to_cells
from audits.spec import check_spec
from audits.tables.frames import read_predictions

SPEC: dict[str, Any] = {
    "task": "binary",
    "columns": {"y_true": "y_true", "y_pred": "y_pred"},
    "positive_label": "1",
    "sensitive": ["group"],
}

# Six rows a person can count: group a has 1 TP, 1 FN, 1 FP; group b has 1 TP, 2 TN.
SIX_ROWS = "group,y_true,y_pred,y_score\na,1,1,0.9\na,1,0,0.4\na,0,1,0.6\nb,1,1,0.8\nb,0,0,0.1\nb,0,0,0.3\n"


def find_devset() -> Path:
    """Return the folder of the developer set, named by COUNTERSIGN_DEVSET or beside the repository."""
    default = Path(__file__).parents[3] / "shared" / "devset"
    return Path(os.environ.get("COUNTERSIGN_DEVSET", default))


needs_devset = pytest.mark.skipif(
    not (find_devset() / "cases.json").exists(),
    reason=f"the developer set is not at {find_devset()}; set COUNTERSIGN_DEVSET",
)


def list_cases() -> list[dict[str, Any]]:
    """Return the cases of the developer set; none where it is absent."""
    path = find_devset() / "cases.json"
    if not path.exists():
        return []
    cases: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return cases


def find_case(name: str) -> dict[str, Any]:
    """Return one case of the developer set."""
    return next(case for case in list_cases() if case["case"] == name)


def write(path: Path, content: str | bytes) -> Path:
    """Write a file exactly as given and return its path."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def reduce_file(path: Path, spec: Mapping[str, Any]) -> Cells:
    """Reduce a prediction file to cells, through every check."""
    checked = check_spec(dict(spec))
    return reduce_to_cells(read_predictions(path, checked), checked)


def reduce_text(folder: Path, content: str | bytes, **changes: Any) -> Cells:
    """Reduce the content of a CSV file; `changes` change the usual specification."""
    return reduce_file(write(folder / "predictions.csv", content), {**SPEC, **changes})


def make_cells(counts: Mapping[str, Sequence[int]]) -> Cells:
    """Make unweighted cells of one feature from group -> (tp, fp, fn, tn)."""
    rows = [
        Cell((group,), label, prediction, count, float(count), float(count))
        for group, numbers in counts.items()
        for (label, prediction), count in zip(((1, 1), (0, 1), (1, 0), (0, 0)), numbers, strict=True)
        if count
    ]
    total = sum(cell.count for cell in rows)
    return Cells(("group",), "1", tuple(sorted(rows, key=cell_key)), weighted=False, rows_read=total)


def cell_key(cell: Cell) -> tuple[Any, ...]:
    """Return what cells are sorted by."""
    return cell.group, cell.label, cell.prediction


def write_rows(folder: Path, rows: Iterable[tuple[str, ...]], header: str) -> Path:
    """Write rows of plain words as CSV."""
    lines = [header, *(",".join(row) for row in rows)]
    return write(folder / "predictions.csv", "\n".join(lines) + "\n")


def write_parquet(path: Path, query: str) -> Path:
    """Write the answer to a query as Parquet and return its path."""
    import duckdb

    with duckdb.connect() as engine:
        engine.sql(query).to_parquet(str(path))
    return path
