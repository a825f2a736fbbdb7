"""The revocation list: signed by the log, renewed when a release ends, and what was withdrawn stays withdrawn."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from countersign import verifier
from governance import auditlog, revocations
from governance.actions import promotion
from governance.attestations import statement_digest
from governance.envelopes import EnvelopeError
from governance.log_verification import own_trust, verify
from governance.models import Release, RevocationList
from governance.notes import generate_key
from governance.revocations import open_list
from governance.signer import BrokenEntry, Signer, sign_once
from governance.signer_files import keys_folder, read_alarm
from tests import cast
from tests.governance.log_history import History, note
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db


def newest() -> RevocationList:
    found = RevocationList.objects.order_by("-pk").first()
    assert found is not None
    return found


def payload() -> dict[str, Any]:
    return open_list(newest().envelope, own_trust().current_vkeys)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that moves the clock of the revocation list."""
    moved = timedelta(0)

    def move(by: timedelta) -> None:
        nonlocal moved
        moved += by

    monkeypatch.setattr(revocations, "database_now", lambda: timezone.now() + moved)
    monkeypatch.setattr(revocations, "timezone", SimpleNamespace(now=lambda: timezone.now() + moved))
    return move


def test_list_names_what_ended_and_is_what_the_offline_verifier_reads(history: History) -> None:
    said = payload()
    former = history.former
    assert (said["format"], said["origin"]) == ("countersign/revocations/1", own_trust().origin)
    (item,) = said["revoked"]
    assert (item["release"], item["statement"]) == (former.pk, statement_digest(former.statement))
    assert item["reason"] == former.end_reason != ""
    assert datetime.fromisoformat(item["endedAt"]) == former.ended_at
    issued, until = (datetime.fromisoformat(said[name]) for name in ("issuedAt", "validUntil"))
    assert until - issued == timedelta(hours=24)
    assert said["logSize"] <= (auditlog.latest_checkpoint() or newest()).pk
    trust = verifier.read_trust(verifier.parse_json(own_trust().to_json().encode(), "trust"))
    verdict = verifier.verify_revocations(json.loads(newest().envelope), trust)
    assert verdict.outcome is verifier.Outcome.GOOD, verdict.message
    stale = verifier.verify_revocations(json.loads(newest().envelope), trust, at=datetime.now(UTC) + timedelta(days=2))
    assert stale.outcome is verifier.Outcome.NOT_VERIFIABLE


def test_list_is_made_at_once_when_a_release_ends_and_not_without_need(history: History) -> None:
    working = Signer.start()
    working.run_round()
    before = newest().pk
    working.run_round()
    note(history.root)
    working.run_round()
    assert newest().pk == before
    promotion.retire_version(
        history.live.version, reason="A fault was found.", actor=cast.acting(history.people["approver"])
    )
    working.run_round()
    assert [item["release"] for item in payload()["revoked"]] == [history.former.pk, history.live.pk]
    assert payload()["revoked"][1]["reason"] == "A fault was found."
    assert newest().pk == before + 1


def test_list_is_renewed_at_half_its_validity(history: History, later: Any) -> None:
    working = Signer.start()
    working.run_round()
    before = newest()
    later(timedelta(hours=11, minutes=59))
    working.run_round()
    assert newest() == before
    later(timedelta(minutes=2))
    working.run_round()
    assert newest().issued_at - before.issued_at >= timedelta(hours=12)
    assert open_list(newest().envelope, own_trust().current_vkeys)["revoked"] == payload()["revoked"]


def test_restarted_signer_makes_no_list_without_need(history: History) -> None:
    before = newest()
    for _ in range(3):
        sign_once()
    assert newest() == before


def test_what_ran_out_long_ago_is_dropped(history: History, later: Any) -> None:
    with behind_the_guards():
        Release.objects.filter(pk=history.former.pk).update(expires_at=timezone.now() + timedelta(hours=1))
    later(timedelta(hours=40))
    sign_once()
    assert len(payload()["revoked"]) == 1
    later(timedelta(hours=13))
    sign_once()
    assert payload()["revoked"] == []
    assert read_alarm() is None


def test_withdrawal_undone_by_sql_stops_the_signer(history: History) -> None:
    with behind_the_guards():
        Release.objects.filter(pk=history.live.pk).update(ended_at=timezone.now(), end_reason="x")
        sign_once()
        Release.objects.filter(pk=history.live.pk).update(ended_at=None, end_reason="")
    before = newest()
    with pytest.raises(BrokenEntry, match=f"release {history.live.pk} was withdrawn and is not marked as ended"):
        sign_once()
    assert newest() == before
    assert read_alarm() is not None


def test_damaged_memory_of_withdrawals_recalls_nothing_and_is_written_anew(history: History, later: Any) -> None:
    (keys_folder() / "signer-revocations.json").write_text("{")
    later(timedelta(hours=13))
    sign_once()
    assert json.loads((keys_folder() / "signer-revocations.json").read_text())


def test_list_of_somebody_else_is_not_opened_and_is_found(history: History) -> None:
    with pytest.raises(EnvelopeError):
        open_list(newest().envelope, [generate_key(own_trust().origin).vkey])
    forged = json.loads(newest().envelope)
    forged["payload"] = forged["payload"][:-8] + "AAAAAAA="
    with behind_the_guards():
        RevocationList.objects.filter(pk=newest().pk).update(envelope=json.dumps(forged))
    (problem,) = verify(vkeys=own_trust()).problems
    assert problem.what.startswith(f"revocation list {newest().pk} does not hold")


def test_list_with_a_longer_validity_in_its_row_is_found(history: History) -> None:
    with behind_the_guards():
        RevocationList.objects.filter(pk=newest().pk).update(valid_until=timezone.now() + timedelta(days=400))
    (problem,) = verify(vkeys=own_trust()).problems
    assert problem.what == f"revocation list {newest().pk} is not the one in its envelope"


def test_list_is_served_to_anybody(history: History, client: Client) -> None:
    answer = client.get("/api/v1/revocations")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.content.decode() == newest().envelope
    assert client.get("/api/v1/revocations?since=1").status_code == 400
    assert client.post("/api/v1/revocations").status_code == 405
    with behind_the_guards():
        RevocationList.objects.all().delete()
    assert client.get("/api/v1/revocations").status_code == 409
