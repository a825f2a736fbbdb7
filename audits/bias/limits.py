"""Values with limits: what a comparison of two groups, or of several metrics, is put together from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from audits.bias.results import Estimate, Group
from audits.intervals import Bounded, Interval, divide_bounded, is_saturated, katz_log
from audits.metrics import SHARES, Counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BY_DEFINITION = "by definition"


def percentiles(drawn: NDArray[np.float64], value: float, level: float) -> Interval | None:
    """Return the percentile limits of draws, never leaving out the value itself."""
    import numpy as np

    usable = drawn[np.isfinite(drawn)]
    if len(usable) < 2:
        return None
    low, high = np.quantile(usable, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(min(float(low), value), max(float(high), value), "cluster bootstrap")


def value_of(group: Group, name: str) -> float:
    """Return the value of a metric of a group, NaN where undefined."""
    value = group.estimates[name].value
    return math.nan if value is None else value


def bound_of(group: Group, name: str) -> Bounded | None:
    """Return the value of a metric with its limits, None where it lacks one of them."""
    found = group.estimates[name]
    if found.value is None or found.low is None or found.high is None:
        return None
    return Bounded(found.value, found.low, found.high)


def bound_estimate(value: float, interval: Interval | None, reason: str | None) -> Estimate:
    """Return an estimate with the limits of an interval, or with the reason that there are none."""
    if interval is None:
        return Estimate(value, reason=reason or "no interval can be given")
    high = interval.high if math.isfinite(interval.high) else None
    return Estimate(value, interval.low, high, interval.method, reason)


def combine(parts: Sequence[Estimate], how: str) -> Estimate:
    """Return one value from those of several metrics (equalized odds: TPR and FPR), without limits.

    A ratio that is undefined is passed over; a difference that is undefined leaves the whole
    undefined. The reasons of all parts are kept.
    """
    if len(parts) == 1:
        return parts[0]
    reasons = dict.fromkeys(part.reason for part in parts if part.reason)
    reason = "; ".join(reasons) or None
    values = [part.value for part in parts if part.value is not None]
    if not values or (len(values) < len(parts) and how != "lowest"):
        return Estimate(None, reason=reason)
    if how == "mean":
        return Estimate(math.fsum(values) / len(values), reason=reason)
    return Estimate(max(values) if how == "highest" else min(values), reason=reason)


def divide_groups(name: str, group: Group, base: Group, z: float) -> Interval | None:
    """Return limits of the ratio of a metric between two groups.

    Katz's log method for shares of whole rows; MOVER where a share is 0 or 1, rows are weighted or
    the metric is not a share.
    """
    share = SHARES.get(name)
    if share is not None and group.counts == group.weights:
        counts, others = Counts(*group.counts), Counts(*base.counts)
        own, other = (share.part(counts), share.whole(counts)), (share.part(others), share.whole(others))
        interval = katz_log(*own, *other, z)
        if interval is not None and not is_saturated(*own) and not is_saturated(*other):
            return interval
    first, second = bound_of(group, name), bound_of(base, name)
    if first is None or second is None or second.value <= 0:
        return None
    return divide_bounded(first, second)
