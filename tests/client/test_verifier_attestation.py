"""The offline verifier: attestations, revocation lists and trust files, good, not allowed, tampered, unknowable."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.canonical import canonical_bytes, sha256_hex
from governance.envelopes import seal
from governance.notes import encode as spell
from tests.client.small_log import GOOD, KEY, NEXT_KEY, NOT_VERIFIABLE, ORIGIN, STRANGER, TAMPERED, verifier
from tests.client.small_release import (
    AT,
    BUNDLE,
    DIGEST,
    KINDS,
    LIST,
    PROMOTION,
    SIZE,
    STATEMENT_TYPE,
    changed,
    judge,
    make_bundle,
    make_list,
    make_statement,
)

# --- What may run, and what may not ------------------------------------------------------------------


def test_artifact_that_was_promoted_may_run():
    verdict = judge()
    assert (verdict.outcome, verdict.word) == (GOOD, "good"), verdict.message
    assert verdict.message == (
        "Triage version 2 may run in production until 2027-02-18T08:00:00.000000Z; the artifact is one that was"
        " promoted; not revoked as of 2026-11-24T06:00:00.000000Z"
    )
    assert verdict.statement == make_statement()
    assert verdict.entry["index"] == PROMOTION
    assert verdict.checkpoint.size == SIZE


def test_what_was_not_asked_is_said():
    verdict = judge(digest=None, environment=None, revocations=None)
    assert verdict.outcome is GOOD
    assert "no artifact was compared; revocations were not checked" in verdict.message


@pytest.mark.parametrize(
    ("kind", "remark"),
    [("regular", ""), ("emergency", "EMERGENCY: the gate was closed"), ("rollback", "rolled back to")],
)
def test_every_kind_of_promotion_counts_and_is_said(kind, remark):
    verdict = judge(make_bundle(make_statement(kind=kind)))
    assert verdict.outcome is GOOD, verdict.message
    assert remark in verdict.message


def test_solo_mode_is_said_loudly():
    assert "SOLO MODE" in judge(make_bundle(make_statement(soloMode=True))).message


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"digest": sha256_hex(b"another model")}, "is not one of the 1 that were promoted"),
        ({"environment": "staging"}, "was promoted into 'production', not into 'staging'"),
        ({"at": AT - timedelta(days=5)}, "holds from 2026-11-20T08:00:00.000000Z on"),
        ({"at": AT + timedelta(days=100), "revocations": None}, "expired at 2027-02-18T08:00:00.000000Z"),
        ({"revocations": make_list(make_statement())}, "withdrawn at 2026-11-23T10:00:00.000000Z: Drift."),
    ],
)
def test_genuine_attestation_that_does_not_cover_this_is_not_allowed(asked, message):
    verdict = judge(**asked)
    assert (verdict.outcome, verdict.word) == (TAMPERED, "not allowed")
    assert message in verdict.message
    assert verdict.statement is None


def test_validity_ends_at_the_very_microsecond():
    start = verifier.parse_moment("2026-11-20T08:00:00Z", "it")
    end = verifier.parse_moment("2027-02-18T09:00:00+01:00", "it")
    tick = timedelta(microseconds=1)
    outcomes = [judge(at=at, revocations=None).outcome for at in (start - tick, start, end - tick, end)]
    assert outcomes == [TAMPERED, GOOD, GOOD, TAMPERED]


def test_asked_about_the_past_a_later_withdrawal_does_not_count():
    listed = make_list(make_statement())
    before = verifier.parse_moment("2026-11-23T09:59:59.999999Z", "it")
    assert judge(at=before, revocations=listed).outcome is GOOD
    assert judge(at=before + timedelta(microseconds=1), revocations=listed).outcome is TAMPERED


# --- What was tampered with ---------------------------------------------------------------------------

OTHER = make_bundle(make_statement(model="Another"))


@pytest.mark.parametrize(
    ("bundle", "message"),
    [
        (changed(BUNDLE, "receipt", OTHER["receipt"]), "is the promotion of something else"),
        (changed(BUNDLE, "envelope", OTHER["envelope"]), "is the promotion of something else"),
        (changed(BUNDLE, "envelope.payload", OTHER["envelope"]["payload"]), "does not fit the signature"),
        (make_bundle(type="evidence.submitted"), "'evidence.submitted', which lets nothing run"),
        (make_bundle(type="version.retired"), "'version.retired', which lets nothing run"),
        (make_bundle(data={}), "is the promotion of something else"),
        (make_bundle(data="none"), "lets nothing run"),
        (make_bundle(type="release.rolled_back"), "the statement says 'regular'"),
        (changed(BUNDLE, "receipt.entry.index", 3), "is not in the log"),
        (changed(BUNDLE, "receipt.inclusion_proof", []), "shorter than"),
        (changed(BUNDLE, "receipt.document_digest", DIGEST), "for another dossier"),
    ],
)
def test_pieces_that_do_not_belong_together_are_tampered(bundle, message):
    verdict = judge(bundle)
    assert (verdict.outcome, verdict.word) == (TAMPERED, "tampered")
    assert message in verdict.message


@pytest.mark.parametrize("name", ["environment", "dossier"])
def test_entry_and_statement_must_agree(name):
    text = canonical_bytes(make_statement()).decode()
    data = {"environment": "production", "statement": sha256_hex(text.encode()), name: "another"}
    assert f"differ in '{name}'" in judge(make_bundle(data=data)).message


# --- What cannot be told -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("envelope", None),
        ("envelope", []),
        ("envelope.payloadType", "text/plain"),
        ("envelope.payload", "*"),
        ("envelope.payload", None),
        ("envelope.signatures", []),
        ("envelope.signatures", [{}] * 101),
        ("envelope.signatures", [{"keyid": "00000000", "sig": "AAAA"}]),
        ("envelope.signatures", [{"keyid": 5, "sig": "AAAA"}]),
        ("envelope.signatures.0.sig", "AAA"),
        ("receipt", None),
        ("receipt.format", "countersign/receipt/2"),
        ("receipt.checkpoint", "none"),
    ],
)
def test_malformed_bundle_is_not_verifiable(path, value):
    assert judge(changed(BUNDLE, path, value)).outcome is NOT_VERIFIABLE


@pytest.mark.parametrize("bundle", [None, [], "text", 5, {}, {"envelope": {}}])
def test_anything_else_in_place_of_a_bundle_is_not_verifiable(bundle):
    assert judge(bundle).outcome is NOT_VERIFIABLE


@pytest.mark.parametrize(
    "statement",
    [
        make_statement() | {"predicateType": "urn:countersign:attestation:promotion:1"},
        make_statement() | {"_type": "https://in-toto.io/Statement/v0.1"},
        make_statement() | {"subject": []},
        make_statement() | {"subject": [{"name": "a", "digest": {"sha256": "abc"}}]},
        make_statement() | {"subject": [{"name": "a", "digest": {"sha1": "a" * 40}}]},
        make_statement(expiresAt="2027-02-18T08:00:00"),
        make_statement(expiresAt="2027-02-31T08:00:00Z"),
        make_statement(notBefore="yesterday"),
        make_statement(expiresAt=None),
        make_statement(soloMode="no"),
        make_statement(version="2"),
    ],
)
def test_statement_that_lacks_what_a_deployer_needs_is_not_verifiable(statement):
    assert judge(make_bundle(statement)).outcome is NOT_VERIFIABLE


def test_signature_of_a_stranger_says_nothing():
    text = canonical_bytes(make_statement()).decode()
    forged = changed(BUNDLE, "envelope", json.loads(seal(STATEMENT_TYPE, text, [STRANGER])))
    assert judge(forged).outcome is NOT_VERIFIABLE
    assert judge(trusted=[STRANGER.vkey]).outcome is NOT_VERIFIABLE
    assert judge(trusted=[]).outcome is NOT_VERIFIABLE


def test_wrong_signature_beside_a_right_one_is_tampered():
    right = BUNDLE["envelope"]["signatures"][0]
    both = [right, right | {"sig": spell(bytes(64))}]
    assert judge(changed(BUNDLE, "envelope.signatures", both)).outcome is TAMPERED


# --- Revocation lists ----------------------------------------------------------------------------------


def test_genuine_list_says_until_when_it_holds():
    verdict = verifier.verify_revocations(make_list(make_statement()), [KEY.vkey], at=AT)
    assert verdict.message == (
        f"1 attestations of {ORIGIN} are revoked, as of 2026-11-24T06:00:00.000000Z;"
        " the list holds until 2026-11-25T06:00:00.000000Z"
    )


@pytest.mark.parametrize(
    "listed",
    [
        make_list(validUntil="2026-11-24T12:00:00.000000Z"),  # stale at this very moment
        make_list(validUntil="2026-11-24T06:00:00.000000Z"),
        make_list(format="countersign/revocations/2"),
        make_list(origin="another.example.org/log"),
        make_list(logSize="9"),
        make_list(logSize=True),
        make_list(revoked={}),
        make_list(revoked=[{"statement": "sha256:abc", "endedAt": "2026-11-23T10:00:00Z"}]),
        make_list(revoked=[{"statement": DIGEST, "endedAt": "soon"}]),
        make_list(key=STRANGER),
        make_list(key=NEXT_KEY),
        BUNDLE["envelope"],  # signed by the log, and no list
        None,
        {},
        [],
    ],
)
def test_list_that_is_stale_or_not_ours_is_not_verifiable(listed):
    assert verifier.verify_revocations(listed, [KEY.vkey], at=AT).outcome is NOT_VERIFIABLE
    if listed is not None:
        assert judge(revocations=listed).outcome is NOT_VERIFIABLE


def test_list_with_an_item_taken_out_is_tampered():
    listed, empty = make_list(make_statement()), make_list()
    forged = changed(listed, "payload", empty["payload"])
    assert verifier.verify_revocations(forged, [KEY.vkey], at=AT).outcome is TAMPERED
    assert judge(revocations=forged).outcome is TAMPERED


def test_attestation_is_no_list_and_a_list_is_no_attestation():
    assert judge(changed(BUNDLE, "envelope", LIST)).outcome is NOT_VERIFIABLE
    assert verifier.verify_revocations(BUNDLE["envelope"], [KEY.vkey], at=AT).outcome is NOT_VERIFIABLE


def test_list_made_after_the_end_need_not_name_the_attestation():
    ended = make_bundle(make_statement(expiresAt="2026-11-23T08:00:00.000000Z"))
    before = verifier.parse_moment("2026-11-22T08:00:00Z", "it")
    assert judge(ended, at=before).outcome is NOT_VERIFIABLE
    assert judge(ended, at=before, revocations=None).outcome is GOOD


# --- Flipped bits ------------------------------------------------------------------------------------------

BUNDLE_BYTES = json.dumps(BUNDLE, ensure_ascii=False).encode()


@given(st.integers(0, len(BUNDLE_BYTES) * 8 - 1))
def test_any_flipped_bit_in_a_bundle_is_caught(bit):
    flipped = bytearray(BUNDLE_BYTES)
    flipped[bit // 8] ^= 1 << bit % 8
    try:
        bundle = verifier.parse_json(bytes(flipped), "the bundle")
    except verifier.NotVerifiable:
        return
    assert judge(bundle).outcome is not GOOD


def test_kinds_are_those_that_the_verifier_knows():
    assert {type: kind for kind, type in KINDS.items()} == verifier.PROMOTIONS
