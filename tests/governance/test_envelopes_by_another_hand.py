"""A second opinion on our envelopes: securesystemslib, which signs and reads DSSE for TUF and in-toto, agrees."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer._crypto_signer import CryptoSigner
from securesystemslib.signer._key import SSlibKey

from governance import receipts
from governance.envelopes import EnvelopeError, open_sealed, seal
from governance.models import RevocationList
from governance.notes import SigningKey, VerifierKey
from governance.signer import sign_once
from tests.client.small_log import verifier
from tests.governance.log_history import History

KEY, NEXT = (SigningKey("audit.example.org/log", bytes([number]) * 32) for number in (7, 8))
TYPE = "application/vnd.in-toto+json"


def foreign(vkey: str) -> SSlibKey:
    """Our verifier key as securesystemslib holds it."""
    key = VerifierKey.from_text(vkey)
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(key.public), keyid=key.key_id.hex())


def read(envelope: Any) -> Envelope:
    return Envelope.from_dict(json.loads(envelope) if isinstance(envelope, str) else json.loads(json.dumps(envelope)))


@given(st.text(max_size=300))
def test_it_reads_what_we_seal(text: str) -> None:
    envelope = read(seal(TYPE, text, [KEY, NEXT]))
    assert (envelope.payload.decode(), envelope.payload_type) == (text, TYPE)
    assert set(envelope.verify([foreign(KEY.vkey), foreign(NEXT.vkey)], 2)) == {
        key.verifier_key.key_id.hex() for key in (KEY, NEXT)
    }


@given(st.text(max_size=300))
def test_we_read_what_it_signs(text: str) -> None:
    private = Ed25519PrivateKey.from_private_bytes(KEY.seed)
    envelope = Envelope(text.encode(), TYPE, {})
    envelope.sign(CryptoSigner(private, foreign(KEY.vkey)))
    spelled = json.dumps(envelope.to_dict())
    assert open_sealed(TYPE, spelled, [KEY.vkey]) == text
    payload, signers = verifier._open_envelope(json.loads(spelled), TYPE, verifier._trust([KEY.vkey]))
    assert (payload.decode(), [key.public for key in signers]) == (text, [KEY.verifier_key.public])


@given(st.text(min_size=1, max_size=60), st.integers(0, 10_000))
def test_all_three_refuse_the_same_changes(text: str, place: int) -> None:
    envelope = json.loads(seal(TYPE, text, [KEY]))
    spelled = json.dumps(envelope)
    signature = envelope["signatures"][0]["sig"]
    old = signature[place % 80]
    new = "A" if old != "A" else "B"
    changed = spelled.replace(signature, signature[: place % 80] + new + signature[place % 80 + 1 :])
    with pytest.raises(VerificationError):
        read(changed).verify([foreign(KEY.vkey)], 1)
    with pytest.raises(EnvelopeError):
        open_sealed(TYPE, changed, [KEY.vkey])
    with pytest.raises(verifier.Tampered):
        verifier._open_envelope(json.loads(changed), TYPE, verifier._trust([KEY.vkey]))


@pytest.mark.django_db
def test_it_reads_the_attestations_and_lists_that_the_portal_hands_out(history: History) -> None:
    sign_once()
    bundle = receipts.attestation_bundle(history.live)
    listed = RevocationList.objects.order_by("-pk")[0].envelope
    for envelope in (read(bundle["envelope"]), read(listed)):
        assert len(envelope.verify([foreign(receipts.vkey())], 1)) == 1
    statement = json.loads(read(bundle["envelope"]).payload)
    # What in-toto's Statement v1 demands of every statement.
    assert set(statement) == {"_type", "subject", "predicateType", "predicate"}
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"].startswith("urn:")
    for subject in statement["subject"]:
        assert set(subject) == {"name", "digest"}
        assert len(bytes.fromhex(subject["digest"]["sha256"])) == 32
