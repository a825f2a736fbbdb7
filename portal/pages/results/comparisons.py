"""What sets groups apart beside rates: each class against the rest, tests of difference, scoring rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.metric_titles import title_of_metric
from portal.pages.results.numbers import Number, read_number

CLASS_RATES = ("selection_rate", "tpr", "fpr", "precision")


@dataclass(frozen=True)
class ClassRow:
    """One class against the rest, in one group."""

    label: str
    population: str
    numbers: tuple[tuple[Any, Number], ...]


@dataclass(frozen=True)
class TestRow:
    """Whether a group differs from the one it is compared with by more than chance gives."""

    metric: Any
    group: str
    versus: str
    method: str
    p_value: float | None
    p_adjusted: float | None
    remark: str


@dataclass(frozen=True)
class ScoringRow:
    """Share of a group scored above the median of everybody, and that share against the highest one."""

    group: str
    n: int
    rate: Number
    impact_ratio: Number
    is_under_two_percent: bool


def list_class_rows(grouping: Mapping[str, Any]) -> tuple[ClassRow, ...]:
    """Return a row for each class and group of a multiclass audit; none for other tasks."""
    rows = []
    for group in grouping["by_group"]:
        for label, rates in group.get("per_class", {}).items():
            limits = group["per_class_intervals"].get(label, {})
            reasons = group["per_class_reasons"].get(label, {})
            numbers = tuple(
                (title_of_metric(name), read_number(rates.get(name), limits.get(name), reasons.get(name)))
                for name in CLASS_RATES
            )
            rows.append(ClassRow(label, group["population"], numbers))
    return tuple(sorted(rows, key=lambda row: row.label))


def list_test_rows(grouping: Mapping[str, Any]) -> tuple[TestRow, ...]:
    """Return the statistical tests of a grouping, corrected for how many there are."""
    return tuple(
        TestRow(
            title_of_metric(test["metric"]),
            _name(test["group"]),
            _name(test["versus"]),
            test["method"],
            test["p_value"],
            test["p_adjusted"],
            test.get("reason") or "",
        )
        for test in grouping.get("tests", ())
    )


def list_scoring_rows(grouping: Mapping[str, Any]) -> tuple[ScoringRow, ...]:
    """Return the scoring rates of a grouping, where they were asked for."""
    return tuple(
        ScoringRow(
            _name(row["group"]),
            row["n"],
            _read(row, "scoring_rate"),
            _read(row, "impact_ratio"),
            row["under_two_percent"],
        )
        for row in (grouping.get("scoring") or {}).get("groups", ())
    )


def _read(row: Mapping[str, Any], name: str) -> Number:
    return read_number(row[name], row["intervals"].get(name), row["reasons"].get(name))


def _name(group: Mapping[str, str]) -> str:
    return ", ".join(group.values())
