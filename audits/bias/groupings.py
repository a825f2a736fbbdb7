"""Measure the groups of one feature or combination: rates with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audits.bias.results import Estimate, Group, Sums
from audits.counting.cells import Cell, Cells
from audits.counting.scores import ScoreSummary, effective_size
from audits.intervals import (
    Bounded,
    Interval,
    add,
    draw_counts,
    mean_interval,
    rank_share,
    wilson,
)
from audits.metrics import METRICS, SHARES, Counts, Metric, Share

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

CONFUSION = ((1, 1), (0, 1), (1, 0), (0, 0))
"""(label, prediction) of true positives, false positives, false negatives, true negatives."""


@dataclass(frozen=True)
class Tally:
    """The sums of one group, from which everything else follows."""

    counts: Sums
    weights: Sums
    squares: Sums

    @property
    def n(self) -> int:
        """Return the rows of the group."""
        return int(sum(self.counts))


@dataclass(frozen=True)
class Settings:
    """What holds for every number of one audit."""

    metrics: tuple[str, ...]
    minimum_group_size: int
    level: float
    z: float
    draws: int
    random_state: int

    @property
    def label_metrics(self) -> tuple[str, ...]:
        """Return the metrics that follow from the counts alone."""
        return tuple(name for name in self.metrics if METRICS[name].needs == "label")


def tally_groups(cells: Sequence[Cell]) -> dict[tuple[str, ...], Tally]:
    """Sum cells into one tally per group, in the order of the groups' values."""
    sums: dict[tuple[str, ...], list[list[float]]] = {}
    for cell in cells:
        place = CONFUSION.index((cell.label, cell.prediction))
        rows = sums.setdefault(cell.group, [[0.0] * 4 for _ in range(3)])
        for row, value in zip(rows, (cell.count, cell.weight, cell.weight_squared), strict=True):
            row[place] += value
    return {group: Tally(Sums(*rows[0]), Sums(*rows[1]), Sums(*rows[2])) for group, rows in sorted(sums.items())}


def compute_frame(
    cells: Sequence[Cell], metrics: Sequence[str]
) -> tuple[dict[tuple[str, ...], dict[str, float]], dict[str, float]]:
    """Let fairlearn's MetricFrame compute label metrics on the cells.

    The metric functions read the weights of the cells, so the values equal those on the rows.

    Returns
    -------
    (by group, overall), NaN where a metric is undefined.
    """
    if not metrics:
        return {cell.group: {} for cell in cells}, {}
    import pandas as pd
    from fairlearn.metrics import MetricFrame

    functions = {
        name: _make_function(name, compute) for name in metrics if (compute := METRICS[name].compute) is not None
    }
    weight = [cell.weight for cell in cells]
    width = len(cells[0].group)
    features = pd.DataFrame(
        {f"feature {place}": [cell.group[place] for cell in cells] for place in range(width)},
        dtype=object,
    )
    frame = MetricFrame(
        metrics=functions,
        y_true=[cell.label for cell in cells],
        y_pred=[cell.prediction for cell in cells],
        sensitive_features=features,
        sample_params={name: {"weight": weight} for name in functions},
    )
    present = {cell.group for cell in cells}
    by_group = {}
    for key, row in frame.by_group.to_dict("index").items():
        group = key if isinstance(key, tuple) else (key,)
        if group in present:
            by_group[group] = {name: float(value) for name, value in row.items()}
    return by_group, {name: float(value) for name, value in frame.overall.items()}


def _make_function(name: str, compute: Callable[[Counts], float]) -> Callable[..., float]:
    """Return a metric function with fairlearn's signature that reads cell weights."""

    def function(y_true: pd.Series[int], y_pred: pd.Series[int], weight: pd.Series[float]) -> float:
        sums = [math.fsum(weight[(y_true == label) & (y_pred == prediction)]) for label, prediction in CONFUSION]
        return float(compute(Counts(*sums)))

    function.__name__ = name
    return function


def measure_group(
    values: tuple[str, ...],
    tally: Tally,
    computed: Mapping[str, float],
    summary: ScoreSummary | None,
    settings: Settings,
) -> Group:
    """Give every metric of one group its value, interval and, where undefined, reason."""
    is_small = tally.n < settings.minimum_group_size
    small_reason = f"group below minimum size {settings.minimum_group_size}" if is_small else None
    estimates = {}
    for name in settings.metrics:
        metric = METRICS[name]
        value = computed[name] if metric.needs == "label" else _score_value(name, summary)
        if math.isnan(value):
            is_lost = metric.needs == "score" and summary is None
            gap = "the scores were not kept with the cells" if is_lost else metric.undefined_when
            estimates[name] = Estimate(None, reason=f"undefined: {gap}")
            continue
        interval = find_interval(metric, value, tally, summary, settings.z)
        if interval is None:
            estimates[name] = Estimate(value, reason=small_reason or "no interval can be given")
        else:
            estimates[name] = Estimate(value, *interval, small_reason)
    return Group(values, tally.n, tally.counts, tally.weights, estimates, is_small)


def _score_value(name: str, summary: ScoreSummary | None) -> float:
    if summary is None:
        return math.nan
    return summary.auc if name == "auc" else summary.mean


def find_interval(
    metric: Metric, value: float, tally: Tally, summary: ScoreSummary | None, z: float
) -> Interval | None:
    """Return the interval of a defined metric of one group; None where there is none."""
    weights, squares = Counts(*tally.weights), Counts(*tally.squares)
    if metric.share is not None:
        return bound_share(metric.share, weights, squares, z)
    if metric.name == "f1":
        return _f1_interval(weights, squares, z)
    if metric.name == "balanced_accuracy":
        tpr, tnr = (_halve_share(SHARES[name], weights, squares, z) for name in ("tpr", "tnr"))
        return add(tpr, tnr)
    if summary is None:
        return None
    if metric.name == "auc":
        return rank_share(value, summary.effective_positives, summary.effective_negatives, z)
    return mean_interval(value, summary.variance, summary.effective, z)


def bound_share(share: Share, weights: Counts, squares: Counts, z: float) -> Interval:
    """Return the Wilson limits of a share from the sums of a group (whole above 0)."""
    whole = share.whole(weights)
    size = effective_size(whole, share.whole(squares))
    return wilson(share.part(weights) / whole * size, size, z)


def _halve_share(share: Share, weights: Counts, squares: Counts, z: float) -> Bounded:
    """Return half of a share with half of its limits."""
    low, high, _ = bound_share(share, weights, squares, z)
    return Bounded(share.part(weights) / share.whole(weights) / 2, low / 2, high / 2)


def _f1_interval(weights: Counts, squares: Counts, z: float) -> Interval:
    """F1 = 2 J / (1 + J) with J = TP / (TP + FP + FN), a share of rows: map its limits."""
    union = weights.tp + weights.fp + weights.fn
    size = effective_size(union, squares.tp + squares.fp + squares.fn)
    low, high, _ = wilson(weights.tp / union * size, size, z)
    return Interval(2 * low / (1 + low), 2 * high / (1 + high), "wilson")


class Resampler:
    """Draws of the cells, made once per audit and summed for each grouping."""

    def __init__(self, cells: Cells, settings: Settings) -> None:
        self._cells = cells
        self._settings = settings
        self._drawn: NDArray[np.float64] | None = None

    def draw(self, features: tuple[str, ...], groups: Sequence[tuple[str, ...]]) -> Counts:
        """Return resampled confusion sums of these groups: arrays of draws x groups."""
        import numpy as np

        if self._drawn is None:
            self._drawn = draw_counts(
                np.array([cell.weight for cell in self._cells.rows], dtype=np.float64),
                np.array([cell.weight_squared for cell in self._cells.rows], dtype=np.float64),
                draws=self._settings.draws,
                random_state=self._settings.random_state,
                is_weighted=self._cells.weighted,
            )
        places = [self._cells.sensitive_features.index(name) for name in features]
        index = {group: number for number, group in enumerate(groups)}
        sums = np.zeros((4, self._drawn.shape[0], len(groups)))
        for number, cell in enumerate(self._cells.rows):
            group = index[tuple(cell.group[place] for place in places)]
            sums[CONFUSION.index((cell.label, cell.prediction)), :, group] += self._drawn[:, number]
        return Counts(*sums)
