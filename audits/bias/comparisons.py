"""Compare the groups of one grouping: spreads, disparities, groups against a reference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from audits.bias.against_reference import LEANING
from audits.bias.basis import Basis
from audits.bias.disparities import DISPARITIES, DisparityDefinition
from audits.bias.frame import Frame
from audits.bias.limits import bound_estimate, bound_of, combine, divide_groups, value_of
from audits.bias.results import Estimate, Group, Spread
from audits.intervals import Bounded, Interval, divide_bounded, fold_difference, fold_ratio, subtract
from audits.resampled import Drawn, joint_range_interval, joint_ratio_interval, range_interval, range_ratio_interval


def _is_still(part: Drawn) -> bool:
    """Tell whether some group does not vary in the draws: nobody or everybody of it is counted."""
    import numpy as np

    # Sums of weights and of whole clusters differ in their last digits.
    span = np.nanmax(part.drawn, axis=0) - np.nanmin(part.drawn, axis=0)
    return bool((span <= 1e-12).any())


class Comparer:
    """Compares the groups of one grouping; draws are made only where they are needed.

    Parameters
    ----------
    basis : Basis
    frame : Frame
        fairlearn's difference and ratio of every metric.
    """

    def __init__(self, basis: Basis, frame: Frame) -> None:
        self._basis = basis
        self._groups = basis.groups
        self._frame = frame
        self._settings = basis.settings

    def compare(self) -> tuple[dict[str, Spread], dict[str, Estimate]]:
        """Return (spread of every metric, every named disparity)."""
        spread = {name: self._spread_metric(name) for name in self._settings.metrics}
        disparities = {}
        for name, definition in DISPARITIES.items():
            if definition.kind == "to reference" or not set(definition.needs) <= set(spread):
                continue
            parts = [spread[metric] for metric in definition.needs]
            if definition.kind == "ratio":
                estimate = combine([part.ratio for part in parts], "lowest")
            elif definition.kind == "highest":
                estimate = self._find_worst(definition.needs[0])
            else:
                how = "mean" if definition.kind == "mean difference" else "highest"
                estimate = combine([part.difference for part in parts], how)
            disparities[name] = self._bound_together(definition, estimate, spread) if len(parts) > 1 else estimate
        return spread, disparities

    def _bound_together(
        self, definition: DisparityDefinition, estimate: Estimate, spread: Mapping[str, Spread]
    ) -> Estimate:
        """Give an estimate of several metrics its limits from draws in which they vary together.

        Each metric's own limits hold for it alone; the highest of several is more often large by
        chance. Where a metric does not vary at all in the draws, its closed form still counts.
        """
        import numpy as np

        if estimate.value is None:
            return estimate
        is_ratio = definition.kind == "ratio"
        parts, limits = [], []
        for name in definition.needs:
            part = spread[name].ratio if is_ratio else spread[name].difference
            groups = [group for group in self._groups if group.estimates[name].value is not None]
            if part.value is None or len(groups) < 2:
                continue
            if part.low is None or part.high is None:
                return replace(estimate, low=None, high=None, method=None)
            known = [Bounded(value_of(group, name), 0.0, 0.0) for group in groups]
            values = np.array([bound.value for bound in known])
            parts.append(Drawn(values, self._basis.draw_metric(name, groups, known)))
            limits.append((part.low, part.high))
        if not parts:
            return estimate
        how = "mean" if definition.kind == "mean difference" else "highest"
        level = self._settings.level
        found = joint_ratio_interval(parts, level) if is_ratio else joint_range_interval(parts, level, how)
        still = [limit for part, limit in zip(parts, limits, strict=True) if _is_still(part)]
        low, high = found.low, found.high
        if is_ratio:
            low = min([low, *(limit[0] for limit in still)])
            high = min(high, 1.0) if not still else max(high, min(limit[1] for limit in limits))
        else:
            if still and how == "mean":
                high = max(high, math.fsum(limit[1] for limit in limits) / len(limits))
            high = max([high, *(limit[1] for limit in still if how == "highest")])
            low = 0.0 if still and how == "mean" else min(low, max(limit[0] for limit in limits))
        return replace(estimate, low=min(low, estimate.value), high=max(high, estimate.value), method="bootstrap")

    def _find_worst(self, name: str) -> Estimate:
        """Return the highest value of any group with limits that hold for whichever group it is."""
        defined = [group for group in self._groups if group.estimates[name].value is not None]
        if not defined:
            return Estimate(None, reason=f"undefined: {name} is undefined in every group")
        bounds = [bound_of(group, name) for group in defined]
        value = max(value_of(group, name) for group in defined)
        known = [bound for bound in bounds if bound is not None]
        if len(known) < len(defined):
            return Estimate(value, reason=self._basis.explain(name) or "no interval can be given")
        low, high = max(bound.low for bound in known), max(bound.high for bound in known)
        return Estimate(value, low, high, "highest limits", self._basis.explain(name))

    def _spread_metric(self, name: str) -> Spread:
        defined = [group for group in self._groups if group.estimates[name].value is not None]
        values = [value_of(group, name) for group in defined]
        if not values:
            nothing = Estimate(None, reason="undefined: the rate is undefined in every group")
            return Spread(None, None, nothing, nothing)
        reason = self._basis.explain(name)
        lowest, highest = min(values), max(values)
        difference = ratio = None
        if name == LEANING and len(defined) > 1:
            difference, ratio = self._compare_leaning(name, defined)
        elif len(defined) > 2 or (len(defined) == 2 and self._basis.draws_pair(name)):
            difference, ratio = self._compare_many(name, defined)
        elif len(defined) == 2:
            difference, ratio = self._compare_pair(name, defined)
        ratio_estimate = Estimate(None, reason=_ratio_gap(lowest, highest))
        if highest > 0 and lowest >= 0:
            ratio_estimate = bound_estimate(float(self._frame.ratio[name]), ratio, reason)
        return Spread(
            lowest, highest, bound_estimate(float(self._frame.difference[name]), difference, reason), ratio_estimate
        )

    def _compare_leaning(self, name: str, groups: Sequence[Group]) -> tuple[Interval | None, Interval | None]:
        """Return limits that hold wherever those of all groups do: chance alone makes the metric larger."""
        bounds = [bound_of(group, name) for group in groups]
        known = [bound for bound in bounds if bound is not None]
        if len(known) < len(groups):
            return None, None
        least, most = (pick(known, key=lambda bound: bound.value) for pick in (min, max))
        low = max(bound.low for bound in known) - min(bound.high for bound in known)
        high = max(bound.high for bound in known) - min(bound.low for bound in known)
        value = most.value - least.value
        difference = Interval(min(max(low, 0.0), value), max(high, value), "limits of all groups")
        smallest, largest = (pick(bound.low for bound in known) for pick in (min, max))
        ratio_low = smallest / max(bound.high for bound in known) if smallest > 0 else 0.0
        ratio_high = min(min(bound.high for bound in known) / largest, 1.0) if largest > 0 else 1.0
        ratio = least.value / most.value if most.value > 0 else 0.0
        return difference, Interval(min(ratio_low, ratio), max(ratio_high, ratio), "limits of all groups")

    def _compare_pair(self, name: str, pair: Sequence[Group]) -> tuple[Interval | None, Interval | None]:
        """Return closed-form limits of difference and ratio between two groups."""
        bounds = [bound_of(group, name) for group in pair]
        if bounds[0] is None or bounds[1] is None:
            return None, None
        difference = fold_difference(subtract(bounds[0], bounds[1]))
        if max(bounds[0].value, bounds[1].value) <= 0 or min(bounds[0].low, bounds[1].low) < 0:
            return difference, None
        ordered = sorted(pair, key=lambda group: value_of(group, name))
        ratio = divide_groups(name, ordered[0], ordered[1], self._settings.z)
        return difference, fold_ratio(ratio) if ratio else None

    def _compare_many(self, name: str, groups: Sequence[Group]) -> tuple[Interval | None, Interval | None]:
        """Return limits of difference and ratio over three or more groups by resampling.

        Never narrower than the closed form for the two groups furthest apart: where nobody or
        everybody is counted, resampling shows no variation at all.
        """
        import numpy as np

        bounds = [bound_of(group, name) for group in groups]
        known = [bound for bound in bounds if bound is not None]
        if len(known) < len(groups):
            return None, None
        values = np.array([bound.value for bound in known])
        drawn = self._basis.draw_metric(name, groups, known)
        # Of groups with the same value the one with the wider limits, whatever their order.
        top = max(known, key=lambda bound: (bound.value, bound.high, -bound.low))
        bottom = min(known, key=lambda bound: (bound.value, bound.low, -bound.high))
        difference = range_interval(values, drawn, self._settings.level)
        if len(groups) > 2:
            pair = subtract(top, bottom)
            difference = difference._replace(
                low=max(0.0, min(difference.low, pair.low)), high=max(difference.high, pair.high)
            )
        if top.value <= 0 or bottom.value < 0:
            return difference, None
        if bottom.low < 0:
            return difference, range_ratio_interval(values, drawn, self._settings.level)
        ratio = range_ratio_interval(values, drawn, self._settings.level)
        pair = divide_bounded(bottom, top)
        # A lowest rate of 0 is 0 in every resample; only the closed form knows its limit.
        high = pair.high if bottom.value == 0 else max(ratio.high, pair.high)
        return difference, ratio._replace(low=min(ratio.low, pair.low), high=min(1.0, high))


def _ratio_gap(lowest: float, highest: float) -> str:
    if lowest < 0:
        return "undefined: a ratio of values that can be negative says nothing"
    return f"undefined: the highest value is {highest:g}"
