"""Reduce predictions to counted cells: one streaming pass, bounded memory.

A cell is a distinct combination of (group..., label, prediction) with its number of rows and,
where rows are weighted, the sum of the weights and of their squares. Every label metric is a
function of the cells, so the cells are all an auditor needs to recompute it. Beside them stand
what labels cannot say: scores as counts per (group, label, score), the errors of a regression as
moments per group, and the cells of every cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from audits.counting.score_documents import write_scores
from audits.errors import BadInput
from audits.spec_columns import MISSING_GROUP

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audits.counting.clusters import ClusterCounts
    from audits.counting.error_moments import ErrorMoments
    from audits.counting.scores import ScoreCounts

__all__ = ["FORMAT", "MISSING_GROUP", "NO_LABEL", "Cell", "Cells", "LeftOut", "sum_cells", "tidy_sum"]

FORMAT = "countersign/cells/2"
FORMER_FORMAT = "countersign/cells/1"
NO_LABEL = -1
"""Stands for label or prediction where the task has none."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Rows alike in everything that counts.

    `label` and `prediction` index the classes; in a binary audit 1 is the positive label.
    """

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
        The text that stands for 1 in `label` and `prediction`; empty where there is none.
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
    task : str
    classes : tuple of str
        What `label` and `prediction` index. Two for binary, scoring and ranking (negative,
        positive), none for a regression.
    errors : ErrorMoments or None
        Of a regression.
    clusters : ClusterCounts or None
        Where a cluster column was named.
    condition : str or None
        Name of the condition column; its value is then the last of every group.
    """

    sensitive_features: tuple[str, ...]
    positive_label: str
    rows: tuple[Cell, ...]
    weighted: bool
    rows_read: int
    rows_missing: int = 0
    left_out: tuple[LeftOut, ...] = ()
    scores: ScoreCounts | None = None
    task: str = "binary"
    classes: tuple[str, ...] = ()
    errors: ErrorMoments | None = None
    clusters: ClusterCounts | None = None
    condition: str | None = None

    def __post_init__(self) -> None:
        """Name the negative class where nothing but the positive label is known."""
        if not self.classes and self.positive_label:
            object.__setattr__(self, "classes", (name_negative(self.positive_label), self.positive_label))

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the values in a group: sensitive features, then the condition."""
        return self.sensitive_features if self.condition is None else (*self.sensitive_features, self.condition)

    @property
    def rows_used(self) -> int:
        """Return the number of rows in the cells."""
        return sum(cell.count for cell in self.rows)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Return the values of the condition column, sorted; none without such a column."""
        return () if self.condition is None else tuple(sorted({cell.group[-1] for cell in self.rows}))

    def marginal(self, features: tuple[str, ...]) -> tuple[Cell, ...]:
        """Return the cells summed over every feature that is not in `features`."""
        places = [self.features.index(name) for name in features]
        return sum_cells(replace(cell, group=tuple(cell.group[place] for place in places)) for cell in self.rows)

    def at_condition(self, value: str) -> Cells:
        """Return the cells of the rows under one condition, without the condition column.

        Rows left out are not known by condition: the result counts only the rows in use.
        """
        if self.condition is None:
            raise BadInput("the cells have no condition column")
        if value not in self.conditions:
            shown = ", ".join(repr(name[:40]) for name in self.conditions[:10])
            raise BadInput(f"no row has the condition {value[:60]!r}; found {shown}", column=self.condition)
        found = self._regroup(lambda group: group[:-1] if group[-1] == value else None)
        return replace(found, rows_read=found.rows_used, rows_missing=0, left_out=())

    def without_condition(self) -> Cells:
        """Return the cells summed over the conditions."""
        return self if self.condition is None else self._regroup(lambda group: group[:-1])

    def _regroup(self, rename: Callable[[tuple[str, ...]], tuple[str, ...] | None]) -> Cells:
        """Return plain cells with other group names; groups renamed to None go."""
        renamed = [(cell, rename(cell.group)) for cell in self.rows]
        rows = sum_cells(replace(cell, group=group) for cell, group in renamed if group is not None)
        clusters = self.clusters
        if clusters is not None:
            place = find_places(rows)
            clusters = clusters.move_cells(
                _to_array(-1 if group is None else place[group, cell.label, cell.prediction] for cell, group in renamed)
            )
        scores, errors = self.scores, self.errors
        return replace(
            self,
            rows=rows,
            scores=scores.regroup([rename(group) for group in scores.groups]) if scores is not None else None,
            errors=errors.regroup([rename(group) for group in errors.groups]) if errors is not None else None,
            clusters=clusters,
            condition=None,
        )

    def merge(self, other: Cells) -> Cells:
        """Return the cells of two parts of a file together.

        Associative and commutative; sums of weights up to rounding. Scores, errors and clusters
        are kept only where both parts have them.
        """
        for name in ("task", "sensitive_features", "condition", "positive_label", "weighted"):
            if getattr(self, name) != getattr(other, name):
                raise BadInput(f"the parts differ in {name} and cannot be merged")
        classes = merge_classes(self, other)
        parts = [_move_classes(part, classes) for part in (self, other)]
        rows = sum_cells((*parts[0], *parts[1]))
        reasons: dict[str, int] = {}
        for reason, number in (*self.left_out, *other.left_out):
            reasons[reason] = reasons.get(reason, 0) + number
        clusters = None
        if self.clusters is not None and other.clusters is not None:
            place = find_places(rows)
            own, others = (_to_array(place[cell.group, cell.label, cell.prediction] for cell in part) for part in parts)
            clusters = self.clusters.merge(other.clusters, own, others)
        return replace(
            self,
            classes=classes,
            rows=rows,
            rows_read=self.rows_read + other.rows_read,
            rows_missing=self.rows_missing + other.rows_missing,
            left_out=tuple(LeftOut(reason, number) for reason, number in sorted(reasons.items())),
            scores=self.scores.merge(other.scores) if self.scores and other.scores else None,
            errors=self.errors.merge(other.errors) if self.errors and other.errors else None,
            clusters=clusters,
        )

    def to_json(self, *, scores: bool = False) -> dict[str, Any]:
        """Return the cells as a JSON-ready document, never with the clusters.

        With `scores` the counts of every distinct score go along: they can be those of one row.
        """
        document: dict[str, Any] = {
            "format": FORMAT,
            "task": self.task,
            "sensitive_features": list(self.sensitive_features),
            "condition": self.condition,
            "classes": list(self.classes),
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
        if self.errors is not None:
            document["errors"] = self.errors.to_json()
        if scores and self.scores is not None:
            document["scores"] = write_scores(self.scores)
        return document

    @classmethod
    def from_json(cls, document: object) -> Cells:
        """Read cells written by `to_json` now or formerly; BadInput names what is wrong."""
        from audits.counting.cells_document import read_document

        return read_document(document)


def name_negative(positive_label: str) -> str:
    """Return the name of the negative class where no row shows it."""
    return f"not {positive_label}"


def find_places(rows: Iterable[Cell]) -> dict[tuple[tuple[str, ...], int, int], int]:
    """Return the place of every (group, label, prediction)."""
    return {(cell.group, cell.label, cell.prediction): number for number, cell in enumerate(rows)}


def _to_array(numbers: Iterable[int]) -> NDArray[np.int64]:
    import numpy as np

    return np.fromiter(numbers, dtype=np.int64)


def merge_classes(first: Cells, second: Cells) -> tuple[str, ...]:
    """Return the classes of two parts together; a negative class nobody saw gives way."""
    if first.classes == second.classes:
        return first.classes
    if not first.positive_label:
        return tuple(sorted({*first.classes, *second.classes}))
    unseen = name_negative(first.positive_label)
    seen = sorted({first.classes[0], second.classes[0]} - {unseen})
    if len(seen) > 1:
        raise BadInput(
            f"the parts differ in their negative label ({seen[0]!r}, {seen[1]!r}) and cannot be merged",
            column="labels",
        )
    return seen[0], first.positive_label


def _move_classes(part: Cells, classes: tuple[str, ...]) -> list[Cell]:
    """Return the cells of a part with label and prediction as places in `classes`."""
    if part.positive_label or part.classes == classes:
        return list(part.rows)
    place = [classes.index(name) for name in part.classes] + [NO_LABEL]
    return [replace(cell, label=place[cell.label], prediction=place[cell.prediction]) for cell in part.rows]


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
