"""Confidence intervals: closed forms where they are right, resampled cells elsewhere.

Sources: Wilson, JASA 22 (1927) 209; Newcombe, Stat. Med. 17 (1998) 873 (difference of two
proportions, method 10); Katz et al., Biometrics 34 (1978) 469 (ratio, on the log scale);
Zou and Donner, Stat. Med. 27 (2008) 1693 and Donner and Zou, Stat. Methods Med. Res. 21 (2012)
347 (MOVER: combining intervals of independent quantities, for differences and ratios); Newcombe,
Stat. Med. 25 (2006) 559 (Mann-Whitney share, method 5); Kish (1965) for the number of rows that
weighted rows are worth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audits.counting.scores import BinSums

Z_95 = 1.959963984540054


class Interval(NamedTuple):
    """Confidence limits and the method that gave them."""

    low: float
    high: float
    method: str


class Bounded(NamedTuple):
    """A value with its limits, the input of the combining methods."""

    value: float
    low: float
    high: float


def find_z(level: float) -> float:
    """Return the two-sided standard normal quantile of a confidence level."""
    return Z_95 if level == 0.95 else NormalDist().inv_cdf(0.5 + level / 2)


def wilson(part: float, whole: float, z: float) -> Interval:
    """Return the Wilson score interval of the share part / whole (whole > 0).

    `whole` may be an effective number of rows.

    >>> low, high, _ = wilson(81, 263, Z_95)
    >>> round(low, 4), round(high, 4)
    (0.2553, 0.3662)
    """
    share = min(max(part / whole, 0.0), 1.0)
    spread = 1 + z * z / whole
    centre = (share + z * z / (2 * whole)) / spread
    half = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole)) / spread
    low = 0.0 if part == 0 else max(0.0, centre - half)
    high = 1.0 if part == whole else min(1.0, centre + half)
    return Interval(low, high, "wilson")


def subtract(first: Bounded, second: Bounded) -> Interval:
    """Return limits of first - second (independent); Newcombe's where both are Wilson limits.

    >>> a = Bounded(56 / 70, *wilson(56, 70, Z_95)[:2])
    >>> b = Bounded(48 / 80, *wilson(48, 80, Z_95)[:2])
    >>> low, high, _ = subtract(a, b)
    >>> round(low, 4), round(high, 4)
    (0.0524, 0.3339)
    """
    difference = first.value - second.value
    low = difference - math.hypot(first.value - first.low, second.high - second.value)
    high = difference + math.hypot(first.high - first.value, second.value - second.low)
    return Interval(low, high, "newcombe")


def add(first: Bounded, second: Bounded) -> Interval:
    """Return limits of first + second (independent), by the same method."""
    total = first.value + second.value
    low = total - math.hypot(first.value - first.low, second.value - second.low)
    high = total + math.hypot(first.high - first.value, second.high - second.value)
    return Interval(low, high, "mover")


def subtract_limits(first: Bounded, second: Bounded) -> Interval:
    """Return limits of first - second that hold wherever both do: for quantities that lean to one side."""
    return Interval(first.low - second.high, first.high - second.low, "limits of both")


def katz_log(part: float, whole: float, other_part: float, other_whole: float, z: float) -> Interval | None:
    """Return Katz's log interval of (part / whole) / (other_part / other_whole).

    None where a count is 0: the method has no answer there.
    """
    if not part or not other_part:
        return None
    ratio = (part / whole) / (other_part / other_whole)
    variance = 1 / part - 1 / whole + 1 / other_part - 1 / other_whole
    factor = math.exp(z * math.sqrt(max(variance, 0.0)))
    return Interval(ratio / factor, ratio * factor, "katz-log")


def divide_bounded(first: Bounded, second: Bounded) -> Interval:
    """Return limits of first / second (independent, not negative, second.value > 0) by MOVER-R."""
    product = first.value * second.value
    low_first = first.low * (2 * first.value - first.low)
    high_first = first.high * (2 * first.value - first.high)
    low_second = second.low * (2 * second.value - second.low)
    high_second = second.high * (2 * second.value - second.high)
    root_low = math.sqrt(max(product * product - low_first * high_second, 0.0))
    root_high = math.sqrt(max(product * product - high_first * low_second, 0.0))
    # The published lower limit with its fraction expanded: no cancellation, no zero divisor.
    low = low_first / (product + root_low) if low_first > 0 else 0.0
    high = (product + root_high) / low_second if low_second > 0 else math.inf
    return Interval(low, high, "mover-ratio")


def fold_difference(interval: Interval) -> Interval:
    """Return limits of |d| from limits of the signed difference d."""
    low, high, method = interval
    if low <= 0 <= high:
        return Interval(0.0, max(-low, high), method)
    return Interval(min(abs(low), abs(high)), max(abs(low), abs(high)), method)


def fold_ratio(interval: Interval) -> Interval:
    """Return limits of min(r, 1 / r) from limits of the ratio r."""
    low, high, method = interval
    inverse_low = 1 / high if high > 0 else math.inf
    inverse_high = 1 / low if low > 0 else math.inf
    if low <= 1 <= high:
        return Interval(min(low, inverse_low), 1.0, method)
    if high < 1:
        return Interval(low, high, method)
    return Interval(inverse_low, inverse_high, method)


def rank_share(auc: float, positives: float, negatives: float, z: float) -> Interval:
    """Return Newcombe's method 5 interval of an AUC.

    Solves |auc - theta| = z * sqrt(V(theta)) for theta by bisection, with the Hanley-McNeil
    variance; it stays inside [0, 1] and has width at the ends.
    """
    size = positives * negatives
    mean_size = (positives + negatives) / 2

    def exceeds(theta: float) -> bool:
        spread = (1 - theta) / (2 - theta) + theta / (1 + theta)
        variance = theta * (1 - theta) * (1 + (mean_size - 1) * spread) / size
        return abs(auc - theta) > z * math.sqrt(max(variance, 0.0))

    def search(outside: float) -> float:
        if not exceeds(outside):
            return outside
        inside = auc
        for _ in range(60):
            middle = (inside + outside) / 2
            if exceeds(middle):
                outside = middle
            else:
                inside = middle
        return inside

    return Interval(search(0.0), search(1.0), "newcombe-auc")


def widen_for_size(z: float, size: float) -> float:
    """Return Student's t quantile for `size` rows from the normal one (Fisher and Cornish, 1960).

    >>> round(widen_for_size(Z_95, 11), 3)
    2.228
    """
    freedom = max(size - 1, 1.0)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def logit_interval(value: float, variance: float, size: float, z: float) -> Interval:
    """Return limits of a share by its variance, Student's on the logit scale (0 < value < 1).

    `size` is the number of rows of the smaller part of which the share is made.
    """
    centre = math.log(value / (1 - value))
    half = widen_for_size(z, size) * math.sqrt(variance) / (value * (1 - value))
    low, high = (1 / (1 + math.exp(-min(max(limit, -700.0), 700.0))) for limit in (centre - half, centre + half))
    return Interval(low, high, "delong-logit")


def mean_interval(mean: float, variance: float, size: float, z: float) -> Interval | None:
    """Return Student's interval of a mean; None below two rows."""
    if size < 2:
        return None
    half = widen_for_size(z, size) * math.sqrt(variance / (size - 1))
    return Interval(mean - half, mean + half, "student")


def positive_interval(mean: float, variance: float, size: float, z: float) -> Interval | None:
    """Return limits of a mean of positive quantities, Student's on the log scale; None below two rows.

    The mean of squares and losses is skewed: the log scale keeps its upper limit wide enough.
    """
    if size < 2:
        return None
    if mean <= 0 or variance <= 0:
        return Interval(mean, mean, "student-log")
    factor = math.exp(min(widen_for_size(z, size) * math.sqrt(variance / (size - 1)) / mean, 300.0))
    return Interval(mean / factor, mean * factor, "student-log")


def theil_interval(positive: float, negative: float, size: float, z: float) -> Interval:
    """Return limits of the Theil index of benefits 0, 1 and 2: delta method, on the log scale.

    Parameters
    ----------
    positive, negative : float
        Shares of false positives (benefit 2) and false negatives (benefit 0).
    size : float
        Number of rows the shares are worth.
    z : float

    Without any error the upper limit is the larger index that Wilson's upper limit of the share
    of errors allows.
    """
    mean = 1 - negative + positive
    value = max(-math.log(mean) + 2 * math.log(2) * positive / mean, 0.0)
    if positive == negative == 0:
        share = wilson(0.0, size, z).high
        most = max(-math.log(1 - share), 2 * math.log(2) * share / (1 + share) - math.log(1 + share))
        return Interval(0.0, most, "wilson")
    slope = -1 / mean - 2 * math.log(2) * positive / (mean * mean)
    variance = 0.0
    for share, benefit, is_positive in ((positive, 2, 1), (negative, 0, 0), (1 - positive - negative, 1, 0)):
        influence = slope * (benefit - mean) + 2 * math.log(2) / mean * (is_positive - positive)
        variance += share * influence * influence
    if value == 0:
        return Interval(0.0, z * math.sqrt(variance / max(size - 1, 1)), "delta")
    return positive_interval(value, variance, max(size, 2.0), z) or Interval(0.0, math.inf, "delta")


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
    what chance gives (draws centred on perfect calibration); the upper limit is the percentile
    reflected about the observed error, and never below it.
    """
    import numpy as np

    drawn = draw_calibration(bins, draws=draws, random_state=random_state)
    chance = draw_calibration(bins, draws=draws, random_state=random_state, is_centred=True)
    drawn, chance = drawn[~np.isnan(drawn)], chance[~np.isnan(chance)]
    if not len(drawn):
        return Interval(0.0, math.inf, "bootstrap")
    low = value - float(np.quantile(chance, 0.5 + level / 2))
    high = 2 * value - float(np.quantile(drawn, 0.5 - level / 2))
    return Interval(max(low, 0.0), max(high, value), "bootstrap")


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
