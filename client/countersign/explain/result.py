"""Attributions as they are written, described and submitted."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from countersign.client import Client
    from countersign.types import Evaluation, Version

SINGLE_PRECISION = 1e-5
DOUBLE_PRECISION = 1e-6
SHARE_MISSED = 0.01
ROUNDING = 1e-12
RESERVED = ("row_id", "base_value", "output")


class NotAdditive(Exception):
    """Base value and SHAP values of a row do not give the model's output: they do not explain this model."""


def find_allowed(
    base: NDArray[np.float64], output: NDArray[np.float64], shap: NDArray[np.float64], tolerance: float
) -> NDArray[np.float64]:
    """Return the error each row may have, by the portal's rule.

    The tolerance is relative to the size of the numbers, but no more than a hundredth of what there is to explain may
    be missed: of the output's distance from the base value, or of the median of all rows where that is larger.
    """
    size = np.maximum(np.maximum(np.abs(base), np.abs(output)), np.abs(shap).sum(axis=1))
    distance = np.abs(output - base)
    most = SHARE_MISSED * np.maximum(distance, np.median(distance))
    return np.asarray(np.minimum(tolerance * size, most) + ROUNDING * size)


@dataclass(frozen=True, eq=False)
class Explained:
    """SHAP values of a sample of rows.

    Attributes
    ----------
    ids : tuple of str
        The rows explained, by the names they have in the prediction file.
    features : tuple of str
    shap : array of shape (rows, features)
    base, output : array of shape (rows,)
        Base value plus the sum of a row's SHAP values is its output, see ``find_allowed``.
    values : mapping
        Feature to its own values (numbers), where there are any.
    output_name : str
        What ``output`` is, for example "log odds of 1".
    explainer, background : str
        How the values were computed, and what stands in for absent features.
    """

    ids: tuple[str, ...]
    features: tuple[str, ...]
    shap: NDArray[np.float64]
    base: NDArray[np.float64]
    output: NDArray[np.float64]
    values: Mapping[str, NDArray[np.float64]]
    output_name: str
    explainer: str
    background: str
    seed: int
    tolerance: float
    rows_available: int
    versions: Mapping[str, str] = field(default_factory=dict)
    permutation_importance: Mapping[str, float] = field(default_factory=dict)
    repeats: tuple[Mapping[str, Any], ...] = ()

    @property
    def importance(self) -> dict[str, float]:
        """Return the mean absolute SHAP value of every feature, the largest first."""
        mean = np.abs(self.shap).mean(axis=0)
        return {self.features[place]: float(mean[place]) for place in np.argsort(-mean, kind="stable")}

    def check(self) -> Explained:
        """Return this, or raise ``NotAdditive`` naming the row that misses most."""
        if not all(np.isfinite(part).all() for part in (self.shap, self.base, self.output)):
            raise NotAdditive("A SHAP value, base value or output is not a finite number.")
        error = np.abs(self.base + self.shap.sum(axis=1) - self.output)
        excess = error - find_allowed(self.base, self.output, self.shap, self.tolerance)
        worst = int(np.argmax(excess))
        if excess[worst] > 0:
            raise NotAdditive(
                f"Row {self.ids[worst]}: base value plus SHAP values miss the model's output by {error[worst]:.3g}. "
                "Explain the same model on the scale its output has."
            )
        return self

    def write(self, path: str | Path) -> Path:
        """Write the values as CSV in the layout an explanation reads: one row per explained row."""
        path = Path(path)
        valued = [name for name in self.features if name in self.values]
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow([*RESERVED, *self.features, *(f"value:{name}" for name in valued)])
            for row, name in enumerate(self.ids):
                numbers = [self.base[row], self.output[row], *self.shap[row]]
                own = [self.values[feature][row] for feature in valued]
                writer.writerow([name, *(repr(float(number)) for number in numbers), *map(_write_value, own)])
        return path

    def spec(self, **more: Any) -> dict[str, Any]:
        """Return the specification of the explanation; ``more`` adds keys such as ``sensitive`` or ``criteria``."""
        spec: dict[str, Any] = {
            "columns": {"id": "row_id", "base": "base_value", "output": "output"},
            "output": self.output_name,
            "explainer": self.explainer,
            "background": self.background,
            "tolerance": self.tolerance,
            "seed": self.seed,
        }
        if self.permutation_importance:
            spec["permutation_importance"] = dict(self.permutation_importance)
        if self.repeats:
            spec["repeats"] = [dict(repeat) for repeat in self.repeats]
        return spec | more

    def submit(
        self,
        portal: Client,
        version: Version,
        *,
        title: str = "SHAP values",
        dataset_role: str = "test",
        spec: Mapping[str, Any] | None = None,
    ) -> Evaluation:
        """Submit the values as evidence and ask for the explanation; ``spec`` adds to the specification."""
        with tempfile.TemporaryDirectory() as folder:
            file = self.write(Path(folder) / "attributions.csv")
            evidence = portal.submit_attributions(version, file, title=title, description=self.describe())
        return portal.request_explanation(version, evidence, self.spec(**(spec or {})), dataset_role=dataset_role)

    def describe(self) -> str:
        """Return in a sentence how the values were computed."""
        used = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return (
            f"{self.explainer}; {len(self.ids):,} of {self.rows_available:,} rows, seed {self.seed}; "
            f"background: {self.background}; {used}."
        )


def _write_value(value: float) -> str:
    return repr(float(value)) if np.isfinite(value) else ""
