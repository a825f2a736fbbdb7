"""What a profile found, as numbers that know what they were counted from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from audits.bias.measures import Measure
from audits.populations import OVERALL, name_group
from audits.quality.vocabulary import EXACT, QUALITY_METRICS


@dataclass(frozen=True)
class Quantity:
    """One number of a profile.

    Attributes
    ----------
    metric, population : str
        A name in `QUALITY_METRICS`, and whom it is about.
    value, low, high : float or None
        Equal where the number is exact for the file.
    n : int
        What it was counted among: rows, cells or groups, as the definition says.
    part : float or None
        The count that was divided by `n`, where the number is a share.
    method : str
        "exact, whole file", or how the interval was found.
    reason : str or None
        Why the number is undefined.
    """

    metric: str
    population: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    part: int | None = None
    method: str = EXACT
    reason: str | None = None

    def to_measure(self, reason: str | None = None) -> Measure:
        """Return what criteria are judged by; `reason` says why it cannot meet one."""
        return Measure(self.metric, self.population, self.value, self.low, self.high, self.n, reason or self.reason)

    def to_json(self) -> dict[str, Any]:
        """Return the quantity as a JSON-ready object, with the title of its metric."""
        return {**asdict(self), "title": QUALITY_METRICS[self.metric].title}


def count_share(metric: str, population: str, part: int, whole: int, reason: str | None = None) -> Quantity:
    """Return the share of a count in the whole file; undefined with the metric's reason where `whole` is 0.

    >>> count_share("completeness", "overall", 3, 4).value
    0.75
    >>> count_share("completeness", "overall", 0, 0).reason
    'no row is left to count'
    """
    if whole == 0:
        return undefined(metric, population, reason)
    share = part / whole
    return Quantity(metric, population, share, share, share, whole, part)


def exact(metric: str, population: str, value: float, n: int) -> Quantity:
    """Return a number that is exact for the file."""
    return Quantity(metric, population, float(value), float(value), float(value), n)


def undefined(metric: str, population: str, reason: str | None = None) -> Quantity:
    """Return a number that is not there, and why."""
    why = reason or QUALITY_METRICS[metric].undefined_when
    return Quantity(metric, population, None, None, None, 0, method="", reason=why)


def about_column(name: str) -> str:
    """Return the population string of a column.

    >>> about_column("age")
    'column=age'
    """
    return name_group(["column"], [name])


def about_rule(name: str) -> str:
    """Return the population string of a rule."""
    return name_group(["rule"], [name])


def find_overall(quantities: Sequence[Quantity], metric: str) -> Quantity | None:
    """Return the metric's number about the whole table, if it was measured."""
    return next((found for found in quantities if (found.metric, found.population) == (metric, OVERALL)), None)
