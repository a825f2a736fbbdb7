"""B29: whoever runs a model believes a signed attestation that is in the log and in force, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance import receipts
from governance.actions import promotion
from governance.envelopes import seal
from governance.exceptions import NotSealedYet
from governance.models import AuditLogEntry, Release, RevocationList
from governance.notes import SigningKey, VerifierKey, sign_checkpoint
from governance.signer import sign_once
from tests import cast
from tests.client.small_log import GOOD, NOT_VERIFIABLE, TAMPERED, Log, encode, verifier
from tests.governance.log_history import History

pytestmark = pytest.mark.django_db

ARTIFACT = "sha256:" + "a" * 64
ENVELOPE = "application/vnd.in-toto+json"


@pytest.fixture
def bundle(history: History) -> dict[str, Any]:
    """What a deployer holds of the release that runs."""
    return json.loads(json.dumps(receipts.attestation_bundle(history.live)))


def revocations() -> Any:
    """The list that the portal serves once the signer has looked again."""
    sign_once()
    return json.loads(RevocationList.objects.order_by("-pk")[0].envelope)


def judge(bundle: Any, *, revocations: Any = None, **asked: Any) -> Any:
    trust = verifier.read_trust(json.loads(receipts.trust_file()))
    questions = {"digest": ARTIFACT, "environment": "production"} | asked
    return verifier.verify_attestation(bundle, trust, revocations=revocations, **questions)


def test_b29_what_was_promoted_may_run(history: History, bundle: dict[str, Any]) -> None:
    verdict = judge(bundle, revocations=revocations())
    assert verdict.outcome is GOOD, verdict.message
    assert f"{history.model.name} version {history.live.version.number} may run in production" in verdict.message


@pytest.mark.parametrize(
    "forged",
    [
        {"allowed": True, "code": "released", "reason": "It is released.", "environment": "production"},
        {"envelope": {"allowed": True}, "receipt": {"allowed": True}},
        {"envelope": None, "receipt": None},
        [],
        "released",
    ],
)
def test_b29_forged_json_is_refused(history: History, forged: Any) -> None:
    assert judge(forged).outcome is NOT_VERIFIABLE


def lies(statement: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The statement, made to say what somebody would like to hear."""
    later = (datetime.now(UTC) + timedelta(days=3650)).isoformat()
    yield {**statement, "subject": [{"name": "model.bin", "digest": {"sha256": "b" * 64}}]}
    for name, value in (("environment", "staging"), ("expiresAt", later), ("kind", "rollback"), ("version", 99)):
        yield {**statement, "predicate": {**statement["predicate"], name: value}}


def test_b29_changed_statement_is_refused(history: History, bundle: dict[str, Any]) -> None:
    statement = verifier.read_statement(bundle)
    thief = SigningKey(VerifierKey.from_text(receipts.vkey()).name, bytes(range(32)))
    for lie in lies(statement):
        text = json.dumps(lie, separators=(",", ":"), sort_keys=True)
        payload = encode(text.encode())
        changed = judge({**bundle, "envelope": {**bundle["envelope"], "payload": payload}})
        assert changed.outcome is TAMPERED, changed.message
        signed_by_another = judge({**bundle, "envelope": json.loads(seal(ENVELOPE, text, [thief]))})
        assert signed_by_another.outcome is NOT_VERIFIABLE, signed_by_another.message


def test_b29_log_of_ones_own_is_refused(history: History, bundle: dict[str, Any]) -> None:
    """A whole log in the portal's name, made with another key, with a promotion in it that fits the statement."""
    origin = VerifierKey.from_text(receipts.vkey()).name
    thief = SigningKey(origin, bytes(range(32)))
    text = json.dumps(verifier.read_statement(bundle), separators=(",", ":"), sort_keys=True)
    log = Log([bytes(AuditLogEntry.objects.get(pk=history.live.log_index).body)])
    receipt = {**bundle["receipt"], "inclusion_proof": []}
    receipt["checkpoint"] = sign_checkpoint(origin, 1, log.leaves[0], thief)
    forged = {"envelope": json.loads(seal(ENVELOPE, text, [thief])), "receipt": receipt}
    assert judge(forged).outcome is NOT_VERIFIABLE


def test_b29_receipt_of_another_promotion_is_refused(history: History, bundle: dict[str, Any]) -> None:
    other = receipts.attestation_bundle(history.former)
    for mixed in ({**bundle, "receipt": other["receipt"]}, {**other, "receipt": bundle["receipt"]}):
        verdict = judge(mixed)
        assert (verdict.outcome, verdict.word) == (TAMPERED, "tampered"), verdict.message


@pytest.mark.parametrize("type", ["sign_off.given", "evidence.submitted", "version.submitted", "report.issued"])
def test_b29_receipt_of_anything_but_a_promotion_is_refused(
    history: History, bundle: dict[str, Any], type: str
) -> None:
    receipt = receipts.receipt_for(history.index_of(type, last=True))
    assert judge({**bundle, "receipt": receipt}).outcome is TAMPERED


def test_b29_superseded_release_is_refused(history: History) -> None:
    former = json.loads(json.dumps(receipts.attestation_bundle(history.former)))
    verdict = judge(former, revocations=revocations())
    assert (verdict.outcome, verdict.word) == (TAMPERED, "not allowed"), verdict.message
    assert "it was withdrawn at" in verdict.message


def test_b29_rolled_back_release_is_refused_and_the_one_before_runs_again(
    history: History, bundle: dict[str, Any]
) -> None:
    back = promotion.roll_back(
        history.live, reason="It drifts.", password=cast.PASSWORD, actor=cast.acting(history.people["approver"])
    )
    listed = revocations()
    assert judge(bundle, revocations=listed).word == "not allowed"
    back.refresh_from_db()
    again = judge(receipts.attestation_bundle(back), revocations=listed)
    assert again.outcome is GOOD, again.message
    assert "rolled back to" in again.message
    # The attestation of the release that ran before stays withdrawn: the rollback has one of its own.
    assert judge(receipts.attestation_bundle(history.former), revocations=listed).word == "not allowed"


def test_b29_retired_release_is_refused(history: History, bundle: dict[str, Any]) -> None:
    old = revocations()
    promotion.retire_version(history.live.version, reason="Done.", actor=cast.acting(history.people["approver"]))
    assert judge(bundle, revocations=revocations()).word == "not allowed"
    # Whoever keeps the list from before is believed until it is stale, and no longer.
    until = verifier.parse_moment(json.loads(verifier._decode_base64(old["payload"], "it"))["validUntil"], "it")
    assert judge(bundle, revocations=old, at=until).outcome is NOT_VERIFIABLE


def test_b29_list_made_by_somebody_else_is_refused(history: History, bundle: dict[str, Any]) -> None:
    promotion.retire_version(history.live.version, reason="Done.", actor=cast.acting(history.people["approver"]))
    listed = revocations()
    said = json.loads(verifier._decode_base64(listed["payload"], "the list"))
    thief = SigningKey(said["origin"], bytes(range(32)))
    empty = json.dumps({**said, "revoked": []})
    forged = json.loads(seal("application/vnd.countersign.revocations+json", empty, [thief]))
    assert judge(bundle, revocations=forged).outcome is NOT_VERIFIABLE
    emptied = {**listed, "payload": encode(empty.encode())}
    assert judge(bundle, revocations=emptied).outcome is TAMPERED


def test_b29_other_bytes_another_place_and_another_time_are_refused(history: History, bundle: dict[str, Any]) -> None:
    live = Release.objects.get(pk=history.live.pk)
    for asked in (
        {"digest": "sha256:" + "b" * 64},
        {"environment": "staging"},
        {"at": live.expires_at},
        {"at": live.started_at - timedelta(microseconds=1)},
    ):
        verdict = judge(bundle, **asked)
        assert (verdict.outcome, verdict.word) == (TAMPERED, "not allowed"), verdict.message


def test_b29_release_that_is_not_sealed_has_nothing_to_show(history: History) -> None:
    history.live.envelope = ""
    with pytest.raises(NotSealedYet):
        receipts.attestation_bundle(history.live)
