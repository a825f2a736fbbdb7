#!/usr/bin/env python3
"""Recompute the fairness figures of a report from the counted cells inside it: the standard library, no network.

    python report_cells.py REPORT.pdf

Every rate of every printed group with its Wilson interval, every difference, ratio and impact ratio between groups, and
their intervals where these have a closed form (Newcombe 1998; Katz 1978; Donner and Zou 2012), from the definitions
and not from the portal's code. Intervals that were drawn at random are not computed here, and are counted as such.
Exit code 0: everything that can be recomputed agrees. 1: a figure differs; each is named. 2: there is nothing to
recompute. Whether the file is genuine, `report_verifier.py` says.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import Any

FORMAT = "countersign/report-cells/1"
NEAR = 1e-9
Limits = tuple[float, float]
Counts = tuple[float, float, float, float]
SHARES: dict[str, tuple[Callable[..., float], Callable[..., float]]] = {
    "selection_rate": (lambda tp, fp, fn, tn: tp + fp, lambda tp, fp, fn, tn: tp + fp + fn + tn),
    "base_rate": (lambda tp, fp, fn, tn: tp + fn, lambda tp, fp, fn, tn: tp + fp + fn + tn),
    "tpr": (lambda tp, fp, fn, tn: tp, lambda tp, fp, fn, tn: tp + fn),
    "fnr": (lambda tp, fp, fn, tn: fn, lambda tp, fp, fn, tn: tp + fn),
    "fpr": (lambda tp, fp, fn, tn: fp, lambda tp, fp, fn, tn: fp + tn),
    "tnr": (lambda tp, fp, fn, tn: tn, lambda tp, fp, fn, tn: fp + tn),
    "precision": (lambda tp, fp, fn, tn: tp, lambda tp, fp, fn, tn: tp + fp),
    "npv": (lambda tp, fp, fn, tn: tn, lambda tp, fp, fn, tn: fn + tn),
    "accuracy": (lambda tp, fp, fn, tn: tp + tn, lambda tp, fp, fn, tn: tp + fp + fn + tn),
}
"""Part and whole of every rate that is a share of rows, by the four counts."""
NAMED = {
    "demographic_parity_difference": ("selection_rate", "difference"),
    "demographic_parity_ratio": ("selection_rate", "ratio"),
    "equal_opportunity_difference": ("tpr", "difference"),
    "equal_opportunity_ratio": ("tpr", "ratio"),
    "predictive_parity_difference": ("precision", "difference"),
}
ODDS = ("equalized_odds_difference", "equalized_odds_ratio", "equalized_odds_difference_mean")


@dataclass(frozen=True)
class Figure:
    """A value; with its limits, where they have a closed form."""

    value: float | None
    limits: Limits | None = None


@dataclass
class Outcome:
    """What was compared: how many numbers agree, which differ, and how many were not computed here."""

    agree: int = 0
    differ: list[str] = field(default_factory=list)
    left: int = 0

    def compare(self, where: str, said: Any, found: float | None) -> None:
        """Note one number."""
        same = said is None and found is None
        if said is not None and found is not None:
            same = math.isclose(float(said), found, rel_tol=NEAR, abs_tol=NEAR)
        if same:
            self.agree += 1
        else:
            self.differ.append(f"{where}: the report says {said}, the cells give {found}")


class Group:
    """One population's counts, weighted or not."""

    def __init__(self, cells: Sequence[Sequence[float]], z: float, *, is_weighted: bool, is_clustered: bool) -> None:
        self.n = sum(int(row[2]) for row in cells)
        self.rows = self._count(cells, 2)
        self.weights = self._count(cells, 3)
        self.squares = self._count(cells, 4)
        self.z = z
        self.is_weighted = is_weighted
        self.is_clustered = is_clustered

    @staticmethod
    def _count(cells: Sequence[Sequence[float]], column: int) -> Counts:
        sums = {(1, 1): 0.0, (0, 1): 0.0, (1, 0): 0.0, (0, 0): 0.0}
        for row in cells:
            sums[int(row[0]), int(row[1])] += row[column]
        return sums[1, 1], sums[0, 1], sums[1, 0], sums[0, 0]

    def measure(self, metric: str) -> Figure | None:
        """The metric of this population; None for one that is not known here."""
        if metric in SHARES:
            return self._share(metric)
        if metric == "f1":
            return self._f1()
        if metric == "balanced_accuracy":
            return self._balanced()
        return None

    def _bound(self, part: float, whole: float, squared: float) -> Limits | None:
        """Wilson's limits of a share; weighted rows are worth as many as Kish says."""
        if self.is_clustered:
            return None
        size = whole * whole / squared
        return wilson(part / whole * size, size, self.z)

    def _share(self, metric: str) -> Figure:
        part, whole = SHARES[metric]
        if not whole(*self.weights):
            return Figure(None)
        found, all_rows = part(*self.weights), whole(*self.weights)
        return Figure(found / all_rows, self._bound(found, all_rows, whole(*self.squares)))

    def _f1(self) -> Figure:
        tp, fp, fn, _tn = self.weights
        union, squared = tp + fp + fn, sum(self.squares[:3])
        if not union:
            return Figure(None)
        limits = self._bound(tp, union, squared)
        mapped = None if limits is None else (2 * limits[0] / (1 + limits[0]), 2 * limits[1] / (1 + limits[1]))
        return Figure(2 * tp / (2 * tp + fp + fn), mapped)

    def _balanced(self) -> Figure:
        halves = [self._share("tpr"), self._share("tnr")]
        known = [half for half in halves if half.value is not None]
        if len(known) < 2:
            return Figure(None)
        value = math.fsum(half.value or 0.0 for half in known) / 2
        if any(half.limits is None for half in known):
            return Figure(value)
        below = math.hypot(*((half.value or 0.0) - (half.limits or (0, 0))[0] for half in known)) / 2
        above = math.hypot(*((half.limits or (0, 0))[1] - (half.value or 0.0) for half in known)) / 2
        return Figure(value, (value - below, value + above))


def wilson(part: float, whole: float, z: float) -> Limits:
    """Wilson's score interval of part / whole."""
    share = min(max(part / whole, 0.0), 1.0)
    spread = 1 + z * z / whole
    centre = (share + z * z / (2 * whole)) / spread
    half = z / spread * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    return (0.0 if part == 0 else max(0.0, centre - half)), (1.0 if part == whole else min(1.0, centre + half))


def compare_two(groups: Sequence[Group], metric: str, how: str) -> Figure | None:
    """The difference or ratio of a metric over groups; limits where there are two of them, of whole rows."""
    found = [(group, figure) for group in groups if (figure := group.measure(metric)) is not None]
    known = [(group, figure, figure.value) for group, figure in found if figure.value is not None]
    if not found or not known:
        return None if not found else Figure(None)
    known.sort(key=lambda item: item[2])
    low, high = known[0], known[-1]
    plain = len(known) == 2 and not any(group.is_weighted or group.is_clustered for group, _, _ in known)
    if how == "difference":
        limits = _subtract(high[1], low[1]) if plain else None
        return Figure(high[2] - low[2], limits)
    if high[2] <= 0:
        return Figure(None)
    return Figure(low[2] / high[2], _divide(low, high, metric) if plain else None)


def _subtract(high: Figure, low: Figure) -> Limits | None:
    """Newcombe's method 10, of the size of the difference."""
    if high.limits is None or low.limits is None or high.value is None or low.value is None:
        return None
    value = high.value - low.value
    least = value - math.hypot(high.value - high.limits[0], low.limits[1] - low.value)
    most = value + math.hypot(high.limits[1] - high.value, low.value - low.limits[0])
    return (least, most) if least > 0 else (0.0, max(abs(least), abs(most)))


def _divide(low: tuple[Group, Figure, float], high: tuple[Group, Figure, float], metric: str) -> Limits | None:
    """Katz's log interval for shares, Donner and Zou's where a share is 0 or 1; of the ratio or its inverse."""
    limits = None
    if metric in SHARES:
        part, whole = SHARES[metric]
        a, n, b, m = part(*low[0].rows), whole(*low[0].rows), part(*high[0].rows), whole(*high[0].rows)
        if a and b and a < n and b < m:
            factor = math.exp(low[0].z * math.sqrt(1 / a - 1 / n + 1 / b - 1 / m))
            ratio = (a / n) / (b / m)
            limits = ratio / factor, ratio * factor
    if limits is None:
        if low[1].limits is None or high[1].limits is None:
            return None
        limits = _divide_bounded(low[2], low[1].limits, high[2], high[1].limits)
    least, most = limits
    return (least, most) if most < 1 else (min(least, 1 / most if most > 0 else math.inf), 1.0)


def _divide_bounded(first: float, own: Limits, second: float, other: Limits) -> Limits:
    product = first * second
    low_first, high_first = own[0] * (2 * first - own[0]), own[1] * (2 * first - own[1])
    low_second, high_second = other[0] * (2 * second - other[0]), other[1] * (2 * second - other[1])
    low = low_first / (product + math.sqrt(max(product**2 - low_first * high_second, 0.0))) if low_first > 0 else 0.0
    most = product + math.sqrt(max(product**2 - high_first * low_second, 0.0))
    return low, most / low_second if low_second > 0 else math.inf


# One evaluation.


def recompute(cells: Any, result: Any) -> Outcome:
    """Compare every number that a result publishes with what its cells give."""
    outcome = Outcome()
    if cells.get("format") != FORMAT or len(cells["classes"]) != 2 or cells["task"] not in ("binary", "scoring"):
        outcome.left = 3 * len(result["measures"])
        return outcome
    z = 1.959963984540054 if cells["level"] == 0.95 else NormalDist().inv_cdf(0.5 + cells["level"] / 2)
    kind = {"is_weighted": bool(cells["weighted"]), "is_clustered": bool(cells.get("clustered"))}
    single = {"overall": Group(cells["overall"], z, **kind)}
    together: dict[str, list[Group] | None] = {}
    for counted, grouping, name in zip(cells["groupings"], result["groupings"], _names(result), strict=True):
        texts = {json.dumps(group["group"], sort_keys=True): group["population"] for group in grouping["by_group"]}
        groups = {
            texts[json.dumps(item["group"], sort_keys=True)]: Group(item["cells"], z, **kind)
            for item in counted["groups"]
        }
        single |= groups
        together[name] = None if counted["withheld"] else list(groups.values())
    for measure in result["measures"]:
        figure = _find(measure["metric"], measure["population"], single, together)
        _judge(outcome, measure, figure)
    return outcome


def _names(result: Any) -> list[str]:
    """The populations "by ..." in the order of the groupings."""
    found = dict.fromkeys(item["population"] for item in result["measures"] if item["population"].startswith("by "))
    return list(found)


def _find(
    metric: str, population: str, single: dict[str, Group], together: dict[str, list[Group] | None]
) -> Figure | None:
    if population in single:
        group = single[population]
        if metric == "n":
            return Figure(float(group.n), (float(group.n), float(group.n)))
        return _impact(group, population, single, together) if metric == "impact_ratio" else group.measure(metric)
    groups = together.get(population)
    if groups is None:
        return None
    if metric in ODDS:
        return _odds(groups, metric)
    name, how = NAMED.get(metric) or (metric.rpartition("_")[0], metric.rpartition("_")[2])
    return compare_two(groups, name, how) if how in ("difference", "ratio") else None


def _odds(groups: list[Group], metric: str) -> Figure | None:
    how = "ratio" if metric.endswith("ratio") else "difference"
    parts = [figure.value for name in ("tpr", "fpr") if (figure := compare_two(groups, name, how)) is not None]
    known = [value for value in parts if value is not None]
    if not known or (len(known) < 2 and how == "difference"):
        return Figure(None)
    if metric.endswith("mean"):
        return Figure(math.fsum(known) / 2)
    return Figure(max(known) if how == "difference" else min(known))


def _impact(
    group: Group, population: str, single: dict[str, Group], together: dict[str, list[Group] | None]
) -> Figure | None:
    """The group's selection rate against the highest of its grouping; its interval is left to the portal."""
    for groups in together.values():
        if groups is not None and any(item is group for item in groups):
            rates = [figure.value or 0.0 for item in groups if (figure := item.measure("selection_rate")) is not None]
            own = group.measure("selection_rate")
            return Figure((own.value or 0.0) / max(rates)) if own is not None and max(rates) > 0 else None
    return None


def _judge(outcome: Outcome, measure: Any, figure: Figure | None) -> None:
    where = f"{measure['metric']} of {measure['population']}"
    if figure is None:
        outcome.left += 3
        return
    outcome.compare(where, measure["value"], figure.value)
    if figure.limits is None:
        outcome.left += 2
        return
    for name, limit in zip(("low", "high"), figure.limits, strict=True):
        outcome.compare(f"{where}, {name}", measure[name], limit if math.isfinite(limit) else None)


# A report.


def recompute_report(pdf: bytes) -> tuple[int, list[str]]:
    """(exit code, lines to print) for a report."""
    attached = dict(_attachments(pdf))
    lines: list[str] = []
    code, agreed = 2, 0
    for name in sorted(attached):
        if not name.startswith("cells-"):
            continue
        number = name.removeprefix("cells-").removesuffix(".json")
        try:
            outcome = recompute(json.loads(attached[name]), json.loads(attached[f"evaluation-{number}.json"]))
        except (ValueError, KeyError, TypeError, IndexError, ArithmeticError, AttributeError) as error:
            return 2, [*lines, f"not verifiable: the cells of evaluation {number} cannot be used: {error!r}"]
        agreed += outcome.agree
        lines += [f"differs: evaluation {number}, {what}" for what in outcome.differ]
        left = f", {outcome.left} are drawn at random or withheld and not computed here" if outcome.left else ""
        lines.append(f"evaluation {number}: {outcome.agree} numbers agree, {len(outcome.differ)} differ{left}")
    if any(line.startswith("differs") for line in lines):
        code = 1
    elif agreed:
        code = 0
    return code, lines or ["not verifiable: the report holds no counted cells"]


def _attachments(pdf: bytes) -> Iterator[tuple[str, bytes]]:
    if __package__:
        module = importlib.import_module(f"{__package__}.report_verifier")
    else:
        found = importlib.util.spec_from_file_location("rv", Path(__file__).resolve().with_name("report_verifier.py"))
        if found is None or found.loader is None:
            raise SystemExit("report_verifier.py must lie beside this file")
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
    yield from module.list_attachments(pdf)


def main(arguments: Sequence[str] | None = None) -> int:
    """Recompute one report, print what was found, return the exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if len(words) != 1:
        print("usage: report_cells.py REPORT.pdf")
        return 2
    code, lines = recompute_report(Path(words[0]).read_bytes())
    print("\n".join("".join(c if c.isascii() and c.isprintable() else ascii(c)[1:-1] for c in line) for line in lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
