"""Limits of a loss: two values held against each other, by closed forms or by paired draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from audits.bias.paired import PairedDraws
from audits.intervals import Bounded, divide_bounded, subtract
from audits.metrics import METRICS
from audits.populations import name_group
from audits.spec import AuditSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Population(NamedTuple):
    """A group of some features; no features for everybody."""

    features: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the population as it is written without a condition."""
        return name_group(self.features, self.values)


class Limits(NamedTuple):
    """A value with limits that may be missing."""

    value: float
    low: float | None
    high: float | None
    method: str


@dataclass(frozen=True)
class LossMethod:
    """How limits are found: by paired draws where there are some."""

    spec: AuditSpec
    baseline: str
    paired: PairedDraws | None

    def bound(
        self, metric: str, population: Population, condition: str, first: Bounded, second: Bounded
    ) -> tuple[Limits, Limits | None]:
        """Return the limits of loss and ratio; `first` is the baseline."""
        loss = _subtract(metric, first, second)
        ratio = _divide(second, first)
        drawn = self.draw(metric, population, condition)
        if drawn is None:
            return loss, ratio
        losses = turn(metric, drawn[0], drawn[1])
        low, high = _find_quantiles(losses, self.spec.level)
        if high > low:
            # A bootstrap of few clusters can miss the value; the interval never does.
            loss = Limits(loss.value, min(low, loss.value), max(high, loss.value), "bootstrap-clusters")
        if ratio is not None and (drawn[0] > 0).all():
            low, high = _find_quantiles(drawn[1] / drawn[0], self.spec.level)
            if high > low:
                ratio = Limits(ratio.value, min(low, ratio.value), max(high, ratio.value), "bootstrap-clusters")
        return loss, ratio

    def draw(
        self, metric: str, population: Population, condition: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Return drawn values (under the baseline, under the condition) of the draws that have both."""
        if self.paired is None or METRICS[metric].compute is None:
            return None
        pair = [
            self.paired.draw(metric, population.features, population.values, name)
            for name in (self.baseline, condition)
        ]
        is_defined = ~(_is_nan(pair[0]) | _is_nan(pair[1]))
        return (pair[0][is_defined], pair[1][is_defined]) if is_defined.sum() > 1 else None


def _is_nan(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    import numpy as np

    return np.isnan(values)


def _find_quantiles(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    import numpy as np

    low, high = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def turn(metric: str, baseline: Any, value: Any) -> Any:
    """Return the loss from baseline to value: positive where it is for the worse; numbers or arrays.

    The plain change where no direction is better.
    """
    direction = METRICS[metric].direction
    if direction == "higher" or direction == "closer to 1":
        return baseline - value
    if direction == "closer to 0":
        return abs(value) - abs(baseline)
    return value - baseline


def _subtract(metric: str, first: Bounded, second: Bounded) -> Limits:
    direction = METRICS[metric].direction
    if direction == "closer to 0":
        first, second = _fold(first), _fold(second)
    if direction == "higher" or direction == "closer to 1":
        low, high, method = subtract(first, second)
    else:
        low, high, method = subtract(second, first)
    return Limits(turn(metric, first.value, second.value), low, high, method)


def _fold(bound: Bounded) -> Bounded:
    """Return the absolute value with its limits."""
    ends = abs(bound.low), abs(bound.high)
    low = 0.0 if bound.low <= 0 <= bound.high else min(ends)
    return Bounded(abs(bound.value), low, max(ends))


def _divide(value: Bounded, baseline: Bounded) -> Limits | None:
    if baseline.value <= 0 or min(value.low, baseline.low) < 0:
        return None
    low, high, method = divide_bounded(value, baseline)
    return Limits(value.value / baseline.value, low, high if high < float("inf") else None, method)
