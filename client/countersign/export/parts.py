"""The parts of a model document, and what every exporter refuses with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from countersign.errors import CountersignError

LARGEST = 1.7976931348623157e308
MOST_TREES, MOST_NODES, MOST_LEVELS = 5_000, 200_000, 64
"""What the portal accepts of one model."""


@dataclass
class Exported:
    """What a fitted estimator says: its task, the model part, the link, and names."""

    task: str
    model: dict[str, Any]
    link: str
    library: str
    estimator: str
    columns: int
    classes: Sequence[Any] | None = None
    outputs: int = 1
    names: Sequence[str] | None = None


@dataclass
class NodeTable:
    """The nodes of one tree as lists of equal length, in any order; node 0 is the root.

    A leaf has the children -1. `values` holds one list per output, `missing_left` and `cover` may
    be None.
    """

    left: Sequence[int]
    right: Sequence[int]
    feature: Sequence[int]
    threshold: Sequence[float]
    values: Sequence[Sequence[float]]
    missing_left: Sequence[bool] | None = None
    cover: Sequence[float] | None = None
    output: int | None = field(default=None)


def refuse(reason: str) -> NoReturn:
    """Raise the error for a model that cannot be written down exactly."""
    raise CountersignError("not_exportable", None, f"This model cannot be written as a model document: {reason}")


def write_trees(
    tables: Iterable[NodeTable],
    base: Sequence[float],
    *,
    combine: str = "sum",
    comparison: str = "<=",
    input_precision: str = "float64",
    sum_precision: str = "float64",
) -> dict[str, Any]:
    """Return the `model` part of kind "trees".

    The covers are left out where a leaf was reached by no training row: shares of nothing are not
    defined, and such a model is explained against background rows.
    """
    trees = [_write_tree(table) for table in tables]
    if not trees:
        refuse("it has no trees")
    nodes = sum(len(tree["left"]) for tree in trees)
    if len(trees) > MOST_TREES or nodes > MOST_NODES:
        refuse(
            f"it has {len(trees):,} trees with {nodes:,} nodes; the portal takes {MOST_TREES:,} and {MOST_NODES:,}. "
            "Fewer or shallower trees (max_depth, max_leaf_nodes) fit"
        )
    deepest = max(_measure_depth(tree) for tree in trees)
    if deepest > MOST_LEVELS:
        refuse(f"a tree is {deepest} levels deep; the portal takes {MOST_LEVELS}")
    if any("cover" not in tree or min(tree["cover"]) <= 0 for tree in trees):
        for tree in trees:
            tree.pop("cover", None)
    return {
        "kind": "trees",
        "trees": trees,
        "base": [float(number) for number in base],
        "combine": combine,
        "comparison": comparison,
        "input_precision": input_precision,
        "sum_precision": sum_precision,
    }


def _write_tree(table: NodeTable) -> dict[str, Any]:
    """Return one tree with its nodes numbered so that every child comes after its parent."""
    order = _order_nodes(table.left, table.right)
    number = {node: place for place, node in enumerate(order)}
    is_leaf = [table.left[node] < 0 for node in order]

    def renumber(children: Sequence[int]) -> list[int]:
        return [-1 if leaf else number[int(children[node])] for node, leaf in zip(order, is_leaf, strict=True)]

    tree: dict[str, Any] = {} if table.output is None else {"output": table.output}
    tree["left"] = renumber(table.left)
    tree["right"] = renumber(table.right)
    tree["feature"] = [-1 if leaf else int(table.feature[node]) for node, leaf in zip(order, is_leaf, strict=True)]
    tree["threshold"] = [
        0.0 if leaf else _bound(float(table.threshold[node])) for node, leaf in zip(order, is_leaf, strict=True)
    ]
    tree["values"] = [
        [float(values[node]) if leaf else 0.0 for node, leaf in zip(order, is_leaf, strict=True)]
        for values in table.values
    ]
    if table.missing_left is not None:
        tree["missing_left"] = [bool(table.missing_left[node]) for node in order]
    if table.cover is not None:
        tree["cover"] = _add_up([float(table.cover[node]) for node in order], tree["left"], tree["right"])
    return tree


def _order_nodes(left: Sequence[int], right: Sequence[int]) -> list[int]:
    order: list[int] = []
    waiting = [0]
    while waiting:
        node = waiting.pop()
        order.append(node)
        if len(order) > len(left):
            refuse("a tree has a node with two parents")
        if left[node] >= 0:
            waiting += [int(right[node]), int(left[node])]
    return order


def _measure_depth(tree: dict[str, Any]) -> int:
    depth = [0] * len(tree["left"])
    for node, (left, right) in enumerate(zip(tree["left"], tree["right"], strict=True)):
        if left >= 0:
            depth[left] = depth[right] = depth[node] + 1
    return max(depth)


def _bound(threshold: float) -> float:
    """Return the threshold; an infinite one, which only parts missing values from others, as the largest number."""
    if math.isnan(threshold):
        refuse("a threshold is not a number")
    return max(-LARGEST, min(LARGEST, threshold))


def _add_up(cover: list[float], left: list[int], right: list[int]) -> list[float]:
    """Return the covers with every parent the exact sum of its children: libraries round them."""
    for node in reversed(range(len(cover))):
        if left[node] >= 0:
            cover[node] = cover[left[node]] + cover[right[node]]
    return cover


def name_plainly(value: Any) -> str:
    """Return a class or category as the text a table would hold."""
    item = value.item() if hasattr(value, "item") else value
    if isinstance(item, float) and item.is_integer():
        item = int(item)
    return str(item)


def list_floats(values: Iterable[Any]) -> list[float]:
    """Return plain Python floats."""
    return [float(value) for value in values]


def find_class(model: object, names: Mapping[str, Any]) -> str | None:
    """Return the first name in `names` that the model's class or one of its bases has."""
    return next((kind.__name__ for kind in type(model).__mro__ if kind.__name__ in names), None)
