"""The record of signatures and the portfolio of a project with a promoted version, printed."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from pypdf import PdfReader

from governance.models import ComplianceReport, RegisteredModel
from governance.reports.kinds import KINDS, Material, make
from governance.reports.signature_record import read_signatures
from tests.governance.reports.conftest import Printed, read_text

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:.*sRGB2014.icc:pytest.PytestUnraisableExceptionWarning"),
]


def print_kind(report: ComplianceReport, checkpoint: Any = None) -> Any:
    reading = KINDS[report.kind].read(report)  # type: ignore[index]
    return make(Material(report, reading, checkpoint), tell=lambda _text: None)


def test_record_of_signatures_names_every_signature_with_its_proof(printed: Printed):
    report = ComplianceReport(version=printed.version, project=printed.version.model.project, kind="signature_record")
    made = print_kind(report, printed.checkpoint)
    text = read_text(made.pdf)
    for words in ("Viktor Hahn", "Carla Mendes", "Amir Rahimi", "Signed the dossier", "Promoted the version", "11.70"):
        assert words in text
    assert printed.dossier.sign_offs[0].dossier_digest in text.replace(" ", "")
    signatures = read_signatures(printed.dossier, printed.checkpoint)["given"]
    assert {item.authentication for item in signatures} == {"password"}
    assert all(item.proof and item.leaf and item.role for item in signatures)
    assert {"dossier.json", "signatures.json"} <= set(PdfReader(io.BytesIO(made.pdf)).attachments)


def test_portfolio_lists_every_model_and_attaches_a_table_that_runs_nothing(printed: Printed):
    project = printed.version.model.project
    RegisteredModel.objects.create(project=project, name="=cmd|' /C calc'!A0", owner=printed.people["developer"])
    made = print_kind(ComplianceReport(project=project, kind="portfolio"), printed.checkpoint)
    text = read_text(made.pdf)
    for words in ("Models by risk tier", "production: v1", "Review of v1 in production", "Nothing is overdue."):
        assert words in text
    attached = PdfReader(io.BytesIO(made.pdf)).attachments
    rows = list(csv.reader(io.StringIO(attached["models.csv"][0].decode("utf-8-sig"))))
    assert len(rows) == 3
    assert not any(cell.startswith("=") for row in rows for cell in row)
    assert "portfolio.json" in attached
