"""Which rows belong together: cells counted per cluster, for the two-level bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ClusterCounts:
    """Distinct (cluster, cell) with counts and weights, as columns of one length.

    `cluster` indexes `names`; `cell` indexes the rows of the cells; rows are sorted by cluster,
    then cell. Names of clusters may stand for persons: they never leave this process as JSON.
    """

    names: tuple[str, ...]
    cluster: NDArray[np.int64]
    cell: NDArray[np.int64]
    count: NDArray[np.int64]
    weight: NDArray[np.float64]

    @classmethod
    def create(cls, names: Sequence[str], columns: Sequence[NDArray[Any]]) -> ClusterCounts:
        """Sort and add up columns (cluster, cell, count, weight); clusters without a row go."""
        import numpy as np

        cluster, cell, count, weight = (np.asarray(column) for column in columns)
        by_name = np.argsort(np.array(names, dtype=object), kind="stable")
        present = np.zeros(len(names), dtype=bool)
        present[cluster] = True
        kept = by_name[present[by_name]]
        place = np.full(len(names), -1, dtype=np.int64)
        place[kept] = np.arange(len(kept))
        cluster = place[cluster]
        order = np.lexsort((cell, cluster))
        cluster, cell = cluster[order], cell[order].astype(np.int64)
        change = np.ones(len(order), dtype=bool)
        change[1:] = (cluster[1:] != cluster[:-1]) | (cell[1:] != cell[:-1])
        starts = np.flatnonzero(change)
        sums = [np.add.reduceat(column[order], starts) if len(starts) else column for column in (count, weight)]
        return cls(tuple(names[number] for number in kept), cluster[starts], cell[starts], sums[0], sums[1])

    def merge(self, other: ClusterCounts, own: NDArray[np.int64], others: NDArray[np.int64]) -> ClusterCounts:
        """Return the counts of two parts; `own` and `others` give the new place of every cell."""
        import numpy as np

        places = {name: number for number, name in enumerate(self.names)}
        for name in other.names:
            places.setdefault(name, len(places))
        moved = np.array([places[name] for name in other.names], dtype=np.int64)
        columns = [
            np.concatenate([self.cluster, moved[other.cluster]]),
            np.concatenate([own[self.cell], others[other.cell]]),
            np.concatenate([self.count, other.count]),
            np.concatenate([self.weight, other.weight]),
        ]
        return ClusterCounts.create(tuple(places), columns)

    def move_cells(self, places: NDArray[np.int64]) -> ClusterCounts:
        """Return the counts with every cell at a new place; cells at -1 go."""
        cell = places[self.cell]
        kept = cell >= 0
        return ClusterCounts.create(self.names, [self.cluster[kept], cell[kept], self.count[kept], self.weight[kept]])
