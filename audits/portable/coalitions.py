"""Shapley values on the scale of the prediction, where the margin is a sum of one part per player.

With every player's part of the margin known for the row and for each background row, the value of
a coalition is the mean over the background of link(parts of the row inside, of the background row
outside). All 2^k coalitions are computed: the definition itself, with no sampling.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial
from typing import TYPE_CHECKING

from audits.errors import BadInput
from audits.portable.predict import apply_link
from audits.portable.tree_shap import Attribution

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_PLAYERS = 12
MAXIMUM_EVALUATIONS = 500_000_000
"""Links computed: coalitions x rows x background rows x outputs, a few seconds' work."""
BLOCK = 256


def count_affordable(players: int, background: int, outputs: int) -> int:
    """Return how many rows can be explained within the bound."""
    return max(1, MAXIMUM_EVALUATIONS // ((1 << players) * background * outputs))


def explain_predictions(
    link: str,
    parts: NDArray[np.float64],
    absent: NDArray[np.float64],
    intercepts: NDArray[np.float64],
    place: int,
    progress: Callable[[float], None] | None = None,
) -> Attribution:
    """Return the exact Shapley values of one prediction for every row.

    Parameters
    ----------
    link : str
    parts : array of shape (outputs, players, rows)
        What each player adds to each margin.
    absent : array of shape (outputs, players, background rows)
    intercepts : array of shape (outputs,)
    place : int
        The class or output explained; for the logit link 0 or 1.
    progress : callable, optional

    Raises
    ------
    BadInput
        Where it would take too long, with the number of rows that would do.
    """
    import numpy as np

    outputs, players, rows = parts.shape
    affordable = count_affordable(players, absent.shape[2], outputs)
    if players > MOST_PLAYERS or rows > affordable:
        raise BadInput(
            f"{rows:,} rows against {absent.shape[2]:,} background rows take too long; at most {affordable:,} rows",
            column="rows",
        )
    values = np.zeros((players, rows))
    for start in range(0, rows, BLOCK):
        block = parts[:, :, start : start + BLOCK]
        worth = _value_coalitions(link, block, absent, intercepts, place)
        values[:, start : start + BLOCK] = _weigh(worth, players)
        if progress:
            progress(min(1.0, (start + BLOCK) / rows))
    base = _value_coalition(link, parts[:, :, :1], absent, intercepts, place, np.zeros(players, dtype=np.bool_))
    return Attribution(float(base[0]), values)


def _value_coalitions(
    link: str,
    parts: NDArray[np.float64],
    absent: NDArray[np.float64],
    intercepts: NDArray[np.float64],
    place: int,
) -> NDArray[np.float64]:
    """Return the value of every coalition for every row, shape (2^k, rows); bit j is player j."""
    import numpy as np

    players = parts.shape[1]
    inside = (np.arange(1 << players)[:, None] >> np.arange(players)) & 1 == 1
    return np.array([_value_coalition(link, parts, absent, intercepts, place, group) for group in inside])


def _value_coalition(
    link: str,
    parts: NDArray[np.float64],
    absent: NDArray[np.float64],
    intercepts: NDArray[np.float64],
    place: int,
    inside: NDArray[np.bool_],
) -> NDArray[np.float64]:
    present = parts[:, inside].sum(axis=1) + intercepts[:, None]
    margins = present[:, :, None] + absent[:, ~inside].sum(axis=1)[:, None, :]
    outputs = apply_link(link, margins)
    if link == "logit" and place == 0:
        outputs = 1.0 - outputs
    found: NDArray[np.float64] = outputs[0 if link == "logit" else place].mean(axis=1)
    return found


def _weigh(worth: NDArray[np.float64], players: int) -> NDArray[np.float64]:
    """Return the Shapley values, shape (players, rows), from the values of all coalitions."""
    import numpy as np

    groups = np.arange(1 << players)
    sizes = ((groups[:, None] >> np.arange(players)) & 1).sum(axis=1)
    weights = np.array([factorial(s) * factorial(players - s - 1) / factorial(players) for s in range(players)])
    found = np.empty((players, worth.shape[1]))
    for player in range(players):
        without = groups[(groups >> player) & 1 == 0]
        found[player] = weights[sizes[without]] @ (worth[without | 1 << player] - worth[without])
    return found
