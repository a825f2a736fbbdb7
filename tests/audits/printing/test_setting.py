"""Setting pages: what no font has is spelled out, nothing is fetched, and the same comes out every time."""

from __future__ import annotations

import base64
import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from audits.errors import BadInput
from audits.printing import setting
from audits.printing.job import run_printing
from audits.sandbox.sandbox import run_job

pytestmark = pytest.mark.filterwarnings("ignore:.*sRGB2014.icc:pytest.PytestUnraisableExceptionWarning")
STYLE = 'html { font-family: Inter, "Noto Sans", "DejaVu Sans" }'


def prepare(folder: Path, body: str, files: dict[str, bytes] | None = None) -> tuple[dict[str, Path], dict[str, Any]]:
    """The inputs and the specification of a job that prints ``body``."""
    inputs = {"pages": folder / "pages.html", "files": folder / "files.bin"}
    inputs["pages"].write_text(f'<html lang="en"><head><title>T</title></head><body>{body}</body></html>')
    given = files or {}
    inputs["files"].write_bytes(b"".join(given.values()))
    listed = [{"name": name, "description": name, "size": len(content)} for name, content in given.items()]
    spec = {"style": STYLE, "identifier": "ab" * 16, "made_at": "2026-11-21T12:00:00+00:00", "files": listed}
    return inputs, spec


def read(made: dict[str, Any]) -> PdfReader:
    pdf = base64.b64decode(made["pdf"])
    assert hashlib.sha256(pdf).hexdigest() == made["sha256"]
    return PdfReader(io.BytesIO(pdf))


def print_here(folder: Path, body: str, files: dict[str, bytes] | None = None) -> dict[str, Any]:
    return run_printing(*prepare(folder, body, files), lambda _share, _what: None)


@pytest.mark.parametrize(
    "text", ["分流模型 トリアージ 모델", "نموذج الفرز", "מערכת", "मूल्यांकन", "ประเมิน", "Größe Łódź Ω Ж"]
)
def test_scripts_of_the_install_have_their_glyphs(tmp_path, text):
    assert "U+" not in read(print_here(tmp_path, f"<p>{text}</p>")).pages[0].extract_text()


@pytest.mark.parametrize(("character", "spelled"), [("\U0001fae0", "[U+1FAE0]"), ("\ue123", "[U+E123]")])
def test_character_that_no_font_has_is_spelled_out(tmp_path, character, spelled):
    text = (
        read(print_here(tmp_path, f'<h1 title="{character}">Name {character} &amp; more</h1>')).pages[0].extract_text()
    )
    assert text.replace(" ", "") == f"Name{spelled}&more"


def test_what_cannot_be_spelled_out_is_a_failure_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(setting, "spell_out", lambda html, _missing: html)
    with pytest.raises(BadInput, match=r"No font on the machine of the worker has a glyph for U\+1FAE0\. The operator"):
        print_here(tmp_path, "<p>\U0001fae0</p>")


def test_too_many_pages_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(setting, "MOST_PAGES", 2)
    with pytest.raises(BadInput, match="It would have 3 pages; 2 are printed at most"):
        print_here(tmp_path, '<p style="break-after: page">x</p>' * 2 + "<p>y</p>")


def test_sandboxed_child_and_this_process_print_the_same_bytes(tmp_path):
    files = {"a.json": b"{}", "b.bin": bytes(range(256))}
    inputs, spec = prepare(tmp_path, "<h1>Same</h1><p>分流 😀 text</p>", files)
    behind_walls = run_job("printing", inputs, spec)
    assert behind_walls == run_printing(inputs, spec, lambda _share, _what: None)
    assert {name: found[0] for name, found in read(behind_walls).attachments.items()} == files


def test_list_in_columns_and_headings_out_of_step_are_mended(tmp_path):
    import page

    body = '<h1>A</h1><h4>B</h4><ul style="columns: 2">' + "<li>x</li>" * 6 + "</ul><dl><dt>T</dt> <dd>M</dd></dl>"
    pdf = base64.b64decode(print_here(tmp_path, body)["pdf"])
    report = page.validate_pdf_bytes(pdf, profile=page.ValidationProfile.PDF_UA_1)
    assert [found.rule_id for found in report.failures] == []
