"""Charts of what lies behind importance: dependence, features that act together, groups compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audits.charts.frame import (
    PLOT_WIDTH,
    ROW_HEIGHT,
    SHAPES,
    THEMES,
    Chart,
    Spec,
    Theme,
    draw_bar,
    draw_intervals,
    format_interval,
    format_number,
    frame_spec,
    list_on_axis,
    measure_across,
    show_name,
    sign_groups,
)

SHOWN_CURVES = 4
SHOWN_PAIRS = 8
SHOWN_FEATURES = 10
SHOWN_GROUPS = 6
CURVE_HEIGHT = 240
POINT = {"type": "point", "filled": True, "size": 18, "opacity": 1, "aria": False}

Document = Mapping[str, Any]


def detail_charts(result: Document, theme: Theme) -> list[Chart]:
    """Return the charts of the parts that are there."""
    curves = result.get("dependence", ())[:SHOWN_CURVES]
    charts = [draw_dependence(part, place, theme) for place, part in enumerate(curves)]
    if result.get("interactions"):
        charts.append(draw_interactions(result["interactions"][:SHOWN_PAIRS], theme))
    differences = result.get("group_differences", ())
    for place, sensitive in enumerate(dict.fromkeys(part["sensitive"] for part in differences)):
        parts = [part for part in differences if part["sensitive"] == sensitive]
        charts.append(draw_group_importance(result, parts, place, theme))
    return [chart for chart in charts if chart.table_rows]


def draw_dependence(part: Document, place: int, theme: Theme) -> Chart:
    """Return SHAP values against a feature's own values: points of single rows, and their mean with limits."""
    name = show_name(part["feature"])
    other = None if part["colour_by"] is None else show_name(part["colour_by"])
    first, last = part["curve"][0], part["curve"][-1]
    shade = f" Points are shaded by {other}, with which it acts together most." if other else ""
    return Chart(
        name=f"dependence-{place}",
        title=f"Effect of {name} by its value",
        spec=frame_spec(_lay_out_dependence(part, name, other, theme), theme),
        alt_text=(
            f"SHAP value of {name} against its value; the line is the mean in bins of equal counts with its interval, "
            f"from {format_number(first['mean'])} at {format_number(first['value'])} to "
            f"{format_number(last['mean'])} at {format_number(last['value'])}.{shade}"
        ),
        table_header=(name, "Mean SHAP value", "Interval", "Rows"),
        table_rows=tuple(
            (
                format_number(bin_["value"]),
                format_number(bin_["mean"]),
                format_interval(bin_, False),
                f"{bin_['n']:,}",
            )
            for bin_ in part["curve"]
        ),
    )


def _lay_out_dependence(part: Document, name: str, other: str | None, theme: Theme) -> Spec:
    """Return the points, the limits of the mean and the mean, over the feature's own values."""
    colours = THEMES[theme]
    points = [{"x": x, "y": y, "colour": colour} for x, y, colour in part["points"]]
    curve = [
        {"x": bin_["value"], "y": bin_["mean"], "low": bin_["low"], "high": bin_["high"]} for bin_ in part["curve"]
    ]
    across = {
        "field": "x",
        "type": "quantitative",
        "scale": {"zero": False},
        "axis": {"title": name, "format": "~g", "tickCount": 5},
    }
    up = {
        "field": "y",
        "type": "quantitative",
        "scale": {"zero": False},
        "axis": {"title": "SHAP value", "format": "~g", "tickCount": 5},
    }
    return {
        "width": PLOT_WIDTH,
        "height": CURVE_HEIGHT,
        "layer": [
            {
                "data": {"values": points},
                "mark": POINT,
                "encoding": {"x": across, "y": up, "color": _shade(points, other, theme)},
            },
            {
                "data": {"values": curve},
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "rule", "strokeWidth": 1.5, "color": colours.ink},
                "encoding": {"x": across, "y": {**up, "field": "low"}, "y2": {"field": "high"}},
            },
            {
                "data": {"values": curve},
                "mark": {"type": "line", "strokeWidth": 1.8, "color": colours.ink, "opacity": 1},
                "encoding": {"x": across, "y": up},
            },
        ],
    }


def _shade(points: Sequence[Mapping[str, Any]], other: str | None, theme: Theme) -> Spec:
    """Return the colour of the points: from low to high by another feature's value, or one colour."""
    colours = THEMES[theme]
    known = [point["colour"] for point in points if point["colour"] is not None]
    if other is None or not known:
        return {"value": colours.main}
    return {
        "condition": {
            "test": "isValid(datum.colour)",
            "field": "colour",
            "type": "quantitative",
            "scale": {"domain": [min(known), max(known)], "range": [colours.low, colours.high]},
            "legend": {"title": other, "orient": "bottom", "gradientLength": 160, "format": "~g", "tickCount": 3},
        },
        "value": colours.soft_ink,
    }


def draw_interactions(pairs: Sequence[Document], theme: Theme) -> Chart:
    """Return how strongly pairs of features act together, strongest first."""
    colours = THEMES[theme]
    names = [" and ".join(map(show_name, pair["features"])) for pair in pairs]
    values = [
        {"pair": name, "value": pair["strength"], "zero": 0, "low": pair["low"], "high": pair["high"]}
        for name, pair in zip(names, pairs, strict=True)
    ]
    highest = max([value["high"] or value["value"] for value in values]) or 1.0
    y = list_on_axis("pair", names)
    x = measure_across("value", "strength", (0.0, highest * 1.05), "~g")
    bar = {"mark": draw_bar(colours), "encoding": {"y": y, "x": x, "x2": {"field": "zero"}}}
    return Chart(
        name="interactions",
        title="Features that act together",
        spec=frame_spec(
            {
                "width": PLOT_WIDTH,
                "height": {"step": ROW_HEIGHT},
                "data": {"values": values},
                "layer": [bar, *draw_intervals(y, x, colours.ink)],
            },
            theme,
        ),
        alt_text=f"Pairs of features that act together, measured as {pairs[0]['method']}; the strongest: {names[0]}.",
        table_header=("Features", "Strength", "Interval", "Measured as"),
        table_rows=tuple(
            (name, format_number(pair["strength"]), format_interval(pair, False), str(pair["method"]))
            for name, pair in zip(names, pairs, strict=True)
        ),
    )


def draw_group_importance(result: Document, parts: Sequence[Document], place: int, theme: Theme) -> Chart:
    """Return the importance of each feature within each group: one mark per group on a common line."""
    order = [found["feature"] for found in result["importance"]][:SHOWN_FEATURES]
    shown = sorted((part for part in parts if part["feature"] in order), key=lambda part: order.index(part["feature"]))
    sizes = {group: found["n"] for group, found in (shown[0]["values"].items() if shown else ())}
    groups = sorted(sorted(sizes, key=lambda group: -sizes[group])[:SHOWN_GROUPS])
    names = [show_name(group) for group in groups]
    values = [
        {"feature": show_name(part["feature"]), "group": show_name(group), "value": part["values"][group]["mean_abs"]}
        for part in shown
        for group in groups
    ]
    sensitive = show_name(parts[0]["sensitive"])
    apart = [part for part in shown if part["reason"] is None and (part["low"] or 0) > 0]
    told = ", ".join(show_name(part["feature"]) for part in apart[:3])
    return Chart(
        name=f"groups-{place}",
        title=f"Importance by {sensitive}",
        spec=frame_spec(_lay_out_groups(values, [show_name(part["feature"]) for part in shown], names, theme), theme),
        alt_text=(
            f"Importance of the features within the groups of {sensitive}. "
            + (f"Groups differ beyond their intervals in: {told}." if told else "No difference exceeds its interval.")
        ),
        table_header=("Feature", *names, "Difference", "Interval"),
        table_rows=tuple(
            (
                show_name(part["feature"]),
                *(format_number(part["values"][group]["mean_abs"]) for group in groups),
                format_number(part["difference"]),
                format_interval(part, False),
            )
            for part in shown
        ),
    )


def _lay_out_groups(
    values: Sequence[Mapping[str, Any]], features: Sequence[str], names: Sequence[str], theme: Theme
) -> Spec:
    """Return one mark per group on a line from the lowest to the highest of them."""
    colours = THEMES[theme]
    highest = max((value["value"] for value in values), default=1.0) or 1.0
    y = list_on_axis("feature", features)
    x = measure_across("value", "mean |SHAP value|", (0.0, highest * 1.05), "~g")
    palette = [colours.main, colours.contrast, colours.ink, colours.soft_ink, colours.high, colours.low]
    legend = {"title": None, "orient": "bottom"}
    marks = {
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
        "encoding": {
            "y": y,
            "x": x,
            "shape": sign_groups(names, SHAPES, legend),
            "color": sign_groups(names, palette, legend),
        },
    }
    line = {
        "mark": {"type": "rule", "strokeWidth": 1.2, "color": colours.soft_ink},
        "encoding": {
            "y": y,
            "x": {**x, "field": "value", "aggregate": "min"},
            "x2": {"field": "value", "aggregate": "max"},
        },
    }
    return {
        "width": PLOT_WIDTH,
        "height": {"step": ROW_HEIGHT},
        "data": {"values": list(values)},
        "layer": [line, marks],
    }
