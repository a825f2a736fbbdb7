"""Check a prediction file before it is measured: what it is, which columns, is it text.

Every cell is text. The only missing value is the empty cell; `NA`, `nan`, `01` and padded values
are ordinary category names and stay as they are. CSV may be separated by commas, semicolons, tabs
or bars, with or without a byte order mark, plain or gzipped; Parquet and Arrow are read with their
values as text. One table may come in many files of the same columns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.errors import BadInput
from audits.spec import AuditSpec
from audits.tables.arrow import ArrowScan
from audits.tables.contents import ContentQueue, Digest, check_content
from audits.tables.engine import MEMORY_LIMIT, THREADS, open_engine, quote_name, quote_text
from audits.tables.formats import (
    MAXIMUM_HEADER,
    Kind,
    Schema,
    Sniffed,
    check_columns,
    check_size,
    read_arrow_columns,
    read_csv_schema,
    read_parquet_schema,
    sniff,
)
from audits.tables.limits import COMMAND_LINE_LIMITS, LARGEST_NUMBER, LIMITS, Limits, check_row_count

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "COMMAND_LINE_LIMITS",
    "LARGEST_NUMBER",
    "LIMITS",
    "Limits",
    "Part",
    "TableFile",
    "attach_table",
    "check_row_count",
    "open_table",
    "read_predictions",
    "read_table",
]

DEFERRED_BYTES = 4 << 20
"""Smaller files are read at once; larger ones beside the engine's own reading."""


@dataclass(frozen=True)
class Part:
    """One file of a table. `rows` is known from metadata, or None."""

    path: Path
    content: Future[Digest]
    rows: int | None = None


@dataclass(frozen=True)
class TableFile:
    """A table that was found readable: one file, or several of the same columns.

    `delimiter` and `encoding` are those of CSV files, `types` the engine's or Arrow's types of
    other files. `used` are the columns that will be read, `view` the name of the table in an
    engine that is handed the rows (Arrow). `sensitive` is a separate table with sensitive values.
    """

    parts: tuple[Part, ...]
    kind: Kind
    columns: tuple[str, ...]
    used: tuple[str, ...]
    types: tuple[str, ...] | None = None
    delimiter: str | None = None
    encoding: str | None = None
    is_compressed: bool = False
    view: str = "arrow_rows"
    sensitive: TableFile | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return where the parts are."""
        return tuple(part.path for part in self.parts)

    @property
    def path(self) -> Path:
        """Return where the first part is."""
        return self.parts[0].path

    @property
    def sha256(self) -> str:
        """Return the digest of the file; of several files, the digest of their digests in order."""
        digests = [part.content.result().sha256 for part in self.parts]
        if len(digests) == 1:
            return digests[0]
        return hashlib.sha256("\n".join(digests).encode("ascii")).hexdigest()

    @property
    def size(self) -> int:
        """Return the bytes of all parts."""
        return sum(part.path.stat().st_size for part in self.parts)

    @property
    def rows(self) -> int | None:
        """Return the rows by the files' own account; None for text."""
        counts = [part.rows for part in self.parts]
        return None if None in counts else sum(rows for rows in counts if rows is not None)

    def check_contents(self) -> None:
        """Wait until every part is read from front to back; BadInput where it is not what it must be."""
        for part in self.parts:
            try:
                part.content.result()
            except BadInput as error:
                raise name_part(self, part, error) from None
        if self.sensitive is not None:
            self.sensitive.check_contents()

    def describe(self) -> list[dict[str, Any]]:
        """Return digest and size of every part, for a passport."""
        return [part.content.result()._asdict() | {"kind": self.kind} for part in self.parts]

    def scan(self) -> str:
        """Return the SQL table function that reads the rows; CSV columns are c0, c1, ... as text."""
        if self.kind == "arrow":
            return quote_name(self.view)
        locations = f"[{', '.join(quote_text(str(path)) for path in self.paths)}]"
        if self.kind == "parquet":
            return f"read_parquet({locations}, file_row_number=true)"
        names = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(len(self.columns)))
        compression = "gzip" if self.is_compressed else "none"
        return (
            f"read_csv({locations}, header=true, auto_detect=false, strict_mode=true, compression='{compression}', "
            f"null_padding=false, delim={quote_text(self.delimiter or ',')}, quote='\"', escape='\"', nullstr='', "
            f"max_line_size={MAXIMUM_HEADER}, columns={{{names}}})"
        )

    def name(self, column: str, table: str = "") -> str:
        """Return the SQL name of a column, in the type the file has it; `table` is its alias in the query."""
        name = f"c{self.columns.index(column)}" if self.kind == "csv" else quote_name(column)
        return f"{table}.{name}" if table else name

    def text(self, column: str, table: str = "") -> str:
        """Return the SQL expression for a column as text, NULL where the cell is empty."""
        name = self.name(column, table)
        return name if self.kind == "csv" else f"nullif(CAST({name} AS VARCHAR), '')"

    def number(self, column: str, table: str = "") -> str:
        """Return the SQL expression for a column as a number, NULL where it is not one."""
        name = self.name(column, table)
        if self.kind != "csv":
            return f"TRY_CAST({name} AS DOUBLE)"
        # A bare cast of a CSV column is moved into the reader, where it fails instead of trying. The engine reads
        # 1_000 as a thousand; nobody else does.
        return f"TRY_CAST(nullif(replace({name}, '_', '?'), '') AS DOUBLE)"


def name_part(file: TableFile, part: Part, error: BadInput) -> BadInput:
    """Return the error with the name of the part it is about, where there are several."""
    if len(file.parts) == 1:
        return error
    message = f"{error.message} (in {part.path.name})"
    return BadInput(message, column=error.column, row=error.row, line=error.line)


@contextmanager
def open_table(
    file: TableFile, *, threads: int = THREADS, memory_limit: str = MEMORY_LIMIT
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the column engine for the files of a table and nothing else."""
    tables = [file] if file.sensitive is None else [file, file.sensitive]
    paths = [path for table in tables for path in table.paths]
    with open_engine(paths, threads=threads, memory_limit=memory_limit) as engine:
        for table in tables:
            attach_table(engine, table)
        yield engine


def attach_table(engine: duckdb.DuckDBPyConnection, file: TableFile) -> None:
    """Hand an engine what it cannot read from disk itself: the batches of Arrow files, as `file.view`."""
    if file.kind == "arrow":
        engine.register(file.view, ArrowScan(file.paths, file.used))


def read_table(
    path: Path | Sequence[Path],
    required: tuple[str, ...],
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    limits: Limits = LIMITS,
    deferred: bool = False,
) -> TableFile:
    """Check a table in one or more files and describe it.

    Each file is read once to digest it and, where it is text, to find bytes that are not UTF-8.

    Parameters
    ----------
    path : Path or sequence of Path
        The file, or files of the same format, columns and order of columns.
    required : tuple of str
        Columns that must be there, each exactly once.
    delimiter, encoding : str, optional
        As declared; found out where not given.
    limits : Limits
    deferred : bool
        Large files are read by another thread: the caller must ask `check_contents` before it
        trusts what it has read.

    Raises
    ------
    BadInput
        Naming the column, line or limit.
    """
    paths = [Path(one).absolute() for one in ([path] if isinstance(path, (str, Path)) else path)]
    if not 1 <= len(paths) <= limits.parts:
        raise BadInput(f"a table of {len(paths):,} files; 1 to {limits.parts:,} are read")
    opener = _PartReader(required, delimiter, encoding, limits, ContentQueue() if deferred else None)
    tables: list[TableFile] = []
    try:
        with open_engine(paths) as engine:
            for one in paths:
                with _naming(one, len(paths)):
                    tables.append(opener.read(one, engine))
                    _check_alike(tables[0], tables[-1])
    finally:
        if opener.later is not None:
            opener.later.close()
    file = replace(tables[0], parts=tuple(part for table in tables for part in table.parts))
    if file.rows is not None:
        check_size(file.rows, required, limits)
    return file


@contextmanager
def _naming(path: Path, parts: int) -> Iterator[None]:
    """Name the part that an error is about, where there are several."""
    try:
        yield
    except BadInput as error:
        if parts == 1:
            raise
        message = f"{error.message} (in {path.name})"
        raise BadInput(message, column=error.column, row=error.row, line=error.line) from None


class _PartReader:
    """Checks files one by one against the same demands."""

    def __init__(
        self,
        required: tuple[str, ...],
        delimiter: str | None,
        encoding: str | None,
        limits: Limits,
        later: ContentQueue | None,
    ) -> None:
        self.later = later
        self._required = required
        self._delimiter = delimiter
        self._encoding = encoding
        self._limits = limits

    def read(self, path: Path, engine: duckdb.DuckDBPyConnection) -> TableFile:
        """Check one file and describe it as a table of its own."""
        sniffed = sniff(path)
        # An archive is looked at first: nothing else may meet a gzip bomb.
        is_later = self.later is not None and not sniffed.is_compressed and path.stat().st_size > DEFERRED_BYTES
        content = check_content(
            path,
            is_text=sniffed.kind == "csv",
            is_compressed=sniffed.is_compressed,
            limits=self._limits,
            later=self.later if is_later else None,
        )
        if not is_later:
            content.result()
        schema = self._read_schema(path, sniffed, engine)
        used_encoding = None
        if sniffed.kind == "csv":
            used_encoding = "utf-8-sig" if sniffed.has_mark else (self._encoding or "utf-8")
        return TableFile(
            parts=(Part(path, content, schema.rows),),
            kind=sniffed.kind,
            columns=schema.columns,
            used=self._required,
            types=schema.types,
            delimiter=schema.delimiter,
            encoding=used_encoding,
            is_compressed=sniffed.is_compressed,
        )

    def _read_schema(self, path: Path, sniffed: Sniffed, engine: duckdb.DuckDBPyConnection) -> Schema:
        if sniffed.kind == "parquet":
            return read_parquet_schema(path, self._required, self._limits, engine)
        if sniffed.kind == "arrow":
            return read_arrow_columns(path, self._required, self._limits)
        schema = read_csv_schema(path, self._required, self._delimiter, is_compressed=sniffed.is_compressed)
        check_columns(schema.columns, self._required, self._limits)
        return schema


def _check_alike(first: TableFile, other: TableFile) -> None:
    """Check that a further part has the format and the columns of the first."""
    for what, one, two in (
        ("format", (first.kind, first.is_compressed), (other.kind, other.is_compressed)),
        ("delimiter", first.delimiter, other.delimiter),
        ("columns", first.columns, other.columns),
    ):
        if one != two:
            raise BadInput(f"differs from {first.path.name} in its {what}; the parts of a table must be alike")
    if first.types != other.types and first.types is not None and other.types is not None:
        place = next(number for number, kind in enumerate(first.types) if kind != other.types[number])
        raise BadInput(
            f"has the type {other.types[place][:60]}, in {first.path.name} {first.types[place][:60]}; "
            "the parts of a table must be alike",
            column=first.columns[place],
        )


def read_predictions(
    path: Path | Sequence[Path], spec: AuditSpec, *, sensitive: Path | None = None, limits: Limits = LIMITS
) -> TableFile:
    """Check a prediction file, or the files of one table, against the specification of an audit.

    Parameters
    ----------
    path : Path or sequence of Path
        Local files; nothing is fetched from elsewhere.
    spec : AuditSpec
    sensitive : Path, optional
        The separate file with sensitive values, where the specification names one.
    limits : Limits

    Raises
    ------
    BadInput
        Naming the column, line or limit.
    """
    file = read_table(
        path,
        spec.used_columns,
        delimiter=spec.delimiter,
        encoding=spec.encoding,
        limits=limits,
        deferred=True,
    )
    if spec.sensitive_file is None:
        if sensitive is not None:
            raise BadInput("a file with sensitive values was given; the specification names none", column="sensitive")
        return file
    if sensitive is None:
        raise BadInput("the specification names a file with sensitive values; bring it", column="sensitive_file")
    required = (spec.sensitive_file.id, *(feature.name for feature in spec.joined))
    try:
        other = read_table(sensitive, required, limits=limits)
    except BadInput as error:
        message = f"{error.message} (in the file with sensitive values)"
        raise BadInput(message, column=error.column, row=error.row, line=error.line) from None
    return replace(file, sensitive=replace(other, view="sensitive_rows"))
