"""The offline verifier: keys, trees and receipts, good, tampered, and impossible to tell."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.canonical import canonical_bytes, sha256_hex
from governance.merkle import (
    root_of,
)
from governance.notes import SigningKey, add_signature, sign_note
from tests.client.small_log import (
    DATA_INDEX,
    DOCUMENT,
    GOOD,
    KEY,
    LOG,
    LOG_SIZE,
    NEXT_KEY,
    NOT_VERIFIABLE,
    ORIGIN,
    OTHER_BODY,
    RECEIPT,
    RECEIPT_BYTES,
    STRANGER,
    SUBJECT_INDEX,
    TAMPERED,
    VKEYS,
    Log,
    encode,
    entry,
    verifier,
)
from tests.vectors import load_vectors

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
