"""Facts about documents that the portal itself has issued: the public summary of a bias audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from governance.dossier_records import read_bodies, records
from governance.facts.reading import Reading
from governance.frameworks.recorded import Recorded, Source, Strength
from governance.models import ComplianceReport, ReportKind, WorkStatus

# Part of the summary -> the facts that it prints there.
PARTS: dict[str, tuple[str, ...]] = {
    "audit_date": ("bias_audit.date",),
    "data_source_explanation": ("bias_audit.data_source",),
    "unknown_count": ("bias_audit.unknown_count",),
    "category_tables": ("bias_audit.sex_table", "bias_audit.race_table", "bias_audit.intersection_table"),
}


def read(reading: Reading, found: Mapping[str, Recorded]) -> Iterator[Recorded]:
    """The newest summary, with those parts that it can hold: what was recorded later is not in it."""
    issued = ComplianceReport.objects.filter(
        version=reading.version.pk, kind=ReportKind.PUBLIC_SUMMARY, status=WorkStatus.SUCCEEDED
    )
    report = issued.select_related("requested_by").order_by("-pk").first()
    if report is None or not _is_recorded(report):
        return
    told = {
        part: report.file_name for part, facts in PARTS.items() if all(_holds(report, found, fact) for fact in facts)
    }
    yield reading.says(
        "bias_audit.summary",
        told,
        Source("report", report.pk, f"Report {report.file_name}", report.file_id or "", report.log_index),
        strength=Strength.ARTEFACT,
        at=report.finished_at,
        by=(report.requested_by.get_full_name(),),
        digest=report.file_id or "",
        recorder_roles=reading.roles_of(report.requested_by),
    )


def _is_recorded(report: ComplianceReport) -> bool:
    """Whether the log holds exactly this file."""
    body = read_bodies([report.log_index]).get(-1 if report.log_index is None else report.log_index)
    return (
        body is not None
        and records(body, "report.issued", "report", report.pk)
        and (body["subject"].get("digest") == report.file_id)
    )


def _holds(report: ComplianceReport, found: Mapping[str, Recorded], fact: str) -> bool:
    item = found.get(fact)
    return item is not None and item.at is not None and report.finished_at is not None and item.at <= report.finished_at
