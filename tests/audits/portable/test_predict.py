"""Predictions of documents equal the libraries' own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from audits.errors import BadInput
from audits.portable.document import PortableModel
from audits.portable.predict import predict
from countersign.export import describe_additive, export_model
from tests.audits.portable.paper import make_paper
from tests.audits.portable.samples import FEATURES, MODELS, check, export, fit, get_trees, make_rows

# XGBoost computes its links in float32; everything else is float64, added up in the same order.
LINK_TOLERANCE = 3e-7
EXACT = ("Tree", "Forest", "XGBRegressor", "LGBMRegressor", "GradientBoostingRegressor")


@pytest.mark.parametrize("name", MODELS)
def test_predictions_equal_the_librarys(name: str) -> None:
    model, document = fit(name), export(name)
    takes_missing = MODELS[name][2] > 0 or name.startswith("LGBM")
    table = make_rows(2, missing=0.1 if takes_missing else 0.0)
    found = predict(document, np.ascontiguousarray(table.T))
    if document.task == "classification":
        wanted = model.predict_proba(table).T
        assert [document.classes[label] for label in found.labels] == [str(label) for label in model.predict(table)]
    else:
        wanted = np.atleast_2d(model.predict(table).T)
    allowed = LINK_TOLERANCE if name.startswith("XGB") else 1e-12
    if document.link == "identity" and any(word in name for word in EXACT):
        allowed = 0.0
    difference = np.abs(found.outputs - wanted)
    assert (difference <= allowed * np.maximum(1.0, np.abs(wanted))).all()
    # A model that says the same of every row would pass unnoticed.
    assert np.ptp(found.outputs, axis=1).min() > 0.01


@pytest.mark.parametrize("name", ["XGBClassifier", "XGBClassifier classes"])
def test_margins_of_xgboost_are_equal_to_the_last_bit(name: str) -> None:
    table = make_rows(3, missing=0.1)
    found = predict(export(name), np.ascontiguousarray(table.T)).margins
    assert (found == np.atleast_2d(fit(name).predict(table, output_margin=True).T)).all()


def test_values_at_a_threshold_go_where_the_library_sends_them() -> None:
    for name in ("DecisionTreeRegressor", "HistGradientBoostingClassifier", "XGBRegressor", "LGBMRegressor"):
        document = export(name)
        tree = get_trees(document).trees[0]
        feature, threshold = int(tree.feature[0]), float(tree.threshold[0])
        table = np.zeros((4, len(FEATURES)))
        table[:, feature] = [threshold, np.nextafter(threshold, 9), np.nextafter(threshold, -9), threshold + 1e-8]
        found = predict(document, np.ascontiguousarray(table.T)).outputs
        model = fit(name)
        wanted = model.predict_proba(table).T if document.classes else model.predict(table)
        assert np.abs(found - wanted).max() < 1e-12, name


def make_people(seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": generator.normal(40, 12, 300),
            "income": generator.lognormal(3, 1, 300),
            "region": generator.choice(["north", "south", "east"], 300),
            "job": generator.choice(["a", "b", "c", None], 300),
            "level": generator.integers(1, 4, 300),
        }
    )
    frame.loc[generator.random(300) < 0.2, "age"] = np.nan
    return frame


def encode(frame: pd.DataFrame, document: PortableModel) -> NDArray[np.float64]:
    """Return the inputs of a document from a frame, as the reader of tables does."""
    columns = []
    for found in document.inputs:
        values = frame[found.name]
        if found.categories is None:
            columns.append(values.to_numpy(np.float64))
        else:
            codes = {name: place for place, name in enumerate(found.categories)}
            columns.append(np.array([np.nan if pd.isna(value) else codes.get(value, -1) for value in values]))
    return np.array(columns)


PREPARATIONS: dict[str, Any] = {
    "columns": lambda: ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), ["age"]),
            ("other", MinMaxScaler(), ["income"]),
            (
                "words",
                make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), OneHotEncoder(drop="first")),
                ["region", "job"],
            ),
            ("levels", OneHotEncoder(handle_unknown="ignore"), ["level"]),
        ]
    ),
    "passed on": lambda: ColumnTransformer(
        [
            ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["region", "job"]),
            ("gone", "drop", ["age"]),
        ],
        remainder="passthrough",
    ),
    "ordinal": lambda: ColumnTransformer(
        [("words", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["region"])],
        remainder=SimpleImputer(strategy="mean"),
    ),
}


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(max_iter=500),
        RandomForestClassifier(8, random_state=0),
        HistGradientBoostingClassifier(max_iter=8),
    ],
)
@pytest.mark.parametrize("preparation", PREPARATIONS)
def test_pipelines_are_written_down_as_steps(preparation: str, estimator: Any) -> None:
    people = make_people(1)
    if preparation == "ordinal":
        people = people.drop(columns="job")
    target = (people["income"] + 10 * (people["region"] == "north") > 25).astype(int)
    model = make_pipeline(PREPARATIONS[preparation](), estimator).fit(people, target)
    document = check(export_model(model))
    others = make_people(2)[people.columns]
    others.loc[:5, "region"] = "west" if preparation != "columns" else "east"
    found = predict(document, encode(others, document))
    assert np.abs(found.outputs.T - model.predict_proba(others)).max() < 1e-12
    assert [column.name for column in document.columns][:2] != list(people.columns)[:2] or preparation == "ordinal"


def test_a_pipeline_of_bare_arrays_takes_the_names_it_is_given() -> None:
    table = make_rows(1)
    model = make_pipeline(SimpleImputer(), StandardScaler(), Ridge()).fit(table, table[:, 0] * 2 + 1)
    document = check(export_model(model, feature_names=FEATURES))
    other = make_rows(2, missing=0.2)
    found = predict(document, np.ascontiguousarray(other.T)).outputs[0]
    assert np.abs(found - model.predict(other)).max() < 1e-12
    assert tuple(source.name for source in document.inputs) == FEATURES


def test_additive_models_look_their_points_up() -> None:
    document = check(
        describe_additive(
            {"age": ([30, 50], [0.5, 1.0, -2.0]), "income": ([10], [0.0, 4.0])},
            intercept=1.0,
            missing={"age": 0.25},
            classes=["no", "yes"],
        )
    )
    table = np.array([[29.9, 30.0, 50.0, np.nan], [9.0, 10.0, 11.0, 9.9]])
    found = predict(document, table)
    assert found.margins.tolist() == [[1.5, 6.0, 3.0, 1.25]]
    assert found.outputs[1] == pytest.approx(1 / (1 + np.exp(-found.margins[0])), abs=1e-15)
    with pytest.raises(BadInput, match="column 'income', row 2: the value is missing"):
        predict(document, np.array([[1.0, 1.0], [1.0, np.nan]]))


def test_the_paper_tree_gives_what_one_reads_off_it() -> None:
    found = predict(check(make_paper()), np.array([[0.5, 0.6, 0.6, np.nan], [9.0, 2.0, 2.1, 9.0]]))
    assert found.outputs.tolist() == [[11.0, 13.0, 17.0, 11.0]]


def test_an_answer_that_is_not_finite_names_the_row() -> None:
    document = make_paper(values=[[0.0, 1e3, 0.0, 3.0, 7.0]])
    document |= {"link": "log"}
    with pytest.raises(BadInput, match="row 2: the model's answer is not a finite number"):
        predict(check(document), np.array([[1.0, 0.0], [0.0, 0.0]]))
