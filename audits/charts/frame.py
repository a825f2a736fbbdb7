"""What every chart has in common: themes, the frame of a specification, drawing as SVG.

A chart is a Vega-Lite specification (a plain dict) that the page draws in the browser and the
report as SVG, with a text for those who cannot see it and the same numbers as a table. Colours
come from the theme only; what they tell is told by shape or position too, so that the charts read
in grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal
from unicodedata import category

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
FONT = "Inter, Helvetica, Arial, sans-serif"
ROW_HEIGHT = 26
PLOT_WIDTH = 460
LONGEST_NAME = 60
SIZES = ("large enough", "below minimum size")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")

Theme = Literal["light", "dark", "print"]
Spec = dict[str, Any]


@dataclass(frozen=True)
class Colours:
    """The colours of one theme. `low` to `high` shade feature values, light to dark ink."""

    ink: str
    soft_ink: str
    grid: str
    ground: str
    main: str
    contrast: str
    low: str
    high: str


THEMES: Mapping[str, Colours] = {
    "light": Colours(
        ink="#12201f",
        soft_ink="#5b6966",
        grid="#e6eae8",
        ground="#ffffff",
        main="#0c6a6e",
        contrast="#c2702a",
        low="#a6cfc9",
        high="#0a2f33",
    ),
    "dark": Colours(
        ink="#e7edeb",
        soft_ink="#95a4a0",
        grid="#243130",
        ground="#141d1c",
        main="#4fb8b0",
        contrast="#e39a57",
        low="#2f5f5d",
        high="#dff3ef",
    ),
    "print": Colours(
        ink="#12201f",
        soft_ink="#43514e",
        grid="#d5dcd9",
        ground="#ffffff",
        main="#0c5a5e",
        contrast="#a8591a",
        low="#9cc6c0",
        high="#0a2f33",
    ),
}


@dataclass(frozen=True)
class Chart:
    """A chart with its words.

    `name` is unique within a result and fit for an id; `table_rows` hold the numbers of the chart
    as texts under `table_header`.
    """

    name: str
    title: str
    spec: Spec
    alt_text: str
    table_header: tuple[str, ...]
    table_rows: tuple[tuple[str, ...], ...]


def frame_spec(content: Spec, theme: Theme) -> Spec:
    """Return a whole specification: content, font, and the theme's colours as configuration."""
    colours = THEMES[theme]
    axis = {
        "domain": False,
        "ticks": False,
        "gridColor": colours.grid,
        "labelColor": colours.soft_ink,
        "titleColor": colours.soft_ink,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": 500,
        "labelPadding": 8,
        "titlePadding": 10,
        "labelLimit": 240,
        "labelFlush": False,
    }
    return {
        "$schema": SCHEMA,
        "background": None,
        "padding": 4,
        **content,
        "config": {
            "font": FONT,
            "axis": axis,
            "axisY": {"labelColor": colours.ink},
            "view": {"stroke": None},
            "legend": {
                "labelColor": colours.soft_ink,
                "titleColor": colours.soft_ink,
                "labelFontSize": 12,
                "titleFontSize": 12,
                "titleFontWeight": 500,
            },
            "title": {
                "color": colours.ink,
                "fontSize": 13,
                "fontWeight": 600,
                "anchor": "start",
                "frame": "group",
                "offset": 8,
            },
            "text": {"color": colours.ink, "fontSize": 12},
            "concat": {"spacing": 28},
        },
    }


def list_on_axis(field: str, order: Sequence[str]) -> Spec:
    """Return the encoding of names down the side, in the given order, without a title."""
    return {
        "field": field,
        "type": "nominal",
        "sort": list(order),
        "scale": {"paddingOuter": 0.1},
        "axis": {"title": None, "grid": False},
    }


def measure_across(field: str, title: str | None, domain: tuple[float, float], number_format: str) -> Spec:
    """Return the encoding of a number along the bottom."""
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"domain": list(domain), "nice": False, "zero": False},
        "axis": {"title": title, "format": number_format, "tickCount": 5},
    }


def draw_bar(colours: Colours) -> Spec:
    """Return the mark of a bar, pale inside so that an interval drawn over it stays visible."""
    return {
        "type": "bar",
        "height": 12,
        "fill": colours.low,
        "stroke": colours.main,
        "strokeWidth": 1,
        "cornerRadiusEnd": 2,
        "opacity": 1,
    }


def draw_intervals(y: Spec, x: Spec, colour: str) -> list[Spec]:
    """Return the layers of an interval: a line from low to high with caps."""
    known = [{"filter": "isValid(datum.low) && isValid(datum.high)"}]
    low = {**x, "field": "low"}
    caps = {
        "type": "tick",
        "orient": "vertical",
        "size": 9,
        "thickness": 1.5,
        "color": colour,
        "opacity": 1,
        "clip": True,
    }
    return [
        {
            "transform": known,
            "mark": {"type": "rule", "strokeWidth": 1.5, "color": colour, "clip": True},
            "encoding": {"y": y, "x": low, "x2": {"field": "high"}},
        },
        {"transform": known, "mark": caps, "encoding": {"y": y, "x": low}},
        {"transform": known, "mark": caps, "encoding": {"y": y, "x": {**x, "field": "high"}}},
    ]


def draw_sized_points(y: Spec, x: Spec, colours: Colours) -> Spec:
    """Return the layer of one point per group, hollow where `size` says that the group is below the minimum size."""
    return {
        "transform": [{"filter": "isValid(datum.value)"}],
        "mark": {"type": "point", "size": 60, "strokeWidth": 1.8, "color": colours.main, "opacity": 1},
        "encoding": {
            "y": y,
            "x": x,
            "fill": {
                "field": "size",
                "type": "nominal",
                "scale": {"domain": list(SIZES), "range": [colours.main, colours.ground]},
                "legend": None,
            },
        },
    }


def sign_groups(names: Sequence[str], signs: Sequence[Any], legend: Spec | None) -> Spec:
    """Return the encoding that gives each group a sign of its own: a colour, a shape, a line pattern."""
    return {
        "field": "group",
        "type": "nominal",
        "scale": {"domain": list(names), "range": list(signs[: len(names)])},
        "legend": legend,
    }


def draw_line_at(value: float, x: Spec, colour: str, dash: Sequence[int] = (4, 3)) -> Spec:
    """Return the layer of a vertical reference line."""
    return {
        "data": {"values": [{"at": value}]},
        "mark": {"type": "rule", "strokeDash": list(dash), "strokeWidth": 1.2, "color": colour},
        "encoding": {"x": {**x, "field": "at"}},
    }


def to_svg(spec: Spec, *, alt_text: str = "", name: str = "chart") -> str:
    """Draw a specification as SVG text.

    Nothing is fetched. The root carries `role="img"` and the text; ids inside start with `name`,
    so that several charts can stand in one page.

    Call it in a process that will not fork afterwards: a child of a process that has drawn hangs.
    """
    import vl_convert

    svg = vl_convert.vegalite_to_svg(spec, vl_version="6.4", allowed_base_urls=[])
    for quote in ('id="', "url(#", 'href="#'):
        svg = svg.replace(quote, f"{quote}{name}-")
    label = f'<svg role="img" aria-label="{escape(alt_text, quote=True)}" '
    return str(svg.replace("<svg ", label, 1))


def show_name(name: str) -> str:
    """Return a name from a file as it can stand in a chart: on one line, without control signs.

    Invisible and direction-changing signs become a visible mark; long names are cut.
    """
    shown = "".join("\ufffd" if category(sign) in {"Cc", "Cf", "Co", "Cn"} else sign for sign in name)
    return shown if len(shown) <= LONGEST_NAME else shown[: LONGEST_NAME - 1] + "\u2026"


def name_features(grouping: Mapping[str, Any]) -> str:
    """Return the features of a grouping as they stand in a title."""
    return " and ".join(map(show_name, grouping["sensitive"]))


def name_values(group: Mapping[str, str]) -> str:
    """Return the values of a group as they stand at an axis."""
    return " \u00b7 ".join(map(show_name, group.values()))


def name_chart(grouping: Mapping[str, Any], kind: str) -> str:
    """Return a chart's name that is fit for an id, whatever the columns are called.

    What follows the first hyphen names the grouping the chart belongs to.
    """
    words = "-".join(grouping["sensitive"])
    plain = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in words)
    return f"{kind}-{plain.lower()}-{len(grouping['sensitive'])}"


def format_share(value: float | None) -> str:
    """Return a share as a percentage, "undefined" where there is none."""
    return "undefined" if value is None else f"{100 * value:.1f} %"


def format_number(value: float | None) -> str:
    """Return a number with four significant digits, "undefined" where there is none."""
    return "undefined" if value is None else f"{value:.4g}"


def format_interval(limits: Mapping[str, Any] | None, as_share: bool) -> str:
    """Return the limits as "low to high"; empty where there are none."""
    if not limits or limits.get("low") is None:
        return ""
    show = format_share if as_share else format_number
    high = "unbounded" if limits["high"] is None else show(limits["high"])
    return f"{show(limits['low'])} to {high}"
