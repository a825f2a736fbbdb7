"""Pattern tables: the Shapley values of one leaf for every way a row can stand to it.

The derivation. Along the path to a leaf stand conditions on k different players (columns, or
inputs where several columns are made from one). A row satisfies all conditions of player j or
not: bit j of its *pattern* p. The leaf's part of a tree's value for a coalition S is then

    v(S) = value * prod(j in S: p_j) * prod(j not in S: q_j)

where q says the same of whatever stands in for absent players: a background row's own pattern
(interventional), or in expectation r_j, the share of the training cover that follows the path at
the nodes of player j (path dependent; the q_j are then independent with mean r_j). The Shapley
value of a product game is a Beta integral, because the weight |S|! (k-|S|-1)! / k! is the integral of
t^|S| (1-t)^(k-|S|-1) over t from 0 to 1:

    phi_j(p) = value * integral E_q [ (p_j - q_j) prod(l != j: t p_l + (1-t) q_l) ] dt

The integrand is a polynomial of degree k - 1, so Gauss-Legendre quadrature with ceil(k/2) nodes is
exact. Let G_t[p] = E_q prod(l: t p_l + (1-t) q_l), one number per pattern and node. Dividing one factor
out again is a step between neighbours in the table, for each bit a 2 x 2 matrix:

    p_j = 0:  E[-q_j ...] = -G[p] / (1-t)
    p_j = 1:  E[(1-q_j) ...] = G[p] / t - G[p without j] / (t (1-t))

So the sums over the nodes can be done once for all players, and a table of 2^k patterns costs
O(2^k k) for each quantity. A row costs one look-up per leaf and player, and how many background
rows there were does not matter to it. Interactions divide two factors out and read the index

    phi_ij(p) = value * integral E_q [ (p_i - q_i)(p_j - q_j) prod(l != i, j: ...) ] dt

Where 2^k is more than there are rows, the same integrals are done only for the patterns that occur
(`sparse_...`). Exact game theory throughout; the only error is rounding in float64.

This is the observation of the WOODELF paper (one table per leaf, patterns as indices); the integral
form, which serves both kinds of absent players at once, is ours.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHUNK = 1_048_576
"""Numbers in one temporary array of the sparse forms (8 MB)."""


@lru_cache(maxsize=128)
def find_nodes(players: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (nodes, weights) on 0 to 1 that integrate polynomials of degree `players` - 1 exactly."""
    import numpy as np

    nodes, weights = np.polynomial.legendre.leggauss(max(1, (players + 1) // 2))
    return (nodes + 1.0) / 2.0, weights / 2.0


def spread_ratios(ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return G for independent absent players.

    Parameters
    ----------
    ratios : array of shape (leaves, k)
        The mean r_j of every player's q_j.

    Returns
    -------
    array of shape (leaves, nodes, 2^k)
    """
    import numpy as np

    leaves, players = ratios.shape
    nodes, _ = find_nodes(players)
    found = np.ones((leaves, len(nodes), 1))
    for player in range(players):
        absent = (ratios[:, player, None] * (1.0 - nodes))[:, :, None]
        found = np.concatenate((found * absent, found * (absent + nodes[:, None])), axis=2)
    return found


def spread_shares(shares: NDArray[np.float64], players: int) -> NDArray[np.float64]:
    """Return G for absent players as they occur together in the background.

    Parameters
    ----------
    shares : array of shape (leaves, 2^k)
        The share of the background rows that has each pattern.

    Returns
    -------
    array of shape (leaves, nodes, 2^k)
    """
    import numpy as np

    nodes, _ = find_nodes(players)
    found = np.repeat(shares[:, None, :], len(nodes), axis=1)
    t = nodes[:, None, None]
    for player in range(players):
        view = found.reshape(len(shares), len(nodes), -1, 2, 1 << player)
        without, with_it = view[..., 0, :], view[..., 1, :]
        absent = (1.0 - t) * with_it
        with_it += t * without
        without[...] = absent
    return found


def tabulate(spread: NDArray[np.float64], players: int) -> NDArray[np.float64]:
    """Return the Shapley values of leaves of value 1 for every pattern.

    Parameters
    ----------
    spread : array of shape (leaves, nodes, 2^k)
        G, from `spread_ratios` or `spread_shares`.

    Returns
    -------
    array of shape (leaves, k, 2^k)
    """
    import numpy as np

    t, weights = find_nodes(players)
    factors = np.stack((weights / (1.0 - t), weights / t, weights / (t * (1.0 - t))))
    absent, present, neighbour = np.moveaxis(np.matmul(factors, spread), 1, 0)
    leaves = len(spread)
    found = np.empty((leaves, players, 1 << players))
    for player in range(players):
        shape = (leaves, -1, 2, 1 << player)
        view = found[:, player].reshape(shape)
        view[:, :, 0] = -absent.reshape(shape)[:, :, 0]
        view[:, :, 1] = present.reshape(shape)[:, :, 1] - neighbour.reshape(shape)[:, :, 0]
    return found


def list_pairs(players: int) -> list[tuple[int, int]]:
    """Return the pairs of players, the smaller first, in the order `tabulate_pairs` uses."""
    return [(first, second) for second in range(players) for first in range(second)]


def tabulate_pairs(spread: NDArray[np.float64], players: int) -> NDArray[np.float64]:
    """Return the Shapley interaction indices of leaves of value 1 for every pattern.

    Parameters
    ----------
    spread : array of shape (leaves, nodes, 2^k)
        G, from `spread_ratios` or `spread_shares`.

    Returns
    -------
    array of shape (leaves, pairs, 2^k)
        In the order of `list_pairs`.
    """
    import numpy as np

    t, weights = find_nodes(players)
    s = 1.0 - t
    factors = weights / np.stack((s * s, t * s, t * s * s, t * t, t * t * s, t * t * s * s))
    sums = np.moveaxis(np.matmul(factors, spread), 1, 0)
    leaves = len(spread)
    pairs = list_pairs(players)
    found = np.empty((leaves, len(pairs), 1 << players))
    for number, (first, second) in enumerate(pairs):
        shape = (leaves, -1, 2, 1 << (second - first - 1), 2, 1 << first)
        view = found[:, number].reshape(shape)
        neither, one, one_less, both, both_less, both_none = (part.reshape(shape) for part in sums)
        view[:, :, 0, :, 0] = neither[:, :, 0, :, 0]
        view[:, :, 0, :, 1] = one_less[:, :, 0, :, 0] - one[:, :, 0, :, 1]
        view[:, :, 1, :, 0] = one_less[:, :, 0, :, 0] - one[:, :, 1, :, 0]
        view[:, :, 1, :, 1] = (
            both[:, :, 1, :, 1] - both_less[:, :, 0, :, 1] - both_less[:, :, 1, :, 0] + both_none[:, :, 0, :, 0]
        )
    return found


def split_bits(patterns: NDArray[np.int64], players: int) -> NDArray[np.float64]:
    """Return the bits of patterns as 0.0 and 1.0, shape (patterns, k)."""
    import numpy as np

    places = np.arange(players, dtype=patterns.dtype)
    return ((patterns[:, None] >> places) & 1).astype(np.float64)


def sparse_ratios(patterns: NDArray[np.int64], ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Shapley values of one leaf of value 1 for some patterns; absent players independent.

    Parameters
    ----------
    patterns : array of shape (patterns,)
    ratios : array of shape (k,)

    Returns
    -------
    array of shape (patterns, k)
    """
    import numpy as np

    players = len(ratios)
    t, weights = find_nodes(players)
    found = np.empty((len(patterns), players))
    step = max(1, CHUNK // (players * len(t)))
    for start in range(0, len(patterns), step):
        bits = split_bits(patterns[start : start + step], players)
        factors = bits[:, :, None] * t + ratios[:, None] * (1.0 - t)
        whole = factors.prod(axis=1) * weights
        found[start : start + step] = (bits - ratios) * (whole[:, None, :] / factors).sum(axis=2)
    return found


def sparse_pair_ratios(patterns: NDArray[np.int64], ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the interaction indices of one leaf of value 1 for some patterns, shape (patterns, pairs)."""
    import numpy as np

    players = len(ratios)
    t, weights = find_nodes(players)
    first, second = np.array(list_pairs(players)).T
    found = np.empty((len(patterns), len(first)))
    step = max(1, CHUNK // (len(first) * len(t)))
    for start in range(0, len(patterns), step):
        bits = split_bits(patterns[start : start + step], players)
        factors = bits[:, :, None] * t + ratios[:, None] * (1.0 - t)
        whole = (factors.prod(axis=1) * weights)[:, None, :]
        gap = bits - ratios
        rest = (whole / (factors[:, first] * factors[:, second])).sum(axis=2)
        found[start : start + step] = gap[:, first] * gap[:, second] * rest
    return found


def sparse_shares(
    patterns: NDArray[np.int64],
    background: NDArray[np.int64],
    shares: NDArray[np.float64],
    players: int,
) -> NDArray[np.float64]:
    """Return the Shapley values of one leaf of value 1 for some patterns, against background rows.

    A pair (p, q) contributes where every player is satisfied by one of the two. With a players only
    in p and b only in q, each of the first gets (a-1)! b! / (a+b)!, each of the second
    -a! (b-1)! / (a+b)!.

    Parameters
    ----------
    patterns : array of shape (patterns,)
    background : array of shape (different background patterns,)
    shares : array of the same shape
        The share of the background rows with each.

    Returns
    -------
    array of shape (patterns, k)
    """
    import numpy as np

    gain, loss = _pair_weights(players)
    full = patterns.dtype.type((1 << players) - 1)
    absent = 1.0 - split_bits(background, players)
    only_row = absent.sum(axis=1).astype(np.int64)
    found = np.empty((len(patterns), players))
    step = max(1, CHUNK // len(background))
    for start in range(0, len(patterns), step):
        part = patterns[start : start + step]
        bits = split_bits(part, players)
        only_background = (players - bits.sum(axis=1)).astype(np.int64)
        weight = np.where((part[:, None] | background) == full, shares, 0.0)
        place = (only_row[None, :], only_background[:, None])
        lost = (weight * loss[place]).sum(axis=1)
        found[start : start + step] = bits * ((weight * gain[place]) @ absent) - (1.0 - bits) * lost[:, None]
    return found


def sparse_pair_shares(
    patterns: NDArray[np.int64],
    background: NDArray[np.int64],
    shares: NDArray[np.float64],
    players: int,
) -> NDArray[np.float64]:
    """Return the interaction indices of one leaf of value 1 against background rows, (patterns, pairs).

    With a players only in the row and b only in the background row, two of the first get
    (a-2)! b! / (a+b-1)!, two of the second a! (b-2)! / (a+b-1)!, one of each -(a-1)! (b-1)! / (a+b-1)!.
    """
    import numpy as np

    both, mixed = _interaction_weights(players)
    full = patterns.dtype.type((1 << players) - 1)
    first, second = np.array(list_pairs(players)).T
    absent = 1.0 - split_bits(background, players)
    only_row = absent.sum(axis=1).astype(np.int64)
    found = np.empty((len(patterns), len(first)))
    step = max(1, CHUNK // len(background))
    for start in range(0, len(patterns), step):
        part = patterns[start : start + step]
        lacking = 1.0 - split_bits(part, players)
        only_background = (players - (1.0 - lacking).sum(axis=1)).astype(np.int64)
        weight = np.where((part[:, None] | background) == full, shares, 0.0)
        place = (only_row[None, :], only_background[:, None])
        gained = (weight * both[place]) @ (absent[:, first] * absent[:, second])
        lost = (weight * both.T[place]).sum(axis=1)[:, None] * lacking[:, first] * lacking[:, second]
        crossed = (weight * mixed[place]) @ absent
        crossed = crossed[:, first] * lacking[:, second] + crossed[:, second] * lacking[:, first]
        found[start : start + step] = gained + lost - crossed
    return found


@lru_cache(maxsize=128)
def _interaction_weights(players: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (a-2)! b! / (a+b-1)! and (a-1)! (b-1)! / (a+b-1)! by a and b, 0 where they are not defined."""
    from math import comb

    import numpy as np

    both = np.zeros((players + 1, players + 1))
    mixed = np.zeros((players + 1, players + 1))
    for a in range(1, players + 1):
        for b in range(players + 1 - a):
            if a > 1:
                both[a, b] = 1.0 / ((a - 1) * comb(a + b - 1, b))
            if b > 0:
                mixed[a, b] = 1.0 / (a * comb(a + b - 1, a))
    return both, mixed


@lru_cache(maxsize=128)
def _pair_weights(players: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (a-1)! b! / (a+b)! and a! (b-1)! / (a+b)! by a and b, 0 where a or b is 0."""
    from math import comb

    import numpy as np

    gain = np.zeros((players + 1, players + 1))
    for a in range(1, players + 1):
        for b in range(players + 1 - a):
            gain[a, b] = 1.0 / (a * comb(a + b, a))
    return gain, gain.T.copy()
