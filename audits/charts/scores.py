"""Charts of scores by group: reliability and ROC, from a bias audit's JSON.

Groups are told apart by line pattern and point shape as well as by colour, so that the charts read
in grey. With many groups only the largest are drawn; the table has the drawn ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audits.charts.frame import (
    SHAPES,
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
    name_values,
    sign_groups,
)

SHOWN_GROUPS = 6
SIDE = 380
PRINTED_SIDE = 250
MOST_INTERVALS = 3
"""Of more groups the intervals lie over each other; the table has them."""
DASHES = ((1, 0), (6, 3), (2, 2), (8, 3, 2, 3), (4, 4), (10, 2))

Document = Mapping[str, Any]


def score_charts(result: Document, theme: Theme) -> list[Chart]:
    """Return reliability and ROC by group for each single feature, where there are scores and labels.

    Intersections are left to the tables: their curves rest on few rows each.
    """
    charts = []
    for grouping in result["groupings"]:
        if len(grouping["sensitive"]) == 1:
            charts.append(draw_reliability(grouping, theme))
            charts.append(draw_roc(grouping, theme))
    return [chart for chart in charts if chart.table_rows]


def _choose(grouping: Document, key: str) -> list[Document]:
    """Return the largest groups that have such a curve, in their own order."""
    known = [group for group in grouping["by_group"] if group.get(key)]
    largest = sorted(known, key=lambda group: -group["n"])[:SHOWN_GROUPS]
    kept = {group["population"] for group in largest}
    return [group for group in known if group["population"] in kept]


def _say_omitted(grouping: Document, shown: int) -> str:
    total = len(grouping["by_group"])
    return "" if shown == total else f" Shown are {shown} of {total} groups, the largest that have both labels."


def draw_reliability(grouping: Document, theme: Theme) -> Chart:
    """Return the observed rate of positives against the mean score, bin by bin, for each group."""
    groups = _choose(grouping, "reliability")
    names = [name_values(group["group"]) for group in groups]
    values = [
        {"group": name, "score": part["mean_score"], "rate": part["rate"], "n": part["n"]}
        | {"low": part.get("rate_low"), "high": part.get("rate_high")}
        for name, group in zip(names, groups, strict=True)
        for part in group["reliability"]
        if part["n"] and part["rate"] is not None
    ]
    title = f"Reliability by {name_features(grouping)}"
    across, up = ("score", "mean score"), ("rate", "share positive")
    return Chart(
        name=name_chart(grouping, "reliability"),
        title=title,
        spec=frame_spec(_lay_out_curves(values, names, across, up, theme), theme),
        alt_text=_describe_reliability(title, groups) + _say_omitted(grouping, len(groups)),
        table_header=("Group", "Mean score", "Rows", "Share positive", "Interval"),
        table_rows=tuple(
            (
                str(value["group"]),
                format_number(value["score"]),
                f"{value['n']:,}",
                format_share(value["rate"]),
                format_interval(value, True),
            )
            for value in values
        ),
    )


def _describe_reliability(title: str, groups: Sequence[Document]) -> str:
    sentences = [f"{title}: on the dashed diagonal scores mean what they say."]
    for group in groups:
        error = group.get("calibration_error")
        if error is not None:
            sentences.append(f"{name_values(group['group'])}: calibration error {format_number(error)}.")
    return " ".join(sentences)


def draw_roc(grouping: Document, theme: Theme) -> Chart:
    """Return the ROC curve of each group."""
    groups = _choose(grouping, "roc")
    names = [name_values(group["group"]) for group in groups]
    values = [
        {"group": name, "fpr": point[0], "tpr": point[1], "place": place}
        for name, group in zip(names, groups, strict=True)
        for place, point in enumerate(group["roc"])
    ]
    x, y = ("fpr", "false positive rate"), ("tpr", "true positive rate")
    title = f"ROC by {name_features(grouping)}"
    areas = [f"{name}: area {format_number(group.get('auc'))}" for name, group in zip(names, groups, strict=True)]
    return Chart(
        name=name_chart(grouping, "roc"),
        title=title,
        spec=frame_spec(_lay_out_curves(values, names, x, y, theme, points=False), theme),
        alt_text=f"{title}; the dashed diagonal is guessing. {'; '.join(areas)}." + _say_omitted(grouping, len(groups)),
        table_header=("Group", "Rows", "Area under the curve", "Interval"),
        table_rows=tuple(
            (
                name_values(group["group"]),
                f"{group['n']:,}",
                format_number(group.get("auc")),
                format_interval(group["intervals"].get("auc"), False),
            )
            for group in groups
        ),
    )


def _lay_out_curves(
    values: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    across: tuple[str, str],
    up: tuple[str, str],
    theme: Theme,
    *,
    points: bool = True,
) -> Spec:
    """Return one line per group over the unit square, with the diagonal."""
    colours = THEMES[theme]
    palette = [colours.main, colours.contrast, colours.ink, colours.soft_ink, colours.high, colours.contrast]
    legend = {"title": None, "orient": "bottom", "columns": 2, **_symbol(points)}
    count = len(names)
    dash = sign_groups(names, [list(dash) for dash in DASHES], legend)
    colour = sign_groups(names, palette, legend)
    x, y = (_share_axis(*axis) for axis in (across, up))
    order = {"field": "place" if values and "place" in values[0] else across[0], "type": "quantitative"}
    layers: list[Spec] = [
        _draw_diagonal(x, y, colours.soft_ink),
        {
            "mark": {"type": "line", "strokeWidth": 1.8, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": colour, "strokeDash": dash, "order": order},
        },
    ]
    if points and count <= MOST_INTERVALS:
        bars = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": {**colour, "legend": None}}
        layers.append(
            {
                "transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}],
                "mark": {"type": "rule", "strokeWidth": 1.2, "opacity": 1},
                "encoding": bars,
            }
        )
    if points:
        layers.append(
            {
                "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": {**colour, "legend": None},
                    "shape": sign_groups(names, SHAPES, None),
                },
            }
        )
    side = PRINTED_SIDE if theme == "print" else SIDE
    return {"width": side, "height": side, "data": {"values": list(values)}, "layer": layers}


def _symbol(points: bool) -> Spec:
    """Return how a group stands in the legend: by its point, or by a piece of its line."""
    return {"symbolSize": 70} if points else {"symbolType": "stroke", "symbolSize": 400}


def _share_axis(field: str, title: str) -> Spec:
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"domain": [0, 1], "nice": False, "clamp": True},
        "axis": {"title": title, "format": ".0%", "tickCount": 5},
    }


def _draw_diagonal(x: Spec, y: Spec, colour: str) -> Spec:
    return {
        "data": {"values": [{"at": 0}, {"at": 1}]},
        "mark": {"type": "line", "strokeDash": [4, 3], "strokeWidth": 1.2, "color": colour, "opacity": 1},
        "encoding": {"x": {**x, "field": "at"}, "y": {**y, "field": "at"}},
    }
