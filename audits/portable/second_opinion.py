"""Second opinions on which features matter: other rows and backgrounds, and a way without Shapley values.

Permutation importance: how much the model's loss grows when the values of one feature are shuffled
among the rows, mean of three shuffles. The loss is the log loss of a classification, the squared
error of a regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from audits.errors import BadInput
from audits.explanations.wishes import Repeat
from audits.portable.attribute import Question, explain_rows
from audits.portable.columns import transform
from audits.portable.document import PortableModel
from audits.portable.predict import finish, predict_margins
from audits.portable.sampling import Sample, take_rows
from audits.portable.trees import TreeEnsemble
from audits.tables.diagnose import read_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REPEATS = 2
REPEATED_ROWS = 5_000
SHUFFLES = 3
SHUFFLED_ROWS = 2_000
FEWEST_ROWS = 50
MAXIMUM_STEPS = 400_000_000
"""Steps through trees that the shuffles may take together: some seconds."""
SMALLEST_PROBABILITY = 1e-15


def repeat_with_other_seeds(
    model: PortableModel,
    question: Question,
    inputs: NDArray[np.float64],
    outputs: NDArray[np.float64],
    sample: Sample,
) -> tuple[Repeat, ...]:
    """Return the importance found on samples of rows drawn with the next two seeds.

    Empty where every row is explained: no seed would change anything.
    """
    import numpy as np

    if len(sample.rows) == len(outputs):
        return ()
    repeats = []
    for seed in range(question.seed + 1, question.seed + 1 + REPEATS):
        rows = take_rows(outputs, min(len(sample.rows), REPEATED_ROWS), seed)
        found = explain_rows(model, replace(question, seed=seed), inputs[:, rows])
        means = np.abs(found.values).mean(axis=1)
        repeats.append(Repeat(f"seed {seed}", dict(zip(question.names, map(float, means), strict=True))))
    return tuple(repeats)


def find_truth(
    model: PortableModel, question: Question, texts: Sequence[str | None], column: str
) -> NDArray[np.float64]:
    """Return the truth of every row: the place of its class, or its number; NaN where the cell is empty.

    Raises
    ------
    BadInput
        For a class the model does not know, or a cell that is not a number.
    """
    import numpy as np

    found = np.full(len(texts), np.nan)
    places = {name: float(place) for place, name in enumerate(model.classes or ())}
    for row, text in enumerate(texts):
        if text is None:
            continue
        value = read_number(text) if model.classes is None else places.get(text)
        if value is None:
            known = "a number" if model.classes is None else f"one of {', '.join(model.classes[:20])}"
            raise BadInput(f"{text[:60]!r} is not {known}", column=column, row=row + 1)
        found[row] = value
    return found


def permute_players(
    model: PortableModel, question: Question, inputs: NDArray[np.float64], truth: NDArray[np.float64]
) -> dict[str, float]:
    """Return by how much the loss grows when each feature is shuffled; empty where that cannot be told.

    Parameters
    ----------
    model : PortableModel
    question : Question
        Whose players are shuffled, with its seed.
    inputs : array of shape (inputs, rows)
    truth : array of shape (rows,)
        From `find_truth`.
    """
    import numpy as np

    known = np.flatnonzero(~np.isnan(truth))
    count = min(SHUFFLED_ROWS, len(known), _count_affordable(model, question))
    if count < FEWEST_ROWS:
        return {}
    generator = np.random.default_rng(question.seed)
    rows = np.sort(generator.choice(known, count, replace=False))
    table, truth = transform(model.columns, inputs[:, rows]), truth[rows]
    before = _measure_loss(model, question, table, truth)
    grown = {}
    for player, name in enumerate(question.names):
        columns = np.flatnonzero(question.player_of == player)
        total = 0.0
        for _ in range(SHUFFLES if len(columns) else 0):
            shuffled = table.copy()
            shuffled[columns] = table[columns][:, generator.permutation(count)]
            total += _measure_loss(model, question, shuffled, truth) - before
        grown[name] = total / SHUFFLES
    return grown


def _count_affordable(model: PortableModel, question: Question) -> int:
    steps = sum(tree.depth for tree in model.model.trees) if isinstance(model.model, TreeEnsemble) else 1
    return MAXIMUM_STEPS // (max(1, steps) * SHUFFLES * question.players)


def _measure_loss(
    model: PortableModel, question: Question, table: NDArray[np.float64], truth: NDArray[np.float64]
) -> float:
    import numpy as np

    outputs = finish(model, predict_margins(model, table)).outputs
    if model.classes is None:
        return float(np.mean((outputs[question.place] - truth) ** 2))
    chosen = outputs[truth.astype(np.int64), np.arange(len(truth))]
    return float(-np.log(np.clip(chosen, SMALLEST_PROBABILITY, None)).mean())
