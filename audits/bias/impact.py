"""Impact ratios and scoring rates: every group against the most favoured one."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from audits.bias.comparisons import BY_DEFINITION, bound_estimate, divide_groups
from audits.bias.groupings import Settings
from audits.bias.results import Estimate, Group, ImpactRatio, ScoringRate
from audits.counting.scores import ScoreCounts


def _exact(value: float) -> Fraction:
    """Return the decimal a sum stands for, as a fraction; whole numbers stay whole."""
    return Fraction(f"{value:.15g}")


def _exact_rate(group: Group) -> Fraction | None:
    total = sum(map(_exact, group.weights))
    return (_exact(group.weights.tp) + _exact(group.weights.fp)) / total if total else None


def find_impact_ratios(
    groups: Sequence[Group], settings: Settings
) -> tuple[tuple[ImpactRatio, ...], tuple[tuple[str, ...], ...]]:
    """Return the impact ratio of every group, and the groups with the highest rate.

    Whether a ratio is below four fifths is decided on whole numbers: 12/20 against 15/20 is
    exactly 4/5 and not below.
    """
    rates = {group.values: _exact_rate(group) for group in groups}
    highest = max((rate for rate in rates.values() if rate is not None), default=Fraction(0))
    top = tuple(values for values, rate in rates.items() if rate == highest and highest > 0)
    base = next((group for group in groups if top and group.values == top[0]), None)
    rows = sum(group.n for group in groups)
    ratios = []
    for group in groups:
        rate = rates[group.values]
        ratios.append(
            ImpactRatio(
                group=group.values,
                selection_rate=None if rate is None else float(rate),
                estimate=_impact_estimate(group, base, rate, highest, settings),
                is_below_four_fifths=(5 * rate < 4 * highest if rate is not None and highest > 0 else None),
                share_of_rows=group.n / rows,
                is_under_two_percent=50 * group.n < rows,
            )
        )
    return tuple(ratios), top


def _impact_estimate(
    group: Group, base: Group | None, rate: Fraction | None, highest: Fraction, settings: Settings
) -> Estimate:
    if rate is None or base is None:
        gap = "nobody is selected in any group" if base is None else "the group has no weight"
        return Estimate(None, reason=f"undefined: {gap}")
    value = float(rate / highest)
    small = group.is_small or base.is_small
    reason = f"group below minimum size {settings.minimum_group_size}" if small else None
    if group is base:
        return Estimate(value, value, value, BY_DEFINITION, reason)
    if "selection_rate" not in group.estimates:
        return Estimate(value, reason=reason or "no interval can be given")
    interval = divide_groups("selection_rate", group, base, settings.z)
    return bound_estimate(value, interval, reason)


def find_scoring_rates(scores: ScoreCounts, places: Sequence[int]) -> tuple[ScoringRate, ...]:
    """Return the scoring rate of every group.

    The scoring rate is the share of a group strictly above the median of all rows, the impact
    ratio that rate against the highest one (New York City Local Law 144, rule of 2023).
    """
    median = scores.median()
    shares = scores.shares_above(median, places)
    rates = {group: above / weight if weight else None for group, (above, weight) in shares.items()}
    highest = max((rate for rate in rates.values() if rate is not None), default=0.0)
    return tuple(
        ScoringRate(group, rate, rate / highest if rate is not None and highest else None)
        for group, rate in sorted(rates.items())
    )
