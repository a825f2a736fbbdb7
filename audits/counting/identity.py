"""Check that ids are ids: none empty, none twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audits.spec import AuditSpec
from audits.tables.frames import TableFile
from audits.tables.row_ids import REPEATED, raise_repeated

if TYPE_CHECKING:
    import duckdb

IDS_AT_ONCE = 4_000_000
"""Ids held in memory together; more are looked at in as many passes as it takes."""


def check_ids(engine: duckdb.DuckDBPyConnection, file: TableFile, spec: AuditSpec, rows: int) -> None:
    """Check that every row has an id of its own, where an id column is named.

    Under several conditions the same row is predicted again: an id is then unique within one.
    """
    if "id" not in spec.columns:
        return
    columns = tuple(spec.columns[role] for role in ("id", "condition") if role in spec.columns)
    if _has_repeated(engine, file, columns, rows):
        raise_repeated(file, columns, REPEATED)


def check_sensitive_ids(engine: duckdb.DuckDBPyConnection, file: TableFile, spec: AuditSpec) -> None:
    """Check that the file with sensitive values has every id once."""
    if file.sensitive is None or spec.sensitive_file is None:
        return
    query = f"SELECT count(*) FROM {file.sensitive.scan()}"  # noqa: S608
    rows = engine.execute(query).fetchall()[0][0]
    if _has_repeated(engine, file.sensitive, (spec.sensitive_file.id,), rows):
        raise_repeated(
            file.sensitive,
            (spec.sensitive_file.id,),
            "an id stands twice in the file with sensitive values, so that a row would be counted twice; repeated:",
        )


def _has_repeated(engine: duckdb.DuckDBPyConnection, file: TableFile, columns: tuple[str, ...], rows: int) -> bool:
    """Tell whether an id is empty or stands twice."""
    names = ", ".join(f"{file.text(column)} AS i{place}" for place, column in enumerate(columns))
    keys = ", ".join(f"i{place}" for place in range(len(columns)))
    passes = -(-rows // IDS_AT_ONCE)
    for number in range(max(passes, 1)):
        part = f"WHERE hash(i0) % {passes} = {number}" if passes > 1 else ""
        query = (
            f"SELECT 1 FROM (SELECT {names} FROM {file.scan()}) {part} "  # noqa: S608
            f"GROUP BY {keys} HAVING i0 IS NULL OR count(*) > 1 LIMIT 1"
        )
        if engine.execute(query).fetchall():
            return True
    return False
