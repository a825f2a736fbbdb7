"""Asking for a compliance report."""

from __future__ import annotations

from django.db import transaction

from governance import auditlog, tasks
from governance.actors import Actor
from governance.amendment import version_and_model
from governance.auditlog import Subject
from governance.exceptions import InvalidInput
from governance.models import ComplianceReport, ModelVersion, ReportKind
from governance.permissions import authorise


@transaction.atomic
def request_report(version: ModelVersion, *, kind: str = ReportKind.RELEASE_DOSSIER, actor: Actor) -> ComplianceReport:
    """Ask for a report on a version as it is when the worker reads it. Every member may ask."""
    authorise(actor, "request_report", version.model.project)
    if kind not in ReportKind.values:
        raise InvalidInput(f"“kind” must be one of {', '.join(ReportKind.values)}.", field="kind")
    report = ComplianceReport.objects.create(version=version, kind=kind, requested_by=actor.user)
    auditlog.append(
        "report.requested",
        actor=actor,
        subject=Subject("report", report.pk, str(report)),
        project=version.model.project,
        related=version_and_model(version),
        data={"kind": kind},
    )
    tasks.render_report.delay_on_commit(report.pk)
    return report
