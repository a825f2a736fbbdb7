"""Every task reduced from a file, against counts made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audits.bias.audit import run_bias_audit
from audits.counting.cells import Cells, LeftOut
from audits.counting.reduction import reduce_to_cells
from audits.errors import BadInput
from audits.spec import check_spec
from audits.tables.frames import Limits, read_predictions
from tests.audits.samples import SPEC, reduce_file, reduce_text, write

REGRESSION: dict[str, Any] = {
    "task": "regression",
    "columns": {"y_true": "t", "y_pred": "p"},
    "sensitive": ["g"],
}
RANKING: dict[str, Any] = {
    "task": "ranking",
    "columns": {"y_score": "s", "y_true": "y"},
    "positive_label": "1",
    "sensitive": ["g"],
    "top_k": 2,
}


def reduce_with(folder: Path, content: str, spec: dict[str, Any], **more: Any) -> Cells:
    """Reduce the content of a CSV file; `more` goes to the reduction."""
    checked = check_spec(spec)
    return reduce_to_cells(read_predictions(write(folder / "t.csv", content), checked), checked, **more)


def count(cells: Cells) -> dict[tuple[Any, ...], int]:
    """Return (group..., label, prediction) -> rows."""
    return {(*cell.group, cell.label, cell.prediction): cell.count for cell in cells.rows}


def test_multiclass_cells_index_the_classes(tmp_path: Path) -> None:
    content = "g,y,p\na,low,mid\na,low,low\nb,high,low\nb,high,low\n"
    spec = {"task": "multiclass", "columns": {"y_true": "y", "y_pred": "p"}, "sensitive": ["g"]}
    found = reduce_with(tmp_path, content, spec)
    assert found.classes == ("high", "low", "mid")
    assert count(found) == {("a", 1, 1): 1, ("a", 1, 2): 1, ("b", 0, 1): 2}
    declared = reduce_with(tmp_path, content, {**spec, "labels": ["low", "mid", "high"]})
    assert declared.classes == ("low", "mid", "high")
    assert count(declared) == {("a", 0, 0): 1, ("a", 0, 1): 1, ("b", 2, 0): 2}
    assert Cells.from_json(declared.to_json()) == declared
    with pytest.raises(BadInput, match="not one of 'low', 'high': 'mid'") as caught:
        reduce_with(tmp_path, content, {**spec, "labels": ["low", "high"]})
    assert (caught.value.column, caught.value.row) == ("p", 1)


def test_merged_parts_with_other_classes_agree_with_the_whole(tmp_path: Path) -> None:
    spec = {"task": "multiclass", "columns": {"y_true": "y", "y_pred": "p"}, "sensitive": ["g"]}
    first, second = "a,low,mid\na,low,low\n", "b,high,low\na,mid,high\n"
    parts = [reduce_with(tmp_path, "g,y,p\n" + rows, spec) for rows in (first, second)]
    whole = reduce_with(tmp_path, "g,y,p\n" + first + second, spec)
    assert parts[0].merge(parts[1]) == parts[1].merge(parts[0]) == whole


def test_regression_errors_are_those_of_the_rows(tmp_path: Path) -> None:
    rows = [("a", 1.0, 1.5), ("a", 2.0, 1.0), ("b", 1e9, 1e9 + 2), ("b", 1e9 + 1, 1e9), ("b", 1e9 + 4, 1e9 + 4)]
    content = "g,t,p\n" + "".join(f"{g},{t!r},{p!r}\n" for g, t, p in rows)
    cells = reduce_with(tmp_path, content, REGRESSION)
    assert count(cells) == {("a", -1, -1): 2, ("b", -1, -1): 3}
    summary = cells.errors.summarise([0])[("b",)].values
    truth, predicted = (np.array([row[place] for row in rows if row[0] == "b"]) for place in (1, 2))
    error = predicted - truth
    assert summary["mse"] == pytest.approx((error**2).mean(), abs=1e-9)
    assert summary["mae"] == pytest.approx(np.abs(error).mean(), abs=1e-9)
    assert summary["r2"] == pytest.approx(1 - (error**2).sum() / ((truth - truth.mean()) ** 2).sum(), abs=1e-9)


@pytest.mark.parametrize(
    ("cells", "words", "column", "row"),
    [
        (("1,2", "x,2"), "a true value must be a finite number; found 'x'", "t", 2),
        (("1,nan", "1,2"), "a predicted value must be a finite number; found 'nan'", "p", 1),
        (("1,2", "1,"), "a predicted value must be a finite number; found", "p", 2),
        (("1,2", "inf,1"), "found 'inf'", "t", 2),
    ],
)
def test_values_of_a_regression_must_be_numbers(
    tmp_path: Path, cells: tuple[str, str], words: str, column: str, row: int
) -> None:
    with pytest.raises(BadInput) as caught:
        reduce_with(tmp_path, f"g,t,p\na,{cells[0]}\nb,{cells[1]}\n", REGRESSION)
    assert words in caught.value.message
    assert (caught.value.column, caught.value.row) == (column, row)


def test_scores_alone_have_no_labels(tmp_path: Path) -> None:
    spec = {"task": "scoring", "columns": {"y_score": "s"}, "sensitive": ["g"]}
    cells = reduce_with(tmp_path, "g,s\na,1\na,3\nb,2\n", spec)
    assert count(cells) == {("a", -1, -1): 2, ("b", -1, -1): 1}
    assert cells.scores.label.tolist() == [-1, -1, -1]
    assert cells.scores.score.tolist() == [1.0, 2.0, 3.0]


def test_ranking_selects_ties_and_counts_them(tmp_path: Path) -> None:
    content = "g,y,s\na,1,9\na,0,8\nb,1,8\nb,0,7\nb,1,1\n"
    cells = reduce_with(tmp_path, content, RANKING)
    assert count(cells) == {("a", 1, 1): 1, ("a", 0, 1): 1, ("b", 1, 1): 1, ("b", 0, 0): 1, ("b", 1, 0): 1}
    share = reduce_with(tmp_path, content, {**RANKING, "top_k": 0.2})
    assert count(share) == {("a", 1, 1): 1, ("a", 0, 0): 1, ("b", 1, 0): 2, ("b", 0, 0): 1}


def test_ranking_is_within_each_query_and_condition(tmp_path: Path) -> None:
    rows = ["a,1,9,q1,x", "b,0,8,q1,x", "a,0,3,q2,x", "b,1,2,q2,x", "a,1,1,q1,y", "b,0,2,q1,y"]
    spec = {**RANKING, "columns": {**RANKING["columns"], "query": "q", "condition": "c"}, "top_k": 1}
    cells = reduce_with(tmp_path, "g,y,s,q,c\n" + "\n".join(rows) + "\n", spec)
    assert count(cells.at_condition("x")) == {("a", 1, 1): 1, ("b", 0, 0): 1, ("a", 0, 1): 1, ("b", 1, 0): 1}
    assert count(cells.at_condition("y")) == {("a", 1, 0): 1, ("b", 0, 1): 1}
    without = {**spec, "columns": {"y_score": "s", "condition": "c"}, "positive_label": None}
    alone = reduce_with(tmp_path, "g,y,s,q,c\n" + "\n".join(rows) + "\n", without)
    assert count(alone.at_condition("x")) == {("a", -1, 1): 1, ("a", -1, 0): 1, ("b", -1, 0): 2}


@pytest.mark.parametrize("top_k", [1, 7, 400, 0.25, 0.5])
def test_large_rankings_find_the_same_threshold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, top_k: int | float
) -> None:
    generator = np.random.default_rng(3)
    scores = np.round(generator.lognormal(0, 3, 500), 2)
    content = "g,y,s\n" + "".join(f"{'ab'[n % 2]},{n % 3 % 2},{score}\n" for n, score in enumerate(scores))
    spec = {**RANKING, "top_k": top_k}
    few = reduce_with(tmp_path, content, spec)
    monkeypatch.setattr("audits.counting.ranking.ROWS_AT_ONCE", 3)
    monkeypatch.setattr("audits.counting.ranking.BINS", 4)
    assert reduce_with(tmp_path, content, spec).rows == few.rows
    k = top_k if isinstance(top_k, int) else int(np.ceil(top_k * 500))
    selected = (scores >= np.sort(scores)[::-1][k - 1]).sum()
    assert sum(cell.count for cell in few.rows if cell.prediction == 1) == selected


def test_numbers_are_put_into_declared_bins(tmp_path: Path) -> None:
    ages = ["29.9", "30", "44", "45", "-3", "60.0", ""]
    content = "age,y_true,y_pred\n" + "".join(f"{age},1,0\n" for age in ages)
    changes = {"sensitive": [{"column": "age", "bins": [30, 45, 60]}], "missing": "own_group"}
    cells = reduce_text(tmp_path, content, **changes)
    counts = {cell.group[0]: cell.count for cell in cells.rows}
    assert counts == {"<30": 2, "30-45": 2, "45-60": 1, ">=60": 1, "(missing)": 1}
    with pytest.raises(BadInput, match="must hold numbers; found 'old'") as caught:
        reduce_text(tmp_path, "age,y_true,y_pred\n30,1,1\nold,0,1\n", **changes)
    assert (caught.value.column, caught.value.row, caught.value.line) == ("age", 2, 3)


PEOPLE = "person,race,age\n1,x,20\n2,y,50\n3,x,\n9,y,1\n"
PREDICTED = "id,g,y_true,y_pred\n1,a,1,1\n2,a,0,1\n3,b,1,0\n"
JOINED = {
    **SPEC,
    "columns": {"y_true": "y_true", "y_pred": "y_pred", "id": "id"},
    "sensitive": ["g", {"column": "race", "from": "sensitive_file"},
                  {"column": "age", "bins": [30], "from": "sensitive_file"}],
    "sensitive_file": {"id": "person"},
    "missing": "own_group",
}  # fmt: skip


def reduce_joined(folder: Path, predicted: str, people: str, **changes: Any) -> Cells:
    """Reduce predictions with a separate file of sensitive values."""
    spec = check_spec({**JOINED, **changes})
    paths = write(folder / "p.csv", predicted), write(folder / "s.csv", people)
    return reduce_to_cells(read_predictions(paths[0], spec, sensitive=paths[1]), spec)


def test_sensitive_values_come_from_a_separate_file(tmp_path: Path) -> None:
    cells = reduce_joined(tmp_path, PREDICTED, PEOPLE)
    assert count(cells) == {
        ("a", "x", "<30", 1, 1): 1,
        ("a", "y", ">=30", 0, 1): 1,
        ("b", "x", "(missing)", 1, 0): 1,
    }
    assert (cells.rows_read, cells.rows_missing, cells.left_out) == (3, 1, ())


def test_rows_without_sensitive_values_are_an_error_or_counted(tmp_path: Path) -> None:
    predicted = PREDICTED + "4,b,0,0\n"
    with pytest.raises(BadInput, match="1 rows have an id that the file with sensitive values lacks") as caught:
        reduce_joined(tmp_path, predicted, PEOPLE)
    assert (caught.value.column, caught.value.row, caught.value.line) == ("id", 4, 5)
    unmatched = {"id": "person", "unmatched": "exclude"}
    cells = reduce_joined(tmp_path, predicted, PEOPLE, sensitive_file=unmatched)
    assert (cells.rows_read, cells.rows_used, cells.rows_missing) == (4, 3, 1)
    assert cells.left_out == (LeftOut("no row with sensitive values has the id", 1),)


@pytest.mark.parametrize(
    ("predicted", "people", "words", "row"),
    [
        (PREDICTED, PEOPLE + "2,x,1\n", "stands twice in the file with sensitive values", 5),
        (PREDICTED, PEOPLE + ",x,1\n", "the id is empty", 5),
        (PREDICTED + "2,a,1,1\n", PEOPLE, "every row needs an id of its own; repeated: '2'", 4),
        (PREDICTED, PEOPLE.replace("50", "fifty"), "in the file with sensitive values: a column with bins", 2),
    ],
)
def test_faults_of_a_join_are_named(tmp_path: Path, predicted: str, people: str, words: str, row: int) -> None:
    with pytest.raises(BadInput) as caught:
        reduce_joined(tmp_path, predicted, people)
    assert words in caught.value.message
    assert caught.value.row == row


def test_a_separate_file_must_be_brought_and_fit(tmp_path: Path) -> None:
    spec = check_spec(JOINED)
    path = write(tmp_path / "p.csv", PREDICTED)
    with pytest.raises(BadInput, match="names a file with sensitive values; bring it"):
        read_predictions(path, spec)
    with pytest.raises(BadInput, match=r"in the file with sensitive values") as caught:
        read_predictions(path, spec, sensitive=write(tmp_path / "s.csv", "person,age\n1,2\n"))
    assert caught.value.column == "race"
    with pytest.raises(BadInput, match="the specification names none"):
        read_predictions(path, check_spec({**SPEC, "sensitive": ["g"]}), sensitive=path)


def test_conditions_are_apart_and_summed(tmp_path: Path) -> None:
    rows = "1,a,1,1,none\n2,b,0,1,none\n1,a,1,0,blur\n2,b,0,1,blur\n"
    columns = {"y_true": "y_true", "y_pred": "y_pred", "id": "id", "condition": "c", "cluster": "u"}
    content = "id,group,y_true,y_pred,c,u\n" + rows.replace(",none", ",none,u1").replace(",blur", ",blur,u2")
    cells = reduce_text(tmp_path, content, columns=columns)
    assert (cells.features, cells.conditions) == (("group", "c"), ("blur", "none"))
    assert count(cells.at_condition("blur")) == {("a", 1, 0): 1, ("b", 0, 1): 1}
    assert cells.at_condition("blur").clusters.names == ("u2",)
    assert count(cells.without_condition()) == {("a", 1, 1): 1, ("a", 1, 0): 1, ("b", 0, 1): 2}
    assert cells.without_condition().clusters.count.tolist() == [1, 1, 1, 1]
    assert Cells.from_json(cells.to_json()).rows == cells.rows
    with pytest.raises(BadInput, match="found 'blur', 'none'"):
        cells.at_condition("noise")
    with pytest.raises(BadInput, match="the condition is empty") as caught:
        reduce_text(tmp_path, content.replace("blur", ""), columns=columns)
    assert caught.value.row == 3


def test_clusters_count_the_cells_of_each(tmp_path: Path) -> None:
    content = "group,y_true,y_pred,u\na,1,1,x\na,1,1,x\nb,0,1,x\na,1,1,y\n"
    columns = {"y_true": "y_true", "y_pred": "y_pred", "cluster": "u"}
    clusters = reduce_text(tmp_path, content, columns=columns).clusters
    assert clusters.names == ("x", "y")
    found = (clusters.cluster, clusters.cell, clusters.count, clusters.weight)
    assert [column.tolist() for column in found] == [[0, 0, 1], [0, 1, 0], [2, 1, 1], [2, 1, 1]]
    with pytest.raises(BadInput, match="the cluster is empty"):
        reduce_text(tmp_path, content.replace(",y\n", ",\n"), columns=columns)


@pytest.mark.parametrize("weighted", [False, True])
def test_too_many_scores_are_put_into_ranges(tmp_path: Path, weighted: bool) -> None:
    generator = np.random.default_rng(1)
    scores = generator.random(3_000)
    lines = [f"{'ab'[n % 2]},{n % 3 % 2},{n % 2},{score!r},{n % 4}\n" for n, score in enumerate(scores.tolist())]
    columns = {"y_true": "y", "y_pred": "p", "y_score": "s"} | ({"weight": "w"} if weighted else {})
    spec = {**SPEC, "columns": columns, "sensitive": ["g"]}
    content = "g,y,p,s,w\n" + "".join(lines)
    exact = reduce_with(tmp_path, content, spec).scores
    binned = reduce_with(tmp_path, content, spec, limits=Limits(exact_scores=2_000)).scores
    assert exact.resolution == 0
    assert binned.resolution == 1 / 500
    assert len(binned.score) <= 2_000 < len(exact.score)
    for group, summary in exact.summarise([0]).items():
        other = binned.summarise([0])[group]
        assert other.mean == pytest.approx(summary.mean, abs=1e-12)
        assert other.auc == pytest.approx(summary.auc, abs=2e-3)
    repeated = "g,y,p,s,w\n" + "a,1,1,0.5,1\nb,0,1,0.5,1\n" * 900
    few = reduce_with(tmp_path, repeated, spec, limits=Limits(exact_scores=1_500)).scores
    assert (few.resolution, few.count.tolist()) == (0, [900, 900])


def test_ids_are_compared_in_as_many_passes_as_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audits.counting.identity.IDS_AT_ONCE", 3)
    rows = "".join(f"p{number},a,1,{number % 2}\n" for number in range(20))
    columns = {"y_true": "y_true", "y_pred": "y_pred", "id": "id"}
    content = "id,group,y_true,y_pred\n" + rows
    assert reduce_text(tmp_path, content, columns=columns).rows_read == 20
    with pytest.raises(BadInput, match="repeated: 'p7'") as caught:
        reduce_text(tmp_path, content + "p7,b,0,0\n", columns=columns)
    assert (caught.value.row, caught.value.line) == (21, 22)


def test_a_table_separated_by_bars_is_read(tmp_path: Path) -> None:
    content = "group,y_true,y_pred\na,1,1\nb,0,1\n"
    assert reduce_text(tmp_path, content.replace(",", "|")) == reduce_text(tmp_path, content)


@pytest.mark.parametrize(
    ("task", "rows", "said"),
    [
        ("binary", ["a,1,1.0", "b,1,1.0"], "column 't, p': the labels '1' and '1.0' are one written in two ways"),
        ("multiclass", ["a,0,0.0", "b,1,1.0", "b,1,2"], "the labels '0' and '0.0' are one written in two ways"),
        ("multiclass", ["a,Yes,no", "b,no,YES"], "the labels 'Yes' and 'YES' are one written in two ways"),
        ("multiclass", ["a,x,1", "b,y,2"], "no true label occurs among the predictions"),
    ],
)
def test_labels_and_predictions_that_could_never_agree_are_refused(
    tmp_path: Path, task: str, rows: list[str], said: str
) -> None:
    path = write(tmp_path / "t.csv", "\n".join(["g,t,p", *rows]) + "\n")
    spec = {"task": task, "columns": {"y_true": "t", "y_pred": "p"}, "sensitive": ["g"]}
    with pytest.raises(BadInput) as caught:
        reduce_file(path, spec | ({"positive_label": "1"} if task == "binary" else {}))
    assert said in str(caught.value)
    # Codes that differ only by zeros are labels of their own where both columns have them.
    codes = write(tmp_path / "c.csv", "g,t,p\na,01,1\nb,1,01\n")
    assert reduce_file(codes, {**spec, "task": "multiclass"}).classes == ("01", "1")


@pytest.mark.parametrize("value", ["1_000", "1e36", "-1e99"])
def test_numbers_that_others_do_not_read_or_intervals_cannot_bear_are_refused(tmp_path: Path, value: str) -> None:
    spec = {"task": "regression", "columns": {"y_true": "t", "y_pred": "p"}, "sensitive": ["g"]}
    with pytest.raises(BadInput) as caught:
        reduce_file(write(tmp_path / "t.csv", f"g,t,p\na,1,2\na,{value},2\n"), spec)
    assert f"found '{value}'" in str(caught.value)
    assert caught.value.row == 2


def test_the_largest_numbers_still_give_a_result(tmp_path: Path) -> None:
    lines = [f"{'ab'[row % 2]},{(row * 37 % 11 - 5) * 1.9e34},{(row * 17 % 7 - 3) * 1.9e34},1e100" for row in range(60)]
    path = write(tmp_path / "t.csv", "\n".join(["g,t,p,w", *lines]) + "\n")
    columns = {"y_true": "t", "y_pred": "p", "weight": "w"}
    found = run_bias_audit(path, {"task": "regression", "columns": columns, "sensitive": ["g"]})
    json.dumps(found, allow_nan=False)
    assert found["overall"]["rmse"] > 1e34
