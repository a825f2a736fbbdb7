"""Curves of scores by group, as data: reliability and ROC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from audits.counting.scores import BinSums, ScoreCounts, effective_size
from audits.intervals import Z_95, wilson

ROC_POINTS = 101


def draw_reliability(bins: BinSums) -> list[dict[str, Any]]:
    """Return one entry per filled bin: mean score against the share of positive rows, with Wilson limits."""
    found = []
    for place in range(len(bins.rows)):
        weight = float(bins.weight[place])
        if not weight:
            continue
        rate = float(bins.label[place]) / weight
        size = effective_size(weight, float(bins.weight_squared[place]))
        low, high, _ = wilson(rate * size, size, Z_95)
        found.append(
            {
                "low": float(bins.edges[place]),
                "high": float(bins.edges[place + 1]),
                "n": int(bins.rows[place]),
                "mean_score": float(bins.score[place]) / weight,
                "rate": rate,
                "rate_low": low,
                "rate_high": high,
            }
        )
    return found


def draw_roc(scores: ScoreCounts, places: Sequence[int], group: tuple[str, ...]) -> list[list[float | None]]:
    """Return [false positive rate, true positive rate, threshold] from (0, 0) to (1, 1).

    Rows with a score of at least the threshold are selected; (0, 0) has no threshold. Of more than
    101 points those are kept that are evenly spread along the curve. Empty where the group lacks
    truly positive or truly negative rows.
    """
    import numpy as np

    names, code = scores.encode(places)
    chosen = np.flatnonzero(code == names.index(group))[::-1]
    score, weight, positive = scores.score[chosen], scores.weight[chosen], scores.label[chosen] == 1
    tpr, fpr = np.cumsum(np.where(positive, weight, 0.0)), np.cumsum(np.where(positive, 0.0, weight))
    if not len(score) or not tpr[-1] or not fpr[-1]:
        return []
    ends = np.append(np.flatnonzero(score[1:] != score[:-1]), len(score) - 1)
    tpr, fpr, score = tpr[ends] / tpr[-1], fpr[ends] / fpr[-1], score[ends]
    if len(score) > ROC_POINTS - 1:
        along = tpr + fpr
        kept = np.searchsorted(along, np.linspace(along[0], 2.0, ROC_POINTS - 1))
        kept = np.unique(np.append(np.minimum(kept, len(score) - 1), len(score) - 1))
        tpr, fpr, score = tpr[kept], fpr[kept], score[kept]
    points: list[list[float | None]] = [[0.0, 0.0, None]]
    points += [[float(x), float(y), float(t)] for x, y, t in zip(fpr, tpr, score, strict=True)]
    return points
