"""Our numbers on the cells equal fairlearn's own on the raw rows."""

from __future__ import annotations

import csv
import math
from typing import Any

import pytest

from audits.bias.audit import bias_audit
from audits.bias.results import BiasAudit
from tests.audits.samples import find_case, find_devset, needs_devset, reduce_file

CASES = ["adult_sex", "adult_sex_x_race", "lsac_race", "hmda_afam"]


def read_rows(case: dict[str, Any]) -> tuple[list[int], list[int], Any]:
    """Return (labels, predictions, sensitive features) of a case as fairlearn wants them."""
    import pandas as pd

    with (find_devset() / case["file"]).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    positive = case["positive_label"]
    y_true = [int(row["y_true"] == positive) for row in rows]
    y_pred = [int(row["y_pred"] == positive) for row in rows]
    return y_true, y_pred, pd.DataFrame({name: [row[name] for row in rows] for name in case["sensitive"]})


def audit_case(name: str) -> tuple[dict[str, Any], BiasAudit]:
    """Return a case and its audit."""
    case = find_case(name)
    return case, bias_audit(reduce_file(find_devset() / case["file"], case))


@needs_devset
@pytest.mark.parametrize("name", CASES)
def test_bias_audit_equals_fairlearns_disparities_on_the_rows(name: str) -> None:
    from fairlearn import metrics

    case, audit = audit_case(name)
    y_true, y_pred, features = read_rows(case)
    found = audit.groupings[-1].disparities
    for ours, function, options in (
        ("demographic_parity_difference", metrics.demographic_parity_difference, {}),
        ("demographic_parity_ratio", metrics.demographic_parity_ratio, {}),
        ("equalized_odds_difference", metrics.equalized_odds_difference, {}),
        ("equalized_odds_ratio", metrics.equalized_odds_ratio, {}),
        ("equalized_odds_difference_mean", metrics.equalized_odds_difference, {"agg": "mean"}),
        ("equal_opportunity_difference", metrics.equal_opportunity_difference, {}),
        ("equal_opportunity_ratio", metrics.equal_opportunity_ratio, {}),
    ):
        theirs = function(y_true, y_pred, sensitive_features=features, **options)
        assert found[ours].value == pytest.approx(theirs, abs=1e-12), ours


@needs_devset
@pytest.mark.parametrize("name", CASES)
def test_bias_audit_equals_metric_frame_on_the_rows(name: str) -> None:
    from fairlearn import metrics
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_score

    case, audit = audit_case(name)
    y_true, y_pred, features = read_rows(case)
    functions = {
        "selection_rate": metrics.selection_rate,
        "tpr": metrics.true_positive_rate,
        "fpr": metrics.false_positive_rate,
        "tnr": metrics.true_negative_rate,
        "fnr": metrics.false_negative_rate,
        "precision": precision_score,
        "accuracy": accuracy_score,
        "f1": f1_score,
        "balanced_accuracy": balanced_accuracy_score,
        "n": metrics.count,
    }
    frame = metrics.MetricFrame(metrics=functions, y_true=y_true, y_pred=y_pred, sensitive_features=features)
    theirs = {key if isinstance(key, tuple) else (key,): row for key, row in frame.by_group.to_dict("index").items()}
    assert len(audit.groupings[-1].groups) == len(theirs)
    for group in audit.groupings[-1].groups:
        for metric in functions:
            ours = group.n if metric == "n" else group.estimates[metric].value
            assert ours == pytest.approx(theirs[group.values][metric], abs=1e-12), metric
    differences = frame.difference()
    for metric in functions:
        if metric != "n":
            ours = audit.groupings[-1].spread[metric].difference.value
            assert ours == pytest.approx(differences[metric], abs=1e-12), metric
            overall = audit.overall.estimates[metric].value
            assert overall == pytest.approx(frame.overall[metric], abs=1e-12), metric


@needs_devset
def test_auc_equals_scikit_learns_with_weights() -> None:
    from sklearn.metrics import roc_auc_score

    case, audit = audit_case("adult_sex_weighted")
    with (find_devset() / case["file"]).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for group in audit.groupings[-1].groups:
        part = [row for row in rows if row["sex"] == group.values[0]]
        weights = [float(row["fnlwgt"]) for row in part]
        scores = [float(row["y_score"]) for row in part]
        theirs = roc_auc_score([int(row["y_true"]) for row in part], scores, sample_weight=weights)
        assert group.estimates["auc"].value == pytest.approx(theirs, abs=1e-12)
        mean = math.fsum(w * s for w, s in zip(weights, scores, strict=True)) / math.fsum(weights)
        assert group.estimates["mean_score"].value == pytest.approx(mean, abs=1e-12)
