"""From the JSON of an answer to a dataclass, by the dataclass's own annotations."""

from __future__ import annotations

import types as python_types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from countersign.errors import UNEXPECTED_ANSWER, CountersignError

Answer = TypeVar("Answer")


def read_answer(kind: type[Answer], document: object) -> Answer:
    """Build ``kind`` from a JSON object. Members it does not name are ignored: a newer portal may say more.

    Raises ``CountersignError`` (``unexpected_answer``) naming a member that is missing.
    """
    if not isinstance(document, Mapping):
        raise _unexpected(f"an object was expected where {type(document).__name__} came")
    values = {}
    for name, annotation, is_needed in _members(cast(Any, kind)):
        if name not in document:
            if not is_needed:
                continue
            raise _unexpected(f"{kind.__name__} lacks “{name}”")
        values[name] = _convert(annotation, document[name])
    return kind(**values)


@cache
def _members(kind: type) -> tuple[tuple[str, Any, bool], ...]:
    """(name, annotation, whether it has no default) of every field."""
    hints = get_type_hints(kind)
    return tuple((field.name, hints[field.name], field.default is MISSING) for field in fields(kind))


def _convert(annotation: Any, value: Any) -> Any:
    if get_origin(annotation) in (Union, python_types.UnionType):
        if value is None:
            return None
        annotation = next(choice for choice in get_args(annotation) if choice is not type(None))
    if get_origin(annotation) is tuple:
        return tuple(_convert(get_args(annotation)[0], item) for item in value)
    if annotation is datetime:
        return datetime.fromisoformat(value)
    if is_dataclass(annotation) and isinstance(annotation, type):
        return read_answer(annotation, value)
    return value


def _unexpected(what: str) -> CountersignError:
    return CountersignError(
        UNEXPECTED_ANSWER, None, f"The portal's answer is not understood: {what}. Is this client older than the portal?"
    )
