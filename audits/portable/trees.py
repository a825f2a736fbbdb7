"""Ensembles of decision trees in the model document: shape, strict check.

Compiled code that walks trees reads wherever a child index points, so nothing here is believed:
a tree is accepted only if every walk from its root ends in a leaf.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.portable.strict_json import (
    LARGEST_NUMBER,
    check_flags,
    check_keys,
    check_list,
    check_reals,
    check_whole,
    check_wholes,
    check_word,
    refuse,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAXIMUM_TREES = 5_000
MAXIMUM_NODES = 200_000
MAXIMUM_DEPTH = 64
COVER_TOLERANCE = 1e-6
LARGEST_THRESHOLD = 1.7976931348623157e308
PRECISIONS = ("float64", "float32")
COMPARISONS = ("<=", "<")


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree. Node 0 is the root; a leaf has the children -1.

    All arrays have the shape (nodes,), `values` (outputs, nodes). A row goes left where
    `x[feature] <= threshold` (or `<`, see the ensemble). `output` is the one output the tree adds
    to, None where it adds to all. `missing_left` and `cover` are None where the document has none.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    values: NDArray[np.float64]
    missing_left: NDArray[np.bool_] | None
    cover: NDArray[np.float64] | None
    output: int | None
    depth: int

    @property
    def is_leaf(self) -> NDArray[np.bool_]:
        """Tell for every node whether it is a leaf."""
        return self.left < 0

    def leaf_values(self, output: int) -> NDArray[np.float64] | None:
        """Return every node's addition to one output; None where the tree does not touch it."""
        if self.output not in (None, output):
            return None
        values: NDArray[np.float64] = self.values[output if self.output is None else 0]
        return values


@dataclass(frozen=True, eq=False)
class TreeEnsemble:
    """Trees whose leaves are added up or averaged, then `base` (outputs,) is added.

    `input_precision` says in which precision values are compared with thresholds, `sum_precision`
    in which precision leaves are added: XGBoost does both in float32, scikit-learn's trees only
    the first.
    """

    trees: tuple[Tree, ...]
    base: NDArray[np.float64]
    combine: str
    comparison: str
    input_precision: str
    sum_precision: str

    @property
    def has_cover(self) -> bool:
        """Tell whether every tree says how many training rows came by each node."""
        return all(tree.cover is not None for tree in self.trees)

    @property
    def takes_missing(self) -> bool:
        """Tell whether every tree says where missing values go."""
        return all(tree.missing_left is not None for tree in self.trees)


def check_trees(document: Mapping[str, Any], place: str, columns: int, outputs: int) -> TreeEnsemble:
    """Check the `model` part of kind "trees".

    Parameters
    ----------
    document : mapping
        The part.
    place : str
        How errors name it.
    columns, outputs : int
        How many columns the trees may look at, how many outputs they add to.

    Raises
    ------
    BadInput
        Naming the tree and the node, both counted from 0.
    """
    part = check_keys(
        document,
        place,
        ("kind", "trees", "base", "combine", "comparison"),
        ("input_precision", "sum_precision"),
    )
    base = check_reals(part["base"], f"{place}.base", outputs)
    listed = check_list(part["trees"], f"{place}.trees", 1, MAXIMUM_TREES)
    trees = []
    nodes = 0
    for number, entry in enumerate(listed):
        tree = _check_tree(entry, f"tree {number}", columns, outputs)
        nodes += len(tree.left)
        if nodes > MAXIMUM_NODES:
            refuse(f"tree {number}", f"the trees have more than {MAXIMUM_NODES:,} nodes together")
        trees.append(tree)
    for number, tree in enumerate(trees):
        if (tree.cover is None) != (trees[0].cover is None):
            refuse(f"tree {number}", "either every tree has a cover or none")
    return TreeEnsemble(
        trees=tuple(trees),
        base=base,
        combine=check_word(part["combine"], f"{place}.combine", ("sum", "mean")),
        comparison=check_word(part["comparison"], f"{place}.comparison", COMPARISONS),
        input_precision=check_word(part.get("input_precision", "float64"), f"{place}.input_precision", PRECISIONS),
        sum_precision=check_word(part.get("sum_precision", "float64"), f"{place}.sum_precision", PRECISIONS),
    )


def _check_tree(document: object, place: str, columns: int, outputs: int) -> Tree:
    part = check_keys(
        document,
        place,
        ("feature", "threshold", "left", "right", "values"),
        ("output", "missing_left", "cover"),
    )
    nodes = len(check_list(part["left"], f"{place}, left", 1, MAXIMUM_NODES))
    left = check_wholes(part["left"], f"{place}, left", nodes, -1, nodes - 1)
    right = check_wholes(part["right"], f"{place}, right", nodes, -1, nodes - 1)
    depth = _check_structure(left, right, place)
    output = part.get("output")
    if output is not None:
        output = check_whole(output, f"{place}, output", 0, outputs - 1)
    elif "output" in part:
        refuse(f"{place}, output", "must be a whole number; leave it out where the tree adds to every output")
    count = outputs if output is None else 1
    values = [
        check_reals(value, f"{place}, values[{number}]", nodes)
        for number, value in enumerate(check_list(part["values"], f"{place}, values", count, count))
    ]
    return _check_nodes(part, place, columns, left, right, values, output, depth)


def _check_structure(left: NDArray[np.int64], right: NDArray[np.int64], place: str) -> int:
    """Check that the nodes are one tree with root 0; return its depth."""
    import numpy as np

    numbers = np.arange(len(left))
    is_leaf = left < 0
    _refuse_nodes(place, is_leaf != (right < 0), "has one child; a node has two or none")
    for name, child in (("left", left), ("right", right)):
        bad = ~is_leaf & (child <= numbers)
        _refuse_nodes(place, bad, f"its {name} child does not come after it")
    parents = np.bincount(np.concatenate((left[~is_leaf], right[~is_leaf])), minlength=len(left))
    parents[0] = 1
    _refuse_nodes(place, parents != 1, "must be the child of exactly one node")
    depth = 0
    level = numbers[:1]
    while (level := level[~is_leaf[level]]).size:
        depth += 1
        if depth > MAXIMUM_DEPTH:
            refuse(place, f"is more than {MAXIMUM_DEPTH} levels deep")
        level = np.concatenate((left[level], right[level]))
    return depth


def _check_nodes(
    part: Mapping[str, Any],
    place: str,
    columns: int,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    values: list[NDArray[np.float64]],
    output: int | None,
    depth: int,
) -> Tree:
    """Check what stands in the nodes: feature, threshold, values, cover, the way of missing values."""
    import numpy as np

    nodes = len(left)
    is_leaf = left < 0
    feature = check_wholes(part["feature"], f"{place}, feature", nodes, -1, columns - 1)
    threshold = check_reals(part["threshold"], f"{place}, threshold", nodes, LARGEST_THRESHOLD)
    _refuse_nodes(place, is_leaf != (feature < 0), "a split has a feature, a leaf has the feature -1")
    _refuse_nodes(place, is_leaf & (threshold != 0), "a leaf has the threshold 0")
    for value in values:
        _refuse_nodes(place, ~is_leaf & (value != 0), "a split has the value 0; only leaves add something")
    cover = None
    if "cover" in part:
        cover = check_reals(part["cover"], f"{place}, cover", nodes, LARGEST_NUMBER)
        _refuse_nodes(place, cover <= 0, "its cover must be above 0")
        split = np.flatnonzero(~is_leaf)
        off = np.zeros(nodes, dtype=np.bool_)
        total = cover[left[split]] + cover[right[split]]
        off[split] = np.abs(total - cover[split]) > COVER_TOLERANCE * cover[split]
        _refuse_nodes(place, off, "the covers of its children do not add up to its own")
    missing = None
    if "missing_left" in part:
        missing = check_flags(part["missing_left"], f"{place}, missing_left", nodes)
    return Tree(feature, threshold, left, right, np.stack(values), missing, cover, output, depth)


def _refuse_nodes(place: str, bad: NDArray[np.bool_], message: str) -> None:
    """Raise BadInput for the first node that is bad, if there is one."""
    if bad.any():
        refuse(f"{place}, node {int(bad.argmax())}", message)
