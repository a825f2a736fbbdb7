"""Count predictions that lie in PostgreSQL: the same plan, run by the database; only sums come back.

Everything runs in one read-only transaction with one snapshot, so that all passes see the same
rows and nothing can be written. Table and columns are looked up in the catalogue and quoted.
Weights are added up as exact decimals. A value is what PostgreSQL writes for it as text: a double
1.0 is '1' here and '1.0' in a Parquet file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from audits.counting.cells import Cells
from audits.counting.checks import Combination, check_combinations
from audits.counting.details import (
    Converted,
    ScoreBins,
    list_kinds,
    make_bins,
    make_clusters,
    make_errors,
    make_scores,
    write_moments,
)
from audits.counting.plan import Plan, make_plan
from audits.counting.ranking import write_place
from audits.counting.reduction import convert, count_most, read_combination
from audits.errors import BadInput
from audits.spec import AuditSpec
from audits.tables.engine import quote_name
from audits.tables.formats import check_columns
from audits.tables.limits import COMMAND_LINE_LIMITS, Limits

if TYPE_CHECKING:
    import psycopg

NUMBER_TYPES = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})
PLAIN_TYPES = NUMBER_TYPES | {"text", "character varying", "character", "boolean", "date", "uuid"}
NUMBER = r"^\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?\s*$"
EXAMPLES = 10_000


@dataclass(frozen=True)
class DatabaseTable:
    """A table of the database: its quoted name and column -> type."""

    name: str
    types: Mapping[str, str]


class DatabaseReader:
    """How PostgreSQL reads columns; a plain sum of decimals loses nothing."""

    sum_function = "sum"
    divide = "/"

    def __init__(self, table: DatabaseTable, sensitive: DatabaseTable | None) -> None:
        self._tables = {"predictions": (table, "p"), "sensitive_file": (sensitive, "s")}

    def _find(self, column: str, source: str) -> tuple[str, str]:
        """Return (expression, type) of a column."""
        table, alias = self._tables[source]
        if table is None:
            raise BadInput("the specification names a file with sensitive values; name its table")
        return f"{alias}.{quote_name(column)}", table.types[column]

    def raw(self, column: str, source: str = "predictions") -> str:
        """Return the column as text."""
        return f"CAST({self._find(column, source)[0]} AS TEXT)"

    def text(self, column: str, source: str = "predictions") -> str:
        """Return the column as text, NULL where empty."""
        return f"nullif({self.raw(column, source)}, '')"

    def number(self, column: str, source: str = "predictions") -> str:
        """Return the column as a double, NULL where it is not a number."""
        return self._convert(column, source, "DOUBLE PRECISION")

    def exact_number(self, column: str) -> str:
        """Return the column as a decimal."""
        return self._convert(column, "predictions", "NUMERIC")

    def _convert(self, column: str, source: str, kind: str) -> str:
        name, found = self._find(column, source)
        if _plain_type(found) in NUMBER_TYPES:
            # By way of the text, which has every digit: a cast from double to decimal rounds.
            return f"CAST(CAST({name} AS TEXT) AS {kind})"
        text = self.raw(column, source)
        return f"CASE WHEN {text} ~ '{NUMBER}' THEN CAST({text} AS {kind}) END"


class DatabaseLocator:
    """Finds an example of a fault; rows of a database table have no number."""

    def __init__(self, connection: psycopg.Connection[Any], reader: DatabaseReader, source: str) -> None:
        self._connection = connection
        self._reader = reader
        self._source = source

    def raise_first(self, column: str, is_bad: Callable[[str | None], bool], message: str, source: str) -> NoReturn:
        """Raise BadInput with the first value for which `is_bad` holds."""
        text = self._reader.text(column, source)
        query = f"SELECT DISTINCT {text} AS value FROM {self._source} ORDER BY value NULLS FIRST LIMIT {EXAMPLES}"  # noqa: S608
        values = [row[0] for row in _ask(self._connection, query)]
        shown = next((f" {str(value)[:60]!r}" for value in values if value is not None and is_bad(value)), "")
        raise BadInput(message + shown, column=column)

    def raise_first_long(self, columns: Sequence[str], limits: Limits) -> NoReturn:
        """Raise BadInput for values that are too long."""
        raise BadInput(f"a cell has more than {limits.cell_characters:,} characters", column=", ".join(columns)[:200])

    def raise_first_unmatched(self, spec: AuditSpec, message: str) -> NoReturn:
        """Raise BadInput about rows without sensitive values."""
        raise BadInput(message, column=spec.columns["id"])


def reduce_in_postgres(
    connection: psycopg.Connection[Any],
    table: str,
    spec: AuditSpec,
    *,
    sensitive: str | None = None,
    limits: Limits = COMMAND_LINE_LIMITS,
) -> Cells:
    """Count the combinations of a table of predictions in PostgreSQL.

    Parameters
    ----------
    connection : psycopg.Connection
        Idle; its user needs to read the tables, nothing else.
    table : str
        "table" or "schema.table", as it stands in the catalogue.
    spec : AuditSpec
    sensitive : str, optional
        The table with sensitive values, where the specification names a separate file.
    limits : Limits

    Returns
    -------
    Cells
        Equal to those of the same rows in a file.

    Raises
    ------
    BadInput
        Naming the table, column or limit.
    """
    import psycopg

    try:
        with read_only(connection):
            return _reduce(connection, table, spec, sensitive, limits)
    except (psycopg.DataError, psycopg.errors.InsufficientPrivilege) as error:
        raise BadInput(f"PostgreSQL cannot count {table[:100]!r}: {str(error).splitlines()[0][:200]}") from None


@contextmanager
def read_only(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Run one transaction that sees one snapshot and can write nothing."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _reduce(
    connection: psycopg.Connection[Any], table: str, spec: AuditSpec, sensitive: str | None, limits: Limits
) -> Cells:
    found_table = find_table(connection, table, spec.used_columns, limits)
    source, other = f"{found_table.name} AS p", None
    reader = DatabaseReader(found_table, None)
    if spec.sensitive_file is not None:
        if sensitive is None:
            raise BadInput("the specification names a file with sensitive values; name its table")
        columns = (spec.sensitive_file.id, *(feature.name for feature in spec.joined))
        other = find_table(connection, sensitive, columns, limits)
        reader = DatabaseReader(found_table, other)
        own, theirs = reader.text(spec.columns["id"]), reader.text(spec.sensitive_file.id, "sensitive_file")
        _check_ids(connection, [theirs], f"{other.name} AS s", spec.sensitive_file.id)
        source = f"{source} LEFT JOIN {other.name} AS s ON {own} = {theirs}"
    if "id" in spec.columns:
        keys = [reader.text(spec.columns[role]) for role in ("id", "condition") if role in spec.columns]
        _check_ids(connection, keys, f"{found_table.name} AS p", spec.columns["id"])
    prediction = _write_selection(spec, reader) if spec.task == "ranking" else None
    plan = make_plan(spec, reader, source, prediction=prediction)
    most = count_most(spec, limits)
    found = _count_combinations(connection, plan, most)
    check_combinations(spec, plan, found, DatabaseLocator(connection, reader, source), limits, most=most)
    cells, converted = convert(spec, plan, found)
    return _add_details(connection, spec, plan, cells, converted, found, reader, limits)


def find_table(
    connection: psycopg.Connection[Any], table: str, required: Sequence[str], limits: Limits
) -> DatabaseTable:
    """Look a table up in the catalogue and check its columns.

    Raises
    ------
    BadInput
        Where there is no such table, or it lacks a column, or a column is not plain.
    """
    parts = table.split(".")
    if not 1 <= len(parts) <= 2 or not all(parts) or "\x00" in table:
        raise BadInput(f"{table[:100]!r} is not the name of a table; write table or schema.table")
    name = ".".join(quote_name(part) for part in parts)
    rows = connection.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
        "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        [name],
    ).fetchall()
    if not rows:
        raise BadInput(f"there is no table {table[:100]!r} in the database")
    types = {str(column): str(kind) for column, kind in rows}
    check_columns(tuple(types), required, limits)
    for column in required:
        kind = _plain_type(types[column])
        if kind not in PLAIN_TYPES and not kind.startswith("timestamp"):
            raise BadInput(f"has the type {types[column][:60]}; only plain values are read", column=column)
    return DatabaseTable(name, types)


def _plain_type(kind: str) -> str:
    return kind.split("(")[0].strip()


def _ask(connection: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query that was written here, from quoted names and checked numbers."""
    return connection.execute(query.encode("utf-8")).fetchall()


def _check_ids(connection: psycopg.Connection[Any], keys: Sequence[str], source: str, column: str) -> None:
    """Check that every row has an id of its own (under its condition)."""
    listed = ", ".join(keys)
    query = (
        f"SELECT {keys[0]} FROM {source} GROUP BY {listed} "  # noqa: S608
        f"HAVING {keys[0]} IS NULL OR count(*) > 1 ORDER BY 1 NULLS FIRST LIMIT 1"
    )
    for (value,) in _ask(connection, query):
        if value is None:
            raise BadInput("the id is empty", column=column)
        raise BadInput(f"every row needs an id of its own; repeated: {value[:60]!r}", column=column)


def _write_selection(spec: AuditSpec, reader: DatabaseReader) -> str:
    """Return the expression for "among the first k", as `ranking` defines it."""
    keys = [reader.raw(spec.columns[role]) for role in ("query", "condition") if role in spec.columns]
    by = f"PARTITION BY {', '.join(keys)}" if keys else ""
    place = f"rank() OVER ({by} ORDER BY {reader.number(spec.columns['y_score'])} DESC)"
    chosen = write_place(spec, reader.divide, rows=f"(count(*) OVER ({by}))")
    return f"CASE WHEN {place} <= {chosen} THEN 1 ELSE 0 END"


def _count_combinations(connection: psycopg.Connection[Any], plan: Plan, most: int) -> list[Combination]:
    """Count the distinct combinations of keys."""
    totals = plan.totals()
    query = (
        f"SELECT {plan.texts()}, {', '.join(totals.values())} FROM ({plan.rows()}) AS r "  # noqa: S608
        f"GROUP BY {plan.names()} LIMIT {most + 1}"
    )
    rows = _ask(connection, query)
    return [read_combination((number, *row), plan, totals) for number, row in enumerate(rows)]


def _add_details(
    connection: psycopg.Connection[Any],
    spec: AuditSpec,
    plan: Plan,
    cells: Cells,
    converted: Converted,
    found: Sequence[Combination],
    reader: DatabaseReader,
    limits: Limits,
) -> Cells:
    """Return the cells with scores, errors and clusters, where the specification names them."""
    numbers = {part.keys: part.number for part in found}
    if "s" in plan.numbers:
        cells = replace(cells, scores=_count_scores(connection, plan, cells, converted, numbers, found, limits))
    if spec.task == "regression":
        weight = "" if "w" in plan.numbers else ", 1.0 AS w"
        keyed = f"SELECT *, avg(t) OVER (PARTITION BY {plan.names()}) AS t_mean{weight} FROM ({plan.rows()}) AS r"  # noqa: S608
        query = write_moments(plan, keyed, keys=plan.names(), texts=plan.texts())
        table = _number(_ask(connection, query), plan, numbers)
        cells = replace(cells, errors=make_errors(converted, table))
    if "cluster" in spec.columns:
        clustered = replace(plan, numbers={**plan.numbers, "u": reader.text(spec.columns["cluster"])})
        weight = "sum(w)" if "w" in plan.numbers else "count(*)"
        query = (
            f"SELECT {plan.texts()}, u, count(*), {weight} FROM ({clustered.rows()}) AS r "  # noqa: S608
            f"GROUP BY {plan.names()}, u LIMIT {limits.clusters + 1}"
        )
        table = _number(_ask(connection, query), plan, numbers)
        cells = replace(cells, clusters=make_clusters(spec, cells, converted, table, limits))
    return cells


def _number(rows: Sequence[Sequence[Any]], plan: Plan, numbers: Mapping[tuple[Any, ...], int]) -> list[tuple[Any, ...]]:
    """Return rows with the number of their combination in place of their keys."""
    width = len(plan.keys)
    return [(numbers[tuple(row[:width])], *row[width:]) for row in rows]


def _count_scores(
    connection: psycopg.Connection[Any],
    plan: Plan,
    cells: Cells,
    converted: Converted,
    numbers: Mapping[tuple[Any, ...], int],
    found: Sequence[Combination],
    limits: Limits,
) -> Any:
    """Count the scores one by one, or in ranges where they are too many."""
    table = _ask(connection, _write_scores(plan, None, limits))
    bins = None
    if len(table) > limits.exact_scores:
        low = min(float(part.totals["s_low"]) for part in found)
        high = max(float(part.totals["s_high"]) for part in found)
        bins = make_bins(low, high, len(list_kinds(cells, converted)), limits)
        table = _ask(connection, _write_scores(plan, bins, limits))
    import numpy as np

    rows = _number(table, plan, numbers)
    number = np.array([row[0] for row in rows], dtype=np.int64)
    columns = [np.array([float(row[place]) for row in rows]) for place in range(1, 5)]
    columns[1] = columns[1].astype(np.int64)
    return make_scores(cells, converted, len(found), number, columns, bins)


def _write_scores(plan: Plan, bins: ScoreBins | None, limits: Limits) -> str:
    """Return the query for keys, score, count, weight, weight squared."""
    weights = "sum(w), sum(w * w)" if "w" in plan.numbers else "count(*), count(*)"
    if bins is None:
        return (
            f"SELECT {plan.texts()}, s, count(*), {weights} FROM ({plan.rows()}) AS r "  # noqa: S608
            f"GROUP BY {plan.names()}, s LIMIT {limits.exact_scores + 1}"
        )
    scale = bins.number / (bins.high - bins.low)
    place = f"least({bins.number - 1}, greatest(0, floor((s - ({bins.low!r})) * {scale!r})))"
    weighted = "CASE WHEN sum(w) > 0 THEN sum(w * s) / sum(w) ELSE avg(s) END" if "w" in plan.numbers else "avg(s)"
    return (
        f"SELECT {plan.texts()}, {weighted}, count(*), {weights} FROM (SELECT *, {place} AS bin "  # noqa: S608
        f"FROM ({plan.rows()}) AS q) AS r GROUP BY {plan.names()}, bin"
    )
