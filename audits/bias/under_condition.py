"""The groups of plain cells, measured as the audit measures them, without comparing them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audits.bias.classes import TOGETHER, list_class_metrics, set_against_rest
from audits.bias.groupings import measure_groups
from audits.bias.measures import Measure
from audits.bias.paired import Population
from audits.bias.results import Group
from audits.bias.tallies import Settings
from audits.counting.cells import Cells
from audits.counting.scores import Binning
from audits.intervals import find_z
from audits.spec import AuditSpec

Found = dict[tuple[str, Population], Measure]


def make_settings(spec: AuditSpec, metrics: tuple[str, ...]) -> Settings:
    """Return what holds for every number."""
    return Settings(
        metrics,
        spec.minimum_group_size,
        spec.level,
        find_z(spec.level),
        spec.draws,
        spec.seed,
        Binning(spec.calibration_bins, spec.calibration_strategy),
    )


def measure_populations(
    cells: Cells, spec: AuditSpec, subsets: Sequence[tuple[str, ...]], *, with_classes: bool
) -> Found:
    """Measure everybody and every group of some subsets of features.

    Parameters
    ----------
    cells : Cells
        Without a condition.
    spec : AuditSpec
    subsets : sequence of tuple of str
    with_classes : bool
        Whether to measure each class of several against the rest too.

    Returns
    -------
    dict
        (metric, population) to measure.
    """
    is_multiclass = cells.task == "multiclass"
    names = tuple(name for name in TOGETHER if name in spec.metrics) if is_multiclass else spec.metrics
    found = dict(_measure(cells, make_settings(spec, names), subsets, None))
    if is_multiclass and with_classes:
        settings = make_settings(spec, list_class_metrics(spec.metrics))
        for place, label in enumerate(cells.classes):
            found |= _measure(set_against_rest(cells, place), settings, subsets, label)
    return found


def _measure(
    cells: Cells, settings: Settings, subsets: Sequence[tuple[str, ...]], label: str | None
) -> Iterator[tuple[tuple[str, Population], Measure]]:
    for subset in ((), *subsets):
        for group in measure_groups(cells, subset, settings)[0]:
            yield from _list_measures(group, Population(subset, group.values, label))


def _list_measures(group: Group, population: Population) -> Iterator[tuple[tuple[str, Population], Measure]]:
    for metric, estimate in group.estimates.items():
        measure = Measure(
            metric, population.name, estimate.value, estimate.low, estimate.high, group.n, estimate.reason
        )
        yield (metric, population), measure
