"""Arrow IPC files and streams, read batch by batch.

A batch is checked for offsets that point outside its buffers before anything computes with it.
Batches are memory-mapped, so that only the columns in use are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.errors import BadInput
from audits.tables.limits import Limits, check_row_count

if TYPE_CHECKING:
    import pyarrow as pa

FILE_MAGIC = b"ARROW1"
STREAM_MAGIC = b"\xff\xff\xff\xff"
DAMAGED = "the Arrow file is damaged; write it again"


def iterate_batches(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the record batches of an Arrow file or stream with the columns asked for.

    Raises
    ------
    BadInput
        Where the file is damaged.
    """
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as source:
            yield from _iterate_source(source, _is_file(path), columns)
    except (pa.ArrowException, OSError, MemoryError):
        raise BadInput(DAMAGED) from None


def _iterate_source(source: Any, is_file: bool, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    options = pa.ipc.IpcReadOptions()
    if columns is not None:
        names = _open(source, is_file, options).schema.names
        source.seek(0)
        # No column at all would mean every column: the first one is read to count rows.
        options = pa.ipc.IpcReadOptions(included_fields=[names.index(name) for name in columns] or [0])
    reader = _open(source, is_file, options)
    batches = (reader.get_batch(number) for number in range(reader.num_record_batches)) if is_file else reader
    for batch in batches:
        batch.validate(full=True)
        yield batch


def _open(source: Any, is_file: bool, options: Any) -> Any:
    import pyarrow as pa

    if is_file:
        return pa.ipc.open_file(source, options=options)
    return pa.ipc.open_stream(source, options=options)


def _is_file(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(6) == FILE_MAGIC


def read_arrow_schema(path: Path) -> pa.Schema:
    """Return the schema of an Arrow file or stream."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as source:
            return _open(source, _is_file(path), pa.ipc.IpcReadOptions()).schema
    except (pa.ArrowException, OSError, MemoryError):
        raise BadInput("the file starts like Arrow but cannot be read; write it again") from None


def is_plain(kind: Any) -> bool:
    """Tell whether a type stands for one plain value per cell."""
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return False
    if pa.types.is_dictionary(kind):
        return is_plain(kind.value_type)
    checks = (
        *(pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
        *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
        *(pa.types.is_date, pa.types.is_timestamp, pa.types.is_null),
    )
    return any(check(kind) for check in checks)


def count_arrow_rows(path: Path, columns: Sequence[str], limits: Limits) -> int:
    """Return the rows of an Arrow file; BadInput as soon as a limit is passed."""
    rows = 0
    for batch in iterate_batches(path, columns):
        if batch.num_rows > limits.batch_rows:
            raise BadInput(
                f"a batch has {batch.num_rows:,} rows, at most {limits.batch_rows:,} are read at once; "
                "write smaller batches"
            )
        rows += batch.num_rows
        check_row_count(max(rows, 1), limits)
    return rows


class ArrowScan:
    """The batches of some files as one stream that can be begun again: once for every query."""

    def __init__(self, paths: Sequence[Path], columns: Sequence[str]) -> None:
        self._paths = tuple(paths)
        self._columns = tuple(columns)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the stream in the form that engines exchange."""
        import pyarrow as pa

        schema = read_arrow_schema(self._paths[0])
        wanted = pa.schema([schema.field(name) for name in self._columns])
        batches = (
            pa.RecordBatch.from_arrays([batch.column(name) for name in self._columns], schema=wanted)
            for path in self._paths
            for batch in iterate_batches(path, self._columns)
        )
        return pa.RecordBatchReader.from_batches(wanted, batches).__arrow_c_stream__(requested_schema)
