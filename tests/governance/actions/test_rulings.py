"""Rulings on controls, and signatures on records: who, with which proof, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from governance.actions import answers, rulings
from governance.actors import API_TOKEN, Actor
from governance.auditlog import database_now
from governance.coverage import cover
from governance.dossier import collect
from governance.exceptions import InvalidInput, NotPermitted, ReauthenticationFailed, StaleReading
from governance.facts import digest_fact, read_facts_of
from governance.frameworks.judging import ControlState
from governance.frameworks.vocabulary import facts
from governance.models import AuditLogEntry, ControlRuling, FactSignature, ModelVersion, User
from governance.permissions import SCOPES
from tests import cast
from tests.governance.framework_texts import load, small_framework
from tests.governance.light import Light, make_light
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db


@pytest.fixture
def light(organisation_administrator: User) -> Light:
    load(small_framework())
    return make_light(organisation_administrator)


@pytest.fixture
def version(light: Light) -> ModelVersion:
    return light.version()


def rule(version: ModelVersion, user: User, kind: str = "not_applicable", **given: Any) -> ControlRuling:
    given = {"framework": "house-rules", "control": "H-1", "reason": "No.", "password": cast.PASSWORD} | given
    return rulings.rule_on_control(version, kind=kind, actor=given.pop("actor", cast.acting(user)), **given)


def state_of(version: ModelVersion, control: str = "H-1") -> ControlState:
    coverage = next(item for item in cover(collect(version)) if item.framework.id == "house-rules")
    return next(item.state for item in coverage.findings if item.control.id == control)


def in_days(days: float) -> Any:
    return database_now() + timedelta(days=days)


def test_control_that_does_not_apply_is_signed_and_lifted(light, version):
    assert state_of(version) == ControlState.PARTIAL
    rule(version, light.team["compliance"])
    assert state_of(version) == ControlState.NOT_APPLICABLE
    rule(version, light.team["validator"], "lifted")
    assert state_of(version) == ControlState.PARTIAL


def test_gap_is_accepted_by_who_may_release_and_nobody_else(light, version):
    for role in ("validator", "compliance"):
        with pytest.raises(NotPermitted, match="approver"):
            rule(version, light.team[role], "waived", expires_at=in_days(30))
    rule(version, light.team["approver"], "waived", expires_at=in_days(30))
    assert state_of(version) == ControlState.WAIVED


def test_ruling_written_or_prolonged_by_hand_closes_no_gap(light, version):
    ruling = rule(version, light.team["approver"], "waived", expires_at=in_days(1))
    with behind_the_guards():
        ControlRuling.objects.filter(pk=ruling.pk).update(expires_at=in_days(300))
    assert state_of(version) == ControlState.PARTIAL
    with behind_the_guards():
        ControlRuling.objects.filter(pk=ruling.pk).update(expires_at=ruling.expires_at)
        ControlRuling.objects.create(
            version=version,
            framework="house-rules",
            control="H-2",
            kind="not_applicable",
            reason="By hand.",
            role="approver",
            ruled_by=light.team["approver"],
            ruler_name="Somebody",
            ruled_at=ruling.ruled_at,
            log_index=ruling.log_index,
        )
    assert state_of(version) == ControlState.WAIVED
    assert state_of(version, "H-2") == ControlState.UNKNOWN


@pytest.mark.parametrize("role", ["developer", "auditor", "administrator"])
def test_other_roles_rule_on_nothing(light, version, role):
    with pytest.raises(NotPermitted):
        rule(version, light.team[role])
    assert not ControlRuling.objects.exists()


@pytest.mark.parametrize(
    ("kind", "days", "said"),
    [
        ("waived", None, "has an end"),
        ("waived", -1, "lie ahead"),
        ("waived", 400, "a year at most"),
        ("not_applicable", 30, "nothing else has one"),
        ("perhaps", None, "is one of"),
    ],
)
def test_ruling_that_cannot_stand_is_refused(light, version, kind, days, said):
    with pytest.raises(InvalidInput, match=said):
        rule(version, light.team["approver"], kind, expires_at=None if days is None else in_days(days))


@pytest.mark.parametrize("given", [{"control": "H-9"}, {"framework": "moon-law"}, {"reason": " "}])
def test_ruling_names_a_control_and_a_reason(light, version, given):
    with pytest.raises(InvalidInput):
        rule(version, light.team["approver"], **given)


def test_ruling_takes_a_person_and_their_password(light, version):
    with pytest.raises(ReauthenticationFailed):
        rule(version, light.team["approver"], password="wrong")
    refused = AuditLogEntry.objects.latest("index")
    assert refused.type == "control.refused"
    token = Actor(light.team["approver"], API_TOKEN, scopes=frozenset(SCOPES))
    with pytest.raises(NotPermitted, match="Only a person"):
        rule(version, light.team["approver"], actor=token)
    assert not ControlRuling.objects.exists()


# --- Signatures on records ------------------------------------------------------------------------

DECLARATION = facts()["conformity.declaration"]


def declare(version: ModelVersion, user: User, **parts: str) -> str:
    """Record the declaration's items; return what a signer is shown."""
    fact = "conformity.declaration_fields"
    answers.record_answer(version, fact=fact, value=parts, actor=cast.acting(user))
    digest = digest_fact(DECLARATION, read_facts_of(version))
    assert digest is not None
    return digest


def sign(version: ModelVersion, user: User, digest: str, **given: Any) -> FactSignature:
    given = {"fact": DECLARATION.id, "meaning": "declaration of conformity", "password": cast.PASSWORD} | given
    return rulings.sign_fact(version, seen_digest=digest, actor=given.pop("actor", cast.acting(user)), **given)


def test_signature_covers_what_was_shown_and_ends_with_it(light, version):
    digest = declare(version, light.team["compliance"], provider="Northfield")
    sign(version, light.team["approver"], digest)
    found = read_facts_of(version)[DECLARATION.id]
    assert [(item.role, item.meaning) for item in found.signatures] == [("approver", "declaration of conformity")]
    declare(version, light.team["compliance"], provider="Southfield")
    assert DECLARATION.id not in read_facts_of(version), "it was about another text"


def test_what_changed_since_it_was_shown_is_not_signed(light, version):
    digest = declare(version, light.team["compliance"], provider="Northfield")
    declare(version, light.team["compliance"], provider="Southfield")
    with pytest.raises(StaleReading, match="has changed since"):
        sign(version, light.team["approver"], digest)


def test_nothing_is_signed_before_anything_is_recorded(light, version):
    with pytest.raises(InvalidInput, match="Nothing is recorded yet"):
        sign(version, light.team["approver"], "sha256:" + "0" * 64)


@pytest.mark.parametrize("fact", ["design.logic", "approval.release", "design.magic"])
def test_only_records_that_are_made_to_be_signed_are_signed(light, version, fact):
    with pytest.raises(InvalidInput):
        sign(version, light.team["approver"], "sha256:" + "0" * 64, fact=fact)


def test_signature_takes_a_person_of_the_project_and_their_password(light, version, stranger):
    digest = declare(version, light.team["compliance"], provider="Northfield")
    with pytest.raises(ReauthenticationFailed):
        sign(version, light.team["approver"], digest, password="wrong")
    for user in (light.team["auditor"], stranger):
        with pytest.raises(NotPermitted):
            sign(version, user, digest)
    token = Actor(light.team["approver"], API_TOKEN, scopes=frozenset(SCOPES))
    with pytest.raises(NotPermitted, match="Only a person"):
        sign(version, light.team["approver"], digest, actor=token)
    assert not FactSignature.objects.exists()
