"""HTML to PDF. The renderer can fetch nothing: what a report shows is in the HTML, and nothing a user wrote is HTML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

STYLE = Path(__file__).resolve().parents[2] / "templates" / "reports" / "report.css"


TAG = re.compile(r"(<[^>]*>)")
# Longer than a digest or a signature, which stay whole.
LONG_WORD = re.compile(r"[^\s&;<>]{100}(?=[^\s&;<>])")
BREAK_HERE = "\u200b"


@dataclass(frozen=True)
class Attached:
    """A file inside the PDF."""

    name: str
    description: str
    content: bytes


@dataclass(frozen=True)
class Rendered:
    pdf: bytes
    page_count: int


def render_pdf(html: str, *, identifier: str, made_at: datetime, attached: tuple[Attached, ...] = ()) -> Rendered:
    """Render tagged PDF/A-3a.

    ``identifier`` (hexadecimal) and ``made_at`` are written instead of the clock's, so that the same HTML gives the
    same bytes. Raises whatever the renderer raises.
    """
    # Imported here: the renderer costs a web process 53 MB and 0.5 s.
    from weasyprint import CSS, HTML, Attachment
    from weasyprint.urls import FatalURLFetchingError, URLFetcher

    fetcher = URLFetcher(allowed_protocols={"data"}, fail_on_errors=True)
    options = {
        "stylesheets": [CSS(string=STYLE.read_text(encoding="utf-8"), url_fetcher=fetcher)],
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
        document = HTML(string=allow_breaks(html), url_fetcher=fetcher, media_type="print").render(**options)
        return Rendered(document.write_pdf(**options), len(document.pages))
    except FatalURLFetchingError as error:
        # It is no Exception, so that nobody swallows it by chance; here it must end this report and not the worker.
        raise ValueError(f"a report fetches nothing: {error}") from error


def allow_breaks(html: str) -> str:
    """Let words longer than a hundred characters break: the layout engine takes minutes over one of twenty thousand.

    Only text is touched, never a tag, so pictures and addresses in attributes stay as they are.
    """
    parts = TAG.split(html)
    parts[::2] = [LONG_WORD.sub(lambda found: found.group() + BREAK_HERE, text) for text in parts[::2]]
    return "".join(parts)
