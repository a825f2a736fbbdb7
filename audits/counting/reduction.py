"""From a prediction file to cells: the streaming pass and what it checks on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from audits.counting.cells import MISSING_GROUP, Cell, Cells, LeftOut, sum_cells
from audits.counting.scores import ScoreCounts
from audits.errors import BadInput
from audits.spec import AuditSpec
from audits.tables.diagnose import iterate_rows, raise_at_first, raise_long_cell, raise_unreadable, read_number
from audits.tables.engine import THREADS, open_engine
from audits.tables.frames import LARGEST_NUMBER, LIMITS, Limits, TableFile, check_row_count

if TYPE_CHECKING:
    import duckdb

LABEL_ROLES = ("y_true", "y_pred")
SMALLEST_WEIGHT = 1 / LARGEST_NUMBER
MISSING_REASON = "a sensitive value is missing"


@dataclass(frozen=True, slots=True)
class RawCell:
    """One combination of texts as the engine counted it."""

    group: tuple[str | None, ...]
    label: str | None
    prediction: str | None
    count: int
    weight: float
    weight_squared: float
    longest: int
    bad_weights: int
    bad_scores: int


def reduce_to_cells(file: TableFile, spec: AuditSpec, *, limits: Limits = LIMITS, threads: int = THREADS) -> Cells:
    """Count the combinations of a prediction file.

    One pass over the file by the column engine (a second one for the scores, where a score
    column is named); memory does not grow with the number of rows.

    Parameters
    ----------
    file : TableFile
        From `frames.read_predictions`.
    spec : AuditSpec
    limits : Limits
    threads : int
        Threads of the column engine.

    Raises
    ------
    BadInput
        Naming the column and the first row at fault.
    """
    import duckdb

    with open_engine(file.path, threads=threads) as engine:
        try:
            raw = _count_combinations(engine, file, spec, limits)
            _check_raw(file, spec, raw, limits)
            _check_ids(engine, file, spec)
            cells = _convert(file, spec, raw)
            if "y_score" in spec.columns:
                scores = _count_scores(engine, file, spec, cells)
                cells = replace(cells, scores=scores)
        except duckdb.OutOfMemoryException:
            raise BadInput(
                "the table has too many distinct combinations to be counted; name sensitive "
                "columns that hold groups, not identifiers"
            ) from None
        except duckdb.Error:
            raise_unreadable(file, limits)
    return cells


def _count_combinations(
    engine: duckdb.DuckDBPyConnection, file: TableFile, spec: AuditSpec, limits: Limits
) -> list[RawCell]:
    """Count the distinct combinations of sensitive values, label and prediction."""
    groups = [file.text(name) for name in spec.sensitive]
    texts = [*groups, *(file.text(spec.columns[role]) for role in LABEL_ROLES)]
    weight = file.number(spec.columns["weight"]) if "weight" in spec.columns else "1.0"
    bad_score = "false"
    if "y_score" in spec.columns:
        score = file.number(spec.columns["y_score"])
        bad_score = f"coalesce(NOT abs({score}) <= {LARGEST_NUMBER!r}, true)"
        if spec.score_range is not None:
            low, high = spec.score_range
            bad_score = f"{bad_score} OR {score} NOT BETWEEN {low!r} AND {high!r}"
    columns = ", ".join(f"{text} AS k{number}" for number, text in enumerate(texts))
    keys = ", ".join(f"k{number}" for number in range(len(texts)))
    lengths = ", ".join(f"length(k{number})" for number in range(len(texts)))
    query = (
        f"SELECT {keys}, count(*), fsum(w), fsum(w * w), max(greatest({lengths}, 0)), "  # noqa: S608
        f"count_if(coalesce(NOT (w = 0 OR w BETWEEN {SMALLEST_WEIGHT!r} AND {LARGEST_NUMBER!r}), true)), "
        "count_if(bad_score) "
        f"FROM (SELECT {columns}, {weight} AS w, {bad_score} AS bad_score FROM {file.scan()}) "
        f"GROUP BY {keys} LIMIT {4 * limits.groups + 1}"
    )
    width = len(groups)
    return [RawCell(tuple(row[:width]), *row[width:]) for row in engine.execute(query).fetchall()]


def _check_raw(file: TableFile, spec: AuditSpec, raw: list[RawCell], limits: Limits) -> None:
    """Check what was counted; the slow search for a row runs only for a file with a fault."""
    check_row_count(sum(cell.count for cell in raw), limits)
    if max(cell.longest for cell in raw) > limits.cell_characters:
        _raise_first_long_cell(file, spec, limits)
    _check_labels(file, spec, raw)
    if len({cell.group for cell in raw}) > limits.groups:
        widest = max(range(len(spec.sensitive)), key=lambda place: len({cell.group[place] for cell in raw}))
        raise BadInput(
            f"more than {limits.groups:,} groups; name columns that hold groups, not identifiers or measurements",
            column=spec.sensitive[widest],
        )
    if any(cell.bad_weights for cell in raw):
        raise_at_first(
            file,
            spec.columns["weight"],
            _is_bad_weight,
            f"a weight must be 0 or a number from {SMALLEST_WEIGHT:g} to {LARGEST_NUMBER:g}; found",
        )
    if any(cell.bad_scores for cell in raw):
        _raise_first_bad_score(file, spec)


def _is_bad_weight(text: str | None) -> bool:
    number = read_number(text)
    return number is None or (number != 0 and number < SMALLEST_WEIGHT)


def _raise_first_long_cell(file: TableFile, spec: AuditSpec, limits: Limits) -> NoReturn:
    for row in iterate_rows(file, spec.used_columns):
        for name, text in zip(spec.used_columns, row.cells, strict=True):
            if text is not None and len(text) > limits.cell_characters:
                raise_long_cell(name, row, limits)
    raise BadInput(f"a cell has more than {limits.cell_characters:,} characters")


def _raise_first_bad_score(file: TableFile, spec: AuditSpec) -> NoReturn:
    low, high = spec.score_range or (-math.inf, math.inf)
    range_text = "" if spec.score_range is None else f" from {low:g} to {high:g}"
    raise_at_first(
        file,
        spec.columns["y_score"],
        lambda text: (number := read_number(text)) is None or not low <= number <= high,
        f"a score must be a finite number{range_text}; found",
    )


def _check_labels(file: TableFile, spec: AuditSpec, raw: list[RawCell]) -> None:
    """Check that both label columns are full and hold two values, one of them the positive."""
    found: set[str] = set()
    for role, values in zip(
        LABEL_ROLES,
        ({cell.label for cell in raw}, {cell.prediction for cell in raw}),
        strict=True,
    ):
        if None in values:
            raise_at_first(
                file,
                spec.columns[role],
                lambda text: text is None,
                "the label is empty; give every row a label or leave the row out",
            )
        found |= {value for value in values if value is not None}
    shown = ", ".join(repr(value[:40]) for value in sorted(found)[:10])
    names = f"{spec.columns['y_true']}, {spec.columns['y_pred']}"
    if spec.labels is not None and not found <= set(spec.labels):
        for role in LABEL_ROLES:
            _raise_unknown_label(file, spec.columns[role], spec.labels, found)
    if len(found) > 2:
        raise BadInput(f"a binary audit needs two labels, the file has {len(found):,}: {shown}", column=names)
    if spec.positive_label not in found and spec.labels is None:
        raise BadInput(
            f"the positive label {spec.positive_label!r} never occurs; found {shown}. Write it as "
            "it stands in the file, or list both labels under labels",
            column=names,
        )


def _raise_unknown_label(file: TableFile, column: str, labels: tuple[str, ...], found: set[str]) -> None:
    """Raise at the first label of this column that was not declared; return if there is none."""
    for row in iterate_rows(file, (column,)):
        if row.cells[0] not in labels:
            raise BadInput(
                f"the label {str(row.cells[0])[:60]!r} is not one of {labels[0]!r}, {labels[1]!r}",
                column=column,
                row=row.number,
                line=row.line,
            )


def _check_ids(engine: duckdb.DuckDBPyConnection, file: TableFile, spec: AuditSpec) -> None:
    """Check that every row has an id of its own, where an id column is named."""
    if "id" not in spec.columns:
        return
    column = spec.columns["id"]
    repeated = engine.execute(
        f"SELECT {file.text(column)} AS id FROM {file.scan()} "  # noqa: S608
        "GROUP BY id HAVING id IS NULL OR count(*) > 1 ORDER BY id NULLS FIRST LIMIT 1"
    ).fetchall()
    if not repeated:
        return
    if repeated[0][0] is None:
        raise_at_first(file, column, lambda text: text is None, "the id is empty")
    seen: set[str | None] = set()

    def is_repeated(text: str | None) -> bool:
        known = text in seen
        seen.add(text)
        return known

    raise_at_first(file, column, is_repeated, "every row needs an id of its own; repeated:")


def _convert(file: TableFile, spec: AuditSpec, raw: list[RawCell]) -> Cells:
    """Turn counted texts into cells, under the declared policy for missing values."""
    missing = [cell for cell in raw if None in cell.group]
    rows_missing = sum(cell.count for cell in missing)
    if missing and spec.missing is None:
        place = next(number for number, value in enumerate(missing[0].group) if value is None)
        raise BadInput(
            f"{rows_missing:,} rows lack a sensitive value; say in the specification whether to "
            'leave them out ("missing": "exclude") or to make them a group '
            '("missing": "own_group")',
            column=spec.sensitive[place],
        )
    if missing and spec.missing == "own_group":
        for place, name in enumerate(spec.sensitive):
            if any(cell.group[place] == MISSING_GROUP for cell in raw):
                raise BadInput(
                    f"has both empty cells and cells that say {MISSING_GROUP!r}; rename one",
                    column=name,
                )
    is_left_out = spec.missing == "exclude"
    used = [cell for cell in raw if not (is_left_out and None in cell.group)]
    if not used:
        raise BadInput("every row lacks a sensitive value; nothing is left to audit")
    rows = sum_cells(_convert_cell(cell, spec) for cell in used)
    if not sum(cell.weight for cell in rows):
        raise BadInput("all weights are zero", column=spec.columns.get("weight"))
    left_out = (LeftOut(MISSING_REASON, rows_missing),) if missing and is_left_out else ()
    return Cells(
        sensitive_features=spec.sensitive,
        positive_label=spec.positive_label,
        rows=rows,
        weighted="weight" in spec.columns,
        rows_read=sum(cell.count for cell in raw),
        rows_missing=rows_missing,
        left_out=left_out,
    )


def _convert_cell(cell: RawCell, spec: AuditSpec) -> Cell:
    return Cell(
        group=tuple(MISSING_GROUP if value is None else value for value in cell.group),
        label=int(cell.label == spec.positive_label),
        prediction=int(cell.prediction == spec.positive_label),
        count=cell.count,
        weight=cell.weight,
        weight_squared=cell.weight_squared,
    )


def _count_scores(engine: duckdb.DuckDBPyConnection, file: TableFile, spec: AuditSpec, cells: Cells) -> ScoreCounts:
    """Count the distinct (group, label, score) of the rows in use."""
    import numpy as np

    groups = sorted({cell.group for cell in cells.rows})
    features = range(len(spec.sensitive))
    names = ", ".join(f"g{place} VARCHAR" for place in features)
    engine.execute(f"CREATE TEMP TABLE groups (number BIGINT, {names})")
    marks = ", ".join("?" for _ in range(len(spec.sensitive) + 1))
    engine.executemany(
        f"INSERT INTO groups VALUES ({marks})",  # noqa: S608
        [(number, *group) for number, group in enumerate(groups)],
    )
    texts = [file.text(name) for name in spec.sensitive]
    if spec.missing == "own_group":
        texts = [f"coalesce({text}, '{MISSING_GROUP}')" for text in texts]
    columns = ", ".join(f"{text} AS s{place}" for place, text in enumerate(texts))
    weight = file.number(spec.columns["weight"]) if "weight" in spec.columns else "1.0"
    match = " AND ".join(f"s{place} = g{place}" for place in features)
    query = (
        "SELECT number, label, score, count(*) AS rows, fsum(w) AS weight, "  # noqa: S608
        f"fsum(w * w) AS squared FROM (SELECT {columns}, "
        f"({file.text(spec.columns['y_true'])} = ?)::BIGINT AS label, "
        f"{file.number(spec.columns['y_score'])} AS score, {weight} AS w FROM {file.scan()}) "
        f"JOIN groups ON {match} GROUP BY number, label, score"
    )
    result = engine.execute(query, [spec.positive_label]).fetchnumpy()
    return ScoreCounts.create(
        groups,
        [np.asarray(result[name]) for name in ("number", "label", "score", "rows", "weight", "squared")],
    )
