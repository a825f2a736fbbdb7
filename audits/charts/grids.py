"""Charts that are grids: intersections of two features, and the confusion of several classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audits.charts.frame import (
    THEMES,
    Chart,
    Spec,
    Theme,
    format_interval,
    format_number,
    format_share,
    frame_spec,
    name_chart,
    name_features,
    show_name,
)
from audits.metrics import METRICS

CELL_WIDTH = 84
CELL_HEIGHT = 40
MOST_NAMES = 12
LONGEST_LEVEL_NAME = 11
HEAT_METRICS = ("selection_rate", "accuracy", "mae", "mean_score")

Document = Mapping[str, Any]


def grid_charts(result: Document, theme: Theme) -> list[Chart]:
    """Return a heat map for each pair of features, and the confusion matrix of a multiclass audit."""
    pairs = [grouping for grouping in result["groupings"] if len(grouping["sensitive"]) == 2]
    charts = [draw_heat_map(grouping, theme) for grouping in pairs]
    if "confusion_matrix_rows_true_cols_pred" in result["overall"]:
        charts.append(draw_confusion(result, theme))
    return [chart for chart in charts if chart.table_rows]


def _choose_metric(grouping: Document) -> str:
    for name in HEAT_METRICS:
        if any(group.get(name) is not None for group in grouping["by_group"]):
            return name
    return HEAT_METRICS[0]


def draw_heat_map(grouping: Document, theme: Theme) -> Chart:
    """Return one metric over the intersections of two features; the number stands in each field.

    Fields of groups below the minimum size carry a star; empty intersections stay blank.
    """
    metric = _choose_metric(grouping)
    groups = [group for group in grouping["by_group"] if group.get(metric) is not None]
    down, across = grouping["sensitive"]
    sizes = [_list_values(groups, feature) for feature in (down, across)]
    is_fit = bool(groups) and max(map(len, sizes)) <= MOST_NAMES
    shown = METRICS[metric].title if metric in METRICS else metric
    show = format_share if metric in {"selection_rate", "accuracy"} else format_number
    values = [
        {
            "down": show_name(group["group"][down]),
            "across": show_name(group["group"][across]),
            "value": group[metric],
            "text": show(group[metric]) + ("*" if group["below_minimum_size"] else ""),
        }
        for group in groups
    ]
    title = f"{shown} by {name_features(grouping)}"
    star = " A star marks groups below the minimum size." if any("*" in value["text"] for value in values) else ""
    names = (show_name(down), show_name(across))
    return Chart(
        name=name_chart(grouping, "heat"),
        title=title,
        spec=frame_spec(_lay_out_grid(values, names, [list(map(show_name, size)) for size in sizes], theme), theme),
        alt_text=_describe_heat(title, values) + star,
        table_header=(*names, "Rows", shown, "Interval"),
        table_rows=tuple(
            (
                show_name(group["group"][down]),
                show_name(group["group"][across]),
                f"{group['n']:,}",
                show(group[metric]),
                format_interval(group["intervals"].get(metric), show is format_share),
            )
            for group in groups
        )
        if is_fit
        else (),
    )


def _list_values(groups: Sequence[Document], feature: str) -> list[str]:
    return sorted({str(group["group"][feature]) for group in groups})


def _describe_heat(title: str, values: Sequence[Mapping[str, Any]]) -> str:
    if not values:
        return title
    low = min(values, key=lambda value: float(value["value"]))
    high = max(values, key=lambda value: float(value["value"]))
    return (
        f"{title}. The lowest is {low['text']} ({low['down']}, {low['across']}), "
        f"the highest {high['text']} ({high['down']}, {high['across']})."
    )


def draw_confusion(result: Document, theme: Theme) -> Chart:
    """Return the confusion matrix of all rows, true classes down, shaded by the share of the true class."""
    labels = [show_name(label) for label in result["labels"]]
    matrix = result["overall"]["confusion_matrix_rows_true_cols_pred"]
    values: list[dict[str, Any]] = [
        {
            "down": true,
            "across": predicted,
            "value": count / total if (total := sum(row)) else 0.0,
            "text": f"{count:,}",
        }
        for true, row in zip(labels, matrix, strict=True)
        for predicted, count in zip(labels, row, strict=True)
    ]
    missed = sorted((value for value in values if value["down"] != value["across"]), key=lambda value: -value["value"])
    worst = missed[0]
    title = "Confusion of the classes"
    return Chart(
        name="confusion",
        title=title,
        spec=frame_spec(_lay_out_grid(values, ("true class", "predicted class"), [labels, labels], theme), theme),
        alt_text=(
            f"{title}: rows by true and predicted class, shaded by the share of the true class. The most frequent "
            f"mistake is {worst['down']} taken for {worst['across']}: {worst['text']} rows, "
            f"{format_share(worst['value'])} of that class."
        ),
        table_header=("True class", *labels),
        table_rows=tuple((true, *(f"{count:,}" for count in row)) for true, row in zip(labels, matrix, strict=True)),
    )


def _lay_out_grid(
    values: Sequence[Mapping[str, Any]], names: tuple[str, str], orders: Sequence[Sequence[str]], theme: Theme
) -> Spec:
    """Return shaded fields with their numbers; the ink turns light where the field is dark."""
    colours = THEMES[theme]
    numbers = [float(value["value"]) for value in values] or [0.0]
    low, high = min(numbers), max(numbers)
    middle = (low + high) / 2
    marked = [{**value, "is_dark": float(value["value"]) > middle} for value in values]
    encoding = {
        "y": _names_at_side("down", names[0], orders[0]),
        "x": _names_at_side("across", names[1], orders[1]) | {"axis": _axis_below(names[1], orders[1])},
    }
    field = {
        "mark": {"type": "rect", "opacity": 1, "stroke": colours.ground, "strokeWidth": 2},
        "encoding": {
            **encoding,
            "color": {
                "field": "value",
                "type": "quantitative",
                "scale": {"domain": [low, high], "range": [colours.low, colours.high]},
                "legend": None,
            },
        },
    }
    number = {
        "mark": {"type": "text", "fontSize": 12},
        "encoding": {
            **encoding,
            "text": {"field": "text", "type": "nominal"},
            "color": {
                "field": "is_dark",
                "type": "nominal",
                "scale": {"domain": [False, True], "range": _inks(theme)},
                "legend": None,
            },
        },
    }
    return {
        "width": {"step": CELL_WIDTH},
        "height": {"step": CELL_HEIGHT},
        "data": {"values": marked},
        "layer": [field, number],
    }


def _inks(theme: Theme) -> list[str]:
    """Return the ink on a field of the low and of the high shade: in the dark theme the high shade is the light one."""
    colours = THEMES[theme]
    return [colours.ink, colours.ground]


def _axis_below(title: str, names: Sequence[str]) -> Spec:
    """Return the axis along the bottom; names wider than a field are slanted."""
    is_wide = max(map(len, names), default=0) > LONGEST_LEVEL_NAME
    return {"title": title, "grid": False, "labelAngle": -30 if is_wide else 0, "labelLimit": 160}


def _names_at_side(field: str, title: str, order: Sequence[str]) -> Spec:
    return {
        "field": field,
        "type": "nominal",
        "sort": list(order),
        "axis": {"title": title, "grid": False, "labelLimit": 160},
    }
