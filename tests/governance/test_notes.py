from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.merkle import EMPTY_ROOT, leaf_hash, root_of
from governance.notes import (
    Checkpoint,
    NoteError,
    NoTrustedSignature,
    SignatureMismatch,
    SigningKey,
    TlogProof,
    VerifierKey,
    add_signature,
    build_proof,
    generate_key,
    open_checkpoint,
    open_note,
    parse_proof,
    sign_checkpoint,
    sign_note,
)
from tests.vectors import load_vectors

ORIGIN = "audit.example.org/log"
KEY = SigningKey(ORIGIN, bytes(range(32)))
OTHER = SigningKey(ORIGIN, bytes(32))
STRANGER = SigningKey("witness.example.org", b"w" * 32)
ROOT = leaf_hash(b"entry")
NOTE = sign_checkpoint(ORIGIN, 1, ROOT, KEY)


def test_published_notes_open():
    rows = load_vectors("signed_note.json")["valid"]
    assert len(rows) == 3
    for row in rows:
        text, _, _ = row["note"].rpartition("\n\n")
        assert open_note(row["note"], [row["vkey"]]).text == text + "\n"


def test_published_key_signs_the_published_note():
    rows = load_vectors("signed_note.json")["valid"]
    row = next(row for row in rows if "skey_public_test_key" in row)
    key = SigningKey.from_text(row["skey_public_test_key"])
    assert sign_note(open_note(row["note"], [row["vkey"]]).text, key) == row["note"]
    assert (key.vkey, key.to_text()) == (row["vkey"], row["skey_public_test_key"])


def test_published_bad_keys_are_refused():
    keys = load_vectors("signed_note.json")["bad_vkeys"]
    assert len(keys) == 2
    for text in keys:
        with pytest.raises(NoteError):
            VerifierKey.from_text(text)


def test_checkpoints_of_a_real_log_open():
    log = load_vectors("tessera_testlog.json")
    leaves = [bytes.fromhex(item) for item in log["leaf_hashes_hex"]]
    assert len(log["checkpoints_by_size"]) == 16
    for size, note in log["checkpoints_by_size"].items():
        expected = Checkpoint("example.com/log/testdata", int(size), root_of(leaves[: int(size)]))
        assert open_checkpoint(note, [log["vkey"]]) == expected


@pytest.mark.parametrize("size", [0, 1, 2**62, 2**63 - 1])
def test_signed_checkpoint_opens_again(size):
    note = sign_checkpoint(ORIGIN, size, ROOT, KEY)
    assert open_checkpoint(note, [KEY.vkey]) == Checkpoint(ORIGIN, size, ROOT)


def test_checkpoint_is_written_as_the_format_says():
    lines = sign_checkpoint(ORIGIN, 0, EMPTY_ROOT, KEY).split("\n")
    assert lines[:4] == [ORIGIN, "0", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", ""]
    assert (lines[4].startswith(f"— {ORIGIN} "), lines[5:]) == (True, [""])


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("other.example.org", 1, ROOT),
        (ORIGIN, -1, ROOT),
        (ORIGIN, 2**63, ROOT),
        (ORIGIN, 1, ROOT[:31]),
    ],
)
def test_sign_checkpoint_refuses_nonsense(origin, size, root):
    with pytest.raises(NoteError):
        sign_checkpoint(origin, size, root, KEY)


def test_generated_keys_differ_and_survive_being_written_down():
    first, second = generate_key(ORIGIN), generate_key(ORIGIN)
    assert first.seed != second.seed
    assert SigningKey.from_text(first.to_text()) == first
    assert VerifierKey.from_text(first.vkey) == first.verifier_key


def test_signing_key_does_not_show_itself():
    encoded = base64.b64encode(b"\x01" + KEY.seed).decode()
    assert repr(KEY) == f"SigningKey(name='{ORIGIN}')"
    with pytest.raises(NoteError) as caught:
        SigningKey.from_text(KEY.to_text().replace(ORIGIN, "other.example.org"))
    assert encoded not in str(caught.value)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "tab\t", "wide\u3000space", "nul\x00", "\ud800"])
def test_key_names_are_checked(name):
    with pytest.raises(NoteError):
        generate_key(name)


def test_every_mangled_verifier_key_is_refused():
    text = KEY.vkey
    parts = {text[:end] for end in range(len(text))} | {text[start:] for start in range(1, len(text))}
    changed = {text[:i] + chr(ord(text[i]) + 1) + text[i + 1 :] for i in range(len(text))}
    assert len(changed) == len(text)
    for mangled in parts | changed:
        with pytest.raises(NoteError):
            VerifierKey.from_text(mangled)


HEAD, SIGNATURE_LINE, _ = NOTE.rsplit("\n", 2)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        HEAD,
        f"{HEAD}\n",
        NOTE[:-1],
        NOTE.replace("\n\n", "\n"),
        NOTE.replace("— ", "- "),
        NOTE.replace("— ", "—\u00a0"),
        NOTE + "one more line\n",
        NOTE + "\n",
        HEAD + "\n" + (SIGNATURE_LINE + "\n") * 101,
        f"{HEAD}\n— {ORIGIN} AAAA\n",
        f"{HEAD}\n— {ORIGIN} !!!!\n",
        f"{HEAD}\n— two words {SIGNATURE_LINE.rsplit(' ')[-1]}\n",
        "\x01" + NOTE,
        NOTE.replace("\n", "\r\n"),
        NOTE + "\ud800",
        "x" * 1024 * 1024 + NOTE,
    ],
)
def test_malformed_notes_are_refused(note):
    with pytest.raises(NoteError) as caught:
        open_note(note, [KEY.vkey])
    assert type(caught.value) is NoteError


@pytest.mark.parametrize("letters", ["aé€", string.digits, "\n"])
def test_text_of_a_note_may_hold_anything_printable(letters):
    text = f"{letters}\n\n\n{letters}\n"
    assert open_note(sign_note(text, KEY), [KEY.vkey]).text == text


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "\ud800\n"])
def test_sign_note_refuses_texts_that_are_not_notes(text):
    with pytest.raises(NoteError):
        sign_note(text, KEY)


def test_unknown_signatures_are_ignored():
    note = add_signature(NOTE, STRANGER)
    assert open_note(note, [KEY.vkey]).signers == (KEY.verifier_key,)
    assert open_checkpoint(note, [KEY.vkey]) == Checkpoint(ORIGIN, 1, ROOT)


def test_both_keys_of_a_rotation_sign_one_note():
    note = add_signature(NOTE, OTHER)
    assert open_checkpoint(note, [OTHER.vkey]) == Checkpoint(ORIGIN, 1, ROOT)
    opened = open_note(note, [OTHER.vkey, KEY.vkey, KEY.vkey])
    assert opened.signers == (KEY.verifier_key, OTHER.verifier_key)


def test_a_signature_given_twice_counts_once():
    assert open_note(add_signature(NOTE, KEY), [KEY.vkey]).signers == (KEY.verifier_key,)


def test_note_without_trusted_signature_is_refused():
    with pytest.raises(NoTrustedSignature, match="none of these keys is trusted"):
        open_note(NOTE, [OTHER.vkey, STRANGER.vkey])
    with pytest.raises(NoTrustedSignature):
        open_note(NOTE, [])


def test_checkpoint_signed_by_a_trusted_key_of_another_name_is_refused():
    forged = sign_note(f"{ORIGIN}\n1\n{base64.b64encode(ROOT).decode()}\n", STRANGER)
    with pytest.raises(NoTrustedSignature, match="no trusted key of audit.example.org/log"):
        open_checkpoint(forged, [KEY.vkey, STRANGER.vkey])


def test_a_wrong_trusted_signature_spoils_a_right_one():
    broken = add_signature(NOTE.replace("\n1\n", "\n2\n"), STRANGER)
    with pytest.raises(SignatureMismatch, match=ORIGIN):
        open_note(broken, [KEY.vkey, STRANGER.vkey])


@given(st.integers(0, len(NOTE.encode()) * 8 - 1))
def test_any_flipped_bit_in_a_checkpoint_is_caught(bit):
    changed = bytearray(NOTE.encode())
    changed[bit // 8] ^= 1 << bit % 8
    try:
        note = changed.decode()
    except UnicodeDecodeError:
        return  # whoever reads the file meets this first
    with pytest.raises(NoteError):
        open_checkpoint(note, [KEY.vkey])


ROOT_TEXT = base64.b64encode(ROOT).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n1\n",
        f"{ORIGIN}\n01\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n-1\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n\u0661\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n9223372036854775808\n{ROOT_TEXT}\n",
        f"{ORIGIN}\n1\n{ROOT_TEXT[:-4]}\n",
        f"{ORIGIN}\n1\n{ROOT_TEXT[:-1]}\n",
        f"{ORIGIN}\n1\n{ROOT_TEXT}\nextension\n",
        f"{ORIGIN}\n1\n{ROOT_TEXT}\n\n",
        f"\n1\n{ROOT_TEXT}\n",
    ],
)
def test_signed_texts_that_are_no_checkpoints_are_refused(text):
    with pytest.raises(NoteError) as caught:
        open_checkpoint(sign_note(text, KEY), [KEY.vkey])
    assert type(caught.value) is NoteError


def test_base64_has_one_spelling():
    spare_bits = ROOT_TEXT[:-2] + chr(ord(ROOT_TEXT[-2]) + 1) + "="
    assert base64.b64decode(spare_bits) == ROOT
    with pytest.raises(NoteError, match="one canonical base64 spelling"):
        open_checkpoint(sign_note(f"{ORIGIN}\n1\n{spare_bits}\n", KEY), [KEY.vkey])


@pytest.mark.parametrize("extra", [None, b"", b"\x00opaque"])
@pytest.mark.parametrize("hashes", [(), (ROOT,), (ROOT, EMPTY_ROOT)])
def test_proof_is_read_back_as_it_was_built(hashes, extra):
    text = build_proof(0, hashes, NOTE, extra)
    assert parse_proof(text) == TlogProof(0, hashes, NOTE, extra)


def test_proof_is_written_as_the_format_says():
    encoded = base64.b64encode(ROOT).decode()
    head = f"c2sp.org/tlog-proof@v1\nextra AQI=\nindex 7\n{encoded}\n\n"
    assert build_proof(7, [ROOT], NOTE, b"\x01\x02") == head + NOTE


PROOF = build_proof(7, [ROOT], NOTE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        PROOF.replace("@v1", "@v2"),
        PROOF.replace("index 7", "index 07"),
        PROOF.replace("index 7", "index -7"),
        PROOF.replace("index 7\n", ""),
        PROOF.replace("index 7", "extra AQI\nindex 7"),
        PROOF.replace("index 7", "index 7\nextra AQI="),
        PROOF.replace(ROOT_TEXT, ROOT_TEXT[:-4], 1),
        PROOF.replace("\n\n", "\n", 1),
        PROOF.replace("index 7\n", "index 7\n" + f"{ROOT_TEXT}\n" * 63),
        PROOF[: -len(NOTE)],
    ],
)
def test_malformed_proofs_are_refused(text):
    with pytest.raises(NoteError):
        parse_proof(text)
