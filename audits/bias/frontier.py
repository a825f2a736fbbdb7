"""The frontier of accuracy against a disparity, under three ways of setting thresholds.

One common threshold; one threshold per group; thresholds mixed by chance within a group (what
fairlearn's ThresholdOptimizer finds).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from audits.bias.mixtures import Mix, Mixture, mix
from audits.bias.thresholds import SLACK, Choice, Curve, choose_per_group, move_all, weigh_places
from audits.populations import name_group
from audits.spec import Criterion

CONSTRAINTS = {
    "demographic_parity_difference": ("selection_rate", "difference"),
    "demographic_parity_ratio": ("selection_rate", "ratio"),
    "selection_rate_difference": ("selection_rate", "difference"),
    "selection_rate_ratio": ("selection_rate", "ratio"),
    "equal_opportunity_difference": ("tpr", "difference"),
    "equal_opportunity_ratio": ("tpr", "ratio"),
    "tpr_difference": ("tpr", "difference"),
    "tpr_ratio": ("tpr", "ratio"),
    "fnr_difference": ("tpr", "difference"),
    "fpr_difference": ("fpr", "difference"),
    "fpr_ratio": ("fpr", "ratio"),
    "tnr_difference": ("fpr", "difference"),
    "equalized_odds_difference": ("odds", "difference"),
    "equalized_odds_ratio": ("odds", "ratio"),
}
"""The disparities that thresholds can move, as (what is held alike, how it is compared)."""
COMMON, PER_GROUP, MIXED = "common", "per group", "mixed by chance"
STEPS = 20


def draw_frontier(
    features: tuple[str, ...],
    curves: Mapping[tuple[str, ...], Curve],
    metric: str,
    criterion: Criterion | None = None,
) -> list[dict[str, Any]]:
    """Return accuracy against one disparity, for the three ways of setting thresholds.

    Of every way only the points than which none is both more accurate and fairer. `meets` says
    whether the observed disparity meets the criterion; null without one.
    """
    constraint, comparison = CONSTRAINTS[metric]
    common = _trace_common(curves, constraint, comparison)
    # A common threshold is one way of setting a threshold per group.
    per_group = [
        point
        | {"rule": PER_GROUP, "thresholds": {name_group(features, group): point["thresholds"] for group in curves}}
        for point in common
    ]
    for bound in _list_bounds([point["disparity"] for point in common], comparison):
        choice = choose_per_group(curves, constraint, comparison, bound)
        if choice is not None:
            per_group.append({"rule": PER_GROUP, **describe_choice(features, curves, choice)})
    mixed = _trace_mixtures(features, curves, constraint, comparison, [point["disparity"] for point in common])
    points = [point for way in (common, per_group, mixed) for point in _keep_frontier(way, comparison)]
    for point in points:
        point["meets"] = None if criterion is None else is_met(point["disparity"], criterion)
    return points


def _list_bounds(disparities: Sequence[float], comparison: str) -> list[float]:
    """Return the bounds to try, from perfect equality to the most unequal common threshold."""
    if comparison == "difference":
        widest = max(disparities, default=1.0)
        return [widest * step / STEPS for step in range(STEPS + 1)]
    lowest = min(disparities, default=0.0)
    return [max(1 - (1 - lowest) * step / STEPS, 1e-6) for step in range(STEPS + 1)]


def is_met(disparity: float, criterion: Criterion) -> bool:
    """Tell whether an observed disparity meets a criterion, but for rounding."""
    if criterion.comparator == "at_most":
        return disparity <= criterion.threshold + SLACK
    return disparity >= criterion.threshold - SLACK


def _trace_common(curves: Mapping[tuple[str, ...], Curve], constraint: str, comparison: str) -> list[dict[str, Any]]:
    """Return the common thresholds than which none is both more accurate and fairer, thinned."""
    import numpy as np

    thresholds, places = move_all(curves)
    accuracy, selected, disparity = weigh_places(curves, places, constraint, comparison)
    unfairness = disparity if comparison == "difference" else -disparity
    order = np.lexsort((-accuracy, unfairness))
    order = order[~np.isnan(disparity[order])]
    if not order.size:
        return []
    kept = order[np.append(True, accuracy[order][1:] > np.maximum.accumulate(accuracy[order])[:-1])]
    if kept.size > 2 * STEPS:
        kept = kept[np.unique(np.linspace(0, kept.size - 1, 2 * STEPS).astype(int))]
    return [
        {
            "rule": COMMON,
            "disparity": float(disparity[place]),
            "accuracy": float(accuracy[place]),
            "selection_rate": float(selected[place]),
            "thresholds": to_json_number(thresholds[place]),
        }
        for place in kept
    ]


def _trace_mixtures(
    features: tuple[str, ...],
    curves: Mapping[tuple[str, ...], Curve],
    constraint: str,
    comparison: str,
    disparities: Sequence[float],
) -> list[dict[str, Any]]:
    """Return what mixing two thresholds of a group by chance gives; nothing where it cannot be done."""
    is_bound = comparison == "ratio" or constraint == "odds"
    points = []
    for bound in [0.0] if is_bound else _list_bounds(disparities, comparison):
        mixture = mix(curves, constraint, bound)
        if mixture is None:
            return []
        spread = max(mixture.rate.values()) - min(mixture.rate.values())
        if comparison == "ratio" and not min(mixture.rate.values()):
            continue
        points.append(
            {
                "rule": MIXED,
                "disparity": spread if comparison == "difference" else 1.0,
                "accuracy": mixture.accuracy,
                "selection_rate": _count_selected(curves, mixture),
                "thresholds": {},
                "mixes": {
                    name_group(features, group): _describe_mix(curves[group], found)
                    for group, found in mixture.mixes.items()
                },
            }
        )
    return points


def _describe_mix(curve: Curve, found: Mix) -> dict[str, float | None]:
    return {
        "first_threshold": to_json_number(curve.threshold[found.low_place]),
        "second_threshold": to_json_number(curve.threshold[found.high_place]),
        "chance_of_first": found.low_share,
        "chance_of_ignoring_the_score": found.ignore,
        "chance_of_selection_then": found.constant,
    }


def _count_selected(curves: Mapping[tuple[str, ...], Curve], mixture: Mixture) -> float:
    """Return the share selected under a mixture."""
    selected = total = 0.0
    for group, curve in curves.items():
        way = mixture.mixes[group]
        low, high = ((curve.tp + curve.fp)[place] for place in (way.low_place, way.high_place))
        scored = way.low_share * low + (1 - way.low_share) * high
        selected += float(way.ignore * way.constant * curve.weight + (1 - way.ignore) * scored)
        total += curve.weight
    return selected / total


def _keep_frontier(points: Sequence[dict[str, Any]], comparison: str) -> list[dict[str, Any]]:
    """Return the points than which none is both more accurate and fairer, the fairest first."""
    sign = 1 if comparison == "difference" else -1
    kept: list[dict[str, Any]] = []
    for point in sorted(points, key=lambda found: (sign * found["disparity"], -found["accuracy"])):
        if not kept or point["accuracy"] > kept[-1]["accuracy"]:
            kept.append(point)
    return kept


def describe_choice(
    features: tuple[str, ...], curves: Mapping[tuple[str, ...], Curve], choice: Choice
) -> dict[str, Any]:
    return {
        "disparity": to_json_number(choice.disparity),
        "accuracy": choice.accuracy,
        "selection_rate": choice.selection_rate,
        "thresholds": {
            name_group(features, group): to_json_number(curve.threshold[place])
            for (group, curve), place in zip(curves.items(), choice.places, strict=True)
        },
    }


def to_json_number(value: float | None) -> float | None:
    """Return a number as it may stand in JSON; a threshold of None selects nobody."""
    return None if value is None or not math.isfinite(value) else float(value)
