"""Impact ratios and scoring rates: every group against the most favoured one.

29 CFR 1607.4(D) (four fifths) and New York City Local Law 144 of 2021, rule 6 RCNY 5-300 and
5-301: selection rate, scoring rate (share strictly above the median), impact ratio against the
highest rate of the table, and the choice to leave out categories under 2 percent of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from audits.bias.limits import BY_DEFINITION, bound_estimate, divide_groups
from audits.bias.results import Estimate, Group, ImpactRatio, ScoringRate
from audits.bias.tallies import Settings
from audits.counting.scores import ScoreCounts
from audits.intervals import Bounded, Interval, divide_bounded, wilson

UNDER_TWO_PERCENT = "left out: the group has less than 2 percent of the rows"


def _exact(value: float) -> Fraction:
    """Return the decimal a sum stands for, as a fraction; whole numbers stay whole."""
    return Fraction(f"{value:.15g}")


def _exact_rate(group: Group) -> Fraction | None:
    total = sum(map(_exact, group.weights))
    return (_exact(group.weights.tp) + _exact(group.weights.fp)) / total if total else None


def is_under_two_percent(n: int, rows: int) -> bool:
    """Tell whether a group has less than 2 percent of the rows; exactly 2 percent is not less."""
    return 50 * n < rows


def find_impact_ratios(
    groups: Sequence[Group], settings: Settings
) -> tuple[tuple[ImpactRatio, ...], tuple[tuple[str, ...], ...]]:
    """Return the impact ratio of every group, and the groups with the highest rate.

    Whether a ratio is below four fifths is decided on whole numbers: 12/20 against 15/20 is
    exactly 4/5 and not below. A group left out for being under 2 percent has a rate and no
    ratio, and cannot be the highest.
    """
    rows = sum(group.n for group in groups)
    rates = {group.values: _exact_rate(group) for group in groups}
    kept = {
        group.values: rates[group.values]
        for group in groups
        if not (settings.leaves_out_small and is_under_two_percent(group.n, rows))
    }
    highest = max((rate for rate in kept.values() if rate is not None), default=Fraction(0))
    top = tuple(values for values, rate in kept.items() if rate == highest and highest > 0)
    base = next((group for group in groups if top and group.values == top[0]), None)
    ratios = []
    for group in groups:
        rate = rates[group.values]
        is_judged = group.values in kept and rate is not None and highest > 0
        estimate = _impact_estimate(group, base, rate, highest, settings)
        ratios.append(
            ImpactRatio(
                group=group.values,
                selection_rate=None if rate is None else float(rate),
                estimate=estimate if group.values in kept else Estimate(None, reason=UNDER_TWO_PERCENT),
                is_below_four_fifths=5 * rate < 4 * highest if is_judged and rate is not None else None,
                share_of_rows=group.n / rows,
                is_under_two_percent=is_under_two_percent(group.n, rows),
                shortfall=_find_shortfall(group, highest) if is_judged else None,
            )
        )
    return tuple(ratios), top


def _find_shortfall(group: Group, highest: Fraction) -> int | None:
    """Return how many more selections of the group would bring its ratio to four fifths."""
    if group.counts != group.weights:
        return None
    needed = highest * Fraction(4, 5) * group.n - int(group.counts.tp + group.counts.fp)
    return max(math.ceil(needed), 0)


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


def find_scoring_rates(scores: ScoreCounts, places: Sequence[int], settings: Settings) -> tuple[ScoringRate, ...]:
    """Return the scoring rate of every group: the share strictly above the median of all rows."""
    median = scores.median()
    shares = scores.shares_above(median, places)
    rows = scores.rows_above(median, places)
    total = sum(n for _, n in rows.values())
    rates = {group: above / weight if weight else None for group, (above, weight) in shares.items()}
    kept = {
        group: rate
        for group, rate in rates.items()
        if not (settings.leaves_out_small and is_under_two_percent(rows[group][1], total))
    }
    highest = max((rate for rate in kept.values() if rate is not None), default=0.0)
    top = next((group for group, rate in kept.items() if rate == highest and highest > 0), None)
    limits = {group: _bound_rate(rates[group], rows[group][1], settings.z) for group in rates}
    found = []
    for group, rate in sorted(rates.items()):
        ratio = Estimate(None, reason=UNDER_TWO_PERCENT)
        if group in kept:
            ratio = _scoring_ratio(group, top, rates, limits)
        n = rows[group][1]
        small = f"group below minimum size {settings.minimum_group_size}" if n < settings.minimum_group_size else None
        found.append(
            ScoringRate(
                group=group,
                rate=rate,
                impact_ratio=ratio.value,
                above=rows[group][0],
                n=n,
                estimate=bound_estimate(rate, limits[group], small)
                if rate is not None
                else Estimate(None, reason="undefined: the group has no weight"),
                ratio=ratio if ratio.reason or not small else Estimate(*_limits_of(ratio), small),
                is_under_two_percent=is_under_two_percent(n, total),
            )
        )
    return tuple(found)


def _limits_of(estimate: Estimate) -> tuple[float | None, float | None, float | None, str | None]:
    return estimate.value, estimate.low, estimate.high, estimate.method


def _bound_rate(rate: float | None, n: int, z: float) -> Interval | None:
    return None if rate is None or not n else wilson(rate * n, n, z)


def _scoring_ratio(
    group: tuple[str, ...],
    top: tuple[str, ...] | None,
    rates: dict[tuple[str, ...], float | None],
    limits: dict[tuple[str, ...], Interval | None],
) -> Estimate:
    """Return the scoring rate of a group divided by the highest one."""
    rate, own = rates[group], limits[group]
    if top is None or rate is None or own is None:
        gap = "no score lies above the median" if top is None else "the group has no weight"
        return Estimate(None, reason=f"undefined: {gap}")
    highest, other = rates[top], limits[top]
    if highest is None or other is None:
        return Estimate(None, reason="undefined: the group has no weight")
    value = rate / highest
    if group == top:
        return Estimate(value, value, value, BY_DEFINITION)
    interval = divide_bounded(Bounded(rate, *own[:2]), Bounded(highest, *other[:2]))
    return bound_estimate(value, interval, None)
