"""What an explanation tells beyond importance, whoever computed its attributions: one place for every tier.

Adds to the result document: `sampling` (how uncertain the rows leave the worst importance),
`dependence`, `interactions` (unless exact ones are there), `group_differences`, `stability`,
`protected_in_top`, `reasons`, `former`, `permutation`, `verdicts`, and their measures:

    worst_importance_error      overall                     relative half-width of the worst importance
    rows_explained              overall
    importance_difference       feature=income by sex
    rank_stability              overall                     resampled rows against all rows
    rank_correlation            former version | permutation importance | seed 3
    top_overlap                 former version              features the first ones have in common
    protected_in_top            top 5
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audits.bias.measures import Measure
from audits.bias.verdicts import judge_criteria
from audits.explanations.agreement import ResampledImportance, compare_former
from audits.explanations.attributions import Attributions
from audits.explanations.dependence import find_dependence, find_pairs
from audits.explanations.group_differences import find_differences
from audits.explanations.reasons import find_reasons
from audits.explanations.results import Explanation, Importance
from audits.explanations.wishes import Wishes
from audits.intervals import find_z
from audits.populations import OVERALL, name_comparison, name_group

FORMER = "former version"
PERMUTATION = "permutation importance"
SMALLEST_SHARE = 0.01
"""A feature with a smaller share of the importance does not decide how uncertain the sample is."""
NOT_ADDITIVE = "the attributions are not additive"


def extend_explanation(
    document: dict[str, Any],
    attributions: Attributions,
    result: Explanation,
    wishes: Wishes,
    *,
    groups: Mapping[str, Sequence[str | None]],
    level: float,
    minimum_group_size: int,
    random_state: int,
    threshold: float | None = None,
    reference: str = "not stated",
    former: Mapping[str, Any] | None = None,
) -> None:
    """Add to the document of an explanation what `wishes` and the attributions allow, in place.

    Parameters
    ----------
    document : dict
        From `record.to_json`; interactions that are already there are kept.
    attributions : Attributions
    result : Explanation
    wishes : Wishes
    groups : mapping
        Sensitive feature to the value of every row, None where missing.
    level, minimum_group_size, random_state, threshold
        As for `explain.check_attributions`.
    reference : str
        What the attributions compare with, in words.
    former : mapping, optional
        The explanation document of the former version.
    """
    resampled = ResampledImportance(attributions, random_state)
    document["sampling"] = document.get("sampling") or _describe_sampling(result)
    document["dependence"] = find_dependence(
        attributions, result.importance, z=find_z(level), random_state=random_state
    )
    document["interactions"] = document.get("interactions") or find_pairs(attributions, result.importance)
    document["group_differences"] = find_differences(
        attributions, groups, level=level, minimum_group_size=minimum_group_size
    )
    document["stability"] = resampled.judge_stability(level, wishes.top) | {
        "repeats": [{"name": repeat.name, **resampled.correlate(repeat.importance, level)} for repeat in wishes.repeats]
    }
    document["protected_in_top"] = (
        resampled.count_in_top(wishes.protected, wishes.top, level) if wishes.protected else None
    )
    document["former"] = compare_former(resampled, former, level=level, top=wishes.top) if former else None
    document["permutation"] = (
        {
            "importance": dict(wishes.permutation_importance),
            **resampled.correlate(wishes.permutation_importance, level),
        }
        if wishes.permutation_importance
        else None
    )
    document["reasons"] = (
        find_reasons(attributions, wishes, threshold, reference)
        if wishes.adverse is not None and threshold is not None
        else None
    )
    _add_measures(document, result, wishes, minimum_group_size)


def _add_measures(document: dict[str, Any], result: Explanation, wishes: Wishes, minimum_group_size: int) -> None:
    """Append the measures, and judge the criteria of the specification by all of them."""
    reason = None if result.is_additive else NOT_ADDITIVE
    found = [Measure(**measure) for measure in document["measures"]]
    found += list_measures(document, result.rows, reason)
    document["measures"] = [measure.to_json() for measure in found]
    verdicts = judge_criteria(wishes.criteria, found, minimum_group_size=minimum_group_size)
    document["verdicts"] = [verdict.to_json() for verdict in verdicts]


def list_measures(document: Mapping[str, Any], rows: int, reason: str | None) -> list[Measure]:
    """Return what the extended document offers to criteria; with `reason` none of it can meet one."""
    error = document["sampling"]["relative_uncertainty"]
    why = None if error is not None else document["sampling"]["reason"]
    measures = [
        Measure("rows_explained", OVERALL, float(rows), float(rows), float(rows), rows, reason),
        Measure("worst_importance_error", OVERALL, error, error, error, rows, reason or why),
        _measure("rank_stability", OVERALL, document["stability"], rows, reason),
    ]
    measures += [
        _measure("rank_correlation", repeat["name"], repeat, rows, reason)
        for repeat in document["stability"]["repeats"]
    ]
    if document["former"]:
        former = document["former"]
        measures.append(_measure("rank_correlation", FORMER, former, rows, reason))
        overlap = float(former["top_in_common"])
        measures.append(Measure("top_overlap", FORMER, overlap, overlap, overlap, rows, reason))
    if document["permutation"]:
        measures.append(_measure("rank_correlation", PERMUTATION, document["permutation"], rows, reason))
    if document["protected_in_top"]:
        part = document["protected_in_top"]
        measures.append(_measure("protected_in_top", f"top {part['top']}", part, rows, reason))
    for part in document["group_differences"]:
        population = f"{name_group(['feature'], [part['feature']])} {name_comparison([part['sensitive']])}"
        n = sum(group["n"] for group in part["values"].values())
        measures.append(
            Measure(
                "importance_difference",
                population,
                part["difference"],
                part["low"],
                part["high"],
                n,
                reason or part["reason"],
            )
        )
    return measures


def _measure(metric: str, population: str, part: Mapping[str, Any], rows: int, reason: str | None) -> Measure:
    value = part["value"]
    low, high = part["low"], part["high"]
    why = part.get("reason") or (None if low is not None or value is None else "no interval can be given")
    return Measure(
        metric,
        population,
        None if value is None else float(value),
        None if low is None else float(low),
        None if high is None else float(high),
        rows,
        reason or why,
    )


def _describe_sampling(result: Explanation) -> dict[str, Any]:
    """Return how uncertain the rows that were explained leave the worst importance."""
    known = [
        (relative, item)
        for item in result.importance
        if (item.share.value or 0.0) >= SMALLEST_SHARE and (relative := _relative_half_width(item)) is not None
    ]
    worst = max(known, key=lambda pair: pair[0], default=None)
    return {
        "rows": None,
        "explained_rows": result.rows,
        "method": "chosen by the submitter",
        "precision": None,
        "worst_feature": None if worst is None else worst[1].feature,
        "relative_uncertainty": None if worst is None else worst[0],
        "rows_to_halve_it": None if worst is None else 4 * result.rows,
        "reason": "no feature has an importance whose uncertainty could be told" if worst is None else None,
    }


def _relative_half_width(item: Importance) -> float | None:
    value, high = item.mean_abs.value, item.mean_abs.high
    return (high - value) / value if value and high is not None else None
