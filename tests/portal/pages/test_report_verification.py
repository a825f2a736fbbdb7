"""The page a printed report leads to: anybody may drop a file and is told one word about it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from governance import auditlog, store
from governance.actors import SYSTEM, Actor
from governance.auditlog import Subject
from governance.dossier import collect, keep
from governance.models import AuditLogEntry, ComplianceReport, ModelVersion, User, WorkStatus
from governance.report_standing import Standing, find_report, judge_standing
from portal.pages.views import report_verification
from tests import cast

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7 an issued report"


@pytest.fixture(autouse=True)
def _data(tmp_path, settings) -> None:
    (tmp_path / "keys").mkdir()
    settings.COUNTERSIGN_DATA = tmp_path


def issue(version: ModelVersion, user: User, content: bytes = PDF, **changed: Any) -> ComplianceReport:
    """A report as the press leaves it, without what rendering takes."""
    report = ComplianceReport.objects.create(version=version, project=version.model.project, requested_by=user)
    stored = store.save([content])
    entry = auditlog.append(
        "report.issued",
        actor=Actor(User.objects.system(), SYSTEM),
        subject=Subject("report", report.pk, str(report), stored.digest),
        project=version.model.project,
        data={"dossier": collect(version).digest},
    )
    fields = {"status": WorkStatus.SUCCEEDED, "file": stored, "file_name": "a.pdf", "log_index": entry.index}
    ComplianceReport.objects.filter(pk=report.pk).update(**fields | {"dossier": keep(collect(version))} | changed)
    report.refresh_from_db()
    return report


def drop(client: Client, content: bytes = PDF) -> str:
    answer = client.post("/verify", {"file": SimpleUploadedFile("report.pdf", content)})
    assert answer.status_code == 200
    assert answer["Cache-Control"].startswith("max-age=0") or "no-store" in answer["Cache-Control"]
    return answer.content.decode()


def test_visitor_without_an_account_may_ask(client):
    page = client.get("/verify")
    assert page.status_code == 200
    assert "Drop a file here or choose one" in page.content.decode()


def test_visitor_learns_one_word_and_nothing_of_the_report(client, version, auditor):
    issue(version, auditor)
    said = drop(client)
    assert '<h2 class="verdict-title" id="standing">Valid</h2>' in said
    for secret in (version.model.name, version.model.project.name, "/reports/", auditor.full_name):
        assert secret not in said


def test_member_is_led_to_the_report_and_a_stranger_is_not(client, version, auditor, stranger):
    report = issue(version, auditor)
    client.force_login(auditor)
    assert f'href="/reports/{report.pk}/"' in drop(client)
    client.force_login(stranger)
    assert "/reports/" not in drop(client)


@pytest.mark.parametrize("content", [b"", PDF + b"\n", PDF[:-1], b"something else"])
def test_any_other_file_is_unknown(client, version, auditor, content):
    issue(version, auditor)
    said = drop(client, content)
    assert ">Unknown</h2>" in said
    assert ">Valid</h2>" not in said


def test_report_whose_entry_says_otherwise_is_unknown(version, auditor):
    report = issue(version, auditor)
    ComplianceReport.objects.filter(pk=report.pk).update(log_index=0)
    assert find_report(report.file_id) is None
    assert judge_standing(None) == Standing.UNKNOWN


def test_later_report_that_shows_something_else_supersedes(client, version, auditor, developer):
    issue(version, auditor)
    issue(version, auditor, b"%PDF-1.7 the same reading again")
    assert ">Valid</h2>" in drop(client)
    cast.submit(version, "file", by=developer, file=[b"late"], file_name="late.txt")
    issue(version, auditor, b"%PDF-1.7 another reading")
    assert ">Superseded</h2>" in drop(client)


def test_report_on_a_version_that_was_taken_out_is_withdrawn(client, version, auditor):
    issue(version, auditor)
    ModelVersion.objects.filter(pk=version.pk).update(state="RETIRED")
    assert ">Withdrawn</h2>" in drop(client)


def test_file_that_is_too_large_and_no_file_are_refused(client, monkeypatch):
    assert client.post("/verify").status_code == 400
    monkeypatch.setattr(report_verification, "LARGEST_FILE", 10)
    answer = client.post("/verify", {"file": SimpleUploadedFile("a.pdf", b"x" * 11)})
    assert (answer.status_code, "No report is as large" in answer.content.decode()) == (400, True)


def test_nothing_is_kept_of_what_is_dropped(client, tmp_path):
    before = AuditLogEntry.objects.count()
    drop(client, b"a secret file")
    kept = (
        [path for path in (tmp_path / "evidence").rglob("*") if path.is_file()]
        if (tmp_path / "evidence").exists()
        else []
    )
    assert (kept, AuditLogEntry.objects.count()) == ([], before)


def test_form_needs_its_token():
    answer = Client(enforce_csrf_checks=True).post("/verify", {"file": SimpleUploadedFile("a.pdf", PDF)})
    assert answer.status_code == 403
