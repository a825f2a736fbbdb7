"""What other thresholds would have given: accuracy against disparity, from counted scores.

Everything is exact arithmetic on cumulated weights per group, as far as a group has at most
`MAXIMUM_THRESHOLDS` distinct scores; beyond that thresholds are taken at even steps of the group's
weight. "Selected" means: the score is at least the threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from audits.metrics import divide

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audits.counting.scores import ScoreCounts

MAXIMUM_THRESHOLDS = 2_000
MAXIMUM_WINDOWS = 2 * MAXIMUM_THRESHOLDS
"""Windows of rates tried per bound: enough for every rate of two groups."""
ODDS_STEPS = 60
"""Lowest TPR and FPR tried on a grid of so many steps, where both are bound at once."""
SLACK = 1e-12
"""What rounding may take from a share of rows."""
RATES = {"selection_rate": ("selection_rate",), "tpr": ("tpr",), "fpr": ("fpr",), "odds": ("tpr", "fpr")}
"""What a constraint holds alike in all groups."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One group at every threshold, from nobody selected to everybody.

    `threshold[0]` is infinity; arrays have one entry per threshold, weights of true and false
    positives do not fall.
    """

    threshold: NDArray[np.float64]
    tp: NDArray[np.float64]
    fp: NDArray[np.float64]

    @property
    def positives(self) -> float:
        """Return the weight of the rows with the positive label."""
        return float(self.tp[-1])

    @property
    def negatives(self) -> float:
        """Return the weight of the other rows."""
        return float(self.fp[-1])

    @property
    def weight(self) -> float:
        """Return the weight of the group."""
        return self.positives + self.negatives

    @cached_property
    def right(self) -> NDArray[np.float64]:
        """Return the weight of the rows decided rightly."""
        return self.tp + (self.negatives - self.fp)

    @cached_property
    def best_of_runs(self) -> list[NDArray[np.int64]]:
        """Return the place of the largest value of `right` in every run of 1, 2, 4, 8... places."""
        import numpy as np

        values = self.right
        table = [np.arange(values.size)]
        width = 1
        while 2 * width <= values.size:
            size = values.size - 2 * width + 1
            left, right = table[-1][:size], table[-1][width : width + size]
            table.append(np.where(values[left] >= values[right], left, right))
            width *= 2
        return table

    def hull(self, name: str) -> NDArray[np.int64]:
        """Return the places on the upper hull of accuracy over a rate; of TPR over FPR for "odds"."""
        if name not in self._hulls:
            if name == "odds":
                self._hulls[name] = _find_hull(self.rate("fpr"), self.rate("tpr"))
            else:
                self._hulls[name] = _find_hull(self.rate(name), self.right / self.weight)
        return self._hulls[name]

    @cached_property
    def _hulls(self) -> dict[str, NDArray[np.int64]]:
        return {}

    def has(self, name: str) -> bool:
        """Tell whether selection_rate, tpr or fpr is defined in this group."""
        return bool(self.positives) if name == "tpr" else bool(self.negatives) if name == "fpr" else True

    def rate(self, name: str) -> NDArray[np.float64]:
        """Return selection_rate, tpr or fpr at every threshold, where the group has it."""
        if name == "tpr":
            return self.tp / self.positives
        return self.fp / self.negatives if name == "fpr" else (self.tp + self.fp) / self.weight


class Choice(NamedTuple):
    """A place on the curve of every group, and what it gives."""

    places: tuple[int, ...]
    accuracy: float
    selection_rate: float
    disparity: float | None


def draw_curves(scores: ScoreCounts, places: Sequence[int]) -> dict[tuple[str, ...], Curve]:
    """Return the curve of every group of the features at `places` that has weight.

    Parameters
    ----------
    scores : ScoreCounts
        With labels.
    places : sequence of int
        Places of the features in a group of `scores`.
    """
    import numpy as np

    names = [tuple(group[place] for place in places) for group in scores.groups]
    order = sorted(set(names))
    code = np.array([order.index(name) for name in names], dtype=np.int64)[scores.group]
    curves = {}
    for number, name in enumerate(order):
        rows = np.flatnonzero(code == number)[::-1]
        if rows.size and scores.weight[rows].sum() > 0:
            curves[name] = _draw_curve(scores.score[rows], scores.label[rows], scores.weight[rows])
    return curves


def _draw_curve(score: NDArray[np.float64], label: NDArray[np.int64], weight: NDArray[np.float64]) -> Curve:
    """Cumulate rows that are sorted by falling score."""
    import numpy as np

    last = np.flatnonzero(np.append(score[1:] != score[:-1], True))
    tp = np.cumsum(np.where(label == 1, weight, 0.0))[last]
    fp = np.cumsum(np.where(label == 1, 0.0, weight))[last]
    if last.size > MAXIMUM_THRESHOLDS:
        total = tp + fp
        steps = np.linspace(0, total[-1], MAXIMUM_THRESHOLDS + 1)[1:]
        kept = np.unique(np.minimum(np.searchsorted(total, steps), last.size - 1))
        last, tp, fp = last[kept], tp[kept], fp[kept]
    return Curve(np.concatenate(([np.inf], score[last])), np.concatenate(([0.0], tp)), np.concatenate(([0.0], fp)))


def move_all(curves: Mapping[tuple[str, ...], Curve]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return every common threshold, falling, and the place it has on each curve.

    Returns
    -------
    thresholds : array of shape (thresholds,)
    places : array of shape (thresholds, groups)
    """
    import numpy as np

    thresholds = np.unique(np.concatenate([curve.threshold for curve in curves.values()]))[::-1]
    if thresholds.size > 2 * MAXIMUM_THRESHOLDS:
        thresholds = thresholds[np.unique(np.linspace(0, thresholds.size - 1, 2 * MAXIMUM_THRESHOLDS).astype(int))]
    # Each curve falls: the last place whose threshold is not below the common one.
    places = [np.searchsorted(-curve.threshold, -thresholds, side="right") - 1 for curve in curves.values()]
    return thresholds, np.stack(places, axis=1)


def weigh_places(
    curves: Mapping[tuple[str, ...], Curve], places: NDArray[np.int64], constraint: str, comparison: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return (accuracy, selection rate, disparity) of choices of one place per group.

    Parameters
    ----------
    curves : mapping
    places : array of shape (choices, groups)
    constraint : str
        A key of `RATES`.
    comparison : str
        "difference" or "ratio"; where TPR and FPR are bound, the worse of the two.

    Returns
    -------
    Three arrays of shape (choices,); the disparity is NaN where undefined.
    """
    import numpy as np

    total = sum(curve.weight for curve in curves.values())
    right = np.zeros(len(places))
    selected = np.zeros(len(places))
    for number, curve in enumerate(curves.values()):
        right += curve.right[places[:, number]]
        selected += (curve.tp + curve.fp)[places[:, number]]
    found = []
    for name in RATES[constraint]:
        rates = [curve.rate(name)[row] for curve, row in zip(curves.values(), places.T, strict=True) if curve.has(name)]
        if not rates:
            found.append(np.full(len(places), np.nan))
            continue
        highest, lowest = np.max(rates, axis=0), np.min(rates, axis=0)
        found.append(highest - lowest if comparison == "difference" else divide(lowest, highest))
    disparity = np.fmax.reduce(found) if comparison == "difference" else np.fmin.reduce(found)
    return right / total, selected / total, disparity


def choose_common(
    curves: Mapping[tuple[str, ...], Curve], constraint: str, comparison: str, bound: float
) -> tuple[float, Choice] | None:
    """Return the common threshold of highest accuracy whose disparity is within the bound.

    None where no threshold is. Of equally accurate ones, the fairer.
    """
    import numpy as np

    thresholds, places = move_all(curves)
    accuracy, selected, disparity = weigh_places(curves, places, constraint, comparison)
    kept = np.flatnonzero(disparity <= bound + SLACK if comparison == "difference" else disparity >= bound - SLACK)
    if not kept.size:
        return None
    fairness = -disparity if comparison == "difference" else disparity
    best = kept[np.lexsort((fairness[kept], accuracy[kept]))[-1]]
    choice = Choice(tuple(places[best]), float(accuracy[best]), float(selected[best]), float(disparity[best]))
    return float(thresholds[best]), choice


def choose_per_group(
    curves: Mapping[tuple[str, ...], Curve], constraint: str, comparison: str, bound: float
) -> Choice | None:
    """Return one threshold per group, of highest accuracy within the bound; None where there is none.

    All groups' rates must lie in one window [lowest, lowest + bound], or [lowest, lowest / bound]
    for a ratio. Rates do not fall along a curve, so that a window is a range of places, whose most
    accurate place is looked up. With one rate the lowest ends of windows are the rates that occur
    (at even steps, of more than `MAXIMUM_WINDOWS`); with two they are on a grid.
    """
    import numpy as np

    names = RATES[constraint]
    lows = _list_windows(curves, names)
    if comparison == "ratio":
        lows = lows[(lows > 0).all(axis=1)]
    highs = lows + bound if comparison == "difference" else lows / bound
    total = np.zeros(len(lows))
    chosen = np.zeros((len(lows), len(curves)), dtype=np.int64)
    for number, curve in enumerate(curves.values()):
        first = np.zeros(len(lows), dtype=np.int64)
        end = np.full(len(lows), curve.tp.size)
        for place, name in enumerate(names):
            if curve.has(name):
                rate = curve.rate(name)
                first = np.maximum(first, np.searchsorted(rate, lows[:, place] - SLACK, side="left"))
                end = np.minimum(end, np.searchsorted(rate, highs[:, place] + SLACK, side="right"))
        chosen[:, number], value = _find_best(curve, first, end)
        total += value
    if not len(lows) or not np.isfinite(total.max()):
        return None
    best = int(np.argmax(total))
    accuracy, selected, disparity = weigh_places(curves, chosen[best : best + 1], constraint, comparison)
    return Choice(tuple(chosen[best]), float(accuracy[0]), float(selected[0]), float(disparity[0]))


def _list_windows(curves: Mapping[tuple[str, ...], Curve], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the lowest ends of the windows to try: windows x rates."""
    import numpy as np

    if len(names) == 1:
        rates = [curve.rate(names[0]) for curve in curves.values() if curve.has(names[0])]
        lows = np.unique(np.concatenate(rates)) if rates else np.zeros(1)
        if lows.size > MAXIMUM_WINDOWS:
            lows = lows[np.unique(np.linspace(0, lows.size - 1, MAXIMUM_WINDOWS).astype(int))]
        return lows[:, None]
    steps = np.linspace(0, 1, ODDS_STEPS + 1)
    return np.stack([axis.ravel() for axis in np.meshgrid(steps, steps)], axis=1)


def _find_best(
    curve: Curve, first: NDArray[np.int64], end: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (place, weight decided rightly) of the best place in each range [first, end); -inf for an empty one."""
    import numpy as np

    values = curve.right
    length = end - first
    is_empty = length <= 0
    level = np.zeros(length.shape, dtype=np.int64)
    level[~is_empty] = np.floor(np.log2(length[~is_empty])).astype(np.int64)
    place = np.zeros(length.shape, dtype=np.int64)
    for number, row in enumerate(curve.best_of_runs):
        chosen = np.flatnonzero((level == number) & ~is_empty)
        left, right = row[first[chosen]], row[end[chosen] - (1 << number)]
        place[chosen] = np.where(values[left] >= values[right], left, right)
    return place, np.where(is_empty, -np.inf, values[place])


def _find_hull(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the places on the upper hull, from left to right (Andrew's monotone chain)."""
    import numpy as np

    across, up = x.tolist(), y.tolist()
    hull: list[int] = []
    for place in np.lexsort((y, x)).tolist():
        while len(hull) >= 2:
            middle, left = hull[-1], hull[-2]
            rise, run = up[place] - up[left], across[place] - across[left]
            if (up[middle] - up[left]) * run > rise * (across[middle] - across[left]):
                break
            hull.pop()
        hull.append(place)
    return np.array(hull, dtype=np.int64)
