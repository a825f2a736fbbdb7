"""An evaluation's result document, arranged for a page: what was measured, its charts, its passport."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from governance import runner
from governance.models import Evaluation, EvaluationKind, WorkStatus
from portal.pages.results.bias_audits import present_bias_audit
from portal.pages.results.data_quality import present_data_quality
from portal.pages.results.explanations import present_explanation
from portal.pages.results.reproductions import present_reproduction

PRESENT: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    EvaluationKind.BIAS_AUDIT: present_bias_audit,
    EvaluationKind.EXPLANATION: present_explanation,
    EvaluationKind.DATA_QUALITY: present_data_quality,
    EvaluationKind.REPRODUCTION: present_reproduction,
}
"""What the template of each kind (``evaluations/_<kind>.html``) is given, from the result document."""


def present(evaluation: Evaluation) -> dict[str, Any]:
    """What the templates of an evaluation show; empty while it has no result."""
    if evaluation.status != WorkStatus.SUCCEEDED:
        return {}
    result = json.loads(evaluation.result)
    shown = {
        "template": f"evaluations/_{evaluation.kind}.html",
        "result": result,
        "notes": result.get("notes", []),
        "passport": _present_passport(result),
    }
    return shown | PRESENT[evaluation.kind](result)


@dataclass(frozen=True)
class ChartView:
    """A chart with an id of its own on the page. ``belongs_to`` names its grouping, or is empty."""

    name: str
    belongs_to: str
    chart: Any

    @property
    def is_wide(self) -> bool:
        return "hconcat" in self.chart.spec


def draw_charts(evaluation: Evaluation) -> list[ChartView]:
    """The charts of a finished evaluation, in light colours; the page turns them dark where that was chosen."""
    if evaluation.status != WorkStatus.SUCCEEDED:
        return []
    is_audit = evaluation.kind == EvaluationKind.BIAS_AUDIT
    return [
        ChartView(f"chart-{evaluation.pk}-{chart.name}", chart.name.partition("-")[2] if is_audit else "", chart)
        for chart in runner.charts(evaluation, "light")
    ]


def _present_passport(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The passport as label and value; nested parts are named by their path."""
    return list(_flatten(result.get("passport", {}), ""))


def _flatten(part: Any, path: str) -> list[tuple[str, str]]:
    if not isinstance(part, dict):
        return [(path.replace("_", " "), str(part))] if part is not None else []
    return [line for name, value in part.items() for line in _flatten(value, f"{path} {name}".strip())]
