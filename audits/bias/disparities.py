"""What compares groups: every disparity by its definition.

A disparity is taken over the groups of one feature or of a combination of features in which its
metric is defined: difference = highest - lowest, ratio = lowest / highest. Some belong to one
group: the impact ratio and the comparisons with a named reference group.

This module imports nothing heavy, so that a web process can list the vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from audits.metrics import FAIRLEARN, METRICS, Direction


@dataclass(frozen=True)
class DisparityDefinition:
    """One quantity that compares the groups of a feature (or one group with a reference)."""

    name: str
    title: str
    direction: Direction
    definition: str
    source: str
    needs: tuple[str, ...]
    kind: Literal["difference", "ratio", "mean difference", "highest", "to reference"]


_NAMED_DISPARITIES = (
    DisparityDefinition(
        "demographic_parity_difference",
        "Demographic parity difference",
        "closer to 0",
        "Highest minus lowest selection rate over the groups.",
        f"{FAIRLEARN}.demographic_parity_difference",
        ("selection_rate",),
        "difference",
    ),
    DisparityDefinition(
        "demographic_parity_ratio",
        "Demographic parity ratio",
        "closer to 1",
        "Lowest divided by highest selection rate over the groups: the smallest impact ratio.",
        f"{FAIRLEARN}.demographic_parity_ratio",
        ("selection_rate",),
        "ratio",
    ),
    DisparityDefinition(
        "equal_opportunity_difference",
        "Equal opportunity difference",
        "closer to 0",
        "Highest minus lowest true positive rate over the groups.",
        f"{FAIRLEARN}.equal_opportunity_difference",
        ("tpr",),
        "difference",
    ),
    DisparityDefinition(
        "equal_opportunity_ratio",
        "Equal opportunity ratio",
        "closer to 1",
        "Lowest divided by highest true positive rate over the groups.",
        f"{FAIRLEARN}.equal_opportunity_ratio",
        ("tpr",),
        "ratio",
    ),
    DisparityDefinition(
        "equalized_odds_difference",
        "Equalized odds difference",
        "closer to 0",
        "The larger of the differences in true positive rate and in false positive rate.",
        f"{FAIRLEARN}.equalized_odds_difference",
        ("tpr", "fpr"),
        "difference",
    ),
    DisparityDefinition(
        "equalized_odds_ratio",
        "Equalized odds ratio",
        "closer to 1",
        "The smaller of the ratios of true positive rate and of false positive rate.",
        f"{FAIRLEARN}.equalized_odds_ratio",
        ("tpr", "fpr"),
        "ratio",
    ),
    DisparityDefinition(
        "equalized_odds_difference_mean",
        "Equalized odds difference, mean",
        "closer to 0",
        "Mean of the differences in true positive rate and in false positive rate.",
        f'{FAIRLEARN}.equalized_odds_difference(agg="mean")',
        ("tpr", "fpr"),
        "mean difference",
    ),
    DisparityDefinition(
        "predictive_parity_difference",
        "Predictive parity difference",
        "closer to 0",
        "Highest minus lowest precision over the groups.",
        f"{FAIRLEARN}.MetricFrame.difference",
        ("precision",),
        "difference",
    ),
    DisparityDefinition(
        "worst_group_mae",
        "Mean absolute error of the worst group",
        "closer to 0",
        "Highest mean absolute error of any group.",
        f"{FAIRLEARN}.MetricFrame.group_max",
        ("mae",),
        "highest",
    ),
)


def _spread_definitions() -> list[DisparityDefinition]:
    """Return the difference and the ratio of every metric over the groups of a feature."""
    definitions = []
    for metric in METRICS.values():
        title = metric.title[0].lower() + metric.title[1:] if metric.name != "f1" else metric.title
        definitions.append(
            DisparityDefinition(
                f"{metric.name}_difference",
                f"{metric.title}, difference",
                "closer to 0",
                f"Highest minus lowest {title} over the groups.",
                f"{FAIRLEARN}.MetricFrame.difference",
                (metric.name,),
                "difference",
            )
        )
        definitions.append(
            DisparityDefinition(
                f"{metric.name}_ratio",
                f"{metric.title}, ratio",
                "closer to 1",
                f"Lowest divided by highest {title} over the groups.",
                f"{FAIRLEARN}.MetricFrame.ratio",
                (metric.name,),
                "ratio",
            )
        )
    return definitions


REFERENCE_DIFFERENCES = (
    "selection_rate",
    "tpr",
    "fpr",
    "fnr",
    "precision",
    "accuracy",
    "balanced_accuracy",
    "auc",
    "mean_score",
    "calibration_error",
    "mean_error",
    "mae",
)
REFERENCE_RATIOS = ("selection_rate", "tpr", "fpr", "mean_score", "mae")
IMPACT_RATIO = "impact_ratio"
SCORING_RATE = "scoring_rate"
SCORING_RATIO = "scoring_impact_ratio"
SELECTION_STANDARDIZED = "selection_standardized_difference"
SCORE_STANDARDIZED = "score_standardized_difference"
NEW_YORK = "6 RCNY 5-300"
HEDGES = "Hedges and Olkin, Statistical Methods for Meta-Analysis, 1985"


_GROUP_DISPARITIES = (
    DisparityDefinition(
        IMPACT_RATIO,
        "Impact ratio",
        "closer to 1",
        "Selection rate of the group divided by the highest selection rate of any group.",
        "29 CFR 1607.4(D)",
        ("selection_rate",),
        "to reference",
    ),
    DisparityDefinition(
        SCORING_RATE,
        "Scoring rate",
        "neither",
        "Share of the group whose score lies strictly above the median score of all rows.",
        NEW_YORK,
        ("mean_score",),
        "to reference",
    ),
    DisparityDefinition(
        SCORING_RATIO,
        "Impact ratio of scoring rates",
        "closer to 1",
        "Scoring rate of the group divided by the highest scoring rate of any group.",
        NEW_YORK,
        ("mean_score",),
        "to reference",
    ),
    DisparityDefinition(
        SELECTION_STANDARDIZED,
        "Standardized difference of selection",
        "closer to 0",
        "Selection rate of the group minus that of the reference group (the largest group where none is named), "
        "in standard deviations within the two groups.",
        HEDGES,
        ("selection_rate",),
        "to reference",
    ),
    DisparityDefinition(
        SCORE_STANDARDIZED,
        "Standardized difference of scores",
        "closer to 0",
        "Mean score of the group minus that of the reference group (the largest group where none is named), "
        "in standard deviations within the two groups.",
        HEDGES,
        ("mean_score",),
        "to reference",
    ),
)


def _reference_definitions() -> list[DisparityDefinition]:
    """Return differences from, and ratios over, a named reference group."""
    differences = [
        DisparityDefinition(
            f"{name}_minus_reference",
            f"{METRICS[name].title}, minus reference group",
            "closer to 0",
            f"{METRICS[name].title} of the group minus that of the named reference group.",
            f"{FAIRLEARN}.MetricFrame.by_group",
            (name,),
            "to reference",
        )
        for name in REFERENCE_DIFFERENCES
    ]
    ratios = [
        DisparityDefinition(
            f"{name}_over_reference",
            f"{METRICS[name].title}, over reference group",
            "closer to 1",
            f"{METRICS[name].title} of the group divided by that of the reference group.",
            f"{FAIRLEARN}.MetricFrame.by_group",
            (name,),
            "to reference",
        )
        for name in REFERENCE_RATIOS
    ]
    return differences + ratios


DISPARITIES: Mapping[str, DisparityDefinition] = MappingProxyType(
    {
        definition.name: definition
        for definition in (
            *_NAMED_DISPARITIES,
            *_spread_definitions(),
            *_GROUP_DISPARITIES,
            *_reference_definitions(),
        )
    }
)
