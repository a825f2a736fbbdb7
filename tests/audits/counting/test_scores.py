"""Scores: calibration bins, curves and variances against scikit-learn and plain definitions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audits.bias.curves import ROC_POINTS, draw_reliability, draw_roc
from audits.counting.scores import Binning, ScoreCounts

FLOATS = NDArray[np.float64]


def make_scores(size: int = 2_000, digits: int = 3) -> tuple[ScoreCounts, NDArray[np.int64], FLOATS, FLOATS]:
    """Make weighted scores of one group, with ties."""
    generator = np.random.default_rng(4)
    score = np.round(generator.beta(2, 2, size), digits)
    label = (generator.random(size) < score**1.5).astype(np.int64)
    weight = generator.integers(1, 5, size) / 2
    group = np.zeros(size, dtype=np.int64)
    counts = ScoreCounts.create([("g",)], [group, label, score, np.ones(size, dtype=np.int64), weight, weight**2])
    return counts, label, score, weight


def count_plainly(label: NDArray[np.int64], score: FLOATS) -> ScoreCounts:
    """Count rows of weight 1 in one group."""
    one = np.ones(len(label))
    columns = [np.zeros(len(label), dtype=np.int64), label, score, one.astype(np.int64), one, one]
    return ScoreCounts.create([("g",)], columns)


@pytest.mark.parametrize(("strategy", "number"), [("uniform", 10), ("uniform", 7), ("quantile", 5)])
def test_reliability_equals_scikit_learns_calibration_curve(strategy: str, number: int) -> None:
    from sklearn.calibration import calibration_curve

    counts, label, score, _ = make_scores()
    one = np.ones(len(label))
    plain = ScoreCounts.create(
        [("g",)], [np.zeros(len(label), dtype=np.int64), label, score, one.astype(int), one, one]
    )
    bins = plain.summarise([0], Binning(number, strategy))[("g",)].bins
    assert bins is not None
    curve = draw_reliability(bins)
    rate, mean = calibration_curve(label, score, n_bins=number, strategy=strategy)
    assert [entry["rate"] for entry in curve] == pytest.approx(list(rate), rel=1e-12)
    assert [entry["mean_score"] for entry in curve] == pytest.approx(list(mean), rel=1e-12)
    assert sum(entry["n"] for entry in curve) == len(label)
    for entry in curve:
        assert entry["rate_low"] <= entry["rate"] <= entry["rate_high"]
        assert entry["low"] - 1e-12 <= entry["mean_score"] <= entry["high"] + 1e-12
    assert counts.find_edges(Binning(number, strategy)) == pytest.approx(plain.find_edges(Binning(number, strategy)))


def test_roc_points_are_scikit_learns() -> None:
    from sklearn.metrics import auc, roc_curve

    counts, label, score, weight = make_scores(digits=1)
    points = draw_roc(counts, [0], ("g",))
    fpr, tpr, thresholds = roc_curve(label, score, sample_weight=weight, drop_intermediate=False)
    assert [point[:2] for point in points] == [
        [pytest.approx(x), pytest.approx(y)] for x, y in zip(fpr, tpr, strict=True)
    ]
    assert [point[2] for point in points[1:]] == list(thresholds[1:])
    found = counts.summarise([0])[("g",)].auc
    assert auc(fpr, tpr) == pytest.approx(found, abs=1e-12)


def test_roc_is_thinned_and_keeps_its_area() -> None:
    counts, *_ = make_scores(20_000, digits=6)
    points = np.array([point[:2] for point in draw_roc(counts, [0], ("g",))], dtype=float)
    assert len(points) <= ROC_POINTS
    assert (points[0] == 0).all()
    assert (points[-1] == 1).all()
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(counts.summarise([0])[("g",)].auc, abs=2e-3)


def test_roc_without_negatives_is_empty() -> None:
    one = np.ones(2)
    counts = ScoreCounts.create([("g",)], [np.zeros(2, dtype=int), np.ones(2, dtype=int), one / 2, one, one, one])
    assert draw_roc(counts, [0], ("g",)) == []


def test_variance_of_the_auc_is_that_of_resampled_rows() -> None:
    from sklearn.metrics import roc_auc_score

    generator = np.random.default_rng(3)
    counts, label, score, _ = make_scores(400)
    one = np.ones(len(label))
    plain = ScoreCounts.create(
        [("g",)], [np.zeros(len(label), dtype=np.int64), label, score, one.astype(int), one, one]
    )
    drawn = []
    for _ in range(400):
        rows = generator.integers(0, len(label), len(label))
        drawn.append(roc_auc_score(label[rows], score[rows]))
    found = plain.summarise([0])[("g",)]
    assert found.auc_variance == pytest.approx(np.var(drawn), rel=0.25)
    assert counts.summarise([0])[("g",)].effective_positives < found.effective_positives


def test_binned_scores_state_how_far_the_auc_may_be_off() -> None:
    from dataclasses import replace

    counts, label, score, weight = make_scores(5_000, digits=6)
    exact = counts.summarise([0])[("g",)]
    width = 1 / 64
    middle = (np.floor(score / width) + 0.5) * width
    columns = [np.zeros(len(score), dtype=int), label, middle, np.ones(len(score), dtype=int), weight, weight**2]
    binned = replace(ScoreCounts.create([("g",)], columns), resolution=width)
    found = binned.summarise([0])[("g",)]
    assert exact.auc_bound == 0
    assert 0 < abs(found.auc - exact.auc) <= found.auc_bound < 0.02
    assert abs(found.mean - exact.mean) <= width / 2
    assert binned.merge(counts).resolution == width
    assert binned.regroup([("h",)]).resolution == width


def test_scores_outside_0_to_1_have_ranks_and_no_losses() -> None:
    columns = [np.zeros(4, dtype=int), np.array([0, 1, 0, 1]), np.array([-3.0, 2.0, 0.5, 7.0]), *[np.ones(4)] * 3]
    found = ScoreCounts.create([("g",)], columns).summarise([0])[("g",)]
    assert (found.auc, found.mean) == (1.0, 1.625)
    assert np.isnan([found.log_loss, found.brier, found.bias, found.calibration_error]).all()


def test_scores_without_labels_have_a_mean_only() -> None:
    columns = [np.zeros(3, dtype=int), np.full(3, -1), np.array([0.1, 0.2, 0.6]), *[np.ones(3)] * 3]
    counts = ScoreCounts.create([("g",)], columns)
    found = counts.summarise([0])[("g",)]
    assert not counts.has_labels
    assert found.mean == pytest.approx(0.3)
    assert np.isnan([found.auc, found.brier, found.calibration_error]).all()
