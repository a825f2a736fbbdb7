"""Draws of the cells: rows resampled one by one, or whole clusters of rows where they are declared.

With clusters every draw takes as many clusters as there are, with replacement, each with all of
its rows (Davison and Hinkley, Bootstrap Methods, 1997, section 3.8: the clusters carry the
variation between and within them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from audits.bias.clustering import count_clusters, has_only_single_rows
from audits.bias.results import ClustersBehind
from audits.bias.tallies import Settings
from audits.counting.cells import Cell, Cells
from audits.resampled import draw_counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 4_000_000
"""Clusters drawn at a time."""


def order_cells(cells: Sequence[Cell]) -> NDArray[np.int64]:
    """Return an order of the cells that does not depend on what the groups are called, only on what they hold."""
    import numpy as np

    held: dict[tuple[str, ...], list[tuple[float, ...]]] = {}
    for cell in cells:
        entry = (cell.label, cell.prediction, cell.count, cell.weight, cell.weight_squared)
        held.setdefault(cell.group, []).append(entry)
    keys = {group: sorted(entries) for group, entries in held.items()}
    # Groups that hold the same keep the order of their names: which is which makes no difference.
    rank = {group: place for place, group in enumerate(sorted(keys, key=lambda group: (keys[group], group)))}
    places = sorted(
        range(len(cells)), key=lambda place: (rank[cells[place].group], cells[place].label, cells[place].prediction)
    )
    return np.array(places, dtype=np.int64)


class Resampler:
    """Draws of the cells, made once per audit and summed for each grouping."""

    def __init__(self, cells: Cells, settings: Settings) -> None:
        self._cells = cells
        self._settings = settings
        self._drawn: NDArray[np.float64] | None = None
        self._has_clusters = cells.clusters is not None and not has_only_single_rows(cells)

    @property
    def has_clusters(self) -> bool:
        """Tell whether whole clusters are drawn: there are some, and not each of them is one row."""
        return self._has_clusters

    def count(
        self, features: tuple[str, ...], groups: Sequence[tuple[str, ...]]
    ) -> tuple[Mapping[str, ClustersBehind], ...] | None:
        """Return the clusters behind each metric, per group; None where rows are drawn one by one."""
        if not self._has_clusters:
            return None
        return count_clusters(self._cells, features, groups, self._settings.label_metrics)

    def draw(self, features: tuple[str, ...], groups: Sequence[tuple[str, ...]]) -> NDArray[np.float64]:
        """Return resampled confusion sums of these groups.

        Returns
        -------
        array of shape (draws, groups, classes, classes)
        """
        import numpy as np

        if self._drawn is None:
            self._drawn = self._draw_cells()
        places = [self._cells.features.index(name) for name in features]
        index = {group: number for number, group in enumerate(groups)}
        size = max(len(self._cells.classes), 2)
        target = np.array(
            [
                (index[tuple(cell.group[place] for place in places)] * size + max(cell.label, 0)) * size
                + max(cell.prediction, 0)
                for cell in self._cells.rows
            ],
            dtype=np.int64,
        )
        order = np.argsort(target, kind="stable")
        ordered = target[order]
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        sums = np.zeros((len(self._drawn), len(groups) * size * size))
        sums[:, ordered[starts]] = np.add.reduceat(self._drawn[:, order], starts, axis=1)
        return sums.reshape(-1, len(groups), size, size)

    def _draw_cells(self) -> NDArray[np.float64]:
        """Return draws x cells."""
        import numpy as np

        if self._has_clusters:
            return self._draw_clusters()
        order = order_cells(self._cells.rows)
        cells = [self._cells.rows[place] for place in order]
        drawn = draw_counts(
            np.array([cell.weight for cell in cells], dtype=np.float64),
            np.array([cell.weight_squared for cell in cells], dtype=np.float64),
            draws=self._settings.draws,
            random_state=self._settings.random_state,
            is_weighted=self._cells.weighted,
        )
        return np.asarray(drawn[:, np.argsort(order)])

    def _draw_clusters(self) -> NDArray[np.float64]:
        """Return draws x cells, as sums over clusters drawn with replacement, a block at a time."""
        import numpy as np
        from scipy.sparse import csr_array

        clusters = self._cells.clusters
        assert clusters is not None  # noqa: S101
        number = len(clusters.names)
        table = csr_array(
            (np.asarray(clusters.weight, dtype=np.float64), (clusters.cluster, clusters.cell)),
            shape=(number, len(self._cells.rows)),
        )
        generator = np.random.default_rng(self._settings.random_state)
        # Clusters in an order of what they hold: their names and those of the groups change nothing.
        place = np.empty(len(self._cells.rows))
        place[order_cells(self._cells.rows)] = np.random.default_rng(0).random(len(self._cells.rows))
        table = table[np.argsort(table @ place, kind="stable")]
        found = []
        size = max(1, BLOCK // number)
        for start in range(0, self._settings.draws, size):
            times = np.zeros((min(size, self._settings.draws - start), number))
            for row in times:
                row[:] = np.bincount(generator.integers(0, number, number), minlength=number)
            found.append((table.T @ times.T).T)
        return np.concatenate(found)
