"""Shapley values of predictions of trees, estimated by orders in which the players come in.

Where a link bends the margin, the value of a coalition is the mean prediction of rows that take the
present players from the explained row and the absent ones from each background row, and no table
shortens that. Players are let in one after the other; what the mean prediction gains is the
player's. Every order is also gone backwards, which cancels much of the noise (antithetic sampling).
With up to four players all orders are gone, and the values are exact. Base and values add up to
the prediction whatever the orders, so that adding up says nothing of how sure they are: that is
told by how far the orders differ.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from math import factorial
from typing import TYPE_CHECKING

from audits.portable.columns import transform
from audits.portable.document import PortableModel
from audits.portable.predict import finish, predict_margins
from audits.portable.tree_shap import Attribution
from audits.portable.trees import TreeEnsemble

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_PAIRS, MOST_PAIRS = 4, 8
"""Random orders, each gone both ways: as many as there is time for."""
MOST_ROWS = 500
MAXIMUM_STEPS = 600_000_000
"""Steps through trees that may be taken: about ten seconds."""
BLOCK = 20_000


def draw_orders(players: int, seed: int, pairs: int = FEWEST_PAIRS) -> list[tuple[int, ...]]:
    """Return the orders gone: all of them for up to four players, else seeded pairs, one after the other."""
    import numpy as np

    if goes_all_orders(players):
        return list(itertools.permutations(range(players)))
    generator = np.random.default_rng(seed)
    drawn = [tuple(int(player) for player in generator.permutation(players)) for _ in range(pairs)]
    return [order for pair in drawn for order in (pair, pair[::-1])]


def goes_all_orders(players: int) -> bool:
    """Tell whether there are so few players that all orders are gone, and the values exact."""
    return factorial(min(players, 5)) <= 24


def count_affordable(model: PortableModel, players: int, background: int) -> int:
    """Return how many rows can be explained within the bound, at least one."""
    each = _count_steps(model, players, background) * len(draw_orders(players, 0))
    return max(1, min(MOST_ROWS, MAXIMUM_STEPS // each))


def count_pairs(model: PortableModel, players: int, background: int) -> int:
    """Return how many pairs of orders there is time for, if as many rows are explained as may be."""
    each = 2 * _count_steps(model, players, background) * count_affordable(model, players, background)
    return max(FEWEST_PAIRS, min(MOST_PAIRS, MAXIMUM_STEPS // each))


def _count_steps(model: PortableModel, players: int, background: int) -> int:
    """Return the steps of one order for one row."""
    steps = sum(tree.depth for tree in model.model.trees) if isinstance(model.model, TreeEnsemble) else 1
    return max(1, steps) * background * players


def estimate_predictions(
    model: PortableModel,
    inputs: NDArray[np.float64],
    background: NDArray[np.float64],
    player_of: NDArray[np.int64],
    place: int,
    *,
    players: int,
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> Attribution:
    """Return the estimated Shapley values of one prediction for every row.

    Parameters
    ----------
    model : PortableModel
    inputs : array of shape (inputs, rows)
    background : array of shape (inputs, background rows)
        All of them are used.
    player_of : array of shape (columns,)
    place : int
        The class or output explained.
    players, seed : int
    progress : callable, optional
    """
    import numpy as np

    number = background.shape[1]
    absent = transform(model.columns, background)
    table = transform(model.columns, inputs)
    orders = draw_orders(players, seed, count_pairs(model, players, number))
    rows = table.shape[1]
    values = np.zeros((players, rows))
    noise = None if goes_all_orders(players) else np.zeros(players)

    def predict_mean(mixed: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        answers = finish(model, predict_margins(model, mixed, exact=True)).outputs[place]
        return np.asarray(answers.reshape(count, number).mean(axis=1))

    base = float(predict_mean(absent, 1)[0])
    step = max(1, BLOCK // number)
    for start in range(0, rows, step):
        block = table[:, start : start + step]
        present = np.repeat(block, number, axis=1)
        found = np.zeros((len(orders), players, block.shape[1]))
        for gone, order in enumerate(orders):
            mixed = np.tile(absent, (1, block.shape[1]))
            before = np.full(block.shape[1], base)
            for player in order:
                columns = player_of == player
                if not columns.any():
                    continue
                mixed[columns] = present[columns]
                after = predict_mean(mixed, block.shape[1])
                found[gone, player] = after - before
                before = after
        values[:, start : start + step] = found.mean(axis=0)
        if noise is not None:
            noise += _vary_pairs(found).sum(axis=1)
        if progress:
            progress(min(1.0, (start + step) / rows))
    return Attribution(base, values, None if noise is None else np.sqrt(noise / rows))


def _vary_pairs(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the variance of the mean over pairs of orders: (orders, players, rows) to (players, rows)."""
    pairs = found.reshape(len(found) // 2, 2, *found.shape[1:]).mean(axis=1)
    spread: NDArray[np.float64] = pairs.var(axis=0, ddof=1) / len(pairs)
    return spread
