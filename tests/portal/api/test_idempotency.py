"""The same request asked twice is done once."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import override_settings
from django.utils import timezone

from governance import idempotency
from governance.models import ApiToken, AuditLogEntry, Evidence, IdempotencyRecord, ModelVersion, Project, User
from tests.cast import PASSWORD
from tests.portal.api.calling import Caller, answered, as_person, as_program, refused

KEY = "0d1f8a52-3b0c-4b52-9f7e-7f2f4f4f9b11"


@pytest.fixture
def program(developer: User) -> Caller:
    return as_program(developer)


def test_a_repeated_request_gets_the_first_answer_and_does_nothing(program: Caller, project: Project) -> None:
    given = {"project": project.pk, "name": "Second"}
    first = program.post("models", given, idempotency_key=KEY)
    entries = AuditLogEntry.objects.count()
    # Other white space and another order of keys: the same request.
    again = program.post("models", f'{{"name":"Second",  "project":{project.pk}}}'.encode(), idempotency_key=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert [again.headers[name] for name in ("Location", "ETag")] == [
        first.headers[name] for name in ("Location", "ETag")
    ]
    assert AuditLogEntry.objects.count() == entries
    other = program.post("models", {"project": project.pk, "name": "Third"}, idempotency_key=KEY + "2")
    assert answered(other, 201)["id"] != answered(first, 201)["id"]


def test_the_key_of_another_request_is_refused(program: Caller, version: ModelVersion, auditor: User) -> None:
    path = f"models/{version.model_id}/versions"
    answered(program.post(path, {"notes": "a"}, idempotency_key=KEY), 201)
    refused(program.post(path, {"notes": "b"}, idempotency_key=KEY), 422, "idempotency_key_reused")
    refused(program.post(path, {"notes": "a"}, idempotency_key=KEY, if_match='"1"'), 422, "idempotency_key_reused")
    refused(
        program.post(f"model-versions/{version.pk}/reports", {}, idempotency_key=KEY), 422, "idempotency_key_reused"
    )
    # Keys are each user's own.
    answered(as_program(auditor).post(f"model-versions/{version.pk}/reports", {}, idempotency_key=KEY), 201)


def test_a_refused_request_is_not_remembered(program: Caller, version: ModelVersion, developer: User) -> None:
    """It changed nothing, and may be right later."""
    path = f"model-versions/{version.pk}/submit"
    refused(program.post(path, {}, idempotency_key=KEY), 409, "transition_not_allowed")
    assert IdempotencyRecord.objects.count() == 0
    refused(program.post(path, {"x": 1}, idempotency_key=KEY), 400, "invalid_input")
    assert IdempotencyRecord.objects.count() == 0


def test_an_upload_is_recognised_by_its_file(program: Caller, version: ModelVersion) -> None:
    path = f"model-versions/{version.pk}/evidence"

    def send(data: bytes) -> Any:
        fields = {"kind": "validation_report", "title": "t", "observed_at": "2026-01-02T03:04:05Z"}
        return program.upload(path, {**fields, "file": SimpleUploadedFile("a.md", data)}, idempotency_key=KEY)

    first, again = send(b"one"), send(b"one")
    assert answered(again, 201) == answered(first, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    refused(send(b"two"), 422, "idempotency_key_reused")
    assert Evidence.objects.count() == 1


def test_an_answer_with_a_secret_is_not_kept(developer: User) -> None:
    person = as_person(developer)
    given = {"name": "n", "scopes": ["read"], "days": 1}
    secret = answered(person.post("tokens", given, idempotency_key=KEY), 201)["secret"]
    refused(person.post("tokens", given, idempotency_key=KEY), 409, "answer_not_kept")
    record = IdempotencyRecord.objects.get()
    assert (record.body, secret in record.request_digest, ApiToken.objects.count()) == ("", False, 1)


def test_a_password_in_a_request_cannot_be_guessed_from_what_is_kept(organisation_administrator: User) -> None:
    """The digest is keyed with the portal's secret; here with another one."""
    given = {"username": "n", "full_name": "N", "email": "n@example.org", "password": PASSWORD}
    answered(as_person(organisation_administrator).post("users", given, idempotency_key=KEY), 201)
    kept = IdempotencyRecord.objects.get()
    assert PASSWORD not in kept.body
    with override_settings(SECRET_KEY="another"):
        person = as_person(organisation_administrator)
        refused(person.post("users", given, idempotency_key=KEY), 422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", " ", "a b", "ü", "x" * 201])
def test_a_key_must_be_visible_ascii(program: Caller, project: Project, key: str) -> None:
    given = {"project": project.pk, "name": "Second"}
    refused(program.post("models", given, idempotency_key=key), 400, "malformed_body")


def test_what_a_dead_process_left_is_taken_over_after_a_while(program: Caller, project: Project) -> None:
    given = {"project": project.pk, "name": "Second"}
    answered(program.post("models", given, idempotency_key=KEY), 201)
    records = IdempotencyRecord.objects.filter(key=KEY)
    records.update(status=None, body="")
    answer = program.post("models", given, idempotency_key=KEY)
    refused(answer, 409, "request_under_way")
    assert answer.headers["Retry-After"] == "2"
    records.update(created_at=timezone.now() - timedelta(minutes=16))
    # Claimed again and really tried: the model is there already.
    refused(program.post("models", given, idempotency_key=KEY), 409, "duplicate")
    assert records.count() == 0


def test_a_claim_that_was_taken_over_cannot_answer(developer: User) -> None:
    mine = idempotency.claim(developer, KEY, "sha256:1")
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(minutes=16))
    theirs = idempotency.claim(developer, KEY, "sha256:1")
    with pytest.raises(idempotency.UnderWay):
        idempotency.remember(mine, status=201, body="mine")
    idempotency.release(mine)
    idempotency.remember(theirs, status=201, body="theirs")
    assert IdempotencyRecord.objects.get().body == "theirs"


def test_old_answers_are_forgotten(developer: User) -> None:
    idempotency.claim(developer, "old", "sha256:1")
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(days=8))
    idempotency.claim(developer, "new", "sha256:1")
    assert idempotency.forget_old() == 1
    assert IdempotencyRecord.objects.get().key == "new"


@pytest.mark.django_db(transaction=True)
def test_twins_at_the_same_moment_do_it_once(program: Caller, project: Project) -> None:
    """Eight at once: one does it; the others get its answer, or are asked to come back."""
    given = {"project": project.pk, "name": "Second"}
    together = threading.Barrier(8)
    statuses: list[tuple[int, str]] = []

    def send() -> None:
        caller = Caller(program.headers)
        together.wait()
        response = caller.post("models", given, idempotency_key=KEY)
        statuses.append((response.status_code, response.headers.get("Idempotency-Replayed", "")))
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count((201, "")) == 1
    assert set(statuses) <= {(201, ""), (201, "true"), (409, "")}
    assert AuditLogEntry.objects.filter(type="model.registered").count() == 1
