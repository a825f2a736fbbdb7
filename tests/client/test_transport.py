"""Asking a portal over HTTP: refusals become one kind of error, and a write is repeated without being done twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from countersign import Client, CountersignError, Session
from countersign.types import Project
from tests.client.scripted import Answer, problem, scripted_portal

FINDING = {
    "key": "evidence:metrics",
    "area": "evidence",
    "title": "Metric set",
    "status": "MISSING",
    "detail": "None is submitted.",
    "blocks": True,
    "opens": False,
}
AT_ONCE = {"Retry-After": "0"}
PROJECT = {
    "id": 7,
    "name": "Clinic",
    "slug": "clinic",
    "description": "",
    "created_at": "2026-11-21T08:00:00Z",
}


def page(*results: object, next_url: str | None = None) -> Answer:
    return Answer(body={"results": results, "next": next_url, "previous": None})


def refusal_of(ask: Callable[[Client], object], *answers: Answer, attempts: int = 5) -> tuple[CountersignError, int]:
    """What the client raises when a portal gives these answers, and how often the client asked."""
    with scripted_portal(*answers) as portal:
        client = Client(portal.url, "csn_x", attempts=attempts)
        with client, pytest.raises(CountersignError) as caught:
            ask(client)
        return caught.value, len(portal.seen)


def create_project(client: Client) -> Project:
    return client.create_project("Clinic")


def test_a_refusal_carries_code_status_detail_findings_and_field() -> None:
    refusal = problem(409, "gate_closed", findings=[FINDING], field="dossier_digest")

    error, _asked = refusal_of(Client.whoami, refusal)

    assert (error.code, error.status, error.detail) == ("gate_closed", 409, "It is gate_closed.")
    assert [(finding.key, finding.status) for finding in error.findings] == [("evidence:metrics", "MISSING")]
    assert (error.field, error.request_id) == ("dossier_digest", "r1")
    assert str(error).splitlines() == [
        "It is gate_closed.",
        "  MISSING      Metric set: None is submitted.",
        "  (gate_closed, status 409, field dossier_digest, request r1)",
    ]


@pytest.mark.parametrize(
    "passing",
    [
        Answer(502, b"bad gateway", {"Content-Type": "text/plain", **AT_ONCE}),
        Answer(503, {"code": "unavailable", "detail": "Later."}, AT_ONCE),
        Answer(429, {"code": "throttled", "detail": "Slower."}, AT_ONCE),
        Answer(409, {"code": "request_under_way", "detail": "Wait."}, AT_ONCE),
        Answer(hangs_up=True),
    ],
    ids=["bad gateway", "unavailable", "throttled", "under way", "connection lost"],
)
def test_a_write_is_repeated_with_the_same_key(passing: Answer) -> None:
    with scripted_portal(passing, Answer(201, PROJECT)) as portal, Client(portal.url, "csn_x") as client:
        project = client.create_project("Clinic")

    keys = [request.headers["Idempotency-Key"] for request in portal.seen]
    assert project.id == 7
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert [json.loads(request.body) for request in portal.seen] == [{"name": "Clinic", "description": ""}] * 2


def test_every_write_has_a_key_of_its_own() -> None:
    with scripted_portal(Answer(201, PROJECT), Answer(201, PROJECT)) as portal, Client(portal.url, "csn_x") as client:
        client.create_project("Clinic")
        client.create_project("Clinic")

    first, second = (request.headers["Idempotency-Key"] for request in portal.seen)
    assert first != second


@pytest.mark.parametrize(("status", "code"), [(400, "invalid_input"), (403, "not_permitted"), (429, "locked_out")])
def test_a_refusal_that_will_not_pass_is_told_at_once(status: int, code: str) -> None:
    error, asked = refusal_of(create_project, problem(status, code))

    assert (error.code, asked) == (code, 1)


def test_patience_ends_after_the_attempts_that_were_allowed() -> None:
    busy = [problem(503, "unavailable") for _attempt in range(3)]
    for answer in busy:
        answer.headers |= AT_ONCE

    error, asked = refusal_of(Client.whoami, *busy, attempts=3)

    assert (error.status, asked) == (503, 3)


def test_a_portal_that_is_not_there_is_said_plainly() -> None:
    with scripted_portal() as portal:
        url = portal.url
    with Client(url, "csn_x", attempts=1) as client, pytest.raises(CountersignError) as caught:
        client.whoami()

    assert (caught.value.code, caught.value.status) == ("unreachable", None)
    assert "Is the portal running there?" in caught.value.detail


def test_a_session_with_a_portal_that_is_not_there_is_said_plainly() -> None:
    with scripted_portal() as portal:
        url = portal.url
    with pytest.raises(CountersignError) as caught:
        Session(url, "noor", "a password")

    assert caught.value.code == "unreachable"


def test_a_session_needs_a_sign_in_page() -> None:
    elsewhere = Answer(200, b"<html>Welcome</html>", {"Content-Type": "text/html"})
    with scripted_portal(elsewhere) as portal, pytest.raises(CountersignError) as caught:
        Session(portal.url, "noor", "a password")

    assert caught.value.code == "no_sign_in_page"


@pytest.mark.parametrize("url", ["", "portal.example.org", "ftp://portal.example.org"])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(CountersignError, match="is no address"):
        Client(url, "csn_x")


def test_an_answer_that_is_no_json_is_no_portal() -> None:
    page_elsewhere = Answer(200, b"<html>", {"Content-Type": "text/html"})

    error, _asked = refusal_of(Client.whoami, page_elsewhere)

    assert "Is this the portal's address?" in error.detail


def test_a_redirect_is_not_followed_with_a_token() -> None:
    elsewhere = Answer(301, {}, {"Location": "https://elsewhere.example.org/"})

    error, asked = refusal_of(Client.whoami, elsewhere)

    assert "sends on to https://elsewhere.example.org/" in error.detail
    assert asked == 1


def test_an_answer_that_lacks_a_member_names_it() -> None:
    error, _asked = refusal_of(create_project, Answer(201, {"id": 7}))

    assert "Project lacks “name”" in error.detail


def test_lists_are_read_to_their_last_page() -> None:
    with scripted_portal() as portal, Client(portal.url, "csn_x") as client:
        portal.answers += [
            page(PROJECT, next_url=f"{portal.url}/api/v1/projects?limit=200&cursor=abc"),
            page(PROJECT | {"id": 3, "name": "Ward"}),
        ]
        names = [project.name for project in client.projects()]

    assert names == ["Clinic", "Ward"]
    assert [request.path for request in portal.seen] == [
        "/api/v1/projects?limit=200",
        "/api/v1/projects?limit=200&cursor=abc",
    ]


def test_the_token_is_sent_as_bearer() -> None:
    with scripted_portal(page()) as portal, Client(portal.url, "csn_secret") as client:
        client.projects()

    assert portal.seen[0].headers["Authorization"] == "Bearer csn_secret"


def test_a_download_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "report.pdf"

    error, _asked = refusal_of(lambda client: client.download("reports/1/file", target), problem(404, "not_found"))

    assert error.code == "not_found"
    assert list(tmp_path.iterdir()) == []

    told: list[tuple[int, int]] = []
    with scripted_portal(Answer(200, b"%PDF-")) as portal, Client(portal.url, "csn_x") as client:
        client.download("reports/1/file", target, lambda done, total: told.append((done, total)))
    assert target.read_bytes() == b"%PDF-"
    assert told[-1] == (5, 5)
    assert list(tmp_path.iterdir()) == [target]


def test_a_session_says_that_a_code_is_needed() -> None:
    page = Answer(200, b'<input name="csrfmiddlewaretoken" value="abc123">', {"Content-Type": "text/html"})
    onward = Answer(302, b"", {"Location": "/sign-in/second/"})
    with scripted_portal(page, onward) as portal, pytest.raises(CountersignError) as caught:
        Session(portal.url, "noor", "a password")

    assert caught.value.code == "second_factor_needed"
