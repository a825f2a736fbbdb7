"""Which rows are explained: spread over groups and answers, as many as the stated precision needs.

Rows are sorted by group and, within it, by what the model says, and taken at equal distances from a seeded start: every
row has the same chance, groups and the range of answers are represented in proportion, and means need no weights. The
portal takes rows for its own explanations by the same rule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIRST_ROWS = 1_000
SMALLEST_SHARE = 0.01
Z_95 = 1.959963984540054

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


def take_rows(outputs: Numbers, count: int, seed: int, strata: Sequence[Any] | None = None) -> Places:
    """Return ``count`` rows, ascending, spread evenly over the strata and within them over the outputs."""
    total = len(outputs)
    if count >= total:
        return np.arange(total)
    generator = np.random.default_rng(seed)
    shuffle = generator.permutation(total)  # equal outputs come in a random order, not in that of the file
    keys: list[Any] = [shuffle, outputs]
    if strata is not None:
        keys.append(np.unique(np.asarray([str(value) for value in strata]), return_inverse=True)[1])
    order = np.lexsort(keys)
    places = np.floor((np.arange(count) + generator.random()) * (total / count)).astype(np.int64)
    return np.sort(order[np.minimum(places, total - 1)])


def measure_uncertainty(shap: Numbers) -> float | None:
    """Return the largest relative half-width (95 %) of an importance that matters; None where none can be told.

    ``shap`` has the shape (rows, features).
    """
    size = np.abs(shap)
    mean = size.mean(axis=0)
    total = float(mean.sum())
    if len(shap) < 2 or total == 0:
        return None
    matters = mean >= SMALLEST_SHARE * total
    spread = size.std(axis=0, ddof=1) / math.sqrt(len(shap))
    return float((Z_95 * spread[matters] / mean[matters]).max())


def count_rows(shap: Numbers, precision: float, most: int) -> int:
    """Return how many rows bring the worst importance to ``precision``, judged by the rows explained so far."""
    found = measure_uncertainty(shap)
    if found is None or found <= precision:
        return len(shap)
    return min(most, math.ceil(1.1 * len(shap) * (found / precision) ** 2))
