"""The examples' own arithmetic. That they run from end to end is shown where the story is loaded."""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree

EXAMPLES = Path(__file__).parents[2] / "client" / "examples"


def load_example(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import an example as its script does: its folder goes before everything else."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module(name)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Risk of a row: half at x = 10, rising with x; y does not matter."""
    module = load_example("logistic_model", monkeypatch)
    return module.LogisticModel(("x", "y"), (10.0, 0.0), (2.0, 1.0), (1.0, 0.0), 0.0, flag_at=0.5)


def test_a_model_file_is_read_as_it_was_written(model: Any, tmp_path: Path) -> None:
    path = model.save(tmp_path / "model.json")

    assert type(model).load(path) == model


def test_a_risk_is_the_logistic_function_of_the_standardised_inputs(model: Any) -> None:
    assert model.risk({"x": 10, "y": 5}) == 0.5
    assert model.risk({"x": 12, "y": 5}) == pytest.approx(1 / (1 + math.exp(-1)), rel=1e-15)
    assert [model.is_flagged({"x": x, "y": 0}) for x in (9.99, 10, 10.01)] == [False, True, True]


@pytest.mark.parametrize("row", [{"x": 1.0}, {"x": 1.0, "y": math.nan}, {"x": 1.0, "y": math.inf}])
def test_a_row_that_cannot_be_judged_is_refused_by_the_feature(model: Any, row: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="“y” is missing or no finite number"):
        model.risk(row)


def test_another_file_is_no_model(model: Any, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(json.dumps({"format": "something/1"}))

    with pytest.raises(ValueError, match="is not in the format logistic-model/1"):
        type(model).load(path)


@pytest.fixture
def subject(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A small trained pipeline with its model file."""
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    logistic, checks = (load_example(name, monkeypatch) for name in ("logistic_model", "model_checks"))
    rows = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "y": [0.0, 1.0, 0.0, 1.0, 1.0, 1.0]})
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows.to_numpy(), [0, 0, 1, 0, 1, 1])
    model = logistic.LogisticModel.from_pipeline(pipeline, ["x", "y"], flag_at=0.3)
    return checks.Subject.load(model.save(tmp_path / "model.json"), pipeline, rows)


def run_checks(subject: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str | None]:
    """Test name -> what became of it in the JUnit report, None for passed."""
    checks = load_example("model_checks", monkeypatch)
    report = checks.run_checks(subject, tmp_path / "checks.xml", name="model_file")
    cases = ElementTree.parse(report).getroot().iter("testcase")
    return {case.attrib["name"]: next((child.tag for child in case), None) for case in cases}


def test_a_good_model_file_passes_every_check(subject: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    outcomes = run_checks(subject, monkeypatch, tmp_path)

    assert len(outcomes) == 7
    assert set(outcomes.values()) == {None}


def test_a_model_file_of_another_model_fails_the_check(
    subject: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = dataclasses.replace(subject.model, intercept=subject.model.intercept + 1)

    outcomes = run_checks(dataclasses.replace(subject, model=other), monkeypatch, tmp_path)

    failed = {name for name, outcome in outcomes.items() if outcome == "failure"}
    assert failed == {"gives_the_same_risk_as_the_trained_pipeline", "writing_it_again_gives_the_same_bytes"}


def test_a_load_test_counts_its_requests_and_refusals(subject: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = load_example("model_checks", monkeypatch)
    broken = subject.rows.assign(y=[0.0, 1.0, math.nan, 1.0, 1.0, math.nan])

    measured = checks.measure_load(dataclasses.replace(subject, rows=broken), calls=60)

    assert (measured["requests"], measured["error_rate"]) == (60, 1 / 3)
    assert 0 < measured["p50_ms"] <= measured["p95_ms"] <= measured["p99_ms"]


def test_the_validator_computes_by_counts_and_ranks_what_scikit_learn_computes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import numpy as np
    import pandas as pd
    from sklearn import metrics

    validation = load_example("validation_report", monkeypatch)
    draw = np.random.default_rng(3)
    score = draw.integers(0, 20, 200) / 20  # with ties
    rows = pd.DataFrame({"y_true": (draw.random(200) < score).astype(int), "y_score": score})
    rows["y_pred"] = (rows["y_score"] >= 0.5).astype(int)
    rows["sex"] = np.where(draw.random(200) < 0.5, "code 1", "code 2")
    part = rows[rows["sex"] == "code 2"]
    claims = [
        {"name": "accuracy", "population": "overall", "value": metrics.accuracy_score(rows.y_true, rows.y_pred)},
        {"name": "precision", "population": "overall", "value": metrics.precision_score(rows.y_true, rows.y_pred)},
        {"name": "auc", "population": "overall", "value": metrics.roc_auc_score(rows.y_true, rows.y_score)},
        {"name": "tpr", "population": "sex=code 2", "value": metrics.recall_score(part.y_true, part.y_pred)},
    ]

    checked = validation.recompute(rows, claims)
    wrong = validation.recompute(rows, [claims[0] | {"value": claims[0]["value"] + 1e-6}])

    assert [item.agrees for item in checked] == [True] * 4
    assert [item.agrees for item in wrong] == [False]


def test_patients_are_labelled_and_grouped_by_the_stated_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    study = load_example("diabetes_study", monkeypatch)

    patients = study.label_study(study.read_study())

    assert (len(patients), patients["patient"].nunique()) == (442, 442)
    assert patients.groupby("age_band")["age"].agg(["min", "max"]).to_dict("index") == {
        "under 40": {"min": 19, "max": 39},
        "40 to 54": {"min": 40, "max": 54},
        "55 and over": {"min": 55, "max": 79},
    }
    assert patients.loc[patients["fast_progression"] == 1, "progression"].min() >= study.FAST_FROM
    assert patients.loc[patients["fast_progression"] == 0, "progression"].max() < study.FAST_FROM
    assert patients["sex"].value_counts().to_dict() == {"code 1": 235, "code 2": 207}


def test_shap_values_add_up_to_the_log_odds(monkeypatch: pytest.MonkeyPatch) -> None:
    study = load_example("diabetes_study", monkeypatch)
    patients = study.label_study(study.read_study())
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    design = study.DESIGNS["lean"]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.fit(patients[design.features].to_numpy(), patients["fast_progression"])

    table = study.explain(study.Trained(design, pipeline, patients), patients)

    missed = table["base_value"] + table[design.features].sum(axis=1) - table["log_odds"]
    assert float(missed.abs().max()) < 1e-12
    assert list(table.columns[-6:]) == [f"value:{name}" for name in design.features]
