"""Every action logs exactly one entry when it succeeds and none when it refuses.

The actions are found, not listed: a new one without a scenario here fails.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps

from governance import actions
from governance.exceptions import GovernanceError, NotPermitted
from governance.models import AuditLogEntry, ComplianceReport, Evaluation
from tests import cast
from tests.governance.scenarios import frameworks, office, records, signing
from tests.governance.scenarios.stage import SCENARIOS, Stage

pytestmark = pytest.mark.django_db
# Each of these puts its scenarios into SCENARIOS when it is imported.
TOLD = (frameworks, office, records, signing)


def find_actions() -> dict[str, Callable[..., Any]]:
    found = {}
    for info in pkgutil.iter_modules(actions.__path__):
        module = importlib.import_module(f"governance.actions.{info.name}")
        for name, function in vars(module).items():
            is_own = inspect.isfunction(function) and inspect.unwrap(function).__module__ == module.__name__
            if is_own and "actor" in inspect.signature(function).parameters and not name.startswith("_"):
                found[name] = function
    return found


ACTIONS = find_actions()
# What everybody may do to their own account.
ONES_OWN = {"create_token", "change_password", "add_totp", "add_passkey"}
# Whose refusals are recorded: they are known by what ``record_refusal`` put around them.
SIGNATURES = {name for name, action in ACTIONS.items() if "refusals" in action.__code__.co_filename}
LOG_TABLES = {"AuditLogEntry", "LogSubject", "LogNode"}
COUNTED = [model for model in apps.get_app_config("governance").get_models() if model.__name__ != "StoredFile"]


def count_rows() -> dict[str, int]:
    return {model.__name__: model._default_manager.count() for model in COUNTED}


def test_every_action_has_a_scenario():
    assert sorted(ACTIONS) == sorted(SCENARIOS)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_action_logs_exactly_one_entry(request, name):
    who, type, prepare = SCENARIOS[name]
    stage = Stage(request)
    actor = stage.actor(who)
    act = prepare(stage)
    before = AuditLogEntry.objects.count()
    act(actor)
    added = list(AuditLogEntry.objects.filter(index__gte=before))
    assert [entry.type for entry in added] == [type]
    assert cast.read_body(added[0])["actor"]["id"] == actor.user.pk


@pytest.mark.parametrize(
    "name", sorted(set(SCENARIOS) - {"create_token", "change_password", "add_totp", "add_passkey"})
)
def test_action_refused_to_the_stranger_leaves_no_trace(request, name):
    """Of a signature, the refusal is itself recorded, and nothing else."""
    _who, _type, prepare = SCENARIOS[name]
    stage = Stage(request)
    act = prepare(stage)
    stranger = cast.acting(stage.stranger)
    before, size = count_rows(), AuditLogEntry.objects.count()
    with pytest.raises(NotPermitted):
        act(stranger)
    assert {table: count for table, count in count_rows().items() if table not in LOG_TABLES} == {
        table: count for table, count in before.items() if table not in LOG_TABLES
    }
    added = list(AuditLogEntry.objects.filter(index__gte=size).values_list("type", flat=True))
    assert len(added) == (name in SIGNATURES)
    assert all(type.endswith(".refused") for type in added)


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - {"create_user", "create_project", "create_token"}))
def test_action_that_fails_after_writing_leaves_nothing(request, name, monkeypatch):
    """The entry is part of the change: when it cannot be written, the change does not exist."""
    who, _type, prepare = SCENARIOS[name]
    stage = Stage(request)
    actor = stage.actor(who)
    act = prepare(stage)
    before = count_rows()

    def refuse(*_args: Any, **_given: Any) -> None:
        raise GovernanceError("the log cannot be written")

    monkeypatch.setattr("governance.auditlog.append", refuse)
    with pytest.raises(GovernanceError, match="the log cannot be written"):
        act(actor)
    assert count_rows() == before
    assert not Evaluation.objects.filter(status="RUNNING").exists()
    assert not ComplianceReport.objects.filter(status="RUNNING").exists()
