"""Distinct values of each column, and the most frequent ones where they may be shown.

A value that few rows have can point at a person: below the minimum count values are added up, not
listed. Distinct values are counted one column at a time. Where there are more than a few million,
those values are counted whose hash lies below a bound, a share f of all; the count divided by f is
the estimate, and its interval follows from the binomial law. The hash depends on the value only,
so that the order of the rows changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from audits.quality.columns import ColumnCounts
from audits.quality.staging import Staged
from audits.quality.vocabulary import EXACT

TOP = 20
COUNTED_AT_ONCE = 4_000_000
"""Distinct values the engine may hold at once."""
LISTED_UP_TO = 10_000
"""Columns with more distinct values have no list of frequent ones, unless one is frequent."""
HASHES = 2**64


@dataclass(frozen=True)
class ValueProfile:
    """Distinct values and the frequent ones.

    `top` lists (value, rows) of at least the minimum count; `others` are the distinct values not
    listed and `other_rows` their rows; `rare` of them are below the minimum count.
    """

    distinct: float
    low: float
    high: float
    method: str
    most_frequent: int
    top: tuple[tuple[str, int], ...] = ()
    others: int = 0
    other_rows: int = 0
    rare: int = 0


def profile_values(table: Staged, counts: ColumnCounts, *, minimum: int, z: float, is_listed: bool) -> ValueProfile:
    """Count the distinct values of a column, and list the frequent ones.

    Parameters
    ----------
    table : Staged
    counts : ColumnCounts
    minimum : int
        Values with fewer rows are not listed.
    z : float
        Normal quantile of the interval, where one is needed.
    is_listed : bool
        Whether values may be listed at all.
    """
    if counts.present == 0:
        return ValueProfile(0.0, 0.0, 0.0, EXACT, 0)
    # The engine's own sketch is a rough guess; it decides only how the counting is done.
    if min(counts.roughly_distinct * 1.5, counts.present) > COUNTED_AT_ONCE:
        return _estimate(table, counts, z)
    text = table.text(counts.name)
    grouped = f"SELECT {text} AS v, count(*) AS k FROM {table.texts} WHERE {text} IS NOT NULL GROUP BY v"  # noqa: S608
    wanted = f"max_by(v, (k, v), {TOP}) FILTER (k >= {minimum}), max(k, {TOP}) FILTER (k >= {minimum})"
    distinct, rare, most, values, sizes = table.engine.execute(
        f"SELECT count(*), count(*) FILTER (k < {minimum}), max(k), {wanted} FROM ({grouped})"  # noqa: S608
    ).fetchall()[0]
    top = tuple(zip(values or (), sizes or (), strict=True)) if is_listed else ()
    top = tuple(sorted(top, key=lambda pair: (-pair[1], pair[0])))
    return ValueProfile(
        distinct=float(distinct),
        low=float(distinct),
        high=float(distinct),
        method=EXACT,
        most_frequent=most,
        top=top,
        others=distinct - len(top),
        other_rows=counts.present - sum(size for _, size in top),
        rare=rare,
    )


def _estimate(table: Staged, counts: ColumnCounts, z: float) -> ValueProfile:
    """Return the distinct values from those whose hash lies below a bound."""
    share = 2.0 ** -math.ceil(math.log2(max(counts.roughly_distinct, COUNTED_AT_ONCE) / (COUNTED_AT_ONCE / 4)))
    text = table.text(counts.name)
    bound = int(HASHES * share)
    found = table.engine.execute(
        f"SELECT count(DISTINCT {text}) FROM {table.texts} WHERE hash({text}) < {bound}::UBIGINT"  # noqa: S608
    ).fetchall()[0][0]
    half = z * math.sqrt(found * (1 - share)) / share
    estimate = found / share
    return ValueProfile(
        distinct=estimate,
        low=max(0.0, estimate - half),
        high=min(float(counts.present), estimate + half),
        method=f"estimated from the values whose hash lies in {share:.4g} of its range; interval from the binomial law",
        most_frequent=0,
    )


def count_constant(profiles: Mapping[str, ValueProfile]) -> int:
    """Return how many columns have one value or none."""
    return sum(profile.distinct <= 1 for profile in profiles.values())
