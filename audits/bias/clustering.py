"""How many clusters a number rests on, and what few of them cost.

The bootstrap of few clusters is too narrow: it draws from the clusters that are there, and knows
their spread badly (Cameron, Gelbach and Miller, Rev. Econ. Stat. 90 (2008) 414). So limits are widened
as Student's are, by the number of clusters of which the group is made, and below ten clusters they
are shown and settle nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from audits.bias.results import ClustersBehind, Group
from audits.counting.cells import Cells
from audits.intervals import widen_for_size
from audits.metrics import METRICS, SHARES, Counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_CLUSTERS, LEAST_WORTH = 10, 8.0
"""Clusters, and how many of equal size they are worth, below which limits are not relied on."""
ALIKE = MappingProxyType(
    {"fnr": "tpr", "tnr": "fpr", **dict.fromkeys(("base_rate", "accuracy", "theil_index"), "selection_rate")}
)
"""Metrics that are counted among the same rows as another."""
CLUSTERS_UNKNOWN = "the interval does not know that rows belong together in clusters"


def has_only_single_rows(cells: Cells) -> bool:
    """Tell whether every cluster is one row: then rows are independent after all."""
    import numpy as np

    clusters = cells.clusters
    return clusters is not None and bool(np.bincount(clusters.cluster, weights=clusters.count).max(initial=0) <= 1)


def count_clusters(
    cells: Cells, features: tuple[str, ...], groups: Sequence[tuple[str, ...]], metrics: Sequence[str]
) -> tuple[Mapping[str, ClustersBehind], ...]:
    """Return, per group, the clusters behind each metric.

    Clusters of equal size are worth one each; of unequal size fewer (Kish), as rows of unequal
    weight are. Only rows the metric is counted among take part: the true positive rate rests on
    the clusters with truly positive rows.
    """
    pair_group, sums = _sum_clusters(cells, features, groups)
    found: list[dict[str, ClustersBehind]] = [{} for _ in groups]
    counted: dict[str, list[list[ClustersBehind]]] = {}
    for name in metrics:
        alike = ALIKE.get(name, name)
        if alike not in counted:
            counted[alike] = [_count_parts(whole, pair_group, len(groups)) for whole in _list_wholes(alike, sums)]
        wholes = counted[alike]
        for place, of_group in enumerate(found):
            parts = [part[place] for part in wholes if part[place].number]
            of_group[name] = min(parts, key=lambda part: part.worth, default=ClustersBehind(0, 0.0))
    return tuple(found)


def _count_parts(whole: NDArray[np.float64], pair_group: NDArray[np.int64], groups: int) -> list[ClustersBehind]:
    """Return the clusters among which a share is counted, per group."""
    import numpy as np

    number, total, squares = (
        np.bincount(pair_group, weights=part, minlength=groups) for part in (whole > 0, whole, whole**2)
    )
    worth = np.where(squares > 0, total * total / np.where(squares > 0, squares, 1.0), 0.0)
    return [ClustersBehind(int(pair[0]), float(pair[1])) for pair in zip(number, worth, strict=True)]


def _sum_clusters(
    cells: Cells, features: tuple[str, ...], groups: Sequence[tuple[str, ...]]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (group of every pair of group and cluster, its sums of weights by label and prediction)."""
    import numpy as np

    clusters = cells.clusters
    assert clusters is not None  # noqa: S101
    places = [cells.features.index(name) for name in features]
    index = {group: number for number, group in enumerate(groups)}
    of_cell = np.array([index[tuple(cell.group[place] for place in places)] for cell in cells.rows], dtype=np.int64)
    label = np.array([max(cell.label, 0) for cell in cells.rows], dtype=np.int64)
    prediction = np.array([max(cell.prediction, 0) for cell in cells.rows], dtype=np.int64)
    is_binary = len(cells.classes) <= 2
    kind = label * 2 + prediction if is_binary else label
    size = 4 if is_binary else len(cells.classes)
    pairs, place = np.unique(of_cell[clusters.cell] * len(clusters.names) + clusters.cluster, return_inverse=True)
    sums = np.bincount(place * size + kind[clusters.cell], weights=clusters.weight, minlength=len(pairs) * size)
    return np.asarray(pairs // len(clusters.names), dtype=np.int64), np.asarray(sums.reshape(len(pairs), size))


def _list_wholes(name: str, sums: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return what a metric is counted among, per cluster; of several parts the scarcest counts."""
    total = sums.sum(axis=1)
    if sums.shape[1] != 4:
        occurring = [sums[:, place] for place in range(sums.shape[1]) if sums[:, place].any()]
        return occurring if name == "balanced_accuracy" and occurring else [total]
    counts = Counts(sums[:, 3], sums[:, 1], sums[:, 2], sums[:, 0])
    if name == "f1":
        return [counts.tp + counts.fp + counts.fn]
    if name == "balanced_accuracy":
        return [SHARES["tpr"].whole(counts), SHARES["tnr"].whole(counts)]
    return [SHARES[name].whole(counts) if name in SHARES else total]


def find_stretch(clusters: ClustersBehind | None, z: float) -> float:
    """Return by how much draws of so many clusters are too narrow.

    >>> from audits.bias.results import ClustersBehind
    >>> round(find_stretch(ClustersBehind(10, 10.0), 1.96), 3)
    1.217
    """
    size = 2.0 if clusters is None else max(clusters.worth, 2.0)
    return widen_for_size(z, size) / z * math.sqrt(size / (size - 1))


def explain_clusters(name: str, groups: Sequence[Group]) -> str | None:
    """Return why clusters keep a number of these groups from being judged; None where they do not."""
    counted = [group.clusters for group in groups if group.clusters is not None]
    if not counted:
        return None
    if METRICS[name].needs != "label":
        return CLUSTERS_UNKNOWN
    return explain_few([found[name] for found in counted if name in found])


def explain_few(clusters: Sequence[ClustersBehind]) -> str | None:
    """Return that some of these are too few clusters; None where all are enough."""
    if not clusters:
        return None
    fewest = min(clusters)
    if fewest.number < FEWEST_CLUSTERS:
        return f"too few clusters: {fewest.number}, and at least {FEWEST_CLUSTERS} are needed"
    least = min(clusters, key=lambda found: found.worth)
    if least.worth >= LEAST_WORTH:
        return None
    return (
        f"too few clusters: {least.number} of such unequal size that they are worth {least.worth:.3g}, and at least "
        f"{LEAST_WORTH:g} are needed"
    )
