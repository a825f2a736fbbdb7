from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign import report_verifier
from governance.merkle import (
    EMPTY_ROOT,
    Frontier,
    MerkleError,
    ProofError,
    RootMismatch,
    SubsetTree,
    consistency_nodes,
    consistency_proof,
    inclusion_nodes,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from tests.vectors import load_vectors

LIMIT = 33


class Tree:
    """A stored tree: its complete nodes by (level, index), and its root at every size."""

    def __init__(self, size: int) -> None:
        frontier = Frontier()
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.roots = [frontier.root()]
        for number in range(size):
            self.nodes[0, number] = leaf_hash(b"entry %d" % number)
            for level, index, value in frontier.append(self.nodes[0, number]):
                self.nodes[level, index] = value
            self.roots.append(frontier.root())

    def node_at(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]

    def leaves(self, size: int) -> list[bytes]:
        return [self.nodes[0, number] for number in range(size)]


TREE = Tree(LIMIT)


def root_by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(root_by_definition(leaves[:split]), root_by_definition(leaves[split:]))


def decode(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def is_refused(verify, *arguments) -> bool:
    try:
        verify(*arguments)
    except MerkleError:
        return True
    return False


def test_verify_inclusion_agrees_with_published_vectors():
    rows = load_vectors("merkle_inclusion.json")["vectors"]
    assert len(rows) == 98
    for row in rows:
        proof = [decode(item) for item in row["proof"] or []]
        arguments = (decode(row["leafHash"]), row["leafIdx"], row["treeSize"], proof, decode(row["root"]))
        assert is_refused(verify_inclusion, *arguments) == row["wantErr"], row["_file"]


def test_verify_consistency_agrees_with_published_vectors():
    rows = load_vectors("merkle_consistency.json")["vectors"]
    assert len(rows) == 98
    for row in rows:
        proof = [decode(item) for item in row["proof"] or []]
        arguments = (row["size1"], row["size2"], proof, decode(row["root1"]), decode(row["root2"]))
        assert is_refused(verify_consistency, *arguments) == row["wantErr"], row["_file"]


def test_hashes_equal_published_constants():
    hasher = load_vectors("rfc6962_constants.json")["hasher"]
    assert hasher["empty_root"] == EMPTY_ROOT.hex()
    assert leaf_hash(b"").hex() == hasher["leaf_of_empty"]
    assert leaf_hash(b"L123456").hex() == hasher["leaf_of_ascii_L123456"]
    assert node_hash(b"N123", b"N456").hex() == hasher["node_of_ascii_N123_N456"]


def test_roots_and_nodes_equal_published_constants():
    constants = load_vectors("rfc6962_constants.json")
    leaves = [leaf_hash(bytes.fromhex(item)) for item in constants["leaf_inputs_hex"]]
    roots = [root_of(leaves[:size]).hex() for size in range(9)]
    assert roots == constants["root_hashes_size_0_to_8"]
    levels = constants["node_hashes_by_level"]
    assert [leaf.hex() for leaf in leaves] == levels[0]
    frontier = Frontier()
    completed = [node for leaf in leaves for node in frontier.append(leaf)]
    assert sorted((level, index, value.hex()) for level, index, value in completed) == [
        (level, index, levels[level][index]) for level in range(1, 4) for index in range(len(levels[level]))
    ]


def test_roots_equal_a_real_log():
    log = load_vectors("tessera_testlog.json")
    leaves = [bytes.fromhex(item) for item in log["leaf_hashes_hex"]]
    assert len(log["checkpoints_by_size"]) == 16
    for size, note in log["checkpoints_by_size"].items():
        assert root_of(leaves[: int(size)]) == decode(note.split("\n")[2]), size


@pytest.mark.parametrize("size", range(LIMIT + 1))
def test_root_equals_the_definition(size):
    assert TREE.roots[size] == root_by_definition(TREE.leaves(size))
    assert root_of(TREE.leaves(size)) == TREE.roots[size]


@pytest.mark.parametrize("size", range(LIMIT + 1))
def test_frontier_survives_being_written_down(size):
    frontier = Frontier()
    for leaf in TREE.leaves(size):
        frontier = Frontier.from_bytes(frontier.size, frontier.to_bytes())
        frontier.append(leaf)
    assert (frontier.size, frontier.root()) == (size, TREE.roots[size])


def test_frontier_stores_exactly_the_complete_interior_nodes():
    expected = {(level, i) for level in range(6) for i in range(LIMIT >> level)}
    assert set(TREE.nodes) == expected
    for level, index in expected:
        covered = TREE.leaves(LIMIT)[index << level : (index + 1) << level]
        assert TREE.nodes[level, index] == root_by_definition(covered)


@pytest.mark.parametrize(
    ("size", "data"), [(0, b"x"), (1, b""), (1, b"x" * 31), (3, b"x" * 32), (2, b"x" * 64), (-1, b""), (-1, b"x" * 32)]
)
def test_frontier_refuses_bytes_of_another_size(size, data):
    with pytest.raises(MerkleError):
        Frontier.from_bytes(size, data)


def test_frontier_refuses_a_leaf_that_is_no_hash():
    with pytest.raises(MerkleError, match="32 bytes, not 5"):
        Frontier().append(b"entry")


@pytest.mark.parametrize("size", range(1, LIMIT + 1))
def test_every_leaf_is_proved_and_no_other(size):
    for index in range(size):
        proof = inclusion_proof(size, index, TREE.node_at)
        root = TREE.roots[size]
        verify_inclusion(TREE.nodes[0, index], index, size, proof, root)
        for other in {0, index - 1, index + 1, size - 1} - {index}:
            assert is_refused(verify_inclusion, TREE.nodes[0, index], other, size, proof, root)
        assert is_refused(verify_inclusion, leaf_hash(b"stranger"), index, size, proof, root)


@pytest.mark.parametrize("new", range(1, LIMIT + 1))
def test_every_older_tree_is_proved_and_no_other(new):
    for old in range(1, new + 1):
        proof = consistency_proof(old, new, TREE.node_at)
        verify_consistency(old, new, proof, TREE.roots[old], TREE.roots[new])
        wrong = leaf_hash(b"stranger")
        assert is_refused(verify_consistency, old, new, proof, wrong, TREE.roots[new])
        assert is_refused(verify_consistency, old, new, proof, TREE.roots[old], wrong)


@pytest.mark.parametrize(("size", "index"), [(0, 0), (1, 1), (5, 5), (5, -1), (-1, 0)])
def test_inclusion_proof_refuses_leaves_that_are_not_there(size, index):
    with pytest.raises(ProofError):
        inclusion_proof(size, index, TREE.node_at)
    with pytest.raises(ProofError):
        verify_inclusion(TREE.nodes[0, 0], index, size, [], TREE.roots[1])


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 1), (2, 1), (-1, 3)])
def test_consistency_proof_refuses_sizes_that_prove_nothing(old, new):
    with pytest.raises(ProofError):
        consistency_proof(old, new, TREE.node_at)
    with pytest.raises(ProofError):
        verify_consistency(old, new, [], EMPTY_ROOT, EMPTY_ROOT)


def test_a_leaf_beyond_the_tree_is_refused_whatever_is_offered_as_its_proof():
    for size in range(1, 9):
        for length in range(5):
            sibling = leaf_hash(b"sibling")
            offered = TREE.nodes[0, 0]
            for level in range(length):
                offered = node_hash(sibling, offered) if size >> level & 1 else node_hash(offered, sibling)
            with pytest.raises(ProofError, match=f"no leaf {size} in a tree of {size}"):
                verify_inclusion(TREE.nodes[0, 0], size, size, [sibling] * length, offered)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("wrong", [b"", b"x" * 31, b"x" * 33])
def test_one_hash_of_another_length_makes_no_proof(place, wrong):
    proof = inclusion_proof(7, 3, TREE.node_at)
    proof[place] = wrong
    with pytest.raises(ProofError, match="32 bytes"):
        verify_inclusion(TREE.nodes[0, 3], 3, 7, proof, TREE.roots[7])
    older = consistency_proof(3, 7, TREE.node_at)
    older[place] = wrong
    with pytest.raises(ProofError, match="32 bytes"):
        verify_consistency(3, 7, older, TREE.roots[3], TREE.roots[7])


def test_errors_tell_a_wrong_shape_from_a_wrong_root():
    proof = inclusion_proof(7, 3, TREE.node_at)
    with pytest.raises(ProofError, match="has 2 hashes; these sizes need 3"):
        verify_inclusion(TREE.nodes[0, 3], 3, 7, proof[:-1], TREE.roots[7])
    with pytest.raises(RootMismatch) as caught:
        verify_inclusion(TREE.nodes[0, 3], 3, 7, proof, TREE.roots[6])
    assert (caught.value.calculated, caught.value.expected) == (TREE.roots[7], TREE.roots[6])


@given(st.integers(1, 2**40), st.data())
def test_proofs_read_few_nodes_of_a_huge_tree(size, data):
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    assert len(inclusion_nodes(size, index)) <= 2 * size.bit_length()
    assert len(consistency_nodes(old, size)) <= 2 * size.bit_length()


def test_named_nodes_are_those_that_are_read():
    for size in range(1, LIMIT + 1):
        read: list[tuple[int, int]] = []

        def node_at(level: int, index: int, read: list[tuple[int, int]] = read) -> bytes:
            read.append((level, index))
            return TREE.nodes[level, index]

        for index in range(size):
            read.clear()
            inclusion_proof(size, index, node_at)
            assert inclusion_nodes(size, index) == read
            read.clear()
            consistency_proof(index + 1, size, node_at)
            assert consistency_nodes(index + 1, size) == read


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(st.integers(1, LIMIT), st.data())
def test_any_flipped_bit_in_an_inclusion_is_caught(size, data):
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(size, index, TREE.node_at)
    parts = [TREE.nodes[0, index], TREE.roots[size], *proof]
    chosen = data.draw(st.integers(0, len(parts) - 1))
    parts[chosen] = flip(parts[chosen], data.draw(st.integers(0, 255)))
    with pytest.raises(RootMismatch):
        verify_inclusion(parts[0], index, size, parts[2:], parts[1])


@given(st.integers(1, LIMIT), st.data())
def test_any_flipped_bit_in_a_consistency_is_caught(new, data):
    old = data.draw(st.integers(1, new))
    proof = consistency_proof(old, new, TREE.node_at)
    parts = [TREE.roots[old], TREE.roots[new], *proof]
    chosen = data.draw(st.integers(0, len(parts) - 1))
    parts[chosen] = flip(parts[chosen], data.draw(st.integers(0, 255)))
    with pytest.raises(RootMismatch):
        verify_consistency(old, new, parts[2:], parts[0], parts[1])


@given(st.integers(1, LIMIT), st.data())
def test_a_longer_shorter_or_swapped_proof_is_caught(size, data):
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(size, index, TREE.node_at)
    leaf, root = TREE.nodes[0, index], TREE.roots[size]
    assert is_refused(verify_inclusion, leaf, index, size, [*proof, root], root)
    assert is_refused(verify_inclusion, leaf, index, size, [b"", *proof], root)
    if proof:
        assert is_refused(verify_inclusion, leaf, index, size, proof[1:], root)
    if len(proof) > 1:
        assert is_refused(verify_inclusion, leaf, index, size, proof[::-1], root)


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_one_proof_for_many_leaves_leads_to_the_root(chosen: list[bool]) -> None:
    """By the verifier's own arithmetic, for any choice of leaves; another leaf leads elsewhere."""
    leaves = [leaf_hash(b"%d" % index) for index in range(len(chosen))]
    tree = SubsetTree()
    for leaf, is_chosen in zip(leaves, chosen, strict=True):
        tree.append(leaf, chosen=is_chosen)
    assert tree.root() == root_of(leaves)
    root, hashes = tree.close()
    indexes = [index for index, is_chosen in enumerate(chosen) if is_chosen]
    known = [leaves[index] for index in indexes]
    assert root == root_of(leaves) == report_verifier._root_over(len(leaves), indexes, known, hashes)
    if known:
        assert root != report_verifier._root_over(len(leaves), indexes, [*known[:-1], bytes(32)], hashes)
