"""HTML to pages, by WeasyPrint. It can fetch nothing: what a document shows is in its HTML."""

from __future__ import annotations

import gc
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audits.errors import BadInput

TAG = re.compile(r"(<[^>]*>)")
# Longer than a digest or a signature, which stay whole.
LONG_WORD = re.compile(r"[^\s&;<>]{100}(?=[^\s&;<>])")
BREAK_HERE = "\u200b"
MOST_PAGES = 2_000
NO_GLYPH = ".notdef glyph"
PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")
"""Characters that mean something to one font only; PDF/A forbids them."""


@dataclass(frozen=True)
class Attached:
    """A file inside the PDF."""

    name: str
    description: str
    content: bytes


@dataclass(frozen=True)
class Pages:
    """What the layout engine gives, before it is finished."""

    pdf: bytes
    page_count: int


def set_pages(html: str, style: str, *, identifier: str, made_at: datetime, attached: tuple[Attached, ...]) -> Pages:
    """Set HTML as tagged PDF/A-3a.

    Parameters
    ----------
    html, style : str
    identifier : str
        Hexadecimal; with `made_at` it is written instead of the clock's, so that the same HTML gives the same bytes.
    made_at : datetime
    attached : tuple of Attached

    Raises
    ------
    BadInput
        Where something was to be fetched, a character has no glyph whatever is done, or there are too many pages.
    """
    html = spell_out(allow_breaks(html), set(PRIVATE.findall(html)))
    pages, missing = _set(html, style, identifier, made_at, attached)
    if missing:
        pages, missing = _set(spell_out(html, missing), style, identifier, made_at, attached)
    if missing:
        listed = ", ".join(f"U+{ord(character):04X}" for character in sorted(missing)[:20])
        raise BadInput(
            f"No font on the machine of the worker has a glyph for {listed}. The operator should see that the fonts "
            "of the install are there: fonts-inter, fonts-noto-core, fonts-noto-cjk."
        )
    return pages


def _set(
    html: str, style: str, identifier: str, made_at: datetime, attached: tuple[Attached, ...]
) -> tuple[Pages, set[str]]:
    """The pages, and the characters that no font has."""
    # Imported here: it costs 53 MB and half a second.
    from weasyprint import CSS, HTML, Attachment
    from weasyprint.urls import FatalURLFetchingError, URLFetcher

    fetcher = URLFetcher(allowed_protocols={"data"}, fail_on_errors=True)
    options: dict[str, Any] = {
        "stylesheets": [CSS(string=style, url_fetcher=fetcher)],
        "pdf_variant": "pdf/a-3a",
        "pdf_tags": True,
        "pdf_identifier": bytes.fromhex(identifier),
        "attachments": [
            Attachment(
                string=item.content,
                name=item.name,
                description=item.description,
                created=made_at,
                modified=made_at,
                relationship="Data",
            )
            for item in attached
        ],
    }
    try:
        with _collector_off(), _missing_glyphs() as missing:
            document = HTML(string=html, url_fetcher=fetcher, media_type="print").render(**options)
            if len(document.pages) > MOST_PAGES:
                raise BadInput(f"It would have {len(document.pages):,} pages; {MOST_PAGES:,} are printed at most.")
            return Pages(document.write_pdf(**options), len(document.pages)), missing
    except FatalURLFetchingError as error:
        # It is no Exception, so that nobody swallows it by chance; here it must end this document and nothing else.
        raise BadInput(f"a report fetches nothing: {error}") from error


@contextmanager
def _collector_off() -> Iterator[None]:
    """Boxes are made by the million and thrown away together: looking for garbage among them costs a tenth."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _missing_glyphs() -> Iterator[set[str]]:
    """Collect the characters that no font has; the engine's warning is all that it says of them."""
    missing: set[str] = set()

    def take(record: logging.LogRecord) -> bool:
        if not str(record.msg).startswith(NO_GLYPH) or not isinstance(record.args, tuple):
            return True
        missing.add(str(record.args[0]))
        return False

    logger = logging.getLogger("weasyprint")
    logger.addFilter(take)
    try:
        yield missing
    finally:
        logger.removeFilter(take)


def spell_out(html: str, missing: set[str]) -> str:
    """Print characters that no font has as their numbers: a report with a strange name in it is still a report."""
    if not missing:
        return html
    table = {ord(character): f"[U+{ord(character):04X}]" for character in missing if character not in "<>&"}
    parts = TAG.split(html)
    parts[::2] = [text.translate(table) for text in parts[::2]]
    return "".join(parts)


def allow_breaks(html: str) -> str:
    """Let words longer than a hundred characters break: the layout engine takes minutes over one of twenty thousand.

    Only text is touched, never a tag, so pictures and addresses in attributes stay as they are.
    """
    parts = TAG.split(html)
    parts[::2] = [LONG_WORD.sub(lambda found: found.group() + BREAK_HERE, text) for text in parts[::2]]
    return "".join(parts)
