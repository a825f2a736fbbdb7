"""What a report says of the log: every entry about the version, and proofs that hold."""

from __future__ import annotations

import pytest

from governance.merkle import verify_inclusion
from governance.models import AuditLogEntry
from governance.reports import log_proof
from governance.reports.log_proof import DECISIONS, prove_history
from governance.signer import sign_once
from tests import cast


@pytest.fixture
def signed_version(keys, ready_version, signers):
    cast.sign_by_all(ready_version, signers)
    return ready_version


def test_every_decision_is_proven_against_the_checkpoint(signed_version):
    checkpoint = sign_once()
    proof = prove_history(signed_version.pk, checkpoint)
    assert [entry.type for entry in proof.decisions] == ["version.submitted"] + ["sign_off.given"] * 3
    assert proof.root == bytes(checkpoint.root).hex()
    for entry in proof.decisions:
        path = [bytes.fromhex(value) for value in entry.proof]
        verify_inclusion(bytes.fromhex(entry.leaf), entry.index, checkpoint.size, path, bytes(checkpoint.root))


def test_decision_after_the_checkpoint_is_listed_and_not_proven(keys, ready_version, validator):
    checkpoint = sign_once()
    cast.sign(ready_version, validator, "validator")
    proof = prove_history(ready_version.pk, checkpoint)
    assert [entry.type for entry in proof.decisions] == ["version.submitted"]
    assert proof.entries[-1].type == "sign_off.given"
    assert proof.entries[-1].index >= checkpoint.size


def test_nothing_is_proven_without_a_checkpoint(ready_version):
    proof = prove_history(ready_version.pk, None)
    assert (proof.checkpoint, proof.root, proof.decisions) == (None, "", ())
    assert len(proof.entries) == AuditLogEntry.objects.about("version", ready_version.pk).count() > 5


def test_entries_are_those_about_the_version_in_the_order_of_the_log(ready_version, developer):
    other = cast.register_version(ready_version.model, developer)
    proof = prove_history(ready_version.pk, None)
    indexes = [entry.index for entry in proof.entries]
    assert indexes == sorted(indexes)
    for entry in AuditLogEntry.objects.about("version", other.pk):
        assert entry.index not in indexes
    first = proof.entries[0]
    assert (first.type, first.actor, first.subject) == ("version.registered", "Dana Whitfield", "Readmission triage v1")


def test_long_history_is_cut_and_says_so(signed_version, monkeypatch):
    whole = prove_history(signed_version.pk, sign_once())
    assert whole.left_out == 0
    monkeypatch.setattr(log_proof, "MOST_LISTED", 3)
    cut = prove_history(signed_version.pk, whole.checkpoint)
    assert (len(cut.entries), cut.left_out) == (3, len(whole.entries) - 3)
    assert cut.decisions == whole.decisions


def test_version_without_any_entry_has_an_empty_history(db):
    proof = prove_history(10**9, None)
    assert (proof.entries, proof.decisions, proof.left_out) == ((), (), 0)


def test_decisions_are_kinds_the_log_has():
    assert set(DECISIONS) == {
        "sign_off.given",
        "version.promoted",
        "version.retired",
        "version.submitted",
        "waiver.granted",
    }
