"""Quantiles, spread and outliers of numeric columns: exact at any size, with bounded memory.

Up to a few million numbers the engine sorts them. Beyond, the numbers are counted into bins
between the least and the greatest; each wanted rank is then known to lie in one bin, which is
counted again, finer, until few enough numbers share it to be sorted. What comes out is the number
of that rank, not an estimate. Between two ranks, values are interpolated linearly, as NumPy and
pandas do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audits.quality.columns import ColumnCounts, round_digits
from audits.quality.staging import Staged

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
SORTED_AT_ONCE = 4_000_000
"""Numbers the engine may sort at once, over all columns of a pass: 32 MB."""
BINS = 1_024
MOST_ROUNDS = 12
FENCE = 1.5
ROBUST_LIMIT = 3.5
NORMAL_CONSISTENCY = 0.6745


@dataclass(frozen=True)
class NumberProfile:
    """The distribution of the numbers of a column; outliers None where their rule is undefined."""

    mean: float
    deviation: float | None
    quantiles: Mapping[float, float]
    deviation_from_median: float
    fences: tuple[float, float] | None
    below: int | None
    above: int | None
    robust: int | None

    @property
    def outliers(self) -> int | None:
        """Return the numbers outside the fences."""
        return None if self.below is None or self.above is None else self.below + self.above


def profile_numbers(table: Staged, counts: Mapping[str, ColumnCounts]) -> dict[str, NumberProfile]:
    """Return the distribution of every column that has numbers.

    Parameters
    ----------
    table : Staged
    counts : mapping
        Column -> counts; only columns to be profiled.
    """
    expressions = {name: table.number(name) for name in counts}
    quantiles = find_quantiles(table, expressions, counts, QUANTILES)
    distances = {name: f"abs({expressions[name]} - {quantiles[name][0.5]!r}::DOUBLE)" for name in expressions}
    middles = find_quantiles(table, distances, counts, (0.5,))
    return _count_outliers(table, expressions, counts, quantiles, {name: part[0.5] for name, part in middles.items()})


def find_quantiles(
    table: Staged, expressions: Mapping[str, str], counts: Mapping[str, ColumnCounts], wanted: Sequence[float]
) -> dict[str, dict[float, float]]:
    """Return the exact quantiles of some numeric expressions of the table, by name."""
    found: dict[str, dict[float, float]] = {}
    batch: list[str] = []
    room = SORTED_AT_ONCE
    for name in expressions:
        size = counts[name].numbers
        if size > SORTED_AT_ONCE:
            found[name] = _select_ranks(table, expressions[name], size, wanted)
            continue
        if size > room:
            found |= _sort(table, expressions, batch, wanted)
            batch, room = [], SORTED_AT_ONCE
        batch.append(name)
        room -= size
    return found | _sort(table, expressions, batch, wanted)


def _sort(
    table: Staged, expressions: Mapping[str, str], batch: Sequence[str], wanted: Sequence[float]
) -> dict[str, dict[float, float]]:
    if not batch:
        return {}
    listed = ", ".join(f"{share!r}" for share in wanted)
    parts = ", ".join(f"quantile_cont({expressions[name]}, [{listed}])" for name in batch)
    row = table.engine.execute(f"SELECT {parts} FROM {table.rows_of(batch)}").fetchall()[0]  # noqa: S608
    return {name: dict(zip(wanted, values, strict=True)) for name, values in zip(batch, row, strict=True)}


def _select_ranks(table: Staged, expression: str, size: int, wanted: Sequence[float]) -> dict[float, float]:
    """Return quantiles by their ranks: both neighbours of each, then the point between."""
    places = {share: share * (size - 1) for share in wanted}
    ranks = sorted({end for place in places.values() for end in (math.floor(place), math.ceil(place))})
    low, high = table.engine.execute(f"SELECT min(x), max(x) FROM ({_numbers(table, expression)})").fetchall()[0]  # noqa: S608
    values = _refine(table, expression, ranks, low, high, 0)
    found = {}
    for share, place in places.items():
        first, last = values[math.floor(place)], values[math.ceil(place)]
        found[share] = first + (last - first) * (place - math.floor(place))
    return found


def _numbers(table: Staged, expression: str) -> str:
    return f"SELECT {expression} AS x FROM {table.relation} WHERE {expression} IS NOT NULL"  # noqa: S608


def _refine(
    table: Staged, expression: str, ranks: Sequence[int], low: float, high: float, rounds: int
) -> dict[int, float]:
    """Return the numbers of some ranks, counted from 0 among the numbers from `low` to `high`."""
    if low == high:
        return dict.fromkeys(ranks, low)
    within = f"({_numbers(table, expression)} AND {expression} BETWEEN {low!r}::DOUBLE AND {high!r}::DOUBLE)"
    width = high - low
    place = f"least(floor((x - {low!r}::DOUBLE) / {width!r}::DOUBLE * {BINS}), {BINS - 1})::INTEGER"
    bins = table.engine.execute(
        f"SELECT {place} AS bin, count(*), min(x), max(x) FROM {within} GROUP BY bin ORDER BY bin"  # noqa: S608
    ).fetchall()
    found: dict[int, float] = {}
    before = 0
    for _, count, least, most in bins:
        inside = [rank for rank in ranks if before <= rank < before + count]
        shifted = [rank - before for rank in inside]
        if inside and (count <= SORTED_AT_ONCE or rounds >= MOST_ROUNDS):
            values = _sort_within(table, expression, shifted, count, least, most)
        elif inside:
            values = _refine(table, expression, shifted, least, most, rounds + 1)
        for rank in inside:
            found[rank] = values[rank - before]
        before += count
    return found


def _sort_within(
    table: Staged, expression: str, ranks: Sequence[int], count: int, low: float, high: float
) -> dict[int, float]:
    """Return the numbers of some ranks among those from `low` to `high` by sorting them."""
    within = f"({_numbers(table, expression)} AND {expression} BETWEEN {low!r}::DOUBLE AND {high!r}::DOUBLE)"
    # Half a rank further, so that rounding of rank / count cannot fall to the neighbour below.
    listed = ", ".join(f"{(rank + 0.5) / count!r}" for rank in ranks)
    values = table.engine.execute(f"SELECT quantile_disc(x, [{listed}]) FROM {within}").fetchall()[0][0]  # noqa: S608
    return dict(zip(ranks, values, strict=True))


def _count_outliers(
    table: Staged,
    expressions: Mapping[str, str],
    counts: Mapping[str, ColumnCounts],
    quantiles: Mapping[str, Mapping[float, float]],
    middles: Mapping[str, float],
) -> dict[str, NumberProfile]:
    """Count what lies outside the fences and beyond the robust limit, and sum the squares."""
    names = list(expressions)
    found = {}
    for start in range(0, len(names), table.batch):
        batch = names[start : start + table.batch]
        parts = ", ".join(
            _outlier_aggregates(expressions[name], counts[name].mean or 0.0, quantiles[name], middles[name])
            for name in batch
        )
        row = table.engine.execute(f"SELECT {parts} FROM {table.rows_of(batch)}").fetchall()[0]  # noqa: S608
        for place, name in enumerate(batch):
            found[name] = _profile(counts[name], quantiles[name], middles[name], row[place * 4 : place * 4 + 4])
    return found


def _find_fences(quantiles: Mapping[float, float]) -> tuple[float, float]:
    reach = FENCE * (quantiles[0.75] - quantiles[0.25])
    return quantiles[0.25] - reach, quantiles[0.75] + reach


def _outlier_aggregates(number: str, mean: float, quantiles: Mapping[float, float], middle: float) -> str:
    low, high = _find_fences(quantiles)
    limit = ROBUST_LIMIT * middle
    distance = f"{NORMAL_CONSISTENCY} * abs({number} - {quantiles[0.5]!r}::DOUBLE)"
    return (
        f"count(*) FILTER ({number} < {low!r}::DOUBLE), count(*) FILTER ({number} > {high!r}::DOUBLE), "
        f"count(*) FILTER ({distance} > {limit!r}::DOUBLE), "
        f"fsum(({number} - {mean!r}::DOUBLE) * ({number} - {mean!r}::DOUBLE))"
    )


def _profile(
    counts: ColumnCounts,
    quantiles: Mapping[float, float],
    middle: float,
    row: Sequence[float],
) -> NumberProfile:
    has_spread = quantiles[0.75] > quantiles[0.25]
    squares = max(float(row[3]), 0.0)
    return NumberProfile(
        mean=counts.mean or 0.0,
        deviation=round_digits(math.sqrt(squares / (counts.numbers - 1))) if counts.numbers > 1 else None,
        quantiles=quantiles,
        deviation_from_median=middle,
        fences=_find_fences(quantiles) if has_spread else None,
        below=int(row[0]) if has_spread else None,
        above=int(row[1]) if has_spread else None,
        robust=int(row[2]) if middle > 0 else None,
    )
