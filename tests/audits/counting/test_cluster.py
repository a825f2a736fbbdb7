"""The reduction on a real Dask cluster of two worker processes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audits.counting.cluster import reduce_on_cluster
from audits.counting.reduction import reduce_to_cells
from audits.errors import BadInput
from audits.spec import check_spec
from audits.tables.frames import COMMAND_LINE_LIMITS, Limits, read_predictions
from tests.audits.counting.random_tables import COLUMNS, make_rows, write_rows

distributed = pytest.importorskip("distributed")

SPEC: dict[str, Any] = {
    "task": "binary",
    "columns": {"y_true": "y", "y_pred": "p", "y_score": "s", "weight": "w", "cluster": "u", "id": "i"},
    "positive_label": "1",
    "sensitive": ["g", {"column": "age", "bins": [30, 50]}],
    "missing": "exclude",
}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two worker processes on loopback, without a dashboard."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its sockets are closed by its own loop, later
        with (
            distributed.LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                host="127.0.0.1",
                silence_logs=logging.CRITICAL,
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client


def test_a_cluster_counts_what_one_machine_counts(client: Any, tmp_path: Path) -> None:
    rows = make_rows(400, seed=5)
    paths = [write_rows(tmp_path / f"{part}.csv", rows[part::4]) for part in range(4)]
    pids = client.run(lambda: __import__("os").getpid())
    assert len(set(pids.values())) == 2

    def check(spec: dict[str, Any], limits: Limits = COMMAND_LINE_LIMITS) -> None:
        """Compare the cluster's cells with those of one pass over the same parts."""
        given = {**spec, "file": [path.name for path in paths]}
        checked = check_spec(given)
        file = read_predictions(paths, checked, limits=limits)
        alone = reduce_to_cells(file, checked, limits=limits)
        found = reduce_on_cluster(client, given, tmp_path, limits=limits)
        assert found.cells.to_json(scores=True) == alone.to_json(scores=True)
        assert list(found.parts) == file.describe()
        if alone.clusters is not None:
            assert found.cells.clusters.names == alone.clusters.names
            assert found.cells.clusters.weight.tolist() == alone.clusters.weight.tolist()

    check(SPEC)
    check({**SPEC, "missing": "own_group", "columns": {**SPEC["columns"], "condition": "c"}})
    check({"task": "multiclass", "columns": {"y_true": "k", "y_pred": "l"}, "sensitive": ["g"], "missing": "exclude"})
    check({"task": "scoring", "columns": {"y_score": "s"}, "sensitive": ["g"], "missing": "own_group"})
    few = Limits(exact_scores=300)
    given = {**SPEC, "file": [path.name for path in paths]}
    binned = reduce_on_cluster(client, given, tmp_path, limits=few).cells
    assert binned.scores.resolution > 0
    assert binned.rows == reduce_on_cluster(client, given, tmp_path).cells.rows


def test_regression_on_a_cluster(client: Any, tmp_path: Path) -> None:
    rows = make_rows(200, seed=6)
    paths = [write_rows(tmp_path / f"{part}.csv", rows[part::2]) for part in range(2)]
    spec = {"task": "regression", "columns": {"y_true": "s", "y_pred": "t", "weight": "w"}, "sensitive": ["g"],
            "missing": "own_group", "file": [path.name for path in paths]}  # fmt: skip
    checked = check_spec(spec)
    alone = reduce_to_cells(read_predictions(paths, checked), checked)
    found = reduce_on_cluster(client, spec, tmp_path).cells
    assert found.rows == alone.rows
    for group, summary in alone.errors.summarise([0]).items():
        assert found.errors.summarise([0])[group].values == pytest.approx(dict(summary.values), abs=1e-9)


def test_a_fault_on_a_worker_comes_back_with_part_and_row(client: Any, tmp_path: Path) -> None:
    rows = make_rows(40, seed=7)
    paths = [write_rows(tmp_path / f"{part}.csv", rows[part::2]) for part in range(2)]
    spec = {**SPEC, "file": [path.name for path in paths]}
    rows[3] = (*rows[3][: COLUMNS.index("w")], "heavy", *rows[3][COLUMNS.index("w") + 1 :])
    write_rows(paths[1], rows[1::2])
    with pytest.raises(BadInput, match=r"found 'heavy' \(in 1.csv\)") as caught:
        reduce_on_cluster(client, spec, tmp_path)
    assert (caught.value.column, caught.value.row, caught.value.line) == ("w", 2, 3)
    write_rows(paths[1], rows[0::2])
    with pytest.raises(BadInput, match=r"every row needs an id of its own; repeated: .* \(in 1.csv\)"):
        reduce_on_cluster(client, spec, tmp_path)
    with pytest.raises(BadInput, match="the positive label '2' never occurs"):
        reduce_on_cluster(client, {**spec, "positive_label": "2", "file": ["0.csv"]}, tmp_path)
    with pytest.raises(BadInput, match="the first k of a ranking"):
        reduce_on_cluster(
            client, {"task": "ranking", "columns": {"y_score": "s"}, "sensitive": ["g"], "top_k": 3}, tmp_path
        )


def test_parts_without_rows_are_no_fault(client: Any, tmp_path: Path) -> None:
    table = pa.table({"g": ["a", "b"], "y": [1, 0], "p": [1, 1]})
    pq.write_table(table, tmp_path / "0.parquet")
    pq.write_table(table.slice(0, 0), tmp_path / "1.parquet")
    spec = {"task": "binary", "columns": {"y_true": "y", "y_pred": "p"}, "positive_label": "1", "sensitive": ["g"],
            "file": ["0.parquet", "1.parquet"]}  # fmt: skip
    assert reduce_on_cluster(client, spec, tmp_path).cells.rows_used == 2
    checked = check_spec(spec)
    paths = [tmp_path / "0.parquet", tmp_path / "1.parquet"]
    assert reduce_to_cells(read_predictions(paths, checked), checked).rows_used == 2
