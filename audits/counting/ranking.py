"""The task ranking: which rows are among the first k.

A row is selected if its score is at least the k-th highest, so that ties are selected together.
Ranks are among all rows of the file, of a query where there are queries, and of a condition where
there are conditions: rows left out of the audit took their places too. A share of n rows is
rounded up to whole rows.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from audits.counting.checks import Locator
from audits.counting.plan import ColumnReader
from audits.errors import BadInput
from audits.spec import AuditSpec
from audits.tables.diagnose import read_number
from audits.tables.limits import LARGEST_NUMBER

if TYPE_CHECKING:
    import duckdb

BINS = 65_536
ROWS_AT_ONCE = 1_000_000
"""Scores fetched to find the k-th among them."""


def find_thresholds(
    engine: duckdb.DuckDBPyConnection, spec: AuditSpec, reader: ColumnReader, source: str, locator: Locator
) -> tuple[str, str]:
    """Find the k-th highest score of every ranking.

    Returns
    -------
    (source, prediction)
        The source with the thresholds joined as `h`, and the expression of a row's prediction.
    """
    score = reader.number(spec.columns["y_score"])
    _check_scores(engine, spec, score, source, locator)
    roles = [role for role in ("query", "condition") if role in spec.columns]
    keys = [reader.raw(spec.columns[role]) for role in roles]
    named = ", ".join(f"{key} AS h{place}" for place, key in enumerate(keys))
    rows = f"SELECT {named + ', ' if named else ''}{score} AS score FROM {source}"  # noqa: S608
    if "query" in roles:
        engine.execute(f"CREATE TEMP TABLE thresholds AS {write_thresholds(spec, reader, rows, len(keys))}")
    else:
        columns = "h0, score AS threshold" if keys else "score AS threshold"
        engine.execute(f"CREATE TEMP TABLE thresholds AS SELECT {columns} FROM ({rows}) LIMIT 0")  # noqa: S608
        _narrow_thresholds(engine, spec, rows, bool(keys))
    match = " AND ".join(f"{key} IS NOT DISTINCT FROM h.h{place}" for place, key in enumerate(keys)) or "true"
    return f"{source} LEFT JOIN thresholds AS h ON {match}", f"CASE WHEN {score} >= h.threshold THEN 1 ELSE 0 END"


def write_thresholds(spec: AuditSpec, reader: ColumnReader, rows: str, width: int) -> str:
    """Return the query for the k-th highest score of every query (and condition)."""
    keys = ", ".join(f"h{place}" for place in range(width))
    by = f"PARTITION BY {keys} " if keys else ""
    chosen = write_place(spec, reader.divide)
    return (
        f"SELECT {keys + ', ' if keys else ''}min(score) AS threshold FROM (SELECT *, "  # noqa: S608
        f"rank() OVER ({by}ORDER BY score DESC) AS place, "
        f"count(*) OVER ({by or ''}) AS n FROM ({rows}) AS ranked) AS placed "
        f"WHERE place <= {chosen}{' GROUP BY ' + keys if keys else ''}"
    )


def write_place(spec: AuditSpec, divide: str, rows: str = "n") -> str:
    """Return the SQL expression for k, given the number of `rows`; `divide` is whole division."""
    if isinstance(spec.top_k, int):
        return str(spec.top_k)
    share = Fraction(str(spec.top_k))
    return f"({rows} * {share.numerator} + {share.denominator - 1}) {divide} {share.denominator}"


def find_place(spec: AuditSpec, rows: int) -> int:
    """Return k for n rows: at most n, a share rounded up.

    >>> from audits.spec import check_spec
    >>> document = {"task": "ranking", "columns": {"y_score": "s"}, "sensitive": ["sex"], "top_k": 0.1}
    >>> find_place(check_spec(document), 30), find_place(check_spec(document), 31)
    (3, 4)
    """
    if isinstance(spec.top_k, int):
        return min(spec.top_k, rows)
    share = rows * Fraction(str(spec.top_k))
    return -(-share.numerator // share.denominator)


def _check_scores(
    engine: duckdb.DuckDBPyConnection, spec: AuditSpec, score: str, source: str, locator: Locator
) -> None:
    """Check that every row has a score before rows are ranked by it."""
    query = f"SELECT count(*) - count({score}), min({score}), max({score}) FROM {source}"  # noqa: S608
    absent, low, high = engine.execute(query).fetchall()[0]
    if absent or not (low is None or (low >= -LARGEST_NUMBER and high <= LARGEST_NUMBER)):
        locator.raise_first(
            spec.columns["y_score"],
            lambda text: read_number(text) is None,
            "a score must be a finite number; found",
            "predictions",
        )


def _narrow_thresholds(engine: duckdb.DuckDBPyConnection, spec: AuditSpec, rows: str, has_conditions: bool) -> None:
    """Find the thresholds of few, large rankings by counting scores in ever narrower ranges."""
    values: list[Any] = [()]
    if has_conditions:
        values = engine.execute(f"SELECT DISTINCT h0 FROM ({rows}) LIMIT 1001").fetchall()  # noqa: S608
        if len(values) > 1000:
            raise BadInput("too many conditions to compare", column=spec.columns["condition"])
    for value in values:
        chosen = f"SELECT score FROM ({rows}) WHERE h0 IS NOT DISTINCT FROM ?" if value else rows  # noqa: S608
        threshold = find_threshold(engine, spec, chosen, list(value))
        marks = ", ".join("?" for _ in (*value, threshold))
        engine.execute(f"INSERT INTO thresholds VALUES ({marks})", [*value, threshold])  # noqa: S608


def find_threshold(engine: duckdb.DuckDBPyConnection, spec: AuditSpec, rows: str, values: list[Any]) -> float | None:
    """Return the k-th highest score of the rows of a query; None without rows.

    Memory is bounded: scores are counted in 65,536 ranges, then in 65,536 parts of the range that
    holds the k-th, until the scores left are few enough to be counted one by one.
    """
    total, low, high = engine.execute(f"SELECT count(*), min(score), max(score) FROM ({rows})", values).fetchall()[0]  # noqa: S608
    if not total:
        return None
    place, inside = find_place(spec, total), total
    while inside > ROWS_AT_ONCE and low < high:
        width = (high - low) / BINS
        if not width:
            break
        bin_of = f"CAST(least({BINS - 1}, greatest(0, floor((score - {low!r}) / {width!r}))) AS INTEGER)"
        found = engine.execute(
            f"SELECT {bin_of} AS bin, count(*), min(score), max(score) FROM ({rows}) "  # noqa: S608
            f"WHERE score BETWEEN {low!r} AND {high!r} GROUP BY bin ORDER BY bin DESC",
            values,
        ).fetchall()
        for _, inside, low, high in found:  # noqa: B007
            if place <= inside:
                break
            place -= inside
    query = (
        f"SELECT score, count(*) FROM ({rows}) WHERE score BETWEEN {low!r} AND {high!r} "  # noqa: S608
        "GROUP BY score ORDER BY score DESC"
    )
    for score, count in engine.execute(query, values).fetchall():
        if place <= count:
            return float(score)
        place -= count
    return float(low)
