"""The paths of a tree: which players decide on each leaf, and every row's pattern at every leaf.

A row's pattern at a leaf has one bit per player on the path (see `patterns`). It is built on the
way down: a player's first condition sets its bit, a later one can only clear it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.portable.trees import Tree

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Leaf:
    """A leaf that adds something: its node, and the players on its path in the order of their bits.

    `ratios` holds for every player the share of the training cover that follows the path at the
    player's nodes; None where the tree has no cover.
    """

    node: int
    players: tuple[int, ...]
    ratios: tuple[float, ...] | None
    value: float


@dataclass(frozen=True)
class Move:
    """One step of the walk: to the child of the node at `depth`, whose player has the bit `bit`."""

    node: int
    depth: int
    to_left: bool
    bit: int
    is_new: bool
    leaf: int


@dataclass(frozen=True, eq=False)
class Walk:
    """A tree unrolled from left to right. `leaf` of a move counts `leaves`, -1 where it goes on."""

    tree: Tree
    comparison: str
    moves: tuple[Move, ...]
    leaves: tuple[Leaf, ...]
    constant: float

    @property
    def widest(self) -> int:
        """Return the largest number of players on a path."""
        return max((len(leaf.players) for leaf in self.leaves), default=0)


def unroll(tree: Tree, values: NDArray[np.float64], player_of: NDArray[np.int64], comparison: str) -> Walk:
    """Unroll a tree.

    Parameters
    ----------
    tree : Tree
    values : array of shape (nodes,)
        What every leaf adds.
    player_of : array of shape (columns,)
        The player each column belongs to.
    comparison : str
        `<=` or `<`.
    """
    left, right = tree.left.tolist(), tree.right.tolist()
    players = [int(player_of[number]) if number >= 0 else -1 for number in tree.feature.tolist()]
    cover = None if tree.cover is None else tree.cover.tolist()
    if left[0] < 0:
        return Walk(tree, comparison, (), (), float(values[0]))
    moves: list[Move] = []
    leaves: list[Leaf] = []
    # What waits: child, its parent, depth of the parent, players and ratios on the parent's path.
    waiting: list[tuple[int, int, int, tuple[int, ...], tuple[float, ...]]] = [
        (right[0], 0, 0, (), ()),
        (left[0], 0, 0, (), ()),
    ]
    while waiting:
        node, parent, depth, path, ratios = waiting.pop()
        player = players[parent]
        is_new = player not in path
        bit = len(path) if is_new else path.index(player)
        share = 1.0 if cover is None else cover[node] / (cover[left[parent]] + cover[right[parent]])
        if is_new:
            path, ratios = (*path, player), (*ratios, share)
        else:
            ratios = (*ratios[:bit], ratios[bit] * share, *ratios[bit + 1 :])
        leaf = -1
        if left[node] < 0:
            leaf = len(leaves)
            leaves.append(Leaf(node, path, None if cover is None else ratios, float(values[node])))
        else:
            waiting += [(right[node], node, depth + 1, path, ratios), (left[node], node, depth + 1, path, ratios)]
        moves.append(Move(node, depth, node == left[parent], bit, is_new, leaf))
    return Walk(tree, comparison, tuple(moves), tuple(leaves), 0.0)


def find_patterns(walk: Walk, block: NDArray[np.float64]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield (leaf, pattern of every row) for columns of shape (columns, rows), leaf by leaf."""
    import numpy as np

    tree = walk.tree
    kind: Any = np.uint16 if walk.widest <= 16 else np.uint32 if walk.widest <= 32 else np.uint64
    full = (1 << 8 * kind().itemsize) - 1
    compare = np.less_equal if walk.comparison == "<=" else np.less
    has_missing = tree.missing_left is not None and bool(np.isnan(block).any())
    feature, threshold = tree.feature.tolist(), tree.threshold.tolist()
    patterns: list[Any] = [np.zeros(block.shape[1], dtype=kind)] + [None] * tree.depth
    sides: list[Any] = [None] * tree.depth
    parents = [0] * (tree.depth + 1)
    for move in walk.moves:
        depth, parent = move.depth, parents[move.depth]
        if move.to_left:
            values = block[feature[parent]]
            side = compare(values, threshold[parent])
            if has_missing and tree.missing_left is not None and tree.missing_left[parent]:
                side |= np.isnan(values)
            sides[depth] = ~side
        else:
            side = sides[depth]
            sides[depth] = ~side
        # `side` is where the row follows, `sides` where it does not.
        if move.is_new:
            found = patterns[depth] | (side * kind(1 << move.bit))
        else:
            found = patterns[depth] & (kind(full) ^ (sides[depth] * kind(1 << move.bit)))
        if move.leaf >= 0:
            yield move.leaf, found
        else:
            patterns[depth + 1] = found
            parents[depth + 1] = move.node
