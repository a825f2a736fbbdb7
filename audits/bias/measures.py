"""A result as one flat list: metric, population, value with limits. What criteria are judged by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from audits.bias.disparities import IMPACT_RATIO, SCORING_RATE, SCORING_RATIO
from audits.bias.results import BiasAudit, Estimate, Group, Grouping
from audits.metrics import COUNT
from audits.populations import OVERALL, name_class, name_comparison, name_group


@dataclass(frozen=True)
class Measure:
    """One number about one population.

    Attributes
    ----------
    metric : str
        A name in `METRICS`, `DISPARITIES` or "n".
    population : str
        "overall", "sex=female", "sex=female & age=60+", "by sex" or "by sex & age"; of one class
        of several "label=mid & sex=female" (see `populations`).
    value, low, high : float or None
        The value and its confidence limits.
    n : int
        Rows of the population.
    reason : str or None
        Why the number is undefined or cannot meet a criterion, e.g. "group below minimum size
        20". A measure with a reason is never MET.
    """

    metric: str
    population: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the measure as a JSON-ready object."""
        return {
            "metric": self.metric,
            "population": self.population,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "reason": self.reason,
        }


def measures(result: BiasAudit) -> list[Measure]:
    """Return everything a bias audit measured, each (metric, population) once."""
    found = list(_measure_group(result.overall, OVERALL))
    for grouping in result.groupings:
        found.extend(_measure_grouping(grouping))
    for label, audit in result.per_class.items():
        found.extend(
            replace(measure, population=name_class(label, measure.population))
            for measure in measures(audit)
            if measure.metric != COUNT
        )
    return found


def _create(metric: str, population: str, estimate: Estimate, n: int) -> Measure:
    reason = estimate.reason
    if estimate.value is not None and estimate.low is None and reason is None:
        reason = "no interval can be given"
    return Measure(metric, population, estimate.value, estimate.low, estimate.high, n, reason)


def _measure_group(group: Group, population: str) -> Iterator[Measure]:
    n = float(group.n)
    yield Measure(COUNT, population, n, n, n, group.n)
    for name, estimate in group.estimates.items():
        yield _create(name, population, estimate, group.n)


def _measure_grouping(grouping: Grouping) -> Iterator[Measure]:
    sizes = {group.values: group.n for group in grouping.groups}
    for group in grouping.groups:
        yield from _measure_group(group, name_group(grouping.features, group.values))
    for ratio in grouping.impact_ratios:
        population = name_group(grouping.features, ratio.group)
        yield _create(IMPACT_RATIO, population, ratio.estimate, sizes[ratio.group])
    for values, estimates in grouping.versus_reference.items():
        population = name_group(grouping.features, values)
        for name, estimate in estimates.items():
            yield _create(name, population, estimate, sizes[values])
    yield from _measure_further(grouping, sizes)
    population = name_comparison(grouping.features)
    for name, estimate in grouping.disparities.items():
        yield _create(name, population, estimate, sum(sizes.values()))


def _measure_further(grouping: Grouping, sizes: Mapping[tuple[str, ...], int]) -> Iterator[Measure]:
    """Yield the standardized differences and the scoring rates of every group."""
    for values, estimates in grouping.standardized.items():
        population = name_group(grouping.features, values)
        for name, estimate in estimates.items():
            yield _create(name, population, estimate, sizes[values])
    for rate in grouping.scoring:
        population = name_group(grouping.features, rate.group)
        yield _create(SCORING_RATE, population, rate.estimate, rate.n)
        yield _create(SCORING_RATIO, population, rate.ratio, rate.n)
