"""The health page."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from pytest_django import Settings

from governance import runner


@pytest.mark.django_db
def test_health_answers_anybody_while_the_database_does(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_health_says_503_when_the_database_is_away(client: Client) -> None:
    def refuse(*_: object) -> None:
        raise DatabaseError("password of the database")

    with connection.execute_wrapper(refuse):
        answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "the database does not answer"}


@pytest.mark.django_db
def test_health_says_when_uploads_are_not_evaluated(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.COUNTERSIGN_DATA = tmp_path
    runner.note_sandbox("bwrap is not installed on /internal/host")
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert answer.json()["sandbox"].startswith("uploads are not evaluated")
    assert "internal" not in answer.content.decode()
    runner.note_sandbox("")
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.django_db
def test_health_changes_nothing(client: Client) -> None:
    assert client.post("/healthz").status_code == 405


@pytest.mark.django_db
def test_every_answer_carries_the_policy_of_content(client: Client) -> None:
    policy = client.get("/healthz")["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {
        "default-src": "'none'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "object-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "manifest-src": "'self'",
        "img-src": "'self' data:",
    }
