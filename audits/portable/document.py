"""The declarative model document, "countersign/model/1": a model as numbers, not as code.

    {"format": "countersign/model/1",
     "task": "classification",                 or "regression"
     "inputs": [{"name": "age", "kind": "number"},
                {"name": "sex", "kind": "category", "categories": ["F", "M"], "unknown": "kept"}],
     "columns": [{"name": "age", "input": 0, "steps": [{"do": "fill", "value": 40},
                                                       {"do": "subtract", "value": 38.5},
                                                       {"do": "divide", "value": 13.6}]},
                 {"name": "sex=F", "input": 1, "steps": [{"do": "equals", "value": "F"}]}],
     "model": {"kind": "linear", "coefficients": [[0.7, -0.1]], "intercepts": [0.2]},
     "link": "logit",
     "classes": ["0", "1"],                    for regression: "outputs": ["price"]
     "made_by": {"library": "scikit-learn", "version": "1.9.1", "estimator": "LogisticRegression"}}

`columns` may be left out where the model sees the inputs as they are. `model` is one of

    linear    coefficients (outputs x columns), intercepts (outputs)
    additive  shapes: per column `edges` (ascending) and `values` (outputs x bins); a value belongs
              to bin i where edges[i-1] <= value < edges[i]; `missing` (outputs) where missing
              values have a bin of their own; intercepts (outputs)
    trees     trees (see `trees.py`), base (outputs), combine sum or mean, comparison <= or <,
              input_precision and sum_precision float64 or float32

What comes out of the model are its margins. `link` turns them into what the model predicts:
identity, logit (one margin, the log odds of the second class), log, softmax (one per class).

A document is checked whole before anything is computed with it; every refusal says where.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.portable.columns import Column, Input, check_columns, check_inputs
from audits.portable.strict_json import (
    check_keys,
    check_list,
    check_name,
    check_names,
    check_reals,
    check_whole,
    check_word,
    read_bytes,
    read_json,
    refuse,
)
from audits.portable.trees import TreeEnsemble, check_trees

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = "countersign/model/1"
TASKS = ("classification", "regression")
LINKS = ("identity", "logit", "log", "softmax")
KINDS = ("linear", "additive", "trees")
MAXIMUM_OUTPUTS = 100
MAXIMUM_BINS = 100_000


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Margins are coefficients (outputs, columns) times columns, plus intercepts (outputs,)."""

    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shape:
    """The contribution of one column by bins.

    `edges` has the shape (bins - 1,), `values` (outputs, bins), `missing` (outputs,) or None.
    """

    column: int
    edges: NDArray[np.float64]
    values: NDArray[np.float64]
    missing: NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class AdditiveModel:
    """Margins are the sum of one shape per column, plus intercepts (outputs,)."""

    shapes: tuple[Shape, ...]
    intercepts: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PortableModel:
    """A model document that was found whole. `outputs` names the margins."""

    task: str
    inputs: tuple[Input, ...]
    columns: tuple[Column, ...]
    model: LinearModel | AdditiveModel | TreeEnsemble
    link: str
    classes: tuple[str, ...] | None
    outputs: tuple[str, ...]
    made_by: Mapping[str, str] = field(default_factory=dict)
    sha256: str | None = None

    @property
    def kind(self) -> str:
        """Return linear, additive or trees."""
        kinds = {LinearModel: "linear", AdditiveModel: "additive", TreeEnsemble: "trees"}
        return kinds[type(self.model)]


def read_document(path: Path) -> PortableModel:
    """Read and check a file that holds a model document.

    Raises
    ------
    BadInput
        Saying what is wrong and where.
    """
    content = read_bytes(path)
    return replace(check_document(read_json(content)), sha256=hashlib.sha256(content).hexdigest())


def check_document(document: object) -> PortableModel:
    """Check a parsed model document.

    Raises
    ------
    BadInput
        Saying what is wrong and where: "tree 3, node 17: ...".
    """
    part = check_keys(
        document,
        "",
        ("format", "task", "inputs", "model", "link"),
        ("columns", "classes", "outputs", "made_by", "title"),
    )
    check_word(part["format"], "format", (FORMAT,))
    task = check_word(part["task"], "task", TASKS)
    link = check_word(part["link"], "link", LINKS)
    inputs = check_inputs(part["inputs"])
    columns = check_columns(part.get("columns"), inputs)
    classes, outputs = _check_outputs(part, task, link)
    if "title" in part:
        check_name(part["title"], "title")
    return PortableModel(
        task=task,
        inputs=inputs,
        columns=columns,
        model=_check_model(part["model"], len(columns), len(outputs)),
        link=link,
        classes=classes,
        outputs=outputs,
        made_by=_check_made_by(part.get("made_by", {})),
    )


def _check_outputs(part: Mapping[str, Any], task: str, link: str) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Return (classes, names of the margins), which the task and the link decide."""
    if task == "regression":
        if "classes" in part or "outputs" not in part:
            refuse("outputs", "a regression names its outputs and has no classes")
        if link not in ("identity", "log"):
            refuse("link", "must be 'identity' or 'log' for a regression")
        return None, check_names(part["outputs"], "outputs", MAXIMUM_OUTPUTS)
    if "classes" not in part or "outputs" in part:
        refuse("classes", "a classification names its classes; its outputs follow from them")
    classes = check_names(part["classes"], "classes", MAXIMUM_OUTPUTS)
    if len(classes) < 2:
        refuse("classes", "a classification has at least two classes")
    if link == "log":
        refuse("link", "must be 'identity', 'logit' or 'softmax' for a classification")
    if link == "logit" and len(classes) != 2:
        refuse("link", "'logit' has two classes; use 'softmax' for more")
    return classes, classes[1:] if link == "logit" else classes


def _check_made_by(value: object) -> dict[str, str]:
    part = check_keys(value, "made_by", (), ("library", "version", "estimator"))
    return {key: check_name(text, f"made_by.{key}") for key, text in part.items()}


def _check_model(value: object, columns: int, outputs: int) -> LinearModel | AdditiveModel | TreeEnsemble:
    if not isinstance(value, dict):
        refuse("model", "must be an object")
    kind = check_word(value.get("kind"), "model.kind", KINDS)
    if kind == "trees":
        return check_trees(value, "model", columns, outputs)
    if kind == "additive":
        return _check_additive(value, columns, outputs)
    part = check_keys(value, "model", ("kind", "coefficients", "intercepts"))
    import numpy as np

    listed = check_list(part["coefficients"], "model.coefficients", outputs, outputs)
    rows = [check_reals(row, f"model.coefficients[{i}]", columns) for i, row in enumerate(listed)]
    return LinearModel(np.stack(rows), check_reals(part["intercepts"], "model.intercepts", outputs))


def _check_additive(value: object, columns: int, outputs: int) -> AdditiveModel:
    part = check_keys(value, "model", ("kind", "shapes", "intercepts"))
    listed = check_list(part["shapes"], "model.shapes", 1, columns)
    shapes = tuple(_check_shape(entry, f"model.shapes[{i}]", columns, outputs) for i, entry in enumerate(listed))
    seen = [shape.column for shape in shapes]
    if len(set(seen)) < len(seen):
        refuse("model.shapes", "a column has two shapes")
    return AdditiveModel(shapes, check_reals(part["intercepts"], "model.intercepts", outputs))


def _check_shape(value: object, place: str, columns: int, outputs: int) -> Shape:
    import numpy as np

    part = check_keys(value, place, ("column", "edges", "values"), ("missing",))
    count = len(check_list(part["edges"], f"{place}.edges", 0, MAXIMUM_BINS))
    edges = check_reals(part["edges"], f"{place}.edges", count)
    if (np.diff(edges) <= 0).any():
        refuse(f"{place}.edges[{int(np.argmax(np.diff(edges) <= 0)) + 1}]", "must be above the one before")
    listed = check_list(part["values"], f"{place}.values", outputs, outputs)
    values = np.stack([check_reals(row, f"{place}.values[{i}]", count + 1) for i, row in enumerate(listed)])
    missing = check_reals(part["missing"], f"{place}.missing", outputs) if "missing" in part else None
    return Shape(check_whole(part["column"], f"{place}.column", 0, columns - 1), edges, values, missing)
