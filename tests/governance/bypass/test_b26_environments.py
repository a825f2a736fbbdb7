"""B26: neither rollback nor another environment is a way round a policy: what ran out, what was judged by another
policy, and what the log does not know of puts nothing back and counts for nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from governance.actions import emergency, people, promotion, signoff, submission
from governance.actions.policies import propose_policy
from governance.auditlog import database_now
from governance.dossier import collect, keep
from governance.exceptions import GateClosed, IntegrityBroken, TransitionNotAllowed
from governance.models import Condition, Membership, ModelVersion, Release, User
from governance.policy_fit import next_number
from tests import cast
from tests.governance.light import POLICY, Light, make_light, propose_light
from tests.governance.policy_texts import adopt

pytestmark = pytest.mark.django_db


@pytest.fixture
def light(organisation_administrator: User, keys: Path) -> Light:
    return make_light(organisation_administrator)


def released(light: Light, **given: Any) -> Release:
    return light.promote(light.approve(light.version(**given)))


def roll_back(light: Light, release: Release) -> Release:
    given = {"reason": "It fails.", "password": cast.PASSWORD, "actor": cast.acting(light.team["approver"])}
    return promotion.roll_back(release, **given)


def insert(light: Light, version: ModelVersion, environment: str, **given: Any) -> Release:
    """A release as somebody with the database would write it, over and done with."""
    now = database_now()
    return Release.objects.create(
        model=version.model,
        version=version,
        environment=environment,
        dossier=keep(collect(version)),
        promoted_by=light.team["approver"],
        **{"started_at": now, "ended_at": now, "expires_at": now + timedelta(days=9), "statement": "{}"} | given,
    )


def test_b26_rollback_to_what_has_run_out_is_refused_and_ends_nothing(light: Light) -> None:
    version = light.version()
    due = {"text": "Try it.", "owner": light.team["developer"], "due_at": database_now() + timedelta(days=5)}
    light.sign(version, "validator", "approve_conditions", conditions=[due])
    light.sign(version, "approver")
    former = light.promote(version)
    live = released(light)
    given = {"how": "Tried.", "password": cast.PASSWORD, "actor": cast.acting(light.team["validator"])}
    signoff.fulfil_condition(Condition.objects.get(), **given)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(promotion, "lasts_until", lambda dossier: dossier.as_of)
        with pytest.raises(TransitionNotAllowed) as caught:
            roll_back(light, live)
    assert caught.value.code == "former_release_expired"
    assert list(Release.objects.live()) == [live]
    assert roll_back(light, live).version == former.version


def test_b26_rollback_is_judged_by_a_policy_of_its_own_environment(
    light: Light, organisation_administrator: User
) -> None:
    """Production wants two validators. A version that was put before one for a sandbox as well still does."""
    second = cast.make_member("vera", "Vera Lund", light.project, "validator", by=organisation_administrator)
    propose_light(light.project, light.team, environment="sandbox")
    stricter = POLICY.format(number=next_number(light.project, "low", "production"), environment="production", more="")
    proposed = propose_policy(
        light.project,
        risk_tier="low",
        environment="production",
        text=stricter.replace("validator, count: 1", "validator, count: 2"),
        reason="Two.",
        actor=cast.acting(light.team["compliance"]),
    )
    adopt(proposed, by=light.team["administrator"])

    def release() -> Release:
        version = light.version()
        cast.sign(version, second, "validator")
        return light.promote(light.approve(version))

    former = release()
    submission.submit_version(former.version, environment="sandbox", actor=cast.acting(light.team["developer"]))
    light.promote(light.approve(ModelVersion.objects.get(pk=former.version_id)))
    live = release()
    dismissed = Membership.objects.get(user=second)
    people.end_role(dismissed, reason="Forged.", for_cause=True, actor=cast.acting(organisation_administrator))
    with pytest.raises(GateClosed) as caught:
        roll_back(light, live)
    assert [finding.key for finding in caught.value.findings] == ["sign_off:validator:1"]


def test_b26_rollback_to_a_release_that_the_log_does_not_know_is_refused(light: Light) -> None:
    propose_light(light.project, light.team, environment="staging")
    live = released(light)
    staged = released(light, environment="staging")
    insert(light, staged.version, "production", started_at=live.started_at - timedelta(days=1))
    with pytest.raises(IntegrityBroken):
        roll_back(light, live)
    assert Release.objects.live().get(environment="production") == live


def test_b26_emergency_is_no_release_that_comes_before_another(light: Light) -> None:
    propose_light(light.project, light.team, environment="staging")
    propose_light(light.project, light.team, more="after: [staging]")
    version = light.version(environment="staging")
    given = {"dossier_digest": collect(version).digest, "password": cast.PASSWORD}
    asked = emergency.ask_for_emergency(
        version, reason="Now.", hours=4, actor=cast.acting(light.team["approver"]), **given
    )
    running = emergency.confirm_emergency(asked, actor=cast.acting(light.team["compliance"]), **given)
    live = released(light, environment="staging")
    assert live.version != running.version
    light.sign(version, "validator", "request_changes")
    version.refresh_from_db()
    submission.submit_version(version, actor=cast.acting(light.team["developer"]))
    light.approve(version)
    with pytest.raises(TransitionNotAllowed, match="staging"):
        light.promote(version)


def test_b26_release_that_the_log_does_not_know_comes_before_nothing(light: Light) -> None:
    propose_light(light.project, light.team, environment="staging")
    propose_light(light.project, light.team, more="after: [staging]")
    version = light.approve(light.version())
    insert(light, version, "staging")
    with pytest.raises(TransitionNotAllowed, match="staging"):
        light.promote(version)
