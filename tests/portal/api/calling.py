"""Calling the API in tests: as a program with a token, or as a person who signed in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from governance.actions.people import create_token
from governance.models import Project, User
from governance.permissions import SCOPES
from tests.cast import acting

ROOT = "/api/v1/"
PROBLEM = "application/problem+json"


@dataclass
class Caller:
    """One user behind one door. Paths are relative to /api/v1/; bodies are JSON."""

    headers: dict[str, str] = field(default_factory=dict)
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(ROOT + path, headers=self.headers | spelt(headers))

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        given = self.headers | spelt(headers)
        content_type = given.pop("Content-Type", "application/json")
        return self.client.generic(method, ROOT + path, raw, content_type, headers=given)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.send("DELETE", path, **headers)

    def upload(self, path: str, fields: dict[str, Any], **headers: str) -> Any:
        return self.client.post(ROOT + path, fields, headers=self.headers | spelt(headers))


def spelt(headers: dict[str, str]) -> dict[str, str]:
    """``if_match="…"`` as the header If-Match."""
    return {name.replace("_", "-").title(): value for name, value in headers.items()}


def as_program(user: User, *, scopes: tuple[str, ...] = SCOPES, project: Project | None = None) -> Caller:
    _token, secret = create_token(name="test", scopes=list(scopes), days=1, project=project, actor=acting(user))
    return Caller({"Authorization": f"Bearer {secret}"})


def as_person(user: User, *, enforce_csrf: bool = False) -> Caller:
    client = Client(raise_request_exception=False, enforce_csrf_checks=enforce_csrf)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return Caller(client=client)


def answered(response: Any, status: int = 200) -> Any:
    """The JSON of an answer with the status it must have."""
    assert response.status_code == status, response.content.decode()
    return json.loads(response.content) if response.content else None


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    """The problem document of a refusal."""
    assert response.headers["Content-Type"] == PROBLEM, response.content.decode()
    problem: dict[str, Any] = json.loads(response.content)
    assert (response.status_code, problem["code"]) == (status, code), problem
    assert (problem["status"], problem["request_id"]) == (status, response.headers["X-Request-Id"])
    return problem
