"""What is measured in a group: every metric by its counts.

A metric depends on the data only through the four counts of a group: true positives, false
positives, false negatives and true negatives (or their weighted sums). The functions below take
those counts as numbers or as arrays of any shape. An empty denominator gives NaN, which the
result turns into "undefined" with the reason kept here; it is never counted as 0.

This module imports nothing heavy, so that a web process can list the vocabulary. What compares
groups with each other is in `disparities`, what other evaluations measure in `vocabulary`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

Direction = Literal["higher", "lower", "closer to 0", "closer to 1", "neither"]

FAIRLEARN = "fairlearn.metrics"
SCIKIT_LEARN = "sklearn.metrics"


@dataclass(frozen=True)
class Counts:
    """The confusion counts of a group; numbers, or arrays of one shape (groups, draws...)."""

    tp: Any
    fp: Any
    fn: Any
    tn: Any

    @property
    def total(self) -> Any:
        """Return the rows (or the summed weight) of the group."""
        return self.tp + self.fp + self.fn + self.tn


@dataclass(frozen=True)
class Share:
    """The rows that count and the rows they are counted among."""

    part: Callable[[Counts], Any]
    whole: Callable[[Counts], Any]


@dataclass(frozen=True)
class Metric:
    """One quantity measured per group.

    `share` is set where the metric is a share of rows, so that its interval is a binomial one;
    `compute` gives the value from the counts. Metrics of scores and of a regression's errors
    have no `compute`: they need more than the counts (`needs` is "score" or "error").
    """

    name: str
    title: str
    direction: Direction
    definition: str
    undefined_when: str
    source: str
    needs: Literal["label", "score", "error", "attributions", "reruns", "rows"] = "label"
    compute: Callable[[Counts], Any] | None = None
    share: Share | None = None


def divide(part: Any, whole: Any) -> Any:
    """Return part / whole, NaN where whole is 0; numbers or arrays."""
    if isinstance(whole, (int, float)):
        return part / whole if whole else math.nan
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole == 0, np.nan, part / whole)


def _theil_index(counts: Counts) -> Any:
    """Return the Theil index of the benefits prediction - label + 1; NaN where nobody benefits.

    The mean of (b / m) ln(b / m) over benefits b with mean m, where 0 ln 0 = 0: with the benefits
    0 (false negatives), 1 and 2 (false positives) it is ln(n / S) + 2 FP ln 2 / S, S the sum of
    the benefits.
    """
    benefits = counts.tp + counts.tn + 2 * counts.fp
    ratio = divide(counts.total, benefits)
    bonus = divide(2 * math.log(2) * counts.fp, benefits)
    if isinstance(benefits, (int, float)):
        return max(math.log(ratio) + bonus, 0.0) if benefits else math.nan
    import numpy as np

    return np.maximum(np.log(ratio) + bonus, 0.0)


def _share(
    name: str,
    title: str,
    direction: Direction,
    definition: str,
    undefined_when: str,
    source: str,
    part: Callable[[Counts], Any],
    whole: Callable[[Counts], Any],
) -> Metric:
    """Build a metric that is a share of rows."""
    return Metric(
        name=name,
        title=title,
        direction=direction,
        definition=definition,
        undefined_when=undefined_when,
        source=source,
        compute=lambda counts: divide(part(counts), whole(counts)),
        share=Share(part, whole),
    )


NO_ROWS = "the group has no rows (or no weight)"
NO_POSITIVES = "the group has no rows whose true label is the positive one"
NO_NEGATIVES = "the group has no rows whose true label is the negative one"
NONE_SELECTED = "no row of the group is selected"
ALL_SELECTED = "every row of the group is selected"

NO_PROBABILITIES = "the group has no rows (or no weight), or a score is not a probability from 0 to 1"
NOT_TWO_ROWS = "the group has fewer than two rows, or its true values are all the same"

_ERRORS: tuple[tuple[str, str, Direction, str, str, str], ...] = (
    ("mean_true", "Mean true value", "neither", "Mean of the true values.", NO_ROWS, "definition"),
    ("mean_pred", "Mean prediction", "neither", "Mean of the predictions.", NO_ROWS, "definition"),
    (
        "mean_error",
        "Mean error",
        "closer to 0",
        "Mean of prediction minus truth: above 0 where predictions are too high.",
        NO_ROWS,
        "definition",
    ),
    (
        "mae",
        "Mean absolute error",
        "closer to 0",
        "Mean of |prediction - truth|.",
        NO_ROWS,
        f"{SCIKIT_LEARN}.mean_absolute_error",
    ),
    (
        "mse",
        "Mean squared error",
        "closer to 0",
        "Mean of (prediction - truth)^2.",
        NO_ROWS,
        f"{SCIKIT_LEARN}.mean_squared_error",
    ),
    (
        "rmse",
        "Root mean squared error",
        "closer to 0",
        "Square root of the mean squared error.",
        NO_ROWS,
        f"{SCIKIT_LEARN}.root_mean_squared_error",
    ),
    (
        "r2",
        "R squared",
        "closer to 1",
        "1 - (sum of squared errors) / (sum of squared deviations of the truth from the group's mean).",
        NOT_TWO_ROWS,
        f"{SCIKIT_LEARN}.r2_score",
    ),
    (
        "max_abs_error",
        "Largest absolute error",
        "closer to 0",
        "Largest |prediction - truth| of any row, whatever its weight.",
        NO_ROWS,
        f"{SCIKIT_LEARN}.max_error",
    ),
)

_METRICS = (
    _share(
        "selection_rate",
        "Selection rate",
        "neither",
        "Share of rows whose prediction is the positive label: (TP + FP) / n.",
        NO_ROWS,
        f"{FAIRLEARN}.selection_rate",
        lambda c: c.tp + c.fp,
        lambda c: c.total,
    ),
    _share(
        "base_rate",
        "Base rate",
        "neither",
        "Share of rows whose true label is the positive one: (TP + FN) / n.",
        NO_ROWS,
        "definition",
        lambda c: c.tp + c.fn,
        lambda c: c.total,
    ),
    _share(
        "tpr",
        "True positive rate",
        "higher",
        "Share of the truly positive rows that are selected: TP / (TP + FN).",
        NO_POSITIVES,
        f"{FAIRLEARN}.true_positive_rate",
        lambda c: c.tp,
        lambda c: c.tp + c.fn,
    ),
    _share(
        "fnr",
        "False negative rate",
        "lower",
        "Share of the truly positive rows that are not selected: FN / (TP + FN).",
        NO_POSITIVES,
        f"{FAIRLEARN}.false_negative_rate",
        lambda c: c.fn,
        lambda c: c.tp + c.fn,
    ),
    _share(
        "fpr",
        "False positive rate",
        "lower",
        "Share of the truly negative rows that are selected: FP / (FP + TN).",
        NO_NEGATIVES,
        f"{FAIRLEARN}.false_positive_rate",
        lambda c: c.fp,
        lambda c: c.fp + c.tn,
    ),
    _share(
        "tnr",
        "True negative rate",
        "higher",
        "Share of the truly negative rows that are not selected: TN / (FP + TN).",
        NO_NEGATIVES,
        f"{FAIRLEARN}.true_negative_rate",
        lambda c: c.tn,
        lambda c: c.fp + c.tn,
    ),
    _share(
        "precision",
        "Precision",
        "higher",
        "Share of the selected rows whose true label is the positive one: TP / (TP + FP).",
        NONE_SELECTED,
        f"{SCIKIT_LEARN}.precision_score",
        lambda c: c.tp,
        lambda c: c.tp + c.fp,
    ),
    _share(
        "npv",
        "Negative predictive value",
        "higher",
        "Share of the rows not selected whose true label is the negative one: TN / (TN + FN).",
        ALL_SELECTED,
        "definition",
        lambda c: c.tn,
        lambda c: c.tn + c.fn,
    ),
    _share(
        "accuracy",
        "Accuracy",
        "higher",
        "Share of rows whose prediction is the true label: (TP + TN) / n.",
        NO_ROWS,
        f"{SCIKIT_LEARN}.accuracy_score",
        lambda c: c.tp + c.tn,
        lambda c: c.total,
    ),
    Metric(
        name="f1",
        title="F1",
        direction="higher",
        definition="Harmonic mean of precision and true positive rate: 2 TP / (2 TP + FP + FN).",
        undefined_when="the group has neither a selected nor a truly positive row",
        source=f"{SCIKIT_LEARN}.f1_score",
        compute=lambda c: divide(2 * c.tp, 2 * c.tp + c.fp + c.fn),
    ),
    Metric(
        name="balanced_accuracy",
        title="Balanced accuracy",
        direction="higher",
        definition="Mean of true positive rate and true negative rate.",
        undefined_when="the group lacks truly positive or truly negative rows",
        source=f"{SCIKIT_LEARN}.balanced_accuracy_score",
        compute=lambda c: (divide(c.tp, c.tp + c.fn) + divide(c.tn, c.fp + c.tn)) / 2,
    ),
    Metric(
        name="theil_index",
        title="Theil index",
        direction="closer to 0",
        definition=(
            "Inequality of the benefits b = prediction - label + 1 of the rows (0, 1 or 2): the mean of "
            "(b / m) ln(b / m), m the mean benefit; generalised entropy index with alpha = 1."
        ),
        undefined_when="no row of the group has a benefit: all are false negatives",
        source="Speicher et al., KDD 2018",
        compute=_theil_index,
    ),
    Metric(
        name="auc",
        title="Area under the ROC curve",
        direction="higher",
        definition=(
            "Share of (positive, negative) pairs in which the positive row has the higher score; ties count half."
        ),
        undefined_when="the group lacks truly positive or truly negative rows",
        source=f"{SCIKIT_LEARN}.roc_auc_score",
        needs="score",
    ),
    Metric(
        name="mean_score",
        title="Mean score",
        direction="neither",
        definition="Mean of the scores of the group.",
        undefined_when=NO_ROWS,
        source="definition",
        needs="score",
    ),
    Metric(
        name="log_loss",
        title="Log loss",
        direction="closer to 0",
        definition=(
            "Mean of -ln of the probability given to the true label; probabilities are kept 2.2e-16 away from 0 and 1."
        ),
        undefined_when=NO_PROBABILITIES,
        source=f"{SCIKIT_LEARN}.log_loss",
        needs="score",
    ),
    Metric(
        name="brier_score",
        title="Brier score",
        direction="closer to 0",
        definition="Mean squared difference between the score and the true label (1 where positive).",
        undefined_when=NO_PROBABILITIES,
        source=f"{SCIKIT_LEARN}.brier_score_loss",
        needs="score",
    ),
    Metric(
        name="calibration_error",
        title="Calibration error",
        direction="closer to 0",
        definition=(
            "Expected calibration error: |mean score - share of positive rows| in every bin of scores, averaged with "
            "the rows of the bins as weights."
        ),
        undefined_when=NO_PROBABILITIES,
        source="Naeini, Cooper and Hauskrecht, AAAI 2015",
        needs="score",
    ),
    Metric(
        name="calibration_bias",
        title="Calibration in the large",
        direction="closer to 0",
        definition="Mean score minus the share of rows whose true label is the positive one.",
        undefined_when=NO_PROBABILITIES,
        source="Van Calster et al., BMC Medicine 17 (2019) 230",
        needs="score",
    ),
    *(Metric(*entry, needs="error") for entry in _ERRORS),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _METRICS})

SHARES: Mapping[str, Share] = MappingProxyType(
    {metric.name: metric.share for metric in _METRICS if metric.share is not None}
)
"""The metrics that are shares of rows."""

CAN_BE_NEGATIVE = ("calibration_bias", "mean_error", "mean_true", "mean_pred", "r2")
"""Metrics that can be below 0: their ratio says nothing where a group's value is."""

COUNT = "n"
"""Name of the plain number of rows, measured beside the metrics for every group."""
