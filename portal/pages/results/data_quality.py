"""A data-quality profile, arranged for a page: dimensions, columns, groups, leakage, hints at persons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.metric_titles import title_of_metric
from portal.pages.results.verdicts import present_verdicts

TYPES = {
    "empty": gettext_lazy("Empty"),
    "integer": gettext_lazy("Whole numbers"),
    "number": gettext_lazy("Numbers"),
    "boolean": gettext_lazy("True or false"),
    "date": gettext_lazy("Dates"),
    "timestamp": gettext_lazy("Times"),
    "category": gettext_lazy("Categories"),
    "text": gettext_lazy("Text"),
}
DAYS = frozenset({"median_age_days", "p95_age_days", "largest_gap_days"})
COUNTS = frozenset({"constant_columns", "personal_data_columns"})
SHOWN_ELSEWHERE = frozenset({"dataset_match", "representation_p_value"})
"""Above all numbers, and with the groups."""
FEW_VALUES = 3
THOUSANDS = "\N{NARROW NO-BREAK SPACE}"
LARGEST_WRITTEN_OUT = 1e12


@dataclass(frozen=True)
class DimensionRow:
    """One number about the whole table. ``counted`` says what it was counted from."""

    title: str
    definition: str
    source: str
    population: str
    value: str
    interval: str
    counted: str
    reason: str


@dataclass(frozen=True)
class ColumnRow:
    """One column. ``holds`` sums up its values, or says why they are withheld."""

    name: str
    type: str
    declared: str
    missing: int
    completeness: str
    distinct: str
    validity: str
    failed: str
    holds: str
    withheld: str
    outliers: str


def write_share(value: float | None) -> str:
    """A share as a percentage that never rounds a gap away: 99.99 %, not 100 %."""
    if value is None:
        return "\N{EN DASH}"
    for digits in (1, 2, 4):
        text = f"{100 * value:.{digits}f}"
        if value in (0, 1) or float(text) not in (0.0, 100.0):
            return f"{text} %"
    return f"{100 * value:.2g} %" if value < 0.5 else "< 100 %"


def write_number(value: float | None) -> str:
    """Whole numbers with thousands apart, others with four digits that count."""
    if value is None:
        return "\N{EN DASH}"
    if float(value).is_integer() and abs(value) < LARGEST_WRITTEN_OUT:
        return write_count(int(value))
    text = f"{value:.4g}" if abs(value) < 1_000 or abs(value) >= LARGEST_WRITTEN_OUT else f"{value:,.1f}"
    return text.replace(",", THOUSANDS).replace("-", "\N{MINUS SIGN}")


def write_count(value: float) -> str:
    """A whole number with thousands apart."""
    return f"{value:,.0f}".replace(",", THOUSANDS).replace("-", "\N{MINUS SIGN}")


def present_data_quality(result: dict[str, Any]) -> dict[str, Any]:
    """What the page of a finished profile shows."""
    dimensions = [item for item in result["dimensions"] if item["metric"] not in SHOWN_ELSEWHERE]
    return {
        "notes": [note for note in result["notes"] if note["code"] != "other_file"],
        "dimensions": [_read_dimension(item) for item in dimensions if item["value"] is not None],
        "not_assessed": [_read_dimension(item) for item in dimensions if item["value"] is None],
        "verdicts": present_verdicts(result["verdicts"]),
        "columns": [_read_column(item) for item in result["columns"]],
        "rules": [item | {"share": write_share(_divide(item["passes"], item["applies"]))} for item in result["rules"]],
        "representation": [_read_representation(item) for item in result["representation"]],
        "classes": _read_classes(result["class_balance"]),
        "hints": [
            item | {"share": write_share(_divide(item["cells"], item["present"]))} for item in result["personal_data"]
        ],
    }


def _divide(part: int | None, whole: int) -> float | None:
    return part / whole if part is not None and whole else None


def _read_dimension(item: dict[str, Any]) -> DimensionRow:
    metric, is_exact = item["metric"], item["low"] == item["high"]
    write = write_number if metric in DAYS | COUNTS or metric.startswith("representation") else write_share
    counted = ""
    if item["part"] is not None:
        counted = _("%(part)s of %(whole)s") % {"part": write_count(item["part"]), "whole": write_count(item["n"])}
    elif item["value"] is not None:
        counted = _("among %(whole)s") % {"whole": write_count(item["n"])}
    interval = _("exact, whole file") if is_exact else f"{write(item['low'])} \N{EN DASH} {write(item['high'])}"
    return DimensionRow(
        title=title_of_metric(metric),
        definition=item["definition"],
        source=item["source"],
        population="" if item["population"] == "overall" else item["population"],
        value=write(item["value"]),
        interval=interval,
        counted=counted,
        reason=(item["reason"] or "").removeprefix("not assessed: "),
    )


def _read_column(item: dict[str, Any]) -> ColumnRow:
    distinct, validity, numbers = item["distinct"], item["validity"], item["numbers"]
    is_exact = distinct["low"] == distinct["high"]
    failed = [f"{name} {write_count(count)}" for name, count in (validity or {"failed": {}})["failed"].items() if count]
    outside = (numbers or {"outliers": {"below": None}})["outliers"]
    declared = item["declared_type"]
    return ColumnRow(
        name=item["name"],
        type=str(TYPES[item["type"]]),
        declared=str(TYPES.get(declared, declared)) if declared else "",
        missing=item["missing"],
        completeness=write_share(item["completeness"]),
        distinct=write_count(distinct["value"])
        if is_exact
        else f"\N{ALMOST EQUAL TO} {write_count(distinct['value'])}",
        validity=write_share(_divide(validity["passed"], validity["checked"])) if validity else "",
        failed=", ".join(failed),
        holds=_say_what_it_holds(item),
        withheld=item["withheld"] or "",
        outliers="" if outside["below"] is None else write_count(outside["below"] + outside["above"]),
    )


def _say_what_it_holds(item: dict[str, Any]) -> str:
    """The range of numbers or dates, or the most frequent values with their rows."""
    numbers, dates, categories = item["numbers"], item["dates"], item["categories"]
    if categories and not categories["top"]:
        return _("no value in %(count)s rows or more") % {"count": write_count(categories["minimum_count"])}
    if categories:
        shown = [f"{value['value']} ({write_count(value['count'])})" for value in categories["top"][:FEW_VALUES]]
        rest = item["distinct"]["value"] - len(shown)
        return ", ".join(shown) + (_(" and %(count)s more") % {"count": write_count(rest)} if rest > 0 else "")
    if numbers:
        median = numbers["quantiles"]["values"]["0.5"]
        return _("%(low)s to %(high)s, median %(median)s, mean %(mean)s") % {
            "low": write_number(numbers["minimum"]),
            "high": write_number(numbers["maximum"]),
            "median": write_number(median),
            "mean": write_number(numbers["mean"]),
        }
    if dates:
        return _("%(first)s to %(last)s") % {"first": dates["earliest"], "last": dates["latest"]}
    return ""


def _read_representation(item: dict[str, Any]) -> dict[str, Any]:
    groups = [
        group
        | {
            "share_text": write_share(group["share"]),
            "declared_text": write_share(group["declared_share"]),
            "ratio_text": write_number(group["ratio"]),
            "interval": ""
            if group["ratio"] is None
            else f"{write_number(group['low'])} \N{EN DASH} {write_number(group['high'])}",
        }
        for group in item["groups"]
    ]
    p_value = item["p_value"]
    p_text = "" if p_value is None else ("< 0.0001" if p_value < 0.0001 else f"= {p_value:.4f}")
    has_shares = any(group["declared_share"] is not None for group in groups)
    return item | {"groups": groups, "p_text": p_text, "has_shares": has_shares}


def _read_classes(balance: dict[str, Any] | None) -> dict[str, Any] | None:
    if balance is None:
        return None
    return balance | {"counts": [item | {"share_text": write_share(item["share"])} for item in balance["counts"]]}
