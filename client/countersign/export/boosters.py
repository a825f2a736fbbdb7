"""XGBoost and LightGBM, read through the JSON each library writes of its own models."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

from countersign.export.parts import Exported, NodeTable, refuse, write_trees

XGBOOST_LINKS = {
    "reg:squarederror": "identity",
    "reg:squaredlogerror": "identity",
    "reg:absoluteerror": "identity",
    "reg:pseudohubererror": "identity",
    "reg:quantileerror": "identity",
    "rank:ndcg": "identity",
    "rank:map": "identity",
    "rank:pairwise": "identity",
    "reg:logistic": "logit",
    "binary:logistic": "logit",
    "count:poisson": "log",
    "reg:gamma": "log",
    "reg:tweedie": "log",
    "multi:softprob": "softmax",
    "multi:softmax": "softmax",
}
LIGHTGBM_LINKS = {
    "regression": "identity",
    "regression_l1": "identity",
    "huber": "identity",
    "fair": "identity",
    "quantile": "identity",
    "mape": "identity",
    "lambdarank": "identity",
    "rank_xendcg": "identity",
    "poisson": "log",
    "gamma": "log",
    "tweedie": "log",
    "binary": "logit",
    "cross_entropy": "logit",
    "multiclass": "softmax",
}


def _round_single(number: float) -> float:
    """Return the number as float32 holds it: XGBoost's JSON writes float32 in few digits."""
    return float(struct.unpack("f", struct.pack("f", number))[0])


# --- XGBoost ----------------------------------------------------------------------------------------


def read_xgboost(model: Any) -> Exported:
    """Return what an XGBoost booster or estimator says, from its JSON form.

    Raises
    ------
    CountersignError
        For linear boosters, DART, trees with vector leaves, splits by sets of categories, and
        objectives whose link the document does not have.
    """
    is_estimator = hasattr(model, "get_booster")
    booster = model.get_booster() if is_estimator else model
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    boosting = learner["gradient_booster"]
    if boosting["name"] != "gbtree":
        refuse(f"the booster {boosting['name']!r} is not a plain sum of trees")
    objective = learner["objective"]["name"]
    if objective not in XGBOOST_LINKS:
        refuse(f"the objective {objective!r} has a link of its own")
    if is_estimator:
        _check_missing(model)
    link = XGBOOST_LINKS[objective]
    parameters = learner["learner_model_param"]
    outputs = max(1, int(parameters["num_class"]), int(parameters.get("num_target", 1)))
    trees = boosting["model"]
    kept = _count_kept(model, booster, trees)
    tables = (
        _list_xgboost_nodes(tree, int(group))
        for tree, group in zip(trees["trees"][:kept], trees["tree_info"][:kept], strict=True)
    )
    base = _find_margin(parameters["base_score"], link, outputs)
    part = write_trees(tables, base, comparison="<", input_precision="float32", sum_precision="float32")
    is_classifier = link == "softmax" or objective == "binary:logistic"
    return Exported(
        task="classification" if is_classifier or link == "logit" else "regression",
        model=part,
        link=link,
        library="xgboost",
        estimator=type(model).__name__,
        columns=int(parameters["num_feature"]),
        classes=list(model.classes_) if is_classifier and hasattr(model, "classes_") else None,
        outputs=outputs,
        names=learner.get("feature_names") or None,
    )


def _check_missing(model: Any) -> None:
    mark = getattr(model, "missing", None)
    if mark is not None and mark == mark:  # noqa: PLR0124
        refuse(f"missing={mark!r}: only empty values count as missing")


def _count_kept(model: Any, booster: Any, trees: dict[str, Any]) -> int:
    """Return how many trees predict: early stopping leaves the later ones out.

    Only the estimators stop at the best iteration by themselves; a bare booster uses every tree.
    """
    count = len(trees["trees"])
    best = booster.attr("best_iteration")
    if best is None or model is booster:
        return count
    starts = trees.get("iteration_indptr")
    if not starts or int(best) + 1 >= len(starts):
        refuse("it stopped early and does not say which trees it keeps")
    return int(starts[int(best) + 1])


def _find_margin(base_score: Any, link: str, outputs: int) -> list[float]:
    """Return the margin before the first tree, computed in float32 as the library does."""
    import numpy as np

    numbers = json.loads(base_score) if base_score.startswith("[") else [float(base_score)]
    start = np.array(numbers, dtype=np.float32)
    one = np.float32(1)
    if link == "logit":
        start = -np.log(one / start - one)
    elif link == "log":
        start = np.log(start)
    found = [float(number) for number in start]
    return found * outputs if len(found) == 1 else found


def _list_xgboost_nodes(tree: dict[str, Any], group: int) -> NodeTable:
    if int(tree["tree_param"].get("size_leaf_vector", "1")) > 1:
        refuse("its trees have vectors in their leaves")
    if any(tree.get("split_type") or ()):
        refuse("it splits by sets of categories; one-hot encode them before the estimator")
    conditions = [_round_single(number) for number in tree["split_conditions"]]
    return NodeTable(
        left=tree["left_children"],
        right=tree["right_children"],
        feature=tree["split_indices"],
        threshold=conditions,
        values=[conditions],
        missing_left=[bool(flag) for flag in tree["default_left"]],
        cover=[float(number) for number in tree["sum_hessian"]],
        output=group,
    )


# --- LightGBM ---------------------------------------------------------------------------------------


def read_lightgbm(model: Any) -> Exported:
    """Return what a LightGBM booster or estimator says, from its `dump_model`.

    Raises
    ------
    CountersignError
        For linear trees, splits by sets of categories, zeros that count as missing, and objectives
        whose link the document does not have.
    """
    booster = getattr(model, "booster_", model)
    dump = booster.dump_model()
    objective, *settings = str(dump.get("objective", "")).split()
    if objective not in LIGHTGBM_LINKS:
        refuse(f"the objective {objective!r} has a link of its own")
    for setting in settings:
        if setting == "sqrt" or (setting.startswith("sigmoid:") and float(setting[8:]) != 1.0):
            refuse(f"the objective is used with {setting}, which changes its link")
    outputs = int(dump["num_tree_per_iteration"])
    tables = (
        _list_lightgbm_nodes(tree["tree_structure"], number % outputs) for number, tree in enumerate(dump["tree_info"])
    )
    is_average = bool(dump.get("average_output"))
    if is_average and outputs > 1:
        refuse("a random forest of LightGBM with several classes")
    link = LIGHTGBM_LINKS[objective]
    part = write_trees(tables, [0.0] * outputs, combine="mean" if is_average else "sum")
    is_classifier = link in ("logit", "softmax")
    return Exported(
        task="classification" if is_classifier else "regression",
        model=part,
        link=link,
        library="lightgbm",
        estimator=type(model).__name__,
        columns=int(dump["max_feature_idx"]) + 1,
        classes=list(model.classes_) if is_classifier and hasattr(model, "classes_") else None,
        outputs=outputs,
        names=dump["feature_names"],
    )


def _iterate_nested(root: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any], int | None, str]]:
    """Yield (number, node, number of the parent, side) of a nested tree, parents first."""
    waiting: list[tuple[dict[str, Any], int | None, str]] = [(root, None, "")]
    number = 0
    while waiting:
        node, parent, side = waiting.pop()
        yield number, node, parent, side
        if "split_feature" in node:
            waiting += [(node["right_child"], number, "right"), (node["left_child"], number, "left")]
        number += 1


def _list_lightgbm_nodes(root: dict[str, Any], output: int) -> NodeTable:
    left: list[int] = []
    right: list[int] = []
    feature: list[int] = []
    threshold: list[float] = []
    values: list[float] = []
    missing: list[bool] = []
    cover: list[float] = []
    for number, node, parent, side in _iterate_nested(root):
        if parent is not None:
            (left if side == "left" else right)[parent] = number
        left.append(-1)
        right.append(-1)
        is_split = "split_feature" in node
        feature.append(int(node["split_feature"]) if is_split else -1)
        threshold.append(_read_threshold(node) if is_split else 0.0)
        values.append(0.0 if is_split else float(node["leaf_value"]))
        missing.append(_goes_left(node) if is_split else False)
        # A tree of one leaf has no count.
        cover.append(float(node["internal_count" if is_split else "leaf_count"]) if parent is not None else 1.0)
        if not is_split and ("leaf_coeff" in node or "leaf_const" in node):
            refuse("its leaves hold linear models")
    return NodeTable(left, right, feature, threshold, [values], missing, cover, output)


def _read_threshold(node: dict[str, Any]) -> float:
    if node["decision_type"] != "<=":
        refuse("it splits by sets of categories; one-hot encode them before the estimator")
    return float(node["threshold"])


def _goes_left(node: dict[str, Any]) -> bool:
    """Say where a missing value goes; a split that knows none takes it for 0."""
    if node["missing_type"] == "Zero":
        refuse("zeros count as missing (zero_as_missing)")
    if node["missing_type"] == "None":
        return bool(float(node["threshold"]) >= 0.0)
    return bool(node["default_left"])
