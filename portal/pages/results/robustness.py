"""Losses under conditions, arranged for a page: one row for each condition, one column for each metric."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from governance.metric_titles import title_of_metric
from portal.pages.results.numbers import Number


@dataclass(frozen=True)
class ConditionCell:
    """One metric under one condition: what is lost (or how far the groups' losses lie apart) and a remark."""

    title: str
    number: Number
    remark: str


@dataclass(frozen=True)
class ConditionTable:
    """``name`` is the combination of features whose groups are compared; empty for everybody."""

    name: str
    titles: tuple[str, ...]
    rows: tuple[tuple[str, tuple[ConditionCell, ...]], ...]


def present_robustness(robustness: dict[str, Any] | None, metrics: list[str]) -> dict[str, Any] | None:
    """The losses of the metrics that are read first: everybody's, then for each combination who loses most."""
    if not robustness:
        return None
    everybody = [item for item in robustness["losses"] if item["group"] is None]
    names = dict.fromkeys(" & ".join(item["features"]) for item in robustness["by_group"])
    by_group = [
        _make_table(name, [item for item in robustness["by_group"] if " & ".join(item["features"]) == name], metrics)
        for name in names
    ]
    return {
        "baseline": robustness["baseline"],
        "note": robustness["note"],
        "everybody": _make_table("", everybody, metrics),
        "baseline_values": _list_baseline(everybody, metrics),
        "by_group": [table for table in by_group if table.rows],
    }


def _list_baseline(losses: Iterable[dict[str, Any]], metrics: list[str]) -> list[tuple[str, float | None]]:
    values = {item["metric"]: item["baseline_value"] for item in losses}
    return [(title_of_metric(name), values.get(name)) for name in metrics if name in values]


def _make_table(name: str, items: list[dict[str, Any]], metrics: list[str]) -> ConditionTable:
    found = {(item["condition"], item["metric"]): item for item in items}
    shown = [metric for metric in metrics if any(metric == key[1] for key in found)]
    conditions = dict.fromkeys(item["condition"] for item in items)
    return ConditionTable(
        name=name,
        titles=tuple(title_of_metric(metric) for metric in shown),
        rows=tuple(
            (condition, tuple(_make_cell(metric, found.get((condition, metric), {})) for metric in shown))
            for condition in conditions
        ),
    )


def _make_cell(metric: str, item: dict[str, Any]) -> ConditionCell:
    value = item.get("loss", item.get("difference"))
    number = Number(value, item.get("low"), item.get("high"), item.get("reason") or "")
    return ConditionCell(title_of_metric(metric), number, item.get("most") or "")
