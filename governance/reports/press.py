"""Making a report: claim the row, read the dossier, render, have it signed, store, record.

Runs in a worker, never in a web process.
"""

from __future__ import annotations

import logging
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction

from governance import auditlog, leases, store
from governance.actors import SYSTEM, Actor
from governance.amendment import about_subject
from governance.auditlog import Subject
from governance.dossier import Dossier, keep
from governance.exceptions import GovernanceError
from governance.models import AuditLogEntry, ComplianceReport, ReportKind, User, WorkStatus
from governance.text import make_harmless

logger = logging.getLogger(__name__)


def render(report_id: int) -> bool:
    """Render a queued report to its end. False when there was nothing to do."""
    report = leases.claim(ComplianceReport, report_id)
    if report is None:
        return False
    try:
        with leases.kept_alive(report):
            _finish(report)
    except leases.LeaseLost:
        logger.warning("report %s was taken over by another worker", report.pk)
    return True


def _finish(report: ComplianceReport) -> None:
    if report.attempts > leases.MOST_ATTEMPTS:
        _record_failure(report, f"Given up: the worker died {leases.MOST_ATTEMPTS} times while rendering this.")
        return
    try:
        _make(report)
    except leases.LeaseLost:
        raise
    except GovernanceError as error:
        _record_failure(report, error.message)
    except SoftTimeLimitExceeded:
        _record_failure(report, "It took longer than a worker may spend on one report.")
    except Exception:
        logger.exception("report %s failed unexpectedly", report.pk)
        _record_failure(
            report, "An unexpected error stopped this report; the operator's log has the details. Try again."
        )


def _make(report: ComplianceReport) -> None:
    # Imported here: the chart renderer and what signatures are written with belong in a worker.
    from governance.reports import kinds, report_signing

    checkpoint = auditlog.latest_checkpoint()
    reading = kinds.KINDS[ReportKind(report.kind)].read(report)
    material = kinds.Material(report, reading, checkpoint)
    made = kinds.make(material, tell=lambda text: leases.tell_progress(report, text))
    leases.tell_progress(report, "Waiting for the signature")
    named = _name_document(kinds.document_name(report), reading)
    signed = report_signing.sign_report(
        report, made.pdf, document=named, log=lambda **given: _log(report, "report.rendered", **given)
    )
    stored = store.save([signed.pdf])
    companion = store.save([made.companion.content]) if made.companion else None
    with transaction.atomic():
        leases.finish(
            report,
            status=WorkStatus.SUCCEEDED,
            failure="",
            dossier=keep(reading) if isinstance(reading, Dossier) else None,
            document_digest="" if isinstance(reading, Dossier) else reading.digest,
            file=stored,
            file_name=made.file_name,
            companion=companion,
            companion_name=made.companion.name if made.companion else "",
            page_count=made.page_count,
            checkpoint_size=checkpoint.size if checkpoint else None,
        )
        data = named | {
            "unsigned": signed.unsigned_digest,
            "covered": signed.covered_digest,
            "certificate": signed.certificate,
            "level": signed.level,
        }
        if companion is not None:
            data["companion"] = companion.digest
        entry = _log(report, "report.issued", digest=stored.digest, data=data)
        auditlog.stamp(report, entry)


def _name_document(name: str, reading: Any) -> dict[str, Any]:
    """How entries name what is printed: the dossier, or another attached document with its name."""
    if isinstance(reading, Dossier):
        return {"dossier": reading.digest}
    return {"document": {"name": name, "digest": reading.digest}}


def _record_failure(report: ComplianceReport, why: str) -> None:
    reason = make_harmless(why, limit=2_000)
    with transaction.atomic():
        leases.finish(report, status=WorkStatus.FAILED, failure=reason)
        _log(report, "report.failed", reason=reason)


def _log(
    report: ComplianceReport,
    type: str,
    *,
    digest: str | None = None,
    data: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditLogEntry:
    return auditlog.append(
        type,
        actor=Actor(User.objects.system(), SYSTEM),
        subject=Subject("report", report.pk, str(report), digest),
        project=report.project,
        related=about_subject(report.subject),
        data=data,
        reason=reason,
    )
