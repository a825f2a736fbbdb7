"""Which metrics a reader of an audit is shown first, by task. The result document holds all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LEADING: dict[str, tuple[str, ...]] = {
    "binary": ("selection_rate", "tpr", "fpr", "precision", "accuracy", "auc", "calibration_error"),
    "ranking": ("selection_rate", "tpr", "precision", "mean_score"),
    "multiclass": ("accuracy", "balanced_accuracy"),
    "regression": ("mean_error", "mae", "rmse", "r2"),
    "scoring": ("mean_score", "auc", "brier_score", "calibration_error"),
}


def leading_metrics(result: Mapping[str, Any], most: int | None = None) -> list[str]:
    """Return the metrics of a bias audit's result that are read first, ``most`` of them where room is short."""
    return [name for name in LEADING[result["task"]] if name in result["overall"]][:most]
