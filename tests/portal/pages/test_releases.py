"""Pages about releases: what was in use when, going back, emergencies, and what has to be followed up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from governance import auditlog
from governance.actions import emergency, promotion, withdrawal
from governance.actors import SYSTEM, Actor
from governance.dossier import collect
from governance.models import EmergencyRequest, FollowUp, Release, User
from tests import cast
from tests.portal.pages.browsing import browse

pytestmark = pytest.mark.django_db


def promote(version: Any, approver: User) -> Release:
    return promotion.promote(
        version,
        environment="production",
        dossier_digest=collect(version).digest,
        password=cast.PASSWORD,
        actor=cast.acting(approver),
    )


@pytest.fixture
def released(ready_version: Any, signers: Any, approver: User) -> Release:
    cast.sign_by_all(ready_version, signers)
    return promote(ready_version, approver)


@pytest.fixture
def released_again(released: Release, model_with_go: Any, developer: User, signers: Any, approver: User) -> Release:
    second = cast.make_ready_version(model_with_go, developer=developer)
    cast.sign_by_all(second, signers)
    return promote(second, approver)


def test_what_was_in_use_is_exact_to_the_microsecond(released: Release, released_again: Release, auditor: User) -> None:
    browser = browse(auditor)
    now = browser.get(reverse("pages:in-use")).content.decode()
    assert str(released_again.version) in now
    assert f">{released.version}</a>" not in now
    released.refresh_from_db()
    a_moment = timedelta(microseconds=1)
    for at, was_running in (
        (released.started_at - a_moment, False),
        (released.started_at, True),
        (released.ended_at - a_moment, True),
        (released.ended_at, False),
    ):
        page = browser.get(reverse("pages:in-use"), {"at": at.strftime("%Y-%m-%dT%H:%M:%S.%f")}).content.decode()
        assert (f">{released.version}</a>" in page) is was_running, at
    long_ago = browser.get(reverse("pages:in-use"), {"at": "2020-01-01"}).content.decode()
    assert "Nothing was in use" in long_ago


def test_what_was_in_use_refuses_a_moment_that_is_none(auditor: User) -> None:
    page = browse(auditor).get(reverse("pages:in-use"), {"at": "yesterday"})
    assert page.status_code == 200
    assert "Nothing was in use" in page.content.decode()


def test_stranger_sees_no_release_of_another_project(released: Release, stranger: User) -> None:
    assert str(released.version) not in browse(stranger).get(reverse("pages:in-use")).content.decode()
    assert browse(stranger).get(reverse("pages:roll-back", args=[released.pk])).status_code == 404


def test_roll_back_puts_the_former_release_back(released: Release, released_again: Release, approver: User) -> None:
    browser, address = browse(approver), reverse("pages:roll-back", args=[released_again.pk])
    assert str(released.version) in browser.get(address).content.decode()
    refused = browser.post(address, {"reason": "It fails.", "password": "wrong"})
    assert refused.status_code == 403
    assert Release.objects.live().get().pk == released_again.pk
    done = browser.post(address, {"reason": "It fails.", "password": cast.PASSWORD})
    assert done.status_code == 302
    live = Release.objects.live().get()
    assert (live.version_id, live.kind, live.dossier_id) == (released.version_id, "rollback", released.dossier_id)


@pytest.mark.parametrize("who", ["developer", "validator", "auditor"])
def test_roll_back_is_for_approvers(
    who: str, released: Release, released_again: Release, request: pytest.FixtureRequest
) -> None:
    user = request.getfixturevalue(who)
    answer = browse(user).post(
        reverse("pages:roll-back", args=[released_again.pk]), {"reason": "x", "password": cast.PASSWORD}
    )
    assert answer.status_code == 403
    assert Release.objects.live().get().pk == released_again.pk


def test_emergency_takes_two_people_and_shows_on_the_home_page(
    ready_version: Any, approver: User, compliance: User
) -> None:
    digest = collect(ready_version).digest
    given = {"reason": "The old one fails.", "hours": 4, "dossier_digest": digest, "read_index": 0}
    asking = browse(approver).post(
        reverse("pages:emergency-new", args=[ready_version.pk]), given | {"password": cast.PASSWORD}
    )
    assert asking.status_code == 302
    asked = EmergencyRequest.objects.get()
    confirm = reverse("pages:emergency-confirm", args=[asked.pk])
    proof = {"dossier_digest": digest, "read_index": 0, "password": cast.PASSWORD}
    assert browse(approver).post(confirm, proof).status_code == 403
    assert not Release.objects.exists()
    assert "asks for an emergency promotion" in browse(compliance).get(reverse("pages:home")).content.decode()
    assert browse(compliance).post(confirm, proof).status_code == 302
    release = Release.objects.get()
    assert release.kind == "emergency"
    assert "emergency release is in use" in browse(approver).get(reverse("pages:home")).content.decode()
    assert "Emergency" in browse(approver).get(reverse("pages:in-use")).content.decode()


def test_more_hours_than_the_policy_allows_are_refused_and_nothing_is_lost(ready_version: Any, approver: User) -> None:
    digest = collect(ready_version).digest
    given = {"reason": "The old one fails.", "hours": 73, "dossier_digest": digest, "read_index": 0}
    page = browse(approver).post(
        reverse("pages:emergency-new", args=[ready_version.pk]), given | {"password": cast.PASSWORD}
    )
    assert page.status_code == 400
    assert "The old one fails." in page.content.decode()
    assert not EmergencyRequest.objects.exists()


def test_follow_up_is_closed_by_somebody_else_than_who_released(
    ready_version: Any, approver: User, compliance: User, validator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = collect(ready_version).digest
    asked = emergency.ask_for_emergency(
        ready_version,
        reason="Fire.",
        hours=1,
        dossier_digest=digest,
        password=cast.PASSWORD,
        actor=cast.acting(approver),
    )
    release = emergency.confirm_emergency(
        asked, dossier_digest=digest, password=cast.PASSWORD, actor=cast.acting(compliance)
    )
    later = auditlog.database_now() + timedelta(hours=2)
    with monkeypatch.context() as clock:
        clock.setattr(auditlog, "database_now", lambda: later)
        withdrawal.withdraw_expired_release(release, actor=Actor(User.objects.system(), SYSTEM))
    follow_up = FollowUp.objects.get()
    listed = browse(validator).get(reverse("pages:follow-ups")).content.decode()
    assert follow_up.text in listed
    close = reverse("pages:follow-up-close", args=[follow_up.pk])
    assert browse(compliance).post(close, {"reason": "Done."}).status_code == 403
    assert browse(validator).post(close, {"reason": "Root cause found."}).status_code == 302
    assert "Nothing to follow up" in browse(validator).get(reverse("pages:follow-ups")).content.decode()
    assert "Root cause found." in browse(validator).get(reverse("pages:follow-ups"), {"closed": "1"}).content.decode()
