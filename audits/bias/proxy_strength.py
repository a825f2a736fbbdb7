"""How much one column alone says about a sensitive feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audits.counting.scores import ScoreCounts, effective_size
from audits.intervals import Bounded
from audits.spec import AuditSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DRAWS = 400
FEWEST_DRAWS = 50
LARGEST_DRAW = 4_000_000
"""Counts drawn at most, so that a column of very many values costs no more than others."""
SMOOTHING = 10.0


def find_strength(
    code: NDArray[np.int64],
    label: NDArray[np.int64],
    weight: NDArray[np.float64],
    cluster: NDArray[np.int64] | None,
    spec: AuditSpec,
) -> Bounded:
    """Return Cramer's V with bias correction between values and classes, with bootstrap limits.

    Weighted rows count as the number of rows they are worth (Kish), rows in clusters as no more
    than there are clusters.

    Parameters
    ----------
    code, label : array of shape (rows,)
        Value and class of every row, from 0.
    weight : array of shape (rows,)
    cluster : array of shape (rows,) or None
    spec : AuditSpec
        Level and seed.
    """
    import numpy as np

    values, classes = int(code.max()) + 1, int(label.max()) + 1
    table = np.bincount(code * classes + label, weights=weight, minlength=values * classes)
    size = count_worth(weight, cluster, np.ones(len(weight), dtype=bool))
    share = table / table.sum()
    observed = float(correct_v(share[None, :], values, classes, size)[0])
    generator = np.random.default_rng(spec.seed)
    whole = max(round(size), 1)
    draws = max(FEWEST_DRAWS, min(DRAWS, LARGEST_DRAW // len(share)))
    found = np.concatenate(
        [correct_v(generator.multinomial(whole, share)[None, :] / whole, values, classes, size) for _ in range(draws)]
    )
    low, high = np.quantile(found, [0.5 - spec.level / 2, 0.5 + spec.level / 2])
    # Resampling adds association of its own: as for ranges, the lower limit is reflected.
    return Bounded(
        observed, max(0.0, min(2 * observed - float(high), observed, float(low))), max(float(high), observed)
    )


def count_worth(weight: NDArray[np.float64], cluster: NDArray[np.int64] | None, chosen: NDArray[np.bool_]) -> float:
    """Return how many independent rows some rows are worth: by their weights, and at most one per cluster.

    Rows of a cluster may be alike in everything; to count the cluster once is the careful reading.
    """
    import numpy as np

    size = effective_size(float(weight[chosen].sum()), float((weight[chosen] ** 2).sum()))
    return size if cluster is None else min(size, float(len(np.unique(cluster[chosen]))))


def correct_v(shares: NDArray[np.float64], values: int, classes: int, size: float) -> NDArray[np.float64]:
    """Return Bergsma's corrected Cramer's V of tables of shares: one per row of `shares`.

    Values and classes that do not occur in a table do not count as its rows and columns.
    """
    import numpy as np

    table = shares.reshape(-1, values, classes)
    by_value, by_class = table.sum(axis=2, keepdims=True), table.sum(axis=1, keepdims=True)
    expected = by_value * by_class
    with np.errstate(divide="ignore", invalid="ignore"):
        square = np.where(expected > 0, (table - expected) ** 2 / expected, 0.0).sum(axis=(1, 2))
    rows, columns = (by_value > 0).sum(axis=(1, 2)), (by_class > 0).sum(axis=(1, 2))
    if size <= 1:
        return np.zeros(len(table))
    corrected = np.maximum(0.0, square - (rows - 1) * (columns - 1) / (size - 1))
    fewer = np.minimum(rows - (rows - 1) ** 2 / (size - 1), columns - (columns - 1) ** 2 / (size - 1)) - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(fewer > 0, np.sqrt(corrected / fewer), 0.0)
    return np.minimum(found, 1.0)


def find_lone_auc(
    code: NDArray[np.int64], label: NDArray[np.int64], weight: NDArray[np.float64], folds: NDArray[np.int64]
) -> float:
    """Return the AUC of one column alone: class rates of its values, found on the other folds.

    With more than two classes the mean over the classes, each against the rest.
    """
    import numpy as np

    from audits.bias.proxy_rows import smooth_rates

    values, classes = int(code.max()) + 1, int(label.max()) + 1
    score = np.empty((len(label), classes))
    for number in np.unique(folds):
        test, train = folds == number, folds != number
        rates = smooth_rates(code[train] * classes + label[train], label[train], weight[train], values, classes)
        score[test] = rates[code[test]]
    wanted = (1,) if classes == 2 else range(classes)
    return float(np.mean([_find_auc(score[:, place], label == place, weight) for place in wanted]))


def _find_auc(score: NDArray[np.float64], mine: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    import numpy as np

    nothing, ones = np.zeros(len(score), dtype=np.int64), np.ones(len(score), dtype=np.int64)
    columns = [nothing, mine.astype(np.int64), score, ones, weight, weight**2]
    return ScoreCounts.create([()], columns).summarise([])[()].auc
