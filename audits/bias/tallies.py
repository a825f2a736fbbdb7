"""The sums a group is made of: confusion counts, weights and squared weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from audits.bias.results import Sums
from audits.counting.cells import NO_LABEL, Cell, Cells
from audits.counting.scores import Binning
from audits.metrics import METRICS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFUSION = ((1, 1), (0, 1), (1, 0), (0, 0))
"""(label, prediction) of true positives, false positives, false negatives, true negatives."""


@dataclass(frozen=True)
class Settings:
    """What holds for every number of one audit."""

    metrics: tuple[str, ...]
    minimum_group_size: int
    level: float
    z: float
    draws: int
    random_state: int
    binning: Binning = field(default_factory=Binning)
    correction: str = "holm"
    leaves_out_small: bool = False

    @property
    def label_metrics(self) -> tuple[str, ...]:
        """Return the metrics that follow from the counts alone."""
        return tuple(name for name in self.metrics if METRICS[name].needs == "label")


@dataclass(frozen=True, eq=False)
class Tally:
    """The sums of one group, from which everything else follows.

    The arrays have shape (classes, classes): true class by predicted class. Rows without a label
    or a prediction count as class 0 there.
    """

    counts: NDArray[np.float64]
    weights: NDArray[np.float64]
    squares: NDArray[np.float64]

    @property
    def n(self) -> int:
        """Return the rows of the group."""
        return int(self.counts.sum())


def tally_groups(cells: Sequence[Cell], classes: int = 2) -> dict[tuple[str, ...], Tally]:
    """Sum cells into one tally per group, in the order of the groups' values."""
    import numpy as np

    size = max(classes, 2)
    names = sorted({cell.group for cell in cells})
    index = {name: number for number, name in enumerate(names)}
    sums = np.zeros((3, len(names), size, size))
    for cell in cells:
        place = (index[cell.group], max(cell.label, 0), max(cell.prediction, 0))
        sums[(0, *place)] += cell.count
        sums[(1, *place)] += cell.weight
        sums[(2, *place)] += cell.weight_squared
    return {name: Tally(*sums[:, number]) for name, number in index.items()}


def collapse(matrix: NDArray[np.float64]) -> Sums:
    """Return the confusion counts of a matrix (true class by predicted class).

    Of more than two classes only what is right and wrong: right ones as true positives, wrong
    ones as false negatives.
    """
    if len(matrix) > 2:
        right = float(matrix.trace())
        return Sums(right, 0.0, float(matrix.sum()) - right, 0.0)
    return Sums(*(float(matrix[place]) for place in CONFUSION))


def has_labels(cells: Cells) -> bool:
    """Tell whether every row has a true label."""
    return all(cell.label != NO_LABEL for cell in cells.rows)
