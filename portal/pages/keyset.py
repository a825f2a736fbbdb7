"""Lists by key: the next page starts after the last row seen, so that no page costs more than the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

PAGE_SIZE = 50


@dataclass(frozen=True)
class Page:
    """Rows with the addresses of the next page and of the first one; an address is empty where there is none."""

    rows: list[Any]
    next_url: str
    first_url: str


def read_page(request: HttpRequest, rows: QuerySet[Any], *, size: int = PAGE_SIZE) -> Page:
    """The page after ``?after=<key>``, newest first. One query, whatever the page; other filters stay in addresses."""
    after = request.GET.get("after", "")
    wanted = rows.order_by("-pk")
    if after.isascii() and after.isdigit():
        wanted = wanted.filter(pk__lt=min(int(after), 2**63 - 1))
    else:
        after = ""
    # The keys are found in an index first: a long log is not read and sorted to show a page of it.
    found = list(wanted.filter(pk__in=wanted.values("pk")[: size + 1]))
    shown, has_more = found[:size], len(found) > size
    return Page(shown, _address(request, shown[-1].pk) if has_more else "", _address(request, None) if after else "")


def _address(request: HttpRequest, after: int | None) -> str:
    query = request.GET.copy()
    query.pop("after", None)
    if after is not None:
        query["after"] = str(after)
    return f"{request.path}?{query.urlencode()}" if query else request.path
