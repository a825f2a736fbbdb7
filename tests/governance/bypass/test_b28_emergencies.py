"""B28: the emergency does not become the normal way: it goes past no rejection, cannot be chained or cut short without
a finding, and nobody who had a part in it closes that."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from governance.actions import emergency, promotion, submission, withdrawal
from governance.actors import SYSTEM, Actor
from governance.auditlog import database_now
from governance.dossier import collect
from governance.exceptions import NotPermitted, TransitionNotAllowed
from governance.lifecycle import State
from governance.models import EmergencyRequest, FollowUp, ModelVersion, Release, User
from tests import cast
from tests.governance.light import Light, make_light, propose_light
from tests.governance.tampering import check
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db


@pytest.fixture
def light(organisation_administrator: User, keys: Path) -> Light:
    return make_light(organisation_administrator)


def ask(light: Light, version: ModelVersion) -> EmergencyRequest:
    given = {"reason": "Now.", "hours": 4, "password": cast.PASSWORD, "actor": cast.acting(light.team["approver"])}
    return emergency.ask_for_emergency(version, dossier_digest=collect(version).digest, **given)


def run(light: Light, version: ModelVersion) -> Release:
    """The emergency release of a version, asked for by the approver and confirmed by compliance."""
    given = {"password": cast.PASSWORD, "actor": cast.acting(light.team["compliance"])}
    return emergency.confirm_emergency(ask(light, version), dossier_digest=collect(version).digest, **given)


def run_out(release: Release) -> None:
    """Let the clock withdraw the release, as if its hours were over."""
    with behind_the_guards():
        Release.objects.filter(pk=release.pk).update(expires_at=database_now() - timedelta(seconds=1))
        withdrawal.withdraw_expired_release(release, actor=Actor(User.objects.system(), SYSTEM))


def state_of(version: ModelVersion) -> str:
    version.refresh_from_db()
    return version.state


def test_b28_rejection_during_an_emergency_ends_with_it_and_allows_no_second(light: Light) -> None:
    version = light.version()
    release = run(light, version)
    light.sign(version, "validator", "reject")
    run_out(release)
    with pytest.raises(TransitionNotAllowed) as caught:
        run(light, version)
    assert caught.value.code == "rejected"
    light.sign(version, "validator", "abstain")
    run(light, version)


def test_b28_emergency_over_is_over_though_the_version_runs_elsewhere(light: Light) -> None:
    propose_light(light.project, light.team, environment="staging")
    version = light.approve(light.version(environment="staging"))
    light.promote(version)
    submission.submit_version(version, actor=cast.acting(light.team["developer"]))
    run_out(run(light, version))
    assert state_of(version) == State.IN_REVIEW


def test_b28_emergency_that_gives_way_to_another_leaves_its_finding(light: Light) -> None:
    """Two versions in turns would otherwise run for ever, each for some hours, without one finding."""
    first, second = light.version(), light.version()
    for number, version in enumerate((first, second, first, second)):
        assert FollowUp.objects.count() == max(0, number - 1)
        run(light, version)
    assert FollowUp.objects.open().count() == 3
    assert check().problems == ()


def test_b28_emergency_ended_by_hand_leaves_its_finding(light: Light) -> None:
    retired, rolled_back = light.version(), light.version()
    run(light, retired)
    promotion.retire_version(retired, reason="Enough.", actor=cast.acting(light.team["approver"]))
    assert FollowUp.objects.get().version == retired
    light.promote(light.approve(light.version()))
    given = {"reason": "Enough.", "password": cast.PASSWORD, "actor": cast.acting(light.team["approver"])}
    promotion.roll_back(run(light, rolled_back), **given)
    assert FollowUp.objects.filter(version=rolled_back).count() == 1
    assert check().problems == ()


def test_b28_nobody_who_had_a_part_in_it_closes_the_finding(light: Light) -> None:
    run_out(run(light, light.version()))
    follow_up = FollowUp.objects.get()
    for who in ("approver", "compliance"):
        with pytest.raises(NotPermitted) as caught:
            withdrawal.close_follow_up(follow_up, reason="Fine.", actor=cast.acting(light.team[who]))
        assert caught.value.code == "duties_not_separate"
    withdrawal.close_follow_up(follow_up, reason="Looked into.", actor=cast.acting(light.team["validator"]))


def test_b28_who_did_not_fulfil_a_condition_does_not_close_the_finding(light: Light) -> None:
    version, owner = light.version(), light.team["administrator"]
    due = {"text": "Try it.", "owner": owner, "due_at": database_now() + timedelta(days=5)}
    light.sign(version, "validator", "approve_conditions", conditions=[due])
    light.sign(version, "approver")
    release = light.promote(version)
    FollowUp.objects.create(
        version=version, release=release, kind="condition_overdue", text="Late.", opened_at=database_now()
    )
    with pytest.raises(NotPermitted):
        withdrawal.close_follow_up(FollowUp.objects.get(), reason="Fine.", actor=cast.acting(owner))
    withdrawal.close_follow_up(FollowUp.objects.get(), reason="Seen.", actor=cast.acting(light.team["validator"]))
