"""What SQL does to releases, emergencies and what has to be followed up is named by verify_log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from governance import auditlog
from governance.actions import emergency, promotion, withdrawal
from governance.actors import SYSTEM, Actor
from governance.dossier import collect
from governance.models import EmergencyRequest, FollowUp, Release, RiskAssessment, User
from governance.signer import sign_once
from tests import cast
from tests.governance.light import make_light
from tests.governance.tampering import check
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db


@pytest.fixture
def light(organisation_administrator: Any, keys: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A rollback, an emergency that was over, one that was taken back, and a finding that was closed."""
    light = make_light(organisation_administrator)
    light.promote(light.approve(light.version()))
    second = light.promote(light.approve(light.version()))
    approver = cast.acting(light.team["approver"])
    promotion.roll_back(second, reason="It fails.", password=cast.PASSWORD, actor=approver)
    for number in range(2):
        version = light.version()
        given = {"dossier_digest": collect(version).digest, "password": cast.PASSWORD}
        asked = emergency.ask_for_emergency(version, reason="Fire.", hours=1, actor=approver, **given)
        if number:
            emergency.withdraw_emergency_request(asked, reason="Over.", actor=approver)
        else:
            release = emergency.confirm_emergency(asked, actor=cast.acting(light.team["compliance"]), **given)
    later = auditlog.database_now() + timedelta(minutes=61)
    with monkeypatch.context() as clock:
        clock.setattr(auditlog, "database_now", lambda: later)
        withdrawal.withdraw_expired_release(release, actor=Actor(User.objects.system(), SYSTEM))
        follow_up = FollowUp.objects.get()
        withdrawal.close_follow_up(follow_up, reason="Looked into.", actor=cast.acting(light.team["validator"]))
    return light


def problems() -> str:
    return "\n".join(problem.what for problem in check().problems)


def test_history_of_releases_is_whole(light: Any) -> None:
    assert problems() == ""
    sign_once()


@pytest.mark.parametrize(
    ("table", "changes", "words"),
    [
        (Release, {"kind": "regular"}, "its kind is"),
        (Release, {"expires_at": None}, "its expires at is"),
        (Release, {"findings": "[]"}, "its findings are not the recorded ones"),
        (EmergencyRequest, {"reason": "Nothing."}, "its reason is"),
        (EmergencyRequest, {"hours": 72}, "its hours is"),
        (EmergencyRequest, {"confirmed_by": None, "confirmed_at": None, "release": None}, "is not settled as recorded"),
        (FollowUp, {"closed_at": None, "closed_by": None}, "is not closed or open as recorded"),
        (FollowUp, {"closing_reason": "Nothing."}, "is not closed or open as recorded"),
        (RiskAssessment, {"answers": {}}, "its answers is"),
        (RiskAssessment, {"text": "x"}, "the questionnaire's text is not the recorded one"),
    ],
)
def test_row_changed_by_sql_is_named(light: Any, table: Any, changes: dict[str, Any], words: str) -> None:
    row: Any = (
        table.objects.order_by("pk").first() if table is EmergencyRequest else table.objects.order_by("pk").last()
    )
    if table is Release:
        row = Release.objects.get(kind="emergency")
    if "expires_at" in changes:
        changes = {"expires_at": row.expires_at + timedelta(hours=1)}
    with behind_the_guards():
        table.objects.filter(pk=row.pk).update(**changes)
        assert words in problems()


def test_finding_that_was_deleted_or_put_in_by_hand_is_named(light: Any) -> None:
    follow_up = FollowUp.objects.get()
    key = follow_up.pk
    with behind_the_guards():
        follow_up.delete()
        assert "is recorded here and gone" in problems()
        FollowUp.objects.create(
            pk=key + 5,
            version=follow_up.version,
            release=follow_up.release,
            kind="expired",
            text="x",
            opened_at=auditlog.database_now(),
        )
        assert "no entry records it" in problems()
