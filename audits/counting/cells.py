"""Reduce predictions to counted cells: one streaming pass, bounded memory.

A cell is a distinct combination of (group..., label, prediction) with its number of rows and,
where rows are weighted, the sum of the weights and of their squares. Every label metric is a
function of the cells, so the cells are all an auditor needs to recompute it. Scores are kept
beside the cells as counts per (group, label, score), for AUC and mean score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from audits.errors import BadInput

if TYPE_CHECKING:
    from audits.counting.scores import ScoreCounts

FORMAT = "countersign/cells/1"
MISSING_GROUP = "(missing)"


@dataclass(frozen=True, slots=True)
class Cell:
    """Rows alike in everything that counts. `label` and `prediction` are 1 where positive."""

    group: tuple[str, ...]
    label: int
    prediction: int
    count: int
    weight: float
    weight_squared: float


class LeftOut(NamedTuple):
    """Rows that are in the file and not in the cells, and why."""

    reason: str
    rows: int


@dataclass(frozen=True)
class Cells:
    """Predictions reduced to counts.

    Attributes
    ----------
    sensitive_features : tuple of str
        The features whose values make up `Cell.group`, in this order.
    positive_label : str
        The text that stands for 1 in `label` and `prediction`.
    rows : tuple of Cell
        Distinct and sorted.
    weighted : bool
        Whether a weight column was given; otherwise weights equal counts.
    rows_read : int
        Rows of the file, those left out included.
    rows_missing : int
        Rows that lack a sensitive value, whether left out or a group of their own.
    left_out : tuple of LeftOut
    scores : ScoreCounts or None
    """

    sensitive_features: tuple[str, ...]
    positive_label: str
    rows: tuple[Cell, ...]
    weighted: bool
    rows_read: int
    rows_missing: int = 0
    left_out: tuple[LeftOut, ...] = ()
    scores: ScoreCounts | None = None

    @property
    def rows_used(self) -> int:
        """Return the number of rows in the cells."""
        return sum(cell.count for cell in self.rows)

    def marginal(self, features: tuple[str, ...]) -> tuple[Cell, ...]:
        """Return the cells summed over every feature that is not in `features`."""
        places = [self.sensitive_features.index(name) for name in features]
        return sum_cells(replace(cell, group=tuple(cell.group[place] for place in places)) for cell in self.rows)

    def merge(self, other: Cells) -> Cells:
        """Return the cells of two parts of a file together.

        Associative and commutative; sums of weights up to rounding. Scores are kept only where
        both parts have them.
        """
        for name in ("sensitive_features", "positive_label", "weighted"):
            if getattr(self, name) != getattr(other, name):
                raise BadInput(f"the parts differ in {name} and cannot be merged")
        reasons: dict[str, int] = {}
        for reason, rows in (*self.left_out, *other.left_out):
            reasons[reason] = reasons.get(reason, 0) + rows
        return replace(
            self,
            rows=sum_cells((*self.rows, *other.rows)),
            rows_read=self.rows_read + other.rows_read,
            rows_missing=self.rows_missing + other.rows_missing,
            left_out=tuple(LeftOut(reason, rows) for reason, rows in sorted(reasons.items())),
            scores=self.scores.merge(other.scores) if self.scores and other.scores else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the cells as a JSON-ready document, without the scores."""
        return {
            "format": FORMAT,
            "sensitive_features": list(self.sensitive_features),
            "positive_label": self.positive_label,
            "weighted": self.weighted,
            "rows_read": self.rows_read,
            "rows_missing": self.rows_missing,
            "left_out": [{"reason": part.reason, "rows": part.rows} for part in self.left_out],
            "columns": ["group", "label", "prediction", "count", "weight", "weight_squared"],
            "cells": [
                [list(cell.group), cell.label, cell.prediction, cell.count, cell.weight, cell.weight_squared]
                for cell in self.rows
            ],
        }

    @classmethod
    def from_json(cls, document: object) -> Cells:
        """Read cells written by `to_json`; BadInput names what is wrong."""
        if not isinstance(document, Mapping) or document.get("format") != FORMAT:
            raise BadInput(f"not a cells document: format must be {FORMAT!r}", column="format")
        try:
            features = tuple(map(str, document["sensitive_features"]))
            rows = tuple(_read_cell(row, len(features)) for row in document["cells"])
            left_out = tuple(LeftOut(str(part["reason"]), int(part["rows"])) for part in document["left_out"])
            return cls(
                sensitive_features=features,
                positive_label=str(document["positive_label"]),
                rows=sum_cells(rows),
                weighted=bool(document["weighted"]),
                rows_read=int(document["rows_read"]),
                rows_missing=int(document["rows_missing"]),
                left_out=left_out,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"the cells document is damaged: {error}") from None


def _read_cell(row: Any, width: int) -> Cell:
    """Check one row of a cells document."""
    group, label, prediction, count, weight, weight_squared = row
    if not isinstance(group, list) or len(group) != width:
        raise ValueError(f"a group must list {width} values, not {group!r:.60}")
    if label not in (0, 1) or prediction not in (0, 1):
        raise ValueError("label and prediction must be 0 or 1")
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError("a count must be a whole number above 0")
    if not (0 <= float(weight) < float("inf") and 0 <= float(weight_squared) < float("inf")):
        raise ValueError("weights must be finite and not negative")
    return Cell(
        tuple(map(str, group)),
        int(label),
        int(prediction),
        count,
        float(weight),
        float(weight_squared),
    )


def sum_cells(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """Add up cells of the same combination; sorted."""
    sums: dict[tuple[tuple[str, ...], int, int], list[float]] = {}
    for cell in cells:
        entry = sums.setdefault((cell.group, cell.label, cell.prediction), [0, 0.0, 0.0])
        entry[0] += cell.count
        entry[1] += cell.weight
        entry[2] += cell.weight_squared
    return tuple(
        Cell(group, label, prediction, int(count), tidy_sum(weight), tidy_sum(squared))
        for (group, label, prediction), (count, weight, squared) in sorted(sums.items())
    )


def tidy_sum(value: float) -> float:
    """Return a sum of decimals at 15 significant digits.

    Adding in another order changes the last bit; 15 digits are what a double holds of any
    decimal, so the same rows give the same sum whatever the order.
    """
    return float(f"{value:.15g}")
