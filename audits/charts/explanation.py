"""Charts of an explanation, from its JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audits.charts.explanation_details import detail_charts
from audits.charts.frame import (
    PLOT_WIDTH,
    ROW_HEIGHT,
    THEMES,
    Chart,
    Spec,
    Theme,
    draw_bar,
    draw_intervals,
    draw_line_at,
    format_interval,
    format_number,
    format_share,
    frame_spec,
    list_on_axis,
    measure_across,
    show_name,
)

SHOWN_FEATURES = 15
SWARM_ROW = 34
SWARM_BINS = 90
MAXIMUM_POINTS = 300
POINT = {"type": "point", "filled": True, "size": 16, "opacity": 1, "aria": False}

Document = Mapping[str, Any]


def explanation_charts(result: Document, theme: Theme = "light") -> list[Chart]:
    """Return the charts of an explanation: importance, beeswarm, details, one per local explanation.

    Parameters
    ----------
    result : mapping
        The document of `explain.run_explanation`.
    theme : "light", "dark" or "print"
    """
    charts = [draw_importance(result, theme), draw_beeswarm(result, theme), *detail_charts(result, theme)]
    charts += [draw_local(found, place, theme) for place, found in enumerate(result["local"])]
    return charts


def draw_importance(result: Document, theme: Theme) -> Chart:
    """Return mean absolute SHAP values as bars with intervals."""
    colours = THEMES[theme]
    shown = result["importance"][:SHOWN_FEATURES]
    values = [
        {
            "feature": show_name(found["feature"]),
            "value": found["mean_abs"],
            "zero": 0,
            "low": (found["interval"] or {}).get("low"),
            "high": (found["interval"] or {}).get("high"),
        }
        for found in shown
    ]
    highest = max(value["high"] or value["value"] for value in values) or 1.0
    y = list_on_axis("feature", [value["feature"] for value in values])
    x = measure_across("value", "mean |SHAP value|", (0.0, highest * 1.05), "~g")
    bar = {
        "mark": draw_bar(colours),
        "encoding": {"y": y, "x": x, "x2": {"field": "zero"}},
    }
    content = {
        "width": PLOT_WIDTH,
        "height": {"step": ROW_HEIGHT},
        "data": {"values": values},
        "layer": [bar, *draw_intervals(y, x, colours.ink)],
    }
    leaders = ", ".join(
        f"{show_name(found['feature'])} ({format_share(found['share'])} of the sum)" for found in shown[:3]
    )
    omitted = len(result["importance"]) - len(shown)
    more = f" {omitted} less important features are not shown." if omitted else ""
    return Chart(
        name="importance",
        title="Importance of the features",
        spec=frame_spec(content, theme),
        alt_text=f"Mean absolute SHAP value of each feature; the largest: {leaders}.{more}",
        table_header=("Feature", "Mean |SHAP|", "Interval", "Share", "Mean", "Correlation with value"),
        table_rows=tuple(
            (
                show_name(found["feature"]),
                format_number(found["mean_abs"]),
                format_interval(found["interval"], False),
                format_share(found["share"]),
                format_number(found["mean"]),
                "" if found["correlation"] is None else f"{found['correlation']:+.2f}",
            )
            for found in shown
        ),
    )


def draw_beeswarm(result: Document, theme: Theme) -> Chart:
    """Return one point per row and feature, spread so that they do not hide each other.

    Points are shaded by the feature's value, from low to high, where values were given.
    """
    colours = THEMES[theme]
    sample = result["sample"]
    features = list(sample["shap"])[:SHOWN_FEATURES]
    points = _place_points(sample, features)
    low = min((point["shap"] for point in points), default=0.0)
    high = max((point["shap"] for point in points), default=0.0)
    edge = (high - low or 1.0) * 0.04
    x = measure_across("shap", "SHAP value: effect on the output", (low - edge, high + edge), "~g")
    encoding: Spec = {
        "y": list_on_axis("feature", list(map(show_name, features))),
        "yOffset": {"field": "offset", "type": "quantitative", "scale": {"domain": [-1, 1]}},
        "x": x,
        "color": {"value": colours.main},
    }
    has_values = any(point["shade"] is not None for point in points)
    if has_values:
        encoding["color"] = _shade(colours.low, colours.high, colours.grid)
    content = {
        "width": PLOT_WIDTH,
        "height": {"step": SWARM_ROW, "for": "position"},
        "layer": [
            draw_line_at(0.0, x, colours.soft_ink, (1, 0)),
            {"data": {"values": points}, "mark": POINT, "encoding": encoding},
        ],
    }
    rows = len(sample["ids"])
    shade = " Shade shows the feature's value, from low to high." if has_values else ""
    return Chart(
        name="beeswarm",
        title="Effect of each feature, row by row",
        spec=frame_spec(content, theme),
        alt_text=(
            f"SHAP values of {min(rows, MAXIMUM_POINTS)} of {result['rows']:,} rows, one line of "
            f"points per feature, most important first: {', '.join(map(show_name, features[:5]))}.{shade}"
        ),
        table_header=("Feature", "Lowest", "Median", "Highest"),
        table_rows=tuple(_summarise(name, sample["shap"][name]) for name in features),
    )


def _shade(low: str, high: str, unknown: str) -> Spec:
    return {
        "field": "shade",
        "type": "quantitative",
        "scale": {"domain": [0, 1], "range": [low, high], "unknown": unknown},
        "legend": {
            "title": "Feature value",
            "orient": "top",
            "direction": "horizontal",
            "gradientLength": 120,
            "gradientThickness": 8,
            "values": [0, 1],
            "labelExpr": "datum.value < 0.5 ? 'low' : 'high'",
        },
    }


def _place_points(sample: Document, features: Sequence[str]) -> list[dict[str, Any]]:
    """Return the points with an offset from -1 to 1: points in one bin are stacked both ways."""
    everything = [value for name in features for value in sample["shap"][name][:MAXIMUM_POINTS]]
    if not everything:
        return []
    width = (max(everything) - min(everything)) / SWARM_BINS or 1.0
    points: list[dict[str, Any]] = []
    for name in features:
        shap = sample["shap"][name][:MAXIMUM_POINTS]
        shades = _rank_values(sample["values"].get(name), len(shap))
        stacked: dict[int, int] = {}
        placed = []
        for value, shade in zip(shap, shades, strict=True):
            bin_number = round(value / width)
            height = stacked.get(bin_number, 0)
            stacked[bin_number] = height + 1
            side = (height + 1) // 2 * (1 if height % 2 else -1)
            placed.append({"feature": show_name(name), "shap": value, "offset": side, "shade": shade})
        # A third of the row at least, so that thin swarms stay close to their line.
        reach = max(6, max((abs(point["offset"]) for point in placed), default=0)) * 1.15
        points += [{**point, "offset": point["offset"] / reach} for point in placed]
    return points


def _rank_values(values: Sequence[float | None] | None, count: int) -> list[float | None]:
    """Return each value's rank from 0 (lowest) to 1 (highest); None where it is not known."""
    if values is None:
        return [None] * count
    known = sorted({value for value in values[:count] if value is not None})
    if len(known) < 2:
        return [None if value is None else 0.5 for value in values[:count]]
    place = {value: number / (len(known) - 1) for number, value in enumerate(known)}
    return [None if value is None else place[value] for value in values[:count]]


def _summarise(name: str, shap: Sequence[float]) -> tuple[str, ...]:
    ordered = sorted(shap)
    middle = ordered[len(ordered) // 2]
    return show_name(name), *(format_number(value) for value in (ordered[0], middle, ordered[-1]))


ROOM_FOR_LABELS = 0.3
"""How far the axis goes on beyond the last bar, as a share of it: the number stands at the bar's right."""


def draw_local(found: Document, place: int, theme: Theme) -> Chart:
    """Return one prediction taken apart: from the base value to the output, step by step."""
    colours = THEMES[theme]
    steps = _list_steps(found)
    order = [step["step"] for step in steps]
    edges = [step[key] for step in steps for key in ("start", "end")]
    reach = max(edges) - min(edges) or 1.0
    y = list_on_axis("step", order)
    x = measure_across("start", "model output", (min(edges) - 0.06 * reach, max(edges) + ROOM_FOR_LABELS * reach), "~g")
    directions = ["raises", "lowers", "total"]
    bar = {
        "mark": {"type": "bar", "height": 14, "cornerRadius": 1},
        "encoding": {
            "y": y,
            "x": x,
            "x2": {"field": "end"},
            "color": {
                "field": "direction",
                "scale": {
                    "domain": directions,
                    "range": [colours.contrast, colours.main, colours.soft_ink],
                },
                "legend": None,
            },
        },
    }
    label = {
        "mark": {"type": "text", "align": "left", "dx": 5, "fontSize": 11, "color": colours.ink},
        "encoding": {"y": y, "x": {**x, "field": "right"}, "text": {"field": "label"}},
    }
    content = {
        "width": PLOT_WIDTH,
        "height": {"step": ROW_HEIGHT},
        "data": {"values": steps},
        "layer": [draw_line_at(found["base"], x, colours.soft_ink), bar, label],
    }
    largest = ", ".join(f"{show_name(part['feature'])} {part['shap']:+.3g}" for part in found["contributions"][:3])
    return Chart(
        name=f"local-{place + 1}",
        title=f"Row {show_name(found['id'])}: {found['role']}",
        spec=frame_spec(content, theme),
        alt_text=(
            f"From the base value {format_number(found['base'])} to the output "
            f"{format_number(found['output'])} of row {show_name(found['id'])}; largest steps: {largest}."
        ),
        table_header=("Step", "Effect", "Output after it"),
        table_rows=tuple((step["step"], step["label"], format_number(step["end"])) for step in steps),
    )


def _list_steps(found: Document) -> list[dict[str, Any]]:
    """Return the bars of a waterfall: base value, contributions, the rest, output."""
    base, output = found["base"], found["output"]
    steps = [_total("base value", base, base)]
    reached = base
    parts = [(_name_step(part), part["shap"]) for part in found["contributions"] if part["shap"]]
    if found["rest_count"]:
        parts.append((f"{found['rest_count']} other features", found["rest"]))
    for name, effect in parts:
        end = reached + effect
        steps.append(
            {
                "step": name,
                "start": reached,
                "end": end,
                "right": max(reached, end),
                "label": _sign(f"{effect:+.3g}"),
                "direction": "raises" if effect > 0 else "lowers",
            }
        )
        reached = end
    return [*steps, _total("output", base, output)]


def _total(name: str, start: float, end: float) -> dict[str, Any]:
    return {
        "step": name,
        "start": start,
        "end": end,
        "right": max(start, end),
        "label": _sign(format_number(end)),
        "direction": "total",
    }


def _sign(number: str) -> str:
    """Return the number with a minus sign instead of a hyphen, as the axis writes it."""
    return number.replace("-", "\u2212")


def _name_step(part: Document) -> str:
    """Return the feature with its value; the value is cut to what fits on an axis."""
    name = show_name(part["feature"])
    return name if part["value"] is None else f"{name} = {part['value']:.4g}"
