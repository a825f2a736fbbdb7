"""What is lost under a condition: the vocabulary of losses.

A prediction file may carry a condition column (blur, noise, another site...). Every metric of a
population under a condition is held against the same metric of the same population under the
baseline condition. Populations are written "condition=blur" and "condition=blur & sex=F", with the
name of the condition column; "by sex & condition=blur" compares the losses of groups.

This module imports nothing heavy, so that a web process can list the vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from audits.metrics import METRICS, Metric

LOSS = "loss"
CHANGE = "change"


def name_loss(metric: str) -> str:
    """Return the name of what a condition costs: a loss, or a change where no direction is better.

    >>> name_loss("accuracy"), name_loss("selection_rate")
    ('accuracy_loss', 'selection_rate_change')
    """
    return f"{metric}_{CHANGE if METRICS[metric].direction == 'neither' else LOSS}"


def name_retained(metric: str) -> str:
    """Return the name of the metric under a condition divided by its baseline."""
    return f"{metric}_over_baseline"


def name_worst(metric: str) -> str:
    """Return the name of the largest loss over all conditions."""
    return f"worst_{metric}_loss"


def name_loss_difference(metric: str) -> str:
    """Return the name of the difference in loss between groups."""
    return f"{name_loss(metric)}_difference"


def _describe_loss(metric: Metric) -> str:
    if metric.direction == "higher" or metric.direction == "closer to 1":
        return f"{metric.title} under the baseline condition minus under the condition; above 0 something is lost."
    if metric.direction == "lower":
        return f"{metric.title} under the condition minus under the baseline; above 0 something is lost."
    if metric.direction == "closer to 0":
        return f"Distance of {metric.title.lower()} from 0 under the condition minus under the baseline."
    return f"{metric.title} under the condition minus under the baseline condition."


def _define(metric: Metric) -> list[Metric]:
    """Return everything that is measured of one metric under conditions."""
    undefined = "the metric is undefined under the condition or under the baseline"
    has_direction = metric.direction != "neither"
    title = metric.title
    loss = "lost under a condition" if has_direction else "changed under a condition"
    found = [
        Metric(
            name_loss(metric.name),
            f"{title}, {loss}",
            "lower" if has_direction else "closer to 0",
            _describe_loss(metric),
            undefined,
            "definition",
        ),
        Metric(
            name_retained(metric.name),
            f"{title}, over baseline condition",
            "closer to 1",
            f"{title} under the condition divided by that under the baseline condition.",
            f"{undefined}, or the baseline is not above 0",
            "definition",
        ),
        Metric(
            name_loss_difference(metric.name),
            f"{title}, {loss}, difference",
            "closer to 0",
            "Largest minus smallest of these over the groups of a feature, under one condition.",
            f"{undefined} in every group",
            "definition",
        ),
    ]
    if has_direction:
        found.append(
            Metric(
                name_worst(metric.name),
                f"{title}, largest loss under any condition",
                "lower",
                "The largest of the losses over all conditions but the baseline.",
                undefined,
                "definition",
            )
        )
    return found


ROBUSTNESS_METRICS: Mapping[str, Metric] = MappingProxyType(
    {found.name: found for metric in METRICS.values() for found in _define(metric)}
)
"""What is measured under conditions."""
