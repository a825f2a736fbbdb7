"""Intervals from resampled counts: ranges over several groups, several metrics together, calibration errors.

Efron and Tibshirani, An Introduction to the Bootstrap, 1993. Nothing here sees a row: cells, or sums per bin of
scores, are drawn as their rows would be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from audits.intervals import Interval, find_z, widen_for_size, wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audits.counting.scores import BinSums


def draw_calibration(bins: BinSums, *, draws: int, random_state: int, is_centred: bool = False) -> NDArray[np.float64]:
    """Resample the calibration error of one group from its sums per bin: array of shape (draws,).

    The number of rows of a bin is drawn as Poisson, the sum of the errors (score - label) in it
    as normal with the mean and variance of that many rows; centred, with a mean of 0.
    """
    import numpy as np

    generator = np.random.default_rng(random_state)
    filled = bins.weight > 0
    weight, squared = bins.weight[filled], bins.weight_squared[filled]
    size = weight * weight / squared
    gap = (bins.score[filled] - bins.label[filled]) / weight
    variance = np.maximum(bins.gap_squared[filled] / weight - gap * gap, 0.0)
    if is_centred:
        # A bin of few rows may show no variance at all; a calibrated one has that of its score.
        score = bins.score[filled] / weight
        variance = np.maximum(variance, score * (1 - score))
        gap = np.zeros_like(gap)
    rows = generator.poisson(size, (draws, len(size)))
    sums = rows * gap + np.sqrt(rows * variance) * generator.standard_normal(rows.shape)
    scale = weight / size
    total = (rows * scale).sum(axis=1)
    return np.asarray((np.abs(sums) * scale).sum(axis=1) / np.where(total > 0, total, np.nan))


def calibration_interval(bins: BinSums, value: float, *, level: float, draws: int, random_state: int) -> Interval:
    """Return limits of a calibration error: they hold the truth at least as often as the level says.

    Chance alone makes a mean of absolute values larger. The observed error is at most the true
    one plus that of chance (triangle inequality), so the lower limit takes off the quantile of
    what chance gives (draws centred on perfect calibration). The true error is the mean error
    of the rows with the sign of their bin, so the upper limit is that of a mean.
    """
    import numpy as np

    chance = draw_calibration(bins, draws=draws, random_state=random_state, is_centred=True)
    chance = chance[~np.isnan(chance)]
    if not len(chance):
        return Interval(0.0, math.inf, "bootstrap")
    low = value - float(np.quantile(chance, 0.5 + level / 2))
    return Interval(max(low, 0.0), min(value + _find_room(bins, value, level), max(value, 1.0)), "bootstrap")


def _find_room(bins: BinSums, value: float, level: float) -> float:
    """Return by how much the true calibration error may be larger than the observed one.

    Student's for the mean of the rows' errors, each with the sign of its bin; where few rows are
    far off, or none so far, Wilson's for a share as large as the mean absolute error of the rows.
    """
    total = float(bins.weight.sum())
    size = total * total / float(bins.weight_squared.sum())
    variance = max(float(bins.gap_squared.sum()) / total - value * value, 0.0)
    z = find_z(level)
    student = widen_for_size(z, size) * math.sqrt(variance / max(size - 1, 1.0))
    away = min(float(bins.gap_absolute.sum()) / total, 1.0)
    return max(student, wilson(away * size, size, z).high - away)


def draw_counts(
    weight: NDArray[np.float64],
    weight_squared: NDArray[np.float64],
    *,
    draws: int,
    random_state: int,
    is_weighted: bool,
) -> NDArray[np.float64]:
    """Resample cells: draws x cells.

    Unweighted, the multinomial law of the row bootstrap itself. Weighted, a Poisson bootstrap:
    each cell gets the mean (sum of weights) and the variance (sum of squares) of its rows'.

    Parameters
    ----------
    weight, weight_squared : array of shape (cells,)
        Sums over the rows of each cell; plain counts where rows are not weighted.
    draws : int
    random_state : int
        The seed; the same seed gives the same draws.
    is_weighted : bool
    """
    import numpy as np

    generator = np.random.default_rng(random_state)
    if not is_weighted:
        total = int(weight.sum())
        counts = generator.multinomial(total, weight / total, size=draws)
        return np.asarray(counts, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(weight > 0, weight_squared / weight, 0.0)
        rate = np.where(scale > 0, weight / scale, 0.0)
    return np.asarray(generator.poisson(rate, size=(draws, len(weight))) * scale, dtype=np.float64)


class Drawn(NamedTuple):
    """Values of a metric over the groups, and resampled ones (draws x groups, NaN where undefined)."""

    values: NDArray[np.float64]
    drawn: NDArray[np.float64]


def range_interval(values: NDArray[np.float64], drawn: NDArray[np.float64], level: float) -> Interval:
    """Return limits of highest - lowest over the groups; see `joint_range_interval`."""
    return joint_range_interval([Drawn(values, drawn)], level, "highest")


def joint_range_interval(parts: Sequence[Drawn], level: float, how: str) -> Interval:
    """Return limits of the highest (or the mean) of the ranges of several metrics over the same groups.

    The resampled range is larger than the observed one on average, most of all when the groups
    are alike. So the upper limit is its percentile, the lower limit is reflected about the
    observed range, and is 0 unless the range exceeds what alike groups would show (drawn values
    centred on their own group). A plain percentile interval of a range of alike groups never
    reaches 0.

    Parameters
    ----------
    parts : sequence of Drawn
        One per metric, drawn together.
    level : float
    how : str
        "highest" or "mean".
    """
    import numpy as np

    combine = np.max if how == "highest" else np.mean
    observed = float(combine([part.values.max() - part.values.min() for part in parts]))
    usable = _usable(parts)
    if not usable.any():
        return Interval(0.0, math.inf, "bootstrap")
    ranges = combine([_spread(part.drawn[usable]) for part in parts], axis=0)
    alike = combine([_spread(part.drawn[usable] - part.values) for part in parts], axis=0)
    high = float(np.quantile(ranges, 0.5 + level / 2))
    low = 2 * observed - high if observed > float(np.quantile(alike, level)) else 0.0
    return Interval(min(max(low, 0.0), observed), max(high, observed), "bootstrap")


def _usable(parts: Sequence[Drawn]) -> NDArray[np.bool_]:
    """Return the draws in which every metric is defined for some group."""
    import numpy as np

    return np.asarray(np.all([~np.isnan(part.drawn).all(axis=1) for part in parts], axis=0))


def _spread(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    return np.asarray(np.fmax.reduce(drawn, axis=1) - np.fmin.reduce(drawn, axis=1))


def range_ratio_interval(values: NDArray[np.float64], drawn: NDArray[np.float64], level: float) -> Interval:
    """Return limits of lowest / highest over the groups; see `joint_ratio_interval`."""
    return joint_ratio_interval([Drawn(values, drawn)], level)


def joint_ratio_interval(parts: Sequence[Drawn], level: float) -> Interval:
    """Return limits of the smallest ratio lowest / highest of several metrics, as `joint_range_interval` of logs.

    Values are not negative and the highest of every metric is above 0.
    """
    import numpy as np

    observed = min(float(part.values.min() / part.values.max()) for part in parts)
    usable = _usable(parts)
    for part in parts:
        usable &= np.fmax.reduce(np.nan_to_num(part.drawn), axis=1) > 0
    if not usable.any() or observed == 0:
        return Interval(0.0, 1.0, "bootstrap")
    chosen = [Drawn(part.values, np.maximum(part.drawn[usable], 0.0)) for part in parts]
    ratios = np.min(
        [np.fmin.reduce(part.drawn, axis=1) / np.fmax.reduce(part.drawn, axis=1) for part in chosen], axis=0
    )
    with np.errstate(divide="ignore"):
        alike = np.max([_spread(np.log(part.drawn) - np.log(part.values)) for part in chosen], axis=0)
    low = float(np.quantile(ratios, 0.5 - level / 2))
    limit = float(np.quantile(alike, level, method="higher"))
    is_apart = -math.log(observed) > limit
    high = observed * observed / low if is_apart and low > 0 else 1.0
    return Interval(min(low, observed), min(max(high, observed), 1.0), "bootstrap")
