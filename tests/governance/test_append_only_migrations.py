"""Migrations may rebuild and rewrite guarded tables; when `migrate` ends, every guard stands again.

A file of its own: rebuilding a table on SQLite needs a connection without an open transaction.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState

from governance import append_only
from governance.append_only import find_fallen
from governance.models import Release, SignOff, Waiver
from tests.guards import behind_the_guards


class Rebuild(migrations.Migration):
    """What a later migration may do to guarded tables."""

    operations = (
        migrations.RunPython(append_only.lift, append_only.lift),
        migrations.AddField("signoff", "mood", models.CharField(max_length=10, default="calm")),
        migrations.RunSQL("UPDATE governance_signoff SET mood = 'merry'"),
        migrations.AlterField("waiver", "gap", models.CharField(max_length=501)),
        migrations.RemoveField("release", "end_reason"),
    )


@pytest.mark.django_db(transaction=True)
def test_guards_survive_a_migration_that_rebuilds_and_rewrites_their_tables() -> None:
    before = ProjectState.from_apps(apps)
    step = Rebuild("rebuild", "governance")
    with connection.schema_editor(atomic=True) as editor:
        step.apply(before.clone(), editor)
    try:
        assert list(find_fallen(connection)) != []
        append_only.put_back()
        assert list(find_fallen(connection)) == []
    finally:
        with behind_the_guards(), connection.schema_editor(atomic=True) as editor:
            undo(editor)
        append_only.put_back()
    assert list(find_fallen(connection)) == []


def undo(editor: Any) -> None:
    """The tables as the models say again."""
    mood = models.CharField(max_length=10, default="calm")
    mood.set_attributes_from_name("mood")
    editor.remove_field(SignOff, mood)
    editor.add_field(Release, Release._meta.get_field("end_reason"))
    old = models.CharField(max_length=501)
    old.set_attributes_from_name("gap")
    editor.alter_field(Waiver, old, Waiver._meta.get_field("gap"))
