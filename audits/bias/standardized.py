"""Standardized mean differences: how far a group is from a base, in standard deviations.

Cohen's d with the standard deviation within the two groups, pooled by their rows (Hedges and Olkin,
Statistical Methods for Meta-Analysis, 1985, ch. 5); limits by the delta method, with the moments of
the normal law for scores and those of 0 and 1 for selection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from audits.bias.disparities import SCORE_STANDARDIZED, SELECTION_STANDARDIZED
from audits.bias.limits import BY_DEFINITION
from audits.bias.results import Estimate, Group
from audits.bias.tallies import Settings
from audits.counting.scores import effective_size


class _Moments(NamedTuple):
    """Of one row: mean, variance, variance of the squared deviation, its covariance with the value."""

    mean: float
    variance: float
    size: float
    of_square: float
    of_both: float


def standardize(
    groups: Sequence[Group], reference: tuple[str, ...] | None, settings: Settings
) -> dict[tuple[str, ...], dict[str, Estimate]]:
    """Return the standardized differences of every group from the reference, or else the group with most rows."""
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
            reason = _reason(group, base, settings)
            found[group.values][name] = _compare(read(group), read(base), group is base, reason, settings.z)
            if len(groups) == 1:
                found[group.values][name] = Estimate(None, reason="undefined: only one group")
    return found


def _reason(group: Group, base: Group, settings: Settings) -> str | None:
    is_small = group.is_small or base.is_small
    return f"group below minimum size {settings.minimum_group_size}" if is_small else None


def _read_selection(group: Group) -> _Moments | None:
    total = math.fsum(group.weights)
    if not total:
        return None
    rate = (group.weights.tp + group.weights.fp) / total
    variance, lean = rate * (1 - rate), 1 - 2 * rate
    size = effective_size(total, math.fsum(group.squares))
    return _Moments(rate, variance, size, lean * lean * variance, lean * variance)


def _read_scores(group: Group) -> _Moments | None:
    if group.scores is None or math.isnan(group.scores.mean):
        return None
    variance = group.scores.variance
    return _Moments(group.scores.mean, variance, group.scores.effective, 2 * variance * variance, 0.0)


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
    variance = 0.0
    for part, sign in ((first, 1), (second, -1)):
        by_mean = sign / math.sqrt(pooled)
        by_spread = -value * part.size / sizes / (2 * pooled)
        of_one = by_mean**2 * part.variance + by_spread**2 * part.of_square + 2 * by_mean * by_spread * part.of_both
        variance += of_one / part.size
    half = z * math.sqrt(variance)
    return Estimate(value, value - half, value + half, "delta", reason)


_KINDS: Mapping[str, tuple[Callable[[Group], _Moments | None], str]] = MappingProxyType(
    {
        SELECTION_STANDARDIZED: (_read_selection, "selection_rate"),
        SCORE_STANDARDIZED: (_read_scores, "mean_score"),
    }
)
