"""Counting predictions that live elsewhere, for the command line: on a cluster, in PostgreSQL."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.errors import BadInput

if TYPE_CHECKING:
    from distributed import Client

    from audits.counting.cells import Cells
    from audits.spec import AuditSpec

CONNECT_SECONDS = 20


def count_on_cluster(address: str, spec: AuditSpec, folder: Path) -> tuple[Cells, dict[str, Any]]:
    """Count the table of a specification on a Dask cluster, and describe the run.

    Parameters
    ----------
    address : str
        Of the scheduler, for example "tcp://10.0.0.5:8786".
    spec : AuditSpec
        Its files need to be there for the workers; folders that are here too are split into files.
    folder : Path
        What relative paths start from.

    Raises
    ------
    BadInput
        Where the cluster cannot be reached, and for what is wrong with the table.
    """
    from audits.counting.cluster import reduce_on_cluster

    files = tuple(name for location in spec.files for name in _split_folder(location, folder))
    with _connect(address) as client:
        found = reduce_on_cluster(client, replace(spec, files=files), folder.absolute())
    return found.cells, describe_parts(found.parts, spec.seed, "dask")


def _split_folder(location: str, folder: Path) -> list[str]:
    """Return the files of a folder that is here; anything else as it is."""
    path = folder / location
    if "://" in location or not path.is_dir():
        return [location]
    return [str(one.absolute()) for one in sorted(path.iterdir()) if one.is_file() and one.name[0] not in "._"]


@contextmanager
def _connect(address: str) -> Iterator[Client]:
    """Connect to a scheduler; its library keeps quiet about what is said here in one line."""
    try:
        import distributed
    except ImportError:
        text = "counting on a cluster needs the package distributed: install countersign-portal[cluster]"
        raise BadInput(text) from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    library: Any = distributed
    try:
        client = library.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(f"cannot reach the cluster at {address}: {reason}") from None
    try:
        yield client
    finally:
        client.close()


def describe_parts(parts: Sequence[dict[str, Any]], seed: int, engine: str) -> dict[str, Any]:
    """Return the passport of cells that were counted part by part.

    The digest of one part is its own; of several, the digest of their digests in order.
    """
    from audits.bias.record import versions

    digests = [part["sha256"] for part in parts]
    digest = digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode("ascii")).hexdigest()
    source = {
        "sha256": digest,
        "bytes": sum(part["size"] for part in parts),
        "kind": parts[0]["kind"],
        "engine": engine,
        "parts": list(parts),
    }
    return {"seed": seed, "versions": versions(), "input": source, "delimiter": None, "encoding": None}


def count_in_postgres(
    address: str, table: str, spec: AuditSpec, sensitive: str | None = None
) -> tuple[Cells, dict[str, Any]]:
    """Count a table of PostgreSQL, and describe the run.

    Parameters
    ----------
    address : str
        A connection URL or string of libpq; what it leaves out comes from the PG* variables of the
        environment and the password file, which is where a password belongs.
    table : str
        "table" or "schema.table".
    spec : AuditSpec
    sensitive : str, optional
        The table with sensitive values, where the specification has a sensitive_file.

    Raises
    ------
    BadInput
        Where the database cannot be reached, and for what is wrong with the table.
    """
    import psycopg

    from audits.bias.record import versions
    from audits.counting.warehouse import reduce_in_postgres

    try:
        with psycopg.connect(address, connect_timeout=CONNECT_SECONDS, application_name="countersign audits") as found:
            cells = reduce_in_postgres(found, table, spec, sensitive=sensitive)
            server = found.info.server_version
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise BadInput(f"PostgreSQL: {reason}") from None
    source = {"sha256": None, "bytes": None, "kind": "postgresql", "table": table, "server_version": server}
    return cells, {"seed": spec.seed, "versions": versions(), "input": source, "delimiter": None, "encoding": None}
