"""Which metrics a reader of an audit is shown first, by task. The result document holds all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

LEADING: dict[str, tuple[str, ...]] = {
    "binary": ("selection_rate", "tpr", "fpr", "precision", "accuracy", "auc"),
    "ranking": ("selection_rate", "tpr", "precision", "mean_score"),
    "multiclass": ("accuracy", "balanced_accuracy"),
    "regression": ("mean_error", "mae", "rmse", "r2"),
    "scoring": ("mean_score", "auc", "brier_score", "calibration_error"),
}

# Results are stored with their keys in alphabetical order; people read these first, and equalized odds together.
LEADING_DISPARITIES = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
    "equalized_odds_difference",
    "equalized_odds_ratio",
    "equalized_odds_difference_mean",
    "predictive_parity_difference",
)


def order_disparities(names: Iterable[str]) -> list[str]:
    """Return the names with those that are read first in front, the others behind them by name."""
    found = set(names)
    first = [name for name in LEADING_DISPARITIES if name in found]
    return first + sorted(found.difference(first))


def leading_metrics(result: Mapping[str, Any], most: int | None = None) -> list[str]:
    """Return the metrics of a bias audit's result that are read first, ``most`` of them where room is short."""
    return [name for name in LEADING[result["task"]] if name in result["overall"]][:most]
