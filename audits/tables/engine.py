"""The embedded column engine, opened for one file and closed to everything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

THREADS = 2
MEMORY_LIMIT = "1GB"


@contextmanager
def open_engine(
    path: Path | Sequence[Path], *, threads: int = THREADS, memory_limit: str = MEMORY_LIMIT
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an in-memory engine that can read `path` (one or several files) and nothing else.

    Extensions are neither installed nor loaded, nothing spills to disk, the configuration is
    locked before the first query.

    Parameters
    ----------
    path : Path or sequence of Path
        The files that may be read, or written by COPY: no other is reachable.
    threads : int
        Threads of the engine.
    memory_limit : str
        Bound of the engine's memory, in the engine's own notation ("1GB").
    """
    import duckdb

    connection = duckdb.connect(
        config={
            "threads": threads,
            "memory_limit": memory_limit,
            "temp_directory": "",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
        }
    )
    try:
        paths = [path] if isinstance(path, Path) else path
        allowed = ", ".join(quote_text(str(one)) for one in paths)
        connection.execute(f"SET allowed_paths = [{allowed}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()


def quote_text(value: str) -> str:
    """Return the value as an SQL text literal."""
    return "'" + value.replace("'", "''") + "'"


def quote_name(value: str) -> str:
    """Return the value as an SQL identifier."""
    return '"' + value.replace('"', '""') + '"'
