"""Scores as counts per (group, label, score): AUC, losses, calibration and median from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


SMALLEST_PROBABILITY = 2.0**-52
"""Probabilities are kept this far away from 0 and 1 for the log loss, as scikit-learn does."""


class BinSums(NamedTuple):
    """Sums per bin of scores, arrays of one length: what calibration is computed from."""

    rows: NDArray[np.int64]
    weight: NDArray[np.float64]
    weight_squared: NDArray[np.float64]
    score: NDArray[np.float64]
    label: NDArray[np.float64]
    gap_squared: NDArray[np.float64]
    gap_absolute: NDArray[np.float64]
    edges: NDArray[np.float64]


class ScoreSummary(NamedTuple):
    """What the scores of one group give. NaN where undefined.

    `effective` is the number of rows the weights are worth, the variances are those of one row's
    contribution (of the score, the squared error...); `auc_variance` is that of the AUC itself
    (DeLong). `auc_bound` is how far the AUC may be off because scores were put into bins.
    `bins` is None where scores are no probabilities or rows have no labels.
    """

    auc: float
    mean: float
    variance: float
    effective: float
    effective_positives: float
    effective_negatives: float
    auc_variance: float = math.nan
    auc_bound: float = 0.0
    log_loss: float = math.nan
    log_loss_variance: float = math.nan
    brier: float = math.nan
    brier_variance: float = math.nan
    bias: float = math.nan
    bias_variance: float = math.nan
    bins: BinSums | None = None

    @property
    def calibration_error(self) -> float:
        """Return the mean of |mean score - share of positive rows| over the bins."""
        if self.bins is None:
            return math.nan
        total = float(self.bins.weight.sum())
        return float(abs(self.bins.score - self.bins.label).sum()) / total if total else math.nan


@dataclass(frozen=True)
class Binning:
    """How scores are put into bins for calibration: `number` equal ranges, or equal counts."""

    number: int = 10
    strategy: str = "uniform"


def _order_rows(score: NDArray[Any], group: NDArray[Any], label: NDArray[Any]) -> NDArray[np.int64]:
    """Return the order by score, then group, then label: one sort, and a second for tied rows alone."""
    import numpy as np

    order = np.argsort(score)
    by_score = score[order]
    tied = np.zeros(len(order), dtype=bool)
    tied[1:] = by_score[1:] == by_score[:-1]
    tied[:-1] |= tied[1:]
    places = np.flatnonzero(tied)
    rows = order[places]
    order[places] = rows[np.lexsort((label[rows], group[rows], score[rows]))]
    return order


@dataclass(frozen=True, eq=False)
class ScoreCounts:
    """Distinct (group, label, score) with counts and weights, as columns of one length.

    `group` indexes `groups`; `label` is 1 where positive, -1 where there are no labels; rows are
    sorted by score, then group and label. `resolution` is above 0 where scores were put into bins
    of that width (their middle kept) because there were too many to count one by one.
    """

    groups: tuple[tuple[str, ...], ...]
    group: NDArray[np.int64]
    label: NDArray[np.int64]
    score: NDArray[np.float64]
    count: NDArray[np.int64]
    weight: NDArray[np.float64]
    weight_squared: NDArray[np.float64]
    resolution: float = 0.0

    @classmethod
    def create(cls, groups: Sequence[tuple[str, ...]], columns: Sequence[NDArray[Any]]) -> ScoreCounts:
        """Sort and add up columns (group, label, score, count, weight, weight_squared)."""
        import numpy as np

        group, label, score, count, weight, squared = columns
        # Negative zero is zero: the two are one score, and are written alike.
        score = np.asarray(score) + 0.0
        order = _order_rows(np.asarray(score), np.asarray(group), np.asarray(label))
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
        joined = ScoreCounts.create(groups, columns)
        return replace(joined, resolution=max(self.resolution, other.resolution))

    def regroup(self, names: Sequence[tuple[str, ...] | None]) -> ScoreCounts:
        """Return the counts with one new name per group; None leaves a group out, equal names add up."""
        import numpy as np

        groups = tuple(sorted({name for name in names if name is not None}))
        place = {name: number for number, name in enumerate(groups)}
        moved = np.array([-1 if name is None else place[name] for name in names], dtype=np.int64)[self.group]
        kept = moved >= 0
        columns = [self.label, self.score, self.count, self.weight, self.weight_squared]
        found = ScoreCounts.create(groups, [moved[kept], *(column[kept] for column in columns)])
        return replace(found, resolution=self.resolution)

    @property
    def has_labels(self) -> bool:
        """Tell whether the rows have true labels."""
        return bool((self.label >= 0).all())

    @property
    def are_probabilities(self) -> bool:
        """Tell whether every score lies from 0 to 1."""
        return not len(self.score) or bool(self.score[0] >= 0 and self.score[-1] <= 1)

    def find_edges(self, binning: Binning) -> NDArray[np.float64]:
        """Return the edges of the bins; a score on an edge belongs to the lower bin.

        With equal counts the edges are quantiles of all rows, so that the groups share their bins.
        """
        import numpy as np

        if binning.strategy == "uniform":
            return np.linspace(0.0, 1.0, binning.number + 1)
        running = np.cumsum(self.count)
        place = np.linspace(0, 1, binning.number + 1) * (int(running[-1]) - 1)
        low, high = (
            self.score[np.searchsorted(running, part, side="right")] for part in (np.floor(place), np.ceil(place))
        )
        edges = np.unique(low + (high - low) * (place - np.floor(place)))
        # Scores that are all the same make one bin of no width.
        return edges if len(edges) > 1 else np.repeat(edges, 2)

    def summarise(self, places: Sequence[int], binning: Binning | None = None) -> dict[tuple[str, ...], ScoreSummary]:
        """Return a summary for every group of the features at `places`; () is everybody."""
        return summarise_groups(self, places, binning or Binning())

    def encode(self, places: Sequence[int]) -> tuple[list[tuple[str, ...]], NDArray[np.int64]]:
        """Return (names of the groups of some features, the group of every row)."""
        import numpy as np

        renamed = [tuple(group[place] for place in places) for group in self.groups]
        names = sorted(set(renamed))
        index = {name: number for number, name in enumerate(names)}
        return names, np.array([index[name] for name in renamed], dtype=np.int64)[self.group]

    def median(self) -> float:
        """Return the median score of all rows, each row counted once."""
        import numpy as np

        running = np.cumsum(self.count)
        total = int(running[-1])
        low, high = np.searchsorted(running, [(total - 1) // 2, total // 2], side="right")
        return float((self.score[low] + self.score[high]) / 2)

    def shares_above(self, threshold: float, places: Sequence[int]) -> dict[tuple[str, ...], tuple[float, float]]:
        """Return (weight strictly above the threshold, weight) for every group."""
        import numpy as np

        names, code = self.encode(places)
        whole = np.bincount(code, weights=self.weight, minlength=len(names))
        above = np.bincount(code, weights=np.where(self.score > threshold, self.weight, 0.0), minlength=len(names))
        return {name: (float(above[number]), float(whole[number])) for number, name in enumerate(names)}

    def rows_above(self, threshold: float, places: Sequence[int]) -> dict[tuple[str, ...], tuple[int, int]]:
        """Return (rows strictly above the threshold, rows) for every group."""
        import numpy as np

        names, code = self.encode(places)
        whole = np.bincount(code, weights=self.count, minlength=len(names))
        above = np.bincount(code, weights=np.where(self.score > threshold, self.count, 0), minlength=len(names))
        return {name: (int(above[number]), int(whole[number])) for number, name in enumerate(names)}

    def effective_sizes(self, places: Sequence[int]) -> dict[tuple[str, ...], float]:
        """Return Kish's effective number of rows of every group."""
        import numpy as np

        names, code = self.encode(places)
        sums = [np.bincount(code, weights=part, minlength=len(names)) for part in (self.weight, self.weight_squared)]
        return {name: effective_size(float(sums[0][place]), float(sums[1][place])) for place, name in enumerate(names)}


def effective_size(weight: float, weight_squared: float) -> float:
    """Return Kish's effective number of rows; the plain number where all weights are 1."""
    return weight * weight / weight_squared if weight_squared else 0.0


def summarise_groups(
    scores: ScoreCounts, places: Sequence[int], binning: Binning
) -> dict[tuple[str, ...], ScoreSummary]:
    """Summarise the scores of every group, all groups in a few passes over the rows."""
    import numpy as np

    names, code = scores.encode(places)

    def add(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(code, weights=values, minlength=len(names)), dtype=np.float64)

    weight, squared = scores.weight, scores.weight_squared
    total = add(weight)
    whole = np.where(total > 0, total, np.nan)
    mean = add(weight * scores.score) / whole
    columns: dict[str, NDArray[Any]] = {
        "mean": mean,
        "variance": _clear(add(weight * (scores.score - mean[code]) ** 2) / whole, mean),
        "effective": np.where(total > 0, total * total / np.where(total > 0, add(squared), 1.0), 0.0),
    }
    parts: list[BinSums | None] = [None] * len(names)
    if scores.has_labels:
        columns |= _rank_groups(scores, code, len(names))
        if scores.are_probabilities:
            columns |= _lose_groups(scores, add, whole, code)
            parts = _bin_groups(scores, code, len(names), scores.find_edges(binning))
    found = {}
    for number, name in enumerate(names):
        values = {key: float(column[number]) for key, column in columns.items()}
        if not total[number]:
            values = {"mean": math.nan, "variance": math.nan, "effective": 0.0}
        base = {"auc": math.nan, "effective_positives": 0.0, "effective_negatives": 0.0}
        found[name] = ScoreSummary(**{**base, **values}, bins=parts[number])
    return found


def _lose_groups(
    scores: ScoreCounts, add: Callable[[NDArray[Any]], NDArray[np.float64]], whole: NDArray[Any], code: NDArray[Any]
) -> dict[str, NDArray[Any]]:
    """Return the mean and variance of log loss, squared error and error of every group."""
    import numpy as np

    score, weight = scores.score, scores.weight
    of_truth = np.where(scores.label == 1, score, 1.0 - score)
    loss = -np.log(np.clip(of_truth, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))
    error = score - (scores.label == 1)
    found = {}
    for name, values in (("log_loss", loss), ("brier", error * error), ("bias", error)):
        mean = add(weight * values) / whole
        found[name] = mean
        found[f"{name}_variance"] = _clear(add(weight * (values - mean[code]) ** 2) / whole, mean)
    return found


def _clear(variance: NDArray[Any], mean: NDArray[Any]) -> NDArray[Any]:
    """Return 0 for variances that are nothing but the rounding of a mean of equal numbers."""
    import numpy as np

    return np.where(variance <= 1e-24 * mean * mean, 0.0, variance)


def _bin_groups(
    scores: ScoreCounts, code: NDArray[np.int64], groups: int, edges: NDArray[np.float64]
) -> list[BinSums | None]:
    """Return the sums per bin of every group."""
    import numpy as np

    number = len(edges) - 1
    place = code * number + np.searchsorted(edges[1:-1], scores.score, side="left")
    label = (scores.label == 1).astype(np.float64)
    sums = [
        np.bincount(place, weights=values, minlength=groups * number).reshape(groups, number)
        for values in (
            scores.count,
            scores.weight,
            scores.weight_squared,
            scores.weight * scores.score,
            scores.weight * label,
            scores.weight * (scores.score - label) ** 2,
            scores.weight * np.abs(scores.score - label),
        )
    ]
    sums[0] = sums[0].astype(np.int64)
    return [BinSums._make((*(column[group] for column in sums), edges)) for group in range(groups)]


def _rank_groups(scores: ScoreCounts, code: NDArray[np.int64], groups: int) -> dict[str, NDArray[Any]]:
    """Return AUC (ties count half), its DeLong variance and the bound of binned scores of every group.

    Rows are brought into the order of (group, score) once; sums below and above a score are
    differences of running sums.
    """
    import numpy as np

    order = np.argsort(code.astype(np.uint16) if groups < 2**16 else code, kind="stable")
    group, score = code[order], scores.score[order]
    is_start = np.ones(len(order), dtype=bool)
    is_start[1:] = (group[1:] != group[:-1]) | (score[1:] != score[:-1])
    starts = np.flatnonzero(is_start)
    weight, positive = scores.weight[order], scores.label[order] == 1
    group = group[starts]
    tied = [np.add.reduceat(np.where(positive == side, weight, 0.0), starts) for side in (True, False)]

    def add(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(group, weights=values, minlength=groups), dtype=np.float64)

    totals = [add(side) for side in tied]
    first = np.minimum(np.searchsorted(group, np.arange(groups)), len(group) - 1)
    ranked = []
    for own, other in ((0, 1), (1, 0)):
        running = np.cumsum(tied[other])
        before = running - tied[other]
        below = before - before[first][group]
        beaten = below if own == 0 else totals[other][group] - below - tied[other]
        ranked.append((beaten + tied[other] / 2) / np.where(totals[other] > 0, totals[other], np.nan)[group])
    positives, negatives = (np.where(side > 0, side, np.nan) for side in totals)
    auc = add(tied[0] * ranked[0]) / positives
    found = {"auc": auc}
    sizes = []
    squared = scores.weight_squared
    for side, total in ((scores.label == 1, totals[0]), (scores.label != 1, totals[1])):
        squares = np.bincount(code, weights=np.where(side, squared, 0.0), minlength=groups)
        sizes.append(np.where(squares > 0, total * total / np.where(squares > 0, squares, 1.0), 0.0))
    spread = [
        add(tied[side] * (ranked[side] - auc[group]) ** 2) / total for side, total in ((0, positives), (1, negatives))
    ]
    found["effective_positives"], found["effective_negatives"] = sizes
    found["auc_variance"] = sum(part / np.maximum(size - 1, 1) for part, size in zip(spread, sizes, strict=True))
    if scores.resolution:
        found["auc_bound"] = add(tied[0] * tied[1]) / 2 / (positives * negatives)
    return found
