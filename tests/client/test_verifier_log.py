"""The offline verifier: exports, checkpoints, and its command line under a bare interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from governance.merkle import (
    Frontier,
)
from governance.notes import sign_checkpoint
from tests.client.small_log import (
    DOCUMENT,
    FILE,
    GOOD,
    KEY,
    LOG,
    LOG_SIZE,
    NOT_VERIFIABLE,
    ORIGIN,
    OTHER_BODY,
    RECEIPT_BYTES,
    STRANGER,
    SUBJECT_INDEX,
    TAMPERED,
    VKEYS,
    Log,
    encode,
    verifier,
)
from tests.vectors import load_vectors

# Exports.


@pytest.mark.parametrize("size", range(LOG_SIZE + 1))
def test_good_export_is_good_at_every_size(size):
    verdict = verifier.verify_export(LOG.bodies[:size], LOG.checkpoint(size), VKEYS)
    assert verdict.outcome is GOOD
    assert verdict.message == f"all {size} entries of {ORIGIN} give the root that was signed"


def test_export_longer_than_its_checkpoint_says_what_is_not_sealed():
    verdict = verifier.verify_export(LOG.bodies, LOG.checkpoint(8), VKEYS)
    assert verdict.outcome is GOOD
    assert verdict.message.endswith("; 3 later entries are not sealed by this checkpoint")


SWAPPED = [*LOG.bodies[:3], LOG.bodies[4], LOG.bodies[3], *LOG.bodies[5:]]
REWRITTEN = [*LOG.bodies[:SUBJECT_INDEX], OTHER_BODY, *LOG.bodies[SUBJECT_INDEX + 1 :]]


@pytest.mark.parametrize(
    ("bodies", "message"),
    [
        (SWAPPED, "entry 3 says that it is entry 4"),
        (LOG.bodies[1:], "entry 0 says that it is entry 1"),
        ([*LOG.bodies[:7], *LOG.bodies[8:]], "entry 7 says that it is entry 8"),
        ([LOG.bodies[0], *LOG.bodies], "entry 1 says that it is entry 0"),
        (LOG.bodies[:-1], "the checkpoint covers 11 entries, only 10 are here"),
        ([], "the checkpoint covers 11 entries, only 0 are here"),
        (REWRITTEN, "the first 11 entries do not give the root that was signed"),
    ],
)
def test_changed_export_is_tampered_and_named(bodies, message):
    verdict = verifier.verify_export(bodies, LOG.checkpoint(LOG_SIZE), VKEYS)
    assert (verdict.outcome, verdict.message) == (TAMPERED, message)


def test_leaf_hashes_name_the_rewritten_entry():
    checkpoint = LOG.checkpoint(LOG_SIZE)
    good = verifier.verify_export(LOG.bodies, checkpoint, VKEYS, leaves=LOG.leaves)
    assert good.outcome is GOOD
    verdict = verifier.verify_export(REWRITTEN, checkpoint, VKEYS, leaves=LOG.leaves)
    expected = "entry 5 does not have the leaf hash that was kept of it"
    assert (verdict.outcome, verdict.message) == (TAMPERED, expected)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 60_000, b" " * 70_000, 5])
def test_export_with_an_unreadable_entry_is_not_verifiable(body):
    verdict = verifier.verify_export([LOG.bodies[0], body], LOG.checkpoint(2), VKEYS)
    assert verdict.outcome is NOT_VERIFIABLE


# Two checkpoints.


def test_every_pair_of_checkpoints_is_consistent():
    for new in range(LOG_SIZE + 1):
        for old in range(new + 1):
            proof = LOG.consistency(old, new)
            verdict = verifier.compare(LOG.checkpoint(old), LOG.checkpoint(new), proof, VKEYS)
            assert verdict.outcome is GOOD, (old, new)


def test_checkpoints_of_a_real_log_are_consistent():
    published = load_vectors("tessera_testlog.json")
    log = Log([])
    frontier = Frontier()
    for index, text in enumerate(published["leaf_hashes_hex"]):
        log.nodes[0, index] = bytes.fromhex(text)
        for level, place, value in frontier.append(bytes.fromhex(text)):
            log.nodes[level, place] = value
    notes = {int(size): note for size, note in published["checkpoints_by_size"].items()}
    assert sorted(notes) == list(range(16))
    for old in range(15):
        proof = log.consistency(old, old + 1)
        verdict = verifier.compare(notes[old], notes[old + 1], proof, [published["vkey"]])
        assert verdict.outcome is GOOD, old


REWRITTEN_LOG = Log(REWRITTEN)


@pytest.mark.parametrize(
    ("old", "new", "proof"),
    [
        (LOG.checkpoint(9), LOG.checkpoint(8), []),
        (LOG.checkpoint(9), REWRITTEN_LOG.checkpoint(9), []),
        (LOG.checkpoint(9), REWRITTEN_LOG.checkpoint(11), REWRITTEN_LOG.consistency(9, 11)),
        (LOG.checkpoint(8), REWRITTEN_LOG.checkpoint(11), REWRITTEN_LOG.consistency(8, 11)),
        (LOG.checkpoint(9), LOG.checkpoint(11), []),
        (LOG.checkpoint(8), LOG.checkpoint(11), []),
        (LOG.checkpoint(9), LOG.checkpoint(11), LOG.consistency(9, 11)[:-1]),
        (LOG.checkpoint(9), LOG.checkpoint(11), [*LOG.consistency(9, 11), encode(bytes(32))]),
        (LOG.checkpoint(9), LOG.checkpoint(9), [encode(bytes(32))]),
        (sign_checkpoint(ORIGIN, 0, bytes(32), KEY), LOG.checkpoint(9), []),
    ],
)
def test_rewritten_history_is_tampered(old, new, proof):
    assert verifier.compare(old, new, proof, VKEYS).outcome is TAMPERED


@pytest.mark.parametrize("proof", [None, "text", [1], ["!"], {"a": 1}])
def test_malformed_consistency_proof_is_not_verifiable(proof):
    old, new = LOG.checkpoint(9), LOG.checkpoint(11)
    assert verifier.compare(old, new, proof, VKEYS).outcome is NOT_VERIFIABLE


def test_checkpoints_of_two_logs_are_not_comparable():
    vkeys = [KEY.vkey, STRANGER.vkey]
    verdict = verifier.compare(LOG.checkpoint(9), LOG.checkpoint(11, STRANGER), [], vkeys)
    assert verdict.outcome is NOT_VERIFIABLE
    assert "of two logs" in verdict.message


# The command line, run by a bare interpreter: no site packages, so only the standard library.


def run(*arguments: object) -> tuple[int, str]:
    command = [sys.executable, "-I", "-S", str(FILE), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout.decode("ascii")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "report.pdf").write_bytes(DOCUMENT)
    (tmp_path / "receipt.json").write_bytes(RECEIPT_BYTES)
    (tmp_path / "entries.jsonl").write_bytes(b"".join(body + b"\n" for body in LOG.bodies))
    (tmp_path / "old.txt").write_text(LOG.checkpoint(9), encoding="utf-8")
    (tmp_path / "new.txt").write_text(LOG.checkpoint(LOG_SIZE), encoding="utf-8")
    (tmp_path / "proof.json").write_text(json.dumps(LOG.consistency(9, LOG_SIZE)))
    (tmp_path / "keys.txt").write_text(f"{STRANGER.vkey}\n{KEY.vkey}\n")
    return tmp_path


def test_command_checks_a_receipt(folder):
    files = (folder / "report.pdf", folder / "receipt.json")
    code, output = run("receipt", *files, "--key", KEY.vkey)
    assert (code, output.splitlines()[0][:17], output.count("\n")) == (0, "good: the documen", 1)
    assert run("receipt", *files, "--key", f"@{folder / 'keys.txt'}") == (code, output)
    assert run("receipt", *files, "--key", KEY.vkey, "--type", "report.issued") == (code, output)
    code, output = run("receipt", *files, "--key", KEY.vkey, "--type", "report.sent")
    assert (code, output) == (1, "tampered: entry 5 is 'report.issued', not 'report.sent'\n")


def test_command_runs_where_it_lies_beside_a_types_module(folder):
    arguments = ("receipt", folder / "report.pdf", folder / "receipt.json", "--key", KEY.vkey)
    assert (FILE.parent / "types.py").exists()
    done = subprocess.run(
        [sys.executable, str(FILE), *map(str, arguments)], capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.decode("ascii")) == run(*arguments)


def test_command_checks_an_export(folder):
    files = (folder / "entries.jsonl", folder / "new.txt")
    expected = f"good: all 11 entries of {ORIGIN} give the root that was signed\n"
    assert run("export", *files, "--key", KEY.vkey) == (0, expected)
    (folder / "entries.jsonl").write_bytes(b"\n".join(REWRITTEN))
    code, output = run("export", *files, "--key", KEY.vkey)
    assert (code, output.startswith("tampered: ")) == (1, True)


def test_command_compares_checkpoints(folder):
    files = (folder / "old.txt", folder / "new.txt")
    proof = ("--proof", folder / "proof.json")
    expected = f"good: {ORIGIN} with 11 entries continues the one with 9\n"
    assert run("compare", *files, *proof, "--key", KEY.vkey) == (0, expected)
    assert run("compare", *files[::-1], *proof, "--key", KEY.vkey)[0] == 1
    assert run("compare", *files, "--key", KEY.vkey)[0] == 1


def test_command_names_a_changed_document(folder):
    (folder / "report.pdf").write_bytes(b"changed")
    code, output = run("receipt", folder / "report.pdf", folder / "receipt.json", "--key", KEY.vkey)
    assert (code, output.startswith("tampered: the document has sha256:")) == (1, True)


@pytest.mark.parametrize(
    "receipt",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[" * 100_000,
        b'{"format":' * 100_000,
        b"9" * 100_000,
        b'{"format": NaN}',
        RECEIPT_BYTES[:-1],
        RECEIPT_BYTES[:-1] + b', "format": "countersign/receipt/1"}',
        b" " * (1024 * 1024) + RECEIPT_BYTES,
        '{"format": "\u202e\x1b[2J"}'.encode(),
    ],
)
def test_command_never_ends_well_on_malformed_receipts(folder, receipt):
    (folder / "receipt.json").write_bytes(receipt)
    code, output = run("receipt", folder / "report.pdf", folder / "receipt.json", "--key", KEY.vkey)
    assert (code, output.startswith("not verifiable: "), output.count("\n")) == (2, True, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("receipt",),
        ("receipt", "a", "b"),
        ("unknown",),
        ("receipt", "missing.pdf", "missing.json", "--key", KEY.vkey),
        ("receipt", "/", "/", "--key", KEY.vkey),
        ("export", "missing.jsonl", "missing.txt", "--key", KEY.vkey),
        ("compare", "a\x1b[2J", "b", "--key", KEY.vkey),
        ("compare", "a", "b", "--key", "@missing"),
    ],
)
def test_command_never_ends_well_on_wrong_arguments(arguments):
    code, output = run(*arguments)
    assert (code, "\x1b" in output) == (2, False)
