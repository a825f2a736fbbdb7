"""Check a prediction file before it is measured: what it is, which columns, is it text.

Every cell is text. The only missing value is the empty cell; `NA`, `nan`, `01` and padded values
are ordinary category names and stay as they are. CSV may be separated by commas, semicolons or
tabs, with or without a byte order mark; Parquet is read with its values as text.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from audits.errors import BadInput
from audits.spec import DELIMITERS, AuditSpec
from audits.tables.engine import open_engine, quote_name, quote_text

CHUNK = 1 << 20
MAXIMUM_HEADER = 1 << 20
LARGEST_NUMBER = 1e100
"""Larger numbers are refused: their sums and squares would leave the range of a double."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
KNOWN_FORMATS = {
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"PK\x03\x04": "a zip archive or a spreadsheet; save the table as CSV or Parquet first",
    b"\x28\xb5\x2f\xfd": "a zstd archive; unpack it first",
    b"BZh": "a bzip2 archive; unpack it first",
    b"\xfd7zXZ": "an xz archive; unpack it first",
    b"ARROW1": "an Arrow file; save it as Parquet or CSV",
    b"\x93NUMPY": "a NumPy array; save the table as CSV or Parquet",
    b"\x80\x04": "a pickle, which is never opened; save the table as CSV or Parquet",
    b"\x80\x05": "a pickle, which is never opened; save the table as CSV or Parquet",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
}
PLAIN_TYPES = frozenset(
    {"VARCHAR", "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}
    | {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL"}
    | {"DATE", "TIMESTAMP", "ENUM", "UUID"}
)


@dataclass(frozen=True)
class Limits:
    """What a file may ask of the machine. Set by the operator, never by the submitter."""

    rows: int = 5_000_000
    columns: int = 200
    cell_characters: int = 1_024
    groups: int = 2_000
    row_groups: int = 1_000


LIMITS = Limits()


@dataclass(frozen=True)
class TableFile:
    """A file that was found readable. `delimiter` and `encoding` are those of CSV files."""

    path: Path
    kind: Literal["csv", "parquet"]
    columns: tuple[str, ...]
    sha256: str
    size: int
    delimiter: str | None = None
    encoding: str | None = None

    def scan(self) -> str:
        """Return the SQL table function that reads the file with columns c0, c1, ... as text."""
        location = quote_text(str(self.path))
        if self.kind == "parquet":
            return f"read_parquet({location}, file_row_number=true)"
        names = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(len(self.columns)))
        delimiter = quote_text(self.delimiter or ",")
        return (
            f"read_csv({location}, header=true, auto_detect=false, strict_mode=true, "
            f"null_padding=false, delim={delimiter}, quote='\"', escape='\"', nullstr='', "
            f"max_line_size={MAXIMUM_HEADER}, columns={{{names}}})"
        )

    def text(self, column: str) -> str:
        """Return the SQL expression for a column as text, NULL where the cell is empty."""
        if self.kind == "parquet":
            return f"nullif(CAST({quote_name(column)} AS VARCHAR), '')"
        return f"c{self.columns.index(column)}"

    def number(self, column: str) -> str:
        """Return the SQL expression for a column as a number, NULL where it is not one."""
        if self.kind == "parquet":
            return f"TRY_CAST({quote_name(column)} AS DOUBLE)"
        return f"TRY_CAST({self.text(column)} AS DOUBLE)"


def read_table(
    path: Path,
    required: tuple[str, ...],
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    limits: Limits = LIMITS,
) -> TableFile:
    """Check one table file and describe it.

    The whole file is read once to digest it and to find bytes that are not UTF-8.

    Parameters
    ----------
    path : Path
        The file.
    required : tuple of str
        Columns that must be there, each exactly once.
    delimiter, encoding : str, optional
        As declared; found out where not given.
    limits : Limits

    Raises
    ------
    BadInput
        Naming the column, line or limit.
    """
    path = Path(path).absolute()
    with path.open("rb") as stream:
        start = stream.read(8)
    if not start:
        raise BadInput("the file is empty; submit a table with a header and rows")
    for magic, name in KNOWN_FORMATS.items():
        if start.startswith(magic):
            raise BadInput(f"the file is {name}")
    is_parquet = start.startswith(b"PAR1")
    sha256, size = _digest(path, as_text=not is_parquet)
    if is_parquet:
        columns = _read_parquet_schema(path, required, limits)
        return TableFile(path, "parquet", columns, sha256, size)
    has_mark = start.startswith(BYTE_ORDER_MARK)
    columns, found = _read_header(path, required, delimiter)
    _check_columns(columns, required, limits)
    used_encoding = "utf-8-sig" if has_mark else (encoding or "utf-8")
    return TableFile(path, "csv", columns, sha256, size, found, used_encoding)


def _digest(path: Path, *, as_text: bool) -> tuple[str, int]:
    """Return (sha256, bytes) of the file; for text, check that it is UTF-8 without NUL."""
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    size = lines = pending = 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            if as_text:
                _check_text(decoder, chunk, size, lines, pending)
                lines += chunk.count(b"\n")
                pending = len(decoder.getstate()[0])
            size += len(chunk)
    if as_text and pending:
        raise BadInput(f"the file ends inside a UTF-8 character (byte {size:,}); save it again")
    return digest.hexdigest(), size


def _check_text(decoder: codecs.IncrementalDecoder, chunk: bytes, offset: int, lines: int, pending: int) -> None:
    """Check one chunk that starts at byte `offset` after `lines` line ends."""
    try:
        decoder.decode(chunk)
    except UnicodeDecodeError as error:
        place = max(error.start - pending, 0)
        line = lines + chunk[:place].count(b"\n") + 1
        byte = offset + error.start - pending
        raise BadInput(
            f"not UTF-8 text: byte {byte:,} (counted from 0) is 0x{error.object[error.start]:02x}; "
            "save the file with the encoding UTF-8",
            line=line,
        ) from None
    place = chunk.find(b"\x00")
    if place >= 0:
        line = lines + chunk[:place].count(b"\n") + 1
        raise BadInput(f"byte {offset + place:,} is a NUL character; this is not a text table", line=line)


def _read_header(path: Path, required: tuple[str, ...], delimiter: str | None) -> tuple[tuple[str, ...], str]:
    """Return (columns, delimiter) from the first record of a CSV file."""
    with path.open("r", encoding="utf-8-sig", newline="") as stream:
        start = stream.read(MAXIMUM_HEADER)
    if not start.strip("\r\n"):
        raise BadInput("the file has no header; the first line must name the columns")
    best: tuple[tuple[str, ...], str] = ((), ",")
    for candidate in (delimiter,) if delimiter else DELIMITERS:
        try:
            header = tuple(next(csv.reader(io.StringIO(start, newline=""), delimiter=candidate)))
        except csv.Error:
            continue
        if all(name in header for name in required):
            return header, candidate
        best = max(best, (header, candidate), key=lambda found: len(found[0]))
    return best


def _check_columns(columns: tuple[str, ...], required: tuple[str, ...], limits: Limits) -> None:
    """Check the header: not too wide, no column twice, every required column there."""
    if len(columns) > limits.columns:
        raise BadInput(
            f"the table has {len(columns):,} columns, at most {limits.columns:,} are read; "
            "leave out columns the audit does not use"
        )
    for index, name in enumerate(columns):
        if name in columns[:index]:
            raise BadInput("the header names this column twice; rename one", column=name[:100])
    for name in required:
        if name not in columns:
            found = ", ".join(repr(column[:60]) for column in columns[:20])
            raise BadInput(f"not in the file; its columns are {found}", column=name)


def _read_parquet_schema(path: Path, required: tuple[str, ...], limits: Limits) -> tuple[str, ...]:
    """Check the metadata of a Parquet file and return its columns."""
    import duckdb

    location = quote_text(str(path))
    try:
        with open_engine(path) as engine:
            rows, groups = engine.execute(
                f"SELECT num_rows, num_row_groups FROM parquet_file_metadata({location})"  # noqa: S608
            ).fetchall()[0]
            schema = engine.execute(f"DESCRIBE SELECT * FROM read_parquet({location})").fetchall()  # noqa: S608
    except duckdb.Error:
        raise BadInput("the file starts like Parquet but cannot be read; write it again") from None
    columns = tuple(row[0] for row in schema)
    _check_columns(columns, required, limits)
    check_row_count(rows, limits)
    if groups > limits.row_groups:
        raise BadInput(
            f"the file has {groups:,} row groups, at most {limits.row_groups:,} are read; "
            "write it with larger row groups"
        )
    for name, kind, *_ in schema:
        if name in required and not _is_plain(kind):
            raise BadInput(f"has the type {kind[:60]}; only plain values are read", column=name)
    return columns


def _is_plain(kind: str) -> bool:
    """Tell whether the engine's type name stands for one plain value per cell."""
    is_nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "LIST"))
    return not is_nested and kind.split("(")[0].split(" ")[0] in PLAIN_TYPES


def check_row_count(rows: int, limits: Limits) -> None:
    """Raise where a table has no rows or too many."""
    if rows == 0:
        raise BadInput("the table has a header but no rows")
    if rows > limits.rows:
        raise BadInput(f"the table has {rows:,} rows, at most {limits.rows:,} are read")


def read_predictions(path: Path, spec: AuditSpec, *, limits: Limits = LIMITS) -> TableFile:
    """Check a prediction file against the specification of an audit.

    Raises
    ------
    BadInput
        Naming the column, line or limit.
    """
    return read_table(
        path,
        spec.used_columns,
        delimiter=spec.delimiter,
        encoding=spec.encoding,
        limits=limits,
    )
