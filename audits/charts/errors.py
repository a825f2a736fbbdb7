"""Charts of a regression audit: mean error and mean absolute error by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audits.charts.frame import (
    ROW_HEIGHT,
    SIZES,
    THEMES,
    Chart,
    Spec,
    Theme,
    draw_intervals,
    draw_line_at,
    draw_sized_points,
    format_interval,
    format_number,
    frame_spec,
    list_on_axis,
    measure_across,
    name_chart,
    name_features,
    name_values,
)
from audits.metrics import METRICS

SHOWN_ERRORS = ("mean_error", "mae")
SHOWN_GROUPS = 30
WIDTH = 240

Document = Mapping[str, Any]


def error_charts(result: Document, theme: Theme) -> list[Chart]:
    """Return the errors by group for every feature and combination of a regression audit."""
    if not all(name in result["overall"] for name in SHOWN_ERRORS):
        return []
    charts = [draw_errors(grouping, result["overall"], theme) for grouping in result["groupings"]]
    return [chart for chart in charts if chart.table_rows]


def draw_errors(grouping: Document, overall: Document, theme: Theme) -> Chart:
    """Return mean error and mean absolute error by group with their intervals, one panel each."""
    largest = sorted(grouping["by_group"], key=lambda group: -group["n"])[:SHOWN_GROUPS]
    kept = {group["population"] for group in largest}
    groups = [group for group in grouping["by_group"] if group["population"] in kept]
    order = [f"{name_values(group['group'])} (n {group['n']:,})" for group in groups]
    panels = [_draw_panel(groups, order, name, overall[name], theme) for name in SHOWN_ERRORS]
    for layer in panels[1]["layer"]:
        if "y" in layer["encoding"]:
            layer["encoding"]["y"] = {**layer["encoding"]["y"], "axis": None}
    title = f"Errors by {name_features(grouping)}"
    worst = max(groups, key=lambda group: group["mae"] if group["mae"] is not None else -1.0)
    return Chart(
        name=name_chart(grouping, "errors"),
        title=title,
        spec=frame_spec({"hconcat": panels, "resolve": {"scale": {"y": "shared"}}}, theme),
        alt_text=(
            f"{title}, with confidence intervals; the dashed line is everybody. The largest mean absolute error is "
            f"{format_number(worst['mae'])} ({name_values(worst['group'])}). Hollow dots are groups below the minimum "
            "size."
        ),
        table_header=("Group", "Rows", "Mean error", "Interval", "Mean absolute error", "Interval"),
        table_rows=tuple(_list_errors(group) for group in groups),
    )


def _list_errors(group: Document) -> tuple[str, ...]:
    cells = [name_values(group["group"]), f"{group['n']:,}"]
    for name in SHOWN_ERRORS:
        cells += [format_number(group[name]), format_interval(group["intervals"].get(name), False)]
    return tuple(cells)


def _draw_panel(
    groups: Sequence[Document], order: Sequence[str], name: str, overall: float | None, theme: Theme
) -> Spec:
    colours = THEMES[theme]
    values = [
        {
            "group": label,
            "value": group[name],
            "low": group["intervals"].get(name, {}).get("low"),
            "high": group["intervals"].get(name, {}).get("high"),
            "size": SIZES[bool(group["below_minimum_size"])],
        }
        for label, group in zip(order, groups, strict=True)
    ]
    numbers = [0.0, *(value[key] for value in values for key in ("value", "low", "high") if value[key] is not None)]
    room = 0.05 * (max(numbers) - min(numbers) or 1.0)
    y = list_on_axis("group", order)
    x = measure_across("value", None, (min(numbers) - room, max(numbers) + room), "~g")
    points = draw_sized_points(y, x, colours)
    lines = [] if overall is None else [draw_line_at(overall, x, colours.soft_ink)]
    return {
        "title": METRICS[name].title if name in METRICS else name,
        "width": WIDTH,
        "height": {"step": ROW_HEIGHT},
        "data": {"values": values},
        "layer": [*lines, *draw_intervals(y, x, colours.main), points],
    }
