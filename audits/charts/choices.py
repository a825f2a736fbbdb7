"""Charts of what a team may choose or must bear: the frontier of thresholds, and losses under conditions."""

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
from audits.metrics import METRICS

FRONTIER_HEIGHT = 320
LOSS_METRICS = ("accuracy", "tpr", "mae")

Document = Mapping[str, Any]


def choice_charts(result: Document, theme: Theme) -> list[Chart]:
    """Return the frontier where advice was asked for, and the losses where conditions were tried."""
    charts = []
    if (result.get("advice") or {}).get("frontier"):
        charts.append(draw_frontier(result["advice"], theme))
    if (result.get("robustness") or {}).get("losses"):
        charts.append(draw_losses(result["robustness"], theme))
    return [chart for chart in charts if chart.table_rows]


def draw_frontier(advice: Document, theme: Theme) -> Chart:
    """Return accuracy against disparity for common thresholds and for thresholds per group.

    Filled points meet the criterion.
    """
    points = [point for point in advice["frontier"] if point["accuracy"] is not None and point["disparity"] is not None]
    rules = list(dict.fromkeys(point["rule"] for point in points))
    values = [
        {
            "rule": point["rule"],
            "accuracy": point["accuracy"],
            "disparity": point["disparity"],
            "meets": "meets the criterion" if point["meets"] else "does not meet it",
        }
        for point in points
    ]
    meeting = [point for point in points if point["meets"]]
    best = max(meeting, key=lambda point: float(point["accuracy"]), default=None)
    end = (
        "no threshold tried meets the criterion."
        if best is None
        else f"the most accurate that meets it: {best['rule']} thresholds, accuracy {format_share(best['accuracy'])}, "
        f"disparity {format_number(best['disparity'])}."
    )
    title = "What other thresholds would give"
    return Chart(
        name="frontier",
        title=title,
        spec=frame_spec(_lay_out_frontier(values, rules, theme), theme),
        alt_text=f"{title}: accuracy against disparity. Filled points meet the criterion; {end}",
        table_header=("Thresholds", "Accuracy", "Disparity", "Meets the criterion"),
        table_rows=tuple(
            (
                f"{point['rule']}: {_say_thresholds(point['thresholds'])}",
                format_share(point["accuracy"]),
                format_number(point["disparity"]),
                "yes" if point["meets"] else "no",
            )
            for point in points
        ),
    )


def _say_thresholds(thresholds: Any) -> str:
    if isinstance(thresholds, Mapping):
        return ", ".join(f"{show_name(str(name))} {format_number(value)}" for name, value in thresholds.items())
    return format_number(thresholds)


def _lay_out_frontier(values: Sequence[Document], rules: Sequence[str], theme: Theme) -> Spec:
    colours = THEMES[theme]
    legend = {"title": None, "orient": "bottom"}
    meets = ["meets the criterion", "does not meet it"]
    across = {
        "field": "disparity",
        "type": "quantitative",
        "scale": {"zero": True},
        "axis": {"title": "disparity between groups", "format": "~g", "tickCount": 6},
    }
    up = {
        "field": "accuracy",
        "type": "quantitative",
        "scale": {"zero": False},
        "axis": {"title": "accuracy", "format": ".0%", "tickCount": 5},
    }
    return {
        "width": PLOT_WIDTH,
        "height": FRONTIER_HEIGHT,
        "data": {"values": list(values)},
        "mark": {"type": "point", "size": 60, "strokeWidth": 1.5, "opacity": 1},
        "encoding": {
            "x": across,
            "y": up,
            "shape": {
                "field": "rule",
                "type": "nominal",
                "scale": {"domain": list(rules), "range": ["circle", "diamond", "square"][: len(rules)]},
                "legend": legend,
            },
            "color": {
                "field": "rule",
                "type": "nominal",
                "scale": {"domain": list(rules), "range": [colours.main, colours.contrast, colours.ink][: len(rules)]},
                "legend": legend,
            },
            "fill": {
                "field": "meets",
                "type": "nominal",
                "scale": {"domain": meets, "range": [colours.low, colours.ground]},
                "legend": None,
            },
        },
    }


def draw_losses(robustness: Document, theme: Theme) -> Chart:
    """Return what is lost under each condition, for everybody, with intervals; zero is the undisturbed baseline."""
    everybody = [loss for loss in robustness["losses"] if loss["group"] is None and loss["loss"] is not None]
    measured = {loss["metric"] for loss in everybody}
    metric = next((name for name in LOSS_METRICS if name in measured), next(iter(sorted(measured)), ""))
    losses = [loss for loss in everybody if loss["metric"] == metric]
    names = [show_name(loss["condition"]) for loss in losses]
    values = [
        {"condition": name, "value": loss["loss"], "low": loss["low"], "high": loss["high"]}
        for name, loss in zip(names, losses, strict=True)
    ]
    shown = METRICS[metric].title if metric in METRICS else metric
    title = f"Loss of {shown[:1].lower()}{shown[1:]} under each condition"
    worst = max(losses, key=lambda loss: float(loss["loss"]), default=None)
    told = "" if worst is None else f" The largest is {format_number(worst['loss'])} ({show_name(worst['condition'])})."
    return Chart(
        name="losses",
        title=title,
        spec=frame_spec(_lay_out_losses(values, names, theme), theme),
        alt_text=f"{title} against {show_name(robustness['baseline'])}, with confidence intervals.{told}",
        table_header=("Condition", "Rows", shown, "Loss", "Interval"),
        table_rows=tuple(
            (
                name,
                f"{loss['n']:,}",
                format_number(loss["value"]),
                format_number(loss["loss"]),
                format_interval(loss, False),
            )
            for name, loss in zip(names, losses, strict=True)
        ),
    )


def _lay_out_losses(values: Sequence[Mapping[str, Any]], names: Sequence[str], theme: Theme) -> Spec:
    colours = THEMES[theme]
    numbers = [0.0, *(value[key] for value in values for key in ("value", "low", "high") if value[key] is not None)]
    room = 0.05 * (max(numbers) - min(numbers) or 1.0)
    y = list_on_axis("condition", names)
    x = measure_across("value", "loss against the baseline", (min(numbers) - room, max(numbers) + room), "~g")
    points = {
        "mark": {"type": "point", "filled": True, "size": 70, "color": colours.main, "opacity": 1},
        "encoding": {"y": y, "x": x},
    }
    return {
        "width": PLOT_WIDTH,
        "height": {"step": ROW_HEIGHT},
        "data": {"values": list(values)},
        "layer": [draw_line_at(0.0, x, colours.soft_ink), *draw_intervals(y, x, colours.main), points],
    }
