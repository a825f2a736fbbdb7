"""What happens to numbers on their way into a table: noise, drift, wrong units, sensors that stick or are gone.

The order of the rows is taken as the order of time. The spread of a column is its standard deviation, in the rows at
hand, of the numbers that are there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from countersign.stress.catalogue import register
from countersign.stress.randomness import Floats, Stream

COLUMNS = ("columns",)


def _spread(values: Floats) -> float:
    """The standard deviation, summed exactly enough to be the same everywhere."""
    known = [float(value) for value in values[np.isfinite(values)]]
    if not known:
        return 0.0
    mean = math.fsum(known) / len(known)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in known) / len(known))


@register(
    "sensor_noise", "numbers", "Noise of a sensor", "standard deviation, in spreads of the column",
    (0.05, 0.1, 0.2, 0.4, 0.8), options=COLUMNS,
)  # fmt: skip
def add_noise(values: Floats, sigma: float, stream: Stream, options: Any) -> Floats:
    """Normal noise is added to every number."""
    return values + sigma * _spread(values) * stream.normal(len(values))


@register(
    "sensor_bias", "numbers", "A sensor that reads too high or too low", "offset, in spreads of the column",
    (0.1, 0.25, 0.5, 1, 1.5), options=COLUMNS,
)  # fmt: skip
def add_bias(values: Floats, offset: float, stream: Stream, options: Any) -> Floats:
    """The same amount is added to every number of a column, or taken from it."""
    return values + (offset if stream.integer(2) else -offset) * _spread(values)


@register(
    "sensor_drift", "numbers", "A sensor that drifts", "offset at the last row, in spreads of the column",
    (0.25, 0.5, 1, 1.5, 2), options=COLUMNS,
)  # fmt: skip
def add_drift(values: Floats, offset: float, stream: Stream, options: Any) -> Floats:
    """The offset grows evenly from nothing at the first row, upwards or downwards."""
    growth = np.arange(len(values)) / max(1, len(values) - 1)
    return values + (offset if stream.integer(2) else -offset) * _spread(values) * growth


def _gap(count: int, share: float, stream: Stream) -> slice:
    """A run of rows, one at least."""
    length = min(count, max(1, int(share * count + 0.5)))
    start = stream.integer(count - length + 1)
    return slice(start, start + length)


@register(
    "stuck_sensor", "numbers", "A sensor that sticks at its last value", "share of the rows, one after the other",
    (0.05, 0.1, 0.25, 0.5, 1), options=COLUMNS,
)  # fmt: skip
def stick(values: Floats, share: float, stream: Stream, options: Any) -> Floats:
    """During a run of rows a column keeps the last value before it; the run lies elsewhere in every column."""
    changed = values.copy()
    if len(values):
        gap = _gap(len(values), share, stream)
        changed[gap] = values[max(0, gap.start - 1)]
    return changed


@register(
    "dropped_sensor", "numbers", "A sensor that gives a constant", "share of the rows, one after the other",
    (0.05, 0.1, 0.25, 0.5, 1), options=("columns", "constant"),
)  # fmt: skip
def drop(values: Floats, share: float, stream: Stream, options: Any) -> Floats:
    """During a run of rows a column is 0, or the option ``constant``; the run lies elsewhere in every column."""
    changed = values.copy()
    if len(values):
        changed[_gap(len(values), share, stream)] = float(options.get("constant", 0.0))
    return changed


@register(
    "unit_mixup", "numbers", "Numbers in another unit", "share of the cells",
    (0.01, 0.02, 0.05, 0.1, 0.2), options=("columns", "factor"),
)  # fmt: skip
def mix_units(values: Floats, share: float, stream: Stream, options: Any) -> Floats:
    """Some numbers are multiplied by 1,000, or by the option ``factor`` (2.54 for inches read as centimetres)."""
    chosen = stream.choose_share(share, len(values))
    changed = values.copy()
    changed[chosen] *= float(options.get("factor", 1000.0))
    return changed


@register(
    "quantisation", "numbers", "A coarse sensor", "steps between the smallest and the largest number",
    (64, 32, 16, 8, 4), options=COLUMNS,
)  # fmt: skip
def quantise(values: Floats, steps: float, stream: Stream, options: Any) -> Floats:
    """Every number is rounded to the nearest of evenly spaced steps."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    if high <= low:
        return values.copy()
    width = (high - low) / steps
    return np.asarray(low + np.rint((values - low) / width) * width)


@register(
    "clipping", "numbers", "A sensor whose range is too small", "share of the numbers cut off at either end",
    (0.01, 0.025, 0.05, 0.1, 0.2), options=COLUMNS,
)  # fmt: skip
def cut_range(values: Floats, share: float, stream: Stream, options: Any) -> Floats:
    """Numbers beyond the range of the sensor are read as its end."""
    known = np.sort(values[np.isfinite(values)])
    if not len(known):
        return values.copy()
    beyond = min(int(share * len(known)), (len(known) - 1) // 2)
    return np.clip(values, known[beyond], known[len(known) - 1 - beyond])
