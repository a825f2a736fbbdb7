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
from statistics import NormalDist
from typing import NamedTuple

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

    None where a count is 0: the method has no answer there. Where a share is 1 it takes that for certain,
    one row or a thousand: see `is_saturated`.
    """
    if not part or not other_part:
        return None
    ratio = (part / whole) / (other_part / other_whole)
    variance = 1 / part - 1 / whole + 1 / other_part - 1 / other_whole
    factor = math.exp(z * math.sqrt(max(variance, 0.0)))
    return Interval(ratio / factor, ratio * factor, "katz-log")


def is_saturated(part: float, whole: float) -> bool:
    """Tell whether a share is 1: Katz's variance is 0 there, whatever the number of rows."""
    return part >= whole


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
        return Interval(0.0, max(abs(low), high), method)
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
    """Return Student's interval of a mean; None below two rows, and where all rows are alike.

    Rows that are all alike do not say how far away rarer ones lie.
    """
    if size < 2 or variance <= 0:
        return None
    half = widen_for_size(z, size) * math.sqrt(variance / (size - 1))
    return Interval(mean - half, mean + half, "student")


def positive_interval(mean: float, variance: float, size: float, z: float) -> Interval | None:
    """Return limits of a mean of positive quantities, Student's on the log scale; None as `mean_interval`.

    The mean of squares and losses is skewed: the log scale keeps its upper limit wide enough.
    """
    if size < 2 or mean <= 0 or variance <= 0:
        return None
    factor = math.exp(min(widen_for_size(z, size) * math.sqrt(variance / (size - 1)) / mean, 300.0))
    return Interval(mean / factor, mean * factor, "student-log")


def unseen_interval(value: float, size: float, z: float, lowest: float, highest: float) -> Interval:
    """Return limits of a mean of which every row so far is alike: rows as yet unseen lie from lowest to highest.

    Their share is at most Wilson's upper limit of none among so many rows.

    >>> low, high, _ = unseen_interval(0.0, 100, Z_95, 0.0, 1.0)
    >>> low, round(high, 4)
    (0.0, 0.037)
    """
    share = wilson(0.0, size, z).high
    rest = value * (1 - share)
    return Interval(min(rest + lowest * share, value), max(rest + highest * share, value), "wilson-unseen")


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
    of errors allows; likewise where all rows are false positives, alike in their benefit.
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
        return Interval(0.0, -math.log(1 - wilson(0.0, size, z).high), "wilson")
    return positive_interval(value, variance, max(size, 2.0), z) or Interval(0.0, math.inf, "delta")
