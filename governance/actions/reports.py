"""Asking for a compliance report."""

from __future__ import annotations

from datetime import UTC, datetime
from types import NoneType

from django.db import transaction

from governance import auditlog, tasks
from governance.actors import Actor
from governance.amendment import about_subject
from governance.auditlog import Subject
from governance.exceptions import InvalidInput
from governance.frameworks_in_force import find_framework
from governance.models import (
    OF_DATASETS,
    OF_PROJECTS,
    OF_THE_ORGANISATION,
    OF_VERSIONS,
    ComplianceReport,
    DatasetVersion,
    ModelVersion,
    Project,
    ReportKind,
)
from governance.past_log import check_moment
from governance.permissions import authorise
from governance.reports.layouts import title_of_report

# What a report is about -> the kinds that may be asked for; the first one if none is named.
OFFERED: dict[type, tuple[str, ...]] = {
    ModelVersion: (*OF_VERSIONS, ReportKind.AS_OF),
    DatasetVersion: OF_DATASETS,
    Project: (*OF_PROJECTS, ReportKind.AS_OF),
    NoneType: OF_THE_ORGANISATION,
}


@transaction.atomic
def request_report(
    subject: ModelVersion | DatasetVersion | Project | None,
    *,
    kind: str = "",
    framework: str = "",
    as_of: datetime | None = None,
    actor: Actor,
) -> ComplianceReport:
    """Ask for a report on a version, dataset version or project as it is when the worker reads it; None is the whole
    organisation. Every member may ask, about the organisation its administrators.

    A framework report names the ``framework``, by its id, and a report of a past day that instant, ``as_of``; other
    kinds name neither.
    """
    project = _project_of(subject)
    authorise(actor, "request_report" if project is not None else "request_organisation_report", project)
    offered = OFFERED[type(subject)]
    kind = kind or offered[0]
    if kind not in offered:
        raise InvalidInput(f"“kind” must be one of {', '.join(offered)}.", field="kind")
    if (kind == ReportKind.FRAMEWORK) is not bool(framework):
        raise InvalidInput("A framework report names a framework; no other kind does.", field="framework")
    if (kind == ReportKind.AS_OF) is (as_of is None):
        raise InvalidInput("A report of a past day names it; no other kind does.", field="as_of")
    if as_of is not None and subject is not None:
        check_moment(as_of, "version" if isinstance(subject, ModelVersion) else "project", subject.pk)
    report = ComplianceReport.objects.create(
        version=subject if isinstance(subject, ModelVersion) else None,
        dataset_version=subject if isinstance(subject, DatasetVersion) else None,
        project=project,
        kind=kind,
        framework=framework,
        as_of=as_of,
        title=_title(framework, as_of),
        requested_by=actor.user,
    )
    named = {"framework": framework, "as_of": as_of.isoformat() if as_of else ""}
    auditlog.append(
        "report.requested",
        actor=actor,
        subject=Subject("report", report.pk, str(report)),
        project=project,
        related=about_subject(subject),
        data={"kind": str(kind)} | {name: value for name, value in named.items() if value},
    )
    tasks.render_report.delay_on_commit(report.pk)
    return report


def _title(framework: str, as_of: datetime | None) -> str:
    """What a report is called whose kind does not say it all."""
    if as_of is not None:
        return f"Report as of {as_of.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return title_of_report(find_framework(framework)) if framework else ""


def _project_of(subject: ModelVersion | DatasetVersion | Project | None) -> Project | None:
    if isinstance(subject, ModelVersion):
        return subject.model.project
    return subject.dataset.project if isinstance(subject, DatasetVersion) else subject
