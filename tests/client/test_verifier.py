"""The offline verifier, loaded as the single file an auditor holds, against logs made by the portal's own code."""

from __future__ import annotations

import base64
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.canonical import canonical_bytes, sha256_hex
from governance.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
)
from governance.notes import SigningKey, add_signature, sign_checkpoint, sign_note
from tests.vectors import load_vectors

FILE = Path(__file__).parents[2] / "client" / "countersign" / "verifier.py"
ORIGIN = "audit.example.org/log"
KEY = SigningKey(ORIGIN, bytes(range(32)))
NEXT_KEY = SigningKey(ORIGIN, bytes(32))
STRANGER = SigningKey("witness.example.org", b"w" * 32)
VKEYS = [KEY.vkey]
DOCUMENT = b"%PDF-1.7 the report"
SUBJECT_INDEX, DATA_INDEX, LOG_SIZE = 5, 9, 11


def load_verifier() -> Any:
    spec = importlib.util.spec_from_file_location("standalone_verifier", FILE)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


verifier = load_verifier()
GOOD, TAMPERED, NOT_VERIFIABLE = verifier.Outcome


def entry(index: int) -> dict[str, Any]:
    value: dict[str, Any] = {
        "v": 1,
        "index": index,
        "type": "evidence.submitted",
        "at": "2026-11-21T08:00:00.000000Z",
        "actor": {"id": 1, "login": "ada"},
        "subject": {"kind": "evidence", "id": index, "digest": sha256_hex(b"%d" % index)},
        "data": {},
    }
    if index == SUBJECT_INDEX:
        value |= {"type": "report.issued", "subject": {"digest": sha256_hex(DOCUMENT)}}
    if index == DATA_INDEX:
        value |= {"type": "report.requested", "data": {"digest": sha256_hex(DOCUMENT)}}
    return value


class Log:
    """A log as the portal keeps it: exact bodies, complete nodes, a signing key."""

    def __init__(self, bodies: list[bytes]) -> None:
        self.bodies = bodies
        self.leaves = [leaf_hash(body) for body in bodies]
        self.nodes = {(0, index): leaf for index, leaf in enumerate(self.leaves)}
        frontier = Frontier()
        for leaf in self.leaves:
            for level, index, value in frontier.append(leaf):
                self.nodes[level, index] = value

    def node_at(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]

    def checkpoint(self, size: int, key: SigningKey = KEY) -> str:
        return sign_checkpoint(key.name, size, root_of(self.leaves[:size]), key)

    def consistency(self, old: int, new: int) -> list[str]:
        if old == 0:
            return []
        return [encode(item) for item in consistency_proof(old, new, self.node_at)]

    def receipt(self, index: int = SUBJECT_INDEX, size: int = LOG_SIZE) -> dict[str, Any]:
        return {
            "format": "countersign/receipt/1",
            "entry": {"index": index, "body": encode(self.bodies[index])},
            "inclusion_proof": [encode(item) for item in inclusion_proof(size, index, self.node_at)],
            "checkpoint": self.checkpoint(size),
            "document_digest": sha256_hex(DOCUMENT),
        }


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


LOG = Log([canonical_bytes(entry(index)) for index in range(LOG_SIZE)])


# Ed25519 and tree vectors.


def test_ed25519_agrees_with_wycheproof():
    count = 0
    for group in load_vectors("ed25519_wycheproof.json")["testGroups"]:
        public = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            count += 1
            message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            verdict = verifier.verify_ed25519(public, message, signature)
            assert verdict == (case["result"] == "valid"), case["tcId"]
    assert count == 151


@pytest.mark.parametrize(
    "public",
    [
        b"",
        KEY.verifier_key.public[:31],
        (2**255 - 19 + 1).to_bytes(32, "little"),  # y = 1 in a second spelling
        (1 | 1 << 255).to_bytes(32, "little"),  # x = 0 with a sign
        (2).to_bytes(32, "little"),  # not on the curve
    ],
)
def test_ed25519_refuses_keys_that_are_not_canonical_points(public):
    identity = (1).to_bytes(32, "little") + bytes(32)  # fits every message under the key y = 1
    assert verifier.verify_ed25519((1).to_bytes(32, "little"), b"text", identity) is True
    assert verifier.verify_ed25519(public, b"text", identity) is False


@given(st.binary(max_size=200), st.binary(min_size=32, max_size=32), st.integers(0, 511))
def test_ed25519_agrees_with_the_signing_library(message, seed, bit):
    key = SigningKey("name", seed)
    text = message.hex()
    signature = key.sign(text)
    public = key.verifier_key.public
    assert verifier.verify_ed25519(public, text.encode(), signature) is True
    changed = bytearray(signature)
    changed[bit // 8] ^= 1 << bit % 8
    assert verifier.verify_ed25519(public, text.encode(), bytes(changed)) is False


def test_inclusion_agrees_with_published_vectors():
    rows = load_vectors("merkle_inclusion.json")["vectors"]
    assert len(rows) == 98
    for row in rows:
        root, leaf = (base64.b64decode(row[name] or "") for name in ("root", "leafHash"))
        proof = [base64.b64decode(item) for item in row["proof"] or []]
        checkpoint = verifier.Checkpoint(ORIGIN, row["treeSize"], root)
        try:
            verifier._check_inclusion(leaf, row["leafIdx"], proof, checkpoint)
            refused = False
        except verifier.Tampered:
            refused = True
        # Hashes of another length end earlier: checkpoints refuse them, and leaves are computed.
        assert (refused or len(leaf) != 32 or len(root) != 32) == row["wantErr"], row["_file"]


def test_compare_agrees_with_published_vectors():
    rows = [row for row in load_vectors("merkle_consistency.json")["vectors"] if row["size1"] > 0]
    good = 0
    for row in rows:
        old = sign_note(f"{ORIGIN}\n{row['size1']}\n{row['root1']}\n", KEY)
        new = sign_note(f"{ORIGIN}\n{row['size2']}\n{row['root2']}\n", KEY)
        verdict = verifier.compare(old, new, row["proof"] or [], VKEYS)
        # Some rows have made-up roots of another length, which no checkpoint may hold.
        readable = all(len(base64.b64decode(row[root] or "")) == 32 for root in ("root1", "root2"))
        assert (verdict.outcome is GOOD) == (not row["wantErr"] and readable), row["_file"]
        good += verdict.outcome is GOOD
    assert (len(rows), good) == (89, 5)


# Receipts.


@pytest.mark.parametrize("size", range(DATA_INDEX + 1, LOG_SIZE + 1))
@pytest.mark.parametrize("index", [SUBJECT_INDEX, DATA_INDEX])
def test_good_receipt_is_good_and_says_what_was_recorded(index, size):
    verdict = verifier.verify_receipt(DOCUMENT, LOG.receipt(index, size), VKEYS)
    assert verdict.message == (
        f"the document is the one recorded as '{entry(index)['type']}' by 'ada' at"
        f" '2026-11-21T08:00:00.000000Z': entry {index} of {size} in {ORIGIN}"
    )
    assert (verdict.outcome, bool(verdict)) == (GOOD, True)
    assert (verdict.entry, verdict.checkpoint.size) == (entry(index), size)


def test_receipt_for_the_first_entry_of_one_is_good():
    body = canonical_bytes({"index": 0, "subject": {"digest": sha256_hex(DOCUMENT)}})
    receipt = Log([body]).receipt(0, 1)
    assert receipt["inclusion_proof"] == []
    assert verifier.verify_receipt(DOCUMENT, receipt, VKEYS).outcome is GOOD


def test_receipt_can_be_required_to_record_a_certain_act():
    good = verifier.verify_receipt(DOCUMENT, LOG.receipt(), VKEYS, entry_type="report.issued")
    assert good.outcome is GOOD
    receipt = LOG.receipt(DATA_INDEX)
    verdict = verifier.verify_receipt(DOCUMENT, receipt, VKEYS, entry_type="report.issued")
    assert verdict.outcome is TAMPERED
    assert verdict.message == "entry 9 is 'report.requested', not 'report.issued'"


def test_receipt_with_two_keys_in_rotation_is_good_under_either():
    receipt = LOG.receipt()
    receipt["checkpoint"] = add_signature(receipt["checkpoint"], NEXT_KEY)
    receipt["checkpoint"] = add_signature(receipt["checkpoint"], STRANGER)
    for vkeys in ([KEY.vkey], [NEXT_KEY.vkey], [STRANGER.vkey, NEXT_KEY.vkey, KEY.vkey]):
        assert verifier.verify_receipt(DOCUMENT, receipt, vkeys).outcome is GOOD


def change(receipt: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(receipt))
    *parents, last = path.split(".")
    target = changed
    for name in parents:
        target = target[name]
    target[last] = value
    return changed


RECEIPT = LOG.receipt()
OTHER_BODY = canonical_bytes(entry(SUBJECT_INDEX) | {"at": "2020-01-01T00:00:00.000000Z"})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("document_digest", sha256_hex(b"another"), "its receipt is for"),
        ("entry.index", 4, "is not in the log"),
        ("entry.index", LOG_SIZE, "covers 11 entries, not entry 11"),
        ("entry.index", -1, "not entry -1"),
        ("entry.body", encode(OTHER_BODY), "entry 5 is not in the log"),
        ("inclusion_proof", [], "shorter than"),
        ("inclusion_proof", RECEIPT["inclusion_proof"] * 2, "longer than"),
        ("inclusion_proof", RECEIPT["inclusion_proof"][::-1], "is not in the log"),
        ("checkpoint", LOG.checkpoint(SUBJECT_INDEX), "covers 5 entries"),
        ("checkpoint", RECEIPT["checkpoint"].replace("\n11\n", "\n12\n"), "does not fit"),
        ("checkpoint", Log(LOG.bodies[::-1]).checkpoint(LOG_SIZE), "is not in the log"),
    ],
)
def test_changed_receipt_is_tampered(path, value, message):
    verdict = verifier.verify_receipt(DOCUMENT, change(RECEIPT, path, value), VKEYS)
    assert (verdict.outcome, bool(verdict)) == (TAMPERED, False)
    assert message in verdict.message
    assert (verdict.entry, verdict.checkpoint) == (None, None)


def test_changed_document_is_tampered():
    changed = DOCUMENT + b"\n"
    verdict = verifier.verify_receipt(changed, RECEIPT, VKEYS)
    found, expected = sha256_hex(changed), sha256_hex(DOCUMENT)
    message = f"the document has {found}, its receipt is for {expected}"
    assert (verdict.outcome, verdict.message) == (TAMPERED, message)


def test_receipt_borrowed_from_another_document_is_tampered():
    receipt = change(RECEIPT, "document_digest", sha256_hex(b"forged report"))
    verdict = verifier.verify_receipt(b"forged report", receipt, VKEYS)
    assert verdict.outcome is TAMPERED
    assert verdict.message == "entry 5 is in the log but speaks of another document"


def test_entry_that_names_another_place_is_tampered():
    log = Log([canonical_bytes(entry(index)) for index in (SUBJECT_INDEX, 1)])
    verdict = verifier.verify_receipt(DOCUMENT, log.receipt(0, 2), VKEYS)
    assert verdict.outcome is TAMPERED
    assert verdict.message == "entry 0 says that it is entry 5"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", "countersign/receipt/2"),
        ("format", None),
        ("entry", []),
        ("entry.index", "5"),
        ("entry.index", 5.0),
        ("entry.index", True),
        ("entry.body", "not base64"),
        ("entry.body", encode(LOG.bodies[5]).rstrip("=") + "\n"),
        ("inclusion_proof", "abc"),
        ("inclusion_proof", [1]),
        ("inclusion_proof", [encode(b"short")]),
        ("inclusion_proof", None),
        ("document_digest", 7),
        ("checkpoint", ""),
        ("checkpoint", None),
        ("checkpoint", RECEIPT["checkpoint"].replace("\n", "\r\n")),
        ("checkpoint", RECEIPT["checkpoint"][:-1]),
        ("checkpoint", "\ud800" + RECEIPT["checkpoint"]),
        ("checkpoint", RECEIPT["checkpoint"].replace("\n11\n", "\n011\n")),
        ("checkpoint", sign_note(f"{ORIGIN}\n11\n{encode(b'short')}\n", KEY)),
        ("checkpoint", sign_note(f"{ORIGIN}\n11\n{encode(bytes(32))}\nmore\n", KEY)),
        ("checkpoint", sign_note("only a text\n", KEY)),
        ("checkpoint", LOG.checkpoint(LOG_SIZE, STRANGER)),
        ("checkpoint", LOG.checkpoint(LOG_SIZE, NEXT_KEY)),
    ],
)
def test_malformed_or_unsigned_receipt_is_not_verifiable(path, value):
    verdict = verifier.verify_receipt(DOCUMENT, change(RECEIPT, path, value), VKEYS)
    assert verdict.outcome is NOT_VERIFIABLE


@pytest.mark.parametrize("receipt", [None, [], "text", 5, {}, {"format": RECEIPT["format"]}])
def test_anything_else_in_place_of_a_receipt_is_not_verifiable(receipt):
    assert verifier.verify_receipt(DOCUMENT, receipt, VKEYS).outcome is NOT_VERIFIABLE


@pytest.mark.parametrize(
    "vkeys",
    [
        [],
        [STRANGER.vkey],
        [NEXT_KEY.vkey],
        [KEY.vkey[:-1]],
        [KEY.vkey.replace("audit", "other")],
        ["\ud800"],
        KEY.vkey,
        None,
        [None],
    ],
)
def test_missing_or_damaged_keys_are_not_verifiable(vkeys):
    assert verifier.verify_receipt(DOCUMENT, RECEIPT, vkeys).outcome is NOT_VERIFIABLE


def test_trusted_key_of_another_name_cannot_sign_for_the_log():
    root = encode(root_of(LOG.leaves))
    forged = change(RECEIPT, "checkpoint", sign_note(f"{ORIGIN}\n11\n{root}\n", STRANGER))
    verdict = verifier.verify_receipt(DOCUMENT, forged, [KEY.vkey, STRANGER.vkey])
    assert verdict.outcome is NOT_VERIFIABLE
    assert verdict.message == f"no given key of '{ORIGIN}' has signed the checkpoint"


RECEIPT_BYTES = json.dumps(RECEIPT, ensure_ascii=False).encode()


def judge_bytes(data: bytes) -> Any:
    try:
        receipt = verifier.parse_json(data, "the receipt")
    except verifier.NotVerifiable:
        return NOT_VERIFIABLE
    return verifier.verify_receipt(DOCUMENT, receipt, VKEYS).outcome


def test_receipt_bytes_are_good_before_they_are_changed():
    assert judge_bytes(RECEIPT_BYTES) is GOOD


@given(st.integers(0, len(RECEIPT_BYTES) * 8 - 1))
def test_any_flipped_bit_in_a_receipt_is_caught(bit):
    changed = bytearray(RECEIPT_BYTES)
    changed[bit // 8] ^= 1 << bit % 8
    assert judge_bytes(bytes(changed)) in (TAMPERED, NOT_VERIFIABLE)


@given(st.integers(0, len(RECEIPT_BYTES) - 1), st.integers(0, 40), st.binary(max_size=8))
def test_any_cut_or_inserted_bytes_in_a_receipt_are_never_wrongly_good(start, length, inserted):
    changed = RECEIPT_BYTES[:start] + inserted + RECEIPT_BYTES[start + length :]
    if judge_bytes(changed) is GOOD:
        assert json.loads(changed) == RECEIPT  # only white space was added


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
