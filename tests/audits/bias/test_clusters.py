"""Clusters: every interval is that of whole clusters or says why not, and few clusters settle nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from audits.bias.audit import bias_audit
from audits.bias.measures import Measure, measures
from audits.bias.results import BiasAudit
from audits.counting.cells import Cell, Cells
from audits.counting.clusters import ClusterCounts
from audits.counting.scores import ScoreCounts
from tests.audits.frames import without_fairlearn

METRICS = ("selection_rate", "tpr", "fpr", "f1", "balanced_accuracy")
UNKNOWN = "the interval does not know that rows belong together in clusters"


def make_cells(
    generator: np.random.Generator,
    clusters: Sequence[int],
    rates: Sequence[float],
    *,
    rows: int = 20,
    spread: float = 0.2,
    with_scores: bool = False,
) -> Cells:
    """Make so many clusters of rows per group, whose selection rates vary about that of the group."""
    number = np.repeat(np.arange(sum(clusters)), rows)
    group = np.repeat(np.repeat(np.arange(len(clusters)), clusters), rows)
    shift = generator.normal(0, spread, sum(clusters))[number]
    label = generator.integers(0, 2, len(group))
    said = (generator.random(len(group)) < np.clip(np.array(rates)[group] + shift, 0.0, 1.0)).astype(np.int64)
    code = (group * 2 + label) * 2 + said
    kinds, place = np.unique(code, return_inverse=True)
    counts = np.bincount(place)
    cells = tuple(
        Cell((f"g{kind // 4}",), int(kind // 2 % 2), int(kind % 2), int(count), float(count), float(count))
        for kind, count in zip(kinds, counts, strict=True)
    )
    one = np.ones(len(group))
    found = ClusterCounts.create(
        [f"{name:03d}" for name in range(sum(clusters))], [number, place, one.astype(int), one]
    )
    scores = None
    if with_scores:
        score = np.clip(0.5 + shift, 0.0, 1.0).round(6)
        names = [(f"g{name}",) for name in range(len(clusters))]
        scores = ScoreCounts.create(names, [group, label, score, one.astype(int), one, one])
    return Cells(("group",), "1", cells, weighted=False, rows_read=len(group), clusters=found, scores=scores)


def audit(cells: Cells, **changes: object) -> BiasAudit:
    """Audit against the first group, quickly."""
    with without_fairlearn():
        return bias_audit(cells, **{"reference": {"group": "g0"}, "draws": 400, **changes})


def index(found: BiasAudit) -> dict[tuple[str, str], Measure]:
    """Return the measures by metric and population."""
    return {(measure.metric, measure.population): measure for measure in measures(found)}


def test_limits_against_the_reference_point_the_way_of_the_difference() -> None:
    found = index(audit(make_cells(np.random.default_rng(4), (60, 60), (0.55, 0.25)), metrics=METRICS))
    minus = found["selection_rate_minus_reference", "group=g1"]
    assert minus.value is not None
    assert minus.low is not None
    assert minus.high is not None
    assert minus.low < minus.value < minus.high < -0.1
    assert minus.high - minus.value == pytest.approx(minus.value - minus.low, rel=0.3)
    over = found["selection_rate_over_reference", "group=g1"]
    assert over.high is not None
    assert over.high < 0.8
    reverse = index(audit(make_cells(np.random.default_rng(4), (60, 60), (0.25, 0.55)), metrics=METRICS))
    assert (reverse["selection_rate_minus_reference", "group=g1"].low or 0.0) > 0.1


def test_impact_ratios_and_standardized_differences_are_as_wide_as_their_clusters() -> None:
    cells = make_cells(np.random.default_rng(7), (30, 30), (0.5, 0.4))
    found = index(audit(cells, metrics=METRICS))
    rows = Cells(("group",), "1", cells.rows, weighted=False, rows_read=cells.rows_read)
    plain = index(audit(rows, metrics=METRICS))
    for metric in ("impact_ratio", "selection_standardized_difference", "demographic_parity_ratio"):
        key = (metric, "by group" if metric.startswith("demographic") else "group=g1")
        wide, narrow = found[key], plain[key]
        assert wide.value == narrow.value
        assert (wide.high or 9.0) - (wide.low or 0.0) > 1.4 * ((narrow.high or 9.0) - (narrow.low or 0.0))
        assert wide.reason is None


def test_what_does_not_know_the_clusters_is_not_judged() -> None:
    cells = make_cells(np.random.default_rng(7), (30, 30), (0.5, 0.4), with_scores=True)
    found = index(audit(cells, scoring=True))
    compared = [
        ("mean_score_difference", "by group"),
        ("auc_difference", "by group"),
        ("brier_score_difference", "by group"),
        ("calibration_error_difference", "by group"),
        ("score_standardized_difference", "group=g1"),
        ("scoring_rate", "group=g1"),
        ("scoring_impact_ratio", "group=g0"),
        ("scoring_impact_ratio", "group=g1"),
        ("mean_score_minus_reference", "group=g1"),
        ("mean_score_over_reference", "group=g1"),
        ("auc_minus_reference", "group=g1"),
    ]
    assert {key: found[key].reason for key in compared} == dict.fromkeys(compared, UNKNOWN)
    assert found["demographic_parity_difference", "by group"].reason is None


@pytest.mark.parametrize("clusters", [(1, 1), (30, 1), (30, 9)])
def test_few_clusters_settle_nothing(clusters: tuple[int, int]) -> None:
    found = index(audit(make_cells(np.random.default_rng(3), clusters, (0.5, 0.5), rows=50), metrics=METRICS))
    said = f"too few clusters: {clusters[1]}, and at least 10 are needed"
    for metric in ("demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference_mean"):
        measure = found[metric, "by group"]
        assert said in (measure.reason or "")
        assert measure.low is None or measure.low < (measure.high or 0.0)
    for metric in ("impact_ratio", "selection_rate_minus_reference", "selection_standardized_difference", "f1"):
        assert said in (found[metric, "group=g1"].reason or "")
    if clusters[0] == 30:
        assert found["selection_rate", "group=g0"].reason is None


def test_clusters_of_very_unequal_size_are_worth_few() -> None:
    cells = make_cells(np.random.default_rng(3), (30, 12), (0.5, 0.5))
    clusters = cells.clusters
    assert clusters is not None
    # The rows of all but two clusters of the second group join one of them.
    moved = np.where(clusters.cluster >= 32, 31, clusters.cluster)
    extra = np.array([place for place, cell in enumerate(cells.rows) if cell.group == ("g1",)])[:1]
    columns = [
        np.concatenate([moved, np.arange(32, 42)]),
        np.concatenate([clusters.cell, np.repeat(extra, 10)]),
        np.concatenate([clusters.count, np.ones(10, int)]),
        np.concatenate([clusters.weight, np.ones(10)]),
    ]
    names = [f"{name:03d}" for name in range(42)]
    uneven = Cells(
        ("group",), "1", cells.rows, weighted=False, rows_read=1, clusters=ClusterCounts.create(names, columns)
    )
    reason = index(audit(uneven, metrics=METRICS))["selection_rate", "group=g1"].reason
    assert reason is not None
    assert "of such unequal size that they are worth" in reason


def test_clusters_of_one_row_each_are_independent_rows() -> None:
    cells = make_cells(np.random.default_rng(1), (120, 80), (0.5, 0.4), rows=1, with_scores=True)
    rows = Cells(("group",), "1", cells.rows, weighted=False, rows_read=200, scores=cells.scores)
    assert measures(audit(cells)) == measures(audit(rows))
    assert "each of the 200 clusters is one row" in audit(cells).notes[0].text.lower()


@pytest.mark.parametrize("clusters", [10, 20])
def test_limits_of_few_clusters_hold_the_truth(clusters: int) -> None:
    """Of 150 samples 95 % are 142 with a standard error of 2.7."""
    hits = dict.fromkeys(("selection_rate", "selection_rate_minus_reference", "impact_ratio"), 0)
    truths = {"selection_rate": 0.4, "selection_rate_minus_reference": -0.1, "impact_ratio": 0.8}
    for seed in range(150):
        cells = make_cells(np.random.default_rng(seed), (30, clusters), (0.5, 0.4))
        found = index(audit(cells, metrics=("selection_rate",), random_state=seed))
        for metric, truth in truths.items():
            measure = found[metric, "group=g1"]
            hits[metric] += (measure.low or 0.0) <= truth <= (9.0 if measure.high is None else measure.high)
    assert all(134 <= number <= 150 for number in hits.values()), hits
