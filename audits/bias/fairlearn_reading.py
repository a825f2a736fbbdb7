"""What fairlearn's own functions would say where a rate is undefined: it counts as 0 there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from audits.bias.disparities import DISPARITIES
from audits.bias.results import Estimate, Group

FAIRLEARN_ZEROS = ("tpr", "fnr", "fpr", "tnr", "precision")
"""Metrics that fairlearn and scikit-learn take as 0 where the denominator is empty."""


def read_like_fairlearn(groups: Sequence[Group], disparities: Mapping[str, Estimate]) -> dict[str, float | None] | None:
    """Return the disparities with undefined rates counted as 0; None where nothing changes."""
    values: dict[str, list[float]] = {}
    for name in groups[0].estimates:
        found = [group.estimates[name].value for group in groups]
        if name in FAIRLEARN_ZEROS:
            values[name] = [0.0 if value is None else value for value in found]
        else:
            values[name] = [value for value in found if value is not None]
    reading: dict[str, float | None] = {}
    compared = [name for name in disparities if DISPARITIES[name].kind != "highest"]
    for name in compared:
        definition = DISPARITIES[name]
        parts = [
            _plain_ratio(values[metric]) if definition.kind == "ratio" else _plain_difference(values[metric])
            for metric in definition.needs
        ]
        known = [part for part in parts if part is not None]
        if not known:
            reading[name] = None
        elif definition.kind == "mean difference":
            reading[name] = math.fsum(known) / len(known)
        else:
            reading[name] = min(known) if definition.kind == "ratio" else max(known)
    differs = any(
        (reading[name] is None) != (disparities[name].value is None)
        or abs((disparities[name].value or 0.0) - (reading[name] or 0.0)) > 1e-12
        for name in compared
    )
    return reading if differs else None


def _plain_difference(values: Sequence[float]) -> float | None:
    return max(values) - min(values) if values else None


def _plain_ratio(values: Sequence[float]) -> float | None:
    return min(values) / max(values) if values and max(values) > 0 and min(values) >= 0 else None
