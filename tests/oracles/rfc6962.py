"""RFC 6962 written down a second time, straight from its definitions and apart from ``governance.merkle``.

Trees are lists of leaf hashes. Proving follows sections 2.1.1 and 2.1.2 word for word, by recursion over the list;
checking follows the step-by-step algorithms of RFC 9162, 2.1.3.2 and 2.1.4.2. Slow, and meant to be obviously right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def hash_pair(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while 2 * k < n:
        k = 2 * k
    return k


def tree_hash(d: Sequence[bytes]) -> bytes:
    """MTH(D[n])."""
    if len(d) == 0:
        return hashlib.sha256().digest()
    if len(d) == 1:
        return d[0]
    k = split(len(d))
    return hash_pair(tree_hash(d[:k]), tree_hash(d[k:]))


def path(m: int, d: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    if len(d) == 1:
        return []
    k = split(len(d))
    if m < k:
        return [*path(m, d[:k]), tree_hash(d[k:])]
    return [*path(m - k, d[k:]), tree_hash(d[:k])]


def proof(m: int, d: Sequence[bytes]) -> list[bytes]:
    """PROOF(m, D[n])."""
    return subproof(m, d, True)


def subproof(m: int, d: Sequence[bytes], b: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b)."""
    if m == len(d):
        return [] if b else [tree_hash(d)]
    k = split(len(d))
    if m <= k:
        return [*subproof(m, d[:k], b), tree_hash(d[k:])]
    return [*subproof(m - k, d[k:], False), tree_hash(d[:k])]


def inclusion_holds(leaf: bytes, index: int, size: int, steps: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162, 2.1.3.2."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in steps:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = hash_pair(p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hash_pair(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def consistency_holds(first: int, second: int, steps: Sequence[bytes], old: bytes, new: bytes) -> bool:
    """RFC 9162, 2.1.4.2, and its words on equal sizes."""
    if first == second:
        return not steps and old == new
    if not steps:
        return False
    whole = [old, *steps] if first & (first - 1) == 0 else list(steps)
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = whole[0]
    for c in whole[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = hash_pair(c, fr), hash_pair(c, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = hash_pair(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old and sr == new
