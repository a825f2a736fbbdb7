"""The values of fairlearn's MetricFrame without its way to them, for simulations of thousands of audits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np

from audits.bias.frame import Frame, Values, compute_metrics
from audits.bias.tallies import tally_groups
from audits.counting.cells import Cell


def compute_quickly(
    cells: Sequence[Cell],
    metrics: Sequence[str],
    classes: int = 2,
    further: Mapping[tuple[str, ...], Values] | None = None,
) -> Frame:
    """Compute what `compute_frame` does; a test holds the two together."""
    by_group = {
        name: compute_metrics(tally.weights, metrics) | (further or {}).get(name, {})
        for name, tally in tally_groups(cells, classes).items()
    }
    names = list(next(iter(by_group.values())))
    table = np.array([[values[name] for name in names] for values in by_group.values()]).reshape(len(by_group), -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        lowest, highest = np.fmin.reduce(table), np.fmax.reduce(table)
        difference = dict(zip(names, highest - lowest, strict=True))
        ratio = dict(zip(names, lowest / highest, strict=True))
    total = sum(tally.weights for tally in tally_groups(cells, classes).values())
    return Frame(by_group, compute_metrics(np.asarray(total), metrics), difference, ratio)


@contextmanager
def without_fairlearn() -> Iterator[None]:
    """Let audits be made without fairlearn's overhead of milliseconds per group."""
    with patch("audits.bias.groupings.compute_frame", compute_quickly):
        yield
