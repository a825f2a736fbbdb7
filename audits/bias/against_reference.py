"""Every group against a named one: differences and ratios with their limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from audits.bias.basis import Basis
from audits.bias.disparities import REFERENCE_DIFFERENCES, REFERENCE_RATIOS
from audits.bias.limits import BY_DEFINITION, bound_estimate, bound_of, divide_groups, percentiles
from audits.bias.results import Estimate, Group
from audits.intervals import Interval, subtract, subtract_limits

LEANING = "calibration_error"
"""A metric that chance alone makes larger, in small groups more than in large ones."""


def compare_to_reference(basis: Basis, reference: tuple[str, ...]) -> dict[tuple[str, ...], dict[str, Estimate]]:
    """Return differences and ratios of every group against a named one."""
    base = next(group for group in basis.groups if group.values == reference)
    return {group.values: _compare(_Pair(basis, group, base)) for group in basis.groups}


@dataclass(frozen=True)
class _Pair:
    """A group and the one it is held against."""

    basis: Basis
    group: Group
    base: Group

    @property
    def is_base(self) -> bool:
        return self.group.values == self.base.values


def _compare(pair: _Pair) -> dict[str, Estimate]:
    metrics = pair.basis.settings.metrics
    found = {f"{name}_minus_reference": _minus(pair, name) for name in REFERENCE_DIFFERENCES if name in metrics}
    return found | {f"{name}_over_reference": _over(pair, name) for name in REFERENCE_RATIOS if name in metrics}


def _minus(pair: _Pair, name: str) -> Estimate:
    reason = pair.basis.explain_pair(name, pair.group, pair.base)
    first, second = bound_of(pair.group, name), bound_of(pair.base, name)
    if pair.is_base and pair.base.estimates[name].value is not None:
        return Estimate(0.0, 0.0, 0.0, BY_DEFINITION, reason)
    if first is None or second is None:
        return _without_limits(pair, name, lambda one, other: one - other, reason)
    value = first.value - second.value
    if pair.basis.draws_pair(name):
        drawn = pair.basis.draw_metric(name, (pair.group, pair.base), (first, second))
        interval = percentiles(drawn[:, 0] - drawn[:, 1], value, pair.basis.settings.level)
        return bound_estimate(value, interval, reason)
    low, high, method = (subtract_limits if name == LEANING else subtract)(first, second)
    return Estimate(value, low, high, method, reason)


def _over(pair: _Pair, name: str) -> Estimate:
    reason = pair.basis.explain_pair(name, pair.group, pair.base)
    first, second = bound_of(pair.group, name), bound_of(pair.base, name)
    if pair.base.estimates[name].value == 0:
        return Estimate(None, reason=f"undefined: {name} of the reference group is 0")
    if pair.is_base and pair.base.estimates[name].value is not None:
        return Estimate(1.0, 1.0, 1.0, BY_DEFINITION, reason)
    if first is None or second is None:
        return _without_limits(pair, name, lambda one, other: one / other, reason)
    return bound_estimate(first.value / second.value, divide_pair(pair.basis, name, pair.group, pair.base), reason)


def divide_pair(basis: Basis, name: str, group: Group, base: Group) -> Interval | None:
    """Return limits of a metric of one group divided by that of another; None where there are none."""
    import numpy as np

    if not basis.draws_pair(name):
        return divide_groups(name, group, base, basis.settings.z)
    first, second = bound_of(group, name), bound_of(base, name)
    if first is None or second is None or second.value <= 0:
        return None
    drawn = basis.draw_metric(name, (group, base), (first, second))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = drawn[:, 0] / drawn[:, 1]
    return percentiles(ratios, first.value / second.value, basis.settings.level)


def _without_limits(
    pair: _Pair, name: str, combine_values: Callable[[float, float], float], reason: str | None
) -> Estimate:
    """Return a comparison without limits, or undefined where one of the two is."""
    one, other = pair.group.estimates[name].value, pair.base.estimates[name].value
    if one is None or other is None or (other == 0 and combine_values(1.0, 1.0) == 1.0):
        return Estimate(None, reason=f"undefined: {name} is undefined for one of the two groups")
    return Estimate(combine_values(one, other), reason=reason or "no interval can be given")
