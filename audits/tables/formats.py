"""What a table file is: its format by content, its columns by header or metadata."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from audits.errors import BadInput
from audits.spec import DELIMITERS
from audits.tables.arrow import FILE_MAGIC, STREAM_MAGIC, count_arrow_rows, is_plain, read_arrow_schema
from audits.tables.engine import quote_text
from audits.tables.limits import Limits, check_row_count

if TYPE_CHECKING:
    import duckdb

Kind = Literal["csv", "parquet", "arrow"]

MAXIMUM_HEADER = 1 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"
KNOWN_FORMATS = {
    b"PK\x03\x04": "a zip archive or a spreadsheet; save the table as CSV or Parquet first",
    b"\x28\xb5\x2f\xfd": "a zstd archive; unpack it first",
    b"BZh": "a bzip2 archive; unpack it first",
    b"\xfd7zXZ": "an xz archive; unpack it first",
    b"FEA1": "a Feather file of version 1; save the table as Parquet or CSV",
    b"ORC": "an ORC file; save the table as Parquet or CSV",
    b"\x93NUMPY": "a NumPy array; save the table as CSV or Parquet",
    b"\x80\x04": "a pickle, which is never opened; save the table as CSV or Parquet",
    b"\x80\x05": "a pickle, which is never opened; save the table as CSV or Parquet",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
}
PLAIN_TYPES = frozenset(
    {"VARCHAR", "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}
    | {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL"}
    | {"DATE", "TIMESTAMP", "ENUM", "UUID", '"NULL"'}
)


class Sniffed(NamedTuple):
    """The format of a file by its first bytes."""

    kind: Kind
    is_compressed: bool = False
    has_mark: bool = False


@dataclass(frozen=True)
class Schema:
    """The columns of a file. `types` are None, `rows` unknown for text."""

    columns: tuple[str, ...]
    types: tuple[str, ...] | None = None
    delimiter: str | None = None
    rows: int | None = None


def sniff(path: Path) -> Sniffed:
    """Return the format of a file; BadInput for an empty file and for formats that are not read."""
    with path.open("rb") as stream:
        start = stream.read(8)
    if not start:
        raise BadInput("the file is empty; submit a table with a header and rows")
    if start.startswith(GZIP_MAGIC):
        start = _read_start(path, 8)
        inner = _sniff_bytes(start)
        if inner.kind != "csv":
            raise BadInput("the gzip archive does not hold a text table; unpack it first")
        return inner._replace(is_compressed=True)
    return _sniff_bytes(start)


def _sniff_bytes(start: bytes) -> Sniffed:
    for magic, name in KNOWN_FORMATS.items():
        if start.startswith(magic):
            raise BadInput(f"the file is {name}")
    if start.startswith(PARQUET_MAGIC):
        return Sniffed("parquet")
    if start.startswith((FILE_MAGIC, STREAM_MAGIC)):
        return Sniffed("arrow")
    if start.startswith(GZIP_MAGIC):
        raise BadInput("the file is a gzip archive in a gzip archive; unpack it first")
    return Sniffed("csv", has_mark=start.startswith(BYTE_ORDER_MARK))


def _read_start(path: Path, size: int) -> bytes:
    """Return the first bytes inside a gzip archive."""
    try:
        with gzip.open(path) as stream:
            return stream.read(size)
    except (EOFError, OSError, zlib.error) as error:
        raise BadInput(f"the gzip archive is damaged or cut short ({error}); compress the file again") from None


def read_csv_schema(path: Path, required: Sequence[str], delimiter: str | None, *, is_compressed: bool) -> Schema:
    """Return columns and delimiter from the first record of a CSV file that is UTF-8."""
    if is_compressed:
        start = _read_start(path, MAXIMUM_HEADER)
    else:
        with path.open("rb") as stream:
            start = stream.read(MAXIMUM_HEADER)
    text = start.decode("utf-8-sig", errors="replace")
    if not text.strip("\r\n"):
        raise BadInput("the file has no header; the first line must name the columns")
    best: tuple[tuple[str, ...], str] = ((), ",")
    for candidate in (delimiter,) if delimiter else DELIMITERS:
        try:
            header = tuple(next(csv.reader(io.StringIO(text, newline=""), delimiter=candidate)))
        except csv.Error:
            continue
        if all(name in header for name in required):
            best = (header, candidate)
            break
        best = max(best, (header, candidate), key=lambda found: len(found[0]))
    return Schema(best[0], delimiter=best[1])


def check_columns(columns: Sequence[str], required: Sequence[str], limits: Limits) -> None:
    """Check the header: not too wide, no column twice, every required column there."""
    if len(columns) > limits.columns:
        raise BadInput(
            f"the table has {len(columns):,} columns, at most {limits.columns:,} are read; "
            "leave out columns the audit does not use"
        )
    seen = set()
    for name in columns:
        if name in seen:
            raise BadInput("the header names this column twice; rename one", column=name[:100])
        seen.add(name)
    for name in required:
        if name not in seen:
            found = ", ".join(repr(column[:60]) for column in columns[:20])
            raise BadInput(f"not in the file; its columns are {found}", column=name)


def read_parquet_schema(
    path: Path, required: Sequence[str], limits: Limits, engine: duckdb.DuckDBPyConnection
) -> Schema:
    """Check the metadata of a Parquet file and return its columns; the engine must be open for the file."""
    import duckdb

    location = quote_text(str(path))
    try:
        rows, groups = engine.execute(
            f"SELECT num_rows, num_row_groups FROM parquet_file_metadata({location})"  # noqa: S608
        ).fetchall()[0]
        schema = engine.execute(f"DESCRIBE SELECT * FROM read_parquet({location})").fetchall()  # noqa: S608
    except duckdb.Error:
        raise BadInput("the file starts like Parquet but cannot be read; write it again") from None
    columns = tuple(row[0] for row in schema)
    check_columns(columns, required, limits)
    check_size(rows, required, limits)
    if groups > limits.row_groups:
        raise BadInput(
            f"the file has {groups:,} row groups, at most {limits.row_groups:,} are read; "
            "write it with larger row groups"
        )
    for name, kind, *_ in schema:
        if name in required and not _is_plain(kind):
            raise BadInput(f"has the type {kind[:60]}; only plain values are read", column=name)
    return Schema(columns, tuple(row[1] for row in schema), rows=rows)


def read_arrow_columns(path: Path, required: Sequence[str], limits: Limits) -> Schema:
    """Check an Arrow file or stream from front to back and return its columns."""
    schema = read_arrow_schema(path)
    columns = tuple(schema.names)
    check_columns(columns, required, limits)
    for name in required:
        kind = schema.field(name).type
        if not is_plain(kind):
            raise BadInput(f"has the type {str(kind)[:60]}; only plain values are read", column=name)
    rows = count_arrow_rows(path, required, limits)
    check_size(rows, required, limits)
    return Schema(columns, tuple(str(field.type) for field in schema), rows=rows)


def check_size(rows: int, required: Sequence[str], limits: Limits) -> None:
    """Check rows, and rows x columns in use: a small file can claim a very large table.

    A part without rows is no fault: writers of many parts leave such.
    """
    check_row_count(max(rows, 1), limits)
    values = rows * len(required)
    if values > limits.values:
        raise BadInput(
            f"the table has {rows:,} rows in {len(required):,} columns that are used, {values:,} values; "
            f"at most {limits.values:,} are read"
        )


def _is_plain(kind: str) -> bool:
    """Tell whether the engine's type name stands for one plain value per cell."""
    is_nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "LIST"))
    return not is_nested and kind.split("(")[0].split(" ")[0] in PLAIN_TYPES
