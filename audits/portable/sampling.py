"""Which rows are explained: as many as the stated precision needs, spread over the whole range of answers.

Rows are sorted by what the model says of them and taken at equal distances from a seeded start.
Every row has the same chance, so means need no weights, and no part of the range is missed by
chance. A first sample tells how uncertain the worst feature's importance is, and so how many rows
it takes: the uncertainty falls with the root of their number.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FIRST_ROWS = 1_000
ROWS_PER_GROUP = 200
"""Every group should have so many explained rows, or its means say little."""
SMALLEST_SHARE = 0.01
"""Features with less of the total importance are not waited for."""


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows explained, ascending, and how sure the worst importance is.

    `uncertainty` is the half-width of its interval relative to it, None where no feature has any
    importance or only one row is there.
    """

    rows: NDArray[np.int64]
    worst: int | None
    uncertainty: float | None


def take_rows(outputs: NDArray[np.float64], count: int, seed: int) -> NDArray[np.int64]:
    """Return `count` rows at equal distances along the sorted outputs, in the order of the table."""
    import numpy as np

    total = len(outputs)
    if count >= total:
        return np.arange(total)
    generator = np.random.default_rng(seed)
    # Equal outputs come in a random order, or rows would follow the order of the file.
    order = np.lexsort((generator.permutation(total), outputs))
    places = np.floor((np.arange(count) + generator.random()) * (total / count)).astype(np.int64)
    return np.sort(order[np.minimum(places, total - 1)])


def measure_uncertainty(values: NDArray[np.float64], z: float) -> tuple[int | None, float | None]:
    """Return (feature, relative half-width) of the least certain importance among those that matter.

    Parameters
    ----------
    values : array of shape (players, rows)
    z : float
        The quantile that belongs to the confidence level.
    """
    import numpy as np

    size = np.abs(values)
    mean = size.mean(axis=1)
    total = float(mean.sum())
    if values.shape[1] < 2 or total == 0:
        return None, None
    matters = mean >= SMALLEST_SHARE * total
    spread = size.std(axis=1, ddof=1) / math.sqrt(values.shape[1])
    relative = np.where(matters, z * spread / np.where(mean > 0, mean, 1.0), 0.0)
    worst = int(relative.argmax())
    return worst, float(relative[worst])


def explain_sample(
    explain: Callable[[NDArray[np.int64]], Any],
    outputs: NDArray[np.float64],
    *,
    most: int,
    precision: float,
    z: float,
    seed: int,
    smallest_share: float = 1.0,
) -> tuple[Sample, Any]:
    """Explain as many rows as it takes.

    Parameters
    ----------
    explain : callable
        Rows to their attribution, which has `values` of shape (players, rows).
    outputs : array of shape (rows,)
        What the model says of every row.
    most : int
        At most so many rows are explained.
    precision : float
        The relative half-width wanted for the worst importance.
    z, seed : float, int
    smallest_share : float
        The smallest group's share of the rows; the sample is large enough to hold 200 of its rows.

    Returns
    -------
    tuple
        The sample and the attribution of its rows.
    """
    most = min(most, len(outputs))
    first = max(FIRST_ROWS, math.ceil(ROWS_PER_GROUP / smallest_share))
    rows = take_rows(outputs, min(most, first), seed)
    found = explain(rows)
    worst, uncertainty = measure_uncertainty(found.values, z)
    if uncertainty is not None and uncertainty > precision and len(rows) < most:
        needed = math.ceil(1.1 * len(rows) * (uncertainty / precision) ** 2)
        rows = take_rows(outputs, min(most, needed), seed)
        found = explain(rows)
        worst, uncertainty = measure_uncertainty(found.values, z)
    return Sample(rows, worst, uncertainty), found


def find_smallest_share(groups: Mapping[str, Sequence[str | None]]) -> float:
    """Return the share of the smallest group of any feature, 1 without groups."""
    shares = [1.0]
    for values in groups.values():
        counts = Counter(value for value in values if value is not None)
        shares += [count / len(values) for count in counts.values()]
    return min(shares)
