"""A framework report: gaps first, every control with what is recorded for it, and where that stands in the log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from governance.actions import answers
from governance.dossier import collect
from governance.frameworks.catalogue import parse_framework, shipped_texts
from governance.frameworks.judging import ControlState
from governance.gate import judge
from governance.models import User
from governance.reports.layouts import LAYOUTS
from tests import cast
from tests.governance.framework_texts import load_shipped
from tests.governance.reports.conftest import Printed, print_report, read_text

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:.*sRGB2014.icc:pytest.PytestUnraisableExceptionWarning"),
]


def print_against(printed: Printed, name: str, key: str) -> tuple[bytes, str]:
    load_shipped(name)
    dossier = collect(printed.version)
    made = print_report(printed.version, dossier, judge(dossier), printed.checkpoint, kind="framework", framework=key)
    return made.pdf, read_text(made.pdf)


def attached(pdf: bytes, name: str) -> dict[str, Any]:
    import io

    from pypdf import PdfReader

    found: dict[str, Any] = json.loads(PdfReader(io.BytesIO(pdf)).attachments[name][0])
    return found


def test_annex_iv_in_its_order_with_gaps_first(printed):
    pdf, text = print_against(printed, "eu_ai_act_high_risk", "eu-ai-act-high-risk")
    assert "TECHNICAL DOCUMENTATION (EU AI ACT, ANNEX IV)" in text.upper()
    assert "Regulation (EU) 2024/1689 as amended by Regulation (EU) 2026/1744" in text
    assert "compliant" not in text.lower()
    assert text.index("Gaps, accepted gaps") < text.index("Annex IV(1)(a)")
    points = [text.rindex(f"Annex IV({point})") for point in ("1)(a", "2)(a", "2)(g", "3", "4", "9")]
    assert points == sorted(points)
    coverage = attached(pdf, "coverage.json")
    assert len(coverage["controls"]) == 100
    assert coverage["framework"]["review_by"] == "2027-02-28"


def test_every_framework_that_ships_has_a_layout_of_its_own():
    assert {parse_framework(text).id for text in shipped_texts().values()} == set(LAYOUTS)


def test_recorded_fact_is_printed_with_its_author_and_its_log_entry(printed):
    developer: User = printed.people["developer"]
    dossier_before = collect(printed.version).digest
    answer = answers.record_answer(
        printed.version,
        fact="monitoring.limits",
        value=["Recall under 0.6 for a week: stop."],
        actor=cast.acting(developer),
    )
    assert collect(printed.version).digest == dossier_before, "what is observed in use is no part of what was signed"
    pdf, text = print_against(printed, "us_mrm_sr_26_2", "us-mrm-sr-26-2")
    assert "Recall under 0.6 for a week: stop." in text
    assert f"Answered by {developer.full_name}" in text
    assert f"log entry {answer.log_index}" in text
    states = {item["state"] for item in attached(pdf, "coverage.json")["controls"]}
    assert ControlState.MISSING.value in states
