"""The shapes of an explanation's result. Frozen; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audits.bias.results import Estimate, Note


@dataclass(frozen=True)
class Miss:
    """How far one row is from additive. `allowed` is the tolerance times the row's scale, and what rounding makes."""

    id: str
    row: int
    error: float
    allowed: float


@dataclass(frozen=True)
class Importance:
    """What one feature does over all rows.

    `mean_abs` is its mean absolute SHAP value, `share` its part of the sum over all features,
    `mean` the signed mean, `correlation` that between the feature's value and its SHAP value
    (None where values were not given or do not vary).
    """

    feature: str
    mean_abs: Estimate
    share: Estimate
    mean: float
    correlation: float | None


@dataclass(frozen=True)
class GroupImportance:
    """Mean absolute SHAP value of every feature within one group."""

    feature: str
    value: str
    n: int
    is_small: bool
    mean_abs: Mapping[str, float]


@dataclass(frozen=True)
class LocalExplanation:
    """One prediction taken apart; contributions with the largest first, the rest summed."""

    role: str
    id: str
    base: float
    output: float
    contributions: tuple[tuple[str, float, float | None], ...]
    rest: float
    rest_count: int


@dataclass(frozen=True)
class Explanation:
    """The result of checking and summarising attributions."""

    features: tuple[str, ...]
    rows: int
    additive_rows: int
    tolerance: float
    worst: Miss
    first_misses: tuple[Miss, ...]
    importance: tuple[Importance, ...]
    by_group: tuple[GroupImportance, ...]
    sample: Mapping[str, Any]
    local: tuple[LocalExplanation, ...]
    notes: tuple[Note, ...]
    is_one_row_over_and_over: bool = False

    @property
    def is_additive(self) -> bool:
        """Tell whether every row adds up."""
        return self.additive_rows == self.rows
