"""What stands around every page: the navigation and who is looking."""

from __future__ import annotations

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from pytest_django import DjangoAssertNumQueries

from governance.actions import people
from governance.models import Project, Role, User
from portal.context_processors import RECORDS, WORKSHOP, build_navigation, frame, list_roles
from tests.cast import acting


def request_of(user: User, path: str = "/") -> HttpRequest:
    request = RequestFactory().get(path)
    request.user = user
    return request


def test_every_entry_has_an_address(organisation_administrator: User) -> None:
    entries = build_navigation(request_of(organisation_administrator), RECORDS + WORKSHOP)
    assert [str(entry.label) for entry in entries] == [str(entry.label) for entry in RECORDS + WORKSHOP]


def test_people_are_listed_for_administrators_of_the_organisation_alone(
    organisation_administrator: User, developer: User
) -> None:
    for user, shown in ((organisation_administrator, True), (developer, False)):
        labels = [str(entry.label) for entry in build_navigation(request_of(user), WORKSHOP)]
        assert ("People" in labels) is shown


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/", "Home"),
        ("/models/", "Models"),
        ("/models/7/", "Models"),
        ("/versions/7/", "Models"),
        ("/log/12/", "Audit log"),
    ],
)
def test_the_entry_of_the_page_is_current(path: str, current: str, developer: User) -> None:
    entries = build_navigation(request_of(developer, path), RECORDS)
    assert [str(entry.label) for entry in entries if entry.is_current] == [current]


def test_roles_are_named_once_over_all_projects(
    developer: User, project: Project, organisation_administrator: User
) -> None:
    other = people.create_project(name="Second", actor=acting(organisation_administrator))
    for role in (Role.AUDITOR, Role.DEVELOPER):
        people.grant_role(other, user=developer, role=role, actor=acting(organisation_administrator))
    assert list_roles(request_of(developer)) == ["Developer", "Auditor"]


def test_administrator_of_the_organisation_is_called_so(organisation_administrator: User) -> None:
    assert list_roles(request_of(organisation_administrator)) == ["Administrator"]


def test_frame_that_is_not_drawn_asks_nothing(
    developer: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        context = frame(request_of(developer))
    with django_assert_num_queries(1):
        assert list(context["viewer_roles"]) == ["Developer"]
