"""Compare the groups of one grouping: spreads, disparities, groups against a reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from audits.bias.disparities import DISPARITIES, REFERENCE_DIFFERENCES, REFERENCE_RATIOS, DisparityDefinition
from audits.bias.frame import Frame
from audits.bias.groupings import evaluate_draws
from audits.bias.limits import BY_DEFINITION, bound_estimate, bound_of, combine, divide_groups, percentiles, value_of
from audits.bias.results import Estimate, Group, Spread
from audits.bias.tallies import Settings
from audits.intervals import (
    Bounded,
    Interval,
    divide_bounded,
    fold_difference,
    fold_ratio,
    subtract,
    subtract_limits,
)
from audits.metrics import METRICS
from audits.populations import name_group
from audits.resampled import Drawn, joint_range_interval, joint_ratio_interval, range_interval, range_ratio_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEANING = "calibration_error"
"""A metric that chance alone makes larger, in small groups more than in large ones."""
ONE_GROUP = "only one group: nothing to compare"

Draw = Callable[[], "NDArray[np.float64]"]


def _is_still(part: Drawn) -> bool:
    """Tell whether some group does not vary in the draws: nobody or everybody of it is counted."""
    import numpy as np

    return bool((np.nanmax(part.drawn, axis=0) == np.nanmin(part.drawn, axis=0)).any())


class Comparer:
    """Compares the groups of one grouping; draws are made only where they are needed.

    Parameters
    ----------
    features : tuple of str
    groups : sequence of Group
    frame : Frame
        fairlearn's difference and ratio of every metric.
    settings : Settings
    draw : callable
        Gives resampled confusion sums: draws x groups x classes x classes.
    is_clustered : bool
        Whether the draws are of whole clusters; then every interval comes from them.
    """

    def __init__(
        self,
        features: tuple[str, ...],
        groups: Sequence[Group],
        frame: Frame,
        settings: Settings,
        draw: Draw,
        *,
        is_clustered: bool = False,
    ) -> None:
        self._features = features
        self._groups = groups
        self._frame = frame
        self._settings = settings
        self._draw = draw
        self._is_clustered = is_clustered
        self._drawn: NDArray[np.float64] | None = None
        self._evaluated: dict[str, NDArray[np.float64]] = {}

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
            parts.append(Drawn(values, self._draw_metric(name, groups, known)))
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
            high = max([high, *(limit[1] if how == "highest" else high for limit in still)])
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
            return Estimate(value, reason=self._find_reason(name) or "no interval can be given")
        low, high = max(bound.low for bound in known), max(bound.high for bound in known)
        return Estimate(value, low, high, "highest limits", self._find_reason(name))

    def _spread_metric(self, name: str) -> Spread:
        defined = [group for group in self._groups if group.estimates[name].value is not None]
        values = [value_of(group, name) for group in defined]
        if not values:
            nothing = Estimate(None, reason="undefined: the rate is undefined in every group")
            return Spread(None, None, nothing, nothing)
        reason = self._find_reason(name)
        lowest, highest = min(values), max(values)
        difference = ratio = None
        if name == LEANING and len(defined) > 1:
            difference, ratio = self._compare_leaning(name, defined)
        elif len(defined) > 2 or (len(defined) == 2 and self._draws_pair(name)):
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

    def _draws_pair(self, name: str) -> bool:
        """Tell whether two groups are compared by draws, because they are not independent."""
        return self._is_clustered and METRICS[name].needs == "label"

    def _find_reason(self, name: str) -> str | None:
        """Return why a comparison of this metric cannot meet a criterion; None where it can."""
        if len(self._groups) == 1:
            return ONE_GROUP
        reasons = []
        small = [group for group in self._groups if group.is_small]
        if small:
            size = self._settings.minimum_group_size
            reasons.append(f"group below minimum size {size}: {self._list_groups(small)}")
        undefined = [group for group in self._groups if group.estimates[name].value is None]
        if undefined:
            reasons.append(f"{name} is undefined for {self._list_groups(undefined)}")
        return "; ".join(reasons) or None

    def _list_groups(self, groups: Sequence[Group]) -> str:
        shown = ", ".join(name_group(self._features, group.values) for group in groups[:3])
        return shown if len(groups) <= 3 else f"{shown} and {len(groups) - 3} more"

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
        drawn = self._draw_metric(name, groups, known)
        top = max(known, key=lambda bound: (bound.value, bound.high))
        bottom = min(known, key=lambda bound: (bound.value, bound.low))
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

    def _draw_metric(self, name: str, groups: Sequence[Group], bounds: Sequence[Bounded]) -> NDArray[np.float64]:
        """Return resampled values of a metric: draws x groups."""
        import numpy as np

        if METRICS[name].needs != "label":
            return self._draw_from_limits(name, groups, bounds)
        if self._drawn is None:
            self._drawn = self._draw()
        if name not in self._evaluated:
            self._evaluated[name] = evaluate_draws(name, self._drawn)
        if len(groups) == len(self._groups):
            return self._evaluated[name]
        index = {group.values: number for number, group in enumerate(self._groups)}
        return np.asarray(self._evaluated[name][:, [index[group.values] for group in groups]])

    def _draw_from_limits(self, name: str, groups: Sequence[Group], bounds: Sequence[Bounded]) -> NDArray[np.float64]:
        """Draw each group's value from its own interval: scores and errors are not in the cells."""
        import numpy as np

        generator = np.random.default_rng(self._settings.random_state)
        normal = generator.standard_normal((self._settings.draws, len(bounds)))
        if all(group.estimates[name].method == "student-log" for group in groups):
            with np.errstate(divide="ignore"):
                centre = np.log([bound.value for bound in bounds])
                wide = np.log([max(bound.high, 1e-300) for bound in bounds])
            wide = np.where(np.isfinite(centre), (wide - centre) / self._settings.z, 0.0)
            return np.asarray(np.exp(centre + wide * normal))
        deviation = [(bound.high - bound.low) / (2 * self._settings.z) for bound in bounds]
        drawn = [bound.value for bound in bounds] + np.array(deviation) * normal
        return np.clip(drawn, 0.0, 1.0) if name == "auc" else np.asarray(drawn)

    def compare_to_reference(self, reference: tuple[str, ...]) -> dict[tuple[str, ...], dict[str, Estimate]]:
        """Return differences and ratios of every group against a named one."""
        base = next(group for group in self._groups if group.values == reference)
        return {group.values: self._compare_with(group, base, group.values == reference) for group in self._groups}

    def _compare_with(self, group: Group, base: Group, is_base: bool) -> dict[str, Estimate]:
        found = {}
        small = group.is_small or base.is_small
        size = self._settings.minimum_group_size
        reason = f"group below minimum size {size}" if small else None
        for name in REFERENCE_DIFFERENCES:
            if name in self._settings.metrics:
                found[f"{name}_minus_reference"] = self._minus(group, base, name, is_base, reason)
        for name in REFERENCE_RATIOS:
            if name in self._settings.metrics:
                found[f"{name}_over_reference"] = self._over(group, base, name, is_base, reason)
        return found

    def _minus(self, group: Group, base: Group, name: str, is_base: bool, reason: str | None) -> Estimate:
        first, second = bound_of(group, name), bound_of(base, name)
        if first is None or second is None:
            return self._without_limits(group, base, name, lambda one, other: one - other, reason)
        if is_base:
            return Estimate(0.0, 0.0, 0.0, BY_DEFINITION, reason)
        value = first.value - second.value
        if self._draws_pair(name):
            drawn = self._draw_metric(name, (group, base), (first, second))
            return bound_estimate(value, percentiles(drawn[:, 0] - drawn[:, 1], value, self._settings.level), reason)
        low, high, method = (subtract_limits if name == LEANING else subtract)(first, second)
        return Estimate(value, low, high, method, reason)

    def _over(self, group: Group, base: Group, name: str, is_base: bool, reason: str | None) -> Estimate:
        import numpy as np

        first, second = bound_of(group, name), bound_of(base, name)
        if second is not None and second.value == 0:
            return Estimate(None, reason=f"undefined: {name} of the reference group is 0")
        if first is None or second is None:
            return self._without_limits(group, base, name, lambda one, other: one / other, reason)
        if is_base:
            return Estimate(1.0, 1.0, 1.0, BY_DEFINITION, reason)
        value = first.value / second.value
        if self._draws_pair(name):
            drawn = self._draw_metric(name, (group, base), (first, second))
            with np.errstate(divide="ignore", invalid="ignore"):
                ratios = drawn[:, 0] / drawn[:, 1]
            return bound_estimate(value, percentiles(ratios, value, self._settings.level), reason)
        return bound_estimate(value, divide_groups(name, group, base, self._settings.z), reason)

    def _without_limits(
        self, group: Group, base: Group, name: str, combine_values: Callable[[float, float], float], reason: str | None
    ) -> Estimate:
        """Return a comparison without limits, or undefined where one of the two is."""
        one, other = group.estimates[name].value, base.estimates[name].value
        if one is None or other is None or (other == 0 and combine_values(1.0, 1.0) == 1.0):
            return Estimate(None, reason=f"undefined: {name} is undefined for one of the two groups")
        return Estimate(combine_values(one, other), reason=reason or "no interval can be given")


def _ratio_gap(lowest: float, highest: float) -> str:
    if lowest < 0:
        return "undefined: a ratio of values that can be negative says nothing"
    return f"undefined: the highest value is {highest:g}"
