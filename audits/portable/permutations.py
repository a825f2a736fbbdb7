"""Shapley values of predictions of trees, estimated by orders in which the players come in.

Where a link bends the margin, the value of a coalition is the mean prediction of rows that take the
present players from the explained row and the absent ones from each background row, and no table
shortens that. Players are let in one after the other; what the mean prediction gains is the
player's. Every order is also gone backwards, which cancels much of the noise (antithetic sampling).
With up to four players all orders are gone, and the values are exact. Base and values add up to
the prediction whatever the orders.
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

PAIRS = 3
"""Random orders, each gone both ways."""
BACKGROUND_ROWS = 50
MOST_ROWS = 500
MAXIMUM_STEPS = 600_000_000
"""Steps through trees that may be taken: about ten seconds."""
BLOCK = 20_000


def draw_orders(players: int, seed: int) -> list[tuple[int, ...]]:
    """Return the orders gone: all of them for up to four players, else seeded pairs."""
    import numpy as np

    if factorial(min(players, 5)) <= 24:
        return list(itertools.permutations(range(players)))
    generator = np.random.default_rng(seed)
    drawn = [tuple(int(player) for player in generator.permutation(players)) for _ in range(PAIRS)]
    return [order for pair in drawn for order in (pair, pair[::-1])]


def count_affordable(model: PortableModel, players: int, background: int) -> int:
    """Return how many rows can be explained within the bound, at least one."""
    steps = sum(tree.depth for tree in model.model.trees) if isinstance(model.model, TreeEnsemble) else 1
    each = max(1, steps) * min(background, BACKGROUND_ROWS) * players * len(draw_orders(players, 0))
    return max(1, min(MOST_ROWS, MAXIMUM_STEPS // each))


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
        At most 50 of them, drawn with the seed, are used.
    player_of : array of shape (columns,)
    place : int
        The class or output explained.
    players, seed : int
    progress : callable, optional
    """
    import numpy as np

    count = background.shape[1]
    chosen = np.sort(np.random.default_rng(seed).choice(count, min(count, BACKGROUND_ROWS), replace=False))
    absent = transform(model.columns, background[:, chosen])
    table = transform(model.columns, inputs)
    orders = draw_orders(players, seed)
    rows = table.shape[1]
    values = np.zeros((players, rows))

    def predict_mean(mixed: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        answers = finish(model, predict_margins(model, mixed, exact=True)).outputs[place]
        return np.asarray(answers.reshape(count, len(chosen)).mean(axis=1))

    base = float(predict_mean(absent, 1)[0])
    step = max(1, BLOCK // len(chosen))
    for start in range(0, rows, step):
        block = table[:, start : start + step]
        present = np.repeat(block, len(chosen), axis=1)
        for order in orders:
            mixed = np.tile(absent, (1, block.shape[1]))
            before = np.full(block.shape[1], base)
            for player in order:
                columns = player_of == player
                if not columns.any():
                    continue
                mixed[columns] = present[columns]
                after = predict_mean(mixed, block.shape[1])
                values[player, start : start + step] += after - before
                before = after
        if progress:
            progress(min(1.0, (start + step) / rows))
    return Attribution(base, values / len(orders))
