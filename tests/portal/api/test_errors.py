"""Refusals: one table of statuses; problem documents for everything, also for what nobody foresaw."""

from __future__ import annotations

import errno
import logging
from http import HTTPStatus
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.db import IntegrityError, OperationalError
from django.http import Http404
from django.test import RequestFactory
from kombu.exceptions import OperationalError as BrokerAway

from governance import exceptions as known
from governance.idempotency import AnswerNotKept, KeyReused, UnderWay
from governance.models import AuditLogEntry, ModelVersion, User
from governance.tasks import render_report
from portal.actors import LockedOut
from portal.api.errors import exception_handler
from portal.errors import STATUSES, status_of
from tests.portal.api.calling import Caller, answered, as_person, as_program, refused


def every_refusal() -> list[type[known.GovernanceError]]:
    kinds = [kind for kind in vars(known).values() if isinstance(kind, type)]
    refusals = [kind for kind in kinds if issubclass(kind, known.GovernanceError)]
    return [*refusals, AnswerNotKept, KeyReused, UnderWay, LockedOut]


def test_every_kind_of_refusal_has_a_status() -> None:
    assert set(every_refusal()) - set(STATUSES) == {known.GovernanceError}
    assert status_of(known.GovernanceError("x")) == HTTPStatus.BAD_REQUEST
    assert status_of(known.ReauthenticationFailed("x")) == HTTPStatus.FORBIDDEN
    assert status_of(known.StoreUnavailable("x")) == HTTPStatus.INSUFFICIENT_STORAGE


FORESEEN: list[tuple[Exception, int, str]] = [
    (Http404("a secret"), 404, "not_found"),
    (PermissionDenied("a secret"), 403, "not_permitted"),
    (RequestDataTooBig("a secret"), 413, "too_large"),
    (TooManyFieldsSent("a secret"), 400, "malformed_body"),
    (IntegrityError("a secret"), 409, "conflict"),
    (OperationalError("a secret"), 503, "unavailable"),
    (OperationalError("database or disk is full, a secret"), 507, "storage_full"),
    (OSError(errno.ENOSPC, "a secret"), 507, "storage_full"),
    (OSError(errno.EIO, "a secret"), 503, "unavailable"),
    (ZeroDivisionError("a secret"), 500, "unexpected"),
    (RecursionError("a secret"), 500, "unexpected"),
]


@pytest.mark.parametrize(("error", "status", "code"), FORESEEN, ids=[type(error).__name__ for error, _, _ in FORESEEN])
def test_no_refusal_names_internals(error: Exception, status: int, code: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    response = exception_handler(error, {"request": RequestFactory().get("/")})
    response["X-Request-Id"] = ""
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json")
    assert f'"code": "{code}"'.encode() in response.content
    assert b"secret" not in response.content


NOWHERE = ["", "nowhere", "models/", "models/one", "models/-1", "models/1/2/3", "models/%00", "a%0Ab", "%F0%9F%92%A9"]


def test_addresses_that_are_none_answer_a_problem(auditor: User) -> None:
    person = as_person(auditor)
    for path in NOWHERE:
        refused(person.get(path), 404, "not_found")
        refused(person.post(path, {}), 404, "not_found")
        refused(Caller().get(path), 401, "sign_in_needed")
    refused(person.get("models/" + "9" * 400), 404, "not_found")


def test_a_template_of_no_tier_is_not_found(compliance: User) -> None:
    project = compliance.memberships.get().project_id
    person = as_person(compliance)
    refused(person.get(f"projects/{project}/templates/huge"), 404, "not_found")
    refused(person.put(f"projects/{project}/templates/huge", {"text": "- {title: a, statement: b}"}), 404, "not_found")


def test_every_answer_carries_the_id_that_the_log_records(developer: User, version: ModelVersion) -> None:
    response = as_program(developer).post(f"models/{version.model_id}/versions", {})
    answered(response, 201)
    body = bytes(AuditLogEntry.objects.order_by("-index")[0].body).decode()
    assert f'"request_id":"{response.headers["X-Request-Id"]}"' in body
    assert response.headers["Cache-Control"] == "no-store"


def test_a_missing_broker_is_no_error_of_the_one_who_asked(
    version: ModelVersion,
    auditor: User,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    """The row waits; the sweep rings when the broker is back."""

    def fail(*_: object, **__: object) -> None:
        raise BrokerAway("no route to host")

    monkeypatch.setattr(render_report, "apply_async", fail)  # Celery's own, where it meets the broker
    person = as_person(auditor)
    with django_capture_on_commit_callbacks(execute=True):
        report = answered(person.post(f"model-versions/{version.pk}/reports", {}), 201)
    assert report["status"] == "QUEUED"
    assert "waits for the sweep" in caplog.text
