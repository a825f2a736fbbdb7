"""Scores as a part of a cells document: one row per distinct (group, label, score)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audits.counting.scores import ScoreCounts

COLUMNS = ("group", "label", "score", "count", "weight", "weight_squared")


def write_scores(scores: ScoreCounts) -> dict[str, Any]:
    """Return score counts as a JSON-ready object; `group` indexes `groups`."""
    columns = [getattr(scores, name).tolist() for name in COLUMNS]
    return {
        "groups": [list(group) for group in scores.groups],
        "resolution": float(scores.resolution),
        "columns": list(COLUMNS),
        "rows": [list(row) for row in zip(*columns, strict=True)],
    }


def read_scores(document: Any, width: int) -> ScoreCounts:
    """Read what `write_scores` wrote; ValueError, KeyError or TypeError where it is not that."""
    import numpy as np

    from audits.counting.scores import ScoreCounts

    groups = [tuple(map(str, _read_group(group, width))) for group in document["groups"]]
    if sorted(set(groups)) != groups:
        raise ValueError("the groups of the scores must be sorted and differ")
    for row in document["rows"]:
        _check_row(row, len(groups))
    columns = list(zip(*document["rows"], strict=True)) or [()] * len(COLUMNS)
    kinds = (np.int64, np.int64, np.float64, np.int64, np.float64, np.float64)
    resolution = float(document["resolution"])
    if not 0 <= resolution < math.inf:
        raise ValueError("resolution must be a finite number that is not negative")
    arrays = [np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)]
    return replace(ScoreCounts.create(groups, arrays), resolution=resolution)


def _read_group(group: Any, width: int) -> list[Any]:
    if not isinstance(group, list) or len(group) != width:
        raise ValueError(f"a group must list {width} values, not {group!r:.60}")
    return group


def _check_row(row: Any, groups: int) -> None:
    """Check one row: whole numbers within bounds, finite numbers, weights not negative."""
    group, label, score, count, weight, squared = row
    for number in (group, label, count):
        if isinstance(number, bool) or not isinstance(number, int):
            raise ValueError("group, label and count of a score must be whole numbers")
    if not 0 <= group < groups or label not in (-1, 0, 1) or count < 1:
        raise ValueError("group, label or count of a score is out of bounds")
    if not (math.isfinite(score) and 0 <= weight < math.inf and 0 <= squared < math.inf):
        raise ValueError("score and weights must be finite, weights not negative")
