"""Resampling whole clusters with all their conditions, so that pairs stay together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audits.bias.tallies import CONFUSION
from audits.counting.cells import Cells
from audits.metrics import METRICS, Counts
from audits.spec import AuditSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH = 50
FEWEST_CLUSTERS = 2


class PairedDraws:
    """Draws of the cells of all conditions together, made once and summed for each population."""

    def __init__(self, cells: Cells, spec: AuditSpec) -> None:
        self._cells = cells
        self._spec = spec
        self._drawn: NDArray[np.float64] | None = None
        self._sums: dict[tuple[tuple[str, ...], tuple[str, ...], str], Counts] = {}

    @staticmethod
    def can_draw(cells: Cells) -> bool:
        """Tell whether there are clusters, and labels and predictions of two classes."""
        has_both = all(cell.label >= 0 and cell.prediction >= 0 for cell in cells.rows)
        return (
            cells.clusters is not None
            and len(cells.clusters.names) >= FEWEST_CLUSTERS
            and has_both
            and len(cells.classes) == 2
        )

    def draw(
        self, metric: str, features: tuple[str, ...], values: tuple[str, ...], condition: str
    ) -> NDArray[np.float64]:
        """Return drawn values of a label metric of one group under one condition, NaN where undefined."""
        import numpy as np

        compute = METRICS[metric].compute
        if compute is None:
            raise ValueError(f"{metric} does not follow from counts")
        return np.asarray(compute(self._sum(features, values, condition)), dtype=np.float64)

    def _sum(self, features: tuple[str, ...], values: tuple[str, ...], condition: str) -> Counts:
        """Return the drawn confusion sums of one group under one condition."""
        import numpy as np

        if self._drawn is None:
            self._drawn = self._draw_cells()
        key = features, values, condition
        if key not in self._sums:
            places = [self._cells.features.index(name) for name in features]
            sums = np.zeros((4, len(self._drawn)))
            for number, cell in enumerate(self._cells.rows):
                if cell.group[-1] == condition and tuple(cell.group[place] for place in places) == values:
                    sums[CONFUSION.index((cell.label, cell.prediction))] += self._drawn[:, number]
            self._sums[key] = Counts(*sums)
        return self._sums[key]

    def _draw_cells(self) -> NDArray[np.float64]:
        """Return the weight of every cell in every draw: draws x cells."""
        import numpy as np
        from scipy.sparse import csr_array

        clusters = self._cells.clusters
        if clusters is None:
            raise ValueError("there are no clusters to draw")
        size = len(clusters.names)
        table = csr_array((clusters.weight, (clusters.cluster, clusters.cell)), shape=(size, len(self._cells.rows)))
        generator = np.random.default_rng(self._spec.seed)
        drawn = np.empty((self._spec.draws, len(self._cells.rows)))
        for start in range(0, self._spec.draws, BATCH):
            stop = min(start + BATCH, self._spec.draws)
            chosen = generator.integers(0, size, size=(stop - start, size))
            times = np.stack([np.bincount(row, minlength=size) for row in chosen])
            drawn[start:stop] = (table.T @ times.T).T
        return drawn
