"""Find the place of a fault. Slow and exact; runs only after the fast pass found something."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple, NoReturn

from audits.errors import BadInput
from audits.tables.frames import LARGEST_NUMBER, Limits, Part, TableFile, name_part, open_table


class Row(NamedTuple):
    """One data row: its number from 1, the line it ends on (CSV only), the wanted cells, its file."""

    number: int
    line: int | None
    cells: tuple[str | None, ...]
    part: Part


def iterate_rows(file: TableFile, columns: tuple[str, ...]) -> Iterator[Row]:
    """Yield the rows of a table with the cells of `columns` as text, None where empty.

    Rows are numbered within their part; `Row.part` says which it is.

    Raises
    ------
    BadInput
        At the first row that does not have as many cells as the header.
    """
    for part in file.parts:
        try:
            if file.kind == "csv":
                yield from _iterate_csv(file, part, columns)
            else:
                yield from _iterate_engine(file, part, columns)
        except BadInput as error:
            raise name_part(file, part, error) from None


def _iterate_csv(file: TableFile, part: Part, columns: tuple[str, ...]) -> Iterator[Row]:
    places = [file.columns.index(name) for name in columns]
    width = len(file.columns)
    number = 0
    unpack = gzip.open if file.is_compressed else open
    with unpack(part.path, "rt", encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter=file.delimiter or ",", strict=True)
        try:
            next(reader)
            for record in reader:
                if not record:
                    continue
                number += 1
                if len(record) != width:
                    _raise_ragged(len(record), width, number, reader.line_num)
                yield Row(number, reader.line_num, tuple(record[p] or None for p in places), part)
        except csv.Error as error:
            raise BadInput(
                f"cannot be split into cells ({error}); check the quotes",
                row=number + 1,
                line=reader.line_num,
            ) from None


def _raise_ragged(found: int, width: int, number: int, line: int) -> NoReturn:
    raise BadInput(
        f"has {found} cells, the header has {width}; quote cells that contain the delimiter",
        row=number,
        line=line,
    )


def _iterate_engine(file: TableFile, part: Part, columns: tuple[str, ...]) -> Iterator[Row]:
    """Yield the rows of a Parquet or Arrow part in their order."""
    alone = replace(file, parts=(part,), sensitive=None)
    wanted = ", ".join(file.text(name) for name in columns)
    query = f"SELECT {wanted} FROM {alone.scan()}"  # noqa: S608
    if file.kind == "parquet":
        query += " ORDER BY file_row_number"
    with open_table(alone, threads=1) as engine:
        result = engine.execute(query)
        number = 0
        while batch := result.fetchmany(10_000):
            for cells in batch:
                number += 1
                yield Row(number, None, tuple(cells), part)


def read_number(text: str | None) -> float | None:
    """Return the text as a number whose square can be computed with, None where it is not one."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    if "_" in (text or ""):
        return None
    return number if abs(number) <= LARGEST_NUMBER else None


def raise_at_first(file: TableFile, column: str, is_bad: Callable[[str | None], bool], message: str) -> NoReturn:
    """Raise BadInput with the place of the first cell of `column` for which `is_bad` holds."""
    for row in iterate_rows(file, (column,)):
        if is_bad(row.cells[0]):
            shown = "" if row.cells[0] is None else f" {row.cells[0][:60]!r}"
            raise_at(file, row, column, message + shown)
    raise BadInput(message, column=column)


def raise_at(file: TableFile, row: Row, column: str | None, message: str) -> NoReturn:
    """Raise BadInput about one row."""
    raise name_part(file, row.part, BadInput(message, column=column, row=row.number, line=row.line))


def raise_unreadable(file: TableFile, limits: Limits) -> NoReturn:
    """Raise BadInput for a table the engine could not read, with the line where it is known."""
    file.check_contents()
    if file.kind != "csv":
        name = "Parquet" if file.kind == "parquet" else "Arrow"
        raise BadInput(f"the {name} file is damaged or asks for too much memory; write it again")
    for row in iterate_rows(file, file.columns):
        for name, cell in zip(file.columns, row.cells, strict=True):
            if cell is not None and len(cell) > limits.cell_characters:
                raise_long_cell(file, name, row, limits)
    message = (
        "cannot be split into rows: the line ends are mixed (CR LF and LF) or the quotes do not "
        "close; write the file with one kind of line end and quotes around whole cells"
    )
    for part in file.parts:
        line = _find_odd_line_end(file, part)
        if line is not None:
            raise name_part(file, part, BadInput(message, line=line))
    raise BadInput(message)


def raise_long_cell(file: TableFile, column: str, row: Row, limits: Limits) -> NoReturn:
    """Raise BadInput for a cell longer than the limit."""
    raise_at(file, row, column, f"a cell has more than {limits.cell_characters:,} characters")


def _find_odd_line_end(file: TableFile, part: Part) -> int | None:
    """Return the first line whose end differs from the first line's; None where all agree."""
    unpack = gzip.open if file.is_compressed else open
    with unpack(part.path, "rb") as stream:
        first = stream.readline().endswith(b"\r\n")
        for number, line in enumerate(stream, start=2):
            if line.endswith(b"\n") and line.endswith(b"\r\n") != first:
                return number
    return None
