"""One's own account and password."""

from __future__ import annotations

import pytest
from django.test import Client

from governance.models import AuditLogEntry
from tests import cast

NEW = "a wholly different secret"


@pytest.fixture
def signed_in(developer) -> Client:
    client = Client()
    client.force_login(developer)
    return client


def change(client: Client, present: str = cast.PASSWORD, new: str = NEW, again: str = NEW):
    return client.post("/account/", {"password": present, "new_password": new, "again": again})


def test_account_shows_name_and_roles(signed_in):
    page = signed_in.get("/account/").content.decode()
    assert "Dana Whitfield" in page
    assert "Patient pathways" in page


def test_account_changes_the_password_and_keeps_this_session_alone(signed_in, developer):
    other = Client()
    other.force_login(developer)
    assert change(signed_in).status_code == 302
    developer.refresh_from_db()
    assert developer.check_password(NEW)
    assert signed_in.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302
    assert AuditLogEntry.objects.last().type == "user.password_changed"


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"present": "wrong"}, 403, "The password is not right"),
        ({"again": "something else entirely"}, 400, "The two new passwords differ"),
        ({"new": "short", "again": "short"}, 400, "too short"),
        ({"new": "dana whitfield", "again": "dana whitfield"}, 400, "too similar"),
        ({"new": cast.PASSWORD, "again": cast.PASSWORD}, 400, "The new password is the present one"),
    ],
)
def test_account_refuses_and_changes_nothing(signed_in, developer, given, status, words):
    answer = change(signed_in, **given)
    assert (answer.status_code, words in answer.content.decode()) == (status, True)
    developer.refresh_from_db()
    assert developer.check_password(cast.PASSWORD)
