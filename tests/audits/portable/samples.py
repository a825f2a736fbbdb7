"""Small fitted models and their documents, for the tests of portable models."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audits.portable.document import PortableModel, check_document
from audits.portable.strict_json import read_json
from audits.portable.trees import TreeEnsemble
from countersign.export import export_model

ROWS = 600
FEATURES = ("a", "b", "c", "d", "e", "f")


def make_rows(seed: int, *, rows: int = ROWS, missing: float = 0.0) -> NDArray[np.float64]:
    """Return rows of six features; column e is a whole number, some cells are missing."""
    generator = np.random.default_rng(seed)
    table = generator.standard_normal((rows, len(FEATURES)))
    table[:, 4] = generator.integers(0, 5, rows)
    table[generator.random(table.shape) < missing] = np.nan
    return table


def make_target(table: NDArray[np.float64], kind: str) -> NDArray[Any]:
    """Return labels of two or three classes, counts, or numbers that belong to rows."""
    known = np.nan_to_num(table)
    score = known[:, 0] + known[:, 1] * known[:, 2] - 0.5 * known[:, 3] + 0.3 * (known[:, 4] > 2)
    if kind == "binary":
        return (score > 0).astype(int)
    if kind == "classes":
        return np.digitize(score, [-1.0, 0.5])
    if kind == "counts":
        return np.random.default_rng(5).poisson(np.exp(score / 4))
    if kind == "two targets":
        return np.column_stack((score, -2 * score + known[:, 5]))
    return 10 * score + 3


Choice = tuple[Callable[[], Any], str, float]


def _list_models() -> dict[str, Choice]:
    return {**_list_scikit_learn(), **_list_boosters()}


def _list_scikit_learn() -> dict[str, Choice]:
    from sklearn import ensemble, linear_model, tree

    forest = {"n_estimators": 8, "max_depth": 6, "random_state": 0, "n_jobs": 1}
    return {
        "LogisticRegression": (linear_model.LogisticRegression, "binary", 0.0),
        "LogisticRegression classes": (linear_model.LogisticRegression, "classes", 0.0),
        "LinearRegression": (linear_model.LinearRegression, "number", 0.0),
        "LinearRegression two targets": (linear_model.LinearRegression, "two targets", 0.0),
        "Ridge": (linear_model.Ridge, "number", 0.0),
        "PoissonRegressor": (linear_model.PoissonRegressor, "counts", 0.0),
        "DecisionTreeClassifier": (lambda: tree.DecisionTreeClassifier(max_depth=5, random_state=0), "binary", 0.1),
        "DecisionTreeRegressor": (lambda: tree.DecisionTreeRegressor(random_state=0), "number", 0.0),
        "RandomForestClassifier": (lambda: ensemble.RandomForestClassifier(**forest), "classes", 0.1),
        "RandomForestRegressor": (lambda: ensemble.RandomForestRegressor(**forest), "number", 0.0),
        "RandomForestRegressor two targets": (lambda: ensemble.RandomForestRegressor(**forest), "two targets", 0.0),
        "ExtraTreesClassifier": (lambda: ensemble.ExtraTreesClassifier(**forest), "binary", 0.0),
        "GradientBoostingClassifier": (lambda: ensemble.GradientBoostingClassifier(n_estimators=12), "binary", 0.0),
        "GradientBoostingClassifier classes": (
            lambda: ensemble.GradientBoostingClassifier(n_estimators=6),
            "classes",
            0.0,
        ),
        "GradientBoostingRegressor": (lambda: ensemble.GradientBoostingRegressor(n_estimators=12), "number", 0.0),
        "HistGradientBoostingClassifier": (
            lambda: ensemble.HistGradientBoostingClassifier(max_iter=12, random_state=0),
            "binary",
            0.1,
        ),
        "HistGradientBoostingClassifier classes": (
            lambda: ensemble.HistGradientBoostingClassifier(max_iter=6, random_state=0),
            "classes",
            0.1,
        ),
        "HistGradientBoostingRegressor": (
            lambda: ensemble.HistGradientBoostingRegressor(max_iter=12, loss="poisson", random_state=0),
            "counts",
            0.1,
        ),
    }


def _list_boosters() -> dict[str, Choice]:
    import lightgbm
    import xgboost

    quiet = {"n_estimators": 12, "verbose": -1, "n_jobs": 1, "random_state": 0}
    boosted = {"n_estimators": 12, "max_depth": 4, "n_jobs": 1, "random_state": 0}
    return {
        "XGBClassifier": (lambda: xgboost.XGBClassifier(**boosted), "binary", 0.1),
        "XGBClassifier classes": (lambda: xgboost.XGBClassifier(**boosted), "classes", 0.1),
        "XGBRegressor": (lambda: xgboost.XGBRegressor(**boosted), "number", 0.1),
        "XGBRegressor counts": (lambda: xgboost.XGBRegressor(objective="count:poisson", **boosted), "counts", 0.1),
        "XGBRegressor two targets": (lambda: xgboost.XGBRegressor(**boosted), "two targets", 0.1),
        "XGBRFRegressor": (lambda: xgboost.XGBRFRegressor(**boosted), "number", 0.0),
        "LGBMClassifier": (lambda: lightgbm.LGBMClassifier(**quiet), "binary", 0.1),
        "LGBMClassifier, no missing in training": (lambda: lightgbm.LGBMClassifier(**quiet), "binary", 0.0),
        "LGBMClassifier classes": (lambda: lightgbm.LGBMClassifier(**quiet), "classes", 0.1),
        "LGBMRegressor": (lambda: lightgbm.LGBMRegressor(**quiet), "number", 0.1),
        "LGBMRegressor counts": (lambda: lightgbm.LGBMRegressor(objective="poisson", **quiet), "counts", 0.1),
        "XGBRanker": (lambda: Ranked(xgboost.XGBRanker(**boosted)), "counts", 0.1),
        "LGBMRanker": (lambda: Ranked(lightgbm.LGBMRanker(**quiet)), "counts", 0.1),
        "LGBMRegressor forest": (
            lambda: lightgbm.LGBMRegressor(boosting_type="rf", bagging_freq=1, bagging_fraction=0.5, **quiet),
            "number",
            0.1,
        ),
    }


class Ranked:
    """A ranker that is fitted like everything else: queries of 20 rows, grades of 0 to 3."""

    def __init__(self, ranker: Any) -> None:
        self.ranker = ranker

    def fit(self, table: NDArray[np.float64], target: NDArray[Any]) -> Any:
        return self.ranker.fit(table, np.minimum(target, 3), group=[20] * (len(table) // 20))


MODELS = _list_models()


@lru_cache(maxsize=64)
def fit(name: str) -> Any:
    """Return the fitted model of that name."""
    make, target, missing = MODELS[name]
    table = make_rows(1, missing=missing)
    return make().fit(table, make_target(table, target))


def check(document: dict[str, Any]) -> PortableModel:
    """Check a document after a journey through JSON text."""
    return check_document(read_json(json.dumps(document, allow_nan=False).encode()))


@lru_cache(maxsize=64)
def export(name: str) -> PortableModel:
    """Return the checked document of the fitted model of that name."""
    return check(export_model(fit(name), feature_names=FEATURES))


def get_trees(document: PortableModel) -> TreeEnsemble:
    """Return the trees of a document that has trees."""
    assert isinstance(document.model, TreeEnsemble)
    return document.model
