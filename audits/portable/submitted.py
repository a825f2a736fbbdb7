"""What was submitted about the rows: predictions that must be the model's own, sensitive values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audits.errors import BadInput
from audits.portable.attribute import Question
from audits.portable.document import PortableModel
from audits.portable.predict import Predictions
from audits.portable.rows import ModelRows
from audits.portable.spec import RecomputeSpec
from audits.tables.diagnose import raise_unreadable, read_number
from audits.tables.frames import LIMITS, Limits, TableFile, open_table, read_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COMPARED = ("margin", "y_score", "y_pred")


@dataclass(frozen=True, eq=False)
class Submitted:
    """Texts by column for every row of the table; `file` is the prediction file, if there is one."""

    texts: Mapping[str, Sequence[str | None]]
    file: TableFile | None


def list_columns(spec: RecomputeSpec) -> tuple[str, ...]:
    """Return the columns that hold what was submitted, each once."""
    named = [spec.columns[role] for role in (*COMPARED, "y_true") if role in spec.columns]
    return tuple(dict.fromkeys((*named, *spec.sensitive)))


def read_submitted(path: Path, spec: RecomputeSpec, ids: Sequence[str], *, limits: Limits = LIMITS) -> Submitted:
    """Read columns of a prediction file for the rows with these ids.

    Raises
    ------
    BadInput
        Where a row is not in the prediction file, or there twice.
    """
    import duckdb

    column = spec.prediction_id or spec.columns.get("id")
    if column is None or "id" not in spec.columns:
        raise BadInput("rows are matched with the predictions by id: name columns.id", column="columns")
    wanted = list_columns(spec)
    file = read_table(Path(path), (column, *wanted), delimiter=spec.delimiter, limits=limits)
    known = set(ids)
    found: dict[str, tuple[str | None, ...]] = {}
    listed = ", ".join(file.text(name) for name in (column, *wanted))
    with open_table(file) as engine:
        try:
            result = engine.execute(f"SELECT {listed} FROM {file.scan()}")  # noqa: S608
            while batch := result.fetchmany(50_000):
                for name, *cells in batch:
                    if name in known:
                        if name in found:
                            raise BadInput(f"the id {name[:60]!r} is there twice", column=column)
                        found[name] = tuple(cells)
        except duckdb.Error:
            raise_unreadable(file, limits)
    strangers = [name for name in ids if name not in found]
    if strangers:
        shown = ", ".join(repr(name[:40]) for name in strangers[:5])
        raise BadInput(f"{len(strangers):,} rows are not in the prediction file, first {shown}", column=column)
    return Submitted({name: [found[row][i] for row in ids] for i, name in enumerate(wanted)}, file)


def compare(
    model: PortableModel,
    question: Question,
    predictions: Predictions,
    rows: ModelRows,
    submitted: Submitted,
    spec: RecomputeSpec,
) -> dict[str, float]:
    """Compare the model's answers with the submitted ones on every row.

    Returns
    -------
    dict
        Role to the largest difference, relative where the number is above 1; for labels 0.

    Raises
    ------
    BadInput
        At the first row that differs by more than the tolerance.
    """
    found = {}
    for role in COMPARED:
        if role not in spec.columns:
            continue
        column = spec.columns[role]
        texts = submitted.texts[column]
        if role == "y_pred" and model.classes is not None:
            _compare_labels(model, predictions, rows, texts, column)
            found[role] = 0.0
            continue
        answers = predictions.margins[question.output] if role == "margin" else predictions.outputs[question.place]
        found[role] = _compare_numbers(answers, rows, texts, column, spec.tolerance)
    return found


def _compare_labels(
    model: PortableModel,
    predictions: Predictions,
    rows: ModelRows,
    texts: Sequence[str | None],
    column: str,
) -> None:
    if model.classes is None or predictions.labels is None:
        raise AssertionError("no labels")
    for row, (text, label) in enumerate(zip(texts, predictions.labels, strict=True)):
        if text != model.classes[label]:
            _raise_different(rows, row, column, text, model.classes[label])


def _compare_numbers(
    answers: NDArray[np.float64],
    rows: ModelRows,
    texts: Sequence[str | None],
    column: str,
    tolerance: float,
) -> float:
    import numpy as np

    numbers = [read_number(text) for text in texts]
    if None in numbers:
        row = numbers.index(None)
        raise BadInput(f"is not a number: {(texts[row] or '')[:60]!r}", column=column, row=row + 1)
    given = np.array(numbers, dtype=np.float64)
    difference = np.abs(answers - given) / np.maximum(1.0, np.abs(given))
    if (difference > tolerance).any():
        row = int((difference > tolerance).argmax())
        _raise_different(rows, row, column, texts[row], f"{answers[row]:.17g}")
    return float(difference.max())


def _raise_different(rows: ModelRows, row: int, column: str, submitted: str | None, found: str) -> None:
    raise BadInput(
        f"the model document gives {found}, submitted was {(submitted or '')[:60]} (id {rows.ids[row][:60]}); "
        "these are not the predictions of this model",
        column=column,
        row=row + 1,
    )
