"""B17: no token signs, whatever its scopes. Every door that signs needs a person in a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from typing import Any

import pytest
from django.test import Client

from governance.actions import discussion, people
from governance.dossier import collect
from governance.models import AuditLogEntry, ModelVersion, Role, User
from governance.permissions import SCOPES
from tests import cast
from tests.governance.policy_texts import propose
from tests.portal.api.calling import answered, as_program, refused

pytestmark = pytest.mark.django_db
EVERY_COMBINATION = list(chain.from_iterable(combinations(SCOPES, size) for size in range(1, len(SCOPES) + 1)))
LATER = (datetime.now(UTC) + timedelta(days=5)).isoformat()
VOTE = {"role": "validator", "decision": "reject", "meaning": "m", "reason": "r", "dossier_digest": "{digest}"}
METHODS = {"projects/{project}/solo-mode": "PUT"}
SIGNED = {"password": cast.PASSWORD}
DOORS: dict[str, dict[str, Any]] = {
    "model-versions/{version}/sign-offs": VOTE | SIGNED,
    "model-versions/{version}/waivers": {"finding_key": "k", "reason": "r", "expires_at": LATER} | SIGNED,
    "model-versions/{version}/promote": {"environment": "production", "dossier_digest": "{digest}"} | SIGNED,
    "model-versions/{version}/retire": {"reason": "r"},
    "model-versions/{version}/emergencies": {"reason": "r", "hours": 2, "dossier_digest": "{digest}"} | SIGNED,
    "sign-offs/{sign_off}/overrule": {"role": "approver", "reason": "r"} | SIGNED,
    "policies/{policy}/adopt": SIGNED,
    "models/{model}/proof-of-concept/decision": {"decision": "go", "reason": "r"},
    "remarks/{question}/resolve": {"resolution": "r"},
    "memberships/{membership}/confirm": SIGNED,
    "projects/{project}/solo-mode": {"on": True, "reason": "r"} | SIGNED,
    "model-versions/{version}/rulings": {
        "framework": "nyc-ll144",
        "control": "LL144-301b4",
        "kind": "not_applicable",
        "reason": "r",
    }
    | SIGNED,
    "model-versions/{version}/signatures": {"fact": "conformity.declaration", "meaning": "m", "seen_digest": "{digest}"}
    | SIGNED,
    "passkey-questions": {"purpose": "sign_off {digest}"},
}


@dataclass
class Office:
    """One person who may do everything, and something behind each door."""

    omnipotent: User
    version: ModelVersion
    numbers: dict[str, Any]


@pytest.fixture
def office(
    ready_version: ModelVersion, organisation_administrator: User, validator: User, compliance: User, auditor: User
) -> Office:
    project = ready_version.model.project
    omnipotent = cast.make_person("omni", "Omni Potent", by=organisation_administrator)
    for role in Role.values:
        people.grant_role(project, user=omnipotent, role=role, actor=cast.acting(organisation_administrator))
    User.objects.filter(pk=omnipotent.pk).update(is_organisation_administrator=True)
    omnipotent.refresh_from_db()
    vote = cast.sign(ready_version, validator, "validator", "abstain", reason="Not mine.")
    question = discussion.write_remark(ready_version, text="Why?", is_question=True, actor=cast.acting(auditor))
    numbers = {
        "version": ready_version.pk,
        "model": ready_version.model_id,
        "project": project.pk,
        "digest": collect(ready_version).digest,
        "sign_off": vote.pk,
        "policy": propose(project, by=compliance, tier="low").pk,
        "question": question.pk,
        "membership": compliance.memberships.get().pk,
    }
    return Office(omnipotent, ready_version, numbers)


def fill(body: dict[str, Any], numbers: dict[str, Any]) -> dict[str, Any]:
    return {key: value.format(**numbers) if isinstance(value, str) else value for key, value in body.items()}


def test_b17_no_scope_opens_a_door_that_signs(office: Office) -> None:
    before = AuditLogEntry.objects.count()
    callers = [as_program(office.omnipotent, scopes=scopes) for scopes in EVERY_COMBINATION]
    made = AuditLogEntry.objects.count() - before
    assert (len(callers), made) == (2 ** len(SCOPES) - 1, len(callers))
    for path, body in DOORS.items():
        for caller in callers:
            refused(
                caller.send(METHODS.get(path, "POST"), path.format(**office.numbers), fill(body, office.numbers)),
                403,
                "person_needed",
            )
    added = AuditLogEntry.objects.filter(index__gte=before + made)
    assert [entry.type for entry in added if not entry.type.endswith(".refused")] == []


def test_b17_refused_signature_is_logged_with_the_token(office: Office) -> None:
    as_program(office.omnipotent).post(
        f"model-versions/{office.version.pk}/sign-offs",
        fill(DOORS["model-versions/{version}/sign-offs"], office.numbers),
    )
    body = cast.read_body(AuditLogEntry.objects.latest("index"))
    assert (body["type"], body["data"]["code"]) == ("sign_off.refused", "person_needed")
    assert body["actor"]["token"].startswith("csn_")


def test_b17_token_makes_nobody_who_could_sign_and_rule_for_it(office: Office) -> None:
    """An organisation administrator whose password the program chose would be a person in its hand."""
    given = {"username": "mask", "full_name": "Mask", "email": "mask@example.org", "password": cast.PASSWORD}
    for caller in (as_program(office.omnipotent), as_program(office.omnipotent, scopes=("administer",))):
        refused(caller.post("users", given | {"is_organisation_administrator": True}), 403, "person_needed")
    assert not User.objects.filter(username="mask").exists()
    answered(as_program(office.omnipotent).post("users", given), 201)


@pytest.mark.parametrize("path", ["sign", "waive", "promote", "retire"])
def test_b17_token_opens_no_page(office: Office, path: str) -> None:
    program = as_program(office.omnipotent)
    answer = Client().post(f"/versions/{office.version.pk}/{path}/", SIGNED, headers=program.headers)
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/sign-in/")


def test_b17_token_beside_a_session_is_a_token(office: Office) -> None:
    """A stolen session's cookie does not lend a person to a token, nor a token its session."""
    program = as_program(office.omnipotent)
    program.client.force_login(office.omnipotent, backend="django.contrib.auth.backends.ModelBackend")
    path = "model-versions/{version}/sign-offs"
    refused(program.post(path.format(**office.numbers), fill(DOORS[path], office.numbers)), 403, "person_needed")
