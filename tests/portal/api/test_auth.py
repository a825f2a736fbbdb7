"""Signing in to the API: what tokens may, what they never may, and how they are looked at."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations

import pytest
import time_machine
from django.utils import timezone

from governance.actions.people import close_user, create_project, create_token, grant_role, revoke_token
from governance.models import ApiToken, AuditLogEntry, ModelVersion, Project, RegisteredModel, User
from governance.permissions import SCOPES
from tests.cast import PASSWORD, acting
from tests.portal.api.calling import Caller, answered, as_person, as_program, refused

EVERY_SCOPES = [scopes for count in range(1, len(SCOPES) + 1) for scopes in combinations(SCOPES, count)]


def bearer(secret: str) -> Caller:
    return Caller({"Authorization": f"Bearer {secret}"})


def test_a_token_signs_its_owner_in_and_tells_when_it_was_used(developer: User, project: Project) -> None:
    token, secret = create_token(name="ci", scopes=["read"], days=1, actor=acting(developer))
    me = answered(bearer(secret).get("me"))
    assert (me["username"], me["authentication"], me["token"]["prefix"]) == ("dana", "api-token", token.prefix)
    assert me["roles"] == [{"project": {"id": project.pk, "name": project.name}, "role": "developer"}]
    assert secret not in str(me)
    first = ApiToken.objects.get(pk=token.pk).last_used_at
    bearer(secret).get("me")
    assert ApiToken.objects.get(pk=token.pk).last_used_at == first
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        bearer(secret).get("me")
    second = ApiToken.objects.get(pk=token.pk).last_used_at
    assert first is not None
    assert second is not None
    assert second - first >= timedelta(minutes=1)


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer csn_1 csn_2", "Bearer csn_00000000_x", "Bearer é", "Bearer " + "x" * 500, "Bearer _"],
)
def test_a_malformed_or_unknown_token_is_refused(header: str, db: None) -> None:
    response = Caller({"Authorization": header}).get("me")
    refused(response, 401, "invalid_token")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="countersign"'


def test_a_token_that_is_over_is_refused_at_once(
    developer: User, auditor: User, validator: User, organisation_administrator: User
) -> None:
    ended, expired, orphan = (
        create_token(name="t", scopes=["read"], days=1, actor=acting(user))[::-1]
        for user in (developer, auditor, validator)
    )
    revoke_token(ended[1], actor=acting(developer))
    ApiToken.objects.filter(pk=expired[1].pk).update(expires_at=timezone.now())
    close_user(validator, reason="Left.", actor=acting(organisation_administrator))
    for secret, _token in (ended, expired, orphan):
        refused(bearer(secret).get("me"), 401, "invalid_token")
    tampered = create_token(name="t", scopes=["read"], days=1, actor=acting(developer))[1][:-1]
    refused(bearer(tampered + "?").get("me"), 401, "invalid_token")


def test_scopes_narrow_what_a_token_may(developer: User, version: ModelVersion) -> None:
    blind = as_program(developer, scopes=("submit",))
    refused(blind.get(f"model-versions/{version.pk}"), 403, "scope_missing")
    answered(blind.post(f"models/{version.model_id}/versions", {}), 201)
    watching = as_program(developer, scopes=("read", "report"))
    refused(watching.post(f"models/{version.model_id}/versions", {}), 403, "scope_missing")
    refused(as_program(developer, scopes=("read",)).post(f"model-versions/{version.pk}/reports"), 403, "scope_missing")
    answered(watching.post(f"model-versions/{version.pk}/reports", {}), 201)


def test_a_token_bound_to_a_project_sees_only_that_project(
    developer: User, version: ModelVersion, organisation_administrator: User
) -> None:
    other = create_project(name="Other", actor=acting(organisation_administrator))
    grant_role(other, user=developer, role="developer", actor=acting(organisation_administrator))
    bound = as_program(developer, project=other)
    assert [item["name"] for item in answered(bound.get("projects"))["results"]] == ["Other"]
    refused(bound.get(f"models/{version.model_id}"), 404, "not_found")
    refused(bound.get(f"model-versions/{version.pk}/evidence"), 404, "not_found")
    assert {entry["project"]["name"] for entry in answered(bound.get("log/entries"))["results"]} == {"Other"}
    refused(bound.post("models", {"project": version.model.project_id, "name": "x"}), 400, "invalid_input")
    answered(bound.post("models", {"project": other.pk, "name": "x"}), 201)


PERSON_NEEDED = [
    (
        "validator",
        "model-versions/{version}/sign-offs",
        {"role": "validator", "decision": "reject", "meaning": "m", "reason": "r", "dossier_digest": "d"}
        | {"password": PASSWORD},
    ),
    (
        "approver",
        "model-versions/{version}/promote",
        {"environment": "production", "dossier_digest": "d", "password": PASSWORD},
    ),
    (
        "compliance",
        "model-versions/{version}/waivers",
        {"finding_key": "k", "reason": "r", "expires_at": "2027-01-01T00:00:00Z", "password": PASSWORD},
    ),
    ("administrator", "models/{model}/proof-of-concept/decision", {"decision": "go", "reason": "r"}),
    ("approver", "model-versions/{version}/retire", {"reason": "r"}),
    ("developer", "tokens", {"name": "n", "scopes": ["read"], "days": 1}),
]


@pytest.mark.parametrize(("who", "path", "body"), PERSON_NEEDED, ids=[path for _, path, _ in PERSON_NEEDED])
def test_no_token_stands_in_for_a_person(
    who: str,
    path: str,
    body: dict[str, str],
    model_with_go: RegisteredModel,
    version: ModelVersion,
    request: pytest.FixtureRequest,
) -> None:
    """Whatever its scopes."""
    user = request.getfixturevalue(who)
    callers = [as_program(user, scopes=scopes) for scopes in EVERY_SCOPES]
    entries = AuditLogEntry.objects.count()
    for caller in callers:
        refused(caller.post(path.format(version=version.pk, model=model_with_go.pk), body), 403, "person_needed")
    added = AuditLogEntry.objects.filter(index__gte=entries)
    assert [entry.type for entry in added if not entry.type.endswith(".refused")] == []


def test_a_token_ends_only_itself(developer: User) -> None:
    mine = as_program(developer)
    own = ApiToken.objects.get(user=developer)
    other, _ = create_token(name="other", scopes=["read"], days=1, actor=acting(developer))
    refused(mine.delete(f"tokens/{other.pk}"), 403, "person_needed")
    assert mine.delete(f"tokens/{own.pk}").status_code == 204
    refused(mine.get("me"), 401, "invalid_token")


def test_a_session_writes_only_with_its_csrf_token(developer: User, project: Project) -> None:
    person = as_person(developer, enforce_csrf=True)
    given = {"project": project.pk, "name": "Second"}
    refused(person.post("models", given), 403, "csrf_failed")
    person.client.get("/sign-in/")
    person.client.cookies["csrf"] = "a" * 32
    answered(person.post("models", given, x_csrftoken="a" * 32), 201)


def test_wrong_passwords_close_the_door_as_at_sign_in(
    ready_version: ModelVersion, validator: User, client: object
) -> None:
    """Five wrong passwords typed with a signature lock the signer out: for signing and for signing in."""
    person = as_person(validator)
    digest = answered(person.get(f"model-versions/{ready_version.pk}/dossier"))["digest"]
    vote = {"role": "validator", "decision": "approve", "meaning": "m", "dossier_digest": digest}
    path = f"model-versions/{ready_version.pk}/sign-offs"
    for _ in range(5):
        problem = refused(person.post(path, vote | {"password": "guess"}), 403, "reauthentication_failed")
        assert problem["field"] == "password"
    refused(person.post(path, vote | {"password": PASSWORD}), 429, "locked_out")
    signing_in = Caller().client.post("/sign-in/", {"username": validator.username, "password": PASSWORD})
    assert signing_in.status_code == 429
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        answered(as_person(validator).post(path, vote | {"password": PASSWORD}), 201)
