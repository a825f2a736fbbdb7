"""Tests of difference: the rate of every group against a reference, corrected for many comparisons.

Two-proportion z test with the pooled rate; Fisher's exact test where an expected count is below 5
(Cochran, Biometrics 10 (1954) 417). Holm, Scand. J. Stat. 6 (1979) 65; Benjamini and Hochberg,
J. R. Stat. Soc. B 57 (1995) 289. Tests are about plain rows: a weight is not a row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from audits.bias.results import DifferenceTest, Group
from audits.metrics import SHARES, Counts

TESTED = ("selection_rate", "tpr", "fpr")
SMALL = 5
"""An expected count below this calls for the exact test."""
TOLERANCE = 1e-7
"""Relative room for tables as likely as the observed one (as R and SciPy have it)."""


def run_tests(
    groups: Sequence[Group], metrics: Sequence[str], reference: tuple[str, ...] | None, correction: str
) -> tuple[DifferenceTest, ...]:
    """Test every group against the reference, or else the group with the highest rate.

    Parameters
    ----------
    groups : sequence of Group
    metrics : sequence of str
        What was measured; `TESTED` of these are tested.
    reference : tuple of str, optional
        Values of the reference group.
    correction : str
        "holm" or "benjamini-hochberg", over the groups for one metric.
    """
    found: list[DifferenceTest] = []
    for name in TESTED:
        if name not in metrics:
            continue
        pairs = {group.values: _count(group, name) for group in groups}
        known = {values: pair for values, pair in pairs.items() if pair[1]}
        if len(known) < 2:
            continue
        base = reference if reference in known else max(known, key=lambda values: known[values][0] / known[values][1])
        tests = [_test(values, base, name, *pair, *known[base]) for values, pair in known.items() if values != base]
        adjusted = adjust([test.p_value for test in tests], correction)
        found += [
            replace(test, p_adjusted=p, correction=correction, comparisons=len(tests))
            for test, p in zip(tests, adjusted, strict=True)
        ]
    return tuple(found)


def _count(group: Group, name: str) -> tuple[int, int]:
    counts = Counts(*group.counts)
    return int(SHARES[name].part(counts)), int(SHARES[name].whole(counts))


def _test(
    values: tuple[str, ...], base: tuple[str, ...], name: str, part: int, whole: int, other_part: int, other_whole: int
) -> DifferenceTest:
    z = pooled_z(part, whole, other_part, other_whole)
    if has_small_expectation(part, whole, other_part, other_whole):
        method, p = "fisher exact", fisher_exact(part, whole, other_part, other_whole)
    else:
        method, p = "two-proportion z", 1.0 if z is None else normal_tail(z)
    return DifferenceTest(values, base, name, method, z, p, p, "none", 1)


def pooled_z(part: int, whole: int, other_part: int, other_whole: int) -> float | None:
    """Return the pooled two-proportion statistic; None where the pooled rate is 0 or 1.

    >>> round(pooled_z(170, 390, 412, 797), 6)
    -2.62333
    """
    pooled = (part + other_part) / (whole + other_whole)
    variance = pooled * (1 - pooled) * (1 / whole + 1 / other_whole)
    return (part / whole - other_part / other_whole) / math.sqrt(variance) if variance > 0 else None


def normal_tail(z: float) -> float:
    """Return the two-sided tail of the standard normal law."""
    return math.erfc(abs(z) / math.sqrt(2))


def has_small_expectation(part: int, whole: int, other_part: int, other_whole: int) -> bool:
    """Tell whether a cell of the two by two table has an expected count below 5."""
    total, selected = whole + other_whole, part + other_part
    return min(whole, other_whole) * min(selected, total - selected) < SMALL * total


def fisher_exact(part: int, whole: int, other_part: int, other_whole: int) -> float:
    """Return the two-sided p value of Fisher's exact test: all tables at most as likely.

    >>> round(fisher_exact(12, 40, 48, 80), 9)
    0.003409222
    """
    total, selected = whole + other_whole, part + other_part
    lowest, highest = max(0, selected - other_whole), min(selected, whole)
    mode = min(max((selected + 1) * (whole + 1) // (total + 2), lowest), highest)
    # Log probabilities relative to the most likely table, by the ratio of neighbours.
    logs = {mode: 0.0}
    for count in range(mode, highest):
        up = (selected - count) * (whole - count) / ((count + 1) * (other_whole - selected + count + 1))
        logs[count + 1] = logs[count] + math.log(up)
    for count in range(mode, lowest, -1):
        down = count * (other_whole - selected + count) / ((selected - count + 1) * (whole - count + 1))
        logs[count - 1] = logs[count] + math.log(down)
    bound = logs[part] + math.log1p(TOLERANCE)
    likely = math.fsum(math.exp(value) for value in logs.values())
    return min(1.0, math.fsum(math.exp(value) for value in logs.values() if value <= bound) / likely)


def adjust(p_values: Sequence[float], correction: str) -> list[float]:
    """Return p values corrected for their number.

    >>> [round(p, 3) for p in adjust([0.01, 0.04, 0.03], "holm")]
    [0.03, 0.06, 0.06]
    >>> [round(p, 3) for p in adjust([0.01, 0.04, 0.03], "benjamini-hochberg")]
    [0.03, 0.04, 0.04]
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    number = len(order)
    found = [0.0] * number
    running = 0.0
    if correction == "holm":
        for rank, place in enumerate(order):
            running = max(running, min(1.0, (number - rank) * p_values[place]))
            found[place] = running
        return found
    running = 1.0
    for rank, place in reversed(list(enumerate(order, start=1))):
        running = min(running, p_values[place] * (number / rank))
        found[place] = running
    return found
