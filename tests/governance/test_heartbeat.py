"""The sign of life: once on a day without anything else, sealed like everything, and silence beyond it is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from governance import log_state
from governance.actions.log import record_heartbeat
from governance.actors import API_TOKEN, COMMAND, SESSION, SYSTEM, Actor
from governance.exceptions import NotPermitted, TransitionNotAllowed
from governance.log_state import is_heartbeat_due
from governance.models import AuditLogEntry, Checkpoint, User
from governance.signer import sign_once
from tests.governance.log_history import note


def let_time_pass(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    monkeypatch.setattr("governance.auditlog.database_now", lambda: timezone.now() + by)


def count() -> int:
    return AuditLogEntry.objects.filter(type="log.heartbeat").count()


@pytest.mark.django_db
def test_empty_log_gives_no_sign_of_life() -> None:
    assert not is_heartbeat_due()
    call_command("sweep")
    assert AuditLogEntry.objects.count() == 0


def test_sweep_gives_one_a_day_and_none_while_others_write(writer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    call_command("sweep")
    assert count() == 0
    let_time_pass(monkeypatch, timedelta(hours=22, minutes=59))
    call_command("sweep")
    assert count() == 0
    let_time_pass(monkeypatch, timedelta(hours=23, seconds=1))
    for _ in range(3):
        call_command("sweep")
    assert count() == 1
    entry = AuditLogEntry.objects.get(type="log.heartbeat")
    assert (entry.actor.username, entry.index) == ("system", 1)
    let_time_pass(monkeypatch, timedelta(hours=40))
    note(writer)
    let_time_pass(monkeypatch, timedelta(hours=62))
    call_command("sweep")
    assert count() == 1
    let_time_pass(monkeypatch, timedelta(hours=64))
    call_command("sweep")
    assert count() == 2


def test_sign_of_life_makes_a_new_checkpoint(writer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_once()
    let_time_pass(monkeypatch, timedelta(hours=23, seconds=1))
    call_command("sweep")
    sign_once()
    assert list(Checkpoint.objects.order_by("size").values_list("size", flat=True)) == [1, 2]


def test_second_sweep_at_the_same_moment_finds_the_first_ones(writer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    let_time_pass(monkeypatch, timedelta(hours=24))
    system = Actor(User.objects.system(), SYSTEM)
    record_heartbeat(actor=system)
    with pytest.raises(TransitionNotAllowed):
        record_heartbeat(actor=system)
    monkeypatch.setattr("portal.management.commands.sweep.is_heartbeat_due", lambda: True)
    call_command("sweep")
    assert count() == 1


@pytest.mark.parametrize("door", [SESSION, API_TOKEN, COMMAND])
def test_nobody_else_gives_it(writer: User, monkeypatch: pytest.MonkeyPatch, door: str) -> None:
    monkeypatch.setattr(log_state, "HEARTBEAT", timedelta(0))
    with pytest.raises(NotPermitted):
        record_heartbeat(actor=Actor(writer, door))
    assert count() == 0
