"""HTML to a finished PDF, in a locked child. What a report shows is in the HTML, and nothing a user wrote is HTML.

The child (``audits.printing``) has no network, sees no file but the fonts, and has limits of time and memory. What
comes back is PDF/A-3a and PDF/UA-1 in one file, with an empty field for the signature (``report_signing``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from governance import runner

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


def render_pdf(
    html: str,
    *,
    identifier: str,
    made_at: datetime,
    attached: tuple[Attached, ...] = (),
    tell: Callable[[str], None] | None = None,
) -> Rendered:
    """Render tagged PDF/A-3a and PDF/UA-1.

    ``identifier`` (hexadecimal) and ``made_at`` are written instead of the clock's, so that the same HTML gives the
    same bytes. ``tell`` is told what is being done. Raises ``GovernanceError`` saying why nothing was made: a limit,
    something that was to be fetched, or a machine without its sandbox.
    """
    files = [{"name": item.name, "description": item.description, "size": len(item.content)} for item in attached]
    spec = {
        "style": STYLE.read_text(encoding="utf-8"),
        "identifier": identifier,
        "made_at": made_at.isoformat(),
        "files": files,
    }
    contents = b"".join(item.content for item in attached)
    pdf, page_count = runner.print_pages(html, contents, spec, tell=tell)
    return Rendered(pdf, page_count)
