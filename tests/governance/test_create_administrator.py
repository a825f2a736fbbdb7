"""The first administrator is made once, by whoever has the command line, and the log says so."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from governance.actions import people
from governance.actors import COMMAND, SESSION, Actor
from governance.credentials import digest_credential
from governance.exceptions import NotPermitted
from governance.models import AuditLogEntry, User
from tests import cast

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough passphrase"


def run(username: str, *more: str, password: str = PASSWORD + "\n", monkeypatch: pytest.MonkeyPatch) -> str:
    output = StringIO()
    monkeypatch.setattr("sys.stdin", StringIO(password))
    words = ("--full-name", f"{username.title()} Person", "--email", f"{username}@example.org")
    call_command("create_administrator", username, *words, *more, stdout=output)
    return output.getvalue()


def test_first_administrator_may_sign_in_and_the_log_says_who_came(monkeypatch: pytest.MonkeyPatch) -> None:
    said = run("Ada", monkeypatch=monkeypatch)
    user = User.objects.get(username="ada")
    assert (user.is_organisation_administrator, user.check_password(PASSWORD)) == (True, True)
    assert said == "Ada Person may now sign in as “ada” and open other accounts.\n"
    body = cast.read_body(AuditLogEntry.objects.get())
    assert (body["type"], body["subject"]["id"], body["data"]) == (
        "user.created",
        user.pk,
        {
            "organisation_administrator": True,
            "person": user.person_key,
            "login": "ada",
            "credential": digest_credential(user.password),
        },
    )
    assert (body["actor"]["login"], body["actor"]["authentication"]) == ("system", "command")


def test_second_administrator_needs_a_word_more(monkeypatch: pytest.MonkeyPatch) -> None:
    run("ada", monkeypatch=monkeypatch)
    with pytest.raises(CommandError, match="Give --another to make one more"):
        run("bea", monkeypatch=monkeypatch)
    assert User.objects.filter(username="bea").count() == 0
    run("bea", "--another", monkeypatch=monkeypatch)
    assert AuditLogEntry.objects.count() == 2


def test_password_comes_from_a_file_when_one_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD} in a file\nsecond line\n")
    run("ada", "--password-file", str(file), password="", monkeypatch=monkeypatch)
    assert User.objects.get(username="ada").check_password(f"{PASSWORD} in a file")


@pytest.mark.parametrize(
    ("username", "password", "why"),
    [
        ("ada", "", "The password is empty"),
        ("ada", "\n", "The password is empty"),
        ("ada", "short\n", "too short"),
        ("ada", "password1234\n", "too common"),
        (" ", PASSWORD, "“username” must not be empty"),
        ("a\u202eda", PASSWORD, "hidden character"),
    ],
)
def test_bad_input_is_refused_with_its_reason(
    username: str, password: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandError, match=why):
        run(username, password=password, monkeypatch=monkeypatch)
    assert (AuditLogEntry.objects.count(), User.objects.filter(is_system=False).count()) == (0, 0)


def test_unreadable_password_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nowhere cannot be read"):
        run("ada", "--password-file", str(tmp_path / "nowhere"), monkeypatch=monkeypatch)


def test_nobody_makes_an_administrator_from_a_browser(organisation_administrator: User) -> None:
    for authentication in (SESSION, "api-token", "system"):
        with pytest.raises(NotPermitted, match="command line"):
            people.create_administrator(
                username="eve",
                full_name="Eve",
                email="eve@example.org",
                password=PASSWORD,
                another=True,
                actor=Actor(organisation_administrator, authentication),
            )
    assert COMMAND not in {SESSION, "api-token", "system"}
