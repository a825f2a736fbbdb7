"""API tokens: the secret is shown in one answer and nowhere else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from governance.actions import people
from governance.models import ApiToken, AuditLogEntry
from governance.token_secret import digest_secret
from tests import cast
from tests.portal.pages.browsing import browse, count_queries, text_of


def new_token(**changes: object) -> dict[str, object]:
    return {"name": "pipeline", "scopes": ["read", "submit"], "project": "", "days": "30", **changes}


def make(user, name: str = "ci") -> ApiToken:
    return people.create_token(name=name, scopes=["read"], days=5, actor=cast.acting(user))[0]


def test_secret_is_shown_once_and_kept_nowhere(developer) -> None:
    client = browse(developer)
    answer = client.post("/tokens/new/", new_token())
    secret = answer.context["secret"]

    token = ApiToken.objects.get()
    assert answer.status_code == 201
    assert text_of(answer).count(f"<code data-secret>{secret}</code>") == 1
    assert "no-store" in answer["Cache-Control"]
    assert token.secret_digest == digest_secret(secret)
    assert secret not in text_of(client.get("/tokens/"))
    assert all(secret not in str(session.get_decoded()) for session in Session.objects.all())
    assert secret not in bytes(AuditLogEntry.objects.latest("index").body).decode()


def test_token_is_bound_as_asked(developer, project) -> None:
    browse(developer).post("/tokens/new/", new_token(project=project.pk, days="7"))

    token = ApiToken.objects.get()
    assert (token.user, token.project, token.scopes) == (developer, project, ["read", "submit"])
    assert timedelta(days=6) < token.expires_at - timezone.now() <= timedelta(days=7)


@pytest.mark.parametrize(
    ("field", "value"), [("name", ""), ("scopes", []), ("scopes", ["everything"]), ("days", "91"), ("days", "0")]
)
def test_bad_token_is_refused_at_its_field(field, value, developer) -> None:
    answer = browse(developer).post("/tokens/new/", new_token(**{field: value}))

    assert answer.status_code == 400
    assert list(answer.context["form"].errors) == [field]
    assert ApiToken.objects.count() == 0


def test_token_for_a_project_one_is_not_in_is_refused(developer, stranger) -> None:
    elsewhere = stranger.memberships.first().project_id
    answer = browse(developer).post("/tokens/new/", new_token(project=elsewhere))

    assert list(answer.context["form"].errors) == ["project"]
    assert "Elsewhere" not in text_of(answer)


def test_list_shows_own_tokens_only(developer, validator) -> None:
    make(developer, "mine")
    make(validator, "theirs")
    page = text_of(browse(developer).get("/tokens/"))

    assert "mine" in page
    assert "theirs" not in page


def test_list_says_which_work(developer) -> None:
    make(developer, "working")
    people.revoke_token(make(developer, "revoked"), actor=cast.acting(developer))
    ApiToken.objects.filter(pk=make(developer, "expired").pk).update(expires_at=timezone.now())
    page = text_of(browse(developer).get("/tokens/"))

    assert [page.count(f"</svg>{word}</span>") for word in ("Works", "Revoked", "Expired")] == [1, 1, 1]
    assert page.count("/revoke/") == 1


def test_list_asks_as_often_with_three_as_with_one(developer, project) -> None:
    make(developer)
    client = browse(developer)
    with_one = count_queries(client, "/tokens/")
    make(developer)
    people.create_token(name="p", scopes=["read"], days=1, project=project, actor=cast.acting(developer))

    assert count_queries(client, "/tokens/") == with_one


def test_revoking_is_asked_first_and_ends_the_token(developer) -> None:
    token = make(developer)
    client = browse(developer)

    assert "stops working at once" in text_of(client.get(f"/tokens/{token.pk}/revoke/"))
    answer = client.post(f"/tokens/{token.pk}/revoke/")
    token.refresh_from_db()
    assert answer["Location"] == "/tokens/"
    assert token.revoked_at is not None


def test_revoking_twice_is_refused(developer) -> None:
    token = make(developer)
    client = browse(developer)
    client.post(f"/tokens/{token.pk}/revoke/")

    answer = client.post(f"/tokens/{token.pk}/revoke/")
    assert answer.status_code == 409
    assert "revoked already" in text_of(answer)


def test_token_of_another_member_cannot_be_revoked(developer, validator) -> None:
    token = make(developer)

    assert browse(validator).post(f"/tokens/{token.pk}/revoke/").status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None
