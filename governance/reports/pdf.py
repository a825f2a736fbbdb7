"""HTML to PDF. The renderer can fetch nothing: what a report shows is in the HTML, and nothing a user wrote is HTML."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

STYLE = Path(__file__).resolve().parents[2] / "templates" / "reports" / "report.css"


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
    from weasyprint.urls import URLFetcher

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
    document = HTML(string=html, url_fetcher=fetcher, media_type="print").render(**options)
    return Rendered(document.write_pdf(**options), len(document.pages))
