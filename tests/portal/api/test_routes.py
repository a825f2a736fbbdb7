"""Every address does its work for who may, refuses the stranger, and asks the anonymous to sign in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import get_resolver

from governance.actions.people import create_token
from governance.dossier import collect
from governance.models import ApiToken, AuditLogEntry, ComplianceReport, Evidence, User
from portal.api import urls
from tests.cast import acting
from tests.portal.api.calling import Caller, as_person, as_program
from tests.portal.api.conftest import Scene
from tests.portal.api.routes import ROUTES, Route

WRITES = {"post", "put", "patch", "delete"}


def fill(value: Any, scene: Scene, token: ApiToken) -> Any:
    """Put the scene's ids and digests where a route's path or body names them."""
    if isinstance(value, dict):
        return {key: fill(item, scene, token) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, scene, token) for item in value]
    if not isinstance(value, str) or "{" not in value or value.startswith(("-", "#")):
        return value
    special = {
        "{digest}": lambda: collect(scene.ready).digest,
        "{emergency_digest}": lambda: collect(scene.emergency.version).digest,
        "{next_week}": lambda: (datetime.now(UTC) + timedelta(days=7)).isoformat(),
        "{ready_evidence}": lambda: Evidence.objects.get(version=scene.ready, kind="predictions").pk,
    }
    if value in special:
        return special[value]()
    filled = scene.address(value.replace("{token}", str(token.pk)))
    return int(filled) if filled.isdigit() else filled


def ask(caller: Caller, route: Route, scene: Scene, token: ApiToken) -> Any:
    return caller.send(route.method, str(fill(route.path, scene, token)), fill(route.body, scene, token))


@pytest.fixture
def token(auditor: User) -> ApiToken:
    return create_token(name="other", scopes=["read"], days=1, actor=acting(auditor))[0]


def view_of(callback: Any) -> Any:
    """The class behind an address; login_required wraps one of them."""
    return getattr(callback, "cls", None) or callback.__wrapped__.cls


def test_the_table_names_every_address_and_method() -> None:
    table = {(route.name, route.method) for route in ROUTES}
    for pattern in urls.urlpatterns:
        view = view_of(pattern.callback)
        methods = (
            {"GET"}
            if pattern.name == "api-nowhere"
            else {name.upper() for name in ("get", *WRITES) if hasattr(view, name)}
        )
        assert {method for name, method in table if name == pattern.name} == methods, pattern.name
    assert {name for name, _ in table} == {pattern.name for pattern in urls.urlpatterns}
    assert "api/v1/" in str([str(item.pattern) for item in get_resolver().url_patterns])


# Who takes the log away is written down.
TAKEN_AWAY = {"api-log-export", "api-project-log-export"}


def test_every_address_answers_who_may_use_it(
    scene: Scene, issued_report: ComplianceReport, token: ApiToken, request: pytest.FixtureRequest
) -> None:
    wrong = []
    for route in ROUTES:
        before = AuditLogEntry.objects.count()
        response = ask(as_person(request.getfixturevalue(route.who)), route, scene, token)
        text = response.getvalue().decode(errors="replace")
        written = AuditLogEntry.objects.count() - before
        is_change = route.writes and route.method != "GET" and route.status < 400
        is_write = route.refusal or is_change or route.name in TAKEN_AWAY
        if response.status_code != route.status or written != is_write:
            wrong.append((route.method, route.path, response.status_code, written, text[:300]))
    assert not wrong, "\n".join(map(str, wrong))


def test_the_stranger_is_refused_everywhere(scene: Scene, token: ApiToken, stranger: User) -> None:
    wrong = []
    for caller in (as_person(stranger), as_program(stranger)):
        for route in ROUTES:
            if caller.headers and (
                route.path in ("docs/", "passkey-questions") or (route.path, route.method) == ("tokens", "POST")
            ):
                continue  # for persons only; test_auth.py
            before = AuditLogEntry.objects.count()
            response = ask(caller, route, scene, token)
            written = AuditLogEntry.objects.count() - before
            text = response.getvalue().decode()
            leaks = [word for word in ("Readmission triage", "Patient pathways", "Dana") if word in text]
            if response.status_code != route.stranger or written != (route.stranger == 201) or leaks:
                wrong.append((route.method, route.path, response.status_code, written, leaks, text[:200]))
    assert not wrong, "\n".join(map(str, wrong))


def test_the_invisible_and_the_missing_answer_the_same(scene: Scene, token: ApiToken, stranger: User) -> None:
    """Apart from the request's own id, byte for byte."""
    caller = as_person(stranger)
    absent = {"project": 0, "model": 0, "version": 0, "requirement": 0, "dataset": 0, "evidence": 0, "token": 0}
    absent |= dict.fromkeys(("draft", "ready", "release", "report", "dataset_version", "evaluation", "waiting"), 0)
    absent |= dict.fromkeys(("policy", "spare_policy", "emergency", "follow_up", "question"), 0)
    absent |= dict.fromkeys(("membership", "spare_membership", "user", "entry"), 999_999_999)
    for route in ROUTES:
        if route.stranger != 404 or route.name == "api-nowhere":
            continue
        there = ask(caller, route, scene, token)
        gone = caller.send(route.method, route.path.format(**absent), fill(route.body, scene, token))
        answers = [json.loads(answer.content) | {"request_id": ""} for answer in (there, gone)]
        assert answers[0] == answers[1], route.path
        assert there.status_code == gone.status_code == 404


def test_the_anonymous_are_asked_to_sign_in(scene: Scene, token: ApiToken) -> None:
    for route in ROUTES:
        response = ask(Caller(), route, scene, token)
        if route.name == "api-documentation":
            assert response.headers["Location"].startswith("/sign-in/")
            continue
        if route.name == "api-revocations":  # whoever runs a model has no account here
            assert response.status_code == 200
            continue
        assert response.status_code == 401, route.path
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="countersign"'
        assert response.headers["Content-Type"] == "application/problem+json"


def test_methods_that_an_address_does_not_have_are_refused(scene: Scene, token: ApiToken, auditor: User) -> None:
    caller = as_person(auditor)
    for path in {route.path for route in ROUTES} - {"nowhere", "docs/", "schema/"}:
        known = {route.method for route in ROUTES if route.path == path}
        for method in {"DELETE", "PATCH", "OPTIONS", "TRACE"} - known:
            response = caller.send(method, str(fill(path, scene, token)).split("?")[0])
            assert response.status_code == 405, (method, path)
            assert json.loads(response.content)["code"] == "method_not_allowed"
