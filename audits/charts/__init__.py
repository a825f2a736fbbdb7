"""Charts of results, for the page and for the report. See `chart_frame` for what a chart is."""

from __future__ import annotations

from audits.charts.bias import bias_charts
from audits.charts.explanation import explanation_charts
from audits.charts.frame import THEMES, Chart, Theme, to_svg

__all__ = ["THEMES", "Chart", "Theme", "bias_charts", "explanation_charts", "to_svg"]
