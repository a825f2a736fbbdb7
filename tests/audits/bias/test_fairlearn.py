"""Our numbers on the cells equal fairlearn's and scikit-learn's own on the raw rows, for every case."""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

from audits.bias.audit import bias_audit
from audits.bias.results import BiasAudit, Estimate, Group, Grouping
from tests.audits.frames import compute_quickly
from tests.audits.samples import find_case, find_devset, list_cases, make_cells, needs_devset, reduce_file

CLASSIFIED = [case["case"] for case in list_cases() if case["task"] in ("binary", "multiclass")]
SCORED = [case["case"] for case in list_cases() if case["task"] == "binary" and "y_score" in case["columns"]]
REGRESSIONS = [case["case"] for case in list_cases() if case["task"] == "regression"]
FAIRLEARN_ZEROS = ("tpr", "fnr", "fpr", "tnr", "precision", "f1", "balanced_accuracy")


def read_rows(case: dict[str, Any]) -> list[dict[str, str]]:
    """Return the rows of a case that take part, missing values as the case says."""
    path = find_devset() / case["file"]
    encoding = "utf-8-sig" if path.read_bytes().startswith(b"\xef\xbb\xbf") else "utf-8"
    with path.open(encoding=encoding, newline="") as stream:
        head = stream.readline()
        stream.seek(0)
        if encoding == "utf-8-sig":
            head = head.removeprefix("\ufeff")
        delimiter = max(",;\t", key=head.count)
        rows = list(csv.DictReader(stream, delimiter=delimiter))
    for row in rows:
        for name in case["sensitive"]:
            row[name] = row[name] or "(missing)"
    if case.get("missing") == "exclude":
        rows = [row for row in rows if all(row[name] != "(missing)" for name in case["sensitive"])]
    return rows


@cache
def audit_case(name: str) -> tuple[dict[str, Any], BiasAudit, list[dict[str, str]]]:
    """Return a case, its audit and its rows."""
    case = find_case(name)
    return case, bias_audit(reduce_file(find_devset() / case["file"], case), draws=200), read_rows(case)


def list_views(case: dict[str, Any], audit: BiasAudit, rows: list[dict[str, str]]) -> Iterator[tuple[BiasAudit, Any]]:
    """Yield (audit, labels and predictions as 0 and 1) for the positive label or for every class."""
    for positive in case.get("labels") if case["task"] == "multiclass" else [case["positive_label"]]:
        y_true = np.array([int(row[case["columns"]["y_true"]] == positive) for row in rows])
        y_pred = np.array([int(row[case["columns"]["y_pred"]] == positive) for row in rows])
        yield audit.per_class.get(positive, audit), (y_true, y_pred)


def read_weights(case: dict[str, Any], rows: list[dict[str, str]]) -> Any:
    """Return the weights of the rows, None where they have none."""
    name = case["columns"].get("weight")
    return np.array([float(row[name]) for row in rows]) if name else None


def make_features(case: dict[str, Any], rows: list[dict[str, str]]) -> Any:
    """Return the sensitive features as fairlearn wants them."""
    import pandas as pd

    return pd.DataFrame({f"f{place}": [row[name] for row in rows] for place, name in enumerate(case["sensitive"])})


def theirs_or_ours(ours: float | None, theirs: float) -> bool:
    """Tell whether a value equals theirs to 1e-12 relative; undefined ones are theirs as 0 or NaN."""
    if ours is None:
        return bool(np.isnan(theirs) or theirs == 0)
    return bool(abs(ours - theirs) <= 1e-12 * max(1.0, abs(theirs)))


@needs_devset
@pytest.mark.parametrize("name", CLASSIFIED)
def test_bias_audit_equals_fairlearns_disparities_on_the_rows(name: str) -> None:
    from fairlearn import metrics

    case, audit, rows = audit_case(name)
    features, weights = make_features(case, rows), read_weights(case, rows)
    for part, (y_true, y_pred) in list_views(case, audit, rows):
        found = read_as_fairlearn_does(part.groupings[-1])
        for ours, function, options in (
            ("demographic_parity_difference", metrics.demographic_parity_difference, {}),
            ("demographic_parity_ratio", metrics.demographic_parity_ratio, {}),
            ("equalized_odds_difference", metrics.equalized_odds_difference, {}),
            ("equalized_odds_ratio", metrics.equalized_odds_ratio, {}),
            ("equalized_odds_difference_mean", metrics.equalized_odds_difference, {"agg": "mean"}),
            ("equal_opportunity_difference", metrics.equal_opportunity_difference, {}),
            ("equal_opportunity_ratio", metrics.equal_opportunity_ratio, {}),
        ):
            theirs = function(y_true, y_pred, sensitive_features=features, sample_weight=weights, **options)
            assert theirs_or_ours(found[ours], theirs), (ours, found[ours], theirs)


def read_as_fairlearn_does(grouping: Grouping) -> Mapping[str, float | None]:
    """Return our disparities, or our account of fairlearn's reading where the two differ."""
    return grouping.fairlearn_reading or {name: found.value for name, found in grouping.disparities.items()}


@needs_devset
@pytest.mark.parametrize("name", CLASSIFIED)
def test_bias_audit_equals_metric_frame_on_the_rows(name: str) -> None:
    from fairlearn import metrics
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_score

    case, audit, rows = audit_case(name)
    features, weights = make_features(case, rows), read_weights(case, rows)
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
    }
    for part, (y_true, y_pred) in list_views(case, audit, rows):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = metrics.MetricFrame(
                metrics=functions,
                y_true=y_true,
                y_pred=y_pred,
                sensitive_features=features,
                sample_params={key: {"sample_weight": weights} for key in functions} if weights is not None else None,
            )
        compare_with_frame(part, frame, functions)


def compare_with_frame(audit: BiasAudit, frame: Any, functions: Mapping[str, Any]) -> None:
    """Compare every group, everybody, and the differences of the metrics that are defined everywhere."""
    theirs = {key if isinstance(key, tuple) else (key,): row for key, row in frame.by_group.to_dict("index").items()}
    groups = audit.groupings[-1].groups
    for group in groups:
        for metric in functions:
            ours = group.estimates[metric].value
            if ours is None and metric in FAIRLEARN_ZEROS:
                continue
            assert theirs_or_ours(ours, theirs[group.values][metric]), (group.values, metric)
    differences = frame.difference()
    for metric in functions:
        ours = audit.groupings[-1].spread[metric].difference.value
        if all(group.estimates[metric].value is not None for group in groups):
            assert theirs_or_ours(ours, differences[metric]), metric
        overall = audit.overall.estimates[metric].value
        if overall is not None:
            assert theirs_or_ours(overall, frame.overall[metric]), metric


@needs_devset
@pytest.mark.parametrize("name", SCORED)
def test_score_metrics_equal_scikit_learns_on_the_rows(name: str) -> None:
    case, audit, rows = audit_case(name)
    columns = case["columns"]
    y_true = np.array([int(row[columns["y_true"]] == case["positive_label"]) for row in rows])
    score = np.array([float(row[columns["y_score"]]) for row in rows])
    weights = read_weights(case, rows)
    weights = np.ones(len(rows)) if weights is None else weights
    keys = [tuple(row[feature] for feature in case["sensitive"]) for row in rows]
    groups = [(audit.overall, np.ones(len(rows), dtype=bool))]
    groups += [(group, np.array([key == group.values for key in keys])) for group in audit.groupings[-1].groups]
    for group, chosen in groups:
        if weights[chosen].sum() > 0:
            compare_scores(group, y_true[chosen], score[chosen], weights[chosen])


def compare_scores(group: Group, y_true: Any, score: Any, weight: Any) -> None:
    """Compare the score metrics of one group with scikit-learn's and with the definitions."""
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    theirs = {
        "mean_score": math.fsum(score * weight) / math.fsum(weight),
        "calibration_bias": math.fsum((score - y_true) * weight) / math.fsum(weight),
        "calibration_error": bin_by_hand(y_true, score, weight),
        "brier_score": brier_score_loss(y_true, score, sample_weight=weight, pos_label=1),
        "log_loss": log_loss(y_true, np.stack([1 - score, score], axis=1), sample_weight=weight, labels=[0, 1]),
    }
    kept = weight > 0
    if len(set(y_true[kept])) == 2:
        theirs["auc"] = roc_auc_score(y_true, score, sample_weight=weight)
    else:
        assert group.estimates["auc"].value is None
    for metric, value in theirs.items():
        ours = group.estimates[metric].value
        assert ours is not None
        assert theirs_or_ours(ours, value), (group.values, metric, ours, value)


def bin_by_hand(y_true: Any, score: Any, weight: Any) -> float:
    """Return the expected calibration error with ten equal bins, by its definition."""
    total = 0.0
    for place in range(10):
        low, high = place / 10, (place + 1) / 10
        inside = (score > low) & (score <= high) if place else (score <= high)
        if weight[inside].sum() > 0:
            total += abs(math.fsum(weight[inside] * (score[inside] - y_true[inside])))
    return total / math.fsum(weight)


@needs_devset
@pytest.mark.parametrize("name", REGRESSIONS)
def test_errors_equal_scikit_learns_on_the_rows(name: str) -> None:
    from fairlearn.metrics import MetricFrame
    from sklearn import metrics

    case, audit, rows = audit_case(name)
    functions = {
        "mae": metrics.mean_absolute_error,
        "mse": metrics.mean_squared_error,
        "rmse": metrics.root_mean_squared_error,
        "r2": metrics.r2_score,
        "max_abs_error": metrics.max_error,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = MetricFrame(
            metrics=functions,
            y_true=np.array([float(row["y_true"]) for row in rows]),
            y_pred=np.array([float(row["y_pred"]) for row in rows]),
            sensitive_features=make_features(case, rows),
        )
    theirs = frame.by_group.to_dict("index")
    for group in audit.groupings[-1].groups:
        for metric in functions:
            ours = group.estimates[metric].value
            if ours is not None:
                assert ours == pytest.approx(theirs[group.values[0]][metric], rel=1e-11, abs=1e-12), metric
    worst = audit.groupings[-1].disparities["worst_group_mae"].value
    assert worst == pytest.approx(frame.group_max()["mae"], rel=1e-12)
    difference = audit.groupings[-1].disparities["mae_difference"].value
    assert difference == pytest.approx(frame.difference()["mae"], rel=1e-11)


@needs_devset
@pytest.mark.parametrize("name", [case["case"] for case in list_cases() if case["task"] == "multiclass"])
def test_classes_together_equal_scikit_learns(name: str) -> None:
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix

    case, audit, rows = audit_case(name)
    for group in (audit.overall, *audit.groupings[-1].groups):
        part = [row for row in rows if not group.values or row[case["sensitive"][0]] == group.values[0]]
        y_true, y_pred = ([row[column] for row in part] for column in ("y_true", "y_pred"))
        expected = confusion_matrix(y_true, y_pred, labels=case["labels"]).tolist()
        assert [list(row) for row in group.matrix or ()] == expected
        assert group.estimates["accuracy"].value == pytest.approx(accuracy_score(y_true, y_pred), rel=1e-12)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            balanced = balanced_accuracy_score(y_true, y_pred)
        assert group.estimates["balanced_accuracy"].value == pytest.approx(balanced, rel=1e-12)


def test_the_quick_frame_of_the_simulations_is_fairlearns() -> None:
    from audits.bias.frame import compute_frame

    cells = make_cells({"a": (20, 5, 10, 30), "b": (0, 6, 0, 40), "c": (30, 3, 9, 21)})
    names = ("selection_rate", "tpr", "precision", "f1", "theil_index")
    ours, quick = (function(cells.rows, names) for function in (compute_frame, compute_quickly))
    for part, other in ((ours.overall, quick.overall), (ours.difference, quick.difference), (ours.ratio, quick.ratio)):
        assert part == pytest.approx(other, nan_ok=True, abs=1e-15)
    for group in ours.by_group:
        assert ours.by_group[group] == pytest.approx(quick.by_group[group], nan_ok=True, abs=1e-15)


def test_an_estimate_is_compared_as_a_number() -> None:
    assert theirs_or_ours(Estimate(0.5).value, 0.5)
    assert not theirs_or_ours(0.5, 0.5 + 1e-11)
    assert not theirs_or_ours(None, 0.5)
