"""What would help: other thresholds and reweighing, as information. Nothing here is applied.

For every criterion about a disparity that thresholds can move: which would have met it, at what
cost in accuracy, and the frontier of accuracy against that disparity under one common threshold,
under one threshold per group, and under thresholds mixed by chance within a group (what
fairlearn's ThresholdOptimizer finds). And what reweighing the rows (Kamiran and Calders, Knowl.
Inf. Syst. 33 (2012) 1) would change.

All of it is about the observed values of the rows that were audited: other rows give other values,
and a threshold chosen on these rows looks better on them than it will elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from audits.bias.disparities import IMPACT_RATIO
from audits.bias.frontier import COMMON, CONSTRAINTS, PER_GROUP, describe_choice, draw_frontier, to_json_number
from audits.bias.reweighing import find_weights
from audits.bias.thresholds import RATES, Choice, Curve, choose_common, choose_per_group, draw_curves
from audits.counting.cells import Cells
from audits.populations import name_comparison, name_group
from audits.spec import Criterion

NOTICE = (
    "Information only: nothing of this was applied, and no number of the audit uses it. It is computed on the rows "
    "that were audited; a threshold chosen on them looks better on them than it will on others. "
)
PER_GROUP_NOTICE = (
    "Thresholds that differ by group treat people differently because of a sensitive feature. That may be unlawful "
    "where you are (in the United States, for employment tests, 42 U.S.C. 2000e-2(l) forbids different cutoff "
    "scores by race, color, religion, sex or national origin). Ask counsel before any use."
)
UNASKED = ("demographic_parity_difference", "equalized_odds_difference")
"""The frontiers drawn for features no criterion is about."""
FOUR_FIFTHS = ("demographic_parity_ratio", "at_least", 0.8)
MAXIMUM_GROUPS = 200
TASKS = ("binary", "scoring")


def advise(cells: Cells, subsets: Sequence[tuple[str, ...]], criteria: Sequence[Criterion]) -> dict[str, Any]:
    """Return what would help, JSON-ready.

    Parameters
    ----------
    cells : Cells
        With scores for everything about thresholds.
    subsets : sequence of tuple of str
        The features and combinations to look at.
    criteria : sequence of Criterion

    Returns
    -------
    dict
        `by_feature` holds everything; `criterion`, `frontier`, `note`, `chosen` and `reweighing`
        repeat the first criterion's (or, where no criterion bounds such a disparity, that of the
        four-fifths rule for the first feature, marked as assumed) for a page to show.
    """
    found: dict[str, Any] = {"notice": NOTICE + PER_GROUP_NOTICE, "by_feature": [], "reason": None}
    if cells.task not in TASKS:
        found["reason"] = f"thresholds and weights are for two labels, not for the task {cells.task}"
        return found
    found["by_feature"] = [_advise_feature(cells, subset, criteria) for subset in subsets]
    answers = [answer for entry in found["by_feature"] for answer in entry["criteria"]]
    shown = answers[0] if answers else _assume_four_fifths(cells, subsets[0])
    if shown is None:
        found["reason"] = found["by_feature"][0]["thresholds"]["reason"]
        return found
    entry = next(entry for entry in found["by_feature"] if entry["population"] == shown["population"])
    chosen = {COMMON: shown["common_threshold"], PER_GROUP: shown["thresholds_per_group"]}
    named = {name: shown[name] for name in ("metric", "population", "comparator", "bound", "assumed")}
    return found | {
        "criterion": named,
        "frontier": shown["frontier"],
        "note": shown["note"],
        "chosen": chosen,
        "reweighing": entry["reweighing"],
    }


def _assume_four_fifths(cells: Cells, features: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the answer to the four-fifths rule for a feature; None where thresholds cannot be searched."""
    reason, curves = _find_curves(cells, features)
    if reason is not None:
        return None
    metric, comparator, threshold = FOUR_FIFTHS
    criterion = Criterion(metric, name_comparison(features), comparator, threshold)
    return _meet_criterion(features, curves, criterion, cells) | {"assumed": True}


def _advise_feature(cells: Cells, features: tuple[str, ...], criteria: Sequence[Criterion]) -> dict[str, Any]:
    population = name_comparison(features)
    found: dict[str, Any] = {
        "sensitive": list(features),
        "population": population,
        "thresholds": None,
        "frontiers": [],
        "criteria": [],
        "reweighing": find_weights(cells, features),
    }
    reason, curves = _find_curves(cells, features)
    found["thresholds"] = {"reason": reason}
    if reason is not None:
        return found
    found["thresholds"] |= {
        "rule": "selected where the score is at least the threshold",
        "considered": {name_group(features, group): curve.threshold.size for group, curve in curves.items()},
    }
    wanted = [_restate(criterion, features, curves) for criterion in criteria]
    found["criteria"] = [
        _meet_criterion(features, curves, criterion, cells)
        for criterion in wanted
        if criterion.population == population and is_movable(criterion)
    ]
    if not found["criteria"]:
        found["frontiers"] = [
            {"disparity": metric, "points": draw_frontier(features, curves, metric)} for metric in UNASKED
        ]
    return found


def _restate(criterion: Criterion, features: tuple[str, ...], curves: Mapping[tuple[str, ...], Curve]) -> Criterion:
    """Return a criterion on the impact ratio of one group as the one on the lowest ratio of all groups.

    It asks for at least as much: where the lowest impact ratio is high enough, every one is.
    """
    groups = [name_group(features, group) for group in curves]
    if criterion.metric != IMPACT_RATIO or criterion.population not in groups:
        return criterion
    return replace(criterion, metric="demographic_parity_ratio", population=name_comparison(features))


def is_movable(criterion: Criterion) -> bool:
    """Tell whether a criterion bounds a disparity that thresholds can move."""
    compared = CONSTRAINTS.get(criterion.metric)
    wanted = "at_most" if compared and compared[1] == "difference" else "at_least"
    return compared is not None and criterion.comparator == wanted


def _find_curves(cells: Cells, features: tuple[str, ...]) -> tuple[str | None, dict[tuple[str, ...], Curve]]:
    """Return (why there is nothing to say about thresholds, the curves)."""
    if cells.scores is None:
        return "there are no scores: name a score column, or keep the scores with the cells", {}
    if not len(cells.scores.label) or int(cells.scores.label.min()) < 0:
        return "there are no true labels beside the scores", {}
    curves = draw_curves(cells.scores, [cells.sensitive_features.index(name) for name in features])
    if len(curves) < 2:
        return "only one group: nothing to compare", curves
    if len(curves) > MAXIMUM_GROUPS:
        return f"more than {MAXIMUM_GROUPS} groups: thresholds are not searched for", curves
    return None, curves


def _meet_criterion(
    features: tuple[str, ...], curves: Mapping[tuple[str, ...], Curve], criterion: Criterion, cells: Cells
) -> dict[str, Any]:
    """Return which thresholds would have met one criterion, and what they cost."""
    constraint, comparison = CONSTRAINTS[criterion.metric]
    present = _find_accuracy(cells)
    found = choose_common(curves, constraint, comparison, criterion.threshold)
    common = None
    if found is not None:
        threshold, choice = found
        common = {"threshold": to_json_number(threshold), **describe_choice(features, curves, choice)}
        del common["thresholds"]
    per_group = _meet_per_group(features, curves, criterion, None if found is None else found[1])
    for way in (common, per_group):
        if way is not None:
            way["accuracy_change"] = None if present is None else way["accuracy"] - present
    return {
        "metric": criterion.metric,
        "population": criterion.population,
        "comparator": criterion.comparator,
        "bound": criterion.threshold,
        "accuracy_of_the_predictions": present,
        "held_alike": list(RATES[constraint]),
        "common_threshold": common,
        "thresholds_per_group": per_group,
        "note": _note_choice(common, per_group),
        "assumed": False,
        "frontier": draw_frontier(features, curves, criterion.metric, criterion),
    }


def _meet_per_group(
    features: tuple[str, ...],
    curves: Mapping[tuple[str, ...], Curve],
    criterion: Criterion,
    common: Choice | None,
) -> dict[str, Any] | None:
    """Return the most accurate thresholds per group that would do; the common one is one of them."""
    found = choose_per_group(curves, *CONSTRAINTS[criterion.metric], criterion.threshold)
    if common is not None and (found is None or common.accuracy > found.accuracy):
        found = common
    return None if found is None else describe_choice(features, curves, found)


def _note_choice(common: Mapping[str, Any] | None, per_group: Mapping[str, Any] | None) -> str:
    """Say in words what the search found, and how far it reaches."""
    if common is None and per_group is None:
        text = "No threshold on these scores would have met the criterion."
    elif common is None:
        text = "No common threshold would have met the criterion; thresholds per group would."
    else:
        text = f"A common threshold would have met the criterion at an accuracy of {common['accuracy']:.4g}."
        if common["selection_rate"] in (0.0, 1.0):
            text += " It selects nobody or everybody, which says nothing about fairness."
    if per_group is not None:
        text += f" Thresholds per group would reach an accuracy of {per_group['accuracy']:.4g}. {PER_GROUP_NOTICE}"
    return f"{text} Information about observed values only; intervals are not considered, and nothing was applied."


def _find_accuracy(cells: Cells) -> float | None:
    """Return the accuracy of the predictions as they were submitted; None where there are none."""
    known = [cell for cell in cells.rows if cell.label >= 0 and cell.prediction >= 0]
    total = math.fsum(cell.weight for cell in known)
    right = math.fsum(cell.weight for cell in known if cell.label == cell.prediction)
    return right / total if total else None
