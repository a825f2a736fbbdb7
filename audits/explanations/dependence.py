"""How a feature's value moves its SHAP value, and with which other feature that changes.

The curve is the mean SHAP value in bins of equal counts. What a line through each bin leaves over
is looked at beside every other feature: what part of the SHAP value's variance lies between bins of
that feature is how much the two seem to act together. An additive model leaves nothing over. Exact
interaction values need the model; this reads only the attributions, and says so (`RESIDUAL`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audits.explanations.attributions import Attributions
from audits.explanations.results import Importance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN_FEATURES = 6
SHOWN_PAIRS = 10
CURVE_BINS = 12
PAIR_BINS = 5
SAMPLE_ROWS = 300
SMALLEST_STRENGTH = 0.005
"""Less of the variance than this is no acting together worth a line."""
FEWEST_ROWS = 30
RESIDUAL = "share of a feature's SHAP variance that its own value leaves over and the other's explains"


def find_dependence(
    attributions: Attributions, importance: Sequence[Importance], *, z: float, random_state: int
) -> list[dict[str, Any]]:
    """Return the dependence of the most important features that have values.

    Each has `feature`, `colour_by` (the feature it seems to act with, or None), `points`
    ([value, shap, value of `colour_by`], at most 300 rows) and `curve` (mean SHAP value by bins
    of equal counts, with normal limits).
    """
    import numpy as np

    rows = np.arange(len(attributions.shap))
    if len(rows) > SAMPLE_ROWS:
        rows = np.sort(np.random.default_rng(random_state).choice(rows, SAMPLE_ROWS, replace=False))
    found = []
    for feature in _choose(attributions, importance):
        partners = {
            other: score
            for other in attributions.values
            if other != feature and (score := measure_pair(attributions, feature, other)) is not None
        }
        partner = max(partners, key=lambda name: partners[name], default=None)
        if partner is not None and partners[partner] < 0.01:
            partner = None
        found.append(
            {
                "feature": feature,
                "colour_by": partner,
                "points": _take_points(attributions, feature, partner, rows),
                "curve": _draw_curve(attributions, feature, z),
            }
        )
    return found


def find_pairs(attributions: Attributions, importance: Sequence[Importance]) -> list[dict[str, Any]]:
    """Return the pairs of important features that seem to act together, strongest first; none in an additive model."""
    names = _choose(attributions, importance)
    pairs: list[dict[str, Any]] = []
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            scores = [
                score
                for pair in ((first, second), (second, first))
                if (score := measure_pair(attributions, *pair)) is not None
            ]
            if scores and max(scores) >= SMALLEST_STRENGTH:
                pairs.append({"features": [first, second], "strength": max(scores), "method": RESIDUAL})
    pairs.sort(key=lambda pair: (-pair["strength"], pair["features"]))
    return [{**pair, "low": None, "high": None} for pair in pairs[:SHOWN_PAIRS]]


def measure_pair(attributions: Attributions, feature: str, other: str) -> float | None:
    """Return the share of a feature's SHAP variance that its own value leaves over and another's explains, 0 to 1.

    Left over is what a straight line through each bin of the own value misses. The share is corrected
    for what chance gives (omega squared); None without enough rows or where the SHAP value does not
    vary.
    """
    import numpy as np

    shap = attributions.shap[:, attributions.features.index(feature)]
    own, its = attributions.values[feature], attributions.values[other]
    known = np.isfinite(own) & np.isfinite(its)
    if known.sum() < FEWEST_ROWS:
        return None
    shap, own, its = shap[known], own[known], its[known]
    bins = bin_evenly(own, CURVE_BINS)
    left = _straighten(shap, own, bins)
    everything = float(((shap - shap.mean()) ** 2).sum())
    total = float((left**2).sum())
    if everything <= 1e-12 * float((shap**2).sum()) or not everything:
        return None
    if total <= 1e-12 * everything:
        return 0.0
    cells = bins * PAIR_BINS + bin_evenly(its, PAIR_BINS)
    _, cells = np.unique(cells, return_inverse=True)
    count = np.bincount(cells)
    between = float((np.bincount(cells, left) ** 2 / count).sum())
    freedom = len(count) - len(np.unique(bins))
    inside = len(shap) - len(count)
    if freedom <= 0 or inside <= 0:
        return None
    noise = (total - between) / inside
    return min(1.0, max(0.0, (between - freedom * noise) / everything))


def _straighten(shap: NDArray[np.float64], own: NDArray[np.float64], bins: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what a least-squares line through each bin leaves over."""
    import numpy as np

    count = np.bincount(bins)
    mean, centre = np.bincount(bins, shap) / count, np.bincount(bins, own) / count
    height, distance = shap - mean[bins], own - centre[bins]
    spread = np.bincount(bins, distance**2)
    slope = np.where(spread > 0, np.bincount(bins, distance * height) / np.where(spread > 0, spread, 1.0), 0.0)
    return np.asarray(height - slope[bins] * distance)


def bin_evenly(values: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Return for each value its bin, 0 to at most bins - 1; equal values share a bin, no bin is empty."""
    import numpy as np

    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1], method="higher"))
    _, places = np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)
    return np.asarray(places, dtype=np.int64)


def _choose(attributions: Attributions, importance: Sequence[Importance]) -> list[str]:
    """Return the most important features whose values are known and vary."""
    import numpy as np

    found = []
    for item in importance:
        values = attributions.values.get(item.feature)
        if values is None or np.isfinite(values).sum() < FEWEST_ROWS:
            continue
        if len(np.unique(values[np.isfinite(values)])) > 1:
            found.append(item.feature)
    return found[:SHOWN_FEATURES]


def _draw_curve(attributions: Attributions, feature: str, z: float) -> list[dict[str, Any]]:
    import numpy as np

    shap = attributions.shap[:, attributions.features.index(feature)]
    values = attributions.values[feature]
    known = np.isfinite(values)
    bins = bin_evenly(values[known], CURVE_BINS)
    curve = []
    for number in range(int(bins.max()) + 1):
        part, at = shap[known][bins == number], values[known][bins == number]
        mean, n = float(part.mean()), len(part)
        half = z * float(part.std(ddof=1)) / math.sqrt(n) if n > 1 else None
        curve.append(
            {
                "value": float(np.median(at)),
                "mean": mean,
                "low": None if half is None else mean - half,
                "high": None if half is None else mean + half,
                "n": n,
            }
        )
    return curve


def _take_points(
    attributions: Attributions, feature: str, partner: str | None, rows: NDArray[np.int64]
) -> list[list[float | None]]:
    shap = attributions.shap[rows, attributions.features.index(feature)]
    own = attributions.values[feature][rows]
    its = None if partner is None else attributions.values[partner][rows]
    return [
        [float(own[place]), float(shap[place]), _finite(its[place]) if its is not None else None]
        for place in range(len(rows))
        if math.isfinite(own[place])
    ]


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
