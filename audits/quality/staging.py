"""From a table file to a relation every measurement reads: text, number and date of each cell.

A column of the file becomes three of the relation: `c3` its text, NULL where the cell is empty or
holds a declared token; `n3` the number it writes, NULL where it writes none; `d3` its date or time.
Small tables are held by the engine; of large text tables a compressed copy is made in a private
folder, so that columns can be read alone; where no such folder is given, the text is read anew for
every question. The copy is removed at the end; a killed process leaves it in the folder (the sandbox's
own folder vanishes with the child).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from audits.quality.spec import QualitySpec
from audits.tables.engine import quote_text
from audits.tables.frames import TableFile

if TYPE_CHECKING:
    import duckdb

HELD_BYTES = 32 << 20
"""Text tables up to this size are held in memory, columns decoded."""
COLUMNS_AT_ONCE = 10
"""More expressions in one query cost memory by themselves, not time."""
COLUMNS_OF_TEXT_AT_ONCE = 40
"""As many where every query has to read the whole text anew."""
PACKED = 8
"""How much more a compressed text may hold."""
ROOM = 1.5
"""A copy is made where this multiple of the file's size is free."""
NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
LARGEST_NUMBER = "1e100"
LARGEST_EXACT = 2**53
"""Below this a double tells every whole number from the next."""
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
UNSIGNED = tuple(f"U{name}" for name in NUMBERS[:5])


@dataclass(frozen=True)
class Source:
    """Where the cells are (`place` in SQL), and how each column is read from it.

    `is_raw` tells that the place holds the file's own columns, not yet texts named c0, c1, ...
    """

    file: TableFile
    spec: QualitySpec
    types: Mapping[str, str]
    place: str
    is_raw: bool

    def select_cells(self, columns: Sequence[str]) -> str:
        """Return the query of the texts alone."""
        return f"SELECT {', '.join(map(self._cell, columns))} FROM {self.place}"  # noqa: S608

    def select(self, columns: Sequence[str]) -> str:
        """Return the query of text, number and date. Numbers beyond 1e100, NaN and infinity are not numbers."""
        own = ", ".join(self._cell(name) for name in columns)
        own += "".join(f", CAST({self.file.name(name)} AS DOUBLE) AS o{self._at(name)}" for name in self._own(columns))
        read = ", ".join(self._read(name) for name in columns)
        places = [self._at(name) for name in columns]
        bounded = ", ".join(
            f"c{place}, CASE WHEN abs(m{place}) <= {LARGEST_NUMBER} THEN m{place} END AS n{place}, d{place}"
            for place in places
        )
        return f"SELECT {bounded} FROM (SELECT {read} FROM (SELECT {own} FROM {self.place}))"  # noqa: S608

    def is_number(self, column: str) -> bool:
        """Tell whether the file itself stores the column as numbers."""
        return self.types[column].split("(")[0] in (*NUMBERS, *UNSIGNED)

    def _at(self, column: str) -> int:
        return self.file.columns.index(column)

    def _own(self, columns: Sequence[str]) -> list[str]:
        return [name for name in columns if self.is_number(name)]

    def _cell(self, column: str) -> str:
        name = f"c{self._at(column)}"
        if not self.is_raw:
            return name
        return f"{_write_cell(self.file.text(column), _list_tokens(self.spec, column))} AS {name}"

    def _read(self, column: str) -> str:
        place = self._at(column)
        text = f"c{place}"
        number = f"CASE WHEN regexp_full_match({text}, {quote_text(NUMBER)}) THEN TRY_CAST({text} AS DOUBLE) END"
        if self.is_number(column):
            number = f"CASE WHEN {text} IS NOT NULL THEN o{place} END"
        return f"{text}, {number} AS m{place}, {_read_moment(text, self.spec, column)} AS d{place}"


@dataclass(frozen=True)
class Staged:
    """A table the engine can be asked about under the name `relation`."""

    engine: duckdb.DuckDBPyConnection = field(repr=False)
    file: TableFile
    relation: str
    rows: int
    source: Source
    batch: int = COLUMNS_AT_ONCE
    """Columns asked about in one query."""
    all_numbers: frozenset[str] = frozenset()
    """Columns found to write a number in every cell that is present: they are read without a second look."""

    @property
    def texts(self) -> str:
        """Return the name of the relation with the texts alone, which is quicker to ask about one column."""
        return f"{self.relation}_texts"

    @property
    def types(self) -> Mapping[str, str]:
        """Return column -> type in the file ("VARCHAR" throughout a text file)."""
        return self.source.types

    def rows_of(self, columns: Sequence[str]) -> str:
        """Return a subquery with these columns alone, which is planned sooner than the whole relation."""
        return f"({self.source.select(columns)})"

    def text(self, column: str) -> str:
        """Return the SQL name of a column's text, NULL where missing."""
        return f"c{self.file.columns.index(column)}"

    def number(self, column: str) -> str:
        """Return the SQL expression of a column's number, NULL where it writes none."""
        if column in self.all_numbers and not self.is_native_number(column):
            return f"TRY_CAST({self.text(column)} AS DOUBLE)"
        return f"n{self.file.columns.index(column)}"

    def moment(self, column: str) -> str:
        """Return the SQL name of a column's date or time, NULL where it writes none."""
        return f"d{self.file.columns.index(column)}"

    def is_native_number(self, column: str) -> bool:
        """Tell whether the file itself stores the column as numbers."""
        return self.source.is_number(column)

    def digest(self, columns: tuple[str, ...], *, by_number: bool = False) -> str:
        """Return the SQL expression of 128 bits that stand for a row's cells in these columns.

        Every cell is written with its length in front, a missing one without, so that no two
        different rows write the same text. `by_number` takes cells that write the same number,
        such as 1 and 1.0, for the same; of whole numbers beyond 2^53 the text counts.
        """
        texts = [self.text(name) for name in columns]
        if by_number:
            texts = [
                f"CASE WHEN abs({self.number(name)}) < {LARGEST_EXACT} "
                f"THEN CAST({self.number(name)} + 0.0 AS VARCHAR) ELSE {text} END"
                for name, text in zip(columns, texts, strict=True)
            ]
        parts = ", ".join(f"strlen({text}), ':', {text}" for text in texts)
        return f"md5_number(concat({parts}))"


def stage(
    engine: duckdb.DuckDBPyConnection, file: TableFile, spec: QualitySpec, relation: str, scratch: Path | None
) -> Staged:
    """Make the relation of a table and count its rows.

    Parameters
    ----------
    engine : connection
        That may read the file (and write `scratch`).
    file : TableFile
    spec : QualitySpec
        For the tokens that stand for missing values, and how dates are written.
    relation : str
        A plain SQL name.
    scratch : Path, optional
        A file that does not exist yet and may be written.
    """
    source = Source(file, spec, _find_types(engine, file), file.scan(), is_raw=True)
    batch = COLUMNS_AT_ONCE
    if file.kind == "csv":
        whole = source.select_cells(file.columns)
        if file.size <= HELD_BYTES // (PACKED if file.is_compressed else 1):
            engine.execute(f"CREATE TABLE {relation}_held AS {whole}")
            source = replace(source, place=f"{relation}_held", is_raw=False)
        elif scratch is not None and shutil.disk_usage(scratch.parent).free > ROOM * file.size:
            target = quote_text(str(scratch))
            options = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 16384, USE_TMP_FILE false"
            engine.execute(f"COPY ({whole}) TO {target} ({options})")
            source = replace(source, place=f"read_parquet({target})", is_raw=False)
        else:
            batch = COLUMNS_OF_TEXT_AT_ONCE
    engine.execute(f"CREATE VIEW {relation} AS {source.select(file.columns)}")
    engine.execute(f"CREATE VIEW {relation}_texts AS {source.select_cells(file.columns)}")
    rows = engine.execute(f"SELECT count(*) FROM {relation}_texts").fetchall()[0][0]  # noqa: S608
    return Staged(engine, file, relation, rows, source, batch)


def _find_types(engine: duckdb.DuckDBPyConnection, file: TableFile) -> dict[str, str]:
    if file.kind == "csv":
        return dict.fromkeys(file.columns, "VARCHAR")
    described = engine.execute(f"DESCRIBE SELECT * FROM {file.scan()}").fetchall()  # noqa: S608
    return {row[0]: row[1] for row in described}


def _list_tokens(spec: QualitySpec, column: str) -> tuple[str, ...]:
    return (*spec.missing, *spec.describe(column).missing)


def _write_cell(text: str, tokens: tuple[str, ...]) -> str:
    if not tokens:
        return text
    listed = ", ".join(quote_text(token) for token in tokens)
    return f"CASE WHEN {text} IN ({listed}) THEN NULL ELSE {text} END"


def _read_moment(text: str, spec: QualitySpec, column: str) -> str:
    """Return the date or time of a cell: ISO 8601, or as the declared format writes it."""
    declared = spec.describe(column)
    if declared.date_format is not None:
        return f"TRY_CAST(try_strptime({text}, {quote_text(declared.date_format)}) AS TIMESTAMP)"
    is_iso = f"{text} LIKE '____-__-__%' AND regexp_matches({text}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ][0-9].*)?$')"
    return f"CASE WHEN {is_iso} THEN TRY_CAST({text} AS TIMESTAMP) END"
