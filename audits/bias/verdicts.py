"""Verdicts: whether what was measured establishes that a criterion holds.

"met" and "not met" need the whole confidence interval on one side of the threshold; everything
else is "inconclusive", with the reason and, where rows would help, how many would settle it. A
number that is undefined, about a group that is too small, or about groups of which a declared one
is absent, is never "met". Comparisons are exact on the decimals as they are written: 0.3 meets
"at most 0.3". The gate of a portal judges by the same rule; a test keeps the two in step.

This module imports nothing heavy.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final, Literal

from audits.bias.disparities import IMPACT_RATIO, SCORING_RATIO
from audits.bias.measures import Measure
from audits.populations import JOIN, name_comparison, name_group
from audits.spec import Criterion

MET: Final = "met"
NOT_MET: Final = "not met"
INCONCLUSIVE: Final = "inconclusive"
STRADDLES = "the interval straddles the threshold"
LARGEST_ROWS = 10**12
"""More rows than this settle nothing in practice."""

Outcome = Literal["met", "not met", "inconclusive"]


@dataclass(frozen=True)
class Verdict:
    """What the data establish about one criterion.

    `rows_needed` is the number of rows of the population that would settle an inconclusive
    criterion, None where it was settled or no number is known; `settled_by` says it in words.
    """

    criterion: Criterion
    outcome: Outcome
    reason: str
    measure: Measure | None = None
    rows_needed: int | None = None
    settled_by: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as a JSON-ready object."""
        found = self.measure
        return {
            "name": self.criterion.name,
            "metric": self.criterion.metric,
            "population": self.criterion.population,
            "comparator": self.criterion.comparator,
            "threshold": self.criterion.threshold,
            "verdict": self.outcome,
            "reason": self.reason,
            "value": _finite(found.value) if found else None,
            "low": _finite(found.low) if found else None,
            "high": _finite(found.high) if found else None,
            "n": found.n if found else None,
            "rows_needed": self.rows_needed,
            "settled_by": self.settled_by,
        }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def judge_criteria(
    criteria: Iterable[Criterion],
    measures: Iterable[Measure],
    *,
    minimum_group_size: int | None = None,
    absent: Mapping[str, Sequence[str]] | None = None,
) -> list[Verdict]:
    """Judge every criterion by the measures of a result of any kind.

    Parameters
    ----------
    criteria : iterable of Criterion
    measures : iterable of Measure
        The flat list every result document has.
    minimum_group_size : int, optional
        Said where a group is too small to judge.
    absent : mapping, optional
        Sensitive feature to the declared groups that have no rows.

    Returns
    -------
    list of Verdict
        In the order of the criteria.
    """
    found = {(measure.metric, measure.population): measure for measure in measures}
    verdicts = []
    for criterion in criteria:
        measure = found.get((criterion.metric, criterion.population))
        if measure is None:
            verdicts.append(Verdict(criterion, INCONCLUSIVE, _explain_absence(criterion, list(found), absent or {})))
        else:
            verdicts.append(judge_measure(measure, criterion, minimum_group_size=minimum_group_size))
    return verdicts


def judge_measure(measure: Measure, criterion: Criterion, *, minimum_group_size: int | None = None) -> Verdict:
    """Judge one criterion by the measure it is about."""
    if measure.value is None or not math.isfinite(measure.value):
        return Verdict(criterion, INCONCLUSIVE, measure.reason or "undefined", measure)
    if measure.reason is not None:
        return _withhold(measure, criterion, minimum_group_size)
    low, high = find_limits(measure)
    ends = {holds(low, criterion), holds(high, criterion)}
    if len(ends) == 1:
        outcome: Outcome = MET if ends == {True} else NOT_MET
        return Verdict(criterion, outcome, describe_measure(measure), measure)
    rows = count_rows_needed(measure, criterion)
    reason = f"{describe_measure(measure)}; {STRADDLES}"
    return Verdict(criterion, INCONCLUSIVE, reason, measure, rows, say_what_settles(measure, criterion, rows))


def find_limits(measure: Measure) -> tuple[float, float]:
    """Return the limits a measure with a value is judged by.

    The value itself where it has no interval at all; infinity where only one end is known, because
    the other has no bound.
    """
    value = measure.value if measure.value is not None else math.nan
    if measure.low is None and measure.high is None:
        return value, value
    return (
        -math.inf if measure.low is None or math.isnan(measure.low) else measure.low,
        math.inf if measure.high is None or math.isnan(measure.high) else measure.high,
    )


def holds(value: float, criterion: Criterion) -> bool:
    """Tell whether a number is on the right side of the threshold, exactly on decimals."""
    if math.isinf(value):
        return (value > 0) == (criterion.comparator == "at_least")
    exact, threshold = read_decimal(value), read_decimal(criterion.threshold)
    return exact >= threshold if criterion.comparator == "at_least" else exact <= threshold


def read_decimal(value: float) -> Fraction:
    """Return the decimal a number is written as, exactly."""
    return Fraction(repr(float(value)))


def count_rows_needed(measure: Measure, criterion: Criterion) -> int | None:
    """Return how many rows would take the threshold out of the interval, at the observed value.

    The distance from the value to the limit on the threshold's side shrinks with the square root
    of the number of rows: n * (distance to the limit / distance to the threshold) ** 2. None where
    no practical number would do: the value is the threshold, or the limit is not bounded.
    """
    if measure.value is None:
        return None
    low, high = find_limits(measure)
    is_held = holds(measure.value, criterion)
    limit = low if is_held == (criterion.comparator == "at_least") else high
    value = read_decimal(measure.value)
    gap = abs(value - read_decimal(criterion.threshold))
    if not gap or not math.isfinite(limit):
        return None
    exact = measure.n * (abs(read_decimal(limit) - value) / gap) ** 2
    # A limit on the threshold meets it from the right side only.
    rows = math.ceil(exact) if is_held else math.floor(exact) + 1
    return max(rows, measure.n + 1) if rows <= LARGEST_ROWS else None


def say_what_settles(measure: Measure, criterion: Criterion, rows: int | None) -> str:
    """Return in words what would settle an inconclusive criterion."""
    if rows is not None:
        return (
            f"about {rows:,} rows instead of {measure.n:,}, if the value and the shares of the groups stay and the "
            "interval narrows with the square root of the number of rows"
        )
    if measure.value is not None and read_decimal(measure.value) == read_decimal(criterion.threshold):
        return "no number of rows would settle it: the value is the threshold"
    low, high = find_limits(measure)
    if math.isinf(low) or math.isinf(high):
        return "how many rows would settle it cannot be told: the interval has no bound on that side"
    return "no practical number of rows would settle it: the value is too close to the threshold"


def _withhold(measure: Measure, criterion: Criterion, minimum_group_size: int | None) -> Verdict:
    """Return the verdict on a value that must not meet a criterion, whatever it is."""
    reason = measure.reason or "undefined"
    if minimum_group_size is None or "below minimum size" not in reason:
        return Verdict(criterion, INCONCLUSIVE, reason, measure)
    if measure.n >= minimum_group_size:
        text = f"at least {minimum_group_size:,} rows in each group that is compared"
        return Verdict(criterion, INCONCLUSIVE, reason, measure, None, text)
    low, high = find_limits(measure)
    is_wide = holds(low, criterion) != holds(high, criterion)
    wanted = count_rows_needed(measure, criterion) if is_wide else minimum_group_size
    if wanted is None:
        return Verdict(criterion, INCONCLUSIVE, reason, measure, None, say_what_settles(measure, criterion, None))
    rows = max(wanted, minimum_group_size)
    return Verdict(criterion, INCONCLUSIVE, reason, measure, rows, say_what_settles(measure, criterion, rows))


def describe_measure(measure: Measure) -> str:
    """Return what was measured, in words."""
    text = f"measured {measure.value:.4g}"
    if measure.low == measure.high == measure.value:
        text += ", exact"
    elif measure.low is not None or measure.high is not None:
        ends = ["unbounded" if end is None else f"{end:.4g}" for end in (measure.low, measure.high)]
        text += f", interval {ends[0]} to {ends[1]}"
    return f"{text} (among {measure.n:,} rows)"


def _explain_absence(criterion: Criterion, keys: Sequence[tuple[str, str]], absent: Mapping[str, Sequence[str]]) -> str:
    """Say why nothing was measured, with what the author of the criterion may have meant."""
    metric, population = criterion.metric, criterion.population
    for feature, values in absent.items():
        for value in values:
            if name_group([feature], [value]) in population.split(JOIN):
                return f"the declared group {name_group([feature], [value])} has no rows"
    populations = [place for name, place in keys if name == metric]
    if populations:
        return f"{metric} was not measured for the population {population!r}{_suggest(population, populations)}"
    names = list(dict.fromkeys(name for name, place in keys if place == population))
    names += [name for name in dict.fromkeys(name for name, _ in keys) if name not in names]
    return f"{metric} was not measured{_suggest(metric, names)}"


def _suggest(wanted: str, names: Sequence[str]) -> str:
    """Return a question about the name that comes nearest; nothing where none is near."""
    folded = {name.casefold(): name for name in reversed(names)}
    near = difflib.get_close_matches(wanted.casefold(), folded, n=1, cutoff=0.5)
    return f"; did you mean {folded[near[0]]!r}?" if near else ""


def find_absent(
    declared: Mapping[str, Sequence[str]], present: Mapping[str, Iterable[str]]
) -> dict[str, tuple[str, ...]]:
    """Return the declared groups that have no rows, by sensitive feature.

    >>> find_absent({"sex": ("F", "M", "X")}, {"sex": {"F", "M"}})
    {'sex': ('X',)}
    """
    absent = {}
    for name, values in declared.items():
        found = set(present.get(name, ()))
        absent[name] = tuple(value for value in values if value not in found)
    return {name: values for name, values in absent.items() if values}


def mark_incomplete(measures: Sequence[Measure], absent: Mapping[str, Sequence[str]]) -> list[Measure]:
    """Give every comparison over a feature of which a declared group is absent its reason.

    What compares groups ("by sex", "by sex & age", and impact ratios, whose highest group may be
    the absent one) cannot meet a criterion while a declared group has no rows.
    """
    return [_mark(measure, absent) for measure in measures]


def _mark(measure: Measure, absent: Mapping[str, Sequence[str]]) -> Measure:
    for feature, values in absent.items():
        name = name_comparison([feature]).removeprefix("by ")
        parts = measure.population.split(JOIN)
        is_comparison = name in [part.removeprefix("by ") for part in parts]
        is_of_group = any(part.startswith(f"{name}=") for part in parts)
        is_impact = is_of_group and measure.metric in (IMPACT_RATIO, SCORING_RATIO)
        if is_comparison or is_impact:
            listed = ", ".join(name_group([feature], [value]) for value in values[:3])
            more = f" and {len(values) - 3} more" if len(values) > 3 else ""
            gap = f"declared group without rows: {listed}{more}"
            measure = replace(measure, reason=f"{measure.reason}; {gap}" if measure.reason else gap)
    return measure
