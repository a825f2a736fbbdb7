"""The model as it is deployed: a short JSON document and the few lines that read it.

A pickle can run anything when it is opened. This file holds numbers only, is the same bytes whenever the same model is
written, and can be read by the people who sign for it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FORMAT = "logistic-model/1"


@dataclass(frozen=True)
class LogisticModel:
    """Risk = 1 / (1 + exp(-log_odds)); flagged where the risk is at least ``flag_at``."""

    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float
    flag_at: float

    @classmethod
    def from_pipeline(cls, pipeline: Pipeline, features: list[str], *, flag_at: float) -> LogisticModel:
        """Take the numbers out of a fitted StandardScaler and LogisticRegression."""
        scaler, logistic = pipeline[0], pipeline[-1]
        return cls(
            features=tuple(features),
            means=tuple(map(float, scaler.mean_)),
            scales=tuple(map(float, scaler.scale_)),
            coefficients=tuple(map(float, logistic.coef_[0])),
            intercept=float(logistic.intercept_[0]),
            flag_at=flag_at,
        )

    @classmethod
    def load(cls, path: Path) -> LogisticModel:
        """Read a model file. Raises ``ValueError`` for anything but this format."""
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.pop("format", None) != FORMAT:
            raise ValueError(f"{path} is not in the format {FORMAT}")
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in document.items()})

    def save(self, path: Path) -> Path:
        """Write the model file: sorted keys and one final newline, so that equal models are equal bytes."""
        document: dict[str, Any] = {"format": FORMAT, **asdict(self)}
        path.write_text(json.dumps(document, indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")
        return path

    def log_odds(self, row: Mapping[str, float]) -> float:
        """Return the log-odds for one row. Raises ``ValueError`` naming a feature that is missing or no number."""
        terms = [self.intercept]
        numbers = zip(self.features, self.means, self.scales, self.coefficients, strict=True)
        for name, mean, scale, coefficient in numbers:
            value = row.get(name, math.nan)
            if not math.isfinite(value):
                raise ValueError(f"“{name}” is missing or no finite number")
            terms.append(coefficient * (value - mean) / scale)
        return math.fsum(terms)

    def risk(self, row: Mapping[str, float]) -> float:
        """Return the estimated probability, between 0 and 1."""
        odds = self.log_odds(row)
        return 1 / (1 + math.exp(-odds)) if odds >= 0 else math.exp(odds) / (1 + math.exp(odds))

    def is_flagged(self, row: Mapping[str, float]) -> bool:
        """Return whether the row is flagged."""
        return self.risk(row) >= self.flag_at
