"""Keyset pagination: pages by id, so that what is added meanwhile neither repeats nor hides a row."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from portal.api.filters import read_whole_number

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200


class KeysetPagination(BasePagination):
    """Newest first. ``cursor`` is opaque to clients: it names the last row of the page before."""

    next_url: str | None = None

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        limit = _read_limit(request)
        last = request.query_params.get("cursor")
        if last is not None:
            queryset = queryset.filter(pk__lt=read_cursor(last))
        # The keys are found in an index first: a long log is not read and sorted to show a page of it.
        newest = queryset.order_by("-pk").values("pk")[: limit + 1]
        rows = list(queryset.filter(pk__in=newest).order_by("-pk"))
        if len(rows) > limit:
            here = request.build_absolute_uri()
            self.next_url = replace_query_param(here, "cursor", make_cursor(rows[limit - 1].pk))
        return rows[:limit]

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.next_url, "previous": None})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {
                "results": schema,
                "next": {"type": ["string", "null"], "format": "uri", "description": "The next page; null at the end."},
                "previous": {"type": "null"},
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        limit = {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": DEFAULT_LIMIT}
        return [
            {"name": "limit", "in": "query", "schema": limit, "description": "How many rows to answer."},
            {
                "name": "cursor",
                "in": "query",
                "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
                "description": "From “next” of the page before.",
            },
        ]


def make_cursor(pk: int) -> str:
    return base64.urlsafe_b64encode(f"before:{pk}".encode()).decode().rstrip("=")


def read_cursor(text: str) -> int:
    """Return the id that a cursor names, or raise a 400."""
    try:
        word, _, number = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).partition(b":")
    except (binascii.Error, ValueError):
        word, number = b"", b""
    if word != b"before" or not number.isdigit() or len(number) > 18:
        raise ValidationError({"cursor": "This is no cursor; take it from “next” of the page before."})
    return int(number)


def _read_limit(request: Request) -> int:
    given = request.query_params.get("limit")
    if given is None:
        return DEFAULT_LIMIT
    limit = read_whole_number(given, "limit")
    if not 1 <= limit <= LARGEST_LIMIT:
        raise ValidationError({"limit": f"Must lie between 1 and {LARGEST_LIMIT}."})
    return limit
