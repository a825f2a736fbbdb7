"""Classes, regressions, scores without decisions, rankings and clusters: what is measured, and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audits.bias.audit import bias_audit, run_bias_audit
from audits.bias.classes import set_against_rest
from audits.bias.measures import measures
from audits.bias.results import Estimate
from audits.counting.cells import Cell, Cells
from audits.counting.clusters import ClusterCounts
from audits.populations import name_class, name_group
from tests.audits.frames import without_fairlearn
from tests.audits.samples import reduce_file, write

CLASSES: dict[str, Any] = {
    "task": "multiclass",
    "columns": {"y_true": "y", "y_pred": "p"},
    "labels": ["low", "mid", "high"],
    "sensitive": ["sex"],
    "intervals": {"draws": 200},
}
ROWS = "sex,y,p\n" + "f,low,low\nf,mid,low\nf,high,high\nm,low,low\nm,mid,mid\nm,mid,high\n" * 20


def by_key(found: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the measures of a result by metric and population."""
    return {(measure["metric"], measure["population"]): measure for measure in found["measures"]}


def test_each_class_is_measured_against_the_rest(tmp_path: Path) -> None:
    found = run_bias_audit(write(tmp_path / "t.csv", ROWS), CLASSES)
    measured = by_key(found)
    assert measured["tpr", "label=mid & sex=m"]["value"] == 0.5
    assert measured["tpr", "label=mid & sex=f"]["value"] == 0.0
    assert measured["equal_opportunity_difference", "label=mid & by sex"]["value"] == 0.5
    assert measured["impact_ratio", "label=mid & sex=f"]["value"] == 0.0
    assert measured["accuracy", "sex=f"]["value"] == pytest.approx(2 / 3)
    # f: recalls 1, 0 and 1; m: 1 and 1/2, for no high one occurs.
    assert measured["balanced_accuracy", "sex=f"]["value"] == pytest.approx(2 / 3)
    assert measured["balanced_accuracy", "sex=m"]["value"] == pytest.approx(3 / 4)
    assert measured["tpr", "label=high & sex=m"]["value"] is None
    assert len(measured) == len(found["measures"])
    assert found["by_group"][0]["confusion_matrix_rows_true_cols_pred"] == [[20, 0, 0], [20, 0, 0], [0, 0, 20]]
    assert found["by_group"][0]["per_class"]["low"]["fpr"] == 0.5
    assert "theil_index" not in found["by_group"][0]["per_class"]["low"]
    codes = {(note["code"], note["population"]) for note in found["notes"]}
    assert ("undefined_rates", "label=high & by sex") in codes
    json.dumps(found, allow_nan=False)


def test_intervals_of_classes_hold_their_values(tmp_path: Path) -> None:
    found = run_bias_audit(write(tmp_path / "t.csv", ROWS), CLASSES)
    checked = 0
    for measure in found["measures"]:
        if measure["value"] is not None and measure["low"] is not None:
            high = float("inf") if measure["high"] is None else measure["high"]
            assert measure["low"] - 1e-12 <= measure["value"] <= high + 1e-12, measure
            checked += 1
    assert checked > 100


def test_a_class_against_the_rest_keeps_its_clusters(tmp_path: Path) -> None:
    lines = [f"{row},c{number % 7}" for number, row in enumerate(ROWS.splitlines()[1:])]
    path = write(tmp_path / "t.csv", "sex,y,p,c\n" + "\n".join(lines) + "\n")
    cells = reduce_file(path, {**CLASSES, "columns": {**CLASSES["columns"], "cluster": "c"}})
    for place in range(3):
        part = set_against_rest(cells, place)
        assert part.clusters is not None
        counts = np.bincount(part.clusters.cell, weights=part.clusters.count)
        assert counts.tolist() == [cell.count for cell in part.rows]


def test_a_feature_called_label_cannot_be_taken_for_a_class() -> None:
    assert name_group(["label"], ["mid"]) == "\\label=mid"
    assert name_class("mid", name_group(["label"], ["mid"])) == "label=mid & \\label=mid"
    assert name_class("a & b", "by sex") == "label=a \\& b & by sex"


def test_a_regression_has_errors_and_no_rates(tmp_path: Path) -> None:
    lines = [f"{sex},{truth},{truth + error}" for sex, error in (("f", 1), ("m", -2)) for truth in range(25)]
    spec = {
        "task": "regression",
        "columns": {"y_true": "y", "y_pred": "p"},
        "sensitive": ["sex"],
        "reference": {"sex": "f"},
    }
    found = run_bias_audit(write(tmp_path / "t.csv", "sex,y,p\n" + "\n".join(lines) + "\n"), spec)
    measured = by_key(found)
    assert measured["mae", "sex=m"]["value"] == 2.0
    assert measured["mean_error", "sex=m"]["value"] == -2.0
    assert measured["worst_group_mae", "by sex"]["value"] == 2.0
    assert measured["mae_difference", "by sex"]["value"] == 1.0
    assert measured["mae_ratio", "by sex"]["value"] == 0.5
    assert measured["mean_error_ratio", "by sex"]["value"] is None
    assert measured["mae_minus_reference", "sex=m"]["value"] == 1.0
    assert measured["r2", "sex=f"]["value"] == pytest.approx(1 - 1 / 52)  # the variance of 0 to 24 is 52
    assert measured["max_abs_error", "sex=f"]["reason"] == "no interval can be given"
    assert not {"tp", "n_selected", "selection_rate"} & set(found["overall"])
    assert "impact_ratios" not in found


def test_scores_with_labels_are_measured_without_decisions(tmp_path: Path) -> None:
    lines = [f"{'fm'[n % 2]},{int(n % 3 == 0)},{(n % 10) / 10}" for n in range(120)]
    spec = {
        "task": "scoring",
        "columns": {"y_true": "y", "y_score": "s"},
        "positive_label": "1",
        "sensitive": ["sex"],
        "calibration": {"bins": 5},
    }
    found = run_bias_audit(write(tmp_path / "t.csv", "sex,y,s\n" + "\n".join(lines) + "\n"), spec)
    measured = by_key(found)
    assert {"auc", "brier_score", "log_loss", "calibration_error", "mean_score"} <= set(found["overall"])
    assert measured["auc", "overall"]["low"] < measured["auc", "overall"]["value"] < measured["auc", "overall"]["high"]
    assert ("selection_rate", "overall") not in measured
    # Scores 0, 0.2, ... 0.8; one on an edge belongs to the lower bin.
    assert [entry["n"] for entry in found["by_group"][0]["reliability"]] == [24, 12, 12, 12]
    assert found["by_group"][0]["roc"][0] == [0.0, 0.0, None]
    assert found["scores"]["calibration"] == {"bins": 5, "strategy": "uniform"}
    assert found["overall"]["n_true_positive_label"] == 40
    assert ("score_standardized_difference", "sex=f") in measured


def test_a_ranking_without_labels_has_selection_rates_only(tmp_path: Path) -> None:
    lines = [f"{'fm'[n % 2]},{n}" for n in range(100)]
    spec = {"task": "ranking", "columns": {"y_score": "s"}, "sensitive": ["sex"], "top_k": 0.1}
    found = run_bias_audit(write(tmp_path / "t.csv", "sex,s\n" + "\n".join(lines) + "\n"), spec)
    measured = by_key(found)
    assert measured["selection_rate", "sex=m"]["value"] == 0.1
    assert ("tpr", "sex=m") not in measured
    assert not {"tp", "n_true_positive_label"} & set(found["overall"])
    assert found["overall"]["n_selected"] == 10


def make_clustered(clusters: int, rows: int, seed: int = 0) -> tuple[Cells, float]:
    """Make clusters of rows that share most of their outcome, in two groups each."""
    generator = np.random.default_rng(seed)
    chance = generator.beta(0.5, 0.5, clusters)
    counts = generator.binomial(rows, chance)
    cells, cluster, cell, number = [], [], [], []
    for place in (0, 1):
        total = int(counts.sum() if place else clusters * rows - counts.sum())
        cells.append(Cell(("a",), place, place, total, float(total), float(total)))
        for index, count in enumerate(counts):
            size = int(count if place else rows - count)
            if size:
                cluster.append(index)
                cell.append(place)
                number.append(size)
    of_clusters = ClusterCounts.create(
        [f"c{index}" for index in range(clusters)],
        [np.array(cluster), np.array(cell), np.array(number), np.array(number, dtype=float)],
    )
    return Cells(("g",), "1", tuple(cells), False, clusters * rows, clusters=of_clusters), float(counts.mean() / rows)


def width(estimate: Estimate) -> float:
    """Return the width of an interval."""
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.high - estimate.low


def test_clusters_widen_the_intervals_to_those_of_whole_clusters() -> None:
    cells, rate = make_clustered(60, 20)
    audit = bias_audit(cells, metrics=["selection_rate", "accuracy"])
    found = audit.groupings[0].groups[0].estimates["selection_rate"]
    assert found.value == pytest.approx(rate)
    assert found.method == "cluster bootstrap"
    # Nearly one independent outcome per cluster: the standard error is that of 60 numbers, not of 1,200 rows.
    table = np.zeros((60, 2))
    assert cells.clusters is not None
    table[cells.clusters.cluster, cells.clusters.cell] = cells.clusters.count
    error = float((table[:, 1] / 20).std() / 60**0.5)
    assert width(found) == pytest.approx(2 * 1.96 * error, rel=0.12)
    assert audit.groupings[0].tests == ()
    assert "clusters" in {note.code for note in audit.notes}
    again = bias_audit(cells, metrics=["selection_rate", "accuracy"])
    assert again == audit


def test_intervals_of_clustered_rates_cover_the_truth() -> None:
    """200 samples: 95 % are 190 with a standard error of 3."""
    covered = 0
    for seed in range(200):
        cells, _ = make_clustered(50, 10, seed)
        with without_fairlearn():
            found = bias_audit(cells, metrics=["selection_rate"], draws=300).overall.estimates["selection_rate"]
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.5 <= found.high
    assert 181 <= covered <= 199


def test_measures_of_classes_are_named_once(tmp_path: Path) -> None:
    audit = bias_audit(reduce_file(write(tmp_path / "t.csv", ROWS), CLASSES), draws=200)
    keys = [(measure.metric, measure.population) for measure in measures(audit)]
    assert len(keys) == len(set(keys))
    assert sum(metric == "n" for metric, _ in keys) == 3
