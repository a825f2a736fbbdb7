"""Uniqueness: keys, duplicate rows, and rows with the same inputs but another label."""

from __future__ import annotations

import math
from dataclasses import dataclass

from audits.populations import OVERALL
from audits.quality.results import Quantity, count_share, undefined
from audits.quality.spec import QualitySpec
from audits.quality.staging import Staged

HELD_ROWS = 4_000_000
"""Rows whose digests are counted at once; larger tables take several passes, each a share of the digests."""


@dataclass(frozen=True)
class Repetition:
    """How often rows with the same digest occur."""

    rows: int
    distinct: int
    groups: int
    largest: int

    @property
    def repeated(self) -> int:
        """Return the rows that repeat an earlier one."""
        return self.rows - self.distinct


def count_passes(rows: int) -> int:
    """Return in how many passes the digests of so many rows are counted.

    >>> count_passes(1_000), count_passes(9_000_000)
    (1, 3)
    """
    return max(1, math.ceil(rows / HELD_ROWS))


def in_pass(digest: str, number: int, passes: int) -> str:
    """Return the SQL condition that a digest belongs to a pass."""
    return "true" if passes == 1 else f"{digest} % {passes} = {number}"


def count_repetition(table: Staged, columns: tuple[str, ...], *, complete: bool = False) -> Repetition:
    """Count the distinct rows of some columns, exactly up to a collision of 128-bit digests.

    Parameters
    ----------
    table : Staged
    columns : tuple of str
    complete : bool
        Whether rows that lack one of the columns are left out.
    """
    digest = table.digest(columns)
    condition = " AND ".join(f"{table.text(name)} IS NOT NULL" for name in columns) if complete else "true"
    passes = count_passes(table.rows)
    totals = [0, 0, 0, 0]
    for number in range(passes):
        row = table.engine.execute(
            "SELECT coalesce(sum(k), 0), count(*), count(*) FILTER (k > 1), coalesce(max(k), 0) "  # noqa: S608
            f"FROM (SELECT {digest} AS h, count(*) AS k FROM {table.texts} "
            f"WHERE {condition} AND {in_pass(digest, number, passes)} GROUP BY h)"
        ).fetchall()[0]
        totals = [totals[0] + int(row[0]), totals[1] + row[1], totals[2] + row[2], max(totals[3], row[3])]
    return Repetition(*totals)


@dataclass(frozen=True)
class Uniqueness:
    """Repetition of whole rows, of the key, and of everything but the key."""

    rows: Repetition
    key: Repetition | None
    content: Repetition | None


def check_uniqueness(table: Staged, spec: QualitySpec) -> Uniqueness:
    """Count repeated rows and keys."""
    everything = table.file.columns
    content = tuple(name for name in everything if name not in spec.key)
    return Uniqueness(
        rows=count_repetition(table, everything),
        key=count_repetition(table, spec.key, complete=True) if spec.key else None,
        content=count_repetition(table, content) if spec.key and content else None,
    )


def measure_uniqueness(found: Uniqueness, rows: int) -> list[Quantity]:
    """Return the shares of distinct keys and of repeated rows."""
    quantities = [count_share("duplicate_rows", OVERALL, found.rows.repeated, rows)]
    if found.key is None:
        return [undefined("key_uniqueness", OVERALL), *quantities]
    quantities.insert(0, count_share("key_uniqueness", OVERALL, found.key.distinct, rows))
    if found.content is not None:
        # Whole rows that are repeated repeat their content too: only other keys count here.
        under_another = found.rows.distinct - found.content.distinct
        quantities.append(count_share("duplicate_content", OVERALL, under_another, rows))
    return quantities


def measure_label_consistency(table: Staged, spec: QualitySpec) -> Quantity:
    """Return the share of groups of rows with the same inputs that carry one label."""
    inputs = tuple(name for name in table.file.columns if name != spec.label and name not in spec.key)
    if spec.label is None or not inputs:
        return undefined("label_consistency", OVERALL, "no label is declared" if spec.label is None else None)
    digest, label = table.digest(inputs), table.text(spec.label)
    passes = count_passes(table.rows)
    groups = agreeing = 0
    for number in range(passes):
        row = table.engine.execute(
            "SELECT count(*), count(*) FILTER (least_label = greatest_label) FROM ("  # noqa: S608
            f"SELECT {digest} AS h, min({label}) AS least_label, max({label}) AS greatest_label "
            f"FROM {table.texts} WHERE {label} IS NOT NULL AND {in_pass(digest, number, passes)} "
            "GROUP BY h HAVING count(*) > 1)"
        ).fetchall()[0]
        groups, agreeing = groups + row[0], agreeing + row[1]
    return count_share("label_consistency", OVERALL, agreeing, groups)
