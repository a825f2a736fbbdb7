"""Every published vector, in the stand-alone verifier. What the server's own code makes of them: tests/governance."""

from __future__ import annotations

import struct

import pytest

from governance.merkle import root_of
from tests.client.small_log import GOOD, NOT_VERIFIABLE, TAMPERED, verifier
from tests.vectors import load_vectors


def test_leaf_and_node_hashes_are_those_of_rfc_6962():
    published = load_vectors("rfc6962_constants.json")
    tree = verifier._Tree()
    roots = [tree.root().hex()]
    for leaf in published["leaf_inputs_hex"]:
        tree.append(verifier._hash_leaf(bytes.fromhex(leaf)))
        roots.append(tree.root().hex())
    assert roots == published["root_hashes_size_0_to_8"]
    leaves, nodes = published["node_hashes_by_level"][:2]
    for place, expected in enumerate(nodes):
        left, right = (bytes.fromhex(leaf) for leaf in leaves[2 * place : 2 * place + 2])
        assert verifier._hash_node(left, right).hex() == expected


def test_every_checkpoint_of_a_real_log_opens_and_gives_its_root():
    published = load_vectors("tessera_testlog.json")
    leaves = [bytes.fromhex(text) for text in published["leaf_hashes_hex"]]
    trust = verifier._trust([published["vkey"]])
    for size, note in published["checkpoints_by_size"].items():
        opened = verifier._open_checkpoint(note, trust)
        assert (opened.size, opened.root) == (int(size), root_of(leaves[: int(size)]))
    assert len(published["checkpoints_by_size"]) == 16


def test_real_entries_have_their_leaves():
    published = load_vectors("tessera_testlog.json")
    bundle = bytes.fromhex(published["entry_bundle_hex"])
    place, found = 0, []
    while place < len(bundle):
        end = place + 2 + int.from_bytes(bundle[place : place + 2], "big")
        found.append(verifier._hash_leaf(bundle[place + 2 : end]).hex())
        place = end
    assert found == published["leaf_hashes_hex"]
    assert len(found) == 15


def test_canonical_json_is_that_of_rfc_8785():
    published = load_vectors("jcs_rfc8785.json")
    for name, row in published["files"].items():
        value = verifier.parse_json(row["input_utf8"].encode(), name)
        assert verifier.canonical_json(value) == row["output_utf8"].encode(), name
    for bits, expected in published["numbers"].items():
        (number,) = struct.unpack(">d", bytes.fromhex(bits.zfill(16)))
        assert verifier.canonical_json(number) == expected.encode(), bits
    assert (len(published["files"]), len(published["numbers"])) == (6, 7)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53 + 1, "\ud800", {"\udfff": 1}])
def test_what_has_no_canonical_spelling_is_refused(value):
    with pytest.raises(verifier.NotVerifiable):
        verifier.canonical_json(value)


def test_signed_notes_of_the_specification_open():
    published = load_vectors("signed_note.json")
    for row in published["valid"]:
        text, signatures = verifier.split_note(row["note"])
        keys = [verifier._parse_vkey(row["vkey"])]
        assert verifier.find_signers(text, signatures, keys) == keys
        with pytest.raises(verifier.Tampered):
            verifier.find_signers(text + "more\n", signatures, keys)
    for vkey in published["bad_vkeys"]:
        with pytest.raises(verifier.NotVerifiable):
            verifier._parse_vkey(vkey)
    assert (len(published["valid"]), len(published["bad_vkeys"])) == (3, 2)


def test_every_mangled_key_and_note_of_the_specification_is_refused():
    row = load_vectors("signed_note.json")["valid"][1]
    vkey, note = row["vkey"], row["note"]
    mangled = [vkey[:place] + vkey[place + 1 :] for place in range(len(vkey))]
    mangled += [vkey[:place] + chr(ord(vkey[place]) + 1) + vkey[place + 1 :] for place in range(len(vkey))]
    for text in mangled:
        with pytest.raises(verifier.NotVerifiable):
            verifier._parse_vkey(text)
    broken = [note[:-1], note + "after\n", note.partition("\n\n")[0] + "\n", note.replace("Neumann ", "Neu mann ")]
    broken += [note[:place] + "\x01" + note[place:] for place in range(len(note) + 1)]
    broken += [note + note[note.index("\u2014") :] * 100]
    for text in broken:
        with pytest.raises(verifier.NotVerifiable):
            verifier.split_note(text)


def test_outcomes_have_their_exit_codes():
    assert (int(GOOD), int(TAMPERED), int(NOT_VERIFIABLE)) == (0, 1, 2)
