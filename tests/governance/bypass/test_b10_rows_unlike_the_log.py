"""B10: a row that was changed, added or deleted by hand opens nothing where the log says otherwise, although no trigger
guards its table: evidence, recalls, artifacts, roles, rights that were lent, the tier and the mode of the project."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from governance.actions import delegations, lineage, people, promotion
from governance.auditlog import database_now
from governance.dossier import collect
from governance.exceptions import NotPermitted
from governance.gate import judge
from governance.models import (
    AcceptanceCriterion,
    Artifact,
    DatasetVersion,
    Delegation,
    Evidence,
    Membership,
    ModelVersion,
    Project,
    RegisteredModel,
    Release,
    Requirement,
    User,
)
from governance.permits import permit_for
from tests import cast
from tests.governance.bypass.test_b03_roles_granted_late import waive
from tests.governance.light import Light, make_light, propose_light
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db


@pytest.fixture
def light(organisation_administrator: User, keys: Path) -> Light:
    return make_light(organisation_administrator)


def execute(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def unrecorded(version: ModelVersion) -> str:
    """What the gate says that the log does not vouch for."""
    dossier = collect(ModelVersion.objects.get(pk=version.pk))
    assert ("records:log" in {finding.key for finding in judge(dossier).closing}) == bool(dossier.unrecorded)
    return "; ".join(dossier.unrecorded)


# --- Rows that were changed -------------------------------------------------------------------------


def freshen(version: ModelVersion) -> None:
    Evidence.objects.filter(version=version).update(observed_at=database_now())


def beautify(version: ModelVersion) -> None:
    item = version.evidence.get()
    values = item.content["values"] | {"p95_ms": 1.0}
    Evidence.objects.filter(pk=item.pk).update(content=item.content | {"values": values})


def exchange_the_artifact(version: ModelVersion) -> None:
    Artifact.objects.filter(version=version).update(digest="sha256:" + "e" * 64)


def drop_an_artifact(version: ModelVersion) -> None:
    execute("DELETE FROM governance_artifact WHERE version_id = %s", version.pk)


def lower_a_threshold(version: ModelVersion) -> None:
    AcceptanceCriterion.objects.filter(requirement__model=version.model_id).update(threshold="900")


def soften_a_criterion(version: ModelVersion) -> None:
    AcceptanceCriterion.objects.filter(requirement__model=version.model_id).update(severity="should")


def withdraw_a_requirement(version: ModelVersion) -> None:
    Requirement.objects.filter(model=version.model_id).update(withdrawn_at=database_now())


def choose_another_tier(version: ModelVersion) -> None:
    RegisteredModel.objects.filter(pk=version.model_id).update(risk_tier="medium")


def switch_to_solo_mode(version: ModelVersion) -> None:
    Project.objects.filter(pk=version.model.project_id).update(solo_since=database_now())


def forget_the_submission(version: ModelVersion) -> None:
    ModelVersion.objects.filter(pk=version.pk).update(submitted_at=None)


def postpone_the_submission(version: ModelVersion) -> None:
    ModelVersion.objects.filter(pk=version.pk).update(submitted_at=database_now() + timedelta(hours=1))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (freshen, "evidence: Load test"),
        (beautify, "evidence: Load test"),
        (exchange_the_artifact, "artifacts"),
        (drop_an_artifact, "artifacts"),
        (lower_a_threshold, "requirement: R-1"),
        (soften_a_criterion, "requirement: R-1"),
        (withdraw_a_requirement, "requirement: R-1"),
        (choose_another_tier, "risk tier"),
        (switch_to_solo_mode, "solo mode"),
        (forget_the_submission, "time of submission"),
        (postpone_the_submission, "time of submission"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_b10_row_changed_by_hand_opens_nothing(
    light: Light, change: Callable[[ModelVersion], None], named: str
) -> None:
    version = light.version()
    Evidence.objects.filter(version=version).update(title="Load test")
    assert unrecorded(version) == ""
    change(version)
    assert named in unrecorded(version)


def test_b10_evidence_hidden_by_hand_is_missed(light: Light) -> None:
    version = light.version()
    good = version.evidence.get()
    bad = light.report(version, p95=999.0)
    Evidence.objects.filter(pk=good.pk).update(supersedes=bad)
    assert f"evidence: entry {bad.log_index} of the log" in unrecorded(version)
    Evidence.objects.filter(pk=good.pk).update(supersedes=None)
    assert unrecorded(version) == ""
    execute("DELETE FROM governance_evidence WHERE id = %s", bad.pk)
    assert unrecorded(version) == f"evidence: entry {bad.log_index} of the log"


def test_b10_waiver_prolonged_by_hand_waives_nothing(light: Light) -> None:
    version = light.version()
    light.report(version, p95=500.0, supersedes=version.evidence.get())
    waive(light, version, light.team["compliance"])
    assert unrecorded(version) == ""
    with behind_the_guards():
        version.waivers.update(expires_at=database_now() + timedelta(days=900))
        assert unrecorded(version) == "waiver: criterion:R-1.1"


def test_b10_recall_taken_back_by_hand_is_missed(light: Light) -> None:
    developer, version = cast.acting(light.team["developer"]), light.version()
    made = lineage.register_dataset(light.project, name="Parts", personal_data="none", actor=developer)
    raw, derived = (
        lineage.register_dataset_version(made, digest="sha256:" + digit * 64, row_count=9, actor=developer)
        for digit in "12"
    )
    lineage.declare_dataset_use(version, dataset_version=derived, role="training", actor=developer)
    for data in (raw, derived):
        lineage.recall_dataset_version(data, reason="Wrong labels.", actor=cast.acting(light.team["compliance"]))
    assert unrecorded(version) == ""
    DatasetVersion.objects.update(recall_reason="", recalled_at=None)
    assert unrecorded(version).startswith("recall: Parts")


# --- Roles and rights -------------------------------------------------------------------------------


def add_a_role(light: Light, version: ModelVersion, user: User) -> None:
    """As old as the project, and in no entry."""
    row = Membership.objects.create(
        project=light.project, user=user, role="validator", granted_by=light.team["administrator"]
    )
    Membership.objects.filter(pk=row.pk).update(granted_at=version.submitted_at - timedelta(days=1))


def backdate_a_role(light: Light, version: ModelVersion, user: User) -> None:
    root = User.objects.get(username="root")
    row = people.grant_role(light.project, user=user, role="validator", actor=cast.acting(root))
    Membership.objects.filter(pk=row.pk).update(granted_at=version.submitted_at - timedelta(days=1))


def confirm_a_role(light: Light, version: ModelVersion, user: User) -> None:
    root = User.objects.get(username="root")
    row = people.grant_role(light.project, user=user, role="validator", actor=cast.acting(root))
    Membership.objects.filter(pk=row.pk).update(confirmed_at=database_now())


def revive_a_role(light: Light, version: ModelVersion, user: User) -> None:
    root = cast.acting(User.objects.get(username="root"))
    row = people.grant_role(light.project, user=user, role="validator", actor=root)
    people.end_role(row, reason="Moved on.", actor=root)
    Membership.objects.filter(pk=row.pk).update(ended_at=None)


@pytest.mark.parametrize(
    "change", [add_a_role, backdate_a_role, confirm_a_role, revive_a_role], ids=lambda change: change.__name__
)
def test_b10_role_unlike_the_log_signs_nothing(
    light: Light, organisation_administrator: User, change: Callable[[Light, ModelVersion, User], None]
) -> None:
    version = light.version()
    user = cast.make_person("mask", "Mask", by=organisation_administrator)
    change(light, version, user)
    with pytest.raises(NotPermitted) as caught:
        cast.sign(version, user, "validator")
    assert caught.value.code == "role_not_recorded"


def test_b10_role_changed_after_the_vote_takes_its_weight(light: Light) -> None:
    version = light.approve(light.version())
    assert judge(collect(version)).is_open
    Membership.objects.filter(user=light.team["validator"]).update(granted_at=database_now() - timedelta(days=9))
    assert not judge(collect(version)).is_open


def test_b10_giver_of_a_right_exchanged_by_hand_takes_the_votes_weight(light: Light) -> None:
    version, now = light.version(), database_now()
    given = {"starts_at": now - timedelta(minutes=1), "ends_at": now + timedelta(days=7), "reason": "On leave."}
    lent = delegations.delegate(
        light.project,
        to_user=light.team["auditor"],
        role="validator",
        password=cast.PASSWORD,
        actor=cast.acting(light.team["validator"]),
        **given,
    )
    cast.sign(version, light.team["auditor"], "validator", delegation=lent)
    light.sign(version, "approver")
    assert judge(collect(version)).is_open
    Delegation.objects.update(from_user=light.team["administrator"])
    assert not judge(collect(version)).is_open


# --- Releases ----------------------------------------------------------------------------------------


def end_by_the_next(light: Light, release: Release) -> None:
    light.promote(light.approve(light.version()))


def end_by_retirement(light: Light, release: Release) -> None:
    promotion.retire_version(release.version, reason="Old.", actor=cast.acting(light.team["approver"]))


@pytest.mark.parametrize("end", [end_by_the_next, end_by_retirement])
def test_b10_release_that_has_ended_permits_nothing_when_its_row_is_set_live_again(light, end):
    release = light.promote(light.approve(light.version()))
    assert permit_for(release.version, "production").code == "pending_seal"
    end(light, release)
    with behind_the_guards():
        execute("UPDATE governance_release SET ended_at = %s WHERE ended_at IS NULL", database_now())
        execute("UPDATE governance_release SET ended_at = NULL WHERE id = %s", release.pk)
    assert permit_for(release.version, "production").code == "not_recorded"


def test_b10_release_of_another_environment_ends_nothing_here(light):
    release = light.promote(light.approve(light.version()))
    propose_light(light.project, light.team, environment="staging")
    light.promote(light.approve(light.version(environment="staging")))
    assert permit_for(release.version, "production").code == "pending_seal"
