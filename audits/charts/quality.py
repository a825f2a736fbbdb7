"""Charts of a data-quality profile, from its JSON: dimensions, completeness, classes, representation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audits.charts.frame import (
    PLOT_WIDTH,
    ROW_HEIGHT,
    THEMES,
    Chart,
    Spec,
    Theme,
    draw_bar,
    draw_intervals,
    format_interval,
    format_number,
    format_share,
    frame_spec,
    list_on_axis,
    measure_across,
    show_name,
)
from audits.populations import OVERALL
from audits.quality.results import about_column

SUMMARY = (
    "completeness",
    "complete_rows",
    "schema_conformity",
    "key_uniqueness",
    "validity",
    "consistency",
    "label_consistency",
    "timeliness",
    "accuracy_to_source",
)
"""The shares of the whole table that are better the higher they are."""
SHOWN = 30
PERCENT_MARKS = [0, 0.25, 0.5, 0.75, 1]

Document = Mapping[str, Any]


def quality_charts(result: Document, theme: Theme = "light") -> list[Chart]:
    """Return the charts of a profile: its dimensions, columns with gaps, classes, and groups by feature.

    Parameters
    ----------
    result : mapping
        The document of `quality.profile.run_quality`.
    theme : "light", "dark" or "print"
    """
    charts = [draw_summary(result, theme), draw_completeness(result, theme)]
    if result["class_balance"] is not None:
        charts.append(draw_classes(result["class_balance"], theme))
    charts += [
        draw_representation(found, place, theme)
        for place, found in enumerate(result["representation"])
        if any(group["declared_share"] is not None for group in found["groups"])
    ]
    return [chart for chart in charts if chart.table_rows]


def draw_summary(result: Document, theme: Theme) -> Chart:
    """Return every dimension that is a share, as a bar with its interval; expectations are marks."""
    by_metric = {found["metric"]: found for found in result["dimensions"] if found["population"] == OVERALL}
    shown = [by_metric[name] for name in SUMMARY if name in by_metric and by_metric[name]["value"] is not None]
    limits = _read_limits(result)
    values = [
        {
            "name": found["title"],
            "value": found["value"],
            "zero": 0,
            "low": found["low"] if found["low"] != found["high"] else None,
            "high": found["high"] if found["low"] != found["high"] else None,
            "limit": limits.get((found["metric"], OVERALL)),
        }
        for found in shown
    ]
    parts = [f"{found['title'].lower()} {format_share(found['value'])}" for found in shown]
    return Chart(
        name="dimensions",
        title="Quality by dimension",
        spec=frame_spec(_lay_out_shares(values, "share", theme), theme),
        alt_text=f"Quality by dimension, as shares of what was counted: {'; '.join(parts)}.",
        table_header=("Dimension", "Share", "Counted", "Among", "Interval", "Expected"),
        table_rows=tuple(
            (
                found["title"],
                format_share(found["value"]),
                f"{found['part']:,}",
                f"{found['n']:,}",
                "exact" if found["low"] == found["high"] else format_interval(found, True),
                _format_limit(limits.get((found["metric"], OVERALL))),
            )
            for found in shown
        ),
    )


def _read_limits(result: Document) -> dict[tuple[str, str], float]:
    """Return (metric, population) -> the least that is expected."""
    return {
        (verdict["metric"], verdict["population"]): verdict["threshold"]
        for verdict in result["verdicts"]
        if verdict["comparator"] == "at_least"
    }


def _format_limit(limit: float | None) -> str:
    return "" if limit is None else f"at least {format_share(limit)}"


def draw_completeness(result: Document, theme: Theme) -> Chart:
    """Return the columns with the most missing cells; complete columns are counted in the words."""
    columns = sorted(result["columns"], key=lambda column: column["completeness"])
    gaps = [column for column in columns if column["missing"]]
    shown = gaps[:SHOWN]
    limits = _read_limits(result)
    wanted = [limits.get(("completeness", about_column(column["name"]))) for column in shown]
    values = [
        {"name": show_name(column["name"]), "value": column["completeness"], "zero": 0, "limit": limit}
        for column, limit in zip(shown, wanted, strict=True)
    ]
    whole = len(columns) - len(gaps)
    words = f"Completeness of columns. {whole:,} of {len(columns):,} columns have a value in every row."
    if shown:
        first = shown[0]
        words += f" The most gaps has {show_name(first['name'])}: {format_share(first['completeness'])} present."
    if len(gaps) > SHOWN:
        words += f" Shown are the {SHOWN} columns with the most gaps of {len(gaps):,}."
    return Chart(
        name="completeness",
        title="Completeness of columns with gaps",
        spec=frame_spec(_lay_out_shares(values, "share of rows with a value", theme), theme),
        alt_text=words,
        table_header=("Column", "Present", "Missing", "Completeness", "Expected"),
        table_rows=tuple(
            (
                show_name(column["name"]),
                f"{column['present']:,}",
                f"{column['missing']:,}",
                format_share(column["completeness"]),
                _format_limit(limit),
            )
            for column, limit in zip(shown, wanted, strict=True)
        ),
    )


def _lay_out_shares(values: Sequence[Spec], title: str, theme: Theme) -> Spec:
    """Return bars from 0 to 1 with intervals where there are any, and limits as marks."""
    colours = THEMES[theme]
    y = list_on_axis("name", [value["name"] for value in values])
    x = measure_across("value", title, (0.0, 1.0), ".0%")
    x["axis"] |= {"values": PERCENT_MARKS}
    bar = {"mark": draw_bar(colours), "encoding": {"y": y, "x": x, "x2": {"field": "zero"}}}
    tick = {"type": "tick", "orient": "vertical", "size": 22, "thickness": 3, "opacity": 1, "color": colours.contrast}
    limit = {
        "transform": [{"filter": "isValid(datum.limit)"}],
        "mark": tick,
        "encoding": {"y": y, "x": {**x, "field": "limit"}},
    }
    return {
        "width": PLOT_WIDTH,
        "height": {"step": ROW_HEIGHT},
        "data": {"values": list(values)},
        "layer": [bar, *draw_intervals(y, x, colours.ink), limit],
    }


def draw_classes(balance: Document, theme: Theme) -> Chart:
    """Return the share of every label that may be listed."""
    counts = balance["counts"][:SHOWN]
    values = [{"name": show_name(item["label"]), "value": item["share"], "zero": 0} for item in counts]
    hidden = balance["below_minimum_count"]["classes"]
    words = f"Classes of {show_name(balance['column'])}: " + "; ".join(
        f"{show_name(item['label'])} {format_share(item['share'])}" for item in counts[:6]
    )
    words += "." if len(counts) <= 6 else "; and others."
    if hidden:
        words += f" {hidden:,} classes with few rows are not listed."
    return Chart(
        name="classes",
        title=f"Classes of {show_name(balance['column'])}",
        spec=frame_spec(_lay_out_shares(values, "share of labelled rows", theme), theme),
        alt_text=words,
        table_header=("Label", "Rows", "Share"),
        table_rows=tuple(
            (show_name(item["label"]), f"{item['count']:,}", format_share(item["share"])) for item in counts
        ),
    )


def draw_representation(found: Document, place: int, theme: Theme) -> Chart:
    """Return the share of each group as a dot, its declared share as a diamond."""
    groups = [group for group in found["groups"] if group["declared_share"] is not None][:SHOWN]
    title = f"{show_name(found['feature'])}: rows and population"
    furthest = max(groups, key=_find_distance)
    words = (
        f"Groups of {show_name(found['feature'])}: their share of the rows, with intervals, beside their share of "
        f"the population. Furthest apart is {show_name(furthest['group'])}: {format_share(furthest['share'])} of the "
        f"rows, {format_share(furthest['declared_share'])} of the population."
    )
    return Chart(
        name=f"representation-{place}",
        title=title,
        spec=frame_spec(_lay_out_representation(groups, theme), theme),
        alt_text=words,
        table_header=("Group", "Rows", "Share of rows", "Share of population", "Ratio", "Interval"),
        table_rows=tuple(
            (
                show_name(group["group"]),
                f"{group['rows']:,}",
                format_share(group["share"]),
                format_share(group["declared_share"]),
                format_number(group["ratio"]),
                format_interval(group, False),
            )
            for group in groups
        ),
    )


def _find_distance(group: Document) -> float:
    return abs(float(group["share"] or 0.0) - float(group["declared_share"]))


def _lay_out_representation(groups: Sequence[Document], theme: Theme) -> Spec:
    colours = THEMES[theme]
    kinds = ["rows", "population"]
    values = []
    for group in groups:
        declared, name = group["declared_share"], show_name(group["group"])
        limits = {end: None if group[end] is None else group[end] * declared for end in ("low", "high")}
        values.append({"name": name, "value": group["share"], "kind": kinds[0], **limits})
        values.append({"name": name, "value": declared, "kind": kinds[1]})
    y = list_on_axis("name", [show_name(group["group"]) for group in groups])
    highest = max([0.1, *(value.get("high") or value["value"] or 0 for value in values)])
    x = measure_across("value", "share", (0.0, min(1.0, highest * 1.1)), ".0%")
    legend = {"title": None, "orient": "bottom"}
    points = {
        "transform": [{"filter": "isValid(datum.value)"}],
        "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
        "encoding": {
            "y": y,
            "x": x,
            "shape": {
                "field": "kind",
                "scale": {"domain": kinds, "range": ["circle", "diamond"]},
                "legend": legend,
            },
            "color": {
                "field": "kind",
                "scale": {"domain": kinds, "range": [colours.main, colours.contrast]},
                "legend": legend,
            },
        },
    }
    return {
        "width": PLOT_WIDTH,
        "height": {"step": ROW_HEIGHT},
        "data": {"values": values},
        "layer": [*draw_intervals(y, x, colours.main), points],
    }
