"""Charts of results, for the page and for the report. See `chart_frame` for what a chart is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from audits.charts.bias import bias_charts
from audits.charts.explanation import explanation_charts
from audits.charts.frame import THEMES, Chart, Theme, to_svg

__all__ = ["CHARTS", "THEMES", "Chart", "Theme", "bias_charts", "explanation_charts", "to_svg"]

CHARTS: Mapping[str, Callable[[Mapping[str, Any], Theme], list[Chart]]] = {
    "bias_audit": bias_charts,
    "explanation": explanation_charts,
}
"""What draws the result of each kind of evaluation."""
