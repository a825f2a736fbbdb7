"""What each column holds, counted in one pass over batches of columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from audits.quality.staging import Staged

FREE_TEXT = r"(\pL[^ ]* +){{5}}\pL"
"""Six words in a row, each beginning with a letter."""
SHORTEST_FREE_TEXT = 11
CATEGORIES_AT_MOST = 100
"""A text column with at most so many distinct values is one of categories."""

Inferred = Literal["empty", "integer", "number", "boolean", "date", "timestamp", "category", "text"]

AGGREGATES = {
    "present": "count({c})",
    "shortest": "min(length({c}))",
    "longest": "max(length({c}))",
    "characters": "sum(length({c}))",
    "padded": "count(*) FILTER (NOT {is_native} AND ({c} LIKE ' %' OR {c} LIKE '% '))",
    "long_texts": f"count(*) FILTER (CASE WHEN NOT {{is_native}} AND length({{c}}) >= {SHORTEST_FREE_TEXT} "
    f"THEN regexp_matches({{c}}, '{FREE_TEXT}') ELSE false END)",
    "booleans": "count(*) FILTER (lower({c}) IN ('true', 'false'))",
    "numbers": "count({n})",
    "integers": "count(*) FILTER (CASE WHEN {n} = floor({n}) "
    "THEN {is_native} OR NOT regexp_matches({c}, '[.eE]') ELSE false END)",
    "codes": "count(*) FILTER (CASE WHEN NOT {is_native} AND left({c}, 1) IN ('0', '-', '+') "
    "THEN {n} IS NOT NULL AND regexp_matches({c}, '^[+-]?0[0-9]') ELSE false END)",
    "zeros": "count(*) FILTER ({n} = 0)",
    "negatives": "count(*) FILTER ({n} < 0)",
    "lowest": "min({n})",
    "highest": "max({n})",
    "total": "fsum({n})",
    "moments": "count({d})",
    "timed": "count(*) FILTER ({d} IS NOT NULL AND length({c}) > 10)",
    "earliest": "min({d})",
    "latest": "max({d})",
    "roughly_distinct": "approx_count_distinct({c})",
}


@dataclass(frozen=True)
class ColumnCounts:
    """The counts of one column, as the engine gave them.

    `padded` cells begin or end with a space, `codes` are numbers with a leading zero (they change
    when a program reads them as numbers), `long_texts` have six words in a row.
    """

    name: str
    present: int
    shortest: int | None
    longest: int | None
    characters: int
    padded: int
    long_texts: int
    booleans: int
    numbers: int
    integers: int
    codes: int
    zeros: int
    negatives: int
    lowest: float | None
    highest: float | None
    total: float | None
    moments: int
    timed: int
    earliest: datetime | None
    latest: datetime | None
    roughly_distinct: int

    @property
    def mean(self) -> float | None:
        """Return the mean of the numbers, rounded to 12 digits: the order of a sum shows behind them."""
        return None if not self.numbers or self.total is None else round_digits(self.total / self.numbers)

    def infer_type(self, distinct: int) -> Inferred:
        """Return the type every present cell agrees with.

        Numbers with leading zeros are codes, not numbers. `distinct` tells categories from text.
        """
        if not self.present:
            return "empty"
        if self.present == self.numbers and not self.codes:
            return "integer" if self.integers == self.numbers else "number"
        if self.present == self.booleans:
            return "boolean"
        if self.present == self.moments:
            return "timestamp" if self.timed else "date"
        return "category" if distinct <= CATEGORIES_AT_MOST else "text"


def round_digits(value: float) -> float:
    """Return the number with twelve significant digits.

    >>> round_digits(0.1 + 0.2)
    0.3
    """
    return float(f"{value:.12g}")


def count_columns(table: Staged, columns: Sequence[str]) -> dict[str, ColumnCounts]:
    """Count every column's cells, batch by batch.

    Parameters
    ----------
    table : Staged
    columns : sequence of str

    Returns
    -------
    dict
        Column -> counts, in the order given.
    """
    found: dict[str, ColumnCounts] = {}
    for start in range(0, len(columns), table.batch):
        batch = columns[start : start + table.batch]
        parts = [_aggregate(table, name) for name in batch]
        row = table.engine.execute(f"SELECT {', '.join(parts)} FROM {table.rows_of(batch)}").fetchall()[0]  # noqa: S608
        for place, name in enumerate(batch):
            values: tuple[Any, ...] = row[place * len(AGGREGATES) : (place + 1) * len(AGGREGATES)]
            counts = dict(zip(AGGREGATES, values, strict=True))
            counts["characters"] = int(counts["characters"] or 0)
            found[name] = ColumnCounts(name=name, **counts)
    return found


def _aggregate(table: Staged, name: str) -> str:
    names = {
        "c": table.text(name),
        "n": table.number(name),
        "d": table.moment(name),
        "is_native": str(table.is_native_number(name)).lower(),
    }
    return ", ".join(template.format(**names) for template in AGGREGATES.values())


def trust_numbers(table: Staged, counts: dict[str, ColumnCounts]) -> Staged:
    """Return the table knowing which columns write a number in every present cell."""
    whole = frozenset(name for name, found in counts.items() if found.present and found.present == found.numbers)
    return replace(table, all_numbers=whole)
