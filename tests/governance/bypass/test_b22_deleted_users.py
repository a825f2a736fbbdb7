"""B22: people are closed and never deleted, and a login is never given twice."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import Error, connection, transaction

from governance.actions import people
from governance.exceptions import GovernanceError
from governance.models import User
from tests import cast
from tests.governance.log_history import History
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db


def delete_the_object(user: User) -> None:
    user.delete()


def delete_the_queryset(user: User) -> None:
    User.objects.filter(pk=user.pk).delete()


def delete_without_collecting(user: User) -> None:
    rows = User.objects.filter(pk=user.pk)
    rows._raw_delete(rows.db)


def delete_by_sql(user: User) -> None:
    execute("DELETE FROM governance_user WHERE id = %s", user.pk)


def replace_by_sql(user: User) -> None:
    verb = "INSERT OR REPLACE" if connection.vendor == "sqlite" else "INSERT"
    columns = ", ".join(field.column for field in User._meta.concrete_fields)
    execute(
        f"{verb} INTO governance_user ({columns}) SELECT {columns} FROM governance_user WHERE id = %s",  # noqa: S608
        user.pk,
    )


def execute(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


DELETIONS = [delete_the_object, delete_the_queryset, delete_without_collecting, delete_by_sql, replace_by_sql]


@pytest.mark.parametrize("delete", DELETIONS, ids=lambda delete: delete.__name__)
@pytest.mark.parametrize("login", ["leaver", "developer", "fresh"])
def test_b22_nobody_is_deleted(history: History, delete: Any, login: str) -> None:
    """One who left, one who did much, and one of whom nothing is recorded but that the account was opened."""
    if login == "fresh":
        cast.make_person("fresh", "Fresh Face", by=history.root)
    user = User.objects.get(username=login)
    with pytest.raises(Error), transaction.atomic():
        delete(user)
    assert User.objects.get(pk=user.pk).username == login


def test_b22_deletion_behind_the_guards_is_refused_by_what_refers_to_the_person(history: History) -> None:
    user = User.objects.get(username="developer")
    with transaction.atomic():
        with behind_the_guards():
            delete_by_sql(user)
        with pytest.raises(Error):
            connection.check_constraints()
        transaction.set_rollback(True)


@pytest.mark.parametrize("login", ["leaver", "LEAVER", "Leaver", " leaver "])
def test_b22_login_is_never_given_twice(history: History, login: str) -> None:
    before = User.objects.count()
    with pytest.raises(GovernanceError):
        people.create_user(
            username=login,
            full_name="Somebody Else",
            email="else@example.org",
            password=cast.PASSWORD,
            actor=cast.acting(history.root),
        )
    with pytest.raises(Error), transaction.atomic():
        User.objects.create(username=login.strip().lower(), full_name="Somebody Else")
    assert User.objects.count() == before
