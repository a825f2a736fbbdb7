"""Audits of a table in PostgreSQL from the command line. `make test-postgres` runs these on its server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection as django_connection

from audits.cli import main
from tests.audits.samples import SPEC, write

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(django_connection.vendor != "postgresql", reason="PostgreSQL: make test-postgres"),
]
ROWS = [("ab"[row % 2], str(row % 2), str(row // 2 % 2)) for row in range(120)]


@pytest.fixture
def address() -> Iterator[str]:
    """A table of predictions, and the address of its database."""
    given = django_connection.get_connection_params()
    names = {"dbname", "host", "port", "user", "password"}
    parts = {name: value for name, value in given.items() if name in names and value}
    with psycopg.connect(**parts, autocommit=True) as database:
        database.execute('DROP TABLE IF EXISTS "Predictions"')
        database.execute('CREATE TABLE "Predictions" ("group" text, y_true integer, y_pred integer)')
        with database.cursor() as cursor:
            cursor.executemany('INSERT INTO "Predictions" VALUES (%s, %s::text::integer, %s::text::integer)', ROWS)
        yield psycopg.conninfo.make_conninfo(**parts)
        database.execute('DROP TABLE "Predictions"')


def compute(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a command that works; its result."""
    out = folder / "out.json"
    assert main([*arguments, "--out", str(out)]) == 0
    result: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return result


def test_a_table_gives_the_numbers_of_its_rows_in_a_file(tmp_path: Path, address: str) -> None:
    write(tmp_path / "rows.csv", "group,y_true,y_pred\n" + "".join(f"{','.join(row)}\n" for row in ROWS))
    spec = str(write(tmp_path / "spec.json", json.dumps({**SPEC, "file": "rows.csv"})))
    here = compute(tmp_path, "bias", spec)
    there = compute(tmp_path, "bias", spec, "--sql", address, "--table", "Predictions")
    assert there["measures"] == here["measures"]
    assert there["data"]["file"] == "Predictions"
    assert there["passport"]["input"]["kind"] == "postgresql"
    counted = compute(tmp_path, "cells", spec, "--sql", address, "--table", "Predictions")
    assert counted["cells"] == here["cells"]["cells"]


def test_a_wrong_table_is_refused_in_one_line(tmp_path: Path, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    spec = str(write(tmp_path / "spec.json", json.dumps(SPEC)))
    assert main(["bias", spec, "--sql", address, "--table", "nothing"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("audits: nothing: ")
    assert said.count("\n") == 1
