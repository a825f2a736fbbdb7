"""A report is PDF/A-3a and PDF/UA-1 in one file, as others read it, and is read aloud in an order that makes sense."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import page
import pikepdf
import pytest

from tests.governance.reports.conftest import Printed

pytestmark = pytest.mark.django_db  # or the database of `printed` would not be made
PROFILES = {"PDF/A-3a": page.ValidationProfile.PDF_A_3A, "PDF/UA-1": page.ValidationProfile.PDF_UA_1}
KNOWN_FALSE_ALARM = "LENGTH"
"""The validator takes a packed stream whose last byte happens to be a line end for one of a wrong length."""


def list_faults(pdf: bytes, profile: str) -> list[str]:
    report = page.validate_pdf_bytes(pdf, profile=PROFILES[profile])
    return [f"{found.rule_id}: {found.message}" for found in report.failures if KNOWN_FALSE_ALARM not in found.rule_id]


@pytest.fixture
def path(printed: Printed, tmp_path: Path) -> Path:
    written = tmp_path / "report.pdf"
    written.write_bytes(printed.made.pdf)
    return written


@pytest.mark.parametrize("profile", PROFILES)
def test_validator_finds_no_fault(printed: Printed, profile: str):
    assert list_faults(printed.made.pdf, profile) == []


def test_validator_finds_what_is_wrong(printed: Printed):
    """It is no use to be accepted by somebody who accepts everything."""
    broken = printed.made.pdf.replace(b"<pdfuaid:part>1</pdfuaid:part>", b"<pdfuaid:part>9</pdfuaid:part>")
    assert broken != printed.made.pdf
    assert list_faults(broken, "PDF/UA-1") != []


def test_qpdf_finds_no_fault(path: Path):
    done = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True, check=True)
    assert "No syntax or stream encoding errors found" in done.stdout
    assert done.stderr == ""


# --- Structure ---------------------------------------------------------------------------------------------------


@pytest.fixture
def opened(path: Path) -> Iterator[pikepdf.Pdf]:
    with pikepdf.open(path) as pdf:
        yield pdf


def walk(element: Any) -> Iterator[Any]:
    below = element.get("/K", [])
    for child in below if isinstance(below, pikepdf.Array) else [below]:
        if isinstance(child, pikepdf.Dictionary) and "/S" in child:
            yield child
            yield from walk(child)


def list_elements(pdf: pikepdf.Pdf, kind: str) -> list[Any]:
    return [element for element in walk(pdf.Root.StructTreeRoot) if str(element.S) == kind]


def test_it_says_what_it_is(opened: pikepdf.Pdf):
    described = opened.Root.Metadata.read_bytes().decode()
    assert (opened.Root.MarkInfo.Marked, str(opened.Root.Lang)) == (True, "en")
    assert bool(opened.Root.ViewerPreferences.DisplayDocTitle)
    assert "Release dossier: Readmission triage, version 1" in described
    for words in ("<pdfaid:part>3", "<pdfaid:conformance>A", "<pdfuaid:part>1"):
        assert words in described.replace('pdfaid:part="3"', "<pdfaid:part>3").replace(
            'pdfaid:conformance="A"', "<pdfaid:conformance>A"
        )


def test_outline_names_every_section(opened: pikepdf.Pdf, printed: Printed):
    with opened.open_outline() as outline:
        (top,) = outline.root
        titles = [item.title for item in top.children]
    assert top.title == printed.dossier.model.name
    assert titles[0] == "Summary"
    assert [title.split()[0] for title in titles[1:]] == [str(number) for number in range(1, 12)]


def test_every_picture_is_told_in_words(opened: pikepdf.Pdf):
    figures = list_elements(opened, "/Figure")
    assert len(figures) >= 6
    assert [str(figure.get("/Alt", "")) for figure in figures if len(str(figure.get("/Alt", ""))) < 20] == []


def test_every_table_has_headers_that_say_what_they_head(opened: pikepdf.Pdf):
    tables, headers = list_elements(opened, "/Table"), list_elements(opened, "/TH")
    assert len(tables) > 20
    assert [table for table in tables if not any(element.S == "/TH" for element in walk(table))] == []
    scopes = {str(pikepdf.Dictionary(header.A).get("/Scope")) for header in headers if "/A" in header}
    assert scopes == {"/Column", "/Row"}
    assert [header for header in headers if "/A" not in header] == []


def test_headings_leave_no_level_out(opened: pikepdf.Pdf):
    levels = [
        int(str(element.S)[2:]) for element in walk(opened.Root.StructTreeRoot) if re.match(r"/H\d", str(element.S))
    ]
    assert levels[0] == 1
    assert [pair for pair in zip(levels, levels[1:], strict=False) if pair[1] > pair[0] + 1] == []


def test_pictures_are_not_smoothed(opened: pikepdf.Pdf):
    """PDF/A forbids it; it is the style sheet that says so."""
    smoothed = [
        item for item in opened.objects if isinstance(item, pikepdf.Stream) and item.get("/Interpolate", False) is True
    ]
    assert smoothed == []


def test_signature_field_is_there_and_empty(opened: pikepdf.Pdf):
    (field,) = opened.Root.AcroForm.Fields
    assert (str(field.FT), str(field.T), "/V" in field) == ("/Sig", "IssuersSignature", False)
    assert [float(edge) for edge in field.Rect] == [0, 0, 0, 0]


def list_marks(element: Any, page: Any = None) -> Iterator[tuple[Any, int]]:
    """(page, number) of every marked piece of content, in the order in which the structure is read."""
    page = element.get("/Pg", page)
    below = element.get("/K", [])
    for child in below if isinstance(below, pikepdf.Array) else [below]:
        if isinstance(child, pikepdf.Dictionary):
            if "/S" in child:
                yield from list_marks(child, page)
        else:
            yield page, int(child)


def test_it_is_read_aloud_in_the_order_in_which_it_is_written(opened: pikepdf.Pdf):
    places = {page.objgen: number for number, page in enumerate(opened.pages)}
    marks = [(places[page.objgen], number) for page, number in list_marks(opened.Root.StructTreeRoot)]
    assert len(marks) > 700
    assert {page for page, _number in marks} == set(range(len(opened.pages)))
    backwards = [pair for pair in zip(marks, marks[1:], strict=False) if pair[1] < pair[0]]
    # Page numbers of the contents float to the right, heads of tables come with their first row: no more than that.
    assert len(backwards) < len(marks) / 20, backwards[:5]


def test_it_is_written_in_the_order_of_its_contents(path: Path):
    done = subprocess.run(["pdftotext", "-raw", path, "-"], capture_output=True, text=True, check=True)
    text = " ".join(done.stdout.split())
    landmarks = [
        *("RELEASE DOSSIER", "Readmission triage", "Gate open", "Dossier digest", "Summary", "Contents"),
        *("1 Purpose and proof of concept", "2 Findings", "3 Requirements", "4 Data and lineage", "5 Evidence"),
        *("6 Bias audits", "7 Explanations", "8 Data quality", "9 Sign-offs and releases", "10 Audit log"),
        "11 Limits, and how to check this report",
    ]
    places, start = [], 0
    for number, landmark in enumerate(landmarks):
        start = text.index(landmark, start)
        if number == landmarks.index("Contents"):
            start = text.index("11 Limits", start) + 1  # the list of contents names all that follows
        places.append(start)
    assert places == sorted(places)
    assert text.count(". . .") == 0  # no leaders: every dot would be read aloud
