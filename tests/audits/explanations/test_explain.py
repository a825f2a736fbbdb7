from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from audits.errors import BadInput
from audits.explanations.explain import run_explanation
from tests.audits.samples import find_devset, needs_devset, write

OWN = """row_id,base_value,output,age,income,value:age,value:income
p1,-0.5,0.25,0.5,0.25,63,41000
p2,-0.5,-0.75,-0.25,0.0,21,
p3,-0.5,0.5,0.75,0.25,70,52000
p4,-0.5,-0.5,0.25,-0.25,50,12000
"""
SPEC: dict[str, Any] = {
    "columns": {"id": "row_id", "base": "base_value", "output": "output"},
    "output": "log odds of progression",
    "explainer": "shap.TreeExplainer",
}


def explain(folder: Path, content: str | bytes, **changes: Any) -> dict[str, Any]:
    """Run an explanation of a file with this content."""
    return run_explanation(write(folder / "shap.csv", content), {**SPEC, **changes})


def list_artifacts() -> list[tuple[str, str]]:
    """Return (file, explanation) of the developer set's attributions that come as CSV."""
    folder = find_devset() / "artifacts"
    found = []
    for path in sorted(folder.glob("*_shap.csv")):
        document = json.loads((folder / f"{path.stem}_expected.json").read_text("utf-8"))
        found += [(path.name, name) for name in document["explanations"]]
    return found


@needs_devset
@pytest.mark.parametrize(("file", "name"), list_artifacts())
def test_run_explanation_checks_the_developer_sets_attributions(file: str, name: str) -> None:
    path = find_devset() / "artifacts" / file
    expected = json.loads(path.with_name(f"{path.stem}_expected.json").read_text("utf-8"))
    explanation = expected["explanations"][name]
    spec = {
        "base_value": explanation["base_value"],
        "outputs": explanation["model_output"],
        "tolerance": max(1e-6, explanation["tolerance"]),
    }
    found = run_explanation(path, spec)
    rows = len(expected["rows"])
    columns = list(zip(*explanation["shap_values"], strict=True))
    means = {
        feature: sum(map(abs, column)) / rows
        for feature, column in zip(expected["feature_names"], columns, strict=True)
    }
    assert found["features"] == expected["feature_names"]
    # The CSV holds the first explanation of each file; another one must not pass for it.
    is_first = name == next(iter(expected["explanations"]))
    assert found["is_additive"] == is_first
    if is_first:
        assert found["additive_rows"] == found["rows"] == rows
        for entry in found["importance"]:
            assert entry["mean_abs"] == pytest.approx(means[entry["feature"]], abs=5e-6)


def test_run_explanation_of_four_rows_equals_the_count_by_hand(tmp_path: Path) -> None:
    found = explain(tmp_path, OWN)
    assert found["statement"] == "computed by submitter, additivity verified on 4 of 4 rows"
    assert found["said_by_submitter"] == {
        "output": "log odds of progression",
        "explainer": "shap.TreeExplainer",
    }
    age, income = found["importance"]
    assert (age["feature"], age["mean_abs"], age["mean"]) == ("age", 0.4375, 0.3125)
    assert (income["feature"], income["mean_abs"], income["mean"]) == ("income", 0.1875, 0.0625)
    assert (age["share"], income["share"]) == (0.7, 0.3)
    assert age["interval"]["low"] < 0.4375 < age["interval"]["high"]
    assert age["correlation"] == pytest.approx(27.5 / math.sqrt(1406 * 0.546875))
    assert found["sample"]["shap"]["age"] == [0.5, -0.25, 0.75, 0.25]
    assert found["sample"]["values"]["income"] == [41000, None, 52000, 12000]
    assert [(part["role"], part["id"]) for part in found["local"]] == [
        ("largest output", "p3"),
        ("smallest output", "p2"),
        ("median output", "p1"),
    ]
    assert found["local"][0]["contributions"] == [
        {"feature": "age", "shap": 0.75, "value": 70.0},
        {"feature": "income", "shap": 0.25, "value": 52000.0},
    ]
    json.dumps(found, allow_nan=False)


def test_a_row_that_does_not_add_up_is_never_passed_over(tmp_path: Path) -> None:
    found = explain(tmp_path, OWN.replace("p3,-0.5,0.5,", "p3,-0.5,0.5001,"))
    assert (found["is_additive"], found["additive_rows"], found["rows"]) == (False, 3, 4)
    assert [(miss["id"], miss["row"]) for miss in found["first_misses"]] == [("p3", 3)]
    assert found["worst_row"]["error"] == pytest.approx(1e-4)
    assert found["worst_row"]["allowed"] == pytest.approx(1e-6, rel=1e-5)
    assert found["notes"][0]["code"] == "not_additive"
    by_key = {(m["metric"], m["population"]): m for m in found["measures"]}
    assert by_key["additive_share", "overall"]["value"] == 0.75
    assert by_key["additivity_error", "overall"]["value"] == pytest.approx(1e-4, rel=1e-3)
    assert by_key["importance", "feature=age"]["reason"] == "the attributions are not additive"


@pytest.mark.parametrize(("error", "count"), [("0.5000004", 4), ("0.500002", 3)])
def test_additivity_is_judged_by_the_scale_of_the_row(tmp_path: Path, error: str, count: int) -> None:
    found = explain(tmp_path, OWN.replace("p3,-0.5,0.5,", f"p3,-0.5,{error},"))
    assert found["additive_rows"] == count


def test_a_large_base_value_does_not_excuse_a_row(tmp_path: Path) -> None:
    """The scale is what there is to explain: 1e9 + 1 is one away from its base, whatever the SHAP values say."""
    lines = OWN.splitlines()
    far = [",".join([parts[0], "1e9", repr(1e9 + float(parts[2]) + 0.5), *parts[3:]]) for parts in split(lines[1:])]
    assert explain(tmp_path, "\n".join([lines[0], *far]))["is_additive"]
    none = [",".join([*line.split(",")[:3], *["0"] * (len(line.split(",")) - 3)]) for line in far]
    found = explain(tmp_path, "\n".join([lines[0], *none]))
    assert (found["is_additive"], found["worst_row"]["error"] > 0.1) == (False, True)


def test_single_precision_of_large_numbers_is_forgiven(tmp_path: Path) -> None:
    """Years, say: 2000 in single precision is off by 1e-4, of 5 to explain."""
    head = "row_id,base_value,output,a,b\n"
    rows = [f"p{row},2000,{2000 + row % 11 - 5 + 1e-4},{row % 11 - 5},0\n" for row in range(40)]
    assert explain(tmp_path, head + "".join(rows), tolerance=1e-6)["is_additive"]


def test_values_that_cancel_do_not_excuse_a_row(tmp_path: Path) -> None:
    head = "row_id,base_value,output,a,b\n"
    rows = [f"p{row},0,{row % 3 - 1 + 50},{1e8 + row % 3 - 1},-1e8\n" for row in range(20)]
    assert explain(tmp_path, head + "".join(rows))["additive_rows"] == 0


def split(lines: list[str]) -> list[list[str]]:
    """Return the cells of plain lines."""
    return [line.split(",") for line in lines if line]


def test_a_large_row_does_not_excuse_a_small_one(tmp_path: Path) -> None:
    found = explain(tmp_path, OWN.replace("p3,-0.5,0.5,", "p3,-0.5,0.5001,") + "p5,-0.5,1e9,1000000000.5,0,1,1\n")
    assert found["additive_rows"] == 4
    assert [miss["id"] for miss in found["first_misses"]] == ["p3"]


def test_a_row_of_zeros_allows_no_error(tmp_path: Path) -> None:
    content = "row_id,base_value,output,age\na,0,0,0\nb,0,1e-9,0\n"
    found = explain(tmp_path, content)
    assert [miss["id"] for miss in found["first_misses"]] == ["b"]
    assert found["worst_row"]["id"] == "b"


def test_groups_come_from_the_prediction_file(tmp_path: Path) -> None:
    predictions = write(tmp_path / "predictions.csv", "row_id,sex\np4,f\np3,m\np2,f\np1,m\np0,x\n")
    path = write(tmp_path / "shap.csv", OWN)
    spec = {**SPEC, "sensitive": ["sex"], "minimum_group_size": 3}
    found = run_explanation(path, spec, predictions=predictions)
    assert found["importance_by_group"] == [
        {
            "population": "sex=f",
            "feature": "sex",
            "value": "f",
            "n": 2,
            "below_minimum_size": True,
            "mean_abs": {"age": 0.25, "income": 0.125},
        },
        {
            "population": "sex=m",
            "feature": "sex",
            "value": "m",
            "n": 2,
            "below_minimum_size": True,
            "mean_abs": {"age": 0.625, "income": 0.25},
        },
    ]
    assert [note["code"] for note in found["notes"]] == ["small_groups"]
    assert len(found["passport"]["predictions"]["sha256"]) == 64


def test_rows_that_are_not_predictions_are_refused(tmp_path: Path) -> None:
    predictions = write(tmp_path / "predictions.csv", "row_id,sex\np1,f\np3,m\np4,m\n")
    path = write(tmp_path / "shap.csv", OWN)
    with pytest.raises(BadInput, match="1 explained rows are not in the prediction file, first 'p2'"):
        run_explanation(path, SPEC, predictions=predictions)


@pytest.mark.parametrize(
    ("content", "words", "column", "row"),
    [
        (OWN.replace("0.75,0.25,70", "nan,0.25,70"), "must be a finite number", "age", 3),
        (OWN.replace("0.75,0.25,70", ",0.25,70"), "must be a finite number", "age", 3),
        (OWN.replace("0.75,0.25,70", "1e200,0.25,70"), "found '1e200'", "age", 3),
        (OWN.replace("p3,-0.5", "p3,inf"), "must be a finite number", "base_value", 3),
        (OWN.replace("p3,", "p1,"), "repeated: 'p1'", "row_id", 3),
        (OWN.replace("p3,", ","), "the id is empty", "row_id", 3),
        (OWN.replace("output", "out"), "not in the file", "output", None),
        (OWN.splitlines()[0], "no rows", None, None),
        ("row_id,base_value,output\na,1,1\n", "no feature columns", None, None),
        (b"\x93NUMPY\x01\x00", "NumPy array", None, None),
        (b"PK\x03\x04", "zip", None, None),
    ],
)
def test_bad_attributions_are_refused_with_the_place(
    tmp_path: Path, content: str | bytes, words: str, column: str | None, row: int | None
) -> None:
    with pytest.raises(BadInput) as caught:
        explain(tmp_path, content)
    assert words in caught.value.message
    assert (caught.value.column, caught.value.row) == (column, row)


@pytest.mark.parametrize(
    ("changes", "column", "words"),
    [
        ({"tolerance": 0.1}, "tolerance", "at most 0.0001"),
        ({"tolerance": 0}, "tolerance", "above 0"),
        ({"base_value": 1}, "base_value", "either base_value or"),
        ({"columns": {"output": "output"}}, "base_value", "either base_value or"),
        ({"columns": {"base": "base_value"}}, "outputs", "either outputs or"),
        ({"columns": {"pred": "x"}}, "columns", "roles are"),
        ({"outputs": [1]}, "outputs", "either outputs or"),
        ({"sensitive": ["sex"]}, "sensitive", "need the prediction file"),
        ({"features": ["age", "age"]}, "features", "named twice"),
        ({"explainer": ""}, "explainer", "not empty"),
        ({"pickle": "x"}, "pickle", "unknown key"),
    ],
)
def test_bad_explanation_specs_are_refused_with_the_key(
    tmp_path: Path, changes: dict[str, Any], column: str, words: str
) -> None:
    with pytest.raises(BadInput) as caught:
        explain(tmp_path, OWN, **changes)
    assert caught.value.column == column
    assert words in caught.value.message


def test_outputs_must_be_as_many_as_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "bare.csv", "age,income\n0.5,0.25\n0.25,0\n")
    with pytest.raises(BadInput, match="1 outputs for 2 rows"):
        run_explanation(path, {"base_value": 0, "outputs": [0.75]})
    found = run_explanation(path, {"base_value": 0, "outputs": [0.75, 0.25]})
    assert [note["code"] for note in found["notes"]] == ["no_ids"]


def test_the_beeswarm_sample_is_small_and_repeatable(tmp_path: Path) -> None:
    rows = "".join(f"r{number},0,{number},{number},0\n" for number in range(1, 1001))
    content = "row_id,base_value,output,a,b\n" + rows
    first, again = explain(tmp_path, content, seed=4), explain(tmp_path, content, seed=4)
    assert first == again
    assert len(first["sample"]["ids"]) == len(first["sample"]["shap"]["a"]) == 300
    assert first["sample"]["ids"] != explain(tmp_path, content, seed=5)["sample"]["ids"]
    assert first["passport"]["seed"] == 4


def test_the_row_nearest_the_threshold_is_the_borderline_one(tmp_path: Path) -> None:
    found = explain(tmp_path, OWN, threshold=0.3)
    assert [(part["role"], part["id"]) for part in found["local"]][2] == ("borderline", "p1")


def test_a_sensitive_feature_may_also_be_explained(tmp_path: Path) -> None:
    predictions = write(tmp_path / "predictions.csv", "row_id,age\np1,old\np2,young\np3,old\np4,old\n")
    path = write(tmp_path / "shap.csv", OWN)
    found = run_explanation(path, {**SPEC, "sensitive": ["age"]}, predictions=predictions)
    assert found["features"] == ["age", "income"]
    assert found["is_additive"]
    assert [group["population"] for group in found["importance_by_group"]] == ["age=old", "age=young"]
