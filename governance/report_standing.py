"""Whether a file is a report that was issued here, and whether it still stands: what anybody may ask."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from governance.lifecycle import State
from governance.models import AuditLogEntry, ComplianceReport, ModelVersion, Release, WorkStatus


class Standing(models.TextChoices):
    """In the order of the tests below. It says nothing of what the report is about."""

    UNKNOWN = "unknown", _("Unknown")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    SUPERSEDED = "superseded", _("Superseded")
    VALID = "valid", _("Valid")


def digest_blocks(blocks: Iterable[bytes]) -> str:
    """The digest of a file that is read block by block and not kept."""
    hasher = hashlib.sha256()
    for block in blocks:
        hasher.update(block)
    return f"sha256:{hasher.hexdigest()}"


def find_report(digest: str) -> ComplianceReport | None:
    """The report that was issued as a file with this digest, if the log says so."""
    found = ComplianceReport.objects.filter(file_id=digest, status=WorkStatus.SUCCEEDED, log_index__isnull=False)
    report = found.select_related("version__model", "dataset_version").order_by("-pk").first()
    if report is None:
        return None
    body = AuditLogEntry.objects.filter(index=report.log_index or 0, type="report.issued").values_list(
        "body", flat=True
    )
    recorded = [json.loads(bytes(text)).get("subject", {}).get("digest") for text in body]
    return report if recorded == [digest] else None


def judge_standing(report: ComplianceReport | None) -> Standing:
    """Withdrawn: its version was retired, rejected or taken out of use, or its data recalled. Superseded: a later
    report of the same kind on the same subject shows something else, or a later version of the model is released."""
    if report is None:
        return Standing.UNKNOWN
    if _is_withdrawn(report):
        return Standing.WITHDRAWN
    later = ComplianceReport.objects.about_the_same(report).filter(pk__gt=report.pk, status=WorkStatus.SUCCEEDED)
    same = Q(dossier=None, document_digest=report.document_digest) | Q(dossier__isnull=False, dossier=report.dossier_id)
    if later.exclude(same).exists() or _is_followed(report.version):
        return Standing.SUPERSEDED
    return Standing.VALID


def _is_withdrawn(report: ComplianceReport) -> bool:
    if report.dataset_version is not None:
        recalled = AuditLogEntry.objects.about("dataset_version", report.dataset_version.pk).filter(
            type="dataset_version.recalled"
        )
        return recalled.filter(index__gt=report.log_index).exists()
    if report.version is None:
        return False
    withdrawn = AuditLogEntry.objects.about("version", report.version.pk).filter(type="release.withdrawn")
    is_over = report.version.state in (State.RETIRED, State.REJECTED)
    return is_over or withdrawn.filter(index__gt=report.log_index).exists()


def _is_followed(version: ModelVersion | None) -> bool:
    """Whether a later version of the model is in use."""
    if version is None:
        return False
    later = Release.objects.filter(version__model=version.model, version__number__gt=version.number, ended_at=None)
    return later.exists()
