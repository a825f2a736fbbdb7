"""Does the order of importance hold: over resampled rows, other seeds, the former version, another method?

Orders are compared by Spearman's rank correlation (ties share their mean rank), beside it
Kendall's tau-b and how many of the first features are the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audits.explanations.attributions import Attributions
from audits.explanations.protected import find_protected

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 200
FEWEST_FEATURES = 3


class ResampledImportance:
    """The importance of every feature in bootstrap resamples of the rows: an array of resamples x features."""

    def __init__(self, attributions: Attributions, random_state: int) -> None:
        import numpy as np

        self.features = attributions.features
        size = np.abs(attributions.shap)
        rows = len(size)
        self.observed = size.mean(axis=0)
        generator = np.random.default_rng(random_state)
        drawn = np.empty((RESAMPLES, size.shape[1]))
        for number in range(RESAMPLES):
            drawn[number] = generator.multinomial(rows, np.full(rows, 1 / rows)) @ size / rows
        self.drawn = drawn

    def correlate(self, other: Mapping[str, float], level: float) -> dict[str, Any]:
        """Return how the order agrees with that of other importances, over the features both have.

        Limits are percentiles over the resamples. `value` is None, with a reason, for fewer than
        three features in common or where an order does not vary.
        """
        import numpy as np

        common = [name for name in self.features if name in other]
        if len(common) < FEWEST_FEATURES:
            return _undefined(f"fewer than {FEWEST_FEATURES} features in common")
        places = [self.features.index(name) for name in common]
        theirs = np.array([other[name] for name in common])
        value = rank_correlation(self.observed[None, places], theirs)[0]
        if math.isnan(value):
            return _undefined("every feature has the same importance")
        around = rank_correlation(self.drawn[:, places], theirs)
        around = around[~np.isnan(around)]
        low, high = np.quantile(around, [0.5 - level / 2, 0.5 + level / 2]) if len(around) else (math.nan, math.nan)
        return {
            "value": float(value),
            "low": min(float(low), float(value)) if not math.isnan(low) else None,
            "high": max(float(high), float(value)) if not math.isnan(high) else None,
            "kendall": kendall(self.observed[places], theirs),
            "features": len(common),
            "reason": None,
        }

    def judge_stability(self, level: float, top: int) -> dict[str, Any]:
        """Return how the order of the resamples agrees with the observed one.

        `value` is the mean rank correlation, `low` and `high` percentiles over the resamples;
        `same_top` is the share of resamples with the same first `top` features.
        """
        import numpy as np

        if len(self.features) < FEWEST_FEATURES:
            return _undefined(f"fewer than {FEWEST_FEATURES} features")
        around = rank_correlation(self.drawn, self.observed)
        around = around[~np.isnan(around)]
        if not len(around):
            return _undefined("every feature has the same importance")
        first = set(np.argsort(-self.observed, kind="stable")[:top].tolist())
        same = [set(np.argsort(-row, kind="stable")[:top].tolist()) == first for row in self.drawn]
        low, high = np.quantile(around, [0.5 - level / 2, 0.5 + level / 2])
        return {
            "value": float(around.mean()),
            "low": float(low),
            "high": float(high),
            "resamples": RESAMPLES,
            "top": top,
            "same_top": sum(same) / len(same),
            "reason": None,
        }

    def count_in_top(self, names: Sequence[str], top: int, level: float) -> dict[str, Any]:
        """Return how many of the named features are among the first `top`, with percentiles over the resamples."""
        import numpy as np

        protected = find_protected(names, self.features)
        wanted = {place for place, name in enumerate(self.features) if name in protected.features}

        def count(row: NDArray[np.float64]) -> int:
            return len(wanted.intersection(np.argsort(-row, kind="stable")[:top].tolist()))

        around = [count(row) for row in self.drawn]
        low, high = np.quantile(around, [0.5 - level / 2, 0.5 + level / 2], method="inverted_cdf")
        value = count(self.observed)
        order = np.argsort(-self.observed, kind="stable")[:top]
        return {
            "top": top,
            "value": value,
            "low": min(int(low), value),
            "high": max(int(high), value),
            "features": [self.features[place] for place in order if place in wanted],
            "counted": list(protected.features),
            "not_in_the_model": list(protected.absent),
            "reason": None if wanted else "none of the declared features is among the explained ones",
        }


def rank_correlation(rows: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Spearman's rank correlation of each row with `other`; NaN where one of the two does not vary."""
    import numpy as np
    from scipy.stats import rankdata

    ranks = rankdata(rows, axis=1)
    theirs = rankdata(other)
    ranks -= ranks.mean(axis=1, keepdims=True)
    theirs -= theirs.mean()
    scale = np.sqrt((ranks**2).sum(axis=1) * (theirs**2).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(scale > 0, np.clip(ranks @ theirs / scale, -1, 1), np.nan))


def kendall(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Return Kendall's tau-b; None where one of the two does not vary."""
    from scipy.stats import kendalltau

    value = float(kendalltau(first, second).statistic)
    return None if math.isnan(value) else value


def compare_former(
    resampled: ResampledImportance, former: Mapping[str, Any], *, level: float, top: int
) -> dict[str, Any]:
    """Compare with the explanation document of the former version.

    Features that only one of the two has take no part in the correlation and are listed.
    """
    theirs = {item["feature"]: float(item["mean_abs"]) for item in former.get("importance", ())}
    ours = dict(zip(resampled.features, resampled.observed.tolist(), strict=True))
    first = [sorted(part, key=lambda name: (-part[name], name))[:top] for part in (ours, theirs)]  # noqa: B023
    both = len(set(first[0]).intersection(first[1]))
    return resampled.correlate(theirs, level) | {
        "top": top,
        "top_in_common": both,
        "new_features": sorted(set(ours).difference(theirs)),
        "gone_features": sorted(set(theirs).difference(ours)),
        "former_input": ((former.get("passport") or {}).get("input") or {}).get("sha256"),
    }


def _undefined(reason: str) -> dict[str, Any]:
    return {"value": None, "low": None, "high": None, "reason": f"undefined: {reason}"}
