"""Charts of results, for the page and for the report. See `chart_frame` for what a chart is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from audits.charts.bias import bias_charts
from audits.charts.choices import choice_charts
from audits.charts.errors import error_charts
from audits.charts.explanation import explanation_charts
from audits.charts.frame import THEMES, Chart, Theme, to_svg
from audits.charts.grids import grid_charts
from audits.charts.quality import quality_charts
from audits.charts.scores import score_charts

__all__ = ["CHARTS", "THEMES", "Chart", "Theme", "audit_charts", "bias_charts", "explanation_charts", "to_svg"]


def audit_charts(result: Mapping[str, Any], theme: Theme = "light") -> list[Chart]:
    """Return every chart of a bias audit. Those of a grouping are named after it, behind the first hyphen."""
    parts = (bias_charts, error_charts, score_charts, grid_charts, choice_charts)
    return [chart for draw in parts for chart in draw(result, theme)]


CHARTS: Mapping[str, Callable[[Mapping[str, Any], Theme], list[Chart]]] = {
    "bias_audit": audit_charts,
    "explanation": explanation_charts,
    "data_quality": quality_charts,
}
"""What draws the result of each kind of evaluation."""
