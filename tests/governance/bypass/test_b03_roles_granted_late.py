"""B03: a role that somebody was given after the submission decides nothing, in whatever way: it takes a second
administrator, or else one person alone could set a refusal aside, accept a gap, or promote in an emergency."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from governance.actions import delegations, emergency, people, signoff, waivers
from governance.auditlog import database_now
from governance.dossier import collect
from governance.exceptions import NotPermitted
from governance.models import AuditLogEntry, Condition, Membership, ModelVersion, Role, SignOff, User
from tests import cast
from tests.governance.light import Light, make_light

pytestmark = pytest.mark.django_db
Act = Callable[[Light, ModelVersion, User], object]


@pytest.fixture
def light(organisation_administrator: User, keys: Path) -> Light:
    return make_light(organisation_administrator)


@pytest.fixture
def version(light: Light) -> ModelVersion:
    """In review, too slow, approved on a condition by one and rejected by another."""
    version = light.version()
    due = database_now() + timedelta(days=5)
    condition = {"text": "Try it.", "owner": light.team["developer"], "due_at": due}
    light.sign(version, "validator", "approve_conditions", conditions=[condition])
    light.report(version, p95=500.0, supersedes=version.evidence.get())
    return version


def overrule(light: Light, version: ModelVersion, by: User) -> object:
    refused = SignOff.objects.filter(decision="request_changes").first()
    refused = refused or light.sign(version, "approver", "request_changes")
    given = {"role": "administrator", "reason": "Never mind.", "password": cast.PASSWORD}
    return signoff.overrule_refusal(refused, **given, actor=cast.acting(by))


def waive(light: Light, version: ModelVersion, by: User) -> object:
    given = {"reason": "Never mind.", "password": cast.PASSWORD, "actor": cast.acting(by)}
    end = database_now() + timedelta(days=5)
    return waivers.grant_waiver(version, finding_key="criterion:R-1.1", expires_at=end, **given)


def fulfil(light: Light, version: ModelVersion, by: User) -> object:
    given = {"how": "Tried.", "password": cast.PASSWORD, "actor": cast.acting(by)}
    return signoff.fulfil_condition(Condition.objects.get(), **given)


def ask_for_emergency(light: Light, version: ModelVersion, by: User) -> object:
    given = {"reason": "Now.", "hours": 4, "password": cast.PASSWORD, "actor": cast.acting(by)}
    return emergency.ask_for_emergency(version, dossier_digest=collect(version).digest, **given)


@pytest.mark.parametrize(
    ("role", "act"),
    [
        (Role.ADMINISTRATOR, overrule),
        (Role.COMPLIANCE, waive),
        (Role.VALIDATOR, fulfil),
        (Role.COMPLIANCE, ask_for_emergency),
    ],
)
def test_b03_role_granted_after_submission_decides_nothing_alone(
    light: Light, version: ModelVersion, organisation_administrator: User, role: str, act: Act
) -> None:
    root = organisation_administrator
    own = people.grant_role(light.project, user=root, role=role, actor=cast.acting(root))
    with pytest.raises(NotPermitted) as caught:
        act(light, version, root)
    assert caught.value.code == "role_not_confirmed"
    assert AuditLogEntry.objects.latest("index").type.endswith(".refused")
    confirm(own, light.team["administrator"])
    act(light, version, root)


def confirm(membership: Membership, by: User) -> None:
    delegations.confirm_role(membership, password=cast.PASSWORD, actor=cast.acting(by))
