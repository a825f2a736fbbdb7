"""What the exporters refuse, and what they do about early stopping and names.

That documents predict as the library does is tested in tests/audits/portable.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn import ensemble, linear_model, neighbors
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from countersign import Client, CountersignError
from countersign.export import describe_additive, export_model, parts
from countersign.export.parts import NodeTable, write_trees

GENERATOR = np.random.default_rng(0)
TABLE = GENERATOR.standard_normal((200, 3))
LABELS = (TABLE[:, 0] > 0).astype(int)
NAMES = ["a", "b", "c"]
WORDS = pd.DataFrame({"word": GENERATOR.choice(["x", "y", "z"], 200, p=[0.6, 0.37, 0.03]), "number": TABLE[:, 0]})


def categories(table: Any) -> Any:
    frame = pd.DataFrame(table, columns=NAMES)
    frame["c"] = pd.Categorical(np.where(table[:, 2] > 0.7, "x", np.where(table[:, 2] > -0.7, "y", "z")))
    return frame


QUIET: dict[str, Any] = {"n_estimators": 3, "verbose": -1, "n_jobs": 1}
SMALL: dict[str, Any] = {"n_estimators": 3, "max_depth": 2, "n_jobs": 1}
REFUSED: list[tuple[str, Any]] = [
    ("there is no exporter for KNeighborsClassifier", lambda: neighbors.KNeighborsClassifier().fit(TABLE, LABELS)),
    ("LogisticRegression is not fitted", linear_model.LogisticRegression),
    (
        "the loss 'exponential' has a link of its own",
        lambda: ensemble.GradientBoostingClassifier(loss="exponential", n_estimators=2).fit(TABLE, LABELS),
    ),
    (
        "it starts from the predictions of another estimator",
        lambda: ensemble.GradientBoostingRegressor(init=linear_model.Ridge(), n_estimators=2).fit(TABLE, LABELS),
    ),
    (
        "probabilities of trees with monotonic constraints",
        lambda: ensemble.RandomForestClassifier(3, max_depth=2, monotonic_cst=[1, 0, 0]).fit(TABLE, LABELS),
    ),
    (
        "a classifier with several targets",
        lambda: ensemble.RandomForestClassifier(3, max_depth=2).fit(TABLE, np.column_stack((LABELS, 1 - LABELS))),
    ),
    (
        "it splits by sets of categories",
        lambda: ensemble.HistGradientBoostingClassifier(max_iter=2, categorical_features="from_dtype").fit(
            categories(TABLE), LABELS
        ),
    ),
    (
        "it splits by sets of categories",
        lambda: lightgbm.LGBMClassifier(**QUIET, min_data_per_group=1, cat_smooth=1).fit(
            categories(TABLE), TABLE[:, 2] > 0.7
        ),
    ),
    (
        "it splits by sets of categories",
        lambda: xgboost.XGBClassifier(**SMALL, enable_categorical=True, max_cat_to_onehot=1).fit(
            categories(TABLE), TABLE[:, 2] > 0.7
        ),
    ),
    (
        "its leaves hold linear models",
        lambda: lightgbm.LGBMRegressor(**QUIET, linear_tree=True).fit(TABLE, TABLE[:, 0]),
    ),
    ("zeros count as missing", lambda: lightgbm.LGBMRegressor(**QUIET, zero_as_missing=True).fit(TABLE, TABLE[:, 0])),
    (
        "the objective 'multiclassova'",
        lambda: lightgbm.LGBMClassifier(**QUIET, objective="ova").fit(TABLE, np.digitize(TABLE[:, 0], [-0.5, 0.5])),
    ),
    (
        "is used with sigmoid:2",
        lambda: lightgbm.LGBMClassifier(**QUIET, sigmoid=2.0).fit(TABLE, LABELS),
    ),
    ("the booster 'dart'", lambda: xgboost.XGBClassifier(**SMALL, booster="dart").fit(TABLE, LABELS)),
    (
        "the objective 'binary:hinge'",
        lambda: xgboost.XGBClassifier(**SMALL, objective="binary:hinge").fit(TABLE, LABELS),
    ),
    ("missing=-1", lambda: xgboost.XGBClassifier(**SMALL, missing=-1).fit(TABLE, LABELS)),
    (
        "its trees have vectors in their leaves",
        lambda: xgboost.XGBRegressor(**SMALL, multi_strategy="multi_output_tree", tree_method="hist").fit(
            TABLE, TABLE[:, :2]
        ),
    ),
    ("there is no exporter for the step PCA", lambda: make_pipeline(PCA(2), linear_model.Ridge()).fit(TABLE, LABELS)),
    (
        "a FunctionTransformer holds code",
        lambda: make_pipeline(FunctionTransformer(np.abs), linear_model.Ridge()).fit(TABLE, LABELS),
    ),
    (
        "MinMaxScaler(clip=True) cuts values off",
        lambda: make_pipeline(MinMaxScaler(clip=True), linear_model.Ridge()).fit(TABLE, LABELS),
    ),
    (
        "only empty values count as missing",
        lambda: make_pipeline(SimpleImputer(missing_values=0), linear_model.Ridge()).fit(TABLE, LABELS),
    ),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("reason", "make"), REFUSED)
def test_what_cannot_be_written_exactly_is_refused_with_the_reason(reason: str, make: Any) -> None:
    with pytest.raises(CountersignError) as caught:
        export_model(make(), feature_names=NAMES)
    assert caught.value.code == "not_exportable"
    assert reason in caught.value.detail


ENCODERS: list[tuple[str, Any]] = [
    ("puts infrequent categories together", OneHotEncoder(min_frequency=20, handle_unknown="infrequent_if_exist")),
    ("must give unknown categories the value -1", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=9)),
    ("must leave missing values missing", OrdinalEncoder(encoded_missing_value=7)),
]


@pytest.mark.parametrize(("reason", "encoder"), ENCODERS)
def test_encoders_are_refused_where_a_step_cannot_say_it(reason: str, encoder: Any) -> None:
    preparation = ColumnTransformer([("words", encoder, ["word"])], remainder="passthrough")
    model = make_pipeline(preparation, linear_model.Ridge()).fit(WORDS, LABELS)
    with pytest.raises(CountersignError, match=reason):
        export_model(model)


def test_a_computed_column_is_not_encoded_afterwards() -> None:
    model = make_pipeline(StandardScaler(), OneHotEncoder(handle_unknown="ignore"), linear_model.Ridge())
    model.fit(np.round(TABLE), LABELS)
    with pytest.raises(CountersignError, match="a is computed before it is encoded"):
        export_model(model, feature_names=NAMES)


def test_names_are_found_or_asked_for() -> None:
    bare = linear_model.LogisticRegression().fit(TABLE, LABELS)
    with pytest.raises(CountersignError, match="it does not know the names of its columns; give feature_names"):
        export_model(bare)
    with pytest.raises(CountersignError, match="2 feature names for 3 columns"):
        export_model(bare, feature_names=["a", "b"])
    with pytest.raises(CountersignError, match="two columns have the same name"):
        export_model(bare, feature_names=["a", "b", "a"])
    with pytest.raises(CountersignError, match="3 class names for 2 classes"):
        export_model(bare, feature_names=NAMES, class_names=["x", "y", "z"])
    named = linear_model.LogisticRegression().fit(pd.DataFrame(TABLE, columns=NAMES), np.where(LABELS, "yes", "no"))
    document = export_model(named, title="by names")
    assert [entry["name"] for entry in document["inputs"]] == NAMES
    assert (document["classes"], document["title"]) == (["no", "yes"], "by names")
    assert document["made_by"]["estimator"] == "LogisticRegression"
    numbers = export_model(linear_model.LogisticRegression().fit(TABLE, LABELS * 2.0), feature_names=NAMES)
    assert numbers["classes"] == ["0", "2"]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_only_the_trees_before_early_stopping_are_written() -> None:
    noise = GENERATOR.random(200)
    settings: dict[str, Any] = {"n_estimators": 60, "n_jobs": 1}
    boosted = xgboost.XGBRegressor(**settings, early_stopping_rounds=3, num_parallel_tree=2)
    boosted.fit(TABLE, noise, eval_set=[(TABLE[::-1], noise)], verbose=False)
    trees = export_model(boosted, feature_names=NAMES)["model"]["trees"]
    assert len(trees) == 2 * (boosted.best_iteration + 1) < len(boosted.get_booster().get_dump())
    gradient = lightgbm.LGBMRegressor(**settings, verbose=-1)
    stop = lightgbm.early_stopping(3, verbose=False)
    gradient.fit(TABLE, noise, eval_X=TABLE[::-1], eval_y=noise, callbacks=[stop])
    trees = export_model(gradient, feature_names=NAMES)["model"]["trees"]
    assert len(trees) == gradient.best_iteration_ < 60


def test_covers_are_left_out_where_a_leaf_has_none() -> None:
    """And parents are the sums of their children, whatever the library rounded."""

    def write(cover: list[float]) -> dict[str, Any]:
        table = NodeTable([2, -1, -1], [1, -1, -1], [0, -1, -1], [0.5, 0, 0], [[0, 1, 2]], None, cover, 0)
        tree: dict[str, Any] = write_trees([table], [0.0])["trees"][0]
        return tree

    assert write([10.001, 6, 4]) == {
        "output": 0,
        "left": [1, -1, -1],
        "right": [2, -1, -1],
        "feature": [0, -1, -1],
        "threshold": [0.5, 0, 0],
        "values": [[0, 2, 1]],
        "cover": [10, 4, 6],
    }
    assert "cover" not in write([10, 10, 0])


def test_models_beyond_the_portals_limits_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ensemble.RandomForestRegressor(3, random_state=0).fit(TABLE, TABLE[:, 0])
    nodes = sum(tree.tree_.node_count for tree in model.estimators_)
    monkeypatch.setattr(parts, "MOST_NODES", nodes - 1)
    with pytest.raises(CountersignError, match=f"it has 3 trees with {nodes:,} nodes; the portal takes 5,000 and"):
        export_model(model, feature_names=NAMES)
    monkeypatch.setattr(parts, "MOST_NODES", nodes)
    monkeypatch.setattr(parts, "MOST_LEVELS", max(tree.get_depth() for tree in model.estimators_) - 1)
    with pytest.raises(CountersignError, match="levels deep; the portal takes"):
        export_model(model, feature_names=NAMES)


def test_points_must_fit_their_edges() -> None:
    with pytest.raises(CountersignError, match="age has 2 edges and needs 3 points, not 2"):
        describe_additive({"age": ([1, 2], [0.5, 1.0])})


def test_the_script_in_the_readme_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[2] / "client" / "README.md").read_text(encoding="utf-8")
    (block,) = [part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "export_model" in part]
    monkeypatch.chdir(tmp_path)
    portal = MagicMock(spec=Client)
    model = linear_model.LogisticRegression().fit(TABLE, LABELS)
    names = {"model": model, "table": pd.DataFrame(TABLE, columns=NAMES), "portal": portal, "version": 7}
    exec(compile(block, "README.md", "exec"), names | {"predictions": 3})  # noqa: S102
    assert json.loads((tmp_path / "model.json").read_text())["format"] == "countersign/model/1"
    assert portal.submit_evidence.call_args.kwargs["kind"] == "model_document"
    assert set(portal.request_explanation.call_args.kwargs["inputs"]) == {"data", "predictions"}


def test_no_numerical_library_is_imported_before_it_is_needed() -> None:
    program = (
        "import sys, countersign.export\n"
        "print(sorted({'numpy', 'sklearn', 'xgboost', 'lightgbm', 'pandas', 'joblib'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
