"""B19: no other site makes somebody sign: pages that sign are not framed, and forms from elsewhere are refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from governance.models import AuditLogEntry, SignOff
from tests import cast
from tests.portal.api.calling import as_person
from tests.portal.bypass.signing import form, vote
from tests.portal.pages.browsing import MODEL_BACKEND

pytestmark = pytest.mark.django_db
ELSEWHERE = "https://evil.example"
FOREIGN = [ELSEWHERE, "null", "http://testserver.evil.example", "https://testserver", "http://testserver:8001"]
SIGNING_PAGES = ["sign", "waive", "promote", "retire"]


@pytest.fixture
def browser(validator) -> Client:
    """A browser that is signed in and treats cookies and tokens as strictly as a real one."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(validator, backend=MODEL_BACKEND)
    return client


def token_of(client: Client, address: str) -> str:
    page = client.get(address).content.decode()
    return page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]


def nothing_signed(before: int) -> bool:
    return SignOff.objects.count() == 0 and AuditLogEntry.objects.count() == before


@pytest.mark.parametrize("name", [*SIGNING_PAGES, "account"])
def test_b19_pages_that_sign_are_not_framed(name, browser, ready_version):
    address = "/account/" if name == "account" else f"/versions/{ready_version.pk}/{name}/"
    headers = browser.get(address).headers
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "form-action 'self'" in headers["Content-Security-Policy"]


def test_b19_session_cookie_stays_at_home(validator):
    client = Client()
    client.post("/sign-in/", {"username": validator.username, "password": cast.PASSWORD})
    cookie = client.cookies["countersign"]
    assert (cookie["samesite"], cookie["httponly"]) == ("Lax", True)


@pytest.mark.parametrize("page", SIGNING_PAGES)
def test_b19_form_without_its_token_is_refused(page, browser, ready_version):
    before = AuditLogEntry.objects.count()
    given = form(ready_version, password=cast.PASSWORD)
    assert browser.post(f"/versions/{ready_version.pk}/{page}/", given).status_code == 403
    assert nothing_signed(before)


@pytest.mark.parametrize("origin", FOREIGN)
def test_b19_form_from_a_foreign_origin_is_refused_even_with_its_token(origin, browser, ready_version):
    address, before = f"/versions/{ready_version.pk}/sign/", AuditLogEntry.objects.count()
    given = form(ready_version, password=cast.PASSWORD, csrfmiddlewaretoken=token_of(browser, address))
    assert browser.post(address, given, headers={"Origin": origin}).status_code == 403
    assert nothing_signed(before)


@pytest.mark.parametrize("headers", [{}, {"Referer": f"{ELSEWHERE}/page"}, {"Referer": "http://testserver/"}])
def test_b19_form_that_says_nothing_of_its_origin_is_refused(headers, browser, ready_version, settings):
    """Over https, as every site but a demonstration is reached."""
    settings.ALLOWED_HOSTS = ["testserver"]
    address, before = f"/versions/{ready_version.pk}/sign/", AuditLogEntry.objects.count()
    given = form(ready_version, password=cast.PASSWORD, csrfmiddlewaretoken=token_of(browser, address))
    assert browser.post(address, given, headers=headers, secure=True).status_code == 403
    assert nothing_signed(before)


def test_b19_own_form_is_taken(browser, ready_version):
    address = f"/versions/{ready_version.pk}/sign/"
    given = form(ready_version, password=cast.PASSWORD, csrfmiddlewaretoken=token_of(browser, address))
    assert browser.post(address, given, headers={"Origin": "http://testserver"}).status_code == 302
    assert SignOff.objects.count() == 1


@pytest.mark.parametrize("path", ["sign-offs", "waivers", "promote", "retire"])
@pytest.mark.parametrize("headers", [{}, {"Origin": ELSEWHERE}])
def test_b19_api_takes_no_session_without_a_token_of_the_form(path, headers, validator, ready_version):
    before = AuditLogEntry.objects.count()
    caller = as_person(validator, enforce_csrf=True)
    answer: Any = caller.post(
        f"model-versions/{ready_version.pk}/{path}", vote(ready_version, password=cast.PASSWORD), **headers
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    assert nothing_signed(before)


def test_b19_question_to_a_passkey_is_not_asked_for_another_site(browser, validator):
    answer = browser.post("/passkeys/question/", {"purpose": "sign_off x"}, headers={"Origin": ELSEWHERE})
    assert answer.status_code == 403
