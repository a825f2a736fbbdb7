"""Compliance reports: asked for, watched, downloaded with their receipt, and checked by the offline verifier."""

from __future__ import annotations

import hashlib

import pytest

from countersign import verifier
from governance import auditlog, store
from governance.actions import reports
from governance.actors import SYSTEM, Actor
from governance.auditlog import Subject
from governance.models import AuditLogEntry, ComplianceReport, User, WorkStatus
from governance.signer import sign_once
from governance.signer_files import read_vkey
from tests import cast
from tests.governance.framework_texts import load_shipped
from tests.portal.pages.browsing import browse, count_queries, text_of

PDF = b"%PDF-1.7\nnot rendered here\n"


@pytest.fixture(autouse=True)
def _own_data(settings, tmp_path):
    (tmp_path / "keys").mkdir()
    settings.COUNTERSIGN_DATA = tmp_path


def request(version, user: User) -> ComplianceReport:
    return reports.request_report(version, actor=cast.acting(user))


def issue(version, user: User) -> ComplianceReport:
    """A report issued as the press does, without the minutes that rendering takes."""
    report = request(version, user)
    stored = store.save([PDF])
    entry = auditlog.append(
        "report.issued",
        actor=Actor(User.objects.system(), SYSTEM),
        subject=Subject("report", report.pk, str(report), stored.digest),
        project=version.model.project,
    )
    ComplianceReport.objects.filter(pk=report.pk).update(
        status=WorkStatus.SUCCEEDED, file=stored, file_name="triage v1.pdf", page_count=9, log_index=entry.index
    )
    report.refresh_from_db()
    return report


def test_every_member_may_ask_and_lands_on_the_report(version, auditor) -> None:
    answer = browse(auditor).post(f"/versions/{version.pk}/reports/new/")

    report = ComplianceReport.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/reports/{report.pk}/")
    assert report.requested_by == auditor
    assert AuditLogEntry.objects.latest("index").type == "report.requested"


def test_report_in_the_making_asks_for_itself_again(version, developer) -> None:
    report = request(version, developer)
    client = browse(developer)
    path = f"/reports/{report.pk}/"

    assert f'hx-get="{path}"' in text_of(client.get(path))
    ComplianceReport.objects.filter(pk=report.pk).update(status=WorkStatus.RUNNING, progress="Drawing charts")
    part = text_of(client.get(path, headers={"HX-Request": "true"}))
    assert "Drawing charts" in part
    assert part.startswith('<div id="report-state" hx-get=')


def test_finished_report_is_shown_whole_once_it_is_sealed(version, developer) -> None:
    report = issue(version, developer)
    client, path = browse(developer), f"/reports/{report.pk}/"
    unsealed = client.get(path, headers={"HX-Request": "true"})
    assert f'href="{path}file"' in text_of(unsealed)
    assert f'href="{path}receipt"' not in text_of(unsealed)
    sign_once()

    assert client.get(path, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    page = text_of(client.get(path))
    assert '<div id="report-state">' in page
    assert f'href="{path}receipt"' in page


def test_failure_is_said_and_can_be_tried_again(version, developer) -> None:
    report = request(version, developer)
    ComplianceReport.objects.filter(pk=report.pk).update(status=WorkStatus.FAILED, failure="The disk is <full>.")
    client = browse(developer)
    page = text_of(client.get(f"/reports/{report.pk}/"))

    assert "The disk is &lt;full&gt;." in page
    assert f'action="/versions/{version.pk}/reports/new/"' in page
    client.post(f"/versions/{version.pk}/reports/new/")
    assert ComplianceReport.objects.count() == 2


def test_download_gives_the_stored_bytes_as_attachment(version, developer) -> None:
    report = issue(version, developer)
    answer = browse(developer).get(f"/reports/{report.pk}/file")

    assert answer.getvalue() == PDF
    assert answer["Content-Disposition"] == 'attachment; filename="triage v1.pdf"'
    assert answer["Content-Type"] == "application/pdf"
    assert answer["ETag"] == f'"sha256:{hashlib.sha256(PDF).hexdigest()}"'
    assert "no-store" in answer["Cache-Control"]


def test_receipt_and_file_satisfy_the_offline_verifier(version, developer) -> None:
    report = issue(version, developer)
    client = browse(developer)
    assert client.get(f"/reports/{report.pk}/receipt").status_code == 404
    sign_once()

    receipt = client.get(f"/reports/{report.pk}/receipt").json()
    vkey = read_vkey() or ""
    verdict = verifier.verify_receipt(PDF, receipt, [vkey], entry_type="report.issued")

    assert verdict.outcome == verifier.Outcome.GOOD, verdict.message
    assert verifier.verify_receipt(PDF + b" ", receipt, [vkey]).outcome == verifier.Outcome.TAMPERED


def test_page_tells_the_commands_with_quoted_names(version, developer) -> None:
    report = issue(version, developer)
    sign_once()
    page = text_of(browse(developer).get(f"/reports/{report.pk}/"))

    assert "sha256sum &#x27;triage v1.pdf&#x27;" in page
    assert f"&#x27;triage v1.pdf&#x27; report-{report.pk}.receipt.json --key" in page


def test_report_without_file_has_no_downloads(version, developer) -> None:
    report = request(version, developer)
    client = browse(developer)

    assert client.get(f"/reports/{report.pk}/file").status_code == 404
    assert client.get(f"/reports/{report.pk}/receipt").status_code == 404


def test_missing_stored_file_is_not_found_rather_than_a_failure(version, developer) -> None:
    report = issue(version, developer)
    store.path_of(report.file_id or "").unlink()

    assert browse(developer).get(f"/reports/{report.pk}/file").status_code == 404


def test_list_is_narrowed_by_model_and_status(version, developer) -> None:
    issue(version, developer)
    client = browse(developer)

    assert len(client.get(f"/reports/?model={version.model_id}&status=SUCCEEDED").context["page"].rows) == 1
    assert "No report fits" in text_of(client.get("/reports/?status=FAILED"))
    assert "No report fits" in text_of(client.get("/reports/?status=NONSENSE"))


def test_list_asks_as_often_with_three_as_with_one(version, developer, auditor) -> None:
    issue(version, developer)
    client = browse(developer)
    with_one = count_queries(client, "/reports/")
    issue(version, auditor)
    request(version, auditor)

    assert count_queries(client, "/reports/") == with_one


def test_kinds_are_offered_with_what_is_open_against_each(version, developer) -> None:
    load_shipped("nyc_ll144")
    page = text_of(browse(developer).get(f"/versions/{version.pk}/reports/new/"))
    assert "Release dossier" in page
    assert "Bias audit record (NYC Local Law 144)" in page
    assert "not known whether it applies" in page
    assert "among 20 controls" in page


def test_framework_report_is_asked_for_by_its_framework(version, developer) -> None:
    load_shipped("nyc_ll144")
    asked = {"kind": "framework", "framework": "nyc-ll144"}
    browse(developer).post(f"/versions/{version.pk}/reports/new/", asked)
    report = ComplianceReport.objects.get()
    assert (report.kind, report.framework) == ("framework", "nyc-ll144")
    assert report.kind_title == "Bias audit record (NYC Local Law 144)"
    ComplianceReport.objects.filter(pk=report.pk).update(status=WorkStatus.FAILED, failure="The disk is full.")
    page = text_of(browse(developer).get(f"/reports/{report.pk}/"))
    assert 'name="framework" value="nyc-ll144"' in page, "trying again asks for the same report"


@pytest.mark.parametrize(
    "asked", [{"kind": "framework"}, {"kind": "framework", "framework": "moon-law"}, {"framework": "nyc-ll144"}]
)
def test_report_of_no_kind_is_refused(version, developer, asked) -> None:
    load_shipped("nyc_ll144")
    answer = browse(developer).post(f"/versions/{version.pk}/reports/new/", asked)
    assert answer.status_code == 400
    assert not ComplianceReport.objects.exists()


def test_a_past_day_is_asked_for_on_the_pages_of_version_and_project(version, auditor) -> None:
    browser, project = browse(auditor), version.model.project
    moment = AuditLogEntry.objects.latest("index").at.strftime("%Y-%m-%dT%H:%M:%S.%f")
    for page in (f"/versions/{version.pk}/reports/new/", f"/projects/{project.pk}/reports/new/"):
        assert 'name="as_of"' in browser.get(page).content.decode()
        early = browser.post(page, {"kind": "as_of", "as_of": "2001-01-01T00:00"})
        assert early.status_code == 400
        assert "The log holds nothing of this" in text_of(early)
        assert browser.post(page, {"kind": "as_of"}).status_code == 400
        assert browser.post(page, {"kind": "as_of", "as_of": moment}).status_code == 302


def test_datasheet_and_portfolios_are_asked_for_where_they_belong(
    version, auditor, stranger, organisation_administrator
):
    data = version.dataset_uses.first().dataset_version
    page = browse(auditor).get(f"/datasets/{data.dataset_id}/").content.decode()
    assert f'action="/dataset-versions/{data.pk}/reports/new/"' in page
    answer = browse(auditor).post(f"/dataset-versions/{data.pk}/reports/new/")
    report = ComplianceReport.objects.get(kind="datasheet")
    assert answer["Location"] == f"/reports/{report.pk}/"
    assert str(data) in browse(auditor).get(answer["Location"]).content.decode()
    assert "organisation/new" not in browse(auditor).get("/reports/").content.decode()
    assert "organisation/new" in browse(organisation_administrator).get("/reports/").content.decode()
    assert browse(auditor).post("/reports/organisation/new/").status_code == 403
    browse(organisation_administrator).post("/reports/organisation/new/")
    whole = ComplianceReport.objects.get(kind="portfolio")
    assert "The whole organisation" in browse(organisation_administrator).get("/reports/").content.decode()
    assert browse(organisation_administrator).get(f"/reports/{whole.pk}/").status_code == 200
    for user, expected in ((auditor, 404), (stranger, 404)):
        assert browse(user).get(f"/reports/{whole.pk}/").status_code == expected
