"""From a table file to a relation every measurement reads: text, number and date of each cell.

A column of the file becomes three of the relation: `c3` its text, NULL where the cell is empty or
holds a declared token; `n3` the number it writes, NULL where it writes none; `d3` its date or time.
Small tables are held by the engine; of large text tables a compressed copy is made in a private
folder, so that columns can be read alone; where no such folder is given, the text is read anew for
every question. Nothing is ever kept of the copy.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from audits.quality.spec import QualitySpec
from audits.quality.spec_columns import DATE_TYPES
from audits.tables.engine import quote_name, quote_text
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
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
UNSIGNED = tuple(f"U{name}" for name in NUMBERS[:5])


@dataclass(frozen=True)
class Staged:
    """A table the engine can be asked about under the name `relation`."""

    engine: duckdb.DuckDBPyConnection = field(repr=False)
    file: TableFile
    relation: str
    rows: int
    types: Mapping[str, str]
    """Column -> type in the file ("VARCHAR" throughout a text file)."""
    batch: int = COLUMNS_AT_ONCE
    """Columns asked about in one query."""
    all_numbers: frozenset[str] = frozenset()
    """Columns found to write a number in every cell that is present: they are read without a second look."""

    @property
    def texts(self) -> str:
        """Return the name of the relation with the texts alone, which is quicker to ask about one column."""
        return f"{self.relation}_texts"

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
        return self.types[column].split("(")[0] in (*NUMBERS, *UNSIGNED)

    def digest(self, columns: tuple[str, ...]) -> str:
        """Return the SQL expression of 128 bits that stand for a row's cells in these columns.

        Every cell is written with its length in front, a missing one without, so that no two
        different rows write the same text.
        """
        texts = [self.text(name) for name in columns]
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
    types = _find_types(engine, file)
    cells = ", ".join(
        f"{_write_cell(file.text(name), _list_tokens(spec, name))} AS c{place}"
        for place, name in enumerate(file.columns)
    )
    source = f"SELECT {cells} FROM {file.scan()}"  # noqa: S608
    batch = COLUMNS_AT_ONCE
    if file.kind != "csv":
        numbers = ", ".join(f"{_number_of(file, name, types)} AS n{place}" for place, name in enumerate(file.columns))
        inner = f"(SELECT {cells}, {numbers} FROM {file.scan()})"  # noqa: S608
    elif file.size <= HELD_BYTES // (PACKED if file.is_compressed else 1):
        engine.execute(f"CREATE TABLE {relation}_held AS {source}")
        inner = f"{relation}_held"
    elif scratch is not None and shutil.disk_usage(scratch.parent).free > ROOM * file.size:
        target = quote_text(str(scratch))
        engine.execute(
            f"COPY ({source}) TO {target} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 16384, USE_TMP_FILE false)"
        )
        inner = f"read_parquet({target})"
    else:
        inner, batch = f"({source})", COLUMNS_OF_TEXT_AT_ONCE
    engine.execute(f"CREATE VIEW {relation} AS {_select_all(file, spec, inner)}")
    texts = ", ".join(f"c{place}" for place in range(len(file.columns)))
    engine.execute(f"CREATE VIEW {relation}_texts AS SELECT {texts} FROM {inner}")  # noqa: S608
    rows = engine.execute(f"SELECT count(*) FROM {relation}_texts").fetchall()[0][0]  # noqa: S608
    return Staged(engine, file, relation, rows, types, batch)


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


def _number_of(file: TableFile, column: str, types: Mapping[str, str]) -> str:
    """Return the number of a typed cell: its own where it is one, else NULL (read from the text later)."""
    is_number = types[column].split("(")[0] in (*NUMBERS, *UNSIGNED)
    return f"CAST({quote_name(column)} AS DOUBLE)" if is_number else "NULL"


def _select_all(file: TableFile, spec: QualitySpec, inner: str) -> str:
    """Return the query of the relation. Numbers beyond 1e100, NaN and infinity are not numbers."""
    read, bounded = [], []
    for place, name in enumerate(file.columns):
        text = f"c{place}"
        number = f"CASE WHEN regexp_full_match({text}, {quote_text(NUMBER)}) THEN TRY_CAST({text} AS DOUBLE) END"
        if file.kind != "csv":
            number = f"CASE WHEN {text} IS NOT NULL THEN coalesce(n{place}, {number}) END"
        read.append(f"{text}, {number} AS m{place}, {_read_moment(text, spec, name)} AS d{place}")
        bounded.append(f"{text}, CASE WHEN abs(m{place}) <= {LARGEST_NUMBER} THEN m{place} END AS n{place}, d{place}")
    return f"SELECT {', '.join(bounded)} FROM (SELECT {', '.join(read)} FROM {inner})"  # noqa: S608


def _read_moment(text: str, spec: QualitySpec, column: str) -> str:
    """Return the date or time of a cell: ISO 8601, or as the declared format writes it."""
    declared = spec.describe(column)
    if declared.date_format is not None:
        return f"TRY_CAST(try_strptime({text}, {quote_text(declared.date_format)}) AS TIMESTAMP)"
    is_iso = f"{text} LIKE '____-__-__%' AND regexp_matches({text}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ][0-9].*)?$')"
    return f"CASE WHEN {is_iso} THEN TRY_CAST({text} AS TIMESTAMP) END"


def is_date_like(spec: QualitySpec, column: str) -> bool:
    """Tell whether a column is declared to hold dates."""
    return spec.describe(column).type in DATE_TYPES
