"""Exports and attestations of a log whose keys changed: the stand-alone verifier follows the trust file."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

import pytest

from governance import receipts
from governance.exporting import export_at
from governance.log_state import keys_in_log
from governance.models import User
from governance.signer import sign_once
from portal.pages.proofs import trust_words
from tests.client.small_log import GOOD, NOT_VERIFIABLE, verifier
from tests.governance.log_history import History, note
from tests.governance.rotating import end_key, rotate_to_overlap


def judge(trusted: Any) -> Any:
    return verifier.verify_archive(io.BytesIO(b"".join(export_at(project=None).stream())), trusted)


def trust() -> Any:
    return verifier.read_trust(json.loads(receipts.trust_file()))


@pytest.mark.parametrize("verb", ["retire", "revoke"])
def test_export_holds_under_the_trust_file_after_a_change_of_keys(writer: User, verb: str) -> None:
    assert trust_words().startswith("--key ")
    old = rotate_to_overlap()
    note(writer, count=3)
    sign_once()
    end_key(verb, old)
    note(writer, count=3)
    sign_once()
    new = keys_in_log()[1].vkey
    assert judge(trust()).outcome is GOOD, judge(trust()).message
    assert [judge([key]).outcome for key in (old, new)] == [NOT_VERIFIABLE, NOT_VERIFIABLE]
    assert trust_words() == "--trust log.trust.json"


@pytest.mark.django_db
def test_attestation_from_before_a_retirement_stays_valid(history: History) -> None:
    bundle = json.loads(json.dumps(receipts.attestation_bundle(history.live)))
    asked: dict[str, Any] = {"environment": "production"}
    assert verifier.verify_attestation(bundle, trust(), **asked).outcome is GOOD
    old = rotate_to_overlap()
    end_key("retire", old)
    for held in outcomes(bundle, receipts.attestation_bundle(history.live)):
        assert held.outcome is GOOD, held.message
    end_key("revoke", old)
    # Nobody vouches for what the stolen key signed before; the portal hands out what the present key has signed.
    before, now = outcomes(bundle, receipts.attestation_bundle(history.live))
    assert (before.outcome, now.outcome) == (NOT_VERIFIABLE, GOOD), now.message


def outcomes(*bundles: Any) -> Iterable[Any]:
    return [verifier.verify_attestation(bundle, trust(), environment="production") for bundle in bundles]
