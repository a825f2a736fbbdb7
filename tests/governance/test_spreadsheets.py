"""Tables as CSV and workbooks: nothing in them runs, numbers stay numbers, odd characters do no harm."""

from __future__ import annotations

import csv
import io
import math
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from governance import spreadsheets
from governance.exceptions import InvalidInput
from governance.spreadsheets import Column, Table, stream_csv, write_workbook

MADE_AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
ATTACKS = [
    "=1+1",
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "\u00a0=1",
    "\u200b=1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff20x",
    "\u22121",
    '=HYPERLINK("http://x","y")',
]


def table(*values: object) -> Table:
    return Table("odd-values", "Odd values", (Column("Value", lambda row: row),), values)


def read_csv(of: Table) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(stream_csv(of)).decode("utf-8-sig"), newline="")))


def sheet_of(data: bytes) -> ElementTree.Element:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - our own


def cells_of(data: bytes) -> list[tuple[str | None, str]]:
    return [
        (cell.get("t"), "".join(cell.itertext()))
        for cell in sheet_of(data).iter("{http://schemas.openxmlformats.org/spreadsheetml/2006/main}c")
    ]


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_that_would_be_a_formula_is_text_in_csv(attack: str) -> None:
    assert read_csv(table(attack))[1] == [f"'{attack}"]


def test_no_formula_and_no_link_is_in_a_workbook() -> None:
    data = write_workbook([table(*ATTACKS, "https://example.test")], title="=1", made_at=MADE_AT)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert not any("rels" in name and "sheet" in name for name in archive.namelist())
    kinds = [kind for kind, text in cells_of(data)]
    assert set(kinds) == {"inlineStr"}
    assert not list(sheet_of(data).iter("{http://schemas.openxmlformats.org/spreadsheetml/2006/main}f"))


def test_numbers_stay_numbers_and_what_is_none_is_said_in_words() -> None:
    values = (-1, 2.5, Decimal("-0.8"), math.nan, -math.inf, 2**60, True, None)
    assert [line[0] if line else "" for line in read_csv(table(*values))[1:]] == [
        *("-1", "2.5", "-0.8", "not a number", "infinite", str(2**60), "true", ""),
    ]
    cells = cells_of(write_workbook([table(*values)], title="Numbers", made_at=MADE_AT))
    assert [kind for kind, text in cells[1:]] == [None, None, None, "inlineStr", "inlineStr", "inlineStr", "b"]


def test_what_xml_cannot_hold_and_other_scripts_do_no_harm() -> None:
    odd = ["a\x00b\x0b\x1f", "\ud800", "\uffff", "مرحبا", "模型", "_x000D_", "x" * 40_000, "line\nline"]
    cells = cells_of(write_workbook([table(*odd)], title="\x00", made_at=MADE_AT))
    assert [text for kind, text in cells[1:6]] == ["a\ufffdb\ufffd\ufffd", "\ufffd", "\ufffd", "مرحبا", "模型"]
    assert cells[6][1] == "_x005F_x000D_"
    assert len(cells[7][1]) == spreadsheets.LONGEST_CELL
    assert read_csv(table(*odd))[4] == ["مرحبا"]


def test_the_same_rows_give_the_same_bytes() -> None:
    made = {write_workbook([table("a", 1)], title="Same", made_at=MADE_AT) for _ in range(2)}
    assert len(made) == 1


def test_sheets_have_names_that_a_spreadsheet_takes() -> None:
    tables = [Table(name, "", (), ()) for name in ("a/b:c*" + "x" * 40, "a/b:c*" + "x" * 41, "History", "", "'quoted'")]
    with zipfile.ZipFile(io.BytesIO(write_workbook(tables, title="", made_at=MADE_AT))) as archive:
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314 - our own
    names = [item.get("name") for item in book.iter() if item.tag.endswith("}sheet")]
    assert len({name.casefold() for name in names}) == 5
    assert all(len(name) <= 31 and not set(name) & set("[]:*?/\\") for name in names)


def test_csv_comes_block_by_block_and_ends_where_a_spreadsheet_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = stream_csv(table(*(["x" * 1_000] * 200)))
    assert len(next(blocks)) < 100_000
    monkeypatch.setattr(spreadsheets, "MOST_ROWS", 2)
    with pytest.raises(InvalidInput):
        b"".join(stream_csv(table(1, 2, 3)))
