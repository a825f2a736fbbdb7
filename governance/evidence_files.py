"""What a file of evidence begins with: a picture is no table, and saying so when it comes spares a failed evaluation.

Nothing is parsed here. The laboratory reads the file behind its walls, and says what else is wrong with it.
"""

from __future__ import annotations

from typing import BinaryIO

from governance.exceptions import InvalidInput
from governance.models import EvidenceKind

PEEK = 4_096
TABLES = frozenset({EvidenceKind.PREDICTIONS, EvidenceKind.ATTRIBUTIONS, EvidenceKind.TABLE})
DOCUMENTS = frozenset({EvidenceKind.CELLS, EvidenceKind.MODEL_DOCUMENT})
GZIP = b"\x1f\x8b"
BINARY_TABLES = (b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")
"""Parquet, an Arrow file, an Arrow stream."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# What no text holds: control characters but for tab, line feed, form feed and carriage return.
NO_TEXT = bytes(set(range(32)) - {9, 10, 12, 13})
KNOWN = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet"),
    (b"\x80", "a pickle, which is never opened"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)


def check_readable(kind: str, file: BinaryIO) -> None:
    """Refuse a file that is no table, or no JSON document, where its kind needs one. Raises ``InvalidInput``."""
    if kind not in TABLES | DOCUMENTS:
        return
    start = file.read(PEEK)
    if kind in TABLES and not (start.startswith((GZIP, *BINARY_TABLES)) or _is_text(start)):
        raise _refuse(kind, start, "a table: CSV in UTF-8 (plain or gzip), Parquet or Arrow")
    if kind in DOCUMENTS and not _begins_like_json(start):
        raise _refuse(kind, start, "a JSON document")


def _is_text(start: bytes) -> bool:
    return not _name(start) and not any(byte in NO_TEXT for byte in start)


def _begins_like_json(start: bytes) -> bool:
    return start.removeprefix(BYTE_ORDER_MARK).lstrip()[:1] in (b"{", b"[")


def _name(start: bytes) -> str:
    return next((name for magic, name in KNOWN if start.startswith(magic)), "")


def _refuse(kind: str, start: bytes, wanted: str) -> InvalidInput:
    found = f"This is {_name(start)}." if _name(start) else "This is something else."
    return InvalidInput(f"Evidence of kind “{kind}” must be {wanted}. {found}", field="file")
