"""Audits of more than two classes: what is measured of all together, and each class against the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from audits.counting.cells import Cells, name_negative, sum_cells
from audits.metrics import METRICS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TOGETHER = ("accuracy", "balanced_accuracy")
"""Metrics of all classes together; balanced accuracy is the mean recall of the classes that occur."""


def list_class_metrics(metrics: Sequence[str]) -> tuple[str, ...]:
    """Return the metrics measured of each class against the rest.

    The Theil index counts a wrong choice among unordered classes as a benefit or a loss by
    whichever class is looked at; it is left to two classes.
    """
    return tuple(name for name in metrics if METRICS[name].needs == "label" and name != "theil_index")


def set_against_rest(cells: Cells, place: int) -> Cells:
    """Return the cells of a binary audit: the class at `place` is the positive label."""
    renamed = [
        replace(cell, label=int(cell.label == place), prediction=int(cell.prediction == place)) for cell in cells.rows
    ]
    rows = sum_cells(renamed)
    clusters = cells.clusters
    if clusters is not None:
        places = {(cell.group, cell.label, cell.prediction): number for number, cell in enumerate(rows)}
        clusters = clusters.move_cells(_to_array([places[cell.group, cell.label, cell.prediction] for cell in renamed]))
    name = cells.classes[place]
    return replace(
        cells,
        task="binary",
        positive_label=name,
        classes=(name_negative(name), name),
        rows=rows,
        clusters=clusters,
        scores=None,
    )


def _to_array(numbers: Sequence[int]) -> NDArray[np.int64]:
    import numpy as np

    return np.array(numbers, dtype=np.int64)
