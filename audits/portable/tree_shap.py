"""Exact Shapley values of tree ensembles for many rows, by pattern tables (see `patterns`).

Absent players are replaced either by rows of a background (interventional) or by the training
cover (path dependent). A player is a column or, where several columns are made from one input,
the input: its conditions are then met together or not at all.

Trees are taken one by one: its tables are built, all rows look up their values, the tables are
dropped. Memory is the result plus at most `TABLE_BYTES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.errors import BadInput
from audits.portable.patterns import (
    list_pairs,
    sparse_pair_ratios,
    sparse_pair_shares,
    sparse_ratios,
    sparse_shares,
    spread_ratios,
    spread_shares,
    tabulate,
    tabulate_pairs,
)
from audits.portable.predict import round_inputs
from audits.portable.tree_walk import Leaf, Walk, find_patterns, unroll
from audits.portable.trees import TreeEnsemble

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 16_384
"""Rows looked up together; their values stay in the processor's cache."""
WIDEST_TABLE = 12
TABLE_BYTES = 256 << 20
WIDEST_PAIRS = 12

Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Attribution:
    """Shapley values of one output. `values` has the shape (players, rows); base + sum = margin.

    `noise` is the standard error of a row's value for each player, where values are estimated:
    the root of the mean square over the rows. None where they are exact.
    """

    base: float
    values: NDArray[np.float64]
    noise: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class PairAttribution:
    """Shapley interaction values: row by row, for the pairs of players that meet on a path.

    `values` has the shape (pairs, rows) and holds the whole interaction of a pair; shap writes half
    of it to (i, j) and half to (j, i).
    """

    pairs: tuple[tuple[int, int], ...]
    values: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Absent:
    """What stands in for absent players at one leaf: ratios (k,), or patterns and their shares."""

    ratios: NDArray[np.float64] | None
    patterns: NDArray[Any] | None
    shares: NDArray[np.float64] | None


def explain_trees(
    model: TreeEnsemble,
    table: NDArray[np.float64],
    player_of: NDArray[np.int64],
    output: int,
    *,
    players: int | None = None,
    background: NDArray[np.float64] | None = None,
    progress: Progress | None = None,
) -> Attribution:
    """Return the exact Shapley values of one output for every row.

    Parameters
    ----------
    model : TreeEnsemble
    table : array of shape (columns, rows)
    player_of : array of shape (columns,)
        The player of each column, counted from 0.
    output : int
        The output that is explained.
    players : int, optional
        How many players there are, where some have no column.
    background : array of shape (columns, background rows), optional
        Rows that stand in for absent players. Without it the training cover does.
    progress : callable, optional
        Called with the share that is done.

    Raises
    ------
    BadInput
        Without a background where the trees have no cover.
    """
    import numpy as np

    table, rows = round_inputs(model, table), table.shape[1]
    values = np.zeros((players or int(player_of.max()) + 1, rows))
    base = 0.0
    for walk, absent in _iterate_walks(model, player_of, output, background, progress):
        base += walk.constant + _expect(walk, absent)
        tables = _build_tables(walk, absent, rows)
        for start in range(0, rows, BLOCK):
            part = values[:, start : start + BLOCK]
            block = np.ascontiguousarray(table[:, start : start + BLOCK])
            _look_up(walk, absent, tables, block, part)
    scale = len(model.trees) if model.combine == "mean" else 1
    return Attribution(float(model.base[output]) + base / scale, values / scale if scale > 1 else values)


def _iterate_walks(
    model: TreeEnsemble,
    player_of: NDArray[np.int64],
    output: int,
    background: NDArray[np.float64] | None,
    progress: Progress | None,
) -> Iterator[tuple[Walk, list[_Absent]]]:
    """Yield every tree that adds to the output, with what stands in for absent players."""
    if background is None and not model.has_cover:
        raise BadInput("the trees have no cover; give background rows and explain against them")
    if background is not None:
        background = round_inputs(model, background)
    for number, tree in enumerate(model.trees):
        leaf_values = tree.leaf_values(output)
        if leaf_values is not None:
            walk = unroll(tree, leaf_values, player_of, model.comparison)
            yield walk, _describe_absent(walk, background)
        if progress:
            progress((number + 1) / len(model.trees))


def _describe_absent(walk: Walk, background: NDArray[np.float64] | None) -> list[_Absent]:
    import numpy as np

    if background is None:
        return [_Absent(np.array(leaf.ratios), None, None) for leaf in walk.leaves]
    found = []
    for _, patterns in find_patterns(walk, background):
        different, counts = np.unique(patterns, return_counts=True)
        found.append(_Absent(None, different, counts / len(patterns)))
    return found


def _expect(walk: Walk, absent: list[_Absent]) -> float:
    """Return the expected value of the tree with every player absent."""
    total = 0.0
    for leaf, stand_in in zip(walk.leaves, absent, strict=True):
        if stand_in.ratios is not None:
            total += leaf.value * float(stand_in.ratios.prod())
        elif stand_in.patterns is not None and stand_in.shares is not None:
            met = stand_in.patterns == (1 << len(leaf.players)) - 1
            total += leaf.value * float(stand_in.shares[met].sum())
    return total


def _choose_widest(walk: Walk, rows: int) -> int:
    """Return up to how many players a leaf gets a table: as long as tables are worth building and fit."""
    widest = min(WIDEST_TABLE, max(6, (2 * rows).bit_length()))
    while widest > 1:
        fitting = [len(leaf.players) for leaf in walk.leaves if len(leaf.players) <= widest]
        if sum(8 * players << players for players in fitting) <= TABLE_BYTES:
            break
        widest -= 1
    return widest


def _group_leaves(walk: Walk, widest: int) -> dict[int, list[int]]:
    """Return number of players -> the leaves that get a table of that width."""
    groups: dict[int, list[int]] = {}
    for number, leaf in enumerate(walk.leaves):
        if leaf.value and len(leaf.players) <= widest:
            groups.setdefault(len(leaf.players), []).append(number)
    return groups


def _spread(walk: Walk, absent: list[_Absent], numbers: list[int], players: int) -> NDArray[np.float64]:
    """Return G of some leaves with equally many players, shape (leaves, nodes, 2^k)."""
    import numpy as np

    if absent[numbers[0]].ratios is not None:
        return spread_ratios(np.array([absent[number].ratios for number in numbers]))
    shares = np.zeros((len(numbers), 1 << players))
    for row, number in enumerate(numbers):
        shares[row, absent[number].patterns] = absent[number].shares
    return spread_shares(shares, players)


def _build_tables(walk: Walk, absent: list[_Absent], rows: int) -> dict[int, NDArray[np.float64]]:
    """Return leaf -> table of shape (k, 2^k), for the leaves that get one."""
    import numpy as np

    tables: dict[int, NDArray[np.float64]] = {}
    for players, numbers in _group_leaves(walk, _choose_widest(walk, rows)).items():
        worth = np.array([walk.leaves[number].value for number in numbers])
        found = tabulate(_spread(walk, absent, numbers, players), players)
        found *= worth[:, None, None]
        tables.update(zip(numbers, found, strict=True))
    return tables


def _look_up(
    walk: Walk,
    absent: list[_Absent],
    tables: dict[int, NDArray[np.float64]],
    block: NDArray[np.float64],
    values: NDArray[np.float64],
) -> None:
    """Add the contributions of one tree to `values` (players, rows of the block)."""
    import numpy as np

    buffer = np.empty(block.shape[1])
    for number, patterns in find_patterns(walk, block):
        leaf = walk.leaves[number]
        if number in tables:
            places = patterns.astype(np.intp)
            for row, player in zip(tables[number], leaf.players, strict=True):
                # "clip" lets NumPy write to the buffer directly; no pattern is beyond the table.
                np.take(row, places, out=buffer, mode="clip")
                values[player] += buffer
        elif leaf.value:
            different, places = np.unique(patterns, return_inverse=True)
            found = _compute_sparse(leaf, absent[number], different) * leaf.value
            for column, player in zip(found.T, leaf.players, strict=True):
                values[player] += column[places]


def _compute_sparse(leaf: Leaf, absent: _Absent, patterns: NDArray[Any]) -> NDArray[np.float64]:
    if absent.ratios is not None:
        return sparse_ratios(patterns, absent.ratios)
    if absent.patterns is None or absent.shares is None:
        raise AssertionError("neither ratios nor background patterns")
    return sparse_shares(patterns, absent.patterns, absent.shares, len(leaf.players))


def interact_trees(
    model: TreeEnsemble,
    table: NDArray[np.float64],
    player_of: NDArray[np.int64],
    output: int,
    *,
    background: NDArray[np.float64] | None = None,
    progress: Progress | None = None,
) -> PairAttribution:
    """Return the exact Shapley interaction values of one output for every row.

    Parameters are those of `explain_trees`. Cost and memory grow with the square of the players on
    a path: a thousand rows are a good number.

    Raises
    ------
    BadInput
        As `explain_trees`.
    """
    import numpy as np

    table, rows = round_inputs(model, table), table.shape[1]
    found: dict[tuple[int, int], NDArray[np.float64]] = {}
    for walk, absent in _iterate_walks(model, player_of, output, background, progress):
        tables: dict[int, NDArray[np.float64]] = {}
        for players, numbers in _group_leaves(walk, WIDEST_PAIRS).items():
            if players > 1:
                tabled = tabulate_pairs(_spread(walk, absent, numbers, players), players)
                tables.update(zip(numbers, tabled, strict=True))
        for start in range(0, rows, BLOCK):
            block = np.ascontiguousarray(table[:, start : start + BLOCK])
            _look_up_pairs(walk, absent, tables, block, found, slice(start, start + BLOCK), rows)
    scale = len(model.trees) if model.combine == "mean" else 1
    pairs = tuple(sorted(found))
    values = np.array([found[pair] / scale for pair in pairs]).reshape(len(pairs), rows)
    return PairAttribution(pairs, values)


def _look_up_pairs(
    walk: Walk,
    absent: list[_Absent],
    tables: dict[int, NDArray[np.float64]],
    block: NDArray[np.float64],
    found: dict[tuple[int, int], NDArray[np.float64]],
    place: slice,
    rows: int,
) -> None:
    import numpy as np

    for number, patterns in find_patterns(walk, block):
        leaf = walk.leaves[number]
        if leaf.value == 0 or len(leaf.players) < 2:
            continue
        if number in tables:
            table, places = tables[number], patterns.astype(np.intp)
        else:
            different, places = np.unique(patterns, return_inverse=True)
            table = _compute_sparse_pairs(leaf, absent[number], different).T
        for row, (first, second) in zip(table, list_pairs(len(leaf.players)), strict=True):
            smaller, larger = sorted((leaf.players[first], leaf.players[second]))
            total = found.setdefault((smaller, larger), np.zeros(rows))
            total[place] += leaf.value * row[places]


def _compute_sparse_pairs(leaf: Leaf, absent: _Absent, patterns: NDArray[Any]) -> NDArray[np.float64]:
    if absent.ratios is not None:
        return sparse_pair_ratios(patterns, absent.ratios)
    if absent.patterns is None or absent.shares is None:
        raise AssertionError("neither ratios nor background patterns")
    return sparse_pair_shares(patterns, absent.patterns, absent.shares, len(leaf.players))
