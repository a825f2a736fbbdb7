"""The release dossier: everything recorded about one version, for a reader who was not there.

Built from the same dossier and decision as the page and the gate. Each section is a plain value for the template, so
that what is printed can be tested without rendering.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from governance import runner
from governance.dossier import Dossier
from governance.dossier_items import EvaluationItem, Measure
from governance.findings import Area, Finding, FindingStatus
from governance.gate import GateDecision
from governance.gate_signing import weigh_votes
from governance.leading_metrics import leading_metrics
from governance.lineage_graph import draw
from governance.metric_titles import title_of_metric
from governance.models import Checkpoint, Evaluation, EvaluationKind, Release
from governance.reports.log_proof import prove_history
from governance.reports.pdf import Attached
from governance.reports.pdf_evidence import attach_cells

PRINTED_DISPARITIES = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equalized_odds_difference",
    "equalized_odds_ratio",
    "equal_opportunity_difference",
    "predictive_parity_difference",
    "accuracy_difference",
    "balanced_accuracy_difference",
    "mean_error_difference",
    "mae_difference",
    "mae_ratio",
    "mean_score_difference",
)
PRINTED_COLUMNS = 4
"""More metrics beside each other cannot be read on a page."""
# Parts of a result that speak of single rows or of cells small enough to point at a person. They stay in the portal.
WITHHELD = frozenset({"cells", "sample", "local", "worst_row", "first_misses", "dependence", "reasons"})
LEFT_TO_THE_PORTAL = ("local-", "dependence-")
"""Charts whose points are single rows."""
RECOMPUTED = "recomputed by the portal"
"""How the laboratory's statement begins where the portal itself ran the model."""
STATUS_ORDER = [
    FindingStatus.NOT_MET,
    FindingStatus.MISSING,
    FindingStatus.STALE,
    FindingStatus.INCONCLUSIVE,
    FindingStatus.WAIVED,
    FindingStatus.MET,
]


@dataclass(frozen=True)
class Figure:
    """A chart as a picture for the page and a table for everybody else."""

    title: str
    picture: str
    alt_text: str
    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class RateRow:
    """One group in the table of a grouping; a group too small to judge is named and withheld."""

    population: str
    n: int
    is_withheld: bool
    numbers: tuple[tuple[float | None, Any], ...]


@dataclass(frozen=True)
class AuditSection:
    item: EvaluationItem
    spec: dict[str, Any]
    result: dict[str, Any]
    figures: tuple[Figure, ...]

    @property
    def level(self) -> str:
        """The confidence level of the intervals, as a reader says it."""
        return f"{100 * self.result['passport']['intervals']['level']:g} %"

    @property
    def is_recomputed(self) -> bool:
        """Whether the portal ran the model itself."""
        return str(self.result.get("statement", "")).startswith(RECOMPUTED)

    @property
    def columns(self) -> list[Any]:
        """The titles of the metrics that are printed for each group."""
        return [title_of_metric(name) for name in leading_metrics(self.result, PRINTED_COLUMNS)]

    @property
    def rate_tables(self) -> list[tuple[str, list[RateRow]]]:
        """For each feature and combination its name and its rows; everybody comes first in the first."""
        names = leading_metrics(self.result, PRINTED_COLUMNS)
        everybody = self.result["overall"] | {"population": str(_("All rows")), "below_minimum_size": False}
        tables = [
            (" and ".join(grouping["sensitive"]), [_rate_row(group, names) for group in grouping["by_group"]])
            for grouping in self.result["groupings"]
        ]
        tables[0][1].insert(0, _rate_row(everybody, names))
        return tables

    @property
    def leading_measures(self) -> list[Measure]:
        """What was measured about all rows together, for kinds that have no groups."""
        return [measure for measure in self.item.measures if measure.population == "overall"]

    @property
    def disparities(self) -> list[Measure]:
        """The disparities that are printed; the attached result holds every one."""
        return [
            measure
            for measure in self.item.measures
            if measure.metric in PRINTED_DISPARITIES and measure.population.startswith("by ")
        ]


def _rate_row(group: dict[str, Any], names: Iterable[str]) -> RateRow:
    numbers = tuple((group.get(name), group["intervals"].get(name)) for name in names)
    return RateRow(group["population"], group["n"], group["below_minimum_size"], numbers)


def build_context(dossier: Dossier, decision: GateDecision, checkpoint: Checkpoint | None) -> dict[str, Any]:
    """What the template prints."""
    findings = sorted(decision.findings, key=lambda finding: STATUS_ORDER.index(FindingStatus(finding.status)))
    explanations = _audit_sections(dossier, EvaluationKind.EXPLANATION)
    return {
        "language": get_language() or "en",
        "dossier": dossier,
        "decision": decision,
        "votes": weigh_votes(dossier),
        "gaps": [finding for finding in findings if not finding.opens and finding.blocks],
        "does_not_block": [finding for finding in findings if not finding.opens and not finding.blocks],
        "waived": [finding for finding in findings if finding.status == FindingStatus.WAIVED],
        "counts": [(status, decision.counts.get(status, 0)) for status in STATUS_ORDER],
        "areas": [(Area(area), _in_area(findings, area)) for area in Area.values if _in_area(findings, area)],
        "matrix": _matrix(dossier, decision),
        "lineage_picture": _as_data_uri(draw(dossier, is_upright=True)),
        "audits": _audit_sections(dossier, EvaluationKind.BIAS_AUDIT),
        "explanations": explanations,
        "explained_by_portal": any(section.is_recomputed for section in explanations),
        "explained_by_submitter": any(not section.is_recomputed for section in explanations),
        "qualities": _audit_sections(dossier, EvaluationKind.DATA_QUALITY, EvaluationKind.REPRODUCTION),
        "releases": Release.objects.filter(version=dossier.version_id).select_related("promoted_by"),
        "proof": prove_history(dossier.version_id, checkpoint),
        "log_indexes": {item.id: item.log_index for item in dossier.evidence},
    }


def _in_area(findings: Iterable[Finding], area: str) -> list[Finding]:
    return [finding for finding in findings if finding.area == area]


def _matrix(dossier: Dossier, decision: GateDecision) -> list[dict[str, Any]]:
    """Requirement -> criterion -> evidence -> verdict, one row per criterion."""
    verdicts = {finding.key: finding for finding in decision.findings}
    titles = {item.id: item.title for item in dossier.evidence}
    rows = []
    for requirement in dossier.requirements:
        offered = [titles[pk] for pk in requirement.evidence_ids if pk in titles]
        criteria = [
            {"criterion": criterion, "finding": verdicts.get(f"criterion:{criterion.key}")}
            for criterion in requirement.criteria
        ]
        rows.append({"requirement": requirement, "criteria": criteria, "offered": offered})
    return rows


def _audit_sections(dossier: Dossier, *kinds: str) -> list[AuditSection]:
    items = {item.id: item for item in dossier.evaluations if item.kind in kinds and item.result_digest}
    sections = []
    for evaluation in Evaluation.objects.filter(pk__in=items).order_by("pk"):
        figures = tuple(
            Figure(
                chart.title,
                _as_data_uri(runner.to_svg(chart.spec)),
                chart.alt_text,
                tuple(chart.table_header),
                tuple(tuple(row) for row in chart.table_rows),
            )
            for chart in runner.charts(evaluation, "print")
            if not chart.name.startswith(LEFT_TO_THE_PORTAL)
        )
        sections.append(AuditSection(items[evaluation.pk], evaluation.spec, json.loads(evaluation.result), figures))
    return sections


def attached_results(context: dict[str, Any]) -> tuple[Attached, ...]:
    """The results of the evaluations that are printed, without what could point at a person; cells of bias audits."""
    sections = [section for part in ("audits", "explanations", "qualities") for section in context[part]]
    cells = [attach_cells(section.item.id, section.result) for section in context["audits"]]
    return (*map(_attach_result, sections), *(found for found in cells if found is not None))


def _attach_result(section: AuditSection) -> Attached:
    published = {name: part for name, part in section.result.items() if name not in WITHHELD}
    text = json.dumps(published, ensure_ascii=False, sort_keys=True).encode()
    return Attached(f"evaluation-{section.item.id}.json", f"Result of evaluation {section.item.id}", text)


def _as_data_uri(svg: str | None) -> str:
    """A picture that needs no fetching. Empty when there is none to show."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode() if svg else ""
