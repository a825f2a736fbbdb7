"""Filters of lists, written once: the view filters by them and the OpenAPI document lists them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

WHOLE_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)
LONGEST_TEXT = 200
PAGE_PARAMETERS = frozenset({"limit", "cursor"})


@dataclass(frozen=True)
class Filter:
    """``lookup`` is ours, never the client's; ``read`` turns the text into the value or raises a 400."""

    lookup: str
    read: Callable[[str, str], Any]
    schema: Mapping[str, Any]
    description: str = ""


def whole_number(lookup: str, description: str = "") -> Filter:
    return Filter(lookup, read_whole_number, {"type": "integer", "minimum": 0}, description)


def text(lookup: str, description: str = "") -> Filter:
    return Filter(lookup, read_text, {"type": "string", "maxLength": LONGEST_TEXT}, description)


def choice(lookup: str, allowed: list[str], description: str = "") -> Filter:
    def read(given: str, name: str) -> str:
        if given not in allowed:
            raise ValidationError({name: f"Must be one of {', '.join(allowed)}."})
        return given

    return Filter(lookup, read, {"type": "string", "enum": allowed}, description)


def yes_or_no(lookup: str, description: str = "") -> Filter:
    def read(given: str, name: str) -> bool:
        if given not in ("true", "false"):
            raise ValidationError({name: "Must be true or false."})
        return given == "true"

    return Filter(lookup, read, {"type": "boolean"}, description)


def instant(lookup: str, description: str = "") -> Filter:
    def read(given: str, name: str) -> datetime:
        # A "+" in an address is a space to those who forget to write it as %2B.
        moment = parse_datetime(given.replace(" ", "+") if "T" in given else given)
        if moment is None or moment.tzinfo is None:
            raise ValidationError({name: "Must be an instant with its time zone, such as 2026-11-24T12:00:00Z."})
        return moment

    return Filter(lookup, read, {"type": "string", "format": "date-time"}, description)


def read_whole_number(given: str, name: str) -> int:
    if not WHOLE_NUMBER.fullmatch(given):
        raise ValidationError({name: "Must be a whole number of at most 15 digits."})
    return int(given)


def read_text(given: str, name: str) -> str:
    if len(given) > LONGEST_TEXT or "\x00" in given:
        raise ValidationError({name: f"Must be text of at most {LONGEST_TEXT} characters."})
    return given


def apply_filters(queryset: QuerySet[Any], filters: Mapping[str, Filter], request: Request) -> QuerySet[Any]:
    """Narrow the rows by the filters that are given."""
    given = read_filters(filters, request)
    lookups = {filters[name].lookup: value for name, value in given.items()}
    return queryset.filter(**lookups) if lookups else queryset


def read_filters(filters: Mapping[str, Filter], request: Request) -> dict[str, Any]:
    """The values of the filters that are given, by their names."""
    return {name: item.read(request.query_params[name], name) for name, item in filters.items() if name in request.GET}


def refuse_unknown(known: frozenset[str], request: Request) -> None:
    """A misspelt filter must not answer the whole list."""
    for name, values in request.query_params.lists():
        if name not in known:
            spoken = ", ".join(sorted(known)) or "none"
            raise ValidationError({name[:80]: f"There is no such parameter here. Known: {spoken}."})
        if len(values) > 1:
            raise ValidationError({name: "Is given twice."})
