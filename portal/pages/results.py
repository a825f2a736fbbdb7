"""An evaluation's result document, arranged for a page: groups, disparities, importance, passport."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from governance import runner
from governance.models import Evaluation, EvaluationKind, WorkStatus

# The rates a reviewer reads first; the result document holds all of them.
RATES = {
    "selection_rate": _("Selection rate"),
    "tpr": _("True positive rate"),
    "fpr": _("False positive rate"),
    "precision": _("Precision"),
    "accuracy": _("Accuracy"),
}
DISPARITIES = {
    "demographic_parity_difference": _("Demographic parity difference"),
    "demographic_parity_ratio": _("Demographic parity ratio"),
    "equalized_odds_difference": _("Equalized odds difference"),
    "equalized_odds_ratio": _("Equalized odds ratio"),
    "equal_opportunity_difference": _("Equal opportunity difference"),
    "predictive_parity_difference": _("Predictive parity difference"),
    "accuracy_difference": _("Accuracy difference"),
}
DIFFERS = 1e-12


@dataclass(frozen=True)
class Number:
    """A measured number with its limits; ``reason`` says why it is undefined or cannot be relied on."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class GroupRow:
    """``labelled`` pairs the title of each rate with its number."""

    population: str
    n: int
    is_small: bool
    labelled: tuple[tuple[Any, Number], ...]


@dataclass(frozen=True)
class DisparityRow:
    """``fairlearn`` is what fairlearn's own function gives, where that differs from ours."""

    title: Any
    number: Number
    fairlearn: float | None
    differs: bool


@dataclass(frozen=True)
class GroupingView:
    """``slug`` is the end of the names of the charts that belong to it."""

    name: str
    slug: str
    groups: tuple[GroupRow, ...]
    disparities: tuple[DisparityRow, ...]

    @property
    def has_other_reading(self) -> bool:
        return any(row.differs for row in self.disparities)

    @property
    def has_remarks(self) -> bool:
        return any(row.number.reason for row in self.disparities)


def present(evaluation: Evaluation) -> dict[str, Any]:
    """What the templates of an evaluation show; empty while it has no result."""
    if evaluation.status != WorkStatus.SUCCEEDED:
        return {}
    result = json.loads(evaluation.result)
    shown = {"result": result, "notes": result.get("notes", []), "passport": _present_passport(result)}
    if evaluation.kind == EvaluationKind.BIAS_AUDIT:
        return shown | _present_bias_audit(result)
    return shown | _present_explanation(result)


@dataclass(frozen=True)
class ChartView:
    """A chart with an id of its own on the page. ``belongs_to`` names its grouping, or is empty."""

    name: str
    belongs_to: str
    chart: Any

    @property
    def is_wide(self) -> bool:
        return "hconcat" in self.chart.spec


def draw_charts(evaluation: Evaluation) -> list[ChartView]:
    """The charts of a finished evaluation, in light colours; the page turns them dark where that was chosen."""
    if evaluation.status != WorkStatus.SUCCEEDED:
        return []
    is_audit = evaluation.kind == EvaluationKind.BIAS_AUDIT
    return [
        ChartView(f"chart-{evaluation.pk}-{chart.name}", chart.name.partition("-")[2] if is_audit else "", chart)
        for chart in runner.charts(evaluation, "light")
    ]


def _slug(features: list[str]) -> str:
    """How the laboratory ends the names of the charts of a combination of features."""
    plain = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in "-".join(features))
    return f"{plain.lower()}-{len(features)}"


def _present_bias_audit(result: dict[str, Any]) -> dict[str, Any]:
    rates = [name for name in RATES if name in result["overall"]]
    overall = _read_group(result["overall"] | {"population": str(_("Everybody"))}, rates)
    return {
        "rate_titles": [RATES[name] for name in rates],
        "overall": overall,
        "groupings": [_read_grouping(item, rates) for item in result["groupings"]],
        "cells": _summarise_cells(result["cells"]),
    }


def _read_grouping(item: dict[str, Any], rates: list[str]) -> GroupingView:
    reading = item.get("disparities_if_undefined_counts_as_zero", {})
    return GroupingView(
        " & ".join(item["sensitive"]),
        _slug(item["sensitive"]),
        tuple(_read_group(group, rates) for group in item["by_group"]),
        tuple(_read_disparity(name, item, reading) for name in DISPARITIES if name in item["disparities"]),
    )


def _read_group(group: dict[str, Any], rates: list[str]) -> GroupRow:
    labelled = tuple(
        (RATES[name], _number(group.get(name), group["intervals"].get(name), group["reasons"].get(name)))
        for name in rates
    )
    return GroupRow(group["population"], group["n"], group["below_minimum_size"], labelled)


def _read_disparity(name: str, item: dict[str, Any], reading: dict[str, float | None]) -> DisparityRow:
    ours = item["disparities"][name]
    number = _number(ours, item["disparity_intervals"].get(name), item["disparity_reasons"].get(name))
    theirs = reading.get(name, ours)
    differs = theirs != ours and (theirs is None or ours is None or abs(theirs - ours) > DIFFERS)
    return DisparityRow(DISPARITIES[name], number, theirs, differs)


def _number(value: float | None, limits: dict[str, Any] | None, reason: str | None) -> Number:
    limits = limits or {}
    return Number(value, limits.get("low"), limits.get("high"), reason or "")


def _summarise_cells(cells: dict[str, Any]) -> dict[str, Any]:
    """How many distinct combinations the audit was computed from, and the smallest of them."""
    counts = [cell[3] for cell in cells["cells"]]
    return {"count": len(counts), "rows": sum(counts), "smallest": min(counts, default=0)}


def _present_explanation(result: dict[str, Any]) -> dict[str, Any]:
    populations = [
        {"population": group["population"], "n": group["n"], "is_small": group["below_minimum_size"]}
        for group in result["importance_by_group"]
    ]
    return {"importance": result["importance"], "populations": populations}


def _present_passport(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The passport as label and value; nested parts are named by their path."""
    return list(_flatten(result.get("passport", {}), ""))


def _flatten(part: Any, path: str) -> list[tuple[str, str]]:
    if not isinstance(part, dict):
        return [(path.replace("_", " "), str(part))] if part is not None else []
    return [line for name, value in part.items() for line in _flatten(value, f"{path} {name}".strip())]
