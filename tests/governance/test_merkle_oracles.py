"""Trees and proofs agree with two implementations that share no line with ours: the RFC's words, and Go's."""

from __future__ import annotations

import base64
import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from countersign import verifier
from governance import auditlog
from governance.log_verification import trusted_vkeys
from governance.merkle import (
    Frontier,
    MerkleError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from governance.models import AuditLogEntry, User
from governance.notes import NoteError, generate_key, open_checkpoint, sign_checkpoint
from governance.signer import sign_once
from tests.governance.log_history import note
from tests.oracles import rfc6962
from tests.oracles.go import Go, build

LARGEST = 300


class RandomTree:
    """A tree of random entries, an entry and an older size of it, and our proofs for both."""

    def __init__(self, seed: int, largest: int = LARGEST) -> None:
        draw = random.Random(seed)
        self.draw = draw
        # As many trees around a power of two, where mistakes live, as anywhere else.
        size = draw.randint(1, largest)
        if draw.random() < 0.5:
            size = max(1, min(largest, (1 << draw.randint(0, largest.bit_length())) + draw.randint(-1, 1)))
        self.bodies = [draw.randbytes(draw.randint(0, 40)) for _number in range(size)]
        self.leaves = [leaf_hash(body) for body in self.bodies]
        self.size, self.index, self.old = size, draw.randrange(size), draw.randint(1, size)
        frontier = Frontier()
        self.nodes: dict[tuple[int, int], bytes] = {}
        for number, leaf in enumerate(self.leaves):
            self.nodes[0, number] = leaf
            for level, index, value in frontier.append(leaf):
                self.nodes[level, index] = value
            if number + 1 == self.old:
                self.old_root = frontier.root()
        self.root = frontier.root()
        self.inclusion = inclusion_proof(size, self.index, self.node_at)
        self.consistency = consistency_proof(self.old, size, self.node_at)

    def node_at(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]

    def spoil(self, steps: Sequence[bytes]) -> list[bytes]:
        """The proof with one bit, one step, or its order changed."""
        kind = self.draw.randrange(4) if steps else 3
        spoiled = list(steps)
        place = self.draw.randrange(len(spoiled)) if spoiled else 0
        if kind == 0:
            bit = self.draw.randrange(256)
            spoiled[place] = (int.from_bytes(spoiled[place], "big") ^ (1 << bit)).to_bytes(32, "big")
        elif kind == 1:
            del spoiled[place]
        elif kind == 2 and len(spoiled) > 1:
            spoiled.reverse()
        else:
            spoiled.insert(place, self.draw.randbytes(32))
        return spoiled


def holds(verify: Any, *arguments: Any) -> bool:
    try:
        verify(*arguments)
    except MerkleError:
        return False
    return True


def check_against_the_rfc(tree: RandomTree) -> None:
    assert tree.root == rfc6962.tree_hash(tree.leaves)
    assert tree.old_root == rfc6962.tree_hash(tree.leaves[: tree.old])
    assert tree.inclusion == rfc6962.path(tree.index, tree.leaves)
    assert tree.consistency == rfc6962.proof(tree.old, tree.leaves)
    leaf = tree.leaves[tree.index]
    for steps, honest in ((tree.inclusion, True), (tree.spoil(tree.inclusion), False)):
        arguments = (leaf, tree.index, tree.size, steps, tree.root)
        assert holds(verify_inclusion, *arguments) == rfc6962.inclusion_holds(*arguments) == honest
    for steps, honest in ((tree.consistency, True), (tree.spoil(tree.consistency), False)):
        given = (tree.old, tree.size, steps, tree.old_root, tree.root)
        assert holds(verify_consistency, *given) == rfc6962.consistency_holds(*given) == honest


def check_many(first: int, count: int) -> None:
    for seed in range(first, first + count):
        try:
            check_against_the_rfc(RandomTree(seed))
        except AssertionError as error:
            raise AssertionError(f"the tree of seed {seed} differs") from error


def test_random_trees_agree_with_the_words_of_the_rfc() -> None:
    check_many(0, 2_000)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_ten_thousand_random_trees_agree_with_the_words_of_the_rfc(part: int) -> None:
    check_many(1_000_000 + part * 1_000, 1_000)


# --- Go -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Go]:
    asked = Go(build(tmp_path_factory.mktemp("go")))
    yield asked
    asked.close()


def spoken(data: bytes) -> str:
    return base64.b64encode(data).decode()


def check_against_go(go: Go, tree: RandomTree) -> None:
    bodies = [spoken(body) for body in tree.bodies]
    grown = go.ask("grow", bodies=bodies, index=tree.index, old=tree.old)
    assert grown["root"] == spoken(tree.root)
    assert (grown["inclusion"] or []) == [spoken(step) for step in tree.inclusion]
    assert (grown["consistency"] or []) == [spoken(step) for step in tree.consistency]
    for steps, honest in ((tree.inclusion, True), (tree.spoil(tree.inclusion), False)):
        asked = {"index": tree.index, "size": tree.size, "leaf": spoken(tree.leaves[tree.index])}
        answer = go.ask("inclusion", steps=[spoken(step) for step in steps], root=spoken(tree.root), **asked)
        assert ("error" not in answer) == honest, answer
    for steps, honest in ((tree.consistency, True), (tree.spoil(tree.consistency), False)):
        asked = {"old": tree.old, "size": tree.size, "first": spoken(tree.old_root)}
        answer = go.ask("consistency", steps=[spoken(step) for step in steps], root=spoken(tree.root), **asked)
        assert ("error" not in answer) == honest, answer


def test_go_builds_the_same_trees_and_accepts_and_refuses_the_same_proofs(go: Go) -> None:
    for seed in range(1_000):
        check_against_go(go, RandomTree(seed, largest=90))


@pytest.mark.soak
def test_go_agrees_on_ten_thousand_random_trees(go: Go) -> None:
    for seed in range(2_000_000, 2_010_000):
        check_against_go(go, RandomTree(seed, largest=90))


def test_go_reads_our_checkpoints_and_refuses_changed_ones(go: Go) -> None:
    draw = random.Random(7)
    for number in range(50):
        key = generate_key(f"log{number}.example.org/countersign")
        text = sign_checkpoint(key.name, draw.randint(0, 2**62), draw.randbytes(32), key)
        assert go.ask("open", note=text, vkey=key.vkey)["text"] == text.split("\n\n")[0] + "\n"
        place = draw.randrange(len(text.split("\n\n")[0]))
        changed = text[:place] + ("x" if text[place] != "x" else "y") + text[place + 1 :]
        assert "error" in go.ask("open", note=changed, vkey=key.vkey)
        assert "error" in go.ask("open", note=text, vkey=generate_key(key.name).vkey)


@pytest.mark.django_db
def test_go_reads_what_the_signer_made_and_what_the_log_proves(go: Go, writer: User) -> None:
    notes = []
    for count in (1, 3, 4, 1, 12):
        note(writer, count=count)
        made = sign_once()
        assert made is not None
        notes.append((made.size, bytes(made.root), made.note))
    (vkey,) = trusted_vkeys()
    leaves = [bytes(leaf) for leaf in AuditLogEntry.objects.order_by("index").values_list("leaf", flat=True)]
    for size, root, text in notes:
        opened = go.ask("open", note=text, vkey=vkey)
        assert opened["text"].split("\n")[1:3] == [str(size), spoken(root)]
        for index in range(size):
            steps = [spoken(step) for step in auditlog.prove_inclusion(index, size).hashes]
            asked = {"index": index, "size": size, "leaf": spoken(leaves[index]), "root": spoken(root)}
            assert "error" not in go.ask("inclusion", steps=steps, **asked)
    for (old, old_root, _old), (new, new_root, _new) in itertools.combinations(notes, 2):
        steps = [spoken(step) for step in consistency_proof(old, new, auditlog.node_at)]
        asked = {"old": old, "size": new, "first": spoken(old_root), "root": spoken(new_root)}
        assert "error" not in go.ask("consistency", steps=steps, **asked)


def test_we_read_the_checkpoints_that_go_signs(go: Go) -> None:
    draw = random.Random(8)
    for number in range(50):
        name, size, root = f"go{number}.example.org/log", draw.randint(0, 2**62), draw.randbytes(32)
        signed = go.ask("sign", name=name, text=f"{name}\n{size}\n{spoken(root)}\n")
        opened = open_checkpoint(signed["note"], [signed["vkey"]])
        assert (opened.origin, opened.size, opened.root) == (name, size, root)
        with pytest.raises(NoteError):
            open_checkpoint(signed["note"].replace(str(size), str(size + 1)), [signed["vkey"]])


def test_stand_alone_verifier_agrees_on_older_and_newer_checkpoints(go: Go) -> None:
    key = generate_key("example.org/log")
    for seed in range(60):
        tree = RandomTree(seed, largest=90)
        old = sign_checkpoint(key.name, tree.old, tree.old_root, key)
        new = sign_checkpoint(key.name, tree.size, tree.root, key)
        steps = [spoken(step) for step in tree.consistency]
        assert verifier.compare(old, new, steps, [key.vkey]).outcome is verifier.Outcome.GOOD
        spoiled = [spoken(step) for step in tree.spoil(tree.consistency)]
        assert verifier.compare(old, new, spoiled, [key.vkey]).outcome is not verifier.Outcome.GOOD
