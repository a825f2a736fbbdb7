"""Seeded randomness that gives the same numbers on every platform and with every version of numpy.

Only the raw 64-bit words of PCG64 are used: numpy promises that a bit generator's stream never changes, which it does
not promise of the distributions built upon it. What is made of the words below is exact arithmetic and one table.
"""

from __future__ import annotations

import hashlib
from functools import cache
from math import prod
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TABLE_BITS = 16
GRID = 2.0**-20


@cache
def _normal_table() -> Floats:
    """The quantiles of the standard normal distribution at the middles of 65,536 equal shares, on a grid of 2^-20.

    The largest is 4.3, its variance 0.99998. The grid makes the table the same whatever the last bit of a logarithm.
    """
    size = 1 << TABLE_BITS
    inverse = NormalDist().inv_cdf
    half = [round(inverse((number + 0.5) / size) / GRID) * GRID for number in range(size // 2)]
    return np.array([*half, *(-value for value in reversed(half))])


class Stream:
    """Random numbers that depend on a seed and on what they are for, such as a condition and a row's number."""

    def __init__(self, seed: int, *purpose: str | int) -> None:
        key = hashlib.sha256(repr((int(seed), *purpose)).encode()).digest()
        self._bits = np.random.PCG64(int.from_bytes(key[:16], "little"))

    def words(self, count: int) -> NDArray[np.uint64]:
        """Return raw 64-bit words."""
        return np.asarray(self._bits.random_raw(count), dtype=np.uint64)

    def uniform(self, *shape: int) -> Floats:
        """Return numbers in [0, 1), multiples of 2^-53."""
        return (self.words(prod(shape)) >> np.uint64(11)).astype(np.float64).reshape(shape) * 2.0**-53

    def number(self, low: float = 0.0, high: float = 1.0) -> float:
        """Return one number between low and high."""
        return low + (high - low) * float(self.uniform(1)[0])

    def integers(self, high: int, *shape: int) -> Integers:
        """Return whole numbers in 0..high-1."""
        return np.minimum(self.uniform(*shape) * high, high - 1).astype(np.int64)

    def integer(self, high: int) -> int:
        """Return one whole number in 0..high-1."""
        return int(self.integers(high, 1)[0])

    def normal(self, *shape: int) -> Floats:
        """Return standard normal numbers, none beyond 4.3."""
        count = prod(shape)
        parts = self.words(-(-count // 4)).astype("<u8").view("<u2")[:count]
        return np.asarray(_normal_table()[parts].reshape(shape))

    def permutation(self, count: int) -> Integers:
        """Return 0..count-1 in random order."""
        return np.argsort(self.words(count), kind="stable").astype(np.int64)

    def choose(self, count: int, among: int) -> Integers:
        """Return ``count`` different numbers of 0..among-1, in ascending order."""
        return np.sort(self.permutation(among)[:count])

    def choose_share(self, share: float, among: int) -> Integers:
        """Return a share of 0..among-1, rounded half up; a stream's smaller shares lie within its larger ones."""
        return self.choose(min(among, int(share * among + 0.5)), among)
