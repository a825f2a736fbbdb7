"""Predict with a checked model document: NumPy only, and equal to the libraries' own predictions.

Trees compare as the library did: scikit-learn and XGBoost round the values to float32 first, and
XGBoost adds its leaves up in float32, tree by tree; both are repeated here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.errors import BadInput
from audits.portable.columns import transform
from audits.portable.document import AdditiveModel, LinearModel, PortableModel, Shape
from audits.portable.trees import Tree, TreeEnsemble

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 4_096
"""Rows walked through a tree together; their values stay in the processor's cache."""
LARGEST_SINGLE = 3.4028234663852886e38


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of rows.

    `margins` has the shape (outputs, rows). `outputs` is what the link makes of them: for a
    classification the probabilities, shape (classes, rows), for a regression the predictions,
    shape (outputs, rows). `labels` holds the place of the predicted class of every row, None for
    a regression.
    """

    margins: NDArray[np.float64]
    outputs: NDArray[np.float64]
    labels: NDArray[np.int64] | None


def predict(model: PortableModel, inputs: NDArray[np.float64]) -> Predictions:
    """Predict rows.

    Parameters
    ----------
    model : PortableModel
        From `document.check_document`.
    inputs : array of shape (inputs, rows)
        As `columns` describes.

    Raises
    ------
    BadInput
        For a missing value the model has no way for, and where the model's answer is not a
        finite number.
    """
    return finish(model, predict_margins(model, transform(model.columns, inputs)))


def predict_margins(model: PortableModel, table: NDArray[np.float64], *, exact: bool = False) -> NDArray[np.float64]:
    """Return the margins, shape (outputs, rows), of columns of shape (columns, rows).

    With `exact` leaves are added up in float64 even where the library adds them in float32: the
    sum that explanations must add up to.
    """
    import numpy as np

    check_missing(model, table)
    with np.errstate(over="ignore", invalid="ignore"):
        if isinstance(model.model, LinearModel):
            margins = model.model.coefficients @ table + model.model.intercepts[:, None]
        elif isinstance(model.model, AdditiveModel):
            margins = _add_shapes(model.model, table)
        else:
            margins = _walk_trees(model.model, table, "float64" if exact else model.model.sum_precision)
    _check_finite(margins, "the model's answer is not a finite number")
    return np.asarray(margins, dtype=np.float64)


def finish(model: PortableModel, margins: NDArray[np.float64]) -> Predictions:
    """Return the predictions that belong to margins of shape (outputs, rows)."""
    import numpy as np

    outputs = apply_link(model.link, margins)
    _check_finite(outputs, "the model's answer is not a finite number")
    if model.link == "logit":
        outputs = np.concatenate((1.0 - outputs, outputs))
    labels = None if model.classes is None else outputs.argmax(axis=0)
    return Predictions(margins, outputs, labels)


def apply_link(link: str, margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the link makes of margins of shape (outputs, rows)."""
    import numpy as np

    found = margins
    with np.errstate(over="ignore", under="ignore"):
        if link == "logit":
            found = 1.0 / (1.0 + np.exp(-margins))
        elif link == "log":
            found = np.exp(margins)
        elif link == "softmax":
            powers = np.exp(margins - margins.max(axis=0))
            found = powers / powers.sum(axis=0)
    return found


def check_missing(model: PortableModel, table: NDArray[np.float64]) -> None:
    """Raise BadInput for the first missing value in a column whose missing values have no way."""
    import numpy as np

    for number in list_needed_columns(model):
        missing = np.isnan(table[number])
        if missing.any():
            raise BadInput(
                "the value is missing, and the model says nothing about missing values",
                column=model.columns[number].name,
                row=int(missing.argmax()) + 1,
            )


def list_needed_columns(model: PortableModel) -> list[int]:
    """Return the columns that the model uses and in which no value may be missing."""
    import numpy as np

    part = model.model
    if isinstance(part, LinearModel):
        return [int(number) for number in np.flatnonzero((part.coefficients != 0).any(axis=0))]
    if isinstance(part, AdditiveModel):
        return [shape.column for shape in part.shapes if shape.missing is None]
    used = [tree.feature[tree.feature >= 0] for tree in part.trees if tree.missing_left is None]
    return [int(number) for number in np.unique(np.concatenate(used))] if used else []


def _check_finite(numbers: NDArray[np.float64], message: str) -> None:
    import numpy as np

    bad = ~np.isfinite(numbers).all(axis=0)
    if bad.any():
        raise BadInput(message, row=int(bad.argmax()) + 1)


def look_up(shape: Shape, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the contributions of one shape, (outputs, rows), to values of shape (rows,)."""
    import numpy as np

    found = shape.values[:, np.searchsorted(shape.edges, values, side="right")]
    if shape.missing is not None:
        found = np.where(np.isnan(values), shape.missing[:, None], found)
    return found


def _add_shapes(model: AdditiveModel, table: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    margins = np.repeat(model.intercepts[:, None], table.shape[1], axis=1)
    for shape in model.shapes:
        margins += look_up(shape, table[shape.column])
    return margins


def round_inputs(model: TreeEnsemble, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the columns as the trees compare them: rounded to float32 where the library does so."""
    import numpy as np

    if model.input_precision == "float64":
        return table
    beyond = (np.abs(table) > LARGEST_SINGLE).any(axis=0)
    if beyond.any():
        raise BadInput(
            f"a value is beyond {LARGEST_SINGLE:.3g}, the largest the model's trees compare",
            row=int(beyond.argmax()) + 1,
        )
    return table.astype(np.float32).astype(np.float64)


def _walk_trees(model: TreeEnsemble, table: NDArray[np.float64], precision: str) -> NDArray[np.float64]:
    import numpy as np

    table = round_inputs(model, table)
    kind = np.float32 if precision == "float32" else np.float64
    base = model.base.astype(kind)
    rows = table.shape[1]
    margins: Any = np.zeros((len(base), rows), dtype=kind)
    if model.combine == "sum":
        margins += base[:, None]
    has_missing = bool(np.isnan(table).any())
    for start in range(0, rows, BLOCK):
        block = np.ascontiguousarray(table[:, start : start + BLOCK])
        part = margins[:, start : start + BLOCK]
        for tree in model.trees:
            leaf = find_leaves(tree, block, model.comparison, has_missing=has_missing)
            if tree.output is None:
                part += tree.values[:, leaf]
            else:
                part[tree.output] += tree.values[0].astype(kind)[leaf]
    if model.combine == "mean":
        margins = margins / len(model.trees) + base[:, None]
    found: NDArray[np.float64] = margins.astype(np.float64)
    return found


def find_leaves(tree: Tree, block: NDArray[np.float64], comparison: str, *, has_missing: bool) -> NDArray[np.int64]:
    """Return the leaf in which every row ends, for columns of shape (columns, rows)."""
    import numpy as np

    rows = block.shape[1]
    flat = block.ravel()
    places = np.arange(rows)
    # A leaf is its own child, so that every row can take as many steps as the tree is deep.
    own = np.arange(len(tree.left))
    offset = np.where(tree.is_leaf, 0, tree.feature) * rows
    left = np.where(tree.is_leaf, own, tree.left)
    right = np.where(tree.is_leaf, own, tree.right)
    compare = np.less_equal if comparison == "<=" else np.less
    node = np.zeros(rows, dtype=np.int64)
    for _ in range(tree.depth):
        values = flat[offset[node] + places]
        goes_left = compare(values, tree.threshold[node])
        if has_missing and tree.missing_left is not None:
            goes_left |= np.isnan(values) & tree.missing_left[node]
        node = np.where(goes_left, left[node], right[node])
    return node
