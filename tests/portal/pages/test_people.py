"""Accounts, for organisation administrators."""

from __future__ import annotations

import pytest
from django.contrib.auth.backends import ModelBackend

from governance.actions import people
from governance.models import User
from tests import cast
from tests.portal.pages.browsing import browse, count_queries, text_of


def new_person(**changes: str) -> dict[str, str]:
    return {
        "full_name": "Nora Quist",
        "username": "Nora",
        "email": "nora@example.org",
        "password": "ocean brick violet 42",
        **changes,
    }


def test_list_shows_people_with_their_roles(developer, organisation_administrator) -> None:
    page = text_of(browse(organisation_administrator).get("/people/"))

    assert "Dana Whitfield" in page
    assert "Patient pathways" in page
    assert "Organisation administrator" in page


def test_list_shows_no_system_user(developer, organisation_administrator) -> None:
    User.objects.system()

    listed = browse(organisation_administrator).get("/people/").context["page"].rows
    assert {user.username for user in listed} == {"dana", "root"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=whit", {"dana"}),
        ("q=dana@example.org", {"dana"}),
        ("account=closed", {"gone"}),
        ("account=open", {"dana", "root"}),
        ("account=half", set()),
    ],
)
def test_list_is_narrowed(query, expected, developer, organisation_administrator) -> None:
    gone = cast.make_person("gone", "Gwen Gone", by=organisation_administrator)
    people.close_user(gone, reason="Left.", actor=cast.acting(organisation_administrator))

    listed = browse(organisation_administrator).get(f"/people/?{query}").context["page"].rows
    assert {user.username for user in listed} == expected


def test_list_asks_as_often_with_three_as_with_one(developer, organisation_administrator) -> None:
    client = browse(organisation_administrator)
    with_few = count_queries(client, "/people/")
    for number in range(3):
        cast.make_person(f"u{number}", f"Uma {number}", by=organisation_administrator)

    assert count_queries(client, "/people/") == with_few


@pytest.mark.parametrize("path", ["/people/", "/people/new/", "/people/1/close/"])
def test_project_administrators_are_refused(path, administrator) -> None:
    assert browse(administrator).get(path).status_code == 403


def test_account_is_opened_and_can_sign_in(organisation_administrator) -> None:
    answer = browse(organisation_administrator).post("/people/new/", new_person())

    user = User.objects.get(username="nora")
    assert answer["Location"] == "/people/"
    assert user.is_organisation_administrator is False
    assert user.check_password("ocean brick violet 42")


@pytest.mark.parametrize(
    ("changes", "field", "status"),
    [
        ({"password": "q7\u00fc9z"}, "password", 400),
        ({"username": "ROOT"}, "username", 409),
        ({"email": "ruth@example.org"}, "email", 409),
        ({"email": "nowhere"}, "email", 400),
        ({"full_name": "Nora\u202eQuist"}, "full_name", 400),
    ],
)
def test_bad_account_is_refused_at_its_field_and_the_password_not_shown(
    changes, field, status, organisation_administrator
) -> None:
    given = new_person(**changes)
    answer = browse(organisation_administrator).post("/people/new/", given)

    assert answer.status_code == status
    assert list(answer.context["form"].errors) == [field]
    assert given["password"] not in text_of(answer)
    assert not User.objects.filter(username="nora").exists()


def test_account_is_closed_with_a_reason_and_stays(developer, organisation_administrator) -> None:
    client = browse(organisation_administrator)
    session = browse(developer)

    assert client.post(f"/people/{developer.pk}/close/", {"reason": ""}).status_code == 400
    answer = client.post(f"/people/{developer.pk}/close/", {"reason": "Left."})
    developer.refresh_from_db()
    assert answer["Location"] == "/people/"
    assert developer.is_active is False
    assert ModelBackend().authenticate(None, username="dana", password=cast.PASSWORD) is None
    assert session.get("/").status_code == 302


def test_own_account_cannot_be_closed(organisation_administrator) -> None:
    answer = browse(organisation_administrator).post(
        f"/people/{organisation_administrator.pk}/close/", {"reason": "Enough."}
    )

    assert answer.status_code == 400
    organisation_administrator.refresh_from_db()
    assert organisation_administrator.is_active is True
