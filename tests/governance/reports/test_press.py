"""The press: a queued report is made once, whoever dies, and a failure is said."""

from __future__ import annotations

import errno
import hashlib
import os
from datetime import timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.utils import timezone

from governance import leases, store, tasks
from governance.actions import reports
from governance.dossier import collect
from governance.exceptions import InvalidInput, NotPermitted
from governance.log_verification import verify
from governance.models import AuditLogEntry, ComplianceReport, StoredFile, WorkStatus
from governance.reports import kinds, press, report_signing
from tests import cast

pytestmark = pytest.mark.filterwarnings("ignore:.*sRGB2014.icc:pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def queued(version, auditor) -> ComplianceReport:
    return reports.request_report(version, actor=cast.acting(auditor))


def render(report: ComplianceReport) -> ComplianceReport:
    assert press.render(report.pk) is True
    report.refresh_from_db()
    return report


def list_entries(*types: str) -> list[dict]:
    return [cast.read_body(entry) for entry in AuditLogEntry.objects.filter(type__in=types)]


@pytest.fixture
def quick_print(monkeypatch) -> bytes:
    """The press without its renderer, for tests of who holds the row."""
    made = kinds.Made(b"%PDF-1.7 short", 1, "short.pdf")
    monkeypatch.setattr(kinds, "make", lambda *_args, **_given: made)
    skip_signing(monkeypatch)
    return made.pdf


def skip_signing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not rendered has no place for a signature."""
    digest = "sha256:" + "7" * 64
    monkeypatch.setattr(
        report_signing,
        "sign_report",
        lambda _report, rendered, **_given: report_signing.Signed(rendered, "B-B", digest, digest, digest),
    )


def test_report_is_made_stored_and_logged_once(queued, version):
    done = render(queued)
    assert (done.status, done.failure, done.lease_owner) == (WorkStatus.SUCCEEDED, "", "")
    assert done.file_name == "readmission-triage-v1-release-dossier.pdf"
    assert (done.page_count > 5, done.checkpoint_size) == (True, None)
    assert done.dossier_id == collect(version).digest
    with store.open_file(done.file_id) as file:
        pdf = file.read()
    assert pdf.startswith(b"%PDF-1.7")
    assert done.file_id == "sha256:" + hashlib.sha256(pdf).hexdigest()
    (entry,) = list_entries("report.issued")
    assert (entry["subject"]["digest"], entry["data"]["dossier"]) == (done.file_id, done.dossier_id)
    (rendered,) = list_entries("report.rendered")
    assert (rendered["data"]["unsigned"], rendered["subject"]["digest"]) == (
        entry["data"]["unsigned"],
        entry["data"]["covered"],
    )
    assert entry["index"] == done.log_index
    assert press.render(done.pk) is False
    assert len(list_entries("report.issued")) == 1


def test_report_reads_the_version_as_it_is_when_it_is_made(queued, version, developer, quick_print):
    cast.submit(version, "file", by=developer, file=[b"late"], file_name="late.txt")
    assert render(queued).dossier_id == collect(version).digest


def test_report_of_a_project_records_the_document_that_it_prints(version, auditor, quick_print):
    project = version.model.project
    done = render(reports.request_report(project, actor=cast.acting(auditor)))
    (issued,) = list_entries("report.issued")
    assert (done.dossier_id, issued["project"]["id"], issued["related"]) == (None, project.pk, [])
    assert issued["data"]["document"] == {"name": "portfolio.json", "digest": done.document_digest}
    assert [problem for problem in verify(vkeys=()).problems if "report" in problem.what] == []
    ComplianceReport.objects.filter(pk=done.pk).update(document_digest="sha256:" + "0" * 64)
    assert any("its document is" in problem.what for problem in verify(vkeys=()).problems)


def test_report_that_was_never_asked_for_is_nothing(db):
    assert press.render(0) is False
    tasks.render_report(10**9)


def test_unknown_kind_and_stranger_are_refused(version, stranger, auditor):
    with pytest.raises(InvalidInput):
        reports.request_report(version, kind="certificate", actor=cast.acting(auditor))
    with pytest.raises(NotPermitted):
        reports.request_report(version, actor=cast.acting(stranger))
    assert ComplianceReport.objects.count() == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("secret"), "An unexpected error stopped this report"),
        (SoftTimeLimitExceeded(), "It took longer than a worker may spend on one report."),
        (InvalidInput("The text holds e\u0301."), "The text holds \u00e9."),
    ],
)
def test_failure_is_said_without_details(queued, monkeypatch, error, words):
    def fail(*_args, **_given):
        raise error

    monkeypatch.setattr(kinds, "make", fail)
    failed = render(queued)
    assert failed.status == WorkStatus.FAILED
    assert failed.failure.startswith(words)
    assert "secret" not in failed.failure
    (entry,) = list_entries("report.failed")
    assert entry["reason"] == failed.failure


def test_full_disk_is_said_and_leaves_no_file(queued, quick_print, monkeypatch):
    def fail(*_args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    failed = render(queued)
    assert failed.failure == "The evidence store is full. Nothing was recorded; free space and send it again."
    assert (failed.file, StoredFile.objects.count()) == (None, 0)


def let_worker_die(report: ComplianceReport) -> None:
    assert leases.claim(ComplianceReport, report.pk) is not None
    ComplianceReport.objects.filter(pk=report.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_report_of_a_dead_worker_is_taken_over(queued, quick_print):
    let_worker_die(queued)
    assert (render(queued).attempts, queued.status) == (2, WorkStatus.SUCCEEDED)
    assert len(list_entries("report.issued")) == 1


def test_report_in_hand_is_left_alone(queued, quick_print):
    leases.claim(ComplianceReport, queued.pk)
    assert press.render(queued.pk) is False
    assert list_entries("report.issued", "report.failed") == []


def test_late_twin_issues_nothing(queued, monkeypatch, caplog):
    made = iter([b"%PDF-1.7 second", b"%PDF-1.7 first"])

    def make_slowly(*_args, **_given):
        """The first worker is taken for dead while it renders; the second has issued when the first comes back."""
        if ComplianceReport.objects.get(pk=queued.pk).attempts == 1:
            ComplianceReport.objects.filter(pk=queued.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
            assert press.render(queued.pk) is True
        return kinds.Made(next(made), 1, "a.pdf")

    monkeypatch.setattr(kinds, "make", make_slowly)
    skip_signing(monkeypatch)
    done = render(queued)
    assert done.attempts == 2
    (entry,) = list_entries("report.issued")
    assert entry["subject"]["digest"] == done.file_id == "sha256:" + hashlib.sha256(b"%PDF-1.7 second").hexdigest()
    assert "was taken over by another worker" in caplog.text


def test_report_that_kills_its_worker_is_given_up(queued, quick_print):
    for _ in range(leases.MOST_ATTEMPTS):
        let_worker_die(queued)
    failed = render(queued)
    assert (failed.status, failed.failure) == (
        WorkStatus.FAILED,
        "Given up: the worker died 3 times while rendering this.",
    )
