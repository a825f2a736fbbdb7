"""Tables as CSV and as Excel workbooks, from one definition of their columns.

Whoever opens such a file trusts it as they trust this portal, so nothing that people wrote may run there: text that a
spreadsheet would read as a formula is given an apostrophe in CSV and is stored as text in a workbook. Numbers stay
numbers. The same rows give the same bytes.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise

from governance.exceptions import InvalidInput

Value = str | int | float | Decimal | bool | date | datetime | None
MOST_ROWS = 1_000_000
"""A sheet holds 1,048,576 rows."""
LONGEST_CELL = 32_767
LARGEST_EXACT = 2**53
"""A spreadsheet keeps 15 to 17 digits of a number; what is longer goes as text."""
CSV_BLOCK = 1 << 16
# Excel guesses the encoding of a CSV file without it and shows "GrÃ¶ÃŸe"; every other reader skips it.
BYTE_ORDER_MARK = "\ufeff"
# What starts a formula or ends a cell, after blanks that programs drop. Full-width signs count in East Asian settings.
FORMULA = re.compile(r"[\s\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20\u2212\ufe63]|[\t\r\n]")
# Characters that XML 1.0 cannot hold, halves of pairs included.
UNSPEAKABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
FORBIDDEN_IN_SHEET_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f]")


@dataclass(frozen=True)
class Column:
    """``title`` heads it and ``read`` takes its value from a row; ``width`` in characters, for a workbook."""

    title: str | Promise
    read: Callable[[Any], Value]
    width: int = 20


@dataclass(frozen=True)
class Table:
    """``name`` is its file's and its sheet's: lower-case words joined by hyphens."""

    name: str
    title: str | Promise
    columns: tuple[Column, ...]
    rows: Iterable[Any]

    def lines(self) -> Iterator[list[Value]]:
        """The values, row by row. Raises ``InvalidInput`` past ``MOST_ROWS``."""
        for number, row in enumerate(self.rows):
            if number >= MOST_ROWS:
                raise InvalidInput(f"The table has more than {MOST_ROWS:,} rows, which no spreadsheet holds.")
            yield [column.read(row) for column in self.columns]


def stream_csv(table: Table) -> Iterator[bytes]:
    """Yield the table as CSV (RFC 4180, UTF-8 with a byte order mark), block by block."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    buffer.write(BYTE_ORDER_MARK)
    writer.writerow([_harmless(str(column.title)) for column in table.columns])
    for line in table.lines():
        writer.writerow([_spell(value) for value in line])
        if buffer.tell() >= CSV_BLOCK:
            yield _take(buffer)
    yield _take(buffer)


def write_workbook(tables: Iterable[Table], *, title: str, made_at: datetime) -> bytes:
    """The tables as a workbook, a sheet each. ``made_at`` is recorded in it as the time of its making."""
    from xlsxwriter import Workbook

    target = io.BytesIO()
    book = Workbook(
        target,
        {
            # Rows are written as they come and no formula or link is made of what people wrote.
            **{"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False},
            **{"strings_to_numbers": False, "nan_inf_to_errors": False, "default_date_format": "yyyy-mm-dd hh:mm:ss"},
        },
    )
    book.set_properties({"title": clean(title)[:255], "created": made_at.astimezone(UTC).replace(tzinfo=None)})
    formats = {
        "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
        "text": book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"}),
        "plain": book.add_format({"valign": "top"}),
    }
    used: set[str] = set()
    for table in tables:
        sheet = book.add_worksheet(_name_sheet(table.name, used))
        _fill(sheet, table, formats)
    book.close()
    return target.getvalue()


def _fill(sheet: Any, table: Table, formats: dict[str, Any]) -> None:
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(table.columns):
        sheet.set_column(place, place, column.width)
        sheet.write_string(0, place, _fit(str(column.title)), formats["head"])
    for row, line in enumerate(table.lines(), start=1):
        for place, value in enumerate(line):
            if isinstance(value, bool):
                sheet.write_boolean(row, place, value, formats["plain"])
            elif _is_number(value):
                sheet.write_number(row, place, value, formats["plain"])
            elif value is not None:
                sheet.write_string(row, place, _fit(_say(value)), formats["text"])


def clean(text: str) -> str:
    """Text without what XML cannot hold; each such character becomes U+FFFD."""
    return UNSPEAKABLE.sub("\ufffd", text)


def _spell(value: Value) -> str:
    """A value in CSV. Only text can be a formula: a negative number stays a number."""
    if value is None:
        return ""
    if _is_number(value) or isinstance(value, bool | date):
        return _say(value)
    return _harmless(_say(value))


def _harmless(text: str) -> str:
    plain = clean(text)
    return f"'{plain}" if FORMULA.match(plain) else plain


def _say(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if value.tzinfo else value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    return value.isoformat() if isinstance(value, date) else str(value)


def _is_number(value: Value) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    return math.isfinite(value) and (not isinstance(value, int) or abs(value) <= LARGEST_EXACT)


def _fit(text: str) -> str:
    plain = clean(text)
    return plain if len(plain) <= LONGEST_CELL else f"{plain[: LONGEST_CELL - 1]}…"


def _name_sheet(name: str, used: set[str]) -> str:
    """A sheet's name: at most 31 characters, none of []:*?/\\, no other sheet's."""
    plain = FORBIDDEN_IN_SHEET_NAME.sub(" ", clean(name)).strip(" '")[:31] or "table"
    found, number = plain, 2
    while found.casefold() in used or found.casefold() == "history":  # Excel keeps that name for itself
        ending = f" {number}"
        found, number = plain[: 31 - len(ending)] + ending, number + 1
    used.add(found.casefold())
    return found


def _take(buffer: io.StringIO) -> bytes:
    block = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    return block
