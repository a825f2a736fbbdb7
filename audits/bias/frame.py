"""fairlearn's MetricFrame on the cells: values by group, and what sets the groups apart.

One function reads the cells of a group into counts and gives every metric at once: fairlearn
calls a function once per group and metric, and a hundred groups times twenty metrics are seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.bias.tallies import CONFUSION
from audits.counting.cells import Cell
from audits.metrics import METRICS, Counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Values = dict[str, float]


@dataclass(frozen=True)
class Frame:
    """What was computed for the groups of some features; NaN where a metric is undefined.

    `difference` and `ratio` are those of fairlearn's MetricFrame: between the groups in which a
    metric is defined.
    """

    by_group: Mapping[tuple[str, ...], Values]
    overall: Values
    difference: Values
    ratio: Values


def compute_frame(
    cells: Sequence[Cell],
    metrics: Sequence[str],
    classes: int = 2,
    further: Mapping[tuple[str, ...], Values] | None = None,
) -> Frame:
    """Let fairlearn compute metrics on the cells of some features.

    Parameters
    ----------
    cells : sequence of Cell
        The marginal of the features.
    metrics : sequence of str
        Label metrics; of more than two classes accuracy and balanced accuracy.
    classes : int
        Number of classes; two for a binary audit.
    further : mapping, optional
        Values of other metrics by group, to be compared between the groups likewise.
    """
    by_group, overall = _run_metric_frame(cells, metrics, classes)
    for name, values in (further or {}).items():
        if name in by_group:
            by_group[name].update(values)
    difference, ratio = compare_values(by_group)
    return Frame(by_group, overall, difference, ratio)


def _run_metric_frame(
    cells: Sequence[Cell], metrics: Sequence[str], classes: int
) -> tuple[dict[tuple[str, ...], Values], Values]:
    names = sorted({cell.group for cell in cells})
    if not metrics:
        return {name: {} for name in names}, {}
    import numpy as np
    import pandas as pd
    from fairlearn.metrics import MetricFrame

    # One number per group: fairlearn would compute every combination of values, empty ones too.
    index = {name: number for number, name in enumerate(names)}
    frame = MetricFrame(
        metrics=make_reader(metrics, classes),
        y_true=np.array([max(cell.label, 0) for cell in cells]),
        y_pred=np.array([max(cell.prediction, 0) for cell in cells]),
        sensitive_features=pd.DataFrame({"group": [index[cell.group] for cell in cells]}),
        sample_params={"weight": np.array([cell.weight for cell in cells], dtype=np.float64)},
    )
    found = frame.by_group.to_dict()
    return {name: dict(found[number]) for name, number in index.items()}, dict(frame.overall)


class Measured(dict[str, float]):
    """The metrics of one group; a type of its own, so that pandas keeps it as one value."""


def make_reader(metrics: Sequence[str], classes: int) -> Callable[..., Measured]:
    """Return a metric function with fairlearn's signature that reads counts from weighted cells."""
    import numpy as np

    def read_counts(y_true: NDArray[Any], y_pred: NDArray[Any], weight: NDArray[np.float64]) -> Measured:
        size = max(classes, 2)
        sums = np.bincount(y_true * size + y_pred, weights=weight, minlength=size * size)
        return Measured(compute_metrics(np.asarray(sums, dtype=np.float64).reshape(size, size), metrics))

    return read_counts


def compute_metrics(matrix: NDArray[np.float64], metrics: Sequence[str]) -> Values:
    """Return label metrics of one confusion matrix (true class by predicted class)."""
    if len(matrix) > 2:
        found = {"accuracy": _divide(float(matrix.trace()), float(matrix.sum()))}
        found["balanced_accuracy"] = float(average_recall(matrix))
        return {name: found[name] for name in metrics}
    counts = Counts(*(float(matrix[place]) for place in CONFUSION))
    return {name: float(compute(counts)) for name in metrics if (compute := METRICS[name].compute) is not None}


def _divide(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def average_recall(matrix: NDArray[np.float64]) -> Any:
    """Return the mean recall over the classes that occur; shape (..., classes, classes) to (...)."""
    import numpy as np

    occurring = matrix.sum(axis=-1)
    right = np.diagonal(matrix, axis1=-2, axis2=-1)
    recall = np.where(occurring > 0, right / np.where(occurring > 0, occurring, 1.0), 0.0)
    number = (occurring > 0).sum(axis=-1)
    return np.where(number > 0, recall.sum(axis=-1) / np.where(number > 0, number, 1), np.nan)


def compare_values(by_group: Mapping[tuple[str, ...], Values]) -> tuple[Values, Values]:
    """Return fairlearn's difference and ratio between the groups, NaN where there is none."""
    import pandas as pd
    from fairlearn.metrics._disaggregated_result import DisaggregatedResult

    table = pd.DataFrame(list(by_group.values()), dtype="float64")
    if not len(table.columns):
        return {}, {}
    result = DisaggregatedResult(table.iloc[0], table)
    return dict(result.difference(errors="coerce")), dict(result.ratio(errors="coerce"))
