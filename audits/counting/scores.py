"""Scores as counts per (group, label, score): exact AUC, mean and median from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ScoreSummary(NamedTuple):
    """What the scores of one group give. NaN where undefined.

    `effective` is the number of rows the weights are worth, `variance` the variance of a score.
    """

    auc: float
    mean: float
    variance: float
    effective: float
    effective_positives: float
    effective_negatives: float


@dataclass(frozen=True, eq=False)
class ScoreCounts:
    """Distinct (group, label, score) with counts and weights, as columns of one length.

    `group` indexes `groups`; `label` is 1 where positive; rows are sorted by score, then group
    and label.
    """

    groups: tuple[tuple[str, ...], ...]
    group: NDArray[np.int64]
    label: NDArray[np.int64]
    score: NDArray[np.float64]
    count: NDArray[np.int64]
    weight: NDArray[np.float64]
    weight_squared: NDArray[np.float64]

    @classmethod
    def create(cls, groups: Sequence[tuple[str, ...]], columns: Sequence[NDArray[Any]]) -> ScoreCounts:
        """Sort and add up columns (group, label, score, count, weight, weight_squared)."""
        import numpy as np

        group, label, score, count, weight, squared = columns
        order = np.lexsort((label, group, score))
        keys = [np.asarray(column)[order] for column in (score, group, label)]
        change = np.zeros(len(order), dtype=bool)
        change[:1] = True
        for key in keys:
            change[1:] |= key[1:] != key[:-1]
        starts = np.flatnonzero(change)
        sums = [
            np.add.reduceat(np.asarray(column)[order], starts) if len(starts) else column
            for column in (count, weight, squared)
        ]
        score, group, label = (key[starts] for key in keys)
        return cls(tuple(groups), group, label, score, sums[0], sums[1], sums[2])

    def merge(self, other: ScoreCounts) -> ScoreCounts:
        """Return the score counts of two parts of a file together."""
        import numpy as np

        groups = tuple(sorted({*self.groups, *other.groups}))
        place = {group: index for index, group in enumerate(groups)}
        columns = [
            np.concatenate(
                [np.array([place[name] for name in part.groups], dtype=np.int64)[part.group] for part in (self, other)]
            )
        ]
        for name in ("label", "score", "count", "weight", "weight_squared"):
            columns.append(np.concatenate([getattr(self, name), getattr(other, name)]))
        return ScoreCounts.create(groups, columns)

    def regroup(self, names: Sequence[tuple[str, ...] | None]) -> ScoreCounts:
        """Return the counts with one new name per group; None leaves a group out, equal names add up."""
        import numpy as np

        groups = tuple(sorted({name for name in names if name is not None}))
        place = {name: number for number, name in enumerate(groups)}
        moved = np.array([-1 if name is None else place[name] for name in names], dtype=np.int64)[self.group]
        kept = moved >= 0
        columns = [self.label, self.score, self.count, self.weight, self.weight_squared]
        return ScoreCounts.create(groups, [moved[kept], *(column[kept] for column in columns)])

    def summarise(self, places: Sequence[int]) -> dict[tuple[str, ...], ScoreSummary]:
        """Return a summary for every group of the features at `places`; () is everybody."""
        import numpy as np

        names = sorted({tuple(group[place] for place in places) for group in self.groups})
        index = {name: number for number, name in enumerate(names)}
        lookup = np.array(
            [index[tuple(group[place] for place in places)] for group in self.groups],
            dtype=np.int64,
        )
        code = lookup[self.group]
        order = np.argsort(code, kind="stable")
        bounds = np.searchsorted(code[order], np.arange(len(names) + 1))
        return {
            name: self._summarise_rows(order[bounds[number] : bounds[number + 1]]) for number, name in enumerate(names)
        }

    def _summarise_rows(self, rows: NDArray[np.int64]) -> ScoreSummary:
        """Summarise the rows at these places, which are sorted by score."""
        score, weight, squared = self.score[rows], self.weight[rows], self.weight_squared[rows]
        positive = self.label[rows] == 1
        total = float(weight.sum())
        if not total:
            return ScoreSummary(math.nan, math.nan, math.nan, 0.0, 0.0, 0.0)
        mean = float((weight * score).sum()) / total
        sizes = [
            effective_size(float(weight[chosen].sum()), float(squared[chosen].sum()))
            for chosen in (positive, ~positive)
        ]
        return ScoreSummary(
            auc=_rank_pairs(score, weight, positive),
            mean=mean,
            variance=float((weight * (score - mean) ** 2).sum()) / total,
            effective=effective_size(total, float(squared.sum())),
            effective_positives=sizes[0],
            effective_negatives=sizes[1],
        )

    def median(self) -> float:
        """Return the median score of all rows, each row counted once."""
        import numpy as np

        running = np.cumsum(self.count)
        total = int(running[-1])
        low, high = np.searchsorted(running, [(total - 1) // 2, total // 2], side="right")
        return float((self.score[low] + self.score[high]) / 2)

    def shares_above(self, threshold: float, places: Sequence[int]) -> dict[tuple[str, ...], tuple[float, float]]:
        """Return (weight strictly above the threshold, weight) for every group."""
        shares: dict[tuple[str, ...], tuple[float, float]] = {}
        for number, group in enumerate(self.groups):
            name = tuple(group[place] for place in places)
            weight = self.weight[self.group == number]
            above = weight[self.score[self.group == number] > threshold]
            former = shares.get(name, (0.0, 0.0))
            shares[name] = (former[0] + float(above.sum()), former[1] + float(weight.sum()))
        return shares


def effective_size(weight: float, weight_squared: float) -> float:
    """Return Kish's effective number of rows; the plain number where all weights are 1."""
    return weight * weight / weight_squared if weight_squared else 0.0


def _rank_pairs(score: NDArray[np.float64], weight: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return the weighted share of (positive, negative) pairs ranked rightly, ties half.

    One walk over the rows sorted by score.
    """
    import numpy as np

    total_positive = float(weight[positive].sum())
    total_negative = float(weight[~positive].sum())
    if not total_positive or not total_negative:
        return math.nan
    starts = np.flatnonzero(np.concatenate(([True], score[1:] != score[:-1])))
    positives = np.add.reduceat(np.where(positive, weight, 0.0), starts)
    negatives = np.add.reduceat(np.where(positive, 0.0, weight), starts)
    below = np.cumsum(negatives) - negatives
    pairs = float((positives * (below + negatives / 2)).sum())
    return pairs / (total_positive * total_negative)
