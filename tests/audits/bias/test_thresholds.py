from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from audits.bias.mixtures import mix
from audits.bias.thresholds import (
    Curve,
    choose_common,
    choose_per_group,
    draw_curves,
    move_all,
    weigh_places,
)
from audits.counting.scores import ScoreCounts

CONSTRAINTS = {
    "selection_rate": "demographic_parity",
    "tpr": "true_positive_rate_parity",
    "fpr": "false_positive_rate_parity",
    "odds": "equalized_odds",
}
Rows = dict[str, Any]


def make_rows(rows: int, groups: int, levels: int, seed: int = 1) -> Rows:
    """Make labelled scores of groups that differ, with ties."""
    generator = np.random.default_rng(seed)
    group = generator.integers(0, groups, rows)
    label = (generator.random(rows) < 0.3 + 0.15 * group).astype(np.int64)
    score = np.round((0.25 * label + 0.1 * group + generator.random(rows) * 0.6) * levels) / levels
    return {"group": group, "label": label, "score": score, "weight": np.ones(rows)}


def draw(rows: Rows) -> dict[tuple[str, ...], Curve]:
    """Draw the curves of the groups g0, g1... of some rows."""
    names = [(f"g{number}",) for number in range(int(rows["group"].max()) + 1)]
    ones = np.ones(len(rows["group"]), dtype=np.int64)
    columns = [rows["group"], rows["label"], rows["score"], ones, rows["weight"], rows["weight"] ** 2]
    return draw_curves(ScoreCounts.create(names, columns), [0])


class Scores(BaseEstimator):
    """A fitted model whose prediction is its input."""

    is_fitted_ = True

    def fit(self, rows: Any, labels: Any) -> Scores:
        """Learn nothing."""
        return self

    def predict(self, rows: Any) -> Any:
        """Return the only column."""
        return np.asarray(rows)[:, 0]


def fit_fairlearn(rows: Rows, constraint: str, bound: float | None) -> Any:
    """Fit fairlearn's ThresholdOptimizer on the rows."""
    from fairlearn.postprocessing import ThresholdOptimizer

    options = {} if bound is None else {"tol": bound}
    optimizer = ThresholdOptimizer(
        estimator=Scores(), constraints=CONSTRAINTS[constraint], prefit=True, predict_method="predict", **options
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = np.array([f"g{number}" for number in rows["group"]])
        optimizer.fit(rows["score"][:, None], rows["label"], sensitive_features=names)
    return optimizer


@pytest.mark.parametrize(("rows", "groups", "levels"), [(300, 2, 12), (400, 3, 1000)])
@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_mixing_by_chance_is_what_fairlearn_finds(rows: int, groups: int, levels: int, constraint: str) -> None:
    data = make_rows(rows, groups, levels)
    curves = draw(data)
    found = mix(curves, constraint)
    assert found is not None
    optimizer = fit_fairlearn(data, constraint, None)
    chance = np.zeros(rows)
    for number, (group, curve) in enumerate(curves.items()):
        way = found.mixes[group]
        low, high = (data["score"] >= curve.threshold[place] for place in (way.low_place, way.high_place))
        mixed = way.low_share * low + (1 - way.low_share) * high
        mine = data["group"] == number
        chance[mine] = (way.ignore * way.constant + (1 - way.ignore) * mixed)[mine]
    names = np.array([f"g{number}" for number in data["group"]])
    expected = optimizer._pmf_predict(data["score"][:, None], sensitive_features=names)[:, 1]
    assert np.abs(chance - expected).max() < 1e-12
    if constraint != "odds":
        assert found.accuracy == pytest.approx(optimizer._y_best, abs=1e-12)


@pytest.mark.parametrize("bound", [0.05, 0.2])
@pytest.mark.parametrize("constraint", ["selection_rate", "tpr", "fpr"])
def test_mixing_within_a_bound_is_at_least_as_accurate_as_fairlearn(constraint: str, bound: float) -> None:
    data = make_rows(400, 3, 1000)
    found = mix(draw(data), constraint, bound)
    assert found is not None
    # fairlearn loses a step of its grid to rounding now and then.
    assert -1e-12 < found.accuracy - fit_fairlearn(data, constraint, bound)._y_best < 1e-3
    assert max(found.rate.values()) - min(found.rate.values()) <= bound + 1e-12


@pytest.mark.parametrize("comparison", ["difference", "ratio"])
@pytest.mark.parametrize("constraint", ["selection_rate", "tpr", "fpr"])
def test_thresholds_per_group_are_the_best_of_all_pairs(constraint: str, comparison: str) -> None:
    curves = draw(make_rows(120, 2, 15))
    sizes = [range(curve.tp.size) for curve in curves.values()]
    places = np.array(list(itertools.product(*sizes)))
    accuracy, _, disparity = weigh_places(curves, places, constraint, comparison)
    for bound in (0.02, 0.1, 0.3) if comparison == "difference" else (0.98, 0.8, 0.5):
        is_kept = disparity <= bound + 1e-12 if comparison == "difference" else disparity >= bound - 1e-12
        choice = choose_per_group(curves, constraint, comparison, bound)
        assert choice is not None
        assert choice.accuracy == pytest.approx(accuracy[is_kept].max(), abs=1e-12)
        value = choice.disparity or 0.0
        assert value <= bound + 1e-9 if comparison == "difference" else value >= bound - 1e-9


def test_common_thresholds_decide_like_the_rows() -> None:
    data = make_rows(200, 2, 40)
    curves = draw(data)
    found = choose_common(curves, "odds", "difference", 0.2)
    assert found is not None
    threshold, choice = found
    selected = data["score"] >= threshold
    assert choice.accuracy == pytest.approx((selected == (data["label"] == 1)).mean(), abs=1e-12)
    assert choice.selection_rate == pytest.approx(selected.mean(), abs=1e-12)
    gaps = [
        abs(np.subtract(*[selected[(data["group"] == g) & (data["label"] == label)].mean() for g in (0, 1)]))
        for label in (0, 1)
    ]
    assert choice.disparity == pytest.approx(max(gaps), abs=1e-12)
    thresholds, places = move_all(curves)
    accuracy, _, disparity = weigh_places(curves, places, "odds", "difference")
    assert choice.accuracy == accuracy[disparity <= 0.2].max()
    assert thresholds[0] == np.inf


def test_a_weight_of_two_counts_like_two_rows() -> None:
    data = make_rows(150, 2, 20)
    twice = {name: np.concatenate([values, values[:50]]) for name, values in data.items()}
    weighted = {**data, "weight": np.where(np.arange(150) < 50, 2.0, 1.0)}
    for first, second in zip(draw(twice).values(), draw(weighted).values(), strict=True):
        assert first.threshold.tolist() == second.threshold.tolist()
        assert (first.tp.tolist(), first.fp.tolist()) == (second.tp.tolist(), second.fp.tolist())


def test_what_cannot_be_met_is_none() -> None:
    rows = {
        "group": np.array([0, 0, 1, 1]),
        "label": np.array([1, 1, 0, 0]),
        "score": np.array([0.5, 0.5, 0.5, 0.5]),
        "weight": np.ones(4),
    }
    curves = draw(rows)
    assert mix(curves, "selection_rate") is None
    assert choose_common(curves, "tpr", "ratio", 0.9) is not None
    apart = draw({**rows, "score": np.array([0.9, 0.9, 0.1, 0.1])})
    assert choose_common(apart, "selection_rate", "ratio", 1.5) is None
    assert choose_per_group(apart, "selection_rate", "ratio", 1.5) is None


def test_many_thresholds_are_taken_at_even_steps() -> None:
    curves = draw(make_rows(9_000, 1, 10**9))
    (curve,) = curves.values()
    assert 1_900 < curve.threshold.size <= 2_001
    assert (curve.positives + curve.negatives, curve.threshold[0]) == (9_000.0, np.inf)
    steps = np.diff(curve.tp + curve.fp)
    assert steps.max() <= 6
