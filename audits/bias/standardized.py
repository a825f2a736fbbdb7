"""Standardized mean differences: how far a group is from a base, in standard deviations.

Cohen's d with the standard deviation within the two groups, pooled by their rows (Hedges and Olkin,
Statistical Methods for Meta-Analysis, 1985, ch. 5); limits by the delta method, with the moments of
the normal law for scores and those of 0 and 1 for selection.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from audits.bias.basis import Basis
from audits.bias.disparities import SCORE_STANDARDIZED, SELECTION_STANDARDIZED
from audits.bias.limits import BY_DEFINITION, bound_estimate, bound_of, percentiles
from audits.bias.results import Estimate, Group
from audits.counting.scores import effective_size
from audits.intervals import widen_for_size

FEWEST_ROWS = 5
"""Rows that the weights of a group must be worth: of fewer the spread is not known."""


class _Moments(NamedTuple):
    """Of one row: mean, variance, variance of the squared deviation, its covariance with the value.

    `noise` is the variance that limits take: where nobody or everybody is selected it is not 0.
    """

    mean: float
    variance: float
    size: float
    of_square: float
    of_both: float
    noise: float


def standardize(basis: Basis, reference: tuple[str, ...] | None) -> dict[tuple[str, ...], dict[str, Estimate]]:
    """Return the standardized differences of every group from the reference, or else the group with most rows."""
    groups, settings = basis.groups, basis.settings
    base = next((group for group in groups if group.values == reference), None)
    base = base or max(groups, key=lambda group: group.n)
    found: dict[tuple[str, ...], dict[str, Estimate]] = {group.values: {} for group in groups}
    for name, read, needed in (
        (SELECTION_STANDARDIZED, _read_selection, "selection_rate"),
        (SCORE_STANDARDIZED, _read_scores, "mean_score"),
    ):
        if needed not in settings.metrics:
            continue
        for group in groups:
            if len(groups) == 1:
                found[group.values][name] = Estimate(None, reason="undefined: only one group")
                continue
            reason = basis.explain_pair(needed, group, base)
            estimate = _compare(read(group, settings.z), read(base, settings.z), group is base, reason, settings.z)
            if basis.draws_pair(needed) and group is not base and estimate.value is not None:
                estimate = _bound_clustered(basis, group, base, estimate)
            found[group.values][name] = estimate
    return found


def _bound_clustered(basis: Basis, group: Group, base: Group, estimate: Estimate) -> Estimate:
    """Give a standardized difference of selection the limits of whole clusters, drawn again."""
    import numpy as np

    name = "selection_rate"
    first, second = bound_of(group, name), bound_of(base, name)
    own, other = (_read_selection(part, basis.settings.z) for part in (group, base))
    if first is None or second is None or own is None or other is None or estimate.value is None:
        return Estimate(estimate.value, reason=estimate.reason or "no interval can be given")
    drawn = basis.draw_metric(name, (group, base), (first, second))
    share = own.size / (own.size + other.size)
    pooled = share * drawn[:, 0] * (1 - drawn[:, 0]) + (1 - share) * drawn[:, 1] * (1 - drawn[:, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        differences = (drawn[:, 0] - drawn[:, 1]) / np.sqrt(pooled)
    return bound_estimate(
        estimate.value, percentiles(differences, estimate.value, basis.settings.level), estimate.reason
    )


def _read_selection(group: Group, z: float) -> _Moments | None:
    total = math.fsum(group.weights)
    if not total:
        return None
    rate = (group.weights.tp + group.weights.fp) / total
    variance, lean = rate * (1 - rate), 1 - 2 * rate
    size = effective_size(total, math.fsum(group.squares))
    likely = rate if 0 < rate < 1 else (rate * size + z * z / 2) / (size + z * z)
    return _Moments(rate, variance, size, lean * lean * variance, lean * variance, likely * (1 - likely))


def _read_scores(group: Group, z: float) -> _Moments | None:
    if group.scores is None or math.isnan(group.scores.mean):
        return None
    variance = group.scores.variance
    return _Moments(group.scores.mean, variance, group.scores.effective, 2 * variance * variance, 0.0, variance)


def _compare(first: _Moments | None, second: _Moments | None, is_base: bool, reason: str | None, z: float) -> Estimate:
    if first is None or second is None:
        return Estimate(None, reason="undefined: one of the two groups has no weight")
    if is_base:
        return Estimate(0.0, 0.0, 0.0, BY_DEFINITION, reason)
    sizes = first.size + second.size
    pooled = (first.size * first.variance + second.size * second.variance) / sizes
    if not pooled > 0:
        return Estimate(None, reason="undefined: nothing varies within the two groups")
    value = (first.mean - second.mean) / math.sqrt(pooled)
    smaller = min(first.size, second.size)
    if smaller < FEWEST_ROWS:
        return Estimate(value, reason=reason or f"no interval can be given: the weights are worth {smaller:.2g} rows")
    variance = 0.0
    for part, sign in ((first, 1), (second, -1)):
        by_mean = sign / math.sqrt(pooled)
        by_spread = -value * part.size / sizes / (2 * pooled)
        of_one = by_mean**2 * part.noise + by_spread**2 * part.of_square + 2 * by_mean * by_spread * part.of_both
        variance += of_one / part.size
    half = widen_for_size(z, smaller) * math.sqrt(variance)
    return Estimate(value, value - half, value + half, "delta", reason)
