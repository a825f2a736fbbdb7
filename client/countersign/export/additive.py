"""Additive models and scorecards: every feature has points by bins, and the points are added up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from countersign.export.parts import list_floats, refuse

FORMAT = "countersign/model/1"


def describe_additive(
    shapes: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    intercept: float = 0.0,
    missing: Mapping[str, float] | None = None,
    classes: Sequence[str] | None = None,
    output: str = "output",
) -> dict[str, Any]:
    """Return the model document of an additive model with one margin.

    Parameters
    ----------
    shapes : mapping
        Feature to (edges, points): n ascending edges and n + 1 points. A value belongs to bin i
        where edges[i-1] <= value < edges[i].
    intercept : float
        What is added to the points.
    missing : mapping, optional
        Feature to the points of a missing value. Without it a missing value is an error.
    classes : sequence of str, optional
        The two classes, where the sum is the log odds of the second one. Without it the sum is the
        prediction.
    output : str
        What is predicted, where no classes are given.

    Raises
    ------
    CountersignError
        With the code "not_exportable".
    """
    written = []
    for number, (name, (edges, points)) in enumerate(shapes.items()):
        if len(points) != len(edges) + 1:
            refuse(f"{name} has {len(edges)} edges and needs {len(edges) + 1} points, not {len(points)}")
        shape: dict[str, Any] = {"column": number, "edges": list_floats(edges), "values": [list_floats(points)]}
        if missing is not None and name in missing:
            shape["missing"] = [float(missing[name])]
        written.append(shape)
    document: dict[str, Any] = {
        "format": FORMAT,
        "task": "regression" if classes is None else "classification",
        "inputs": [{"name": name, "kind": "number"} for name in shapes],
        "model": {"kind": "additive", "shapes": written, "intercepts": [float(intercept)]},
        "link": "identity" if classes is None else "logit",
    }
    document |= {"outputs": [output]} if classes is None else {"classes": list(classes)}
    return document
