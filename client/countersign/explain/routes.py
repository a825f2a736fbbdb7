"""Which explainer a model gets, and on which scale: by the kind of model, never by guessing from its answers.

Trees of scikit-learn, XGBoost and LightGBM go to shap's TreeExplainer (from the training cover, or against background
rows where they are given), linear models to LinearExplainer, a pipeline to what its last step gets, on the columns that
step sees. Any other predict function is explained by permutations, which reads nothing but its answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countersign.explain.result import DOUBLE_PRECISION, SINGLE_PRECISION, find_allowed

Numbers = NDArray[np.float64]
TREES = ("Tree", "Forest", "GradientBoosting", "ExtraTrees")
MOST_BACKGROUND = 100
PROBED_ROWS = 5


@dataclass(frozen=True, eq=False)
class Route:
    """How a model is explained.

    ``explain`` maps rows (an array of shape (rows, features)) to (base, SHAP values); ``predict`` gives the outputs on
    the same scale.
    """

    explainer: str
    background: str
    output_name: str
    features: tuple[str, ...]
    rows: Any
    predict: Callable[[Any], Numbers]
    explain: Callable[[Any], tuple[Numbers, Numbers]]
    tolerance: float
    coded: frozenset[str] = frozenset()
    """Features whose values in ``rows`` are numbers that stand for words."""


def find_route(model: Any, data: Any, background: Any, features: Sequence[str], wanted: Any, seed: int) -> Route:
    """Return the route of a model. Raises ``ValueError`` naming the class that is not there.

    What a special explainer cannot do, or does on another scale than the model answers on (a log link, say), is left to
    permutations: a few rows are tried.
    """
    if hasattr(model, "best_estimator_"):
        return find_route(model.best_estimator_, data, background, features, wanted, seed)
    library, name = type(model).__module__.partition(".")[0], type(model).__name__
    if name == "Booster":
        raise ValueError(
            f"A raw {library} Booster does not say what it predicts; give the {library} estimator it belongs to, "
            "or a function of rows."
        )
    if np.ndim(getattr(model, "coef_", 0.0)) == 2 and not hasattr(model, "classes_") and len(model.coef_) > 1:
        raise ValueError("The model has several outputs; give a function of rows that returns one of them.")
    steps = getattr(model, "steps", None)
    if steps is not None and len(steps) > 1:
        before, last = model[:-1], model[-1]
        names = tuple(map(str, before.get_feature_names_out()))
        shown = None if background is None else _dense(before.transform(background))
        return find_route(last, _dense(before.transform(data)), shown, names, wanted, seed)
    route = None
    if library in {"xgboost", "lightgbm"} or (library == "sklearn" and any(part in name for part in TREES)):
        route = _try_trees(model, data, background, features, wanted, library)
    elif library == "sklearn" and hasattr(model, "coef_"):
        route = _route_linear(model, data, background, features, wanted)
    if route is not None and _adds_up(route):
        return route
    return _route_any(model, data, background, features, wanted, seed)


def _try_trees(
    model: Any, data: Any, background: Any, features: Sequence[str], wanted: Any, library: str
) -> Route | None:
    """Return the route of a tree model; None for what shap's TreeExplainer does not take."""
    _find_class(model, wanted)  # a class that is not there is refused, not worked around
    try:
        return _route_trees(model, data, background, features, wanted, library)
    except Exception:  # noqa: BLE001 - each release of shap refuses other models, each in its own way
        return None


def _adds_up(route: Route) -> bool:
    """Tell whether base value and SHAP values of a few rows give what the model answers."""
    rows = route.rows.iloc[:PROBED_ROWS] if hasattr(route.rows, "iloc") else np.asarray(route.rows)[:PROBED_ROWS]
    try:
        base, shap = route.explain(rows)
        output = route.predict(rows)
    except Exception:  # noqa: BLE001 - as above
        return False
    if shap.ndim != 2 or output.ndim != 1:
        return False
    allowed = find_allowed(base, output, shap, route.tolerance)
    return bool((np.abs(base + shap.sum(axis=1) - output) <= allowed).all())


def _dense(values: Any) -> Any:
    return values.toarray() if hasattr(values, "toarray") else np.asarray(values)


def _route_trees(model: Any, data: Any, background: Any, features: Sequence[str], wanted: Any, library: str) -> Route:
    import shap

    place, label = _find_class(model, wanted)
    explainer = shap.TreeExplainer(model, background) if background is not None else shap.TreeExplainer(model)
    name = "shap TreeExplainer, " + ("interventional" if background is not None else "path-dependent")

    def explain(rows: Any) -> tuple[Numbers, Numbers]:
        values = explainer(rows, check_additivity=False)
        return _pick(values.base_values, 1, place), _pick(values.values, 2, place)

    predict, scale = _find_margin(model, library, place)
    is_single = library == "xgboost" or background is not None
    return Route(
        name,
        "the training rows, as the trees remember them" if background is None else _say_rows(background),
        _say_output(scale, label),
        tuple(features),
        data,
        predict,
        explain,
        SINGLE_PRECISION if is_single else DOUBLE_PRECISION,
    )


def _find_margin(model: Any, library: str, place: int | None) -> tuple[Callable[[Any], Numbers], str]:
    """Return the prediction on the scale that tree explainers explain, and its name."""
    is_classifier = place is not None
    if library == "xgboost":
        return lambda rows: _pick(model.predict(rows, output_margin=True), 1, place), _name_margin(model, place)
    if library == "lightgbm":
        return lambda rows: _pick(model.predict(rows, raw_score=True), 1, place), _name_margin(model, place)
    if not is_classifier:
        return lambda rows: _numbers(model.predict(rows)), "prediction"
    if hasattr(model, "decision_function"):
        return lambda rows: _pick(model.decision_function(rows), 1, place), "log odds"
    return lambda rows: _pick(model.predict_proba(rows), 1, place), "probability"


IDENTITY = ("squarederror", "absoluteerror", "regression", "l1", "l2", "huber", "quantile", "mae", "mse", "None")


def _name_margin(model: Any, place: int | None) -> str:
    """Return what a booster's margin is: log odds, the prediction itself, or a raw score on the scale of its link."""
    if place is not None:
        return "log odds"
    objective = str(getattr(model, "objective", None)).removeprefix("reg:")
    return "prediction" if objective.startswith(IDENTITY) else f"raw score ({objective})"


def _route_linear(model: Any, data: Any, background: Any, features: Sequence[str], wanted: Any) -> Route:
    """Closed form: coefficient times distance from the background's mean; exact for independent features."""
    place, label = _find_class(model, wanted)
    shown = data if background is None else background
    mean = np.asarray(shown, dtype=np.float64).mean(axis=0)
    coefficients = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    row = 0 if len(coefficients) == 1 else (place or 0)
    sign = -1.0 if len(coefficients) == 1 and place == 0 else 1.0
    weights = sign * coefficients[row]
    base = float(mean @ weights + sign * np.ravel(model.intercept_)[min(row, np.size(model.intercept_) - 1)])

    def explain(rows: Any) -> tuple[Numbers, Numbers]:
        table = np.asarray(rows, dtype=np.float64)
        return np.full(len(table), base), (table - mean) * weights

    def predict(rows: Any) -> Numbers:
        if place is None:
            return _numbers(model.predict(rows))
        decided = np.asarray(model.decision_function(rows), dtype=np.float64)
        return sign * decided if decided.ndim == 1 else decided[:, row]

    where = f"the mean of {_say_rows(shown)}" if background is not None else "the mean of the explained table"
    scale = "prediction" if place is None else _name_decision(model)
    return Route(
        "closed form of a linear model",
        where,
        _say_output(scale, label),
        tuple(features),
        data,
        predict,
        explain,
        DOUBLE_PRECISION,
    )


def _name_decision(model: Any) -> str:
    """Return what a linear classifier's decision value is: log odds only where probabilities follow from it."""
    return "log odds" if hasattr(model, "predict_proba") else "decision value"


def _route_any(model: Any, data: Any, background: Any, features: Sequence[str], wanted: Any, seed: int) -> Route:
    import shap

    function, scale, label = _find_function(model, wanted)
    data, background, function, coded = _code_words(data, background, function)
    shown = data if background is None else background
    if len(shown) > MOST_BACKGROUND:
        chosen = np.sort(np.random.default_rng(seed).choice(len(shown), MOST_BACKGROUND, replace=False))
        shown = shown.iloc[chosen] if hasattr(shown, "iloc") else np.asarray(shown)[chosen]
    masker = shap.maskers.Independent(shown, max_samples=len(shown))
    explainer = shap.explainers.Permutation(function, masker, seed=seed)

    def explain(rows: Any) -> tuple[Numbers, Numbers]:
        values = explainer(rows, silent=True)
        return _numbers(values.base_values), _numbers(values.values)

    where = f"{len(shown):,} rows " + ("given as background" if background is not None else "of the explained table")
    return Route(
        "shap Permutation explainer",
        where,
        _say_output(scale, label),
        tuple(features),
        data,
        function,
        explain,
        SINGLE_PRECISION,
        coded,
    )


def _code_words(
    data: Any, background: Any, function: Callable[[Any], Numbers]
) -> tuple[Any, Any, Callable[[Any], Numbers], frozenset[str]]:
    """Let numbers stand for words: shap mixes rows of numbers only. The function sees the words again."""
    if not hasattr(data, "select_dtypes"):
        return data, background, function, frozenset()
    words = list(data.select_dtypes(exclude="number").columns)
    if not words:
        return data, background, function, frozenset()
    tables = [data] if background is None else [data, background]
    known = {name: list(dict.fromkeys(value for table in tables for value in table[name])) for name in words}

    def encode(table: Any) -> Numbers:
        coded = table.copy()
        for name in words:
            coded[name] = table[name].map({value: code for code, value in enumerate(known[name])})
        return np.asarray(coded, dtype=np.float64)

    def decode(rows: Any) -> Numbers:
        table = data.iloc[:0].reindex(range(len(rows)))
        for place, name in enumerate(data.columns):
            column = np.asarray(rows)[:, place]
            table[name] = [known[name][int(code)] for code in column] if name in known else column
        return function(table)

    return encode(data), None if background is None else encode(background), decode, frozenset(map(str, words))


def _find_function(model: Any, wanted: Any) -> tuple[Callable[[Any], Numbers], str, str]:
    """Return the function of rows that is explained: the model itself, or the probability of a class."""
    if hasattr(model, "predict_proba"):
        place, label = _find_class(model, wanted)
        return lambda rows: _pick(model.predict_proba(rows), 1, place), "probability", label
    if hasattr(model, "predict"):
        return lambda rows: _numbers(model.predict(rows)), "prediction", ""
    if not callable(model):
        raise ValueError(f"{type(model).__name__} is neither a model with predict() nor a function of rows.")
    return lambda rows: _numbers(model(rows)), "prediction", "" if wanted is None else str(wanted)


def _find_class(model: Any, wanted: Any) -> tuple[int | None, str]:
    """Return the place and the name of the class explained, the last one where none is named; None for regressions."""
    classes = getattr(model, "classes_", None)
    if classes is None:
        return None, ""
    known = list(classes)
    if wanted is None:
        return len(known) - 1, str(known[-1])
    places = [place for place, label in enumerate(known) if label == wanted or str(label) == str(wanted)]
    if not places:
        raise ValueError(f"{wanted!r} is no class of the model; it knows {', '.join(map(str, known))}.")
    return places[0], str(known[places[0]])


def _pick(values: Any, axes: int, place: int | None) -> Numbers:
    """Return one class of an array that may have a last axis of classes; of two classes in one column, the asked."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim > axes:
        return array[..., place or 0]
    if array.ndim < axes:
        return array
    return -array if place == 0 else array


def _numbers(values: Any) -> Numbers:
    return np.asarray(values, dtype=np.float64)


def _say_output(scale: str, label: str) -> str:
    return f"{scale} of {label}" if label else scale


def _say_rows(rows: Any) -> str:
    return f"{len(rows):,} background rows"
