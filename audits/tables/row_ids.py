"""The ids of a table's rows: each once, none empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from audits.errors import BadInput
from audits.tables.diagnose import iterate_rows, raise_at
from audits.tables.frames import TableFile

if TYPE_CHECKING:
    import duckdb

REPEATED = "every row needs an id of its own; repeated:"


def read_row_ids(engine: duckdb.DuckDBPyConnection, file: TableFile, column: str | None, rows: int) -> tuple[str, ...]:
    """Return the ids in the order of the table; row numbers from 1 where no column is named.

    Raises
    ------
    BadInput
        At the first row whose id is empty or stood before.
    """
    if column is None:
        return tuple(str(number) for number in range(1, rows + 1))
    query = f"SELECT {file.text(column)} FROM {file.scan()}"  # noqa: S608
    ids = tuple(row[0] for row in engine.execute(query).fetchall())
    if None in ids or len(set(ids)) < len(ids):
        raise_repeated(file, (column,), REPEATED)
    return ids


def raise_repeated(file: TableFile, columns: tuple[str, ...], message: str) -> NoReturn:
    """Raise BadInput at the first row whose id is empty or stood before."""
    seen: set[tuple[str | None, ...]] = set()
    for row in iterate_rows(file, columns):
        if row.cells[0] is None:
            raise_at(file, row, columns[0], "the id is empty")
        if row.cells in seen:
            raise_at(file, row, columns[0], f"{message} {row.cells[0][:60]!r}")
        seen.add(row.cells)
    raise BadInput(message, column=columns[0])
