"""Explanations computed by the portal: predictions compared, rows chosen, values that add up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from audits.errors import BadInput
from audits.portable.attribute import ask, explain_rows
from audits.portable.recompute import run_recomputed_explanation
from countersign.export import describe_additive, export_model
from tests.audits.portable.samples import FEATURES, check, fit, make_rows
from tests.audits.portable.test_tree_shap import shapley

COUNT = 400


def make_frame(seed: int = 3, rows: int = COUNT) -> Any:
    frame: Any = pd.DataFrame(make_rows(seed, rows=rows), columns=list(FEATURES))
    frame.insert(0, "id", [f"p{number}" for number in range(rows)])
    frame["sex"] = np.where(np.arange(rows) % 3 == 0, "F", "M")
    return frame


def write_case(folder: Path, model: Any, frame: Any, document: dict[str, Any]) -> dict[str, Path]:
    (folder / "model").write_text(json.dumps(document, allow_nan=False))
    inputs = [entry["name"] for entry in document["inputs"]]
    frame = frame.copy()
    if model is not None:
        frame["score"] = model.predict_proba(frame[inputs].to_numpy())[:, 1]
    frame.to_csv(folder / "data", index=False)
    return {"model": folder / "model", "data": folder / "data"}


SPEC: dict[str, Any] = {"columns": {"id": "id", "y_score": "score"}, "sensitive": ["sex"]}


@pytest.fixture
def boosted(tmp_path: Path) -> dict[str, Path]:
    model = fit("LGBMClassifier")
    return write_case(tmp_path, model, make_frame(), export_model(model, feature_names=FEATURES))


@pytest.mark.filterwarnings("ignore:LightGBM binary classifier:UserWarning")
def test_a_boosted_model_is_recomputed_and_compared(boosted: dict[str, Path]) -> None:
    import shap

    told: list[tuple[float, str]] = []
    result = run_recomputed_explanation(boosted, SPEC, lambda share, what: told.append((share, what)))
    json.dumps(result, allow_nan=False)
    assert result["statement"] == (
        "recomputed by the portal; predictions equal to the submitted ones on 400 of 400 rows"
    )
    assert result["format"] == "countersign/explanation/2"
    assert (result["computed_by"], result["model"]["kind"]) == ("portal", "trees")
    assert result["recomputation"]["method"] == "pattern tables"
    assert result["recomputation"]["absent"]["kind"] == "cover"
    assert result["recomputation"]["compared"]["y_score"]["largest_difference"] < 1e-12
    assert result["recomputation"]["compared_with"] == "data"
    assert (result["rows"], result["additive_rows"]) == (400, 400)
    table = make_rows(3, rows=COUNT)
    wanted = np.abs(shap.TreeExplainer(fit("LGBMClassifier")).shap_values(table)).mean(axis=0)
    assert {found["feature"]: found["mean_abs"] for found in result["importance"]} == pytest.approx(
        dict(zip(FEATURES, wanted, strict=True)), rel=1e-9
    )
    assert [group["n"] for group in result["importance_by_group"]] == [134, 266]
    pairs = shap.TreeExplainer(fit("LGBMClassifier")).shap_interaction_values(table)
    for found in result["interactions"]:
        first, second = (FEATURES.index(name) for name in found["features"])
        assert found["strength"] == pytest.approx(2 * np.abs(pairs[:, first, second]).mean(), rel=1e-9)
        assert found["low"] < found["strength"] < found["high"]
    assert len(result["interactions"]) > 5
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    assert told[-1] == (1.0, "done")


def test_the_portal_has_second_opinions_of_its_own(boosted: dict[str, Path]) -> None:
    from sklearn.inspection import permutation_importance

    frame: Any = pd.read_csv(boosted["data"])
    truth = (frame["score"] > 0.4).astype(int)
    frame["truth"] = truth
    frame.loc[3, "truth"] = np.nan
    frame["truth"] = frame["truth"].astype("Int64")
    frame.to_csv(boosted["data"], index=False)
    spec = {**SPEC, "columns": {**SPEC["columns"], "y_true": "truth"}, "rows": 150}
    result = run_recomputed_explanation(boosted, spec)
    permuted = result["permutation"]["importance"]
    table = frame[list(FEATURES)].to_numpy()
    theirs = permutation_importance(
        fit("LGBMClassifier"), table, truth, scoring="neg_log_loss", n_repeats=20, random_state=0
    ).importances_mean
    assert list(permuted.values()) == pytest.approx(list(theirs), rel=0.3, abs=0.02)
    assert [found["name"] for found in result["stability"]["repeats"]] == ["seed 1", "seed 2"]
    assert all(0.5 < found["value"] <= 1 for found in result["stability"]["repeats"])
    frame["truth"] = "maybe"
    frame.to_csv(boosted["data"], index=False)
    assert refuse(boosted, spec) == "column 'truth', row 1: 'maybe' is not one of 0, 1"
    assert "unknown key" in refuse(boosted, {"permutation_importance": {"a": 1.0}})


def test_one_prediction_that_is_not_the_models_stops_everything(boosted: dict[str, Path]) -> None:
    frame: Any = pd.read_csv(boosted["data"])
    frame.loc[7, "score"] += 2e-6
    frame.to_csv(boosted["data"], index=False)
    with pytest.raises(BadInput, match=r"column 'score', row 8: the model document gives .* \(id p7\)"):
        run_recomputed_explanation(boosted, SPEC)
    assert run_recomputed_explanation(boosted, {**SPEC, "tolerance": 1e-5})["additive_rows"] == COUNT


def test_labels_and_margins_are_compared_too(boosted: dict[str, Path]) -> None:
    model, frame = fit("LGBMClassifier"), make_frame()
    inputs = frame[list(FEATURES)].to_numpy()
    frame["label"] = model.predict(inputs)
    frame["raw"] = model.predict(inputs, raw_score=True)
    frame.to_csv(boosted["data"], index=False)
    spec = {"columns": {"id": "id", "margin": "raw", "y_pred": "label"}}
    result = run_recomputed_explanation(boosted, spec)
    assert set(result["recomputation"]["compared"]) == {"margin", "y_pred"}
    frame.loc[3, "label"] = 1 - frame.loc[3, "label"]
    frame.to_csv(boosted["data"], index=False)
    with pytest.raises(BadInput, match="column 'label', row 4: the model document gives"):
        run_recomputed_explanation(boosted, spec)


def test_the_prediction_file_may_be_another_matched_by_id(boosted: dict[str, Path], tmp_path: Path) -> None:
    frame: Any = pd.read_csv(boosted["data"])
    shuffled = frame.sample(frac=1, random_state=0).rename(columns={"id": "person"})
    shuffled[["person", "score", "sex"]].to_csv(tmp_path / "predictions", index=False)
    frame[["id", *FEATURES]].to_csv(boosted["data"], index=False)
    paths = {**boosted, "predictions": tmp_path / "predictions"}
    result = run_recomputed_explanation(paths, {**SPEC, "prediction_id": "person"})
    assert result["recomputation"]["rows_compared"] == COUNT
    assert result["recomputation"]["compared_with"] == "predictions"
    assert [group["value"] for group in result["importance_by_group"]] == ["F", "M"]
    shuffled[shuffled["person"] != "p5"].to_csv(tmp_path / "predictions", index=False)
    with pytest.raises(BadInput, match="1 rows are not in the prediction file, first 'p5'"):
        run_recomputed_explanation(paths, {**SPEC, "prediction_id": "person"})


def test_without_submitted_predictions_the_result_says_so(boosted: dict[str, Path]) -> None:
    result = run_recomputed_explanation(boosted, {})
    assert result["statement"] == "recomputed by the portal; no submitted predictions to compare with"
    assert result["recomputation"]["rows_compared"] == 0


def test_as_many_rows_are_explained_as_the_precision_needs(tmp_path: Path) -> None:
    model = fit("LGBMClassifier")
    frame = make_frame(4, rows=20_000)
    paths = write_case(tmp_path, model, frame, export_model(model, feature_names=FEATURES))
    spec = {**SPEC, "interactions": False}
    loose = run_recomputed_explanation(paths, {**spec, "precision": 0.2})["sampling"]
    assert (loose["rows"], loose["explained_rows"], loose["reason"]) == (20_000, 1_000, None)
    fine = run_recomputed_explanation(paths, {**spec, "precision": 0.03})["sampling"]
    assert 1_000 < fine["explained_rows"] < 20_000
    assert 0.02 < fine["relative_uncertainty"] <= 0.03
    assert fine["worst_feature"] in FEATURES
    capped = run_recomputed_explanation(paths, {**spec, "precision": 0.001, "rows": 2_000})["sampling"]
    assert (capped["explained_rows"], capped["reason"]) == (2_000, "at most 2,000 rows are explained")
    assert run_recomputed_explanation(paths, {**spec, "precision": 0.03})["sampling"] == fine
    # A group of one row in fifty needs 10,000 rows to have 200 of its own.
    frame["sex"] = np.where(np.arange(20_000) % 50 == 0, "X", "M")
    frame["score"] = model.predict_proba(frame[list(FEATURES)].to_numpy())[:, 1]
    frame.to_csv(paths["data"], index=False)
    small = run_recomputed_explanation(paths, {**spec, "precision": 0.2})
    assert small["sampling"]["explained_rows"] == 10_000
    assert 150 < small["importance_by_group"][1]["n"] < 250


def make_pipeline_case(folder: Path) -> tuple[dict[str, Path], Any, Any]:
    frame = make_frame()
    target = ((frame["a"] + (frame["sex"] == "F")) > 0).astype(int)
    preparation = ColumnTransformer(
        [("numbers", StandardScaler(), ["a", "b"]), ("words", OneHotEncoder(), ["sex"])],
    )
    model = make_pipeline(preparation, LogisticRegression()).fit(frame[["a", "b", "sex"]], target)
    (folder / "model").write_text(json.dumps(export_model(model)))
    frame["score"] = model.predict_proba(frame[["a", "b", "sex"]])[:, 1]
    frame.to_parquet(folder / "data", index=False)
    return {"model": folder / "model", "data": folder / "data"}, model, frame


def test_a_pipeline_is_explained_by_its_inputs_or_by_its_columns(tmp_path: Path) -> None:
    paths, _, _ = make_pipeline_case(tmp_path)
    spec = {"columns": {"id": "id", "y_score": "score"}}
    by_input = run_recomputed_explanation(paths, spec)
    by_column = run_recomputed_explanation(paths, {**spec, "features": "columns"})
    assert by_input["features"] == ["a", "b", "sex"]
    assert by_column["features"] == ["a", "b", "sex=F", "sex=M"]
    assert by_input["recomputation"]["absent"]["table"] == "the explained table itself"
    shares = {found["feature"]: found["mean_abs"] for found in by_input["importance"]}
    parts = {found["feature"]: found["mean_abs"] for found in by_column["importance"]}
    assert shares["a"] == pytest.approx(parts["a"], rel=1e-12)
    # Being F and not being M say the same, so the input has what both columns have together.
    assert shares["sex"] == pytest.approx(parts["sex=F"] + parts["sex=M"], rel=1e-12)


def test_probabilities_are_explained_by_all_coalitions(tmp_path: Path) -> None:
    paths, model, frame = make_pipeline_case(tmp_path)
    frame.head(20).to_parquet(tmp_path / "background", index=False)
    spec = {"columns": {"id": "id", "y_score": "score"}, "explained": "prediction"}
    result = run_recomputed_explanation({**paths, "background": tmp_path / "background"}, spec)
    assert result["recomputation"]["method"] == "all coalitions"
    mean = model.predict_proba(frame.head(20)[["a", "b", "sex"]])[:, 1].mean()
    local = result["local"][0]
    assert local["base"] == pytest.approx(mean, abs=1e-12)
    assert local["output"] == pytest.approx(frame["score"].max(), abs=1e-12)
    # The first class has the opposite values.
    other = run_recomputed_explanation(
        {**paths, "background": tmp_path / "background"}, {"explained": "prediction", "class": "0"}
    )
    assert other["importance"][0]["mean"] == pytest.approx(-result["importance"][0]["mean"], abs=1e-12)


@pytest.mark.parametrize("players", [3, 6])
def test_probabilities_of_trees_are_estimated_by_orders(tmp_path: Path, players: int) -> None:
    """Exactly for three players; for six the sum over all coalitions is met within the stated error."""
    frame, names = make_frame(rows=40), list(FEATURES[:players])
    train = make_rows(1)[:, :players]
    model = GradientBoostingClassifier(n_estimators=8).fit(train, (train[:, 0] + train[:, 1] > 0).astype(int))
    paths = write_case(tmp_path, model, frame, export_model(model, feature_names=names))
    result = run_recomputed_explanation(paths, {**SPEC, "explained": "prediction"})
    assert result["recomputation"]["method"] == "permutations"
    assert result["additive_rows"] == 40
    background = frame[names].to_numpy()
    row = background[frame["id"].tolist().index(result["local"][0]["id"])]

    def value(present: set[int]) -> float:
        mixed = background.copy()
        mixed[:, sorted(present)] = row[sorted(present)]
        return float(model.predict_proba(mixed)[:, 1].mean())

    wanted, _ = shapley(value, players)
    found = {name: contribution for name, contribution, _ in _list(result["local"][0])}
    estimate = result["recomputation"]["estimate"]
    assert estimate["all_orders"] == (players == 3)
    errors = estimate["standard_errors"] or dict.fromkeys(names, 0.0)
    for name, true in zip(names, wanted, strict=True):
        assert found[name] == pytest.approx(true, abs=4 * errors[name] + 1e-12)
    assert max(errors.values()) < 0.02
    assert max(map(abs, wanted)) > 0.1
    # Every background row is used, and what is estimated says so.
    assert result["local"][0]["base"] == pytest.approx(model.predict_proba(background)[:, 1].mean(), abs=1e-12)
    assert result["recomputation"]["absent"]["rows"] == 40
    said = [note["text"] for note in result["notes"] if note["code"] == "estimated"]
    assert len(said) == (players == 6)
    assert ("estimated from" in result["statement"]) == (players == 6)


def test_the_stated_error_of_estimated_values_is_the_one_they_have() -> None:
    """The root mean square error over the rows, against the sum over all coalitions; every background row is used."""
    frame, names = make_frame(rows=60), list(FEATURES[:6])
    train = make_rows(1)[:, :6]
    label = (train[:, 0] * train[:, 1] + train[:, 2] > 0).astype(int)
    model = GradientBoostingClassifier(n_estimators=12).fit(train, label)
    document = check(export_model(model, feature_names=names))
    inputs = frame[names].to_numpy().T
    question = ask(document, on_margin=False, background=inputs)
    found = explain_rows(document, question, inputs[:, :12])
    assert found.noise is not None

    def worth(row: int) -> Any:
        def value(present: set[int]) -> float:
            mixed = inputs.T.copy()
            mixed[:, sorted(present)] = inputs.T[row, sorted(present)]
            return float(model.predict_proba(mixed)[:, 1].mean())

        return value

    wanted = np.array([shapley(worth(row), 6)[0] for row in range(12)]).T
    error = np.sqrt(((found.values - wanted) ** 2).mean())
    stated = np.sqrt((found.noise**2).mean())
    assert 0.5 * stated < error < 1.6 * stated


def _list(local: dict[str, Any]) -> list[tuple[str, float, Any]]:
    return [(part["feature"], part["shap"], part["value"]) for part in local["contributions"]]


def test_additive_models_are_explained_in_closed_form(tmp_path: Path) -> None:
    document = describe_additive({"a": ([0.0], [1.0, 3.0]), "b": ([0.0], [0.0, 4.0])})
    paths = write_case(tmp_path, None, pd.DataFrame({"a": [-1, 1, 1, 1], "b": [-1, -1, -1, 1]}), document)
    result = run_recomputed_explanation(paths, {"output": "output"})
    means = {found["feature"]: found["mean_abs"] for found in result["importance"]}
    assert means == {"a": pytest.approx(0.75), "b": pytest.approx(1.5)}
    assert result["local"][0]["base"] == pytest.approx(2.5 + 1.0)


def refuse(paths: dict[str, Path], spec: dict[str, Any]) -> str:
    with pytest.raises(BadInput) as caught:
        run_recomputed_explanation(paths, spec)
    return str(caught.value)


def test_tables_and_specifications_that_cannot_be_used_say_why(boosted: dict[str, Path]) -> None:
    frame = make_frame().astype({"a": object})

    def refuse_table(frame: Any, spec: dict[str, Any] | None = None) -> str:
        frame.to_csv(boosted["data"], index=False)
        return refuse(boosted, spec or {})

    assert refuse_table(frame.drop(columns="c")).startswith("column 'c': not in the file")
    broken = frame.copy()
    broken.loc[4, "a"] = "much"
    assert refuse_table(broken) == (
        "column 'a', row 5, line 6: must be empty or a finite number of at most 1e+100; found 'much'"
    )
    broken.loc[4, "a"] = "inf"
    assert "row 5" in refuse_table(broken)
    broken = frame.copy()
    broken.loc[9, "id"] = "p0"
    assert "every row needs an id of its own" in refuse_table(broken, {"columns": {"id": "id"}})
    assert refuse_table(frame, {"class": "2"}) == "column 'class': is none of 0, 1"
    assert "the margin is that of '1'" in refuse_table(frame, {"class": "0"})
    assert "unknown key" in refuse_table(frame, {"rowz": 3})
    assert refuse_table(frame, {"precision": 0}).startswith("column 'precision'")
    assert refuse({"model": boosted["model"]}, {}) == "column 'data': no data was given"
    assert refuse({**boosted, "model": boosted["data"]}, {}).startswith("the document: is not JSON")


def test_cover_cannot_stand_in_where_there_is_none(tmp_path: Path) -> None:
    paths, _, _ = make_pipeline_case(tmp_path)
    assert refuse(paths, {"absent": "cover"}).startswith("column 'absent': only margins of trees")


def test_categories_the_model_does_not_know_are_named(tmp_path: Path) -> None:
    paths, _, frame = make_pipeline_case(tmp_path)
    frame.loc[2, "sex"] = "X"
    frame.to_csv(paths["data"], index=False)
    assert refuse(paths, {}) == (
        "column 'sex', row 3, line 4: the model knows only the categories of its training; not among them is 'X'"
    )
