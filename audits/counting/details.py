"""What stands beside the cells: scores, the errors of a regression, the cells of every cluster.

Each takes one more pass over the rows, in which the engine looks up the number of a row's
combination (from the table `combinations` that the counting left) and nothing else of its keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from audits.counting.cells import Cells, find_places
from audits.counting.checks import Combination
from audits.counting.clusters import ClusterCounts
from audits.counting.plan import Plan
from audits.counting.scores import ScoreCounts
from audits.errors import BadInput
from audits.spec import AuditSpec
from audits.tables.limits import Limits

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    from numpy.typing import NDArray

    from audits.counting.error_moments import ErrorMoments

Converted = Mapping[int, tuple[tuple[str, ...], int, int]]
BATCH_ROWS = 1_000_000
BIN_NUMBERS = (60_000, 30_000, 20_000, 10_000, 5_000, 4_000, 2_000, 1_000, 500)
"""All divisible by the usual ten bins of a reliability curve."""


@dataclass(frozen=True)
class ScoreBins:
    """Equal ranges from `low` to `high` into which scores are put where they are too many."""

    low: float
    high: float
    number: int

    @property
    def width(self) -> float:
        """Return the width of a range."""
        return (self.high - self.low) / self.number


def add_details(
    engine: duckdb.DuckDBPyConnection,
    spec: AuditSpec,
    plan: Plan,
    cells: Cells,
    converted: Converted,
    found: Sequence[Combination],
    limits: Limits,
    *,
    cluster: str | None,
    bins: ScoreBins | None = None,
) -> Cells:
    """Return the cells with scores, errors and clusters, where the specification names them.

    Parameters
    ----------
    engine : connection with the table `combinations`
    spec, plan : AuditSpec, Plan
    cells : Cells
    converted : mapping
        Number of a combination in use to (group, label, prediction).
    found : sequence of Combination
    limits : Limits
    cluster : str, optional
        The SQL expression of the cluster as text.
    bins : ScoreBins, optional
        Into which scores are put whatever their number (parts of a table must agree on it).
    """
    if "s" in plan.numbers:
        cells = replace(cells, scores=count_scores(engine, plan, cells, converted, found, limits, bins))
    if spec.task == "regression":
        cells = replace(cells, errors=count_errors(engine, plan, converted))
    if cluster is not None:
        cells = replace(cells, clusters=count_clusters(engine, spec, plan, cells, converted, cluster, limits))
    return cells


def number_rows(plan: Plan, columns: str) -> str:
    """Return a query for `columns` of every row and the number of its combination."""
    return f"SELECT c.number, {columns} FROM ({plan.rows()}) AS r JOIN combinations AS c ON {plan.match('r', 'c')}"  # noqa: S608


def _lookup(size: int, places: Mapping[int, int]) -> NDArray[np.int64]:
    """Return an array from the number of a combination to its place; -1 for those left out."""
    import numpy as np

    found = np.full(size, -1, dtype=np.int64)
    for number, place in places.items():
        found[number] = place
    return found


def count_scores(
    engine: duckdb.DuckDBPyConnection,
    plan: Plan,
    cells: Cells,
    converted: Converted,
    found: Sequence[Combination],
    limits: Limits,
    bins: ScoreBins | None,
) -> ScoreCounts:
    """Count the scores of every group and label.

    One by one where they are few enough; else in equal ranges, each with the mean of its scores;
    their width is the `resolution` of the result. Which of the two depends on the data alone.
    """
    rows = sum(part.rows for part in found)
    if bins is None and rows > limits.exact_scores:
        bins = choose_bins(engine, plan, found, len(list_kinds(cells, converted)), limits)
    if bins is not None:
        return _count_in_bins(engine, plan, cells, converted, len(found), bins)
    number, columns = _count_one_by_one(engine, plan, is_grouped=rows > limits.exact_scores)
    return make_scores(cells, converted, len(found), number, columns, None)


def list_kinds(cells: Cells, converted: Converted) -> list[tuple[int, int]]:
    """Return the distinct (place of the group among the sorted groups, label)."""
    place = {group: number for number, group in enumerate(sorted({cell.group for cell in cells.rows}))}
    return sorted({(place[group], label) for group, label, _ in converted.values()})


def _number_kinds(cells: Cells, converted: Converted, size: int) -> NDArray[np.int64]:
    """Return the number of the kind of every combination; -1 for those left out."""
    place = {group: number for number, group in enumerate(sorted({cell.group for cell in cells.rows}))}
    numbers = {kind: number for number, kind in enumerate(list_kinds(cells, converted))}
    return _lookup(size, {number: numbers[place[group], label] for number, (group, label, _) in converted.items()})


def make_scores(
    cells: Cells,
    converted: Converted,
    size: int,
    number: NDArray[np.int64],
    columns: Sequence[NDArray[Any]],
    bins: ScoreBins | None,
) -> ScoreCounts:
    """Return score counts from rows (number of a combination, score, count, weight, weight squared)."""
    kind = _number_kinds(cells, converted, size)[number]
    kept = kind >= 0
    return _create_scores(cells, converted, kind[kept], [column[kept] for column in columns], bins)


def _create_scores(
    cells: Cells,
    converted: Converted,
    kind: NDArray[np.int64],
    columns: Sequence[NDArray[Any]],
    bins: ScoreBins | None,
) -> ScoreCounts:
    """Return score counts from rows (number of a kind, score, count, weight, weight squared)."""
    import numpy as np

    table = np.array(list_kinds(cells, converted), dtype=np.int64).reshape(-1, 2)
    groups = sorted({cell.group for cell in cells.rows})
    counts = ScoreCounts.create(groups, [table[kind, 0], table[kind, 1], *columns])
    return counts if bins is None else replace(counts, resolution=bins.width)


def choose_bins(
    engine: duckdb.DuckDBPyConnection, plan: Plan, found: Sequence[Combination], kinds: int, limits: Limits
) -> ScoreBins | None:
    """Return the ranges for scores that are too many; None where they are few enough."""
    query = f"SELECT approx_count_distinct(s) FROM ({plan.rows()})"  # noqa: S608
    distinct = engine.execute(query).fetchall()[0][0]
    if distinct * kinds <= limits.exact_scores:
        return None
    low = min(float(part.totals["s_low"]) for part in found)
    high = max(float(part.totals["s_high"]) for part in found)
    return make_bins(low, high, kinds, limits)


def make_bins(low: float, high: float, kinds: int, limits: Limits) -> ScoreBins | None:
    """Return as many ranges as the limit allows for each of `kinds`; from 0 to 1 for probabilities."""
    if not low < high:
        return None
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    fitting = [number for number in BIN_NUMBERS if number * kinds <= limits.exact_scores]
    return ScoreBins(low, high, fitting[0] if fitting else BIN_NUMBERS[-1])


def _count_one_by_one(
    engine: duckdb.DuckDBPyConnection, plan: Plan, *, is_grouped: bool
) -> tuple[NDArray[np.int64], list[NDArray[Any]]]:
    """Return (number of a combination, columns (score, count, weight, weight squared))."""
    import numpy as np

    is_weighted = "w" in plan.numbers
    query = number_rows(plan, "r.s, r.w" if is_weighted else "r.s")
    if is_grouped:
        sums = "fsum(w) AS weight, fsum(w * w) AS squared" if is_weighted else "1 AS nothing"
        query = f"SELECT number, s, count(*) AS rows, {sums} FROM ({query}) GROUP BY number, s"  # noqa: S608
    table = {name: np.asarray(column) for name, column in engine.execute(query).fetchnumpy().items()}
    count = table["rows"] if is_grouped else np.ones(len(table["s"]), dtype=np.int64)
    weight = squared = count.astype(np.float64)
    if is_weighted:
        weight = table["weight"] if is_grouped else table["w"]
        squared = table["squared"] if is_grouped else weight * weight
    return table["number"], [table["s"], count, weight, squared]


def _count_in_bins(
    engine: duckdb.DuckDBPyConnection, plan: Plan, cells: Cells, converted: Converted, size: int, bins: ScoreBins
) -> ScoreCounts:
    """Add up the scores in equal ranges, streamed in batches into one array of sums."""
    import numpy as np

    is_weighted = "w" in plan.numbers
    lookup = _number_kinds(cells, converted, size)
    length = len(list_kinds(cells, converted)) * bins.number
    sums = np.zeros((5 if is_weighted else 2, length))
    query = number_rows(plan, "r.s, r.w" if is_weighted else "r.s")
    for batch in engine.sql(query).to_arrow_reader(BATCH_ROWS):
        kind = lookup[batch.column("number").to_numpy()]
        kept = kind >= 0
        score = batch.column("s").to_numpy(zero_copy_only=False)[kept]
        place = ((score - bins.low) * (bins.number / (bins.high - bins.low))).astype(np.int64)
        code = kind[kept] * bins.number + np.clip(place, 0, bins.number - 1)
        columns: list[NDArray[np.float64] | None] = [None, score]
        if is_weighted:
            weight = batch.column("w").to_numpy(zero_copy_only=False)[kept]
            columns += [weight * score, weight, weight * weight]
        for total, values in zip(sums, columns, strict=True):
            total += np.bincount(code, weights=values, minlength=length)
    filled = np.flatnonzero(sums[0])
    count, plain, *rest = sums[:, filled]
    score = plain / count
    weight = squared = count
    if is_weighted:
        scored, weight, squared = rest
        score = np.divide(scored, weight, out=score, where=weight > 0)
    found = [score, count.astype(np.int64), weight, squared]
    return _create_scores(cells, converted, filled // bins.number, found, bins)


def count_errors(engine: duckdb.DuckDBPyConnection, plan: Plan, converted: Converted) -> ErrorMoments:
    """Add up the errors of a regression per group, around the group's own mean."""
    rows = plan.rows() if "w" in plan.numbers else f"SELECT *, 1.0::DOUBLE AS w FROM ({plan.rows()}) AS q"  # noqa: S608
    keyed = (
        f"SELECT c.number, c.t_mean, r.t, r.p, r.w FROM ({rows}) AS r "  # noqa: S608
        f"JOIN combinations AS c ON {plan.match('r', 'c')}"
    )
    return make_errors(converted, engine.execute(write_moments(plan, keyed)).fetchall())


def write_moments(plan: Plan, keyed: str, *, keys: str = "number", texts: str = "number") -> str:
    """Return the query for the sums of every group from rows (keys, t_mean, t, p, w)."""
    from audits.counting.error_moments import ErrorMoments

    sums = [
        text.replace("sum(", f"{plan.sum_function}(").replace("{shift}", "t_mean")
        for text in ErrorMoments.AGGREGATES.values()
    ]
    return f"SELECT {texts}, t_mean, {', '.join(sums)} FROM ({keyed}) AS keyed GROUP BY {keys}, t_mean"  # noqa: S608


def make_errors(converted: Converted, table: Sequence[Sequence[Any]]) -> ErrorMoments:
    """Return the moments of the groups from the rows of `write_moments`."""
    import numpy as np

    from audits.counting.error_moments import ErrorMoments

    used = sorted((row for row in table if row[0] in converted), key=lambda row: converted[row[0]][0])
    columns = {
        name: np.array([float(row[place]) for row in used], dtype=np.float64)
        for place, name in enumerate(ErrorMoments.AGGREGATES, start=2)
    }
    centres: Any = np.array([float(row[1]) for row in used], dtype=np.float64)
    return ErrorMoments.create([converted[row[0]][0] for row in used], centres, columns)


def count_clusters(
    engine: duckdb.DuckDBPyConnection,
    spec: AuditSpec,
    plan: Plan,
    cells: Cells,
    converted: Converted,
    cluster: str,
    limits: Limits,
) -> ClusterCounts:
    """Count the cells of every cluster."""
    weight = f"{plan.sum_function}(w)" if "w" in plan.numbers else "count(*)"
    clustered = replace(plan, numbers={**plan.numbers, "u": cluster})
    columns = "r.u, r.w" if "w" in plan.numbers else "r.u"
    query = (
        f"SELECT number, u, count(*), {weight} FROM ({number_rows(clustered, columns)}) "  # noqa: S608
        f"GROUP BY number, u LIMIT {limits.clusters + 1}"
    )
    return make_clusters(spec, cells, converted, engine.execute(query).fetchall(), limits)


def make_clusters(
    spec: AuditSpec, cells: Cells, converted: Converted, table: Sequence[Sequence[Any]], limits: Limits
) -> ClusterCounts:
    """Return cluster counts from rows (number of a combination, cluster, count, weight)."""
    import numpy as np

    column = spec.columns["cluster"]
    if len(table) > limits.clusters:
        raise BadInput(f"more than {limits.clusters:,} clusters and cells of clusters", column=column)
    used = [row for row in table if row[0] in converted]
    if any(row[1] is None for row in used):
        raise BadInput("the cluster is empty in some row; name one in every row", column=column)
    place = find_places(cells.rows)
    names = sorted({str(row[1]) for row in used})
    index = {name: number for number, name in enumerate(names)}
    return ClusterCounts.create(
        names,
        [
            np.array([index[str(row[1])] for row in used], dtype=np.int64),
            np.array([place[converted[row[0]]] for row in used], dtype=np.int64),
            np.array([int(row[2]) for row in used], dtype=np.int64),
            np.array([float(row[3]) for row in used], dtype=np.float64),
        ],
    )
