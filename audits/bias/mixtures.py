"""Thresholds mixed by chance within a group: what fairlearn's ThresholdOptimizer finds, from counts.

The optimizer takes neither weights nor counts and walks over the rows; this computes the same
solution (Hardt, Price and Srebro, NeurIPS 2016: chance between two thresholds of a group, found on
the upper hull of its curve). A test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from audits.bias.thresholds import Curve

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GRID = 1_000
"""Steps of the grid on which hulls are read, as in fairlearn (`grid_size`)."""


class Mix(NamedTuple):
    """Chance between two places of a group's curve; `ignore` is the chance of selecting by `constant` alone."""

    low_place: int
    high_place: int
    low_share: float
    ignore: float = 0.0
    constant: float = 0.0


class Mixture(NamedTuple):
    """What mixing thresholds by chance gives, per group and together."""

    mixes: dict[tuple[str, ...], Mix]
    accuracy: float
    rate: dict[tuple[str, ...], float]


def mix(curves: Mapping[tuple[str, ...], Curve], constraint: str, bound: float = 0.0) -> Mixture | None:
    """Return what fairlearn's ThresholdOptimizer finds: thresholds mixed by chance within a group.

    Parameters
    ----------
    curves : mapping
    constraint : str
        A key of `RATES`.
    bound : float
        How far the rates may lie apart; only 0 where TPR and FPR are bound.

    Returns
    -------
    Mixture or None
        None where a group lacks positive or negative labels: fairlearn refuses such data.
    """
    if any(not curve.positives or not curve.negatives for curve in curves.values()):
        return None
    return _mix_odds(curves) if constraint == "odds" else _mix_rate(curves, constraint, bound)


def _mix_rate(curves: Mapping[tuple[str, ...], Curve], name: str, bound: float) -> Mixture:
    import numpy as np

    grid = np.linspace(0, 1, GRID + 1)
    total = sum(curve.weight for curve in curves.values())
    values = []
    for curve in curves.values():
        hull, accuracy = curve.hull(name), curve.right / curve.weight
        values.append(np.interp(grid, curve.rate(name)[hull], accuracy[hull]) * curve.weight / total)
    best = _find_window(np.array(values), int(bound * GRID + 1e-9))
    mixes = {
        group: _mix_at(curve.rate(name), curve.hull(name), grid[place])
        for (group, curve), place in zip(curves.items(), best, strict=True)
    }
    accuracy_there = sum(float(row[place]) for row, place in zip(values, best, strict=True))
    rates = {group: float(grid[place]) for group, place in zip(curves, best, strict=True)}
    return Mixture(mixes, accuracy_there, rates)


def _find_window(values: NDArray[np.float64], width: int) -> list[int]:
    """Return a grid place per group, of the highest sum, no two more than `width` steps apart.

    Every row is concave, so its highest place in a window is its peak, moved into the window.
    """
    import numpy as np

    peaks = values.argmax(axis=1)
    starts = np.arange(values.shape[1] - width)
    places = np.clip(peaks[:, None], starts, starts + width)
    best = int(np.argmax(np.take_along_axis(values, places, axis=1).sum(axis=0)))
    return [int(place) for place in places[:, best]]


def _mix_odds(curves: Mapping[tuple[str, ...], Curve]) -> Mixture:
    import numpy as np

    grid = np.linspace(0, 1, GRID + 1)
    values = {
        group: np.interp(grid, curve.rate("fpr")[curve.hull("odds")], curve.rate("tpr")[curve.hull("odds")])
        for group, curve in curves.items()
    }
    lowest = np.min(list(values.values()), axis=0)
    positives = sum(curve.positives for curve in curves.values())
    negatives = sum(curve.negatives for curve in curves.values())
    accuracy = np.around((positives * lowest + negatives * (1 - grid)) / (positives + negatives), 15)
    best = int(np.argmax(accuracy))
    mixes = {}
    for group, curve in curves.items():
        plain = _mix_at(curve.rate("fpr"), curve.hull("odds"), grid[best])
        height = float(values[group][best] - grid[best])
        ignore = float(values[group][best] - lowest[best]) / height if height else 0.0
        mixes[group] = plain._replace(ignore=ignore, constant=float(grid[best]))
    return Mixture(mixes, float(accuracy[best]), dict.fromkeys(curves, float(grid[best])))


def _mix_at(rate: NDArray[np.float64], hull: NDArray[np.int64], wanted: float) -> Mix:
    """Return the two neighbours on the hull and the share of the left one."""
    import numpy as np

    x = rate[hull]
    left = int(np.searchsorted(x, wanted, side="right")) - 1
    if wanted > 0 and x[left] == wanted and left:
        left -= 1
    left = min(left, len(hull) - 2)
    share = float((x[left + 1] - wanted) / (x[left + 1] - x[left]))
    return Mix(int(hull[left]), int(hull[left + 1]), share)
