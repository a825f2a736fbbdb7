"""Edits that may collide: an answer carries its revision as ``ETag``; the edit names it by ``If-Match``."""

from __future__ import annotations

import re

from rest_framework.exceptions import ParseError
from rest_framework.request import Request

from governance.exceptions import StaleReading

REVISION = re.compile(r'"(?P<number>[0-9]{1,9})"', re.ASCII)


def make_etag(revision: int) -> str:
    return f'"{revision}"'


def seen_revision(request: Request) -> int | None:
    """Return the revision that ``If-Match`` names, or None when the caller does not mind.

    A weak tag never matches (RFC 9110, 13.1.1).
    """
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return None
    if given.strip().startswith("W/"):
        raise StaleReading("A weak ETag never matches: send it as you were given it, without W/.")
    match = REVISION.fullmatch(given.strip())
    if match is None:
        raise ParseError('If-Match must be the ETag you were given, such as "3" with its quotation marks.')
    return int(match["number"])
