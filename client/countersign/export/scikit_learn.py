"""scikit-learn's linear models, trees, forests and gradient boosting, read attribute by attribute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from countersign.export.parts import Exported, NodeTable, find_class, list_floats, refuse, write_trees

LIBRARY = "scikit-learn"
HIST_LINKS = {
    "squared_error": "identity",
    "absolute_error": "identity",
    "quantile": "identity",
    "poisson": "log",
    "gamma": "log",
}


def read_estimator(estimator: Any) -> Exported:
    """Return what a fitted estimator says.

    Raises
    ------
    CountersignError
        For an estimator or a setting that the document cannot express.
    """
    kind = find_class(estimator, READERS)
    if kind is None:
        refuse(f"there is no exporter for {type(estimator).__name__}")
    if not hasattr(estimator, "n_features_in_"):
        refuse(f"{type(estimator).__name__} is not fitted")
    return READERS[kind](estimator)


def _is_classifier(estimator: Any) -> bool:
    return hasattr(estimator, "classes_")


def _describe(
    estimator: Any, model: dict[str, Any], link: str, outputs: int, classes: list[Any] | None = None
) -> Exported:
    return Exported(
        task="regression" if classes is None else "classification",
        model=model,
        link=link,
        library=LIBRARY,
        estimator=type(estimator).__name__,
        columns=int(estimator.n_features_in_),
        classes=classes,
        outputs=outputs,
    )


# --- Linear models ----------------------------------------------------------------------------------


def _read_linear(estimator: Any, link: str, classes: list[Any] | None = None) -> Exported:
    shape = getattr(estimator.coef_, "shape", None)
    if shape is None or len(shape) > 2:
        refuse("its coefficients are not a plain array")
    rows = [estimator.coef_] if len(shape) == 1 else list(estimator.coef_)
    intercept = estimator.intercept_
    intercepts = list_floats(intercept) if getattr(intercept, "shape", ()) else [float(intercept)] * len(rows)
    if len(intercepts) < len(rows):
        intercepts = intercepts * len(rows)
    coefficients = [list_floats(row) for row in rows]
    model = {"kind": "linear", "coefficients": coefficients, "intercepts": intercepts}
    return _describe(estimator, model, link, len(rows), classes)


def _read_regression(estimator: Any) -> Exported:
    return _read_linear(estimator, "identity")


def _read_log_regression(estimator: Any) -> Exported:
    return _read_linear(estimator, "log")


def _read_logistic(estimator: Any) -> Exported:
    classes = list(estimator.classes_)
    if len(classes) == 2:
        return _read_linear(estimator, "logit", classes)
    if getattr(estimator, "multi_class", "deprecated") == "ovr" or getattr(estimator, "solver", "") == "liblinear":
        refuse("one logistic regression per class, each against the rest, is not a softmax")
    return _read_linear(estimator, "softmax", classes)


# --- Trees and forests ------------------------------------------------------------------------------


def _read_tree(estimator: Any) -> Exported:
    return _read_forest(estimator, [estimator])


def _read_forest(estimator: Any, members: list[Any] | None = None) -> Exported:
    trees = list(estimator.estimators_) if members is None else members
    classes = None
    outputs = int(estimator.n_outputs_)
    if _is_classifier(estimator):
        if outputs != 1:
            refuse("a classifier with several targets")
        classes = list(estimator.classes_)
        outputs = len(classes)
        if outputs < 2:
            refuse("it knows only one class")
    monotone = getattr(estimator, "monotonic_cst", None)
    if classes is not None and monotone is not None:
        refuse("probabilities of trees with monotonic constraints are adjusted by the library")
    tables = (_list_nodes(tree.tree_, shares=classes is not None) for tree in trees)
    model = write_trees(tables, [0.0] * outputs, combine="mean", input_precision="float32")
    return _describe(estimator, model, "identity", outputs, classes)


def _list_nodes(tree: Any, *, shares: bool, takes_missing: bool = True) -> NodeTable:
    """Return the nodes of one of scikit-learn's `Tree` objects.

    Classifiers up to 1.2 keep counts, later ones shares; both become shares.
    """
    values = tree.value[:, 0, :] if shares else tree.value[:, :, 0]
    if shares:
        total = values.sum(axis=1, keepdims=True)
        if abs(total - 1.0).max() > 1e-9:
            values = values / total
    missing = getattr(tree, "missing_go_to_left", None)
    return NodeTable(
        left=tree.children_left.tolist(),
        right=tree.children_right.tolist(),
        feature=tree.feature.tolist(),
        threshold=tree.threshold.tolist(),
        values=values.T.tolist(),
        missing_left=missing.astype(bool).tolist() if takes_missing and missing is not None else None,
        cover=tree.weighted_n_node_samples.tolist(),
    )


# --- Gradient boosting ------------------------------------------------------------------------------


def _read_gradient_boosting(estimator: Any) -> Exported:
    classes = list(estimator.classes_) if _is_classifier(estimator) else None
    if classes is not None and estimator.loss != "log_loss":
        refuse(f"the loss {estimator.loss!r} has a link of its own")
    if estimator.init not in (None, "zero"):
        refuse("it starts from the predictions of another estimator (init)")
    outputs = estimator.estimators_.shape[1]
    base = _find_start(estimator, outputs)
    model = write_trees(_iterate_stages(estimator), base, input_precision="float32")
    link = "identity" if classes is None else "logit" if outputs == 1 else "softmax"
    return _describe(estimator, model, link, outputs, classes)


def _find_start(estimator: Any, outputs: int) -> list[float]:
    """Return what the model predicts before its first tree, the same for every row."""
    if estimator.init == "zero":
        return [0.0] * outputs
    import numpy as np

    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))
    return list_floats(start[0])


def _iterate_stages(estimator: Any) -> Iterator[NodeTable]:
    for stage in estimator.estimators_:
        for output, tree in enumerate(stage):
            # Its input check refuses missing values, whatever its trees could do with them.
            table = _list_nodes(tree.tree_, shares=False, takes_missing=False)
            table.values = [[value * estimator.learning_rate for value in table.values[0]]]
            table.output = output
            yield table


def _read_hist(estimator: Any) -> Exported:
    classes = list(estimator.classes_) if _is_classifier(estimator) else None
    categorical = getattr(estimator, "is_categorical_", None)
    if categorical is not None and any(categorical):
        refuse("it splits by sets of categories; one-hot encode them before the estimator")
    outputs = int(estimator.n_trees_per_iteration_)
    if classes is not None:
        link = "logit" if outputs == 1 else "softmax"
    elif estimator.loss in HIST_LINKS:
        link = HIST_LINKS[estimator.loss]
    else:
        return refuse(f"the loss {estimator.loss!r} has a link of its own")
    base = list_floats(estimator._baseline_prediction.ravel())
    model = write_trees(_iterate_predictors(estimator), base * (outputs // len(base)))
    return _describe(estimator, model, link, outputs, classes)


def _iterate_predictors(estimator: Any) -> Iterator[NodeTable]:
    for iteration in estimator._predictors:
        for output, predictor in enumerate(iteration):
            nodes = predictor.nodes
            is_leaf = nodes["is_leaf"].astype(bool).tolist()
            left, right = nodes["left"].tolist(), nodes["right"].tolist()
            yield NodeTable(
                left=[-1 if leaf else child for leaf, child in zip(is_leaf, left, strict=True)],
                right=[-1 if leaf else child for leaf, child in zip(is_leaf, right, strict=True)],
                feature=nodes["feature_idx"].tolist(),
                threshold=nodes["num_threshold"].tolist(),
                values=[nodes["value"].tolist()],
                missing_left=nodes["missing_go_to_left"].astype(bool).tolist(),
                cover=nodes["count"].astype(float).tolist(),
                output=output,
            )


READERS: dict[str, Callable[[Any], Exported]] = {
    **dict.fromkeys(
        (
            "LinearRegression",
            "Ridge",
            "RidgeCV",
            "Lasso",
            "LassoCV",
            "ElasticNet",
            "ElasticNetCV",
            "Lars",
            "LassoLars",
            "BayesianRidge",
            "HuberRegressor",
            "QuantileRegressor",
            "TheilSenRegressor",
            "SGDRegressor",
            "LinearSVR",
        ),
        _read_regression,
    ),
    "PoissonRegressor": _read_log_regression,
    "GammaRegressor": _read_log_regression,
    "LogisticRegression": _read_logistic,
    "LogisticRegressionCV": _read_logistic,
    "DecisionTreeClassifier": _read_tree,
    "DecisionTreeRegressor": _read_tree,
    "RandomForestClassifier": _read_forest,
    "RandomForestRegressor": _read_forest,
    "ExtraTreesClassifier": _read_forest,
    "ExtraTreesRegressor": _read_forest,
    "GradientBoostingClassifier": _read_gradient_boosting,
    "GradientBoostingRegressor": _read_gradient_boosting,
    "HistGradientBoostingClassifier": _read_hist,
    "HistGradientBoostingRegressor": _read_hist,
}
