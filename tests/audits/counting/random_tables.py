"""Seeded tables with every kind of column, for what must agree between engines."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

COLUMNS = ("i", "g", "age", "y", "p", "k", "l", "s", "t", "w", "u", "c")
Row = tuple[str, ...]


def make_rows(number: int, seed: int) -> list[Row]:
    """Return rows of text; numbers are eighths, so that sums are exact whatever their order."""
    choose = random.Random(seed)
    return [
        (
            f"id {place}",
            choose.choice(["a", "b", "\u00e9", ""]),
            choose.choice(["12", "30", "41.5", "50", "77", ""]),
            choose.choice("01"),
            choose.choice("01"),
            choose.choice(["low", "mid", "high"]),
            choose.choice(["low", "mid", "high"]),
            str(choose.randrange(-40, 400) / 8),
            str(choose.randrange(-40, 400) / 8),
            str(choose.randrange(0, 32) / 8),
            choose.choice(["u1", "u2", "u3"]),
            choose.choice(["none", "blur"]),
        )
        for place in range(number)
    ]


def write_rows(path: Path, rows: Sequence[Row]) -> Path:
    """Write rows as CSV and return the path."""
    path.write_text("\n".join(",".join(row) for row in [COLUMNS, *rows]) + "\n", "utf-8")
    return path
