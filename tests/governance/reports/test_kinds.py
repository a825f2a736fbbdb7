"""Every kind of report is made of the same reading, names what is missing, and never says that anything complies."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from django.template.loader import render_to_string
from pypdf import PdfReader

from governance.frameworks.recorded import Recorded, Signature, Source, Strength
from governance.models import ReportKind
from governance.reports.declaration import build_declaration
from governance.reports.kinds import KINDS
from governance.reports.model_card import CARD, build_card, escape, write_markdown
from tests.governance.framework_texts import load_shipped
from tests.governance.reports.conftest import Printed, print_report, read_text

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:.*sRGB2014.icc:pytest.PytestUnraisableExceptionWarning"),
]
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def says(fact: str, value: Any, **given: Any) -> Recorded:
    return Recorded(fact, value, Strength.STATEMENT, NOW, ("Mira",), Source("answer", 1, "Answered by Mira"), **given)


def make(printed: Printed, kind: str, **given: str) -> Any:
    return print_report(printed.version, printed.dossier, printed.decision, printed.checkpoint, kind=kind, **given)


def test_every_kind_can_be_made():
    assert set(KINDS) == set(ReportKind)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("public_summary", ["No table by Race or ethnicity is recorded.", "The rule sets no pass mark."]),
        ("declaration", ["EU declaration of conformity: draft", "Nobody has signed the recorded items as they stand."]),
        ("model_card", ["Intended use", "Order the call-back list of a clinic.", "Not recorded:"]),
    ],
)
def test_kind_prints_what_is_recorded_and_what_is_not(printed: Printed, kind: str, said: list[str]):
    load_shipped("eu_ai_act_high_risk")
    made = make(printed, kind)
    text = read_text(made.pdf)
    for words in said:
        assert words in text
    assert "compliant" not in text.lower()
    reader = PdfReader(io.BytesIO(made.pdf))
    assert "dossier.json" in reader.attachments
    if made.companion is not None:
        assert reader.attachments[made.companion.name][0] == made.companion.content


def test_companion_of_a_model_card_is_markdown_with_metadata(printed: Printed):
    made = make(printed, "model_card")
    assert made.companion is not None
    front, _, body = made.companion.content.decode().removeprefix("---\n").partition("\n---\n")
    told = yaml.safe_load(front)
    metrics = told["model-index"][0]["results"][0]["metrics"]
    measured = {
        item.metric: item.value for item in printed.dossier.evaluations[0].measures if item.population == "overall"
    }
    assert metrics
    assert all(item["value"] == measured[item["type"]] for item in metrics)
    assert body.lstrip().startswith("# Readmission triage, version 1")
    assert printed.dossier.digest in body


def test_markdown_of_people_is_text_in_a_card(printed: Printed):
    hostile = "# Title\n<script>alert(1)</script> [here](javascript:x) `code` ![](https://example.org/x.png)"
    card = build_card(
        {"system.intended_purpose": says("system.intended_purpose", hostile)}, dict.fromkeys(all_asked(), "T")
    )
    text = write_markdown(printed.dossier, card)
    assert "<script" not in text
    assert "](javascript" not in text
    assert "\\# Title" in text
    assert escape("a & b") == "a &amp; b"


def all_asked() -> list[str]:
    return [fact for _heading, asked in CARD.values() for fact in asked]


def test_declaration_takes_from_the_record_what_it_does_not_say_itself():
    recorded = {
        "conformity.declaration_fields": says("conformity.declaration_fields", {"provider": "Northfield Hospital"}),
        "system.identifier": says("system.identifier", "Readmission triage v1"),
    }
    points = {point.number: point for point in build_declaration(recorded)["points"]}
    assert sorted(points) == list(range(1, 9))
    assert points[2].lines == ("Northfield Hospital",)
    assert points[2].source == ""
    assert points[1].lines == ("Readmission triage v1",)
    assert points[1].source == "Answered by Mira"
    assert points[3].lines == ()


def test_declaration_shows_who_signed_it():
    signature = Signature("Ines Roth", "approver", "declaration of conformity", NOW)
    found = build_declaration({"conformity.declaration": says("conformity.declaration", "x", signatures=(signature,))})
    assert found["signatures"] == (signature,)


def test_hostile_text_is_text_in_every_template(printed: Printed):
    """What people wrote is escaped by every template that prints it."""
    card = build_card({"system.users": says("system.users", ["<b>nurses</b>"])}, dict.fromkeys(all_asked(), "T"))
    context = {
        "language": "en",
        "dossier": printed.dossier,
        "decision": printed.decision,
        "chapters": card,
        "audits": [],
        "explanations": [],
        "qualities": [],
    }
    assert "&lt;b&gt;nurses&lt;/b&gt;" in render_to_string("reports/model_card.html", context)
