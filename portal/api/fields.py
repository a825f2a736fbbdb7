"""Strict fields: JSON types are taken as they are, and what is not asked for is refused by name.

Texts are cleaned by the actions, not here, so that pages and API agree on what a good text is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db.models import Model, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from governance.exceptions import InvalidInput

LONGEST_LIST = 2_000
LARGEST_WHOLE_NUMBER = 10**15 - 1


class Strict(serializers.Serializer[Any]):
    """A request body whose unknown fields are refused: a misspelt one must not be dropped in silence."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                known = ", ".join(self.fields) or "none"
                raise serializers.ValidationError(
                    {name[:80]: f"There is no such field here. Known: {known}." for name in unknown}
                )
        return super().to_internal_value(data)


class Nothing(Strict):
    """The body of a request that needs none: empty, or {}."""


class Text(serializers.CharField):
    """A JSON string as it is. A number is not turned into text."""

    default_error_messages = {"invalid": "Must be text in quotes."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_blank=True, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(data)


def optional_text() -> Text:
    return Text(required=False, default="")


class WholeNumber(serializers.IntegerField):
    """A JSON integer, not a text of digits and not 1.0."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_value", LARGEST_WHOLE_NUMBER)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return int(data)


class YesOrNo(serializers.BooleanField):
    """JSON true or false and nothing else."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return bool(data)


class Instant(serializers.DateTimeField):
    """A moment with its time zone. A time without one could mean any of two dozen moments."""

    default_error_messages = {"naive": "Needs a time zone, such as 2026-11-21T09:30:00Z."}

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid", format="2026-11-21T09:30:00Z")
        return super().to_internal_value(value)

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("naive")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            return self.fail("overflow")


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "number"}], "description": "A decimal number."})
class Threshold(serializers.Field[Any, Any, Any, Any]):
    """A number, or its decimal text where every digit counts. The action reads it."""

    default_error_messages = {"invalid": "Must be a number, or its decimal text."}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, int | float | str) or len(str(data)) > 40:
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> str:
        return f"{value.normalize():f}"


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": LARGEST_WHOLE_NUMBER})
class Reference(serializers.Field[Any, Any, Any, Any]):
    """The id of another object. One that is missing and one that may not be seen are refused in the same words."""

    default_error_messages = {
        "invalid": "Must be the id of an object, a whole number.",
        "missing": "There is no {noun} {pk} that you may see.",
    }

    def __init__(self, rows: QuerySet[Any], *, noun: str, **kwargs: Any) -> None:
        self.rows = rows
        self.noun = noun
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Model:
        if isinstance(data, bool) or not isinstance(data, int) or abs(data) > LARGEST_WHOLE_NUMBER:
            self.fail("invalid")
        found: Model | None = self.context["view"].visible(self.rows.all()).filter(pk=data).first()
        if found is None:
            self.fail("missing", noun=self.noun, pk=data)
        return found

    def to_representation(self, value: Any) -> int:
        return int(value.pk)


@extend_schema_field(OpenApiTypes.OBJECT)
class FreeObject(serializers.Field[Any, Any, Any, Any]):
    """A JSON object whose inside the record office or the laboratory checks."""

    default_error_messages = {"invalid": "Must be an object in braces."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("invalid")
        return dict(data)

    def to_representation(self, value: Any) -> Any:
        return value


def listed(child: serializers.Field[Any, Any, Any, Any], *, most: int = LONGEST_LIST, **kwargs: Any) -> Any:
    """A list of at most ``most`` items."""
    return serializers.ListField(child=child, max_length=most, **kwargs)


def refuse_empty(given: Mapping[str, Any]) -> None:
    if not given:
        raise InvalidInput("Say what to change.")
