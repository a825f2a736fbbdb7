"""B24 and B25: time comes from the database, entries keep their order, and a moment without a zone is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest

from governance import auditlog
from governance.actions import waivers
from governance.exceptions import InvalidInput
from governance.models import AuditLogEntry
from tests import cast
from tests.governance.light import Light, make_light

pytestmark = pytest.mark.django_db


@pytest.fixture
def light(organisation_administrator: Any, keys: Any) -> Light:
    return make_light(organisation_administrator)


@pytest.mark.parametrize(
    ("jump", "is_said"),
    [
        (timedelta(hours=-1), True),
        (timedelta(days=-1), True),
        (timedelta(seconds=-30), True),
        (timedelta(seconds=-1), False),
        (timedelta(days=1), False),
    ],
)
def test_b24_clock_that_runs_backwards_is_said_and_changes_no_order(
    light: Light, monkeypatch: pytest.MonkeyPatch, jump: timedelta, is_said: bool
) -> None:
    before = AuditLogEntry.objects.latest("index")
    monkeypatch.setattr(auditlog, "database_now", lambda: before.at + jump)
    cast.assess(light.model, "low", by=light.team["developer"])
    entry = AuditLogEntry.objects.latest("index")
    assert entry.index == before.index + 1
    body = cast.read_body(entry)
    assert ("clock_regression" in body) is is_said
    if is_said:
        assert body["clock_regression"] == -jump.total_seconds()


def test_b24_no_signature_takes_its_time_from_the_signer(light: Light) -> None:
    version = light.version()
    started = auditlog.database_now()
    signed = light.sign(version, "validator")
    assert started <= signed.signed_at <= auditlog.database_now()
    with pytest.raises(TypeError):
        light.sign(version, "approver", signed_at=datetime(2020, 1, 1, tzinfo=UTC))


ZONES = sorted(available_timezones())[::24]
EDGES = (datetime(2027, 3, 28, 1, 30), datetime(2027, 10, 31, 1, 30), datetime(2026, 12, 31, 23, 59, 59))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("edge", EDGES)
def test_b25_an_end_is_an_instant_whatever_zone_it_is_written_in(zone: str, edge: datetime) -> None:
    """What is logged of an end in any zone is one instant; it comes back as the same one."""
    for fold in (0, 1):
        local = edge.replace(tzinfo=ZoneInfo(zone), fold=fold)
        assert datetime.fromisoformat(local.isoformat()) == local.astimezone(UTC)


def test_b25_moment_without_a_zone_is_refused(light: Light) -> None:
    version = light.version()
    for until in (datetime(2026, 12, 1), datetime.max.replace(tzinfo=None)):
        with pytest.raises(InvalidInput) as caught:
            waivers.grant_waiver(
                version,
                finding_key="criterion:R-1.1",
                reason="R.",
                expires_at=until,
                password=cast.PASSWORD,
                actor=cast.acting(light.team["compliance"]),
            )
        assert caught.value.field == "expires_at"


def test_b25_the_same_end_in_two_zones_is_accepted_or_refused_alike(light: Light) -> None:
    version = light.version()
    light.report(version, 300.0, title="Slow", supersedes=version.evidence.get())
    now = auditlog.database_now()
    for offset in (-12, 0, 14):
        too_late = (now + timedelta(days=60, minutes=1)).astimezone(timezone(timedelta(hours=offset)))
        with pytest.raises(InvalidInput):
            waivers.grant_waiver(
                version,
                finding_key="criterion:R-1.1",
                reason="R.",
                expires_at=too_late,
                password=cast.PASSWORD,
                actor=cast.acting(light.team["compliance"]),
            )
