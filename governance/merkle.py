"""The Merkle tree of RFC 6962: hashes, an appendable frontier, proofs, and their verification.

A node is named (level, index): level 0 holds the leaf hashes, and node (l, i) covers the leaves [i
* 2**l, (i + 1) * 2**l). Only complete nodes are ever stored, and a complete node never changes.
Proofs read O(log n) of them through a callable, so this module does no input or output.

Verification computes a root from the proof and then compares it, as transparency-dev/merkle does.
Errors are `ProofError` (not a proof for these sizes) and `RootMismatch` (a proof, but of something
else).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Sequence

HASH_BYTES = 32
LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"
EMPTY_ROOT = hashlib.sha256(b"").digest()

NodeReader = Callable[[int, int], bytes]
Node = tuple[int, int, bytes]


class MerkleError(ValueError):
    """Something about a tree or a proof does not hold."""


class ProofError(MerkleError):
    """The proof has the wrong shape for the index and sizes given, or these make no sense."""


class RootMismatch(MerkleError):
    """The proof leads to another root than the one it was checked against."""

    def __init__(self, what: str, calculated: bytes, expected: bytes) -> None:
        super().__init__(f"{what}: the proof gives root {calculated.hex()}, expected {expected.hex()}")
        self.calculated = calculated
        self.expected = expected


def leaf_hash(body: bytes) -> bytes:
    """Hash the exact bytes of one entry into its 32-byte leaf."""
    return hashlib.sha256(LEAF_PREFIX + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two 32-byte children into their parent."""
    return hashlib.sha256(NODE_PREFIX + left + right).digest()


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes, in memory proportional to the logarithm of their number."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


class Frontier:
    """The roots of a tree's complete subtrees, largest first: all that an append needs to know."""

    def __init__(self, size: int = 0, roots: Sequence[bytes] = ()) -> None:
        if size < 0 or len(roots) != size.bit_count():
            raise MerkleError(f"a tree of {size} leaves does not have {len(roots)} complete subtrees")
        if any(len(root) != HASH_BYTES for root in roots):
            raise MerkleError(f"every subtree root has {HASH_BYTES} bytes")
        self.size = size
        self.roots = list(roots)

    def append(self, leaf: bytes) -> list[Node]:
        """Add one leaf hash; return the interior nodes it completed: (level, index, hash)."""
        if len(leaf) != HASH_BYTES:
            raise MerkleError(f"a leaf hash has {HASH_BYTES} bytes, not {len(leaf)}")
        completed: list[Node] = []
        carried, index, level = leaf, self.size, 0
        while index & 1:
            carried = node_hash(self.roots.pop(), carried)
            index, level = index >> 1, level + 1
            completed.append((level, index, carried))
        self.roots.append(carried)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """Return the root of the whole tree; of an empty one it is SHA-256 of nothing."""
        if self.size == 0:
            return EMPTY_ROOT
        return _fold_right(self.roots)

    def to_bytes(self) -> bytes:
        """Write the subtree roots one after the other; the size is kept beside them."""
        return b"".join(self.roots)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Frontier:
        """Read what `to_bytes` wrote. Raises MerkleError when it does not belong to this size."""
        starts = range(0, len(data), HASH_BYTES)
        data = bytes(data)  # PostgreSQL hands out memoryviews
        return cls(size, [data[start : start + HASH_BYTES] for start in starts])


def _fold_right(hashes: Sequence[bytes]) -> bytes:
    """Join subtree roots, largest first, into the root above them."""
    folded = hashes[-1]
    for left in reversed(hashes[:-1]):
        folded = node_hash(left, folded)
    return folded


Part = tuple[bytes, list[bytes] | None]


class SubsetTree:
    """Grows leaf by leaf, and keeps what leads from the chosen ones to the root: of each subtree that holds none of
    them, and no larger one does, the hash; from left to right. One proof for all of them, of O(k log n) hashes."""

    def __init__(self) -> None:
        self.size = 0
        self._parts: list[Part] = []

    def append(self, leaf: bytes, *, chosen: bool) -> None:
        """Add one leaf hash."""
        part: Part = (leaf, [] if chosen else None)
        index = self.size
        while index & 1:
            part = _join_parts(self._parts.pop(), part)
            index >>= 1
        self._parts.append(part)
        self.size += 1

    def root(self) -> bytes:
        """The root over what was added so far."""
        return _fold_right([part[0] for part in self._parts]) if self._parts else EMPTY_ROOT

    def close(self) -> tuple[bytes, list[bytes]]:
        """(root, proof) of what was added; the tree ends here."""
        if not self._parts:
            return EMPTY_ROOT, []
        whole = self._parts.pop()
        while self._parts:
            whole = _join_parts(self._parts.pop(), whole)
        root, proof = whole
        return root, [root] if proof is None else proof


def _join_parts(left: Part, right: Part) -> Part:
    joined = node_hash(left[0], right[0])
    if left[1] is None and right[1] is None:
        return joined, None
    proof = [left[0]] if left[1] is None else left[1]
    proof.extend([right[0]] if right[1] is None else right[1])
    return joined, proof


# Proving. A proof is a list of leaf ranges; the hash of a range is folded from the complete nodes
# that tile it.

Range = tuple[int, int]


def inclusion_proof(size: int, index: int, node_at: NodeReader) -> list[bytes]:
    """Prove that leaf `index` is in the tree of `size` leaves, 0 <= index < size.

    `node_at(level, index)` returns a stored complete node; level 0 asks for leaf hashes. The proof
    runs from the leaf's sibling up to the root's child (RFC 6962, 2.1.1). Raises ProofError when
    there is no such leaf.
    """
    return [_hash_range(part, node_at) for part in _inclusion_ranges(size, index)]


def consistency_proof(old_size: int, new_size: int, node_at: NodeReader) -> list[bytes]:
    """Prove that the first `old_size` leaves of the tree of `new_size` are the older tree, 1 <= old
    <= new.

    `node_at` as in `inclusion_proof`; RFC 6962, 2.1.2. Equal sizes need no hashes. Raises
    ProofError for other sizes.
    """
    return [_hash_range(part, node_at) for part in _consistency_ranges(old_size, new_size)]


def inclusion_nodes(size: int, index: int) -> list[tuple[int, int]]:
    """Name the stored nodes `inclusion_proof` reads, so that one query can fetch them."""
    return [node for part in _inclusion_ranges(size, index) for node in _tile(part)]


def consistency_nodes(old_size: int, new_size: int) -> list[tuple[int, int]]:
    """Name the stored nodes `consistency_proof` reads, so that one query can fetch them."""
    return [node for part in _consistency_ranges(old_size, new_size) for node in _tile(part)]


def _inclusion_ranges(size: int, index: int) -> list[Range]:
    if not 0 <= index < size:
        raise ProofError(f"there is no leaf {index} in a tree of {size}")
    ranges: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _largest_power_below(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def _consistency_ranges(old_size: int, new_size: int) -> list[Range]:
    if not 1 <= old_size <= new_size:
        raise ProofError(f"no consistency proof leads from a tree of {old_size} to one of {new_size}")
    ranges: list[Range] = []
    start, end = 0, new_size
    while end != old_size:
        middle = start + _largest_power_below(end - start)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start > 0:  # the reader does not know this part of the old tree; otherwise it is the old root itself
        ranges.append((start, end))
    return ranges[::-1]


def _largest_power_below(width: int) -> int:
    """Return the largest power of two strictly smaller than `width`, which is at least 2."""
    return 1 << ((width - 1).bit_length() - 1)


def _tile(part: Range) -> Iterator[tuple[int, int]]:
    """Yield the complete nodes that cover a range, largest first.

    Ranges start at a multiple of a power of two not smaller than their width, so these align.
    """
    start, end = part
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _hash_range(part: Range, node_at: NodeReader) -> bytes:
    return _fold_right([node_at(level, index) for level, index in _tile(part)])


# Verifying.


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash stands at `index` in the tree of `size` leaves with this root.

    Returns nothing; raises ProofError for a wrong shape and RootMismatch when it does not hold.
    """
    calculated = _root_from_inclusion(leaf, index, size, proof)
    if not hmac.compare_digest(calculated, root):
        raise RootMismatch(f"leaf {index} is not in the tree of {size}", calculated, root)


def verify_consistency(old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Check that the tree of `old_size` leaves is a prefix of the tree of `new_size`.

    An old size of zero proves nothing and is refused, as in the published vectors. Raises
    ProofError for a wrong shape and RootMismatch when either root is not the one the proof leads
    to.
    """
    if not 1 <= old_size <= new_size:
        raise ProofError(f"no consistency proof leads from a tree of {old_size} to one of {new_size}")
    if old_size == new_size:
        if proof:
            raise ProofError("trees of equal size need an empty proof")
        calculated_old, calculated_new = old_root, old_root
    else:
        calculated_old, calculated_new = _roots_from_consistency(old_size, new_size, proof, old_root)
    if not hmac.compare_digest(calculated_old, old_root):
        raise RootMismatch(f"the old tree of {old_size} is not a prefix", calculated_old, old_root)
    if not hmac.compare_digest(calculated_new, new_root):
        raise RootMismatch(f"the new tree of {new_size} is another one", calculated_new, new_root)


def _root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    if not 0 <= index < size:
        raise ProofError(f"there is no leaf {index} in a tree of {size}")
    inner, border = _count_steps(index, size)
    _check_hashes([leaf, *proof], inner + border + 1)
    seed = _climb_inner(leaf, proof[:inner], index)
    return _climb_border(seed, proof[inner:])


def _roots_from_consistency(
    old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes
) -> tuple[bytes, bytes]:
    """Return both roots that a proof between 1 <= old < new leads to."""
    shift = (old_size & -old_size).bit_length() - 1
    inner, border = _count_steps(old_size - 1, new_size)
    inner -= shift
    # A complete old tree is itself a node on the path, and the proof leaves it out.
    steps = [old_root, *proof] if old_size == 1 << shift else list(proof)
    _check_hashes(steps, 1 + inner + border)
    seed, inner_hashes, border_hashes = steps[0], steps[1 : 1 + inner], steps[1 + inner :]
    path = (old_size - 1) >> shift
    lefts = [sibling for level, sibling in enumerate(inner_hashes) if path >> level & 1]
    old = _climb_border(_climb_border(seed, lefts), border_hashes)
    new = _climb_border(_climb_inner(seed, inner_hashes, path), border_hashes)
    return old, new


def _count_steps(index: int, size: int) -> tuple[int, int]:
    """Count the steps of a leaf's path below the tree's right edge, and those along that edge."""
    inner = (index ^ (size - 1)).bit_length()
    return inner, (index >> inner).bit_count()


def _check_hashes(hashes: Sequence[bytes], count: int) -> None:
    if len(hashes) != count:
        raise ProofError(f"the proof has {len(hashes) - 1} hashes; these sizes need {count - 1}")
    if any(len(item) != HASH_BYTES for item in hashes):
        raise ProofError(f"every hash in a proof has {HASH_BYTES} bytes")


def _climb_inner(seed: bytes, siblings: Sequence[bytes], index: int) -> bytes:
    for level, sibling in enumerate(siblings):
        seed = node_hash(sibling, seed) if index >> level & 1 else node_hash(seed, sibling)
    return seed


def _climb_border(seed: bytes, lefts: Sequence[bytes]) -> bytes:
    for left in lefts:
        seed = node_hash(left, seed)
    return seed
