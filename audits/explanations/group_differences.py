"""Does the model look at the same things in every group: differences of importance between groups.

The difference is between the groups with the highest and the lowest mean absolute SHAP value. Its
limits are those of the two means (normal, independent rows), widened for the number of pairs the
two were picked from (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from audits.explanations.attributions import Attributions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def find_differences(
    attributions: Attributions,
    groups: Mapping[str, Sequence[str | None]],
    *,
    level: float,
    minimum_group_size: int,
) -> list[dict[str, Any]]:
    """Return for every sensitive feature and every feature of the model the difference between groups.

    `values` maps each group to its mean absolute SHAP value with limits; `reason` says why a
    difference cannot be relied on.
    """
    import numpy as np

    size = np.abs(attributions.shap)
    found = []
    for sensitive, texts in groups.items():
        names = sorted({text for text in texts if text is not None})
        members = {name: size[np.array([text == name for text in texts])] for name in names}
        small = [name for name, rows in members.items() if len(rows) < minimum_group_size]
        for place, feature in enumerate(attributions.features):
            columns = {name: rows[:, place] for name, rows in members.items()}
            found.append({"sensitive": sensitive, "feature": feature, **_compare(columns, level, small)})
    return found


def _compare(columns: Mapping[str, NDArray[np.float64]], level: float, small: Sequence[str]) -> dict[str, Any]:
    """Return the difference of one feature's importance between groups."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    means = {name: float(column.mean()) for name, column in columns.items()}
    errors = {
        name: float(column.std(ddof=1)) / math.sqrt(len(column)) if len(column) > 1 else math.nan
        for name, column in columns.items()
    }
    values = {
        name: {
            "mean_abs": means[name],
            "low": None if math.isnan(errors[name]) else max(0.0, means[name] - z * errors[name]),
            "high": None if math.isnan(errors[name]) else means[name] + z * errors[name],
            "n": len(columns[name]),
        }
        for name in columns
    }
    if len(columns) < 2:
        return {"values": values, "difference": None, "low": None, "high": None, "reason": "only one group"}
    most = max(means, key=lambda name: (means[name], name))
    least = min(means, key=lambda name: (means[name], name))
    difference = means[most] - means[least]
    pairs = len(columns) * (len(columns) - 1) / 2
    wide = NormalDist().inv_cdf(1 - (1 - level) / 2 / pairs)
    half = wide * math.hypot(errors[most], errors[least])
    reason = f"groups below the minimum size: {', '.join(small[:3])}" if small else None
    if math.isnan(half):
        return {"values": values, "difference": difference, "low": None, "high": None, "reason": reason or "one row"}
    return {
        "values": values,
        "most": most,
        "least": least,
        "difference": difference,
        "low": max(0.0, difference - half),
        "high": difference + half,
        "reason": reason,
    }
