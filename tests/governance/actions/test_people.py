"""People, projects, roles, tokens and templates: what is given, taken back, and refused."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import ProtectedError

from governance.actions import people
from governance.actors import API_TOKEN, COMMAND, SYSTEM, Actor
from governance.exceptions import Duplicate, InvalidInput, NotPermitted, StaleReading
from governance.models import ApiToken, AuditLogEntry, Membership, Project, RequirementTemplate, Role, User
from governance.permissions import SCOPES, roles_of
from tests import cast
from tests.governance.actions.races import race

GIVEN = {"username": "nora", "full_name": "Nora Quist", "email": "nora@example.org", "password": cast.PASSWORD}


def refuse(act, *, error=InvalidInput):
    before = User.objects.count(), Project.objects.count(), Membership.objects.count(), AuditLogEntry.objects.count()
    with pytest.raises(error) as caught:
        act()
    assert before == (
        User.objects.count(),
        Project.objects.count(),
        Membership.objects.count(),
        AuditLogEntry.objects.count(),
    )
    return caught.value


@pytest.fixture
def root(organisation_administrator: User) -> Actor:
    return cast.acting(organisation_administrator)


# --- Accounts ------------------------------------------------------------------------------------------------


def test_user_is_created_with_a_person_key_of_their_own(root):
    first = people.create_user(**GIVEN | {"username": " NORA "}, actor=root)
    second = people.create_user(**GIVEN | {"username": "b", "email": "B@Example.org"}, actor=root)
    assert (first.username, second.email) == ("nora", "b@example.org")
    assert len({first.person_key, second.person_key, root.user.person_key}) == 3
    assert first.check_password(cast.PASSWORD)
    assert cast.PASSWORD not in bytes(AuditLogEntry.objects.last().body).decode()


@pytest.mark.parametrize(
    ("change", "error", "field"),
    [
        ({"username": "ROOT"}, Duplicate, "username"),
        ({"email": "Ruth@example.org"}, Duplicate, "email"),
        ({"username": ""}, InvalidInput, "username"),
        ({"username": "a\u202eb"}, InvalidInput, "username"),
        ({"full_name": " "}, InvalidInput, "full_name"),
        ({"email": ""}, InvalidInput, "email"),
        ({"password": "short"}, InvalidInput, "password"),
        ({"password": ""}, InvalidInput, "password"),
        ({"password": "1qaz2wsx3edc"}, InvalidInput, "password"),
        ({"password": "nora quist 2026"}, InvalidInput, "password"),
    ],
)
def test_user_that_cannot_be_is_refused(root, change, error, field):
    found = refuse(lambda: people.create_user(**GIVEN | change, actor=root), error=error)
    assert found.field == field


def test_login_of_a_closed_account_is_never_given_again(root):
    people.close_user(people.create_user(**GIVEN, actor=root), reason="Left.", actor=root)
    refuse(lambda: people.create_user(**GIVEN | {"email": "other@example.org"}, actor=root), error=Duplicate)


def test_closed_account_keeps_its_row_and_its_tokens_stop(root, developer, project):
    token, _secret = people.create_token(name="ci", scopes=["read"], days=1, actor=cast.acting(developer))
    people.close_user(developer, reason="Left.", actor=root)
    assert not User.objects.get(pk=developer.pk).is_active
    assert not ApiToken.objects.usable(now=datetime.now(UTC)).filter(pk=token.pk).exists()
    with pytest.raises(ProtectedError):
        developer.delete()


def test_nobody_closes_their_own_account_or_without_a_reason(root, developer):
    assert refuse(lambda: people.close_user(root.user, reason="Tired.", actor=root)).field == "user"
    assert refuse(lambda: people.close_user(developer, reason=" ", actor=root)).field == "reason"


def test_reason_longer_than_a_log_entry_is_refused(root, developer):
    message = refuse(lambda: people.close_user(developer, reason="x" * 20_000, actor=root)).message
    assert message.startswith("This does not fit into one entry of the audit log")


def test_first_administrator_is_made_once_and_by_the_operator(db, organisation_administrator):
    operator = Actor(User.objects.system(), COMMAND)
    refuse(lambda: people.create_administrator(**GIVEN, actor=operator), error=Duplicate)
    assert people.create_administrator(**GIVEN, another=True, actor=operator).is_organisation_administrator
    for actor in (cast.acting(organisation_administrator), Actor(organisation_administrator, SYSTEM)):
        other = GIVEN | {"username": "c", "email": "c@example.org"}
        refuse(lambda: people.create_administrator(**other, another=True, actor=actor), error=NotPermitted)  # noqa: B023


# --- Projects and roles ----------------------------------------------------------------------------------------


def test_project_has_a_template_for_every_tier(root):
    project = people.create_project(name="  Crédit  scoring ", actor=root)
    assert (project.name, project.slug) == ("Crédit  scoring", "credit-scoring")
    tiers = RequirementTemplate.objects.filter(project=project).values_list("risk_tier", flat=True)
    assert sorted(tiers) == ["high", "low", "medium"]


@pytest.mark.parametrize(
    ("name", "error"),
    [("", InvalidInput), ("!!!", InvalidInput), ("patient PATHWAYS", Duplicate), ("Patient--pathways", Duplicate)],
)
def test_project_that_cannot_be_is_refused(root, project, name, error):
    assert refuse(lambda: people.create_project(name=name, actor=root), error=error).field == "name"


def test_role_ends_and_may_be_given_again(root, project, developer):
    first = Membership.objects.get(user=developer)
    people.end_role(first, reason="On leave.", actor=root)
    assert roles_of(developer, project) == frozenset()
    refuse(lambda: people.end_role(first, actor=root), error=Duplicate)
    people.grant_role(project, user=developer, role=Role.DEVELOPER, actor=root)
    assert roles_of(developer, project) == {"developer"}
    assert Membership.objects.filter(user=developer).count() == 2


def test_role_that_cannot_be_is_refused(root, project, developer):
    assert refuse(lambda: people.grant_role(project, user=developer, role="boss", actor=root)).field == "role"
    assert refuse(lambda: people.grant_role(project, user=User.objects.system(), role="auditor", actor=root)).field == (
        "user"
    )
    refuse(lambda: people.grant_role(project, user=developer, role="developer", actor=root), error=Duplicate)
    people.close_user(developer, reason="Left.", actor=root)
    developer.refresh_from_db()
    assert refuse(lambda: people.grant_role(project, user=developer, role="auditor", actor=root)).field == "user"


# --- Tokens ------------------------------------------------------------------------------------------------------


def test_token_is_shown_once_and_kept_as_a_digest(developer, project):
    token, secret = people.create_token(
        name="ci", scopes=["submit", "read", "read"], days=90, project=project, actor=cast.acting(developer)
    )
    assert secret.startswith(f"{token.prefix}_")
    assert len(secret) >= len(token.prefix) + 44
    assert token.secret_digest == hashlib.sha256(secret.encode()).hexdigest()
    assert (token.scopes, token.project) == (["read", "submit"], project)
    assert timedelta(days=89) < token.expires_at - datetime.now(UTC) <= timedelta(days=90)
    assert secret not in bytes(AuditLogEntry.objects.last().body).decode()
    assert secret not in str({field.name: field.value_from_object(token) for field in ApiToken._meta.fields})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"scopes": ["read", "sign"]}, "scopes"),
        ({"days": 0}, "days"),
        ({"days": 91}, "days"),
        ({"days": -1}, "days"),
        ({"name": ""}, "name"),
    ],
)
def test_token_that_cannot_be_is_refused(developer, change, field):
    given = {"name": "ci", "scopes": ["read"], "days": 1} | change
    assert refuse(lambda: people.create_token(**given, actor=cast.acting(developer))).field == field
    assert ApiToken.objects.count() == 0


def test_token_for_a_project_of_others_is_refused(stranger, project):
    actor = cast.acting(stranger)
    refuse(
        lambda: people.create_token(name="ci", scopes=["read"], days=1, project=project, actor=actor),
        error=NotPermitted,
    )


def test_token_makes_no_token_and_ends_only_itself(developer):
    own, other = (
        people.create_token(name=name, scopes=["read"], days=1, actor=cast.acting(developer))[0] for name in "ab"
    )
    actor = Actor(developer, API_TOKEN, scopes=frozenset(SCOPES), token_prefix=own.prefix)
    for act in (
        lambda: people.create_token(name="c", scopes=["read"], days=1, actor=actor),
        lambda: people.revoke_token(other, actor=actor),
    ):
        assert refuse(act, error=NotPermitted).code == "person_needed"
    people.revoke_token(own, actor=actor)
    assert list(ApiToken.objects.usable(now=datetime.now(UTC))) == [other]


def test_token_is_revoked_once_by_its_owner_or_an_administrator(developer, root):
    token, _secret = people.create_token(name="ci", scopes=["read"], days=1, actor=cast.acting(developer))
    people.revoke_token(token, actor=root)
    refuse(lambda: people.revoke_token(token, actor=cast.acting(developer)), error=Duplicate)


def test_token_is_usable_until_it_expires(developer):
    token, _secret = people.create_token(name="ci", scopes=["read"], days=1, actor=cast.acting(developer))
    usable = ApiToken.objects.usable
    assert usable(now=token.expires_at - timedelta(seconds=1)).count() == 1
    assert usable(now=token.expires_at).count() == 0


# --- Templates -----------------------------------------------------------------------------------------------------


TEMPLATE = "- {title: Useful, statement: It is useful.}"


def test_template_is_replaced_and_its_revision_counted(project, administrator):
    actor = cast.acting(administrator)
    written = people.write_template(project, risk_tier="low", text=TEMPLATE, seen_revision=1, actor=actor)
    assert (written.text, written.revision) == (TEMPLATE, 2)
    stale = refuse(
        lambda: people.write_template(project, risk_tier="low", text=TEMPLATE, seen_revision=1, actor=actor),
        error=StaleReading,
    )
    assert "revision 2, you saw 1" in stale.message


@pytest.mark.parametrize(("tier", "text", "field"), [("extreme", TEMPLATE, "risk_tier"), ("low", "[]", "text")])
def test_template_that_cannot_be_is_refused(project, administrator, tier, text, field):
    actor = cast.acting(administrator)
    assert refuse(lambda: people.write_template(project, risk_tier=tier, text=text, actor=actor)).field == field
    assert set(RequirementTemplate.objects.values_list("revision", flat=True)) == {1}


# --- Two at once ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_same_name_given_at_once_is_given_once(project, developer, root):
    acts = [
        lambda: people.create_user(**GIVEN, actor=root),
        lambda: people.create_project(name="Credit", actor=root),
        lambda: people.grant_role(project, user=developer, role="auditor", actor=root),
    ]
    for act in acts:
        assert race(act) == ["done"] + ["duplicate"] * 4
    assert User.objects.filter(username="nora").count() == 1
    assert Project.objects.filter(name="Credit").count() == 1
    assert Membership.objects.filter(role="auditor").count() == 1
    assert AuditLogEntry.objects.filter(type="membership.granted", actor=root.user).count() == 2
