"""What a file may ask of the machine. Set by the operator, never by the submitter."""

from __future__ import annotations

from dataclasses import dataclass

from audits.errors import BadInput

LARGEST_NUMBER = 1e100
"""Larger numbers are refused: their sums and squares would leave the range of a double."""

LARGEST_VALUE = 1e35
"""Larger scores, true values and predictions are refused: intervals of squared errors need their eighth powers."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one table.

    `values` bounds rows x columns in use, as a columnar file's own metadata gives them;
    `inflated_bytes` and `inflation` what a compressed text may become, in bytes and as a multiple
    of its size; `batch_rows` the rows of one Arrow batch, which are in memory together;
    `exact_scores` the distinct (group, label, score) counted one by one before scores are binned.
    """

    rows: int = 5_000_000
    columns: int = 200
    cell_characters: int = 1_024
    groups: int = 2_000
    row_groups: int = 1_000
    values: int = 100_000_000
    parts: int = 100
    inflated_bytes: int = 2 << 30
    inflation: int = 200
    batch_rows: int = 5_000_000
    clusters: int = 5_000_000
    exact_scores: int = 1_000_000


LIMITS = Limits()
"""For files that others bring: a portal's limits."""

COMMAND_LINE_LIMITS = Limits(
    rows=10_000_000_000,
    columns=10_000,
    groups=20_000,
    row_groups=1_000_000,
    values=100_000_000_000,
    parts=10_000,
    inflated_bytes=1 << 40,
    inflation=1_000,
    batch_rows=50_000_000,
    clusters=20_000_000,
)
"""For one's own files on one's own machine."""


def check_row_count(rows: int, limits: Limits) -> None:
    """Raise where a table has no rows or too many."""
    if rows == 0:
        raise BadInput("the table has a header but no rows")
    if rows > limits.rows:
        raise BadInput(f"the table has {rows:,} rows, at most {limits.rows:,} are read")
