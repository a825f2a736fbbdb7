"""Read a file of attributions: a matrix of SHAP values with ids, outputs and base values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from audits.errors import BadInput
from audits.explanations.spec import MAXIMUM_FEATURES, VALUE_PREFIX, ExplanationSpec
from audits.tables.diagnose import raise_at_first, raise_unreadable, read_number
from audits.tables.frames import LARGEST_NUMBER, LIMITS, Limits, TableFile, check_row_count, open_table, read_table
from audits.tables.row_ids import read_row_ids

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    from numpy.typing import NDArray

MAXIMUM_VALUES = 20_000_000
"""Rows times features that are read into memory (160 MB)."""


@dataclass(frozen=True, eq=False)
class Attributions:
    """The contents of an attribution file.

    `shap` has the shape (rows, features); `base` and `output` one value per row. `values` holds
    the features' own values where the file has them, NaN where a cell is empty or not a number.
    `noise` is the standard error of each feature's values where they were estimated, else None.
    """

    file: TableFile
    ids: tuple[str, ...]
    has_ids: bool
    features: tuple[str, ...]
    shap: NDArray[np.float64]
    base: NDArray[np.float64]
    output: NDArray[np.float64]
    values: dict[str, NDArray[np.float64]]
    noise: NDArray[np.float64] | None = None


def read_attributions(path: Path, spec: ExplanationSpec, *, limits: Limits = LIMITS) -> Attributions:
    """Read and check an attribution file.

    Raises
    ------
    BadInput
        For a missing column, a cell that is not a finite number, a repeated id, or as many
        outputs as there are not rows.
    """
    import duckdb

    required = (*spec.columns.values(), *(spec.features or ()))
    file = read_table(path, required, delimiter=spec.delimiter, limits=limits)
    features = _choose_features(file, spec)
    with open_table(file) as engine:
        try:
            rows = engine.execute(f"SELECT count(*) FROM {file.scan()}").fetchall()[0][0]  # noqa: S608
            check_row_count(rows, limits)
            if rows * len(features) > MAXIMUM_VALUES:
                raise BadInput(
                    f"{rows:,} rows of {len(features)} features are too many; explain a sample "
                    f"of at most {MAXIMUM_VALUES // len(features):,} rows"
                )
            return _read_columns(engine, file, features, spec, rows)
        except duckdb.Error:
            raise_unreadable(file, limits)


def _choose_features(file: TableFile, spec: ExplanationSpec) -> tuple[str, ...]:
    """Return the columns that hold SHAP values."""
    taken = set(spec.columns.values())
    features = spec.features or tuple(
        name for name in file.columns if name not in taken and not name.startswith(VALUE_PREFIX)
    )
    for name in features:
        if name in spec.columns.values():
            raise BadInput("is both a feature and named under columns", column=name)
    if not features:
        raise BadInput("the file has no feature columns")
    if len(features) > MAXIMUM_FEATURES:
        raise BadInput(f"the file has {len(features)} features, at most {MAXIMUM_FEATURES} are read")
    return features


def _read_columns(
    engine: duckdb.DuckDBPyConnection,
    file: TableFile,
    features: tuple[str, ...],
    spec: ExplanationSpec,
    rows: int,
) -> Attributions:
    import numpy as np

    def read_checked(name: str) -> NDArray[np.float64]:
        numbers = _read_numbers(engine, file, name)
        if not (np.abs(numbers) <= LARGEST_NUMBER).all():
            _raise_bad_number(file, name)
        return numbers

    shap = np.column_stack([read_checked(name) for name in features])
    values = {
        name: _read_numbers(engine, file, VALUE_PREFIX + name)
        for name in features
        if VALUE_PREFIX + name in file.columns
    }
    if spec.outputs is not None and len(spec.outputs) != rows:
        raise BadInput(f"{len(spec.outputs):,} outputs for {rows:,} rows", column="outputs")
    output = np.array(spec.outputs) if spec.outputs else read_checked(spec.columns["output"])
    is_constant = spec.base_value is not None
    base = np.full(rows, spec.base_value) if is_constant else read_checked(spec.columns["base"])
    ids = read_row_ids(engine, file, spec.columns.get("id"), rows)
    return Attributions(file, ids, "id" in spec.columns, features, shap, base, output, values)


def _read_numbers(engine: duckdb.DuckDBPyConnection, file: TableFile, name: str) -> NDArray[np.float64]:
    """Return a column as numbers, NaN where a cell is empty or not a number."""
    import numpy as np

    query = f"SELECT coalesce({file.number(name)}, 'nan'::DOUBLE) AS x FROM {file.scan()}"  # noqa: S608
    return np.asarray(engine.execute(query).fetchnumpy()["x"], dtype=np.float64)


def _raise_bad_number(file: TableFile, name: str) -> NoReturn:
    raise_at_first(
        file,
        name,
        lambda text: read_number(text) is None,
        f"must be a finite number of at most {LARGEST_NUMBER:g}; found",
    )


def _keep_wanted(
    found: dict[str, tuple[str | None, ...]], batch: list[tuple[Any, ...]], wanted: set[str], column: str
) -> None:
    for row in batch:
        if row[0] not in wanted:
            continue
        if row[0] in found:
            raise BadInput(f"the prediction file has the explained row {row[0][:40]!r} more than once", column=column)
        found[row[0]] = row[1:]


def read_groups(
    path: Path, attributions: Attributions, spec: ExplanationSpec, *, limits: Limits = LIMITS
) -> tuple[TableFile, dict[str, list[str | None]]]:
    """Return (prediction file, sensitive feature -> value of every explained row).

    Every explained row must be a row of the prediction file, and where the specification names its
    column of outputs (`prediction_output`), the explained output must be the one submitted there.
    """
    import duckdb

    column = spec.prediction_id or spec.columns.get("id")
    if column is None:
        raise BadInput("rows can be matched with the predictions only by id: name columns.id", column="columns")
    ids = attributions.ids
    outputs = () if spec.prediction_output is None else (spec.prediction_output,)
    file = read_table(path, tuple(dict.fromkeys((column, *spec.sensitive, *outputs))), limits=limits)
    wanted = set(ids)
    found: dict[str, tuple[str | None, ...]] = {}
    texts = ", ".join(file.text(name) for name in (column, *spec.sensitive, *outputs))
    with open_table(file) as engine:
        try:
            result = engine.execute(f"SELECT {texts} FROM {file.scan()}")  # noqa: S608
            while batch := result.fetchmany(50_000):
                _keep_wanted(found, batch, wanted, column)
        except duckdb.Error:
            raise_unreadable(file, limits)
    strangers = [name for name in ids if name not in found]
    if strangers:
        shown = ", ".join(repr(name[:40]) for name in strangers[:5])
        raise BadInput(
            f"{len(strangers):,} explained rows are not in the prediction file, first {shown}",
            column=spec.columns.get("id"),
        )
    if spec.prediction_output is not None:
        _compare_outputs(attributions, [found[row][-1] for row in ids], spec)
    return file, {name: [found[row][place] for row in ids] for place, name in enumerate(spec.sensitive)}


def _compare_outputs(attributions: Attributions, texts: list[str | None], spec: ExplanationSpec) -> None:
    """Check that every explained output is the one the prediction file has for that row."""
    for row, output, text in zip(attributions.ids, attributions.output.tolist(), texts, strict=True):
        submitted = read_number(text)
        if submitted is None:
            raise BadInput(f"row {row[:40]!r} has no number, but {str(text)[:40]!r}", column=spec.prediction_output)
        if abs(output - submitted) > spec.tolerance * max(abs(output), abs(submitted)):
            raise BadInput(
                f"the explained output of row {row[:40]!r} is {output!r}, the submitted prediction {submitted!r}: "
                "explain the model that made the predictions, on the same scale",
                column=spec.prediction_output,
            )
