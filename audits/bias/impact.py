"""Impact ratios and scoring rates: every group against the most favoured one.

29 CFR 1607.4(D) (four fifths) and New York City Local Law 144 of 2021, rule 6 RCNY 5-300 and
5-301: selection rate, scoring rate (share strictly above the median), impact ratio against the
highest rate of the table, and the choice to leave out categories under 2 percent of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from audits.bias.against_reference import divide_pair
from audits.bias.basis import ONE_GROUP, Basis
from audits.bias.limits import bound_estimate
from audits.bias.results import Estimate, Group, ImpactRatio, ScoringRate
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


def find_impact_ratios(basis: Basis) -> tuple[tuple[ImpactRatio, ...], tuple[tuple[str, ...], ...]]:
    """Return the impact ratio of every group, and the groups with the highest rate.

    Whether a ratio is below four fifths is decided on whole numbers: 12/20 against 15/20 is
    exactly 4/5 and not below. A group left out for being under 2 percent has a rate and no
    ratio, and cannot be the highest.
    """
    groups, settings = basis.groups, basis.settings
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
    rivals = [group for group in groups if kept.get(group.values) is not None and group is not base]
    ratios = []
    for group in groups:
        rate = rates[group.values]
        is_judged = group.values in kept and rate is not None and highest > 0
        estimate = _impact_estimate(basis, group, base, None if rate is None else float(rate / (highest or 1)), rivals)
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
    basis: Basis, group: Group, base: Group | None, value: float | None, rivals: Sequence[Group]
) -> Estimate:
    if value is None or base is None:
        gap = "nobody is selected in any group" if base is None else "the group has no weight"
        return Estimate(None, reason=f"undefined: {gap}")
    if not rivals:
        return Estimate(value, reason=ONE_GROUP)
    name = "selection_rate"
    reason = basis.explain_pair(name, group, base)
    if name not in group.estimates:
        return Estimate(value, reason=reason or "no interval can be given")
    if group is not base:
        return bound_estimate(value, divide_pair(basis, name, group, base), reason)
    return bound_estimate(value, bound_highest([divide_pair(basis, name, rival, base) for rival in rivals]), reason)


def bound_highest(ratios: Sequence[Interval | None]) -> Interval | None:
    """Return limits of the impact ratio of the group with the highest rate, observed as 1.

    Another group's true rate may be higher. The ratio is then the smallest of those to the other
    groups, each at least 1 by the upper limit of the other group's ratio to this one.
    """
    known = [ratio for ratio in ratios if ratio is not None]
    if len(known) < len(ratios) or not known:
        return None
    furthest = max(known, key=lambda ratio: ratio.high)
    low = 0.0 if math.isinf(furthest.high) else 1 / furthest.high if furthest.high > 1 else 1.0
    return Interval(low, 1.0, furthest.method)


def find_scoring_rates(scores: ScoreCounts, places: Sequence[int], basis: Basis) -> tuple[ScoringRate, ...]:
    """Return the scoring rate of every group: the share strictly above the median of all rows."""
    settings = basis.settings
    groups = {group.values: group for group in basis.groups}
    median = scores.median()
    shares = scores.shares_above(median, places)
    rows, sizes = scores.rows_above(median, places), scores.effective_sizes(places)
    total = sum(n for _, n in rows.values())
    rates = {group: above / weight if weight else None for group, (above, weight) in shares.items()}
    kept = {
        group: rate
        for group, rate in rates.items()
        if not (settings.leaves_out_small and is_under_two_percent(rows[group][1], total))
    }
    highest = max((rate for rate in kept.values() if rate is not None), default=0.0)
    top = next((group for group, rate in kept.items() if rate == highest and highest > 0), None)
    bounds = {group: _bound_rate(rates[group], sizes[group], settings.z) for group in rates}
    found = []
    for group, rate in sorted(rates.items()):
        ratio = Estimate(None, reason=UNDER_TWO_PERCENT)
        if group in kept:
            reason = basis.explain_pair("mean_score", groups[group], groups[top or group])
            ratio = _scoring_ratio(group, top, {name: bounds[name] for name in kept}, reason)
        own = basis.explain_pair("mean_score", groups[group], groups[group])
        bound = bounds[group]
        found.append(
            ScoringRate(
                group=group,
                rate=rate,
                impact_ratio=ratio.value,
                above=rows[group][0],
                n=rows[group][1],
                estimate=Estimate(*bound, "wilson", own)
                if bound is not None
                else Estimate(None, reason="undefined: the group has no weight"),
                ratio=ratio,
                is_under_two_percent=is_under_two_percent(rows[group][1], total),
            )
        )
    return tuple(found)


def _bound_rate(rate: float | None, size: float, z: float) -> Bounded | None:
    """Return a scoring rate with the limits that so many rows of equal weight would give it."""
    return None if rate is None or not size else Bounded(rate, *wilson(rate * size, size, z)[:2])


def _scoring_ratio(
    group: tuple[str, ...],
    top: tuple[str, ...] | None,
    bounds: Mapping[tuple[str, ...], Bounded | None],
    reason: str | None,
) -> Estimate:
    """Return the scoring rate of a group divided by the highest one."""
    own, highest = bounds[group], None if top is None else bounds[top]
    if own is None or highest is None:
        gap = "no score lies above the median" if top is None else "the group has no weight"
        return Estimate(None, reason=f"undefined: {gap}")
    rivals = [bound for name, bound in bounds.items() if bound is not None and name != top]
    if not rivals:
        return Estimate(1.0, reason=ONE_GROUP)
    if group != top:
        return bound_estimate(own.value / highest.value, divide_bounded(own, highest), reason)
    return bound_estimate(1.0, bound_highest([divide_bounded(rival, highest) for rival in rivals]), reason)
