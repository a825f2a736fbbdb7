"""Read the table of rows that a model document is asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.errors import BadInput
from audits.portable.columns import UNKNOWN, Input
from audits.portable.document import PortableModel
from audits.tables.diagnose import raise_at_first, raise_unreadable, read_number
from audits.tables.frames import LIMITS, Limits, TableFile, check_row_count, open_table, read_table
from audits.tables.row_ids import read_row_ids

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    from numpy.typing import NDArray

MAXIMUM_VALUES = 20_000_000
"""Rows times inputs that are read into memory (160 MB)."""
LARGEST_NUMBER = 1e100


@dataclass(frozen=True, eq=False)
class ModelRows:
    """The rows of a table as the model's inputs, shape (inputs, rows), with their ids as text.

    `texts` holds further columns by name, None where a cell is empty.
    """

    file: TableFile
    inputs: NDArray[np.float64]
    ids: tuple[str, ...]
    has_ids: bool
    texts: Mapping[str, Sequence[str | None]]


def read_rows(
    path: Path,
    model: PortableModel,
    *,
    id_column: str | None = None,
    further: Sequence[str] = (),
    delimiter: str | None = None,
    limits: Limits = LIMITS,
) -> ModelRows:
    """Read the model's inputs from a table.

    An empty cell is a missing value, and so is NaN in a column of floating-point numbers.

    Parameters
    ----------
    path : Path
        CSV or Parquet with a column for every input of the model.
    model : PortableModel
    id_column : str, optional
        Column of row ids, each once.
    further : sequence of str
        Columns that are returned as text.
    delimiter : str, optional
        Found out where not given.
    limits : Limits

    Raises
    ------
    BadInput
        Naming column and row: a column that is not there, a cell that is not a number or not one of
        the known categories, a repeated id.
    """
    import duckdb
    import numpy as np

    names = [found.name for found in model.inputs]
    needed = dict.fromkeys((*names, *further, *([id_column] if id_column else [])))
    file = read_table(Path(path), tuple(needed), delimiter=delimiter, limits=limits)
    with open_table(file) as engine:
        try:
            rows = engine.execute(f"SELECT count(*) FROM {file.scan()}").fetchall()[0][0]  # noqa: S608
            check_row_count(rows, limits)
            if rows * len(names) > MAXIMUM_VALUES:
                most = MAXIMUM_VALUES // len(names)
                raise BadInput(f"{rows:,} rows of {len(names)} inputs are too many; give at most {most:,} rows")
            inputs = np.stack([_read_input(engine, file, source) for source in model.inputs])
            ids = read_row_ids(engine, file, id_column, rows)
            texts = {name: read_texts(engine, file, name) for name in further}
        except duckdb.Error:
            raise_unreadable(file, limits)
    return ModelRows(file, inputs, ids, id_column is not None, texts)


def _read_input(engine: duckdb.DuckDBPyConnection, file: TableFile, source: Input) -> NDArray[np.float64]:
    if source.categories is not None:
        return _read_categories(engine, file, source, source.categories)
    numbers = read_numbers(engine, file, source.name)
    if source.refuses_unknown and source.allowed is not None:
        _refuse_other_numbers(file, source, source.allowed, numbers)
    return numbers


def read_numbers(engine: duckdb.DuckDBPyConnection, file: TableFile, name: str) -> NDArray[np.float64]:
    """Return a column as numbers, NaN where a cell is empty; BadInput for any other cell."""
    import numpy as np

    query = (
        f"SELECT coalesce({file.number(name)}, 'nan'::DOUBLE) AS x, {file.text(name)} IS NULL AS empty "  # noqa: S608
        f"FROM {file.scan()}"
    )
    found: Any = engine.execute(query).fetchnumpy()
    numbers = np.asarray(found["x"], dtype=np.float64)
    empty = np.asarray(found["empty"], dtype=np.bool_)
    if file.kind != "csv":
        empty |= np.isnan(numbers) & _is_floating(engine, file, name)
    if not (empty | (np.abs(numbers) <= LARGEST_NUMBER)).all():
        raise_at_first(
            file,
            name,
            lambda text: text is not None and not (file.kind != "csv" and text == "nan") and read_number(text) is None,
            f"must be empty or a finite number of at most {LARGEST_NUMBER:g}; found",
        )
    numbers[empty] = np.nan
    return numbers


def _is_floating(engine: duckdb.DuckDBPyConnection, file: TableFile, name: str) -> bool:
    kind = engine.execute(f"SELECT any_value(typeof({file.name(name)})) FROM {file.scan()}").fetchall()[0][0]  # noqa: S608
    return kind in ("FLOAT", "DOUBLE")


def _refuse_other_numbers(
    file: TableFile, source: Input, allowed: tuple[float, ...], numbers: NDArray[np.float64]
) -> None:
    import numpy as np

    known = set(allowed)
    if not (np.isnan(numbers) | np.isin(numbers, list(allowed))).all():
        raise_at_first(
            file,
            source.name,
            lambda text: (number := read_number(text)) is not None and number not in known,
            "the model knows only the values of its training; not among them is",
        )


def read_texts(engine: duckdb.DuckDBPyConnection, file: TableFile, name: str) -> list[str | None]:
    """Return a column as text, None where a cell is empty."""
    found: list[str | None] = []
    result = engine.execute(f"SELECT {file.text(name)} FROM {file.scan()}")  # noqa: S608
    while batch := result.fetchmany(50_000):
        found += [row[0] for row in batch]
    return found


def _read_categories(
    engine: duckdb.DuckDBPyConnection, file: TableFile, source: Input, categories: tuple[str, ...]
) -> NDArray[np.float64]:
    """Return a column as places in the list of categories, -1 for others, NaN where a cell is empty."""
    import numpy as np

    codes: dict[str | None, float] = {name: float(place) for place, name in enumerate(categories)}
    codes[None] = float("nan")
    found = np.array([codes.get(text, UNKNOWN) for text in read_texts(engine, file, source.name)])
    if source.refuses_unknown and (found == UNKNOWN).any():
        raise_at_first(
            file,
            source.name,
            lambda text: text not in codes,
            "the model knows only the categories of its training; not among them is",
        )
    return found
