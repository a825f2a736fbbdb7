"""Groups and groupings as JSON: the keys of `fairness-expected/1`, and intervals, reasons and tests beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audits.bias.curves import draw_reliability, draw_roc
from audits.bias.results import BiasAudit, Estimate, Group, Grouping, ImpactRatio, ScoringRate, Sums
from audits.bias.tallies import has_labels
from audits.counting.cells import Cells
from audits.counting.scores import ScoreCounts
from audits.intervals import Z_95, katz_log, wilson
from audits.metrics import SHARES, Counts
from audits.populations import name_group

# The disparities every result lists under `disparities`; the others follow from `spread`.
NAMED = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
    "equalized_odds_difference",
    "equalized_odds_ratio",
    "equalized_odds_difference_mean",
    "predictive_parity_difference",
    "accuracy_difference",
    "fnr_difference",
    "auc_difference",
)
NAMED_BY_CLASS = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "equalized_odds_difference",
    "equalized_odds_ratio",
)
# The rates whose gaps a result lists under `undefined`; every gap has its reason under `reasons`.
LISTED_UNDEFINED = (*SHARES, "f1", "balanced_accuracy", "auc", "mean_score")
CURVES_UP_TO = 12
"""Groups of a feature or combination for which curves are drawn; more cannot be told apart."""


@dataclass(frozen=True)
class Shape:
    """What kind of predictions the groups are made of."""

    task: str
    is_labelled: bool
    scores: ScoreCounts | None
    features: tuple[str, ...]


def describe_shape(cells: Cells) -> Shape:
    """Return the shape of the predictions in the cells."""
    return Shape(cells.task, has_labels(cells), cells.scores, cells.features)


def group_to_json(audit: BiasAudit, shape: Shape, place: int | None = None, number: int = 0) -> dict[str, Any]:
    """Return everybody, or group `number` of the grouping at `place`, as a JSON-ready object."""
    group = _find_group(audit, place, number)
    found: dict[str, Any] = {"n": group.n}
    found |= _counts_to_json(group, shape)
    if audit.is_weighted:
        found["w_n"] = math.fsum(group.weights)
    if group.matrix is not None:
        found["confusion_matrix_rows_true_cols_pred"] = [list(row) for row in group.matrix]
    found |= {name: estimate.value for name, estimate in group.estimates.items()}
    found["intervals"] = _intervals(group.estimates)
    found["reasons"] = _reasons(group.estimates)
    found["below_minimum_size"] = group.is_small
    if audit.per_class:
        of_class = {label: _find_group(part, place, number).estimates for label, part in audit.per_class.items()}
        found["per_class"] = {
            label: {name: estimate.value for name, estimate in estimates.items()}
            for label, estimates in of_class.items()
        }
        found["per_class_intervals"] = {label: _intervals(estimates) for label, estimates in of_class.items()}
        found["per_class_reasons"] = {label: _reasons(estimates) for label, estimates in of_class.items()}
    return found


def _find_group(audit: BiasAudit, place: int | None, number: int) -> Group:
    return audit.overall if place is None else audit.groupings[place].groups[number]


def _counts_to_json(group: Group, shape: Shape) -> dict[str, Any]:
    """Return the confusion counts, as far as there are true labels and decisions."""
    if shape.task in ("multiclass", "regression"):
        return {}
    counts = {name: int(value) for name, value in group.counts._asdict().items()}
    found: dict[str, Any] = {}
    if shape.is_labelled:
        found["n_true_positive_label"] = counts["tp"] + counts["fn"]
    if shape.task != "scoring":
        found["n_selected"] = counts["tp"] + counts["fp"]
        if shape.is_labelled:
            found |= counts
            if group.weights != group.counts:
                found |= {f"w_{name}": value for name, value in group.weights._asdict().items()}
    return found


def _with_curves(found: dict[str, Any], group: Group, shape: Shape, features: tuple[str, ...]) -> dict[str, Any]:
    """Add the reliability curve and the ROC points of a group, where it has scores and labels."""
    if shape.scores is None or group.scores is None or not shape.scores.has_labels:
        return found
    places = [shape.features.index(name) for name in features]
    if group.scores.bins is not None:
        found["reliability"] = draw_reliability(group.scores.bins)
    found["roc"] = draw_roc(shape.scores, places, group.values)
    return found


def grouping_to_json(audit: BiasAudit, place: int, shape: Shape) -> dict[str, Any]:
    """Return the grouping at `place` as a JSON-ready object."""
    grouping = audit.groupings[place]
    features = grouping.features
    found: dict[str, Any] = {
        "by_group": [
            {
                "group": dict(zip(features, group.values, strict=True)),
                "population": name_group(features, group.values),
                **group_to_json(audit, shape, place, number),
                "undefined": [name for name in group.undefined if name in LISTED_UNDEFINED],
            }
            for number, group in enumerate(grouping.groups)
        ],
        **_compared_to_json(grouping, shape),
    }
    if len(grouping.groups) <= CURVES_UP_TO:
        for entry, group in zip(found["by_group"], grouping.groups, strict=True):
            _with_curves(entry, group, shape, features)
    if audit.per_class:
        parts = {label: part.groupings[place] for label, part in audit.per_class.items()}
        found |= _classes_to_json(parts, audit)
    if grouping.impact_ratios:
        found["impact_ratios"] = _impact_to_json(grouping, audit)
    if grouping.reference is not None:
        found["versus_reference"] = _reference_to_json(grouping)
    if grouping.scoring:
        found["scoring"] = _scoring_to_json(grouping, audit)
    return found | _tests_to_json(grouping)


def _compared_to_json(grouping: Grouping, shape: Shape) -> dict[str, Any]:
    """Return the disparities and spreads of one grouping."""
    listed = [name for name in NAMED if name in grouping.disparities]
    if shape.task == "regression":
        listed = list(grouping.disparities)
    elif shape.task == "multiclass":
        listed = [*listed, "balanced_accuracy_difference"]
    elif shape.task == "scoring":
        listed = [*listed, *(name for name in grouping.disparities if name.endswith("_difference"))]
    found: dict[str, Any] = {
        "disparities": {name: grouping.disparities[name].value for name in listed if name in grouping.disparities},
        "disparity_intervals": _intervals(grouping.disparities),
        "disparity_reasons": _reasons(grouping.disparities),
        "spread": {
            name: None
            if spread.lowest is None
            else {
                "min": spread.lowest,
                "max": spread.highest,
                "difference": spread.difference.value,
                "ratio": spread.ratio.value,
            }
            for name, spread in grouping.spread.items()
        },
    }
    if grouping.fairlearn_reading is not None:
        found["disparities_if_undefined_counts_as_zero"] = {
            name: grouping.fairlearn_reading[name] for name in NAMED if name in grouping.fairlearn_reading
        }
    return found


def _classes_to_json(parts: Mapping[str, Grouping], audit: BiasAudit) -> dict[str, Any]:
    """Return the disparities of each class against the rest, and fairlearn's reading where one differs."""
    found: dict[str, Any] = {
        "disparities_per_class": {
            label: {name: part.disparities[name].value for name in NAMED_BY_CLASS if name in part.disparities}
            for label, part in parts.items()
        },
        "disparity_intervals_per_class": {label: _intervals(part.disparities) for label, part in parts.items()},
        "disparity_reasons_per_class": {label: _reasons(part.disparities) for label, part in parts.items()},
        "impact_ratios_per_class": {
            label: _impact_to_json(part, audit) for label, part in parts.items() if part.impact_ratios
        },
        "tests_per_class": {label: _tests_to_json(part)["tests"] for label, part in parts.items()},
    }
    readings = {
        label: {
            name: value
            for name, value in (
                part.fairlearn_reading or {name: found.value for name, found in part.disparities.items()}
            ).items()
            if name in NAMED_BY_CLASS
        }
        for label, part in parts.items()
    }
    if any(part.fairlearn_reading is not None for part in parts.values()):
        found["disparities_per_class_if_undefined_counts_as_zero"] = readings
    return found


def _impact_to_json(grouping: Grouping, audit: BiasAudit) -> dict[str, Any]:
    features = grouping.features
    groups = {group.values: group for group in grouping.groups}
    base = groups[grouping.highest_groups[0]] if grouping.highest_groups else None
    rows = []
    for ratio in grouping.impact_ratios:
        row: dict[str, Any] = {
            "group": dict(zip(features, ratio.group, strict=True)),
            "selection_rate": ratio.selection_rate,
            "impact_ratio": ratio.estimate.value,
            "below_four_fifths": ratio.is_below_four_fifths,
            "share_of_rows": ratio.share_of_rows,
            "under_two_percent": ratio.is_under_two_percent,
            "selections_short_of_four_fifths": ratio.shortfall,
            "interval": _limits(ratio.estimate) if ratio.estimate.low is not None else None,
            "reason": ratio.estimate.reason,
        }
        if not audit.is_weighted:
            row |= _closed_forms(ratio, groups[ratio.group], base)
        rows.append(row)
    return {
        "reference_groups": [dict(zip(features, values, strict=True)) for values in grouping.highest_groups],
        "groups": rows,
    }


def _closed_forms(ratio: ImpactRatio, group: Group, base: Group | None) -> dict[str, Any]:
    """Return the 95 % intervals every result states, whatever level was asked for."""
    counts = Counts(*group.counts)
    found: dict[str, Any] = {
        "wilson95_selection_rate": _wilson95("selection_rate", counts),
        "katz_log95_impact_ratio": None,
        "wilson95_tpr": _wilson95("tpr", counts),
        "wilson95_fpr": _wilson95("fpr", counts),
    }
    if base is not None and base is not group:
        katz = katz_log(*_selected(group.counts), *_selected(base.counts), Z_95)
        found["katz_log95_impact_ratio"] = None if katz is None else [katz.low, katz.high]
    return found


def _selected(counts: Sums) -> tuple[float, float]:
    return counts.tp + counts.fp, math.fsum(counts)


def _wilson95(name: str, counts: Counts) -> list[float] | None:
    whole = SHARES[name].whole(counts)
    return list(wilson(SHARES[name].part(counts), whole, Z_95)[:2]) if whole else None


def _reference_to_json(grouping: Grouping) -> dict[str, Any]:
    features = grouping.features
    return {
        "reference": dict(zip(features, grouping.reference or (), strict=True)),
        "groups": [
            {
                "group": dict(zip(features, values, strict=True)),
                **{name: estimate.value for name, estimate in estimates.items()},
                "intervals": {
                    name: _limits(estimate) for name, estimate in estimates.items() if estimate.low is not None
                },
                "reasons": _reasons(estimates),
            }
            for values, estimates in grouping.versus_reference.items()
        ],
    }


def _scoring_to_json(grouping: Grouping, audit: BiasAudit) -> dict[str, Any]:
    return {
        "median_score": audit.median_score,
        "rule": "share of the group with a score strictly above the median of all used rows",
        "groups": [_rate_to_json(rate, grouping.features) for rate in grouping.scoring],
    }


def _rate_to_json(rate: ScoringRate, features: tuple[str, ...]) -> dict[str, Any]:
    return {
        "group": dict(zip(features, rate.group, strict=True)),
        "n": rate.n,
        "above_median": rate.above,
        "scoring_rate": rate.rate,
        "impact_ratio": rate.impact_ratio,
        "under_two_percent": rate.is_under_two_percent,
        "intervals": _intervals({"scoring_rate": rate.estimate, "impact_ratio": rate.ratio}),
        "reasons": _reasons({"scoring_rate": rate.estimate, "impact_ratio": rate.ratio}),
    }


def _tests_to_json(grouping: Grouping) -> dict[str, Any]:
    """Return the tests of difference and the standardized differences of one grouping."""
    features = grouping.features
    found: dict[str, Any] = {
        "tests": [
            {
                "group": dict(zip(features, test.group, strict=True)),
                "versus": dict(zip(features, test.versus, strict=True)),
                "metric": test.metric,
                "method": test.method,
                "z": test.z,
                "p_value": test.p_value,
                "p_adjusted": test.p_adjusted,
                "correction": test.correction,
                "comparisons": test.comparisons,
            }
            for test in grouping.tests
        ]
    }
    if any(grouping.standardized.values()):
        found["standardized_differences"] = [
            {
                "group": dict(zip(features, values, strict=True)),
                **{name: estimate.value for name, estimate in estimates.items()},
                "intervals": _intervals(estimates),
                "reasons": _reasons(estimates),
            }
            for values, estimates in grouping.standardized.items()
        ]
    return found


def _intervals(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, Any]]:
    return {name: _limits(estimate) for name, estimate in estimates.items() if estimate.low is not None}


def _limits(estimate: Estimate) -> dict[str, Any]:
    return {"low": estimate.low, "high": estimate.high, "method": estimate.method}


def _reasons(estimates: Mapping[str, Estimate]) -> dict[str, str]:
    return {name: found.reason for name, found in estimates.items() if found.reason is not None}
