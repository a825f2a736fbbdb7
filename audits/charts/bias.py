"""Charts of a bias audit, from its JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audits.bias.disparities import DISPARITIES
from audits.charts.frame import (
    PLOT_WIDTH,
    ROW_HEIGHT,
    SIZES,
    THEMES,
    Chart,
    Spec,
    Theme,
    draw_bar,
    draw_intervals,
    draw_line_at,
    draw_sized_points,
    format_interval,
    format_number,
    format_share,
    frame_spec,
    list_on_axis,
    measure_across,
    name_chart,
    name_features,
    name_values,
)
from audits.metrics import METRICS

SHOWN_RATES = ("selection_rate", "tpr", "fpr")
SHOWN_DISPARITIES = (
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "equalized_odds_difference",
    "predictive_parity_difference",
    "accuracy_difference",
)
SHOWN_GROUPS = 30
RATE_WIDTH = 185
PERCENT_MARKS = [0, 0.25, 0.5, 0.75, 1]
FOUR_FIFTHS = 0.8

Document = Mapping[str, Any]


def bias_charts(
    result: Document, theme: Theme = "light", *, thresholds: Mapping[str, float] | None = None
) -> list[Chart]:
    """Return the charts of decisions: three for each feature and combination.

    Parameters
    ----------
    result : mapping
        The document of `bias.run_bias_audit`.
    theme : "light", "dark" or "print"
    thresholds : mapping, optional
        Disparity to the limit an acceptance criterion sets, drawn as a mark.
    """
    charts = []
    for grouping in result["groupings"]:
        if "impact_ratios" not in grouping:
            continue  # nothing was decided: a regression, or several classes
        overall = result["overall"]
        charts.append(draw_rates(grouping, overall, theme))
        charts.append(draw_impact_ratios(grouping, theme))
        charts.append(draw_disparities(grouping, theme, thresholds or {}))
    return [chart for chart in charts if chart.table_rows]


def _label_with_size(group: Document) -> str:
    return f"{name_values(group['group'])} (n {group['n']:,})"


def _choose_groups(grouping: Document) -> list[Document]:
    """Return the groups to draw: the largest ones where there are many, in their own order."""
    groups = list(grouping["by_group"])
    largest = sorted(groups, key=lambda group: -group["n"])[:SHOWN_GROUPS]
    kept = {group["population"] for group in largest}
    return [group for group in groups if group["population"] in kept]


def _say_omitted(grouping: Document, shown: int) -> str:
    total = len(grouping["by_group"])
    return "" if shown == total else f" Shown are the {shown} largest of {total} groups."


def draw_rates(grouping: Document, overall: Document, theme: Theme) -> Chart:
    """Return rates by group: a dot with its interval per group, one panel per rate."""
    groups = _choose_groups(grouping)
    rates = [name for name in SHOWN_RATES if name in overall]
    order = [_label_with_size(group) for group in groups]
    panels = []
    for place, rate in enumerate(rates):
        panel = _draw_rate_panel(groups, rate, overall[rate], order, theme)
        if place:
            panel["layer"] = [_hide_names(layer) for layer in panel["layer"]]
        panels.append(panel)
    title = f"Rates by {name_features(grouping)}"
    rows = tuple(_list_rates(group, rates) for group in groups) if rates else ()
    header = ["Group", "Rows"]
    for rate in rates:
        header += [METRICS[rate].title, "Interval"]
    return Chart(
        name=name_chart(grouping, "rates"),
        title=title,
        spec=frame_spec({"hconcat": panels, "resolve": {"scale": {"y": "shared"}}}, theme),
        alt_text=_describe_rates(title, groups, rates) + _say_omitted(grouping, len(groups)),
        table_header=tuple(header),
        table_rows=rows,
    )


def _draw_rate_panel(
    groups: Sequence[Document], rate: str, overall: float | None, order: Sequence[str], theme: Theme
) -> Spec:
    colours = THEMES[theme]
    values = [
        {
            "group": _label_with_size(group),
            "value": group[rate],
            "low": group["intervals"].get(rate, {}).get("low"),
            "high": group["intervals"].get(rate, {}).get("high"),
            "size": SIZES[bool(group["below_minimum_size"])],
        }
        for group in groups
    ]
    y = list_on_axis("group", order)
    x = measure_across("value", None, (0.0, 1.0), ".0%")
    x["axis"] |= {"values": PERCENT_MARKS}
    points = draw_sized_points(y, x, colours)
    lines = [] if overall is None else [draw_line_at(overall, x, colours.soft_ink)]
    return {
        "title": METRICS[rate].title,
        "width": RATE_WIDTH,
        "height": {"step": ROW_HEIGHT},
        "data": {"values": values},
        "layer": [*lines, *draw_intervals(y, x, colours.main), points],
    }


def _hide_names(layer: Spec) -> Spec:
    """Return the layer without names at the side: the first panel of a row has them."""
    encoding = dict(layer["encoding"])
    if "y" in encoding:
        encoding["y"] = {**encoding["y"], "axis": None}
    return {**layer, "encoding": encoding}


def _list_rates(group: Document, rates: Sequence[str]) -> tuple[str, ...]:
    cells = [name_values(group["group"]), f"{group['n']:,}"]
    for rate in rates:
        cells += [format_share(group[rate]), format_interval(group["intervals"].get(rate), True)]
    return tuple(cells)


def _describe_rates(title: str, groups: Sequence[Document], rates: Sequence[str]) -> str:
    """Return one sentence per rate: which group has the lowest, which the highest."""
    sentences = [f"{title}, with confidence intervals; the dashed line is everybody."]
    for rate in rates:
        known = sorted((group for group in groups if group[rate] is not None), key=lambda group: group[rate])
        if known:
            low, high = known[0], known[-1]
            sentences.append(
                f"{METRICS[rate].title}: from {format_share(low[rate])} ({name_values(low['group'])}) "
                f"to {format_share(high[rate])} ({name_values(high['group'])})."
            )
    if any(group["below_minimum_size"] for group in groups):
        sentences.append("Hollow dots are groups below the minimum size.")
    return " ".join(sentences)


def draw_impact_ratios(grouping: Document, theme: Theme) -> Chart:
    """Return impact ratios against the four-fifths line; diamonds are below it."""
    kept = {group["population"]: group for group in _choose_groups(grouping)}
    names = {name_values(group["group"]) for group in kept.values()}
    rows = [
        row
        for row in grouping["impact_ratios"]["groups"]
        if name_values(row["group"]) in names and row["impact_ratio"] is not None
    ]
    title = f"Impact ratio by {name_features(grouping)}"
    return Chart(
        name=name_chart(grouping, "impact"),
        title=title,
        spec=frame_spec(_lay_out_impact(rows, theme), theme),
        alt_text=_describe_impact(title, rows) + _say_omitted(grouping, len(kept)),
        table_header=("Group", "Selection rate", "Impact ratio", "Interval", "Below four fifths"),
        table_rows=tuple(
            (
                name_values(row["group"]),
                format_share(row["selection_rate"]),
                format_number(row["impact_ratio"]),
                format_interval(row["interval"], False),
                "yes" if row["below_four_fifths"] else "no",
            )
            for row in rows
        ),
    )


def _lay_out_impact(rows: Sequence[Document], theme: Theme) -> Spec:
    """Return the layers of the impact chart; intervals are cut at one and a half."""
    colours = THEMES[theme]
    sides = ["four fifths or more", "below four fifths"]
    values = [
        {
            "group": name_values(row["group"]),
            "value": row["impact_ratio"],
            "low": (row["interval"] or {}).get("low"),
            "high": (row["interval"] or {}).get("high"),
            "side": sides[bool(row["below_four_fifths"])],
        }
        for row in rows
    ]
    y = list_on_axis("group", [value["group"] for value in values])
    highest = min(1.5, max([1.04, *(value["high"] or 0 for value in values)]))
    x = measure_across("value", "selection rate / highest selection rate", (0.0, highest), ".1f")
    legend = {"title": None, "orient": "bottom"}
    shape = {"domain": sides, "range": ["circle", "diamond"]}
    colour = {"domain": sides, "range": [colours.main, colours.contrast]}
    points = {
        "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
        "encoding": {
            "y": y,
            "x": x,
            "shape": {"field": "side", "scale": shape, "legend": legend},
            "color": {"field": "side", "scale": colour, "legend": legend},
        },
    }
    line = draw_line_at(FOUR_FIFTHS, x, colours.contrast)
    return {
        "width": PLOT_WIDTH,
        "height": {"step": ROW_HEIGHT},
        "data": {"values": values},
        "layer": [line, *draw_intervals(y, x, colours.soft_ink), points],
    }


def _describe_impact(title: str, rows: Sequence[Document]) -> str:
    below = [name_values(row["group"]) for row in rows if row["below_four_fifths"]]
    if not rows:
        return f"{title}: undefined, nobody is selected."
    lowest = min(rows, key=lambda row: float(row["impact_ratio"]))
    verdict = "no group is below four fifths" if not below else f"below four fifths: {', '.join(below[:5])}"
    return (
        f"{title} against the four-fifths line. The lowest is "
        f"{format_number(lowest['impact_ratio'])} ({name_values(lowest['group'])}); {verdict}."
    )


def draw_disparities(grouping: Document, theme: Theme, thresholds: Mapping[str, float]) -> Chart:
    """Return the differences between groups as bars with intervals, and limits as marks."""
    names = [name for name in SHOWN_DISPARITIES if grouping["disparities"].get(name) is not None]
    intervals = grouping["disparity_intervals"]
    title = f"Differences between groups of {name_features(grouping)}"
    return Chart(
        name=name_chart(grouping, "disparities"),
        title=title,
        spec=frame_spec(_lay_out_disparities(names, grouping, theme, thresholds), theme),
        alt_text=_describe_disparities(title, names, grouping, thresholds),
        table_header=("Disparity", "Difference", "Interval", "Limit"),
        table_rows=tuple(
            (
                DISPARITIES[name].title,
                format_share(grouping["disparities"][name]),
                format_interval(intervals.get(name), True),
                format_share(thresholds[name]) if name in thresholds else "",
            )
            for name in names
        ),
    )


def _lay_out_disparities(
    names: Sequence[str], grouping: Document, theme: Theme, thresholds: Mapping[str, float]
) -> Spec:
    """Return the layers of the disparity chart."""
    colours = THEMES[theme]
    values = [
        {
            "disparity": DISPARITIES[name].title.removesuffix("difference").rstrip(" ,"),
            "value": grouping["disparities"][name],
            "zero": 0,
            "low": grouping["disparity_intervals"].get(name, {}).get("low"),
            "high": grouping["disparity_intervals"].get(name, {}).get("high"),
            "limit": thresholds.get(name),
        }
        for name in names
    ]
    highest = max([0.1, *(value[key] or 0 for value in values for key in ("value", "high", "limit"))])
    y = list_on_axis("disparity", [value["disparity"] for value in values])
    x = measure_across("value", "difference between groups", (0.0, min(1.0, highest * 1.08)), ".0%")
    bar = {"mark": draw_bar(colours), "encoding": {"y": y, "x": x, "x2": {"field": "zero"}}}
    mark = {"type": "tick", "orient": "vertical", "size": 22, "thickness": 3, "opacity": 1}
    limit = {
        "transform": [{"filter": "isValid(datum.limit)"}],
        "mark": {**mark, "color": colours.contrast},
        "encoding": {"y": y, "x": {**x, "field": "limit"}},
    }
    return {
        "width": PLOT_WIDTH,
        "height": {"step": ROW_HEIGHT},
        "data": {"values": values},
        "layer": [bar, *draw_intervals(y, x, colours.ink), limit],
    }


def _describe_disparities(title: str, names: Sequence[str], grouping: Document, thresholds: Mapping[str, float]) -> str:
    parts = []
    for name in names:
        limit = f", limit {format_share(thresholds[name])}" if name in thresholds else ""
        value = format_share(grouping["disparities"][name])
        parts.append(f"{DISPARITIES[name].title.lower()} {value}{limit}")
    return f"{title}, with confidence intervals: {'; '.join(parts)}."
