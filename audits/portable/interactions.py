"""Which pairs of features work together in a tree ensemble, and how strongly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from audits.portable.attribute import Question
from audits.portable.tree_shap import interact_trees
from audits.portable.trees import TreeEnsemble

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN_PAIRS = 20
METHOD = "exact Shapley interaction values; normal interval over rows"


def find_interactions(
    model: TreeEnsemble,
    table: NDArray[np.float64],
    question: Question,
    z: float,
    background: NDArray[np.float64] | None = None,
) -> list[dict[str, Any]]:
    """Return the strongest pairs, strongest first, at most 20.

    Parameters
    ----------
    model : TreeEnsemble
    table : array of shape (columns, rows)
        A thousand rows are a good number.
    question : Question
        Whose output and players are meant.
    z : float
        The quantile that belongs to the confidence level.
    background : array of shape (columns, background rows), optional
        Stands in for absent features; the cover does without it.

    Returns
    -------
    list of dict
        `features` (two), `strength`: the mean absolute interaction value of the pair over the rows,
        `low`, `high`, `rows`, `method`.
    """
    import numpy as np

    found = interact_trees(model, table, question.player_of, question.output, background=background)
    rows = table.shape[1]
    size = np.abs(found.values)
    strength = size.mean(axis=1) if len(size) else np.zeros(0)
    strongest = [int(place) for place in np.argsort(-strength, kind="stable")[:SHOWN_PAIRS] if strength[place] > 0]
    listed = []
    for place in strongest:
        first, second = found.pairs[place]
        half = z * float(size[place].std(ddof=1)) / math.sqrt(rows) if rows > 1 else None
        mean = float(strength[place])
        listed.append(
            {
                "features": [question.names[first], question.names[second]],
                "strength": mean,
                "low": None if half is None else max(0.0, mean - half),
                "high": None if half is None else mean + half,
                "rows": rows,
                "method": METHOD,
            }
        )
    return listed
