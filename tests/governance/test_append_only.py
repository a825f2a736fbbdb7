"""The database itself refuses to change or delete what was recorded, and it is said when it no longer would."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from governance import append_only
from governance.append_only import GUARDS, check_guards, find_fallen
from governance.append_only_sql import Guard, drop_statement, read_triggers
from governance.log_verification import trusted_vkeys, verify
from governance.models import AuditLogEntry, LogHead, LogNode, Release, SignOff, User, Waiver
from tests.governance.log_history import History, note
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db
TABLES = {
    model._meta.db_table: model for model in apps.get_app_config("governance").get_models(include_auto_created=True)
}
# In the history no refusal is overruled and nobody but the signer seals: an empty table has no row to refuse.
EMPTY = {f"governance_{name}" for name in ("overrule", "cosignature", "timestamp", "revocationlist")}
GUARDED = [guard for guard in GUARDS if guard.table not in EMPTY]
LOCKED = [guard for guard in GUARDED if not guard.updates]


def table_of(guard: Guard) -> str:
    return guard.table


def execute(statement: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def another(field: models.Field[Any, Any], value: Any) -> Any:
    """A value of the field's kind that is not this one."""
    if isinstance(field, models.BinaryField):
        return bytes(value) + b"x"
    if isinstance(value, bool):
        return not value
    if isinstance(field, models.DateTimeField):
        return (value or timezone.now()) + timedelta(seconds=1)
    if isinstance(field, models.JSONField):
        return {"another": True}
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return f"{value[:60]}x"[: field.max_length or 61]
    return (value or 0) + 1


# --- What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("guard", GUARDED, ids=table_of)
def test_no_row_is_deleted(history: History, guard: Guard) -> None:
    with pytest.raises(IntegrityError, match=f"Countersign: DELETE of {guard.table} is refused"):
        execute(f"DELETE FROM {guard.table}")  # noqa: S608
    rows = TABLES[guard.table]._base_manager.all()
    with pytest.raises(IntegrityError), transaction.atomic():
        rows._raw_delete(rows.db)


@pytest.mark.parametrize("guard", LOCKED, ids=table_of)
def test_no_column_is_changed(history: History, guard: Guard) -> None:
    model = TABLES[guard.table]
    row = model._base_manager.order_by("-pk")[0]
    may_fill = {name.partition(":")[0] for name in guard.fill_once}
    tried = [field for field in model._meta.concrete_fields if field.column not in may_fill]
    for field in tried:
        change = {field.attname: another(field, getattr(row, field.attname))}
        with pytest.raises(IntegrityError, match=f"UPDATE of {guard.table} is refused"), transaction.atomic():
            model._base_manager.filter(pk=row.pk).update(**change)
    assert len(tried) > 1


def test_first_index_is_written_once(history: History) -> None:
    for model in (SignOff, Waiver, Release):
        row = model._base_manager.all()[0]
        with pytest.raises(IntegrityError), transaction.atomic():
            model._base_manager.filter(pk=row.pk).update(log_index=row.log_index + 1)
        with pytest.raises(IntegrityError), transaction.atomic():
            model._base_manager.filter(pk=row.pk).update(log_index=None)
        with behind_the_guards():
            model._base_manager.filter(pk=row.pk).update(log_index=None)
        assert model._base_manager.filter(pk=row.pk).update(log_index=row.log_index) == 1


def test_release_is_sealed_once_and_ends_once(history: History) -> None:
    live = Release.objects.filter(pk=history.live.pk)
    for change in ({"envelope": "{}"}, {"envelope": ""}, {"end_reason": "Because."}):
        with pytest.raises(IntegrityError), transaction.atomic():
            live.update(**change)
    assert live.update(ended_at=timezone.now(), end_reason="Retired.") == 1
    later: list[dict[str, Any]] = [{"ended_at": None}, {"ended_at": timezone.now()}, {"end_reason": "Otherwise."}]
    for change in later:
        with pytest.raises(IntegrityError), transaction.atomic():
            live.update(**change)


def test_saving_a_row_unchanged_is_no_change(history: History) -> None:
    history.live.save()
    history.root.save()


def test_people_are_changed_but_not_replaced(history: History) -> None:
    auditor, leaver = history.people["auditor"], User.objects.get(username="leaver")
    User.objects.filter(pk=auditor.pk).update(full_name="Aoife Married")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=auditor.pk).update(username=leaver.username)


# REPLACE is SQLite's word for it, ON CONFLICT that of both.
def replacements(guard: Guard) -> Iterator[str]:
    model = TABLES[guard.table]
    columns = ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields)
    key = f'"{model._meta.pk.column}"'
    texts = [field.column for field in model._meta.concrete_fields if isinstance(field, models.CharField)]
    again = f"INTO {guard.table} ({columns}) SELECT {columns} FROM {guard.table} WHERE true"  # noqa: S608
    if guard.updates:
        again += f" AND {key} = 1"
    if connection.vendor == "sqlite":
        yield f"INSERT OR REPLACE {again}"
        yield f"REPLACE {again}"
        yield f"UPDATE OR REPLACE {guard.table} SET {key} = {key} || {key}"  # noqa: S608
    if not guard.updates:
        changed = f"{texts[-1]} = 'x'" if texts else f"{key} = excluded.{key}"
        yield f"INSERT {again} ON CONFLICT ({key}) DO UPDATE SET {changed}"


@pytest.mark.parametrize("recursive", [True, False])
@pytest.mark.parametrize("guard", LOCKED, ids=table_of)
def test_no_row_is_replaced(history: History, guard: Guard, recursive: bool) -> None:
    """Not even on a connection of the attacker's own, which has SQLite's recursive triggers off."""
    with recursive_triggers(recursive):
        for statement in replacements(guard):
            with pytest.raises(IntegrityError, match="Countersign: "):
                execute(statement)


@pytest.mark.parametrize("recursive", [True, False])
def test_no_row_is_replaced_by_way_of_another_key(history: History, recursive: bool) -> None:
    """A new row that is in conflict with an old one by what both say, not by their keys."""
    verb = "INSERT OR REPLACE" if connection.vendor == "sqlite" else "INSERT"
    columns = ", ".join(f'"{field.column}"' for field in LogNode._meta.concrete_fields if not field.primary_key)
    before = LogNode.objects.count()
    with recursive_triggers(recursive), pytest.raises(IntegrityError):
        execute(f"{verb} INTO governance_lognode ({columns}) SELECT {columns} FROM governance_lognode")  # noqa: S608
    assert LogNode.objects.count() == before


@contextlib.contextmanager
def recursive_triggers(on: bool) -> Iterator[None]:
    if connection.vendor == "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA recursive_triggers = {on:d}")
        try:
            yield
        finally:
            cursor.execute("PRAGMA recursive_triggers = ON")


def test_nobody_empties_a_table(history: History) -> None:
    if connection.vendor == "postgresql":
        execute("SET CONSTRAINTS ALL IMMEDIATE")  # or PostgreSQL would refuse for a reason of its own
        for guard in GUARDS:
            with pytest.raises(IntegrityError, match=f"TRUNCATE of {guard.table} is refused"):
                execute(f"TRUNCATE {guard.table} CASCADE")
    with pytest.raises(CommandError, match="couldn't be flushed"), transaction.atomic():
        call_command("flush", interactive=False, verbosity=0)


def test_sqlite_fires_triggers_for_rows_that_replace_deletes() -> None:
    """As the portal connects; on PostgreSQL nothing deletes without its triggers."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA recursive_triggers")
            assert cursor.fetchone() == (1,)
    assert connection.vendor in settings.DATABASES["default"]["ENGINE"]


def test_log_goes_on_growing(history: History) -> None:
    before = LogHead.objects.get().size
    note(history.root, count=3)
    assert AuditLogEntry.objects.count() == before + 3


# --- Whether the triggers stand -------------------------------------------------------------------


def bring_down(table: str, event: str) -> str:
    """Drop one trigger as its owner would, and return its name."""
    (key,) = [key for key in read_triggers(connection) if key[0] == table and key[1].endswith(f"only_{event}")]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(drop_statement(connection, key))
    return key[1]


def test_all_stand_after_the_migrations() -> None:
    assert list(find_fallen(connection)) == []
    assert check_guards(databases=["default"]) == []
    assert len(read_triggers(connection)) >= 3 * len(LOCKED)


@pytest.mark.parametrize("table", [guard.table for guard in GUARDS])
def test_fallen_trigger_is_named_by_verify_log_and_by_check(history: History, table: str) -> None:
    name = bring_down(table, "delete")
    said = f"the trigger {name} that keeps {table} append-only is missing"
    assert list(find_fallen(connection)) == [said]
    (problem,) = verify(vkeys=trusted_vkeys()).problems
    assert (problem.index, problem.what) == (None, said)
    (warning,) = check_guards(databases=["default"])
    assert (warning.id, said in warning.msg) == ("governance.W001", True)


def test_what_was_changed_is_named_before_all_the_triggers_that_fell(history: History) -> None:
    append_only.remove(connection)
    release = Release.objects.order_by("pk")[0]
    Release.objects.filter(pk=release.pk).update(expires_at=release.expires_at + timedelta(days=1))
    found = verify(vkeys=trusted_vkeys())
    assert (found.first_index, f"release {release.pk}" in found.problems[0].what) == (release.log_index, True)
    assert len(found.problems) > len(GUARDS)
    assert all("append-only is missing" in problem.what for problem in found.problems[1:])


def test_trigger_that_does_something_else_is_named(history: History) -> None:
    name = bring_down("governance_signoff", "update")
    toothless = {
        "sqlite": f'CREATE TRIGGER "{name}" BEFORE UPDATE ON governance_signoff BEGIN SELECT 1; END',
        "postgresql": f'CREATE TRIGGER "{name}" BEFORE UPDATE ON governance_signoff FOR EACH ROW '
        "EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    }
    execute(toothless[connection.vendor])
    assert list(find_fallen(connection)) == [
        f"the trigger {name} that keeps governance_signoff append-only was changed or switched off"
    ]


def test_migrate_puts_back_what_fell(history: History) -> None:
    for guard in LOCKED:
        bring_down(guard.table, "update")
    append_only.put_back()
    assert list(find_fallen(connection)) == []
    assert append_only.install(connection) == 0
