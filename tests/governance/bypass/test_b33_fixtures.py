"""B33: fixtures and data migrations write no decisions."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core import serializers
from django.core.management import call_command
from django.db import IntegrityError, transaction

from governance.append_only import GUARDS
from governance.models import LogHead
from tests.governance.log_history import History
from tests.governance.tampering import check

pytestmark = pytest.mark.django_db
MODELS = {model._meta.model_name: model for model in apps.get_app_config("governance").get_models()}
MIGRATIONS = Path(apps.get_app_config("governance").path) / "migrations"
# Before the guards stood: releases that had no end got one.
REWRITES = {"0005_sign_off_and_policy": {"Release"}}


def fixture_of(row: Any, **changes: Any) -> list[dict[str, Any]]:
    """A row as `dumpdata` writes it, changed and under a key of its own."""
    (written,) = json.loads(serializers.serialize("json", [row]))
    written["fields"] |= changes
    return [written]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_b33_no_fixture_of_ours_is_loaded(history: History, tmp_path: Path, name: str) -> None:
    """Neither as a new row nor over an old one."""
    row = MODELS[name]._base_manager.order_by("pk").first() or MODELS[name]()
    before = MODELS[name]._base_manager.count()
    for key in (row.pk, 987_654):
        content = fixture_of(row)
        content[0]["pk"] = key
        (tmp_path / "forged.json").write_text(json.dumps(content))
        with pytest.raises(IntegrityError, match="Countersign loads no fixtures"), transaction.atomic():
            call_command("loaddata", str(tmp_path / "forged.json"), verbosity=0)
    assert MODELS[name]._base_manager.count() == before
    assert check().problems == ()


def test_b33_forged_sign_off_entry_and_release_are_refused_together(history: History, tmp_path: Path) -> None:
    sign_off = history.open_version.sign_offs.first() or history.live.version.sign_offs.all()[0]
    entry = apps.get_model("governance", "AuditLogEntry").objects.get(pk=sign_off.log_index)
    size = LogHead.objects.get().size
    content = [
        *[item | {"pk": size} for item in fixture_of(entry)],
        *[item | {"pk": 5_000} for item in fixture_of(sign_off, decision="approve", log_index=size)],
        *[item | {"pk": 5_000} for item in fixture_of(history.live, environment="staging")],
    ]
    (tmp_path / "forged.json").write_text(json.dumps(content))
    with pytest.raises(IntegrityError, match="Countersign loads no fixtures"), transaction.atomic():
        call_command("loaddata", str(tmp_path / "forged.json"), verbosity=0)
    assert LogHead.objects.get().size == size
    assert check().problems == ()


def test_b33_script_that_deserialises_writes_nothing(history: History) -> None:
    written = json.dumps(fixture_of(history.live, environment="staging"))
    for item in serializers.deserialize("json", written):
        with pytest.raises(IntegrityError, match="Countersign loads no fixtures"), transaction.atomic():
            item.save()


def test_b33_no_migration_writes_what_is_guarded() -> None:
    guarded = {guard.table.removeprefix("governance_") for guard in GUARDS}
    names = {model.__name__ for key, model in MODELS.items() if key in guarded}
    read = 0
    for path in sorted(MIGRATIONS.glob("0*.py")):
        functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
        texts = {node.value for one in functions for node in ast.walk(one) if isinstance(node, ast.Constant)}
        spoken = {name for name in names for text in texts if isinstance(text, str) and name.lower() in text.lower()}
        spoken -= {"User"}
        assert spoken == REWRITES.get(path.stem, set()), path.name
        read += 1
    assert read >= 6
