"""SHAP values computed where the model lives: every kind of model, checked by the portal's own laboratory."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from audits.explanations.explain import run_explanation
from audits.portable.sampling import take_rows as take_rows_of_the_portal
from countersign.explain import Explained, NotAdditive, explain_model, take_rows
from countersign.explain.result import find_allowed
from countersign.explain.sampling import count_rows, measure_uncertainty

ROWS = 240


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    generator = np.random.default_rng(3)
    return pd.DataFrame(generator.normal(size=(ROWS, 4)), columns=["age", "income", "debts", "noise"])


@pytest.fixture(scope="module")
def labels(table: pd.DataFrame) -> Any:
    score = table["income"] - table["debts"] + 0.3 * table["age"] * table["income"]
    return np.where(score > 0, "granted", "denied")


def check_at_the_portal(explained: Explained, folder: Path) -> dict[str, Any]:
    document = run_explanation(explained.write(folder / "attributions.csv"), explained.spec())
    assert document["is_additive"], document["worst_row"]
    assert document["statement"] == (
        f"computed by submitter, additivity verified on {len(explained.ids)} of {len(explained.ids)} rows"
    )
    json.dumps(document, allow_nan=False)
    return document


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    ("model", "scale"),
    [
        (LogisticRegression(), "log odds of granted"),
        (RandomForestClassifier(n_estimators=8, max_depth=4, random_state=0), "probability of granted"),
        (GradientBoostingClassifier(n_estimators=8, random_state=0), "log odds of granted"),
        (HistGradientBoostingClassifier(max_iter=8, random_state=0), "log odds of granted"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_classifiers_are_explained_on_their_own_scale(model, scale, table, labels, tmp_path: Path) -> None:
    model.fit(table, labels)
    explained = explain_model(model, table, seed=1)
    assert explained.output_name == scale
    document = check_at_the_portal(explained, tmp_path)
    assert [item["feature"] for item in document["importance"][:2]] != ["noise", "age"]
    assert document["said_by_submitter"]["output"] == scale
    other = explain_model(model, table, explained_class="denied", rows=20)
    check_at_the_portal(other, tmp_path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_boosters_are_explained_on_the_margin(library: str, table, labels, tmp_path: Path) -> None:
    module = pytest.importorskip(library)
    if library == "xgboost":
        model = module.XGBClassifier(n_estimators=10, max_depth=3)
        model.fit(table, labels == "granted")
    else:
        model = module.LGBMClassifier(n_estimators=10, verbose=-1)
        model.fit(table, labels == "granted")
    explained = explain_model(model, table, rows=60)
    check_at_the_portal(explained, tmp_path)
    assert explained.output_name == "log odds of 1" or explained.output_name == "log odds of True"
    with_background = explain_model(model, table, background=table[:50], rows=20)
    check_at_the_portal(with_background, tmp_path)
    assert with_background.background == "50 background rows"


def test_regressions_and_functions_are_explained(table, tmp_path: Path) -> None:
    target = table["income"] * 3 - table["debts"]
    for model in (LinearRegression().fit(table, target), DecisionTreeRegressor(max_depth=4).fit(table, target)):
        explained = explain_model(model, table, rows=40)
        assert explained.output_name == "prediction"
        check_at_the_portal(explained, tmp_path)

    def predict(rows: Any) -> Any:
        return 2 * np.asarray(rows)[:, 1] + 1

    explained = explain_model(predict, table.to_numpy(), feature_names=list(table.columns), rows=12, seed=2)
    check_at_the_portal(explained, tmp_path)
    assert list(explained.importance)[0] == "income"
    assert explained.importance["age"] == pytest.approx(0.0, abs=1e-9)
    assert "Permutation" in explained.explainer


def test_linear_values_are_the_closed_form(table, labels) -> None:
    model = LogisticRegression().fit(table, labels)
    explained = explain_model(model, table, background=table[:100])
    rows = [int(name) - 1 for name in explained.ids]
    expected = (table.to_numpy()[rows] - table[:100].to_numpy().mean(axis=0)) * model.coef_[0]
    np.testing.assert_allclose(explained.shap, expected, atol=1e-12)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pipeline_is_explained_on_the_columns_its_last_step_sees(table, labels, tmp_path: Path) -> None:
    data = table.assign(region=np.where(table["noise"] > 0, "north", "south"))
    prepare = ColumnTransformer([("n", StandardScaler(), ["age", "income"]), ("c", OneHotEncoder(), ["region"])])
    model = make_pipeline(prepare, LogisticRegression()).fit(data, labels)
    explained = explain_model(model, data, rows=30)
    assert explained.features == ("n__age", "n__income", "c__region_north", "c__region_south")
    check_at_the_portal(explained, tmp_path)


def test_second_opinion_and_repeats_reach_the_portal(table, labels, tmp_path: Path) -> None:
    model = LogisticRegression().fit(table, labels)
    explained = explain_model(model, table, rows=80, labels=labels, repeats=2, seed=5)
    document = check_at_the_portal(explained, tmp_path)
    assert document["permutation"]["value"] > 0.5
    assert [repeat["name"] for repeat in document["stability"]["repeats"]] == ["seed 6", "seed 7"]


def test_sample_is_seeded_and_in_proportion() -> None:
    outputs = np.random.default_rng(1).normal(size=1_000)
    strata = ["a"] * 900 + ["b"] * 100
    chosen = take_rows(outputs, 100, 7, strata)
    assert len(set(chosen)) == 100
    assert sum(row >= 900 for row in chosen) == 10
    assert take_rows(outputs, 100, 7, strata).tolist() == chosen.tolist()
    assert take_rows(outputs, 100, 8, strata).tolist() != chosen.tolist()
    assert take_rows(outputs, 2_000, 7).tolist() == list(range(1_000))


@pytest.mark.parametrize("count", [3, 50, 999])
def test_rows_are_taken_as_the_portal_takes_them(count: int) -> None:
    outputs = np.random.default_rng(2).integers(0, 40, size=1_000) / 7
    assert take_rows(outputs, count, 11).tolist() == take_rows_of_the_portal(outputs, count, 11).tolist()


def test_more_rows_are_explained_until_they_are_precise_enough() -> None:
    shap = np.random.default_rng(3).normal(size=(500, 2))
    found = measure_uncertainty(shap)
    assert found is not None
    assert count_rows(shap, found, 10_000) == 500
    assert 1_900 < count_rows(shap, found / 2, 10_000) < 2_500
    assert count_rows(shap, found / 100, 10_000) == 10_000
    assert measure_uncertainty(np.zeros((4, 2))) is None


def test_values_that_miss_the_output_are_never_sent(table) -> None:
    good = explain_model(LinearRegression().fit(table, table["income"]), table, rows=10)
    output = good.output.copy()
    output[4] += 0.5
    with pytest.raises(NotAdditive, match=f"Row {good.ids[4]}: .* miss the model's output by 0.5"):
        Explained(**{**vars(good), "output": output}).check()


@pytest.mark.parametrize("base", [0.0, 2e3, 1e9])
def test_as_much_may_be_missed_as_the_portal_allows(tmp_path: Path, base: float) -> None:
    generator = np.random.default_rng(5)
    shap = generator.normal(size=(30, 2))
    output = base + shap.sum(axis=1) + generator.choice([0.0, 1e-7, 1e-4, 0.02, 40.0], 30)
    lines = ["row_id,base_value,output,a,b"]
    lines += [
        ",".join([f"r{row}", repr(base), *(repr(float(v)) for v in (output[row], *shap[row]))]) for row in range(30)
    ]
    path = tmp_path / "shap.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    columns = {"id": "row_id", "base": "base_value", "output": "output"}
    found = run_explanation(path, {"columns": columns, "tolerance": 1e-6})
    error = np.abs(base + shap.sum(axis=1) - output)
    allowed = find_allowed(np.full(30, base), output, shap, 1e-6)
    assert found["additive_rows"] == int((error <= allowed).sum())
    assert found["worst_row"]["allowed"] == pytest.approx(allowed[found["worst_row"]["row"] - 1])


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
def test_what_the_special_explainers_cannot_do_is_left_to_permutations(table, labels, tmp_path: Path) -> None:
    counts = np.exp(table["income"] / 2)
    three = np.digitize(table["income"], [-0.5, 0.5])
    models = [
        PoissonRegressor().fit(table, counts),
        HistGradientBoostingRegressor(loss="poisson", max_iter=3).fit(table, counts),
        GradientBoostingClassifier(n_estimators=2, random_state=0).fit(table, three),
    ]
    for model in models:
        explained = explain_model(model, table, rows=6)
        assert "Permutation" in explained.explainer
        check_at_the_portal(explained, tmp_path)


def test_a_search_is_explained_by_the_model_it_found(table, labels) -> None:
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2).fit(table, labels)
    assert explain_model(search, table, rows=5).explainer == "closed form of a linear model"


def test_the_scale_has_its_own_name(table, labels) -> None:
    assert explain_model(RidgeClassifier().fit(table, labels), table, rows=5).output_name == "decision value of granted"
    lightgbm = pytest.importorskip("lightgbm")
    poisson = lightgbm.LGBMRegressor(objective="poisson", n_estimators=3, verbose=-1)
    poisson.fit(table, np.exp(table["income"]))
    assert explain_model(poisson, table, rows=5).output_name == "raw score (poisson)"
    with pytest.raises(ValueError, match="raw lightgbm Booster"):
        explain_model(poisson.booster_, table, rows=5)


def test_several_outputs_are_refused_with_what_to_do(table) -> None:
    model = LinearRegression().fit(table, table[["income", "debts"]])
    with pytest.raises(ValueError, match="several outputs"):
        explain_model(model, table, rows=5)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ids": [1, 2]}, "2 ids for 240 rows"),
        ({"strata": ["a"]}, "1 strata for 240 rows"),
        ({"explained_class": "maybe"}, "no class of the model"),
        ({"feature_names": ["a", "b", "c"]}, "need 4 names"),
    ],
)
def test_what_does_not_fit_is_named(given: dict[str, Any], words: str, table, labels) -> None:
    model = LogisticRegression().fit(table, labels)
    with pytest.raises(ValueError, match=words):
        explain_model(model, table, **given)


def test_words_are_left_out_of_the_values(tmp_path: Path) -> None:
    data = pd.DataFrame({"sex": ["f", "m"] * 20, "age": np.arange(40.0)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explained = explain_model(lambda rows: rows["age"] + (rows["sex"] == "f"), data, rows=8)
    assert set(explained.values) == {"age"}
    check_at_the_portal(explained, tmp_path)
