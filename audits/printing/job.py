"""Printing as a job of the sandbox: one document's HTML and the files inside it, to one finished PDF.

The files come one after the other in a single input, since every input is a mount of its own.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from audits.printing.finishing import finish
from audits.printing.setting import Attached, set_pages

PAGES, FILES = "pages", "files"
"""The roles of the two inputs."""
FONT_SETTINGS = "FONTCONFIG_FILE"
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig><dir>/usr/share/fonts</dir><dir>/usr/local/share/fonts</dir>
<cachedir>/var/cache/fontconfig</cachedir><cachedir>{folder}</cachedir></fontconfig>
"""


def run_printing(
    paths: Mapping[str, Path], spec: Mapping[str, Any], progress: Callable[[float, str], None]
) -> dict[str, Any]:
    """Print one document.

    Parameters
    ----------
    paths : mapping
        `pages`: the HTML. `files`: the contents of all attached files, one after the other.
    spec : mapping
        "style", "identifier", "made_at" (ISO 8601) and "files": a list of {"name", "description", "size"}.
    progress : callable

    Returns
    -------
    dict
        "pdf" in base64, "sha256" of it, and "page_count".

    Raises
    ------
    BadInput
        As `setting.set_pages` says.
    """
    progress(0.1, "Setting pages")
    with _same_fonts_everywhere():
        pages = set_pages(
            paths[PAGES].read_text(encoding="utf-8"),
            spec["style"],
            identifier=spec["identifier"],
            made_at=datetime.fromisoformat(spec["made_at"]),
            attached=tuple(_read_files(paths[FILES], spec["files"])),
        )
    progress(0.9, "Finishing the file")
    pdf = finish(pages.pdf)
    return {
        "pdf": base64.b64encode(pdf).decode("ascii"),
        "sha256": hashlib.sha256(pdf).hexdigest(),
        "page_count": pages.page_count,
    }


def _read_files(path: Path, listed: list[dict[str, Any]]) -> list[Attached]:
    with path.open("rb") as contents:
        return [Attached(item["name"], item["description"], contents.read(item["size"])) for item in listed]


@contextmanager
def _same_fonts_everywhere() -> Iterator[None]:
    """Have fontconfig read our settings and not the machine's, which nobody sees behind the walls.

    With the machine's own, the same document would be set otherwise inside and outside the sandbox.
    """
    before = os.environ.get(FONT_SETTINGS)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "fonts.conf"
        place.write_text(FONTS.format(folder=folder), encoding="utf-8")
        os.environ[FONT_SETTINGS] = str(place)
        try:
            yield
        finally:
            del os.environ[FONT_SETTINGS]
            if before is not None:
                os.environ[FONT_SETTINGS] = before
