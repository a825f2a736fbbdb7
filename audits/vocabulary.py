"""What explanations and reproductions measure. This module imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from audits.metrics import Metric

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
            Metric(
                name="importance_difference",
                title="Importance, difference between groups",
                direction="closer to 0",
                definition="Highest minus lowest importance of a feature over the groups of a sensitive feature.",
                undefined_when="there is only one group",
                source="definition",
                needs="attributions",
            ),
            Metric(
                name="rows_explained",
                title="Rows explained",
                direction="higher",
                definition="Number of rows that were explained.",
                undefined_when="never",
                source="definition",
                needs="attributions",
            ),
            Metric(
                name="worst_importance_error",
                title="Uncertainty of the worst importance",
                direction="closer to 0",
                definition="Largest relative half-width of an importance with a share of 1 % or more.",
                undefined_when="no importance has an interval",
                source="definition",
                needs="attributions",
            ),
            Metric(
                name="rank_stability",
                title="Stability of the order",
                direction="closer to 1",
                definition="Mean rank correlation of the importances in resamples of the rows with those of all rows.",
                undefined_when="there are fewer than three features",
                source="Spearman, Am. J. Psychol. 15 (1904) 72",
                needs="attributions",
            ),
            Metric(
                name="rank_correlation",
                title="Rank correlation of importances",
                direction="closer to 1",
                definition="Rank correlation with the importances named by the population.",
                undefined_when="fewer than three features are in common",
                source="Spearman, Am. J. Psychol. 15 (1904) 72",
                needs="attributions",
            ),
            Metric(
                name="top_overlap",
                title="First features in common",
                direction="higher",
                definition="How many of the first features are among the first of the former version too.",
                undefined_when="never",
                source="definition",
                needs="attributions",
            ),
            Metric(
                name="protected_in_top",
                title="Protected features among the first",
                direction="closer to 0",
                definition="How many of the declared features are among the first by importance.",
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
                definition="Share of all metrics on record that every run gave again within the tolerance.",
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
