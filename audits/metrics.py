"""What is measured in a group: every metric by its counts.

A metric depends on the data only through the four counts of a group: true positives, false
positives, false negatives and true negatives (or their weighted sums). The functions below take
those counts as numbers or as arrays of any shape. An empty denominator gives NaN, which the
result turns into "undefined" with the reason kept here; it is never counted as 0.

This module imports nothing heavy, so that a web process can list the vocabulary. What compares
groups with each other is in `disparities`.
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
    `compute` gives the value from the counts. Score metrics have no `compute`: they need the
    scores themselves (`needs == "score"`).
    """

    name: str
    title: str
    direction: Direction
    definition: str
    undefined_when: str
    source: str
    needs: Literal["label", "score", "attributions", "reruns"] = "label"
    compute: Callable[[Counts], Any] | None = None
    share: Share | None = None


def divide(part: Any, whole: Any) -> Any:
    """Return part / whole, NaN where whole is 0; numbers or arrays."""
    if isinstance(whole, (int, float)):
        return part / whole if whole else math.nan
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole == 0, np.nan, part / whole)


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
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _METRICS})

SHARES: Mapping[str, Share] = MappingProxyType(
    {metric.name: metric.share for metric in _METRICS if metric.share is not None}
)
"""The metrics that are shares of rows."""

COUNT = "n"
"""Name of the plain number of rows, measured beside the metrics for every group."""

EXPLANATION_METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric(
                name="additive_share",
                title="Additive rows",
                direction="closer to 1",
                definition="Share of explained rows on which base value + SHAP values = output.",
                undefined_when="never",
                source="Lundberg and Lee, NeurIPS 2017: local accuracy",
                needs="attributions",
            ),
            Metric(
                name="additivity_error",
                title="Largest additivity error",
                direction="closer to 0",
                definition="Largest |base + sum(SHAP) - output| of a row, relative to its scale.",
                undefined_when="never",
                source="Lundberg and Lee, NeurIPS 2017: local accuracy",
                needs="attributions",
            ),
            Metric(
                name="importance",
                title="Importance",
                direction="neither",
                definition="Mean absolute SHAP value of a feature over the explained rows.",
                undefined_when="never",
                source="shap.plots.bar",
                needs="attributions",
            ),
            Metric(
                name="importance_share",
                title="Share of importance",
                direction="neither",
                definition="Importance of a feature divided by the sum over all features.",
                undefined_when="never",
                source="definition",
                needs="attributions",
            ),
        )
    }
)
"""What an explanation measures; its populations are "overall" and "feature=age"."""


REPRODUCTION_METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric(
                name="reproduced_share",
                title="Reproduced metrics",
                direction="closer to 1",
                definition="Share of the metrics on record that every run gave again within the tolerance.",
                undefined_when="no metric is on record, or one that was asked for is not",
                source="definition",
                needs="reruns",
            ),
            Metric(
                name="largest_deviation",
                title="Largest relative deviation of a rerun",
                direction="closer to 0",
                definition="Largest |again - on record| / max(|again|, |on record|) of any metric and run.",
                undefined_when="no metric is on record, or a run did not give one",
                source="definition",
                needs="reruns",
            ),
            Metric(
                name="metric_deviation",
                title="Deviation of a rerun",
                direction="closer to 0",
                definition="Largest |again - on record| of one metric over all runs, in the metric's own unit.",
                undefined_when="the metric is not on record, or a run did not give it",
                source="definition",
                needs="reruns",
            ),
        )
    }
)
"""What a reproduction measures; its populations are "overall" and "metric=auc"."""
