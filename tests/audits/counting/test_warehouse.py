"""The reduction inside PostgreSQL equals the reduction of the same rows in a file.

`make test-postgres` runs these on its server; on SQLite there is nothing to ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection as django_connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audits.counting.cells import Cells
from audits.counting.reduction import reduce_to_cells
from audits.counting.warehouse import reduce_in_postgres
from audits.errors import BadInput
from audits.spec import check_spec
from audits.tables.frames import COMMAND_LINE_LIMITS, Limits, read_predictions
from audits.tables.limits import LIMITS
from tests.audits.counting.random_tables import COLUMNS, Row, make_rows, write_rows

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(django_connection.vendor != "postgresql", reason="PostgreSQL: make test-postgres"),
]

COUNTED: dict[str, Any] = {
    "task": "binary",
    "columns": {"y_true": "y", "y_pred": "p", "y_score": "s", "weight": "w", "cluster": "u", "id": "i"},
    "positive_label": "1",
    "sensitive": ["g", {"column": "age", "bins": [30, 50]}],
    "missing": "exclude",
}
SPECS: dict[str, dict[str, Any]] = {
    "binary": COUNTED,
    "conditions": {**COUNTED, "columns": {**COUNTED["columns"], "condition": "c"}, "missing": "own_group"},
    "multiclass": {"task": "multiclass", "columns": {"y_true": "k", "y_pred": "l"}, "sensitive": ["g"],
                   "missing": "own_group"},
    "regression": {"task": "regression", "columns": {"y_true": "s", "y_pred": "t", "weight": "w"},
                   "sensitive": ["g"], "missing": "exclude"},
    "scoring": {"task": "scoring", "columns": {"y_score": "s", "y_true": "y"}, "positive_label": "1",
                "sensitive": ["g"], "missing": "own_group"},
    "ranking": {"task": "ranking", "columns": {"y_score": "s", "query": "u", "condition": "c"}, "top_k": 0.3,
                "sensitive": ["g"], "missing": "own_group"},
    "one ranking": {"task": "ranking", "columns": {"y_score": "s"}, "top_k": 7, "sensitive": ["g"],
                    "missing": "own_group"},
}  # fmt: skip


class Warehouse:
    """A connection of its own to the test database, and the tables made through it."""

    def __init__(self, database: psycopg.Connection[Any]) -> None:
        self.database = database

    def put(self, name: str, rows: list[Row], columns: tuple[str, ...] = COLUMNS, **types: str) -> str:
        """Create a table of text (or of the types given) and return its name."""
        listed = ", ".join(f'"{column}" {types.get(column, "text")}' for column in columns)
        marks = ", ".join(f"CAST(%s::text AS {types.get(column, 'text')})" for column in columns)
        values = [
            tuple(None if not cell and column in types else cell for column, cell in zip(columns, row, strict=True))
            for row in rows
        ]
        with self.database.transaction():
            self.database.execute(f'DROP TABLE IF EXISTS "{name}"')
            self.database.execute(f'CREATE TABLE "{name}" ({listed})')
            with self.database.cursor() as cursor:
                cursor.executemany(f'INSERT INTO "{name}" VALUES ({marks})', values)  # noqa: S608
        return name

    def count(self, name: str, spec: dict[str, Any], **more: Any) -> Cells:
        """Reduce a table."""
        return reduce_in_postgres(self.database, name, check_spec(spec), **more)


@pytest.fixture
def warehouse(transactional_db: None) -> Iterator[Warehouse]:
    settings = django_connection.get_connection_params()
    wanted = {key: settings[key] for key in ("host", "port", "user", "password", "dbname") if settings.get(key)}
    with psycopg.connect(**wanted, autocommit=True) as database:
        yield Warehouse(database)
        for name in ("predictions", "people", 'odd "name"'):
            quoted = name.replace('"', '""')
            database.execute(f'DROP TABLE IF EXISTS "{quoted}"')


def reduce_rows(folder: Path, rows: list[Row], spec: dict[str, Any], limits: Limits = LIMITS) -> Cells:
    """Reduce the same rows from a file."""
    checked = check_spec(spec)
    file = read_predictions(write_rows(folder / "rows.csv", rows), checked)
    return reduce_to_cells(file, checked, limits=limits)


def assert_equal(found: Cells, expected: Cells) -> None:
    """Compare everything that cells hold."""
    errors = found.errors, expected.errors
    if expected.errors is not None:
        for group, summary in errors[1].summarise([0]).items():
            assert errors[0].summarise([0])[group].values == pytest.approx(dict(summary.values), abs=1e-9, nan_ok=True)
    documents = [cells.to_json(scores=True) for cells in (found, expected)]
    for document in documents:
        document.pop("errors", None)
    assert documents[0] == documents[1]
    clusters = found.clusters, expected.clusters
    if expected.clusters is not None:
        for name in ("cluster", "cell", "count", "weight"):
            assert getattr(clusters[0], name).tolist() == getattr(clusters[1], name).tolist()
        assert clusters[0].names == clusters[1].names


@pytest.mark.parametrize("name", SPECS)
def test_the_database_counts_what_a_file_counts(warehouse: Warehouse, tmp_path: Path, name: str) -> None:
    rows = make_rows(300, seed=11)
    warehouse.put("predictions", rows)
    assert_equal(warehouse.count("public.predictions", SPECS[name]), reduce_rows(tmp_path, rows, SPECS[name]))
    typed = {"age": "numeric", "y": "integer", "p": "smallint", "s": "double precision", "w": "double precision"}
    warehouse.put("predictions", rows, **typed)
    assert_equal(warehouse.count("predictions", SPECS[name]), reduce_rows(tmp_path, rows, SPECS[name]))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), number=st.integers(30, 80))
def test_any_rows_count_the_same(warehouse: Warehouse, tmp_path: Path, seed: int, number: int) -> None:
    rows = make_rows(number, seed)
    warehouse.put("predictions", rows)
    assert_equal(warehouse.count("predictions", COUNTED), reduce_rows(tmp_path, rows, COUNTED))


def test_many_scores_are_put_into_ranges_here_too(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = make_rows(400, seed=12)
    limits = Limits(exact_scores=100)
    warehouse.put("predictions", rows)
    found = warehouse.count("predictions", COUNTED, limits=limits)
    expected = reduce_rows(tmp_path, rows, COUNTED, limits)
    assert found.scores.resolution == expected.scores.resolution > 0
    assert found.scores.score == pytest.approx(expected.scores.score)
    assert found.scores.count.tolist() == expected.scores.count.tolist()


def test_sensitive_values_are_joined_from_another_table(warehouse: Warehouse) -> None:
    rows = [("1", "1", "1"), ("2", "0", "1")]
    spec = {"task": "binary", "columns": {"y_true": "y", "y_pred": "p", "id": "i"}, "positive_label": "1",
            "sensitive": [{"column": "race", "from": "sensitive_file"}],
            "sensitive_file": {"id": "person"}}  # fmt: skip
    warehouse.put("predictions", rows, ("i", "y", "p"), i="integer")
    warehouse.put("people", [("1", "x"), ("2", "y"), ("9", "y")], ("person", "race"), person="bigint")
    cells = warehouse.count("predictions", spec, sensitive="people")
    assert [(cell.group, cell.label, cell.prediction) for cell in cells.rows] == [(("x",), 1, 1), (("y",), 0, 1)]
    warehouse.put("people", [("1", "x"), ("1", "y")], ("person", "race"))
    with pytest.raises(BadInput, match="every row needs an id of its own; repeated: '1'") as caught:
        warehouse.count("predictions", spec, sensitive="people")
    assert caught.value.column == "person"
    warehouse.put("people", [("1", "x")], ("person", "race"))
    with pytest.raises(BadInput, match="1 rows have an id that the file with sensitive values lacks"):
        warehouse.count("predictions", spec, sensitive="people")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent", "there is no table 'absent'"),
        ("predictions; DROP TABLE predictions", "there is no table"),
        ('predictions" WHERE true --', "there is no table"),
        ("a.b.c", "is not the name of a table"),
        ("", "is not the name of a table"),
        ("predictions\x00", "is not the name of a table"),
    ],
)
def test_only_names_of_tables_are_tables(warehouse: Warehouse, name: str, words: str) -> None:
    warehouse.put("predictions", make_rows(5, seed=1))
    with pytest.raises(BadInput, match=words):
        warehouse.count(name, COUNTED)
    assert warehouse.database.execute("SELECT count(*) FROM predictions").fetchone() == (5,)


def test_odd_names_are_quoted(warehouse: Warehouse) -> None:
    columns = ('g"', "y", "p")
    with warehouse.database.transaction():
        warehouse.database.execute('CREATE TABLE "odd ""name""" ("g""" text, y int, p int)')
        warehouse.database.execute('INSERT INTO "odd ""name""" VALUES (\'a\', 1, 1)')
    spec = {**COUNTED, "columns": {"y_true": "y", "y_pred": "p"}, "sensitive": [columns[0]]}
    assert warehouse.count('odd "name"', spec).rows[0].group == ("a",)


@pytest.mark.parametrize(
    ("change", "types", "words", "column"),
    [
        (("w", "heavy"), {}, "a weight must be 0 or a number .*; found 'heavy'", "w"),
        (("w", "NaN"), {"w": "double precision"}, "a weight must be 0 or a number .*; found 'NaN'", "w"),
        (("s", "Infinity"), {"s": "double precision"}, "a score must be a finite number; found 'Infinity'", "s"),
        (("s", "1e999"), {}, "PostgreSQL cannot count", None),
        (("y", ""), {}, "the label is empty", "y"),
        (("y", "2"), {}, "the file has 3: '0', '1', '2'", "y, p"),
        (("age", "old"), {}, "a column with bins must hold numbers; found 'old'", "age"),
        (("i", ""), {}, "the id is empty", "i"),
        (("i", "id 1"), {}, "repeated: 'id 1'", "i"),
    ],
)
def test_bad_values_are_named(
    warehouse: Warehouse, change: tuple[str, str], types: dict[str, str], words: str, column: str | None
) -> None:
    rows = [list(row) for row in make_rows(20, seed=3)]
    rows[4][COLUMNS.index(change[0])] = change[1]
    warehouse.put("predictions", [tuple(row) for row in rows], **types)
    with pytest.raises(BadInput, match=words) as caught:
        warehouse.count("predictions", COUNTED)
    assert caught.value.column == column


def test_nothing_can_be_written_while_counting(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.put("predictions", make_rows(5, seed=1))
    monkeypatch.setattr(
        "audits.counting.warehouse.find_table", lambda database, *rest: database.execute("DROP TABLE predictions")
    )
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        warehouse.count("predictions", COUNTED)
    assert warehouse.database.execute("SELECT count(*) FROM predictions").fetchone() == (5,)


def test_columns_that_are_absent_or_nested_are_named(warehouse: Warehouse) -> None:
    warehouse.put("predictions", [("{1}", "1", "1")], ("g", "y", "p"), g="int[]")
    spec = {**COUNTED, "columns": {"y_true": "y", "y_pred": "p"}, "sensitive": ["g"]}
    with pytest.raises(BadInput, match="only plain values are read") as caught:
        warehouse.count("predictions", spec)
    assert caught.value.column == "g"
    with pytest.raises(BadInput, match="not in the file") as caught:
        warehouse.count("predictions", {**spec, "sensitive": ["sex"]}, limits=COMMAND_LINE_LIMITS)
    assert caught.value.column == "sex"
