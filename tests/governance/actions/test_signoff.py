"""Signing: over a digest, by the right person, with a fresh password."""

from __future__ import annotations

from governance.lifecycle import State
from governance.models import AuditLogEntry
from tests import cast


def test_sign_off_records_name_role_meaning_time_and_digest(ready_version, validator):
    signed = cast.sign(ready_version, validator, "validator", meaning="I re-ran the evaluation.")
    body = cast.read_body(AuditLogEntry.objects.get(index=signed.log_index))
    assert (signed.signer_name, signed.role, signed.meaning) == ("Viktor Hahn", "validator", "I re-ran the evaluation.")
    assert body["type"] == "sign_off.given"
    assert body["data"]["dossier"] == signed.dossier_id
    assert body["actor"]["name"] == "Viktor Hahn"


def test_last_sign_off_that_opens_the_gate_approves(ready_version, signers):
    for user, role in signers[:2]:
        cast.sign(ready_version, user, role)
        ready_version.refresh_from_db()
        assert ready_version.state == State.IN_REVIEW
    cast.sign(ready_version, *signers[2])
    ready_version.refresh_from_db()
    assert ready_version.state == State.APPROVED
