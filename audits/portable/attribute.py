"""Shapley values of any model document: which way of computing them is exact and affordable.

linear, additive, margin     closed form
trees, margin                pattern tables (`tree_shap`), against the cover or a background
linear, additive, prediction the sum over all coalitions, where there are at most 12 players
anything else                shap's permutation explainer: additive, but an estimate
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audits.errors import BadInput
from audits.portable.coalitions import MOST_PLAYERS, explain_predictions
from audits.portable.columns import transform
from audits.portable.document import AdditiveModel, LinearModel, PortableModel
from audits.portable.permutations import estimate_predictions
from audits.portable.predict import Predictions, check_missing, finish, look_up, predict_margins
from audits.portable.tree_shap import Attribution, explain_trees
from audits.portable.trees import TreeEnsemble

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Progress = Callable[[float], None]

MAXIMUM_BACKGROUND = 10_000


@dataclass(frozen=True, eq=False)
class Question:
    """What is to be explained.

    `output` counts the margins, `place` the outputs after the link. `player_of` has the shape
    (columns,): the player each column belongs to, out of `players`. `background` has the shape
    (inputs, rows), None where the trees' cover stands in for absent players.
    """

    output: int
    place: int
    on_margin: bool
    names: tuple[str, ...]
    player_of: NDArray[np.int64]
    background: NDArray[np.float64] | None
    seed: int = 0

    @property
    def players(self) -> int:
        """Return how many players there are."""
        return len(self.names)


def ask(
    model: PortableModel,
    *,
    wanted: str | None = None,
    on_margin: bool = True,
    by_column: bool = False,
    background: NDArray[np.float64] | None = None,
    seed: int = 0,
) -> Question:
    """Return the question about one class or output.

    Parameters
    ----------
    model : PortableModel
    wanted : str, optional
        Class or output; by default the second of two classes, or the only output.
    on_margin : bool
        Explain the margin, else the prediction.
    by_column : bool
        Players are the model's columns, else its inputs.
    background : array of shape (inputs, rows), optional
    seed : int

    Raises
    ------
    BadInput
        For a name that is not there, or none where there are several.
    """
    import numpy as np

    names = model.classes or model.outputs
    if wanted is None:
        if len(names) > 2 or (model.classes is None and len(names) > 1):
            raise BadInput(f"say which is explained: one of {', '.join(names[:20])}", column="class")
        wanted = names[-1]
    if wanted not in names:
        raise BadInput(f"is none of {', '.join(names[:20])}", column="class")
    place = names.index(wanted)
    if model.link == "logit" and place == 0 and on_margin:
        raise BadInput(f"the margin is that of {names[1]!r}; name it, or explain the prediction", column="class")
    if background is not None and background.shape[1] > MAXIMUM_BACKGROUND:
        generator = np.random.default_rng(seed)
        chosen = np.sort(generator.choice(background.shape[1], MAXIMUM_BACKGROUND, replace=False))
        background = background[:, chosen]
    return Question(
        output=0 if model.link == "logit" else place,
        place=place,
        on_margin=on_margin or (model.link == "identity"),
        names=tuple(part.name for part in (model.columns if by_column else model.inputs)),
        player_of=np.arange(len(model.columns)) if by_column else np.array([part.input for part in model.columns]),
        background=background,
        seed=seed,
    )


def choose_method(model: PortableModel, question: Question) -> str:
    """Return how the values are computed: closed form, pattern tables, all coalitions, permutations."""
    if question.on_margin:
        return "pattern tables" if isinstance(model.model, TreeEnsemble) else "closed form"
    is_separable = not isinstance(model.model, TreeEnsemble)
    return "all coalitions" if is_separable and question.players <= MOST_PLAYERS else "permutations"


def explain_rows(
    model: PortableModel,
    question: Question,
    inputs: NDArray[np.float64],
    progress: Progress | None = None,
) -> Attribution:
    """Return the Shapley values of every row, shape (players, rows).

    Parameters
    ----------
    model : PortableModel
    question : Question
        From `ask`.
    inputs : array of shape (inputs, rows)
    progress : callable, optional
        Called with the share that is done.

    Raises
    ------
    BadInput
        Where a background is needed, or a value is missing that may not be.
    """
    table = transform(model.columns, inputs)
    check_missing(model, table)
    method = choose_method(model, question)
    if method == "pattern tables":
        return _explain_trees(model, question, table, progress)
    if question.background is None:
        raise BadInput("this model is explained against background rows", column="absent")
    background = transform(model.columns, question.background)
    check_missing(model, background)
    if method == "permutations":
        return estimate_predictions(
            model,
            inputs,
            question.background,
            question.player_of,
            question.place,
            players=question.players,
            seed=question.seed,
            progress=progress,
        )
    parts = split_margins(model, question, table)
    absent = split_margins(model, question, background)
    if method == "closed form":
        mean = absent[question.output].mean(axis=1)
        base = float(_intercepts(model)[question.output] + mean.sum())
        return Attribution(base, parts[question.output] - mean[:, None])
    return explain_predictions(model.link, parts, absent, _intercepts(model), question.place, progress)


def _explain_trees(
    model: PortableModel, question: Question, table: NDArray[np.float64], progress: Progress | None
) -> Attribution:
    if not isinstance(model.model, TreeEnsemble):
        raise AssertionError("not trees")
    background = None
    if question.background is not None:
        background = transform(model.columns, question.background)
        check_missing(model, background)
    return explain_trees(
        model.model,
        table,
        question.player_of,
        question.output,
        players=question.players,
        background=background,
        progress=progress,
    )


def _intercepts(model: PortableModel) -> NDArray[np.float64]:
    if isinstance(model.model, TreeEnsemble):
        raise AssertionError("trees have no intercepts")
    return model.model.intercepts


def split_margins(model: PortableModel, question: Question, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what each player adds to each margin of a linear or additive model, (outputs, players, rows)."""
    import numpy as np

    found = np.zeros((len(model.outputs), question.players, table.shape[1]))
    if isinstance(model.model, LinearModel):
        for column, player in enumerate(question.player_of):
            weights = model.model.coefficients[:, column]
            if weights.any():
                found[:, player] += weights[:, None] * table[column]
    elif isinstance(model.model, AdditiveModel):
        for shape in model.model.shapes:
            found[:, question.player_of[shape.column]] += look_up(shape, table[shape.column])
    return found


def find_outputs(
    model: PortableModel, question: Question, inputs: NDArray[np.float64], predictions: Predictions
) -> NDArray[np.float64]:
    """Return what is explained of every row, in float64 throughout: the margin or the prediction.

    `predictions` are the model's own of the same rows; they are computed again only where the
    library adds leaves up in float32.
    """
    if isinstance(model.model, TreeEnsemble) and model.model.sum_precision == "float32":
        margins = predict_margins(model, transform(model.columns, inputs), exact=True)
        predictions = finish(model, margins)
    chosen = predictions.margins[question.output] if question.on_margin else predictions.outputs[question.place]
    found: NDArray[np.float64] = chosen
    return found
