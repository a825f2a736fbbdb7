"""Explain a model on a sample of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countersign.explain.result import Explained
from countersign.explain.routes import Route, find_route
from countersign.explain.sampling import FIRST_ROWS, count_rows, take_rows

DEFAULT_ROWS = 5_000
DEFAULT_PRECISION = 0.05
STEP = 500
LIBRARIES = ("shap", "numpy", "scikit-learn", "xgboost", "xgboost-cpu", "lightgbm")

Tell = Callable[[float, str], None]


def explain_model(
    model: Any,
    data: Any,
    *,
    ids: Sequence[Any] | None = None,
    strata: Sequence[Any] | None = None,
    background: Any = None,
    rows: int | None = None,
    most: int = DEFAULT_ROWS,
    precision: float = DEFAULT_PRECISION,
    explained_class: Any = None,
    feature_names: Sequence[str] | None = None,
    labels: Sequence[Any] | None = None,
    score: Callable[[Any, Any, Any], float] | None = None,
    repeats: int = 0,
    seed: int = 0,
    tell: Tell | None = None,
) -> Explained:
    """Compute SHAP values of a model where it lives.

    Parameters
    ----------
    model : fitted model or function
        scikit-learn, XGBoost or LightGBM, a pipeline of them, or any function of rows that returns one number each.
    data : table of rows
        A data frame or an array of shape (rows, features).
    ids : sequence, optional
        What the rows are called in the prediction file; their numbers from 1 where left out.
    strata : sequence, optional
        A group for every row; groups are represented in proportion.
    background : table of rows, optional
        What stands in for absent features. Where left out: the cover of the training rows for trees, the mean for
        linear models, rows of ``data`` for functions.
    rows : int, optional
        How many rows are explained. Where left out: as many as bring the worst importance within ``precision`` of
        itself (95 %), at most ``most``.
    explained_class : optional
        The class whose output is explained; the last one where left out.
    feature_names : sequence of str, optional
        Needed for arrays; the columns of a data frame otherwise.
    labels : sequence, optional
        True labels; with them a permutation importance (scikit-learn, 5 repetitions) is added as a second opinion.
    score : callable, optional
        ``score(model, data, labels)``, what permuting is judged by; the model's own ``score`` where left out.
    repeats : int
        How many further samples (with other seeds) are explained, to show whether the order of importance holds.
    seed : int
    tell : callable, optional
        Called with (share done, what is being done).

    Raises
    ------
    NotAdditive
        Where base value and SHAP values of a row do not give its output.
    ValueError
        For a class that is not there, or ids, strata or names of another length than the data.
    """
    names = _name_features(data, feature_names)
    total = len(data)
    for what, given in (("ids", ids), ("strata", strata), ("labels", labels)):
        if given is not None and len(given) != total:
            raise ValueError(f"There are {len(given):,} {what} for {total:,} rows.")
    report = tell or (lambda share, what: None)
    route = find_route(model, data, background, names, explained_class, seed)
    outputs = route.predict(route.rows)
    chosen, base, shap = _explain_enough(route, outputs, strata, rows, most, precision, seed, report)
    names_of_rows = range(1, total + 1) if ids is None else list(ids)
    taken = _take(route.rows, chosen)
    return Explained(
        ids=tuple(str(names_of_rows[row]) for row in chosen),
        features=route.features,
        shap=shap,
        base=base,
        output=outputs[chosen],
        values=_find_values(taken, route),
        output_name=route.output_name,
        explainer=route.explainer,
        background=route.background,
        seed=seed,
        tolerance=route.tolerance,
        rows_available=total,
        versions=_find_versions(),
        permutation_importance=_permute(model, data, labels, score, names, route, seed, report),
        repeats=_repeat(route, outputs, strata, len(chosen), repeats, seed, report),
    ).check()


def _explain_enough(
    route: Route,
    outputs: NDArray[np.float64],
    strata: Sequence[Any] | None,
    rows: int | None,
    most: int,
    precision: float,
    seed: int,
    report: Tell,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return (rows explained, base values, SHAP values)."""
    chosen = take_rows(outputs, rows if rows is not None else min(FIRST_ROWS, most), seed, strata)
    base, shap = _explain(route, chosen, report)
    if rows is None and len(chosen) < len(outputs):
        wanted = count_rows(shap, precision, min(most, len(outputs)))
        if wanted > len(chosen):
            chosen = take_rows(outputs, wanted, seed, strata)
            base, shap = _explain(route, chosen, report)
    return chosen, base, shap


def _explain(route: Route, chosen: NDArray[np.int64], report: Tell) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Explain some rows in steps, so that progress can be told and memory stays small."""
    bases, values = [], []
    for start in range(0, len(chosen), STEP):
        report(start / len(chosen), f"explaining {len(chosen):,} rows")
        part = _take(route.rows, chosen[start : start + STEP])
        base, shap = route.explain(part)
        bases.append(np.broadcast_to(np.asarray(base, dtype=np.float64), (len(part),)))
        values.append(shap)
    return np.concatenate(bases), np.concatenate(values)


def _repeat(
    route: Route,
    outputs: NDArray[np.float64],
    strata: Sequence[Any] | None,
    count: int,
    repeats: int,
    seed: int,
    report: Tell,
) -> tuple[dict[str, Any], ...]:
    """Return the importances of further samples of the same size."""
    found = []
    for number in range(1, repeats + 1):
        chosen = take_rows(outputs, count, seed + number, strata)
        mean = np.abs(_explain(route, chosen, report)[1]).mean(axis=0)
        found.append({"seed": seed + number, "importance": dict(zip(route.features, mean.tolist(), strict=True))})
    return tuple(found)


def _permute(
    model: Any,
    data: Any,
    labels: Sequence[Any] | None,
    score: Callable[[Any, Any, Any], float] | None,
    names: Sequence[str],
    route: Route,
    seed: int,
    report: Tell,
) -> dict[str, float]:
    """Return how much worse the model gets when a feature is permuted; empty without labels.

    Only where the explained features are those of the data: a pipeline's own columns cannot be permuted from outside.
    """
    if labels is None or tuple(names) != route.features:
        return {}
    from sklearn.inspection import permutation_importance

    report(0.9, "permuting features")
    found = permutation_importance(model, data, labels, scoring=score, n_repeats=5, random_state=seed)
    return dict(zip(names, found.importances_mean.tolist(), strict=True))


def _name_features(data: Any, feature_names: Sequence[str] | None) -> tuple[str, ...]:
    if feature_names is not None:
        names = tuple(map(str, feature_names))
    elif hasattr(data, "columns"):
        names = tuple(map(str, data.columns))
    else:
        raise ValueError("An array has no column names: give feature_names.")
    width = data.shape[1]
    if len(names) != width or len(set(names)) < width:
        raise ValueError(f"{width} features need {width} names, each once.")
    return names


def _take(rows: Any, chosen: NDArray[np.int64]) -> Any:
    return rows.iloc[chosen] if hasattr(rows, "iloc") else np.asarray(rows)[chosen]


def _find_values(rows: Any, route: Route) -> dict[str, NDArray[np.float64]]:
    """Return the features' own values where they are numbers."""
    found = {}
    for place, name in enumerate(route.features):
        if name in route.coded:
            continue  # words have no place on an axis
        column = rows.iloc[:, place] if hasattr(rows, "iloc") else rows[:, place]
        try:
            found[name] = np.asarray(column, dtype=np.float64)
        except (TypeError, ValueError):
            continue
    return found


def _find_versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
