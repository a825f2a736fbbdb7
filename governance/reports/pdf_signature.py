"""The signature's place in a PDF: an update behind the rendering, so that this stays the beginning of the file.

Whoever has the signed file has the rendering too: its first bytes, up to and with the first ``%%EOF``. Everything but
the hexadecimal digits of the signature is covered by it. Written as bytes, since the rendering is one of ours, with
its objects one by one (``audits.printing.finishing``): nothing is read in a worker that a stranger could have formed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

RESERVED_BYTES = 24 * 1024
"""Room for a signature with its chain of certificates, a time stamp and the log's receipt."""
SUBFILTER = b"/ETSI.CAdES.detached"
RANGE_WIDTH = 44
_TRAILER = re.compile(rb"trailer << (.*?) /Size (\d+)(.*?)>>\nstartxref\n(\d+)\n%%EOF\n\Z", re.DOTALL)


class NoPlace(Exception):
    """The rendering has no empty field for a signature, or the signature is too long for its place."""


@dataclass(frozen=True)
class Prepared:
    """A file that lacks only its signature, which goes between ``start`` and ``end``, brackets included."""

    content: bytes
    start: int
    end: int

    @property
    def covered_digest(self) -> str:
        """SHA-256 of everything but the place of the signature."""
        return "sha256:" + sha256(self.content[: self.start] + self.content[self.end :]).hexdigest()

    def fill(self, signature: bytes) -> bytes:
        """The signed file. Raises ``NoPlace``."""
        digits = signature.hex().encode().ljust(2 * RESERVED_BYTES, b"0")
        if len(digits) > 2 * RESERVED_BYTES:
            raise NoPlace(f"the signature has {len(signature)} bytes, and there is room for {RESERVED_BYTES}")
        return self.content[: self.start] + b"<" + digits + b">" + self.content[self.end :]


def prepare(rendered: bytes, *, signed_at: datetime) -> Prepared:
    """Put an unfilled signature into the empty field. Raises ``NoPlace``."""
    trailer = _TRAILER.search(rendered)
    field = _find_object(rendered, rb"/FT /Sig\b")
    form = _find_object(rendered, rb"/SigFlags 0\b")
    if trailer is None:
        raise NoPlace("the rendering does not end as it should")
    before, size, after, previous = trailer[1], int(trailer[2]), trailer[3], int(trailer[4])
    objects = [
        (field[0], field[1][: field[1].rindex(b">>")] + b"/V %d 0 R >>" % size),
        (form[0], form[1].replace(b"/SigFlags 0", b"/SigFlags 3")),
        (size, _signature(signed_at)),
    ]
    content, places = bytearray(rendered), {}
    for number, text in objects:
        places[number] = len(content)
        content += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    start_of_table = len(content)
    content += b"xref\n" + b"".join(b"%d 1\n%010d 00000 n \n" % item for item in sorted(places.items()))
    content += b"trailer << %s /Size %d /Prev %d%s>>\n" % (before, size + 1, previous, after)
    content += b"startxref\n%d\n%%%%EOF\n" % start_of_table
    start = content.index(b"/Contents <", places[size]) + len("/Contents ")
    end = start + 2 * RESERVED_BYTES + 2
    covered = b"[0 %d %d %d]" % (start, end, len(content) - end)
    place = content.index(b"[", places[size])
    content[place : place + RANGE_WIDTH] = covered.ljust(RANGE_WIDTH)
    return Prepared(bytes(content), start, end)


def _find_object(rendered: bytes, mark: bytes) -> tuple[int, bytes]:
    """(number, dictionary) of the one object with this mark."""
    found = re.findall(rb"\n(\d+) 0 obj\n(<<[^\n]*" + mark + rb"[^\n]*>>)\nendobj\n", rendered)
    if len(found) != 1:
        raise NoPlace("the rendering has no empty field for a signature")
    return int(found[0][0]), found[0][1]


def _signature(signed_at: datetime) -> bytes:
    return b"<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter %s /M (D:%s) /ByteRange %s /Contents <%s> >>" % (
        SUBFILTER,
        signed_at.strftime("%Y%m%d%H%M%SZ").encode(),
        b"[".ljust(RANGE_WIDTH),
        b"0" * 2 * RESERVED_BYTES,
    )
