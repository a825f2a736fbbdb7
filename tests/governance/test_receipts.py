"""Receipts and attestations convince the stand-alone verifier, which knows nothing of the portal."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from countersign import verifier
from governance import receipts, store
from governance.attestations import open_envelope
from governance.canonical import sha256_hex
from governance.exceptions import IntegrityBroken, InvalidInput, NotSealedYet
from governance.models import AuditLogEntry, Checkpoint, ComplianceReport, LogHead, LogNode
from governance.signer import sign_once
from tests.governance.log_history import History, note
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db


def judge(document: bytes, receipt: dict[str, Any], **given: Any) -> verifier.Verdict:
    """Through JSON, as a downloaded receipt goes."""
    return verifier.verify_receipt(document, json.loads(json.dumps(receipt)), [receipts.vkey()], **given)


def test_receipt_of_a_report_convinces_the_verifier(history: History) -> None:
    report = ComplianceReport.objects.get()
    assert report.log_index is not None
    assert report.file is not None
    receipt = receipts.receipt_for(report.log_index, report.file.digest)
    document = store.path_of(report.file.digest).read_bytes()
    verdict = judge(document, receipt, entry_type="report.issued")
    assert verdict.outcome is verifier.Outcome.GOOD, verdict.message
    assert judge(document + b" ", receipt).outcome is verifier.Outcome.TAMPERED


def test_receipt_of_every_entry_proves_it(history: History) -> None:
    for index in range(LogHead.objects.get().size):
        receipt = receipts.receipt_for(index)
        body = base64.b64decode(receipt["entry"]["body"])
        receipt.setdefault("document_digest", sha256_hex(body))
        verdict = judge(b"", receipt)
        # The document is another one: everything up to there held.
        assert verdict.message.startswith("the document has "), verdict.message
        assert body == bytes(AuditLogEntry.objects.get(pk=index).body)


def test_receipt_takes_the_subjects_digest_by_itself(history: History) -> None:
    assert history.live.log_index is not None
    assert receipts.receipt_for(history.live.log_index)["document_digest"] == history.live.dossier_id
    document = history.live.dossier.document.encode()
    assert judge(document, receipts.receipt_for(history.live.log_index), entry_type="version.promoted")


def test_receipt_of_an_entry_about_no_document_names_none(history: History) -> None:
    assert sorted(receipts.receipt_for(0)) == ["checkpoint", "entry", "format", "inclusion_proof"]


def test_receipt_stays_the_same_while_the_log_grows(history: History) -> None:
    before = receipts.receipt_for(7)
    note(history.root, count=3)
    sign_once()
    assert receipts.receipt_for(7) == before


def test_receipt_is_refused_for_a_document_that_the_entry_does_not_name(history: History) -> None:
    assert history.live.log_index is not None
    with pytest.raises(InvalidInput, match="does not speak of the document") as caught:
        receipts.receipt_for(history.live.log_index, "sha256:" + "0" * 64)
    assert caught.value.field == "document_digest"


def test_receipt_is_refused_for_an_entry_that_is_not_there(history: History) -> None:
    for index in (-1, 10_000):
        with pytest.raises(InvalidInput, match=f"The log has no entry {index}"):
            receipts.receipt_for(index)


def test_receipt_waits_for_the_seal(history: History) -> None:
    note(history.root)
    index = LogHead.objects.get().size - 1
    with pytest.raises(NotSealedYet, match="not sealed it yet") as caught:
        receipts.receipt_for(index)
    assert caught.value.code == "not_sealed"
    sign_once()
    assert receipts.receipt_for(index)["entry"]["index"] == index


@pytest.mark.parametrize("damage", ["text", "leaf", "node", "missing node", "root"])
def test_receipt_that_would_not_convince_is_not_handed_out(history: History, damage: str) -> None:
    index = history.index_of("version.promoted", last=True)
    with behind_the_guards():
        if damage == "text":
            AuditLogEntry.objects.filter(pk=index).update(body=b"{}")
        elif damage == "leaf":
            AuditLogEntry.objects.filter(pk=index ^ 1).update(leaf=bytes(32))
        elif damage == "node":
            LogNode.objects.filter(level=1).update(hash=bytes(32))
        elif damage == "missing node":
            LogNode.objects.all().delete()
        else:
            Checkpoint.objects.update(root=bytes(32))
    with pytest.raises(IntegrityBroken, match=f"(Entry|entry) {index}"):
        receipts.receipt_for(index)


def test_attestation_bundle_binds_statement_promotion_and_log(history: History) -> None:
    bundle = json.loads(json.dumps(receipts.attestation_bundle(history.live)))
    statement = open_envelope(json.dumps(bundle["envelope"]), [receipts.vkey()])
    verdict = judge(history.live.dossier.document.encode(), bundle["receipt"], entry_type="version.promoted")
    assert verdict.outcome is verifier.Outcome.GOOD, verdict.message
    assert verdict.entry is not None
    assert verdict.entry["data"]["statement"] == sha256_hex(statement.encode())
    assert json.loads(statement)["predicate"]["dossier"] == history.live.dossier_id


def test_attestation_bundle_waits_for_the_seal(history: History) -> None:
    history.live.envelope = ""
    with pytest.raises(NotSealedYet):
        receipts.attestation_bundle(history.live)


def test_verifier_key_waits_for_the_signers_first_start(history: History, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    with override_settings(COUNTERSIGN_DATA=tmp_path), pytest.raises(NotSealedYet, match="manage.py sign_log"):
        receipts.vkey()
