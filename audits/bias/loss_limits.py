"""Limits of a loss: two values held against each other, by closed forms or by paired draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from audits.bias.clustering import find_stretch
from audits.bias.paired import PairedDraws, Population
from audits.bias.results import ClustersBehind
from audits.intervals import Bounded, divide_bounded, find_z, subtract, wilson
from audits.metrics import METRICS, SHARES
from audits.spec import AuditSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STILL = 1e-12
"""Draws that lie closer together are the same but for their last digits."""


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
    paired: PairedDraws | None

    def bound(
        self, metric: str, population: Population, condition: str, first: Bounded, second: Bounded
    ) -> tuple[Limits, Limits | None]:
        """Return the limits of loss and ratio; `first` is the baseline."""
        loss = _subtract(metric, first, second)
        ratio = _divide(second, first)
        drawn = None if self.paired is None else self.paired.draw(metric, population, condition)
        if drawn is None:
            return loss, ratio
        counted = self.count_clusters(metric, population, condition)
        stretch = find_stretch(counted, find_z(self.spec.level))
        losses = loss.value + stretch * (turn(metric, drawn[0], drawn[1]) - loss.value)
        low, high = _find_quantiles(losses, self.spec.level)
        if high - low > STILL:
            # A bootstrap of few clusters can miss the value; the interval never does.
            loss = Limits(loss.value, min(low, loss.value), max(high, loss.value), "bootstrap-clusters")
        else:
            loss = self._bound_alike(loss, metric, population, condition)
        if ratio is not None and (drawn[0] > 0).all():
            ratios = ratio.value + stretch * (drawn[1] / drawn[0] - ratio.value)
            low, high = _find_quantiles(ratios, self.spec.level)
            if high - low > STILL:
                low = max(min(low, ratio.value), 0.0)
                ratio = Limits(ratio.value, low, max(high, ratio.value), "bootstrap-clusters")
            elif not self.has_pairs:
                ratio = Limits(ratio.value, None, None, "none")
        return loss, ratio

    @property
    def has_pairs(self) -> bool:
        """Tell whether a cluster is one row, tried under every condition."""
        return self.paired is not None and self.paired.is_plain

    def count_clusters(self, metric: str, population: Population, condition: str) -> ClustersBehind | None:
        """Return the clusters behind a metric; None where none are drawn for it."""
        if self.paired is None or METRICS[metric].needs != "label":
            return None
        return self.paired.count_clusters(metric, population, condition)

    def _bound_alike(self, loss: Limits, metric: str, population: Population, condition: str) -> Limits:
        """Return limits where no draw differs: as for a share of which none of the pairs was seen.

        Where clusters are more than pairs of rows, each of them counts as one.
        """
        pairs = None if self.paired is None else self.paired.count_pairs(metric, population, condition)
        if pairs is not None and loss.low is not None and loss.high is not None:
            room = wilson(0, pairs, find_z(self.spec.level)).high
            low, high = loss.value - room, loss.value + room
            return Limits(loss.value, max(low, loss.low), min(high, loss.high), "wilson-pairs")
        counted = self.count_clusters(metric, population, condition)
        if self.has_pairs or counted is None:
            return loss
        if metric not in SHARES or not counted.worth:
            return Limits(loss.value, None, None, "none")
        room = wilson(0, counted.worth, find_z(self.spec.level)).high
        return Limits(loss.value, loss.value - room, loss.value + room, "wilson-clusters")


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
