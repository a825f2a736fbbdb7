"""Sending an exported log: streamed, with its length told beforehand, and resumable at any byte (RFC 9110, 14).

And the program that checks it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from governance.exporting import Export
from governance.exporting_parts import read_verifier
from governance.models import Checkpoint

RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{1,18})?", re.ASCII)
ETAG = re.compile(r'"([0-9]{1,18})-[0-9a-f]{32}"', re.ASCII)
TAR = "application/x-tar"
LARGEST = 2**63 - 1


def begun_size(request: HttpRequest) -> int | None:
    """The size of the log in the export that a client has begun to read, if it says so and there is such a one."""
    found = ETAG.fullmatch(request.headers.get("If-Range", ""))
    size = int(found[1]) if found else LARGEST
    return size if size < LARGEST and Checkpoint.objects.filter(pk=size).exists() else None


def send_export(request: HttpRequest, export: Export) -> HttpResponseBase:
    """Answer the whole archive, or the part that is asked for if it is a part of this very archive."""
    first, last = _wanted(request, export)
    if first >= export.size:
        answer = HttpResponse(status=416)
        answer["Content-Range"] = f"bytes */{export.size}"
        return answer
    partial = (first, last) != (0, export.size - 1)
    length = last - first + 1
    content = HttpResponse if request.method == "HEAD" else StreamingHttpResponse
    sent = b"" if request.method == "HEAD" else _take(export.stream(first), length)
    response = content(sent, status=206 if partial else 200, content_type=TAR)
    response["Content-Length"] = str(length)
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = f'"{export.etag}"'
    response["Content-Disposition"] = f'attachment; filename="{export.file_name}"'
    response["X-Content-Type-Options"] = "nosniff"
    if partial:
        response["Content-Range"] = f"bytes {first}-{last}/{export.size}"
    return response


def send_verifier() -> HttpResponse:
    """Answer the stand-alone verifier as the client package carries it."""
    answer = HttpResponse(read_verifier(), content_type="text/x-python; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="verifier.py"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def _wanted(request: HttpRequest, export: Export) -> tuple[int, int]:
    """The first and the last byte asked for. A part of another archive, or a list of parts, means all of this one."""
    whole = (0, export.size - 1)
    asked = RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None or request.headers.get("If-Range", f'"{export.etag}"') != f'"{export.etag}"':
        return whole
    first = int(asked[1])
    last = min(int(asked[2]), export.size - 1) if asked[2] else export.size - 1
    return (first, last) if last >= first or first >= export.size else whole


def _take(blocks: Iterator[bytes], length: int) -> Iterator[bytes]:
    for block in blocks:
        yield block[:length]
        length -= len(block)
        if length <= 0:
            return
