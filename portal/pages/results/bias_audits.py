"""A bias audit's result document, arranged for a page: groups and what sets them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from governance.leading_metrics import leading_metrics, order_disparities
from governance.metric_titles import title_of_metric
from portal.pages.results.comparisons import (
    ClassRow,
    ScoringRow,
    TestRow,
    list_class_rows,
    list_scoring_rows,
    list_test_rows,
)
from portal.pages.results.numbers import Number, read_number
from portal.pages.results.robustness import present_robustness
from portal.pages.results.verdicts import present_verdicts

DIFFERS = 1e-12


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
    classes: tuple[ClassRow, ...] = ()
    tests: tuple[TestRow, ...] = ()
    scoring: tuple[ScoringRow, ...] = ()

    @property
    def has_other_reading(self) -> bool:
        return any(row.differs for row in self.disparities)

    @property
    def has_remarks(self) -> bool:
        return any(row.number.reason for row in self.disparities)


def _slug(features: list[str]) -> str:
    """How the laboratory ends the names of the charts of a combination of features."""
    plain = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in "-".join(features))
    return f"{plain.lower()}-{len(features)}"


def present_bias_audit(result: dict[str, Any]) -> dict[str, Any]:
    rates = leading_metrics(result)
    overall = _read_group(result["overall"] | {"population": str(_("Everybody"))}, rates)
    return {
        "verdicts": present_verdicts(result.get("verdicts", [])),
        "rate_titles": [title_of_metric(name) for name in rates],
        "overall": overall,
        "groupings": [_read_grouping(item, rates) for item in result["groupings"]],
        "cells": _summarise_cells(result["cells"]),
        "robustness": present_robustness(result.get("robustness"), rates),
    }


def _read_grouping(item: dict[str, Any], rates: list[str]) -> GroupingView:
    reading = item.get("disparities_if_undefined_counts_as_zero", {})
    return GroupingView(
        " & ".join(item["sensitive"]),
        _slug(item["sensitive"]),
        tuple(_read_group(group, rates) for group in item["by_group"]),
        tuple(_read_disparity(name, item, reading) for name in order_disparities(item["disparities"])),
        list_class_rows(item),
        list_test_rows(item),
        list_scoring_rows(item),
    )


def _read_group(group: dict[str, Any], rates: list[str]) -> GroupRow:
    labelled = tuple(
        (title_of_metric(name), read_number(group.get(name), group["intervals"].get(name), group["reasons"].get(name)))
        for name in rates
    )
    return GroupRow(group["population"], group["n"], group["below_minimum_size"], labelled)


def _read_disparity(name: str, item: dict[str, Any], reading: dict[str, float | None]) -> DisparityRow:
    ours = item["disparities"][name]
    number = read_number(ours, item["disparity_intervals"].get(name), item["disparity_reasons"].get(name))
    theirs = reading.get(name, ours)
    differs = theirs != ours and (theirs is None or ours is None or abs(theirs - ours) > DIFFERS)
    return DisparityRow(title_of_metric(name), number, theirs, differs)


def _summarise_cells(cells: dict[str, Any]) -> dict[str, Any]:
    """How many distinct combinations the audit was computed from, and the smallest of them."""
    counts = [cell[3] for cell in cells["cells"]]
    return {"count": len(counts), "rows": sum(counts), "smallest": min(counts, default=0)}
