"""What counting must not depend on: the order of rows, their parts, the names of groups."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.bias.audit import run_bias_audit
from audits.counting.cells import Cells
from audits.counting.reduction import reduce_to_cells
from audits.spec import check_spec
from audits.tables.frames import read_predictions
from tests.audits.counting.random_tables import COLUMNS, Row, make_rows, write_rows

SPECS: dict[str, dict[str, Any]] = {
    "binary": {
        "task": "binary",
        "columns": {"y_true": "y", "y_pred": "p", "y_score": "s", "weight": "w", "cluster": "u", "condition": "c"},
        "positive_label": "1",
        "labels": ["0", "1"],
        "sensitive": ["g", {"column": "age", "bins": [30, 50]}],
        "missing": "own_group",
    },
    "multiclass": {"task": "multiclass", "columns": {"y_true": "k", "y_pred": "l"}, "sensitive": ["g"],
                   "missing": "exclude"},
    "regression": {"task": "regression", "columns": {"y_true": "s", "y_pred": "t", "weight": "w"},
                   "sensitive": ["g"], "missing": "own_group"},
    "ranking": {"task": "ranking", "columns": {"y_score": "s", "y_true": "y", "query": "u"}, "top_k": 0.25,
                "positive_label": "1", "labels": ["0", "1"], "sensitive": ["g"], "missing": "own_group"},
}  # fmt: skip
SEEDS = st.integers(0, 10_000)
SIZES = st.integers(20, 90)


def reduce_paths(paths: list[Path], spec: dict[str, Any]) -> Cells:
    """Reduce one table in some files."""
    checked = check_spec(spec)
    return reduce_to_cells(read_predictions(paths, checked), checked)


def reduce_rows(folder: Path, rows: list[Row], spec: dict[str, Any]) -> Cells:
    return reduce_paths([write_rows(folder / "whole.csv", rows)], spec)


def flatten(cells: Cells) -> dict[str, Any]:
    """Return everything that must agree but the sums of a regression."""
    document = cells.to_json(scores=True)
    document.pop("errors", None)
    if cells.clusters is not None:
        columns = (cells.clusters.cluster, cells.clusters.cell, cells.clusters.count, cells.clusters.weight)
        document["clusters"] = [list(cells.clusters.names), *(column.tolist() for column in columns)]
    return document


def assert_same(first: Cells, second: Cells) -> None:
    """Compare two reductions: exactly, but for the sums of a regression, which round."""
    assert flatten(first) == flatten(second)
    assert (first.errors is None) == (second.errors is None)
    if first.errors is not None:
        assert first.errors.groups == second.errors.groups
        for name, column in first.errors.columns.items():
            assert second.errors.columns[name] == pytest.approx(column, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS, number=SIZES)
def test_the_order_of_rows_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, name: str, seed: int, number: int
) -> None:
    folder, rows = tmp_path_factory.mktemp("t"), make_rows(number, seed)
    mixed = random.Random(seed).sample(rows, len(rows))
    assert_same(reduce_rows(folder, rows, SPECS[name]), reduce_rows(folder, mixed, SPECS[name]))


@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS, number=SIZES, cuts=st.tuples(st.integers(1, 18), st.integers(1, 18)))
def test_parts_of_a_table_are_the_table(
    tmp_path_factory: pytest.TempPathFactory, name: str, seed: int, number: int, cuts: tuple[int, int]
) -> None:
    folder, rows = tmp_path_factory.mktemp("t"), make_rows(number, seed)
    low, high = sorted(cuts)
    parts = [rows[:low], rows[low:high], rows[high:]]
    paths = [write_rows(folder / f"{place}.csv", part) for place, part in enumerate(parts)]
    assert_same(reduce_paths(paths, SPECS[name]), reduce_rows(folder, rows, SPECS[name]))


@pytest.mark.parametrize("name", ["binary", "multiclass", "regression"])
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS)
def test_merging_parts_is_associative_and_commutative(
    tmp_path_factory: pytest.TempPathFactory, name: str, seed: int
) -> None:
    folder, rows = tmp_path_factory.mktemp("t"), make_rows(120, seed)
    a, b, c = (reduce_rows(folder, rows[start::3], SPECS[name]) for start in range(3))
    whole = reduce_rows(folder, rows, SPECS[name])
    for merged in (a.merge(b).merge(c), a.merge(b.merge(c)), c.merge(a).merge(b)):
        assert_same(merged, whole)


@settings(max_examples=4, deadline=None)
@given(seed=SEEDS, number=SIZES)
def test_other_names_of_groups_give_the_same_counts(
    tmp_path_factory: pytest.TempPathFactory, seed: int, number: int
) -> None:
    folder, rows = tmp_path_factory.mktemp("t"), make_rows(number, seed)
    names = {"a": "z'\"", "b": "NA", "\u00e9": "0"}
    place = COLUMNS.index("g")
    renamed = [(*row[:place], names.get(row[place], ""), *row[place + 1 :]) for row in rows]
    quoted = [tuple('"' + cell.replace('"', '""') + '"' if '"' in cell else cell for cell in row) for row in renamed]
    found = {name: reduce_rows(folder, some, SPECS["binary"]) for name, some in (("old", rows), ("new", quoted))}
    counts = {
        name: sorted((names.get(cell.group[0], cell.group[0]) if name == "old" else cell.group[0], *cell.group[1:],
                      cell.label, cell.prediction, cell.count, cell.weight) for cell in cells.rows)
        for name, cells in found.items()
    }  # fmt: skip
    assert counts["old"] == counts["new"]


@settings(max_examples=4, deadline=None)
@given(seed=SEEDS, number=SIZES)
def test_cells_survive_their_own_document(tmp_path_factory: pytest.TempPathFactory, seed: int, number: int) -> None:
    folder, rows = tmp_path_factory.mktemp("t"), make_rows(number, seed)
    for spec in SPECS.values():
        cells = reduce_rows(folder, rows, spec)
        document = json.loads(json.dumps(cells.to_json(scores=True)))
        copy = Cells.from_json(document)
        assert copy.rows == cells.rows
        assert copy.to_json(scores=True) == document
        if cells.condition is not None:
            assert copy.without_condition().rows == cells.without_condition().rows


def test_an_audit_of_parts_differs_only_in_its_passport(tmp_path: Path) -> None:
    rows = make_rows(120, seed=2)
    paths = [write_rows(tmp_path / f"{part}.csv", rows[40 * part : 40 * part + 40]) for part in range(3)]
    spec = {"task": "binary", "columns": {"y_true": "y", "y_pred": "p"}, "positive_label": "1", "sensitive": ["g"],
            "missing": "exclude"}  # fmt: skip
    whole = run_bias_audit(write_rows(tmp_path / "whole.csv", rows), spec)
    parts = run_bias_audit(paths, spec)
    assert len(parts["passport"]["input"]["parts"]) == 3
    for document in (whole, parts):
        document.pop("passport")
        document.pop("data")
    assert whole == parts
