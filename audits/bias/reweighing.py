"""Reweighing: what weights would make label and group independent, as information.

Kamiran and Calders, Knowl. Inf. Syst. 33 (2012) 1. Nothing here is applied.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from audits.bias.frontier import to_json_number
from audits.counting.cells import Cells
from audits.metrics import divide
from audits.populations import name_group

REWEIGHING_NOTICE = (
    "Information only: weights for training (Kamiran and Calders) that would make label and group independent; they "
    "are computed from the labels of the audited rows, and no model was trained with them. Weighting by a sensitive "
    "feature may be unlawful where you are."
)


def find_weights(cells: Cells, features: tuple[str, ...]) -> dict[str, Any]:
    """Return the weights that make label and group independent, and what they would change.

    The weight of a row is P(group) P(label) / P(group, label); the base rate is then the same in
    every group, and the total weight of every group and of every label stays.
    """
    sums: dict[tuple[str, ...], list[float]] = {}
    squares: dict[tuple[str, ...], list[float]] = {}
    for cell in cells.marginal(features):
        if cell.label < 0:
            return {"notice": REWEIGHING_NOTICE, "weights": [], "reason": "there are no true labels"}
        sums.setdefault(cell.group, [0.0, 0.0])[cell.label] += cell.weight
        squares.setdefault(cell.group, [0.0, 0.0])[cell.label] += cell.weight_squared
    total = math.fsum(map(math.fsum, sums.values()))
    labels = [math.fsum(pair[label] for pair in sums.values()) for label in (0, 1)]
    if not total:
        return {"notice": REWEIGHING_NOTICE, "weights": [], "reason": "the rows have no weight"}
    rows = []
    weights: dict[tuple[str, ...], list[float]] = {}
    for group, pair in sorted(sums.items()):
        weights[group] = [float(divide(math.fsum(pair) * labels[label], total * pair[label])) for label in (0, 1)]
        rows.append(
            {
                "population": name_group(features, group),
                "base_rate": to_json_number(divide(pair[1], math.fsum(pair))),
                "weight_of_positive": to_json_number(weights[group][1]),
                "weight_of_negative": to_json_number(weights[group][0]),
            }
        )
    rates = [pair[1] / math.fsum(pair) for pair in sums.values() if math.fsum(pair)]
    return {
        "notice": REWEIGHING_NOTICE,
        "weights": rows,
        "base_rate_with_weights": labels[1] / total,
        "base_rate_difference": max(rates) - min(rates),
        "base_rate_difference_with_weights": 0.0 if _is_complete(weights) else None,
        "association": _measure_association(sums, labels, total),
        "association_with_weights": 0.0 if _is_complete(weights) else None,
        "rows_worth_with_weights": _count_worth(sums, squares, weights),
        "reason": None if _is_complete(weights) else "a group lacks a label: no weight can make up for it",
    }


def _is_complete(weights: Mapping[tuple[str, ...], Sequence[float]]) -> bool:
    return all(math.isfinite(weight) for pair in weights.values() for weight in pair)


def _measure_association(
    sums: Mapping[tuple[str, ...], Sequence[float]], labels: Sequence[float], total: float
) -> float | None:
    """Return Cramer's V between group and label: 0 independent, 1 one follows from the other."""
    if not all(labels):
        return None
    terms = []
    for pair in sums.values():
        for label in (0, 1):
            expected = math.fsum(pair) * labels[label] / total
            if expected:
                terms.append((pair[label] - expected) ** 2 / expected)
    return math.sqrt(math.fsum(terms) / total)


def _count_worth(
    sums: Mapping[tuple[str, ...], Sequence[float]],
    squares: Mapping[tuple[str, ...], Sequence[float]],
    weights: Mapping[tuple[str, ...], Sequence[float]],
) -> float | None:
    """Return Kish's effective number of rows under the weights."""
    if not _is_complete(weights):
        return None
    total = math.fsum(sums[group][label] * pair[label] for group, pair in weights.items() for label in (0, 1))
    squared = math.fsum(squares[group][label] * pair[label] ** 2 for group, pair in weights.items() for label in (0, 1))
    return total * total / squared if squared else None
