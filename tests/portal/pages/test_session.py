"""Signing in and out."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from governance.actions import people
from tests import cast
from tests.portal.pages.browsing import browse, text_of

pytestmark = pytest.mark.django_db


def sign_in(client: Client, password: str, following: str = "") -> Any:
    return client.post("/sign-in/", {"username": "dana", "password": password, "next": following})


def test_sign_in_leads_home(developer) -> None:
    answer = sign_in(Client(), cast.PASSWORD)

    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_sign_in_leads_where_one_wanted_to_go_but_never_elsewhere(developer) -> None:
    assert sign_in(Client(), cast.PASSWORD, "/log/")["Location"] == "/log/"
    assert sign_in(Client(), cast.PASSWORD, "https://elsewhere.example/")["Location"] == "/"


def test_wrong_password_is_refused_and_locks_out_after_five(developer) -> None:
    client = Client()
    answers = [sign_in(client, "wrong").status_code for _attempt in range(5)]
    locked = sign_in(client, cast.PASSWORD)

    assert answers == [200, 200, 200, 200, 429]
    assert locked.status_code == 429
    assert "Too many wrong passwords" in text_of(locked)
    assert client.get("/").status_code == 302


def test_closed_account_cannot_sign_in(developer, organisation_administrator) -> None:
    people.close_user(developer, reason="Left.", actor=cast.acting(organisation_administrator))

    assert "Sign in" in text_of(sign_in(Client(), cast.PASSWORD))


def test_signed_in_person_is_not_asked_again(developer) -> None:
    assert browse(developer).get("/sign-in/")["Location"] == "/"


def test_sign_out_is_a_post_and_ends_the_session(developer) -> None:
    client = browse(developer)

    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302
