"""Attestations: the envelope is DSSE to the letter, carries the statement unchanged, and is sealed only when true."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from governance.attestations import PAYLOAD_TYPE, EnvelopeError, open_envelope, seal_statement, statement_digest
from governance.canonical import canonical_bytes
from governance.models import AuditLogEntry, Release
from governance.notes import NoteError, SigningKey
from governance.signer import BrokenEntry, Signer, sign_once
from governance.signer_files import read_vkey
from tests.governance.log_history import History
from tests.guards import behind_the_guards

KEY = SigningKey("example.org/log", bytes(range(32)))
STATEMENT = '{"_type":"https://in-toto.io/Statement/v1","name":"Größe – ok"}'


def change(envelope: str, **values: Any) -> str:
    return canonical_bytes(json.loads(envelope) | values).decode()


def test_envelope_is_what_the_dsse_protocol_says() -> None:
    envelope = json.loads(seal_statement(STATEMENT, KEY))
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert base64.b64decode(envelope["payload"]).decode() == STATEMENT
    ((signature),) = envelope["signatures"]
    assert signature["keyid"] == KEY.vkey.split("+")[1]
    payload = STATEMENT.encode()
    signed = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload)
    public = Ed25519PublicKey.from_public_bytes(KEY.verifier_key.public)
    public.verify(base64.b64decode(signature["sig"]), signed)  # raises when it does not fit


def test_envelope_opens_to_the_statement_for_those_who_trust_the_key() -> None:
    envelope = seal_statement(STATEMENT, KEY)
    assert open_envelope(envelope, [KEY.vkey]) == STATEMENT
    stranger = SigningKey("example.org/log", bytes(32))
    with pytest.raises(EnvelopeError, match="no trusted key"):
        open_envelope(envelope, [stranger.vkey])
    with pytest.raises(EnvelopeError, match="no trusted key"):
        open_envelope(envelope, [])
    with pytest.raises(NoteError):
        open_envelope(envelope, ["no key"])


@pytest.mark.parametrize("place", [0, 20, -1])
def test_envelope_with_another_statement_is_refused(place: int) -> None:
    changed = bytearray(STATEMENT.encode())
    changed[place] = ord("X")
    envelope = change(seal_statement(STATEMENT, KEY), payload=base64.b64encode(changed).decode())
    with pytest.raises(EnvelopeError, match="does not fit"):
        open_envelope(envelope, [KEY.vkey])


def test_envelope_with_a_wrong_signature_beside_a_right_one_is_refused() -> None:
    envelope = seal_statement(STATEMENT, KEY)
    right = json.loads(envelope)["signatures"][0]
    wrong = right | {"sig": base64.b64encode(bytes(64)).decode()}
    with pytest.raises(EnvelopeError, match="does not fit"):
        open_envelope(change(envelope, signatures=[right, wrong]), [KEY.vkey])


def test_signature_of_a_stranger_beside_ours_is_ignored() -> None:
    envelope = seal_statement(STATEMENT, KEY)
    signatures = [{"keyid": "00000000", "sig": "AAAA"}, *json.loads(envelope)["signatures"]]
    assert open_envelope(change(envelope, signatures=signatures), [KEY.vkey]) == STATEMENT


@pytest.mark.parametrize(
    "envelope",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"payloadType": "text/plain", "payload": "", "signatures": []}',
        f'{{"payloadType": "{PAYLOAD_TYPE}", "payload": "*", "signatures": []}}',
        f'{{"payloadType": "{PAYLOAD_TYPE}", "payload": "/w==", "signatures": []}}',
        f'{{"payloadType": "{PAYLOAD_TYPE}", "payload": "", "signatures": [1]}}',
        f'{{"payloadType": "{PAYLOAD_TYPE}", "payload": "", "signatures": [{{"keyid": "a"}}]}}',
        f'{{"payloadType": "{PAYLOAD_TYPE}", "payload": 1, "signatures": []}}',
    ],
)
def test_malformed_envelope_is_refused(envelope: str) -> None:
    with pytest.raises(EnvelopeError):
        open_envelope(envelope, [KEY.vkey])


# --- What the signer seals ------------------------------------------------------------------------


@pytest.mark.django_db
def test_promotion_is_sealed_with_the_statement_its_entry_names(history: History) -> None:
    statement = open_envelope(history.live.envelope, [read_vkey() or ""])
    entry = AuditLogEntry.objects.get(subjects__kind="release", subjects__object_id=history.live.pk)
    assert statement == history.live.statement
    assert json.loads(bytes(entry.body))["data"]["statement"] == statement_digest(statement)
    said = json.loads(statement)
    assert said["subject"] == [{"name": "model.bin", "digest": {"sha256": "a" * 64}}]
    assert said["predicate"]["environment"] == "production"
    assert [[one["role"], one["decision"], one["name"]] for one in said["predicate"]["signOffs"]] == [
        ["validator", "request_changes", "Validator Person"],
        ["validator", "approve", "Validator Person"],
        ["approver", "approve", "Approver Person"],
    ]
    assert said["predicateType"] == "urn:countersign:attestation:promotion:2"
    assert (said["predicate"]["kind"], said["predicate"]["soloMode"], said["predicate"]["conditions"]) == (
        "regular",
        False,
        [],
    )
    assert said["predicate"]["notBefore"] == said["predicate"]["promotedAt"] < said["predicate"]["expiresAt"]
    assert {status for _key, status in said["predicate"]["findings"]} <= {"MET", "NOT_MET", "WAIVED"}


@pytest.mark.django_db
def test_changed_statement_is_not_sealed_and_holds_nobody_else_up(history: History) -> None:
    forged = history.former.statement.replace("a" * 64, "b" * 64)
    with behind_the_guards():
        Release.objects.update(envelope="")
        Release.objects.filter(pk=history.former.pk).update(statement=forged)
    with pytest.raises(BrokenEntry, match="another statement than its promotion recorded") as caught:
        sign_once()
    history.live.refresh_from_db()
    history.former.refresh_from_db()
    assert caught.value.index == history.former.log_index
    assert (history.former.envelope, open_envelope(history.live.envelope, [read_vkey() or ""])) == (
        "",
        history.live.statement,
    )


@pytest.mark.django_db
def test_release_that_names_another_entry_is_not_sealed(history: History) -> None:
    with behind_the_guards():
        Release.objects.filter(pk=history.live.pk).update(envelope="", log_index=history.former.log_index)
    with pytest.raises(BrokenEntry, match=f"release {history.live.pk} carries another statement"):
        sign_once()


@pytest.mark.django_db
def test_promotion_that_is_not_sealed_yet_has_no_envelope(history: History) -> None:
    working = Signer.start()
    with behind_the_guards():
        Release.objects.filter(pk=history.live.pk).update(envelope="", log_index=working.memory.size)
    working.seal_releases()
    history.live.refresh_from_db()
    assert history.live.envelope == ""
