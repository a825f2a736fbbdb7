"""Reports that are not of a version, and the record of signatures: what they print, for whom, in how many queries."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader

from governance.actions import lineage, reports
from governance.actors import API_TOKEN, Actor
from governance.canonical import canonical_digest
from governance.exceptions import InvalidInput, NotPermitted
from governance.models import AuditLogEntry, ComplianceReport, DatasetVersion, RegisteredModel
from governance.report_standing import judge_standing
from governance.reports.datasheet import read_datasheet
from governance.reports.kinds import KINDS, Content, Material, make
from governance.reports.portfolio import read_portfolio
from tests import cast
from tests.governance.reports.conftest import read_text

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:.*sRGB2014.icc:pytest.PytestUnraisableExceptionWarning"),
]


def print_kind(report: ComplianceReport, checkpoint: Any = None) -> Any:
    reading = KINDS[report.kind].read(report)  # type: ignore[index]
    return make(Material(report, reading, checkpoint), tell=lambda _text: None)


def test_datasheet_prints_what_is_recorded_and_gaps(version, developer):
    data = DatasetVersion.objects.filter(uses__version=version).order_by("pk").last()
    assert data is not None
    report = reports.request_report(data, actor=cast.acting(developer))
    made = print_kind(report)
    text = read_text(made.pdf)
    for words in ("Motivation", "Maintenance", "Not recorded.", str(data), "Under which licence", "as test data"):
        assert words in text
    reading = read_datasheet(data)
    attached = PdfReader(io.BytesIO(made.pdf)).attachments["datasheet.json"][0]
    assert canonical_digest(reading.document) == reading.digest
    assert data.digest.encode() in attached
    assert made.file_name.endswith("-datasheet.pdf")
    lineage.recall_dataset_version(data, reason="Consent was withdrawn.", actor=cast.acting(developer))
    data.refresh_from_db()
    assert "Consent was withdrawn." in str(read_datasheet(data).document)


def test_portfolio_asks_as_much_for_many_models_as_for_few(version):
    project = version.model.project

    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            read_portfolio(project)
        return len(asked)

    few = count()
    RegisteredModel.objects.bulk_create(
        RegisteredModel(project=project, name=f"Model {n}", owner=version.model.owner) for n in range(50)
    )
    assert count() == few
    assert few <= 12
    assert len(read_portfolio(None).rows) == 51


def test_capped_portfolio_says_so(version):
    report = ComplianceReport(project=version.model.project, kind="portfolio")
    reading = read_portfolio(version.model.project)
    many = type(reading)(**{**reading.__dict__, "rows": reading.rows * 301})
    content: Content = KINDS[report.kind].build(Material(report, many, None))  # type: ignore[index]
    assert (len(content.context["rows"]), content.context["left_out"]) == (300, 1)


def test_who_may_ask_for_which_report(version, developer, stranger, organisation_administrator):
    project = version.model.project
    data = DatasetVersion.objects.filter(uses__version=version).first()
    for subject in (project, data, version):
        reports.request_report(subject, actor=cast.acting(developer))
        with pytest.raises(NotPermitted):
            reports.request_report(subject, actor=cast.acting(stranger))
    with pytest.raises(NotPermitted):
        reports.request_report(None, actor=cast.acting(developer))
    whole = reports.request_report(None, actor=cast.acting(organisation_administrator))
    assert str(whole) == "Portfolio report of the organisation"
    assert not ComplianceReport.objects.visible_to(developer).filter(pk=whole.pk).exists()
    bound = Actor(organisation_administrator, API_TOKEN, scopes=frozenset({"report"}), token_project_id=project.pk)
    with pytest.raises(NotPermitted):
        reports.request_report(None, actor=bound)
    with pytest.raises(InvalidInput):
        reports.request_report(project, kind="datasheet", actor=cast.acting(developer))
    assert AuditLogEntry.objects.filter(type="report.requested").count() == 4


def test_database_refuses_a_report_of_the_wrong_subject(version, developer):
    for given in ({"kind": "datasheet", "project": version.model.project}, {"kind": "as_of", "version": version}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ComplianceReport.objects.create(requested_by=developer, **given)


def test_datasheet_of_data_that_was_recalled_is_withdrawn(version, developer):
    data = DatasetVersion.objects.filter(uses__version=version).first()
    first, second = (reports.request_report(data, actor=cast.acting(developer)) for _ in range(2))
    fields = {"status": "SUCCEEDED", "document_digest": "sha256:" + "1" * 64, "log_index": 1}
    ComplianceReport.objects.all().update(**fields)
    first.refresh_from_db()
    assert judge_standing(first) == "valid"
    ComplianceReport.objects.filter(pk=second.pk).update(document_digest="sha256:" + "2" * 64)
    assert judge_standing(first) == "superseded"
    lineage.recall_dataset_version(data, reason="Consent was withdrawn.", actor=cast.acting(developer))
    assert judge_standing(first) == "withdrawn"
