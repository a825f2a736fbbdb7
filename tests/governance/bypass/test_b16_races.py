"""B16: however many promote at once, exactly one wins, and a refusal that came first is never passed over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connections

from governance.actions import promotion
from governance.dossier import collect
from governance.exceptions import GovernanceError
from governance.models import AuditLogEntry, ModelVersion, Release
from governance.signer import sign_once
from tests import cast
from tests.governance.light import Light, make_light

AT_ONCE = 50
ROUNDS = 20


@pytest.fixture
def light(transactional_db: None, organisation_administrator: Any, keys: Any) -> Light:
    return make_light(organisation_administrator)


def run_at_once(acts: list[Callable[[], object]]) -> list[str]:
    """Start every act at the same moment, each in a thread with a connection of its own; return how each ended."""
    barrier, outcomes = threading.Barrier(len(acts)), []

    def race(act: Callable[[], object]) -> None:
        try:
            barrier.wait()
            act()
            outcomes.append("done")
        except GovernanceError as error:
            outcomes.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=race, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def race_once(light: Light) -> None:
    version = light.approve(light.version())
    sign_once()
    before = AuditLogEntry.objects.count()
    digest = collect(version).digest

    def promote() -> object:
        return promotion.promote(
            version,
            environment="production",
            dossier_digest=digest,
            password=cast.PASSWORD,
            actor=cast.acting(light.team["approver"]),
        )

    outcomes = run_at_once([promote] * AT_ONCE)
    assert outcomes == ["done"] + ["transition_not_allowed"] * (AT_ONCE - 1)
    assert Release.objects.live().get().version_id == version.pk
    # One promotion, and one entry of its refusal for everybody else.
    assert AuditLogEntry.objects.count() == before + AT_ONCE
    made = AuditLogEntry.objects.filter(index__gte=before, type="version.promoted")
    assert made.count() == 1
    assert made.get().index == before


def test_b16_fifty_promotions_at_once_have_one_winner(light: Light) -> None:
    for _round in range(ROUNDS):
        race_once(light)


@pytest.mark.soak
def test_b16_fifty_promotions_at_once_have_one_winner_200_times(light: Light) -> None:
    for _round in range(10 * ROUNDS):
        race_once(light)


def test_b16_promotion_and_refusal_at_once_never_both_count(light: Light) -> None:
    """Whichever is logged first stands: no promotion whose entry has a refusal of the same dossier before it."""
    for _round in range(ROUNDS):
        version = light.approve(light.version())
        sign_once()
        outcomes = run_at_once([partial(light.promote, version), partial(light.sign, version, "validator", "reject")])
        assert "done" in outcomes
        entries = AuditLogEntry.objects.about("version", version.pk)
        promoted = entries.filter(type="version.promoted").values_list("index", flat=True).first()
        refused = entries.filter(type="sign_off.given").order_by("-index").first()
        decision = cast.read_body(refused)["data"]["decision"]
        if promoted is not None:
            assert decision == "approve" or refused.index > promoted
        else:
            assert ModelVersion.objects.get(pk=version.pk).state == "REJECTED"
