"""Check single values of a specification: texts, numbers, choices, lists."""

from __future__ import annotations

import difflib
import math
from typing import Any

from audits.errors import BadInput

DEFAULT_DRAWS = 1_000
DEFAULT_LEVEL = 0.95
MAXIMUM_TEXT = 1_024


def check_object(document: object, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the document if it is an object with only known keys."""
    if not isinstance(document, dict):
        raise BadInput("the specification must be a JSON object")
    for key in document:
        if key not in keys:
            near = difflib.get_close_matches(str(key), keys, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(keys)}"
            raise BadInput(f"unknown key in the specification; {hint}", column=str(key)[:100])
    return document


def check_part(value: object, key: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the value of a key if it is an object with only known keys."""
    if not isinstance(value, dict):
        raise BadInput(f"must be an object with {', '.join(keys)}", column=key)
    for name in value:
        if name not in keys:
            raise BadInput(f"unknown key {str(name)[:50]!r}; known are {', '.join(keys)}", column=key)
    return value


def check_text(value: object, key: str) -> str:
    """Return the value if it is a text of 1 to 1,024 characters without NUL."""
    if not isinstance(value, str) or not value:
        raise BadInput("must be a text that is not empty", column=key)
    if len(value) > MAXIMUM_TEXT or "\x00" in value:
        raise BadInput(f"must have at most {MAXIMUM_TEXT:,} characters and no NUL character", column=key)
    return value


def check_texts(value: object, key: str, lowest: int, highest: int) -> tuple[str, ...]:
    """Return the value if it is a list of texts that all differ."""
    if not isinstance(value, list) or not lowest <= len(value) <= highest:
        raise BadInput(f"must be a list of {lowest:,} to {highest:,} texts", column=key)
    texts = tuple(check_text(text, key) for text in value)
    if len(set(texts)) < len(texts):
        raise BadInput("a text is listed twice", column=key)
    return texts


def check_choice(value: object, key: str, choices: tuple[str, ...]) -> str | None:
    """Return the value if it is one of the choices; None where it is not given."""
    if value is None:
        return None
    if not isinstance(value, str) or value not in choices:
        raise BadInput(f"must be one of {', '.join(map(repr, choices))}", column=key)
    return value


def check_flag(value: object, key: str) -> bool:
    """Return the value if it is true or false; False where it is not given."""
    if value is None:
        return False
    if not isinstance(value, bool):
        raise BadInput("must be true or false", column=key)
    return value


def check_integer(value: object, key: str, lowest: int, highest: int) -> int:
    """Return the value if it is a whole number within the bounds (True is not a number)."""
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise BadInput(f"must be a whole number from {lowest:,} to {highest:,}", column=key)
    return value


def check_number(value: object, key: str) -> float:
    """Return the value as a float if it is a finite number (True is not a number)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadInput("must be a number", column=key)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadInput("must be a finite number", column=key)
    return number


def check_intervals(value: object) -> tuple[int, float]:
    """Return (draws, level) of the `intervals` object; the defaults where it is not given."""
    if value is None:
        return DEFAULT_DRAWS, DEFAULT_LEVEL
    if not isinstance(value, dict) or not set(value) <= {"draws", "level"}:
        raise BadInput("must be an object with draws and level", column="intervals")
    draws = check_integer(value.get("draws", DEFAULT_DRAWS), "intervals.draws", 200, 100_000)
    level = check_number(value.get("level", DEFAULT_LEVEL), "intervals.level")
    if not 0.5 <= level <= 0.999:
        raise BadInput("must be between 0.5 and 0.999, for example 0.95", column="intervals.level")
    return draws, level
