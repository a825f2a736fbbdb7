"""Resampling whole clusters with all their conditions, so that pairs stay together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from audits.bias.classes import set_against_rest as set_class_against_rest
from audits.bias.clustering import count_clusters
from audits.bias.groupings import evaluate_draws
from audits.bias.resampling import Resampler
from audits.bias.results import ClustersBehind
from audits.bias.tallies import Settings
from audits.counting.cells import Cells
from audits.metrics import METRICS, Counts
from audits.populations import name_class, name_group

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TWO = 2
"""Clusters below which nothing can be drawn."""


@dataclass(frozen=True)
class Population:
    """A group of some features; no features for everybody. `label` is one class against the rest."""

    features: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    label: str | None = None

    @property
    def name(self) -> str:
        """Return the population as it is written without a condition."""
        return self.name_under((), ())

    def name_under(self, columns: tuple[str, ...], values: tuple[str, ...]) -> str:
        """Return the population as it is written with further columns in front."""
        name = name_group((*columns, *self.features), (*values, *self.values))
        return name if self.label is None else name_class(self.label, name)


class PairedDraws:
    """Draws of the cells of the baseline and one condition together, made once per condition.

    `is_plain` tells whether every cluster is one unweighted row under each condition.
    """

    def __init__(self, cells: Cells, baseline: str, settings: Settings) -> None:
        self._cells = cells
        self._baseline = baseline
        self._settings = settings
        self.is_plain = not cells.weighted and has_lone_rows(cells)
        self._counted: dict[Any, dict[tuple[str, ...], Mapping[str, ClustersBehind]]] = {}
        self._condition: str | None = None
        self._resampler: Resampler | None = None
        self._drawn: dict[tuple[str, ...], tuple[dict[tuple[str, ...], int], NDArray[np.float64]]] = {}

    @staticmethod
    def can_draw(cells: Cells) -> bool:
        """Tell whether there are clusters, and labels and predictions."""
        has_both = all(cell.label >= 0 and cell.prediction >= 0 for cell in cells.rows)
        return cells.clusters is not None and len(cells.clusters.names) >= TWO and has_both

    def draw(
        self, metric: str, population: Population, condition: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Return drawn values (under the baseline, under the condition) of the draws that have both.

        None for metrics that do not follow from labels, and where too few draws have both.
        """
        import numpy as np

        if METRICS[metric].needs != "label":
            return None
        pair = []
        for name in (self._baseline, condition):
            counts = self._find(population, condition, name)
            if counts is None:
                return None
            pair.append(evaluate_draws(metric, counts))
        is_defined = ~(np.isnan(pair[0]) | np.isnan(pair[1]))
        return (pair[0][is_defined], pair[1][is_defined]) if is_defined.sum() > 1 else None

    def count_pairs(self, metric: str, population: Population, condition: str) -> float | None:
        """Return how many pairs a share is counted among; None where clusters are not pairs of rows.

        Where no draw shows a difference, so many pairs are all that is known.
        """
        counts = self._find(population, condition, condition) if self.is_plain else None
        if counts is None:
            return None
        if counts.shape[-1] > 2:
            return float(counts.sum(axis=(-2, -1)).mean()) if metric == "accuracy" else None
        share = METRICS[metric].share
        if share is None:
            return None
        whole = share.whole(Counts(counts[:, 1, 1], counts[:, 0, 1], counts[:, 1, 0], counts[:, 0, 0]))
        return float(whole.mean()) or None

    def count_clusters(self, metric: str, population: Population, condition: str) -> ClustersBehind:
        """Return the clusters behind a metric under the baseline or under the condition, whichever are fewer."""
        key = (population.features, population.label, condition)
        if key not in self._counted:
            cells = self._cells
            if population.label is not None:
                cells = set_class_against_rest(cells, cells.classes.index(population.label))
            features = (*population.features, cells.features[-1])
            places = [cells.features.index(name) for name in features]
            names = sorted({tuple(cell.group[place] for place in places) for cell in cells.rows})
            counted = count_clusters(cells, features, names, self._settings.label_metrics)
            self._counted = {key: dict(zip(names, counted, strict=True))}
        found = [
            self._counted[key].get((*population.values, name), {}).get(metric, ClustersBehind(0, 0.0))
            for name in (self._baseline, condition)
        ]
        return min(found, key=lambda part: part.worth)

    def _find(self, population: Population, condition: str, under: str) -> NDArray[np.float64] | None:
        """Return the drawn confusion sums of a group: draws x classes x classes."""
        if condition != self._condition:
            self._condition, self._drawn = condition, {}
            self._resampler = Resampler(keep_conditions(self._cells, {self._baseline, condition}), self._settings)
        if population.features not in self._drawn and self._resampler is not None:
            features = (*population.features, self._cells.features[-1])
            places = [self._cells.features.index(name) for name in features]
            names = sorted(
                {
                    tuple(cell.group[place] for place in places)
                    for cell in self._cells.rows
                    if cell.group[-1] in (self._baseline, condition)
                }
            )
            index = {name: number for number, name in enumerate(names)}
            self._drawn[population.features] = index, self._resampler.draw(features, names)
        index, drawn = self._drawn[population.features]
        place = index.get((*population.values, under))
        if place is None:
            return None
        if population.label is None:
            return drawn[:, place]
        return set_against_rest(drawn[:, place], self._cells.classes.index(population.label))


def keep_conditions(cells: Cells, names: set[str]) -> Cells:
    """Return the cells of some conditions, the condition column kept."""
    import numpy as np

    kept = [number for number, cell in enumerate(cells.rows) if cell.group[-1] in names]
    places = np.full(len(cells.rows), -1, dtype=np.int64)
    places[kept] = np.arange(len(kept))
    clusters = cells.clusters
    return replace(
        cells,
        rows=tuple(cells.rows[number] for number in kept),
        clusters=None if clusters is None else clusters.move_cells(places),
        scores=None,
        errors=None,
    )


def set_against_rest(drawn: NDArray[np.float64], place: int) -> NDArray[np.float64]:
    """Return confusion sums of one class against the rest: (..., classes, classes) to (..., 2, 2)."""
    import numpy as np

    both = drawn[..., place, place]
    missed = drawn[..., place, :].sum(axis=-1) - both
    wrong = drawn[..., :, place].sum(axis=-1) - both
    rest = drawn.sum(axis=(-2, -1)) - both - missed - wrong
    return np.stack([np.stack([rest, wrong], axis=-1), np.stack([missed, both], axis=-1)], axis=-2)


def has_lone_rows(cells: Cells) -> bool:
    """Tell whether every cluster has at most one row under each condition."""
    import numpy as np

    clusters = cells.clusters
    if clusters is None:
        return True
    names = {name: number for number, name in enumerate(cells.conditions)}
    condition = np.array([names[cell.group[-1]] for cell in cells.rows], dtype=np.int64)[clusters.cell]
    rows = np.bincount(clusters.cluster * len(names) + condition, weights=clusters.count)
    return bool(rows.max(initial=0) <= 1)
