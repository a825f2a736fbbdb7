"""The API's doors to keys, witnesses' lines, time stamps and consistency proofs."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from countersign import verifier
from governance.log_verification import own_trust
from governance.merkle import verify_consistency
from governance.models import Checkpoint, Cosignature, TimeStamp, User
from governance.signer import sign_once
from governance.trust import Trust
from tests.governance.log_history import note

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_data(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    settings.COUNTERSIGN_DATA = tmp_path


@pytest.fixture
def browser(auditor: User, client: Client) -> Client:
    client.force_login(auditor)
    for count in (1, 3, 4):
        note(auditor, count=count)
        sign_once()
    return client


def sizes() -> list[int]:
    return list(Checkpoint.objects.order_by("size").values_list("size", flat=True))


def test_trust_file_is_the_verifiers(browser: Client) -> None:
    answer = browser.get("/api/v1/log/trust")
    assert Trust.from_json(answer.content.decode()) == own_trust()
    assert verifier.read_trust(answer.json()).keys
    assert browser.get("/api/v1/log/key").content.decode().strip() == own_trust().current_vkeys[0]


def test_consistency_proof_leads_from_a_kept_checkpoint_to_the_newest(browser: Client) -> None:
    old, _, new = sizes()
    said = browser.get(f"/api/v1/log/consistency?old={old}").json()
    assert (said["old"], said["new"]) == (old, new)
    roots = [bytes(Checkpoint.objects.get(pk=size).root) for size in (old, new)]
    verify_consistency(old, new, [b64decode(step) for step in said["proof"]], *roots)
    first, last = (Checkpoint.objects.get(pk=size).note for size in (old, new))
    assert verifier.compare(first, last, proof=said["proof"], trusted=list(own_trust().vkeys))
    assert browser.get(f"/api/v1/log/consistency?old={old}&new={old}").json()["proof"] == []


@pytest.mark.parametrize(
    "query", ["", "?old=0", "?old=2&new=1", "?old=1&new=99999", "?new=3", "?old=x", "?old=1&more=2"]
)
def test_consistency_of_what_is_not_sealed_is_refused(browser: Client, query: str) -> None:
    assert browser.get(f"/api/v1/log/consistency{query}").status_code == 400


def test_notes_carry_cosignatures_and_stamps_are_handed_out(browser: Client) -> None:
    checkpoint = Checkpoint.objects.latest("size")
    Cosignature.objects.create(checkpoint=checkpoint, witness="w", line="a line\n", signed_at=timezone.now())
    assert browser.get("/api/v1/log/checkpoint").content.decode() == checkpoint.note + "a line\n"
    assert browser.get("/api/v1/log/checkpoints").json()["results"][0]["note"] == checkpoint.note + "a line\n"
    address = f"/api/v1/log/checkpoints/{checkpoint.size}/time-stamp"
    assert browser.get(address).status_code == 404
    TimeStamp.objects.create(checkpoint=checkpoint, authority="http://t", response=b"der", stamped_at=timezone.now())
    answer = browser.get(address)
    assert (answer.content, answer["Content-Type"]) == (b"der", "application/timestamp-reply")


def test_revocation_list_needs_no_account_and_everything_else_does(browser: Client) -> None:
    nobody = Client()
    trust = verifier.read_trust(json.loads(own_trust().to_json()))
    answer = nobody.get("/api/v1/revocations", headers={"Authorization": "Bearer csn_nonsense"})
    assert verifier.verify_revocations(answer.json(), trust)
    for path in ("log/trust", "log/consistency?old=1", "log/checkpoints/1/time-stamp", "log/checkpoint"):
        assert nobody.get(f"/api/v1/{path}").status_code == 401, path
