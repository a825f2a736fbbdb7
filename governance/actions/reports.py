"""Asking for a compliance report."""

from __future__ import annotations

from django.db import transaction

from governance import auditlog, tasks
from governance.actors import Actor
from governance.amendment import version_and_model
from governance.auditlog import Subject
from governance.exceptions import InvalidInput
from governance.frameworks_in_force import find_framework
from governance.models import ComplianceReport, ModelVersion, ReportKind
from governance.permissions import authorise
from governance.reports.layouts import title_of_report


@transaction.atomic
def request_report(
    version: ModelVersion, *, kind: str = ReportKind.RELEASE_DOSSIER, framework: str = "", actor: Actor
) -> ComplianceReport:
    """Ask for a report on a version as it is when the worker reads it. Every member may ask.

    A framework report names the ``framework``, by its id; other kinds name none.
    """
    authorise(actor, "request_report", version.model.project)
    if kind not in ReportKind.values:
        raise InvalidInput(f"“kind” must be one of {', '.join(ReportKind.values)}.", field="kind")
    if (kind == ReportKind.FRAMEWORK) is not bool(framework):
        raise InvalidInput("A framework report names a framework; no other kind does.", field="framework")
    title = title_of_report(find_framework(framework)) if framework else ""
    report = ComplianceReport.objects.create(
        version=version, kind=kind, framework=framework, title=title, requested_by=actor.user
    )
    auditlog.append(
        "report.requested",
        actor=actor,
        subject=Subject("report", report.pk, str(report)),
        project=version.model.project,
        related=version_and_model(version),
        data={"kind": kind, "framework": framework} if framework else {"kind": kind},
    )
    tasks.render_report.delay_on_commit(report.pk)
    return report
