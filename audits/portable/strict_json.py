"""Read a JSON document that somebody else wrote, before anything else looks at it.

Python's own reader takes the last of two equal keys, accepts NaN and Infinity, turns 1e999 into
infinity, and lets a few megabytes of brackets grow to gigabytes. Here each of these is an error
that says where.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from audits.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAXIMUM_BYTES = 32 << 20
MAXIMUM_CONTAINERS = 200_000
MAXIMUM_VALUES = 4_000_000
"""Bounds what the parsed document takes in memory: about 40 bytes per value."""
MAXIMUM_DEPTH = 16
MAXIMUM_TEXT = 1_024
LARGEST_NUMBER = 1e100


def refuse(place: str, message: str) -> NoReturn:
    """Raise BadInput for one place of the document."""
    raise BadInput(f"{place}: {message}" if place else message)


def read_bytes(path: Path) -> bytes:
    """Return the content of a file of at most 32 MiB."""
    with Path(path).open("rb") as stream:
        content = stream.read(MAXIMUM_BYTES + 1)
    if len(content) > MAXIMUM_BYTES:
        refuse("the document", f"is larger than {MAXIMUM_BYTES >> 20} MiB")
    return content


def read_json(content: bytes) -> Any:
    """Return the parsed document.

    Parameters
    ----------
    content : bytes
        UTF-8 text.

    Raises
    ------
    BadInput
        For text that is not JSON, a key given twice, NaN or Infinity, a number beyond 1e308,
        brackets nested more than 16 deep, or more values than a model needs.
    """
    containers = content.count(b"[") + content.count(b"{")
    if containers > MAXIMUM_CONTAINERS or content.count(b",") > MAXIMUM_VALUES:
        refuse("the document", f"has more than {MAXIMUM_CONTAINERS:,} lists or {MAXIMUM_VALUES:,} values")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        refuse("the document", f"is not UTF-8 text (byte {error.start:,})")
    try:
        document = json.loads(
            text, object_pairs_hook=_refuse_repeats, parse_float=_parse_number, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        refuse("the document", f"is not JSON: {error.msg} (line {error.lineno}, character {error.colno})")
    except RecursionError:
        refuse("the document", f"is nested more than {MAXIMUM_DEPTH} deep")
    except ValueError:
        refuse("the document", "holds a whole number of thousands of digits")
    if _is_too_deep(document, MAXIMUM_DEPTH):
        refuse("the document", f"is nested more than {MAXIMUM_DEPTH} deep")
    return document


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                refuse("the document", f"the key {key[:60]!r} is given twice")
            seen.add(key)
    return found


def _parse_number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        refuse("the document", f"the number {text[:40]} is too large")
    return number


def _refuse_constant(name: str) -> NoReturn:
    refuse("the document", f"{name} is not a number that can be computed with")


def _is_too_deep(value: Any, allowed: int) -> bool:
    if isinstance(value, dict):
        return allowed == 0 or any(_is_too_deep(part, allowed - 1) for part in value.values())
    if isinstance(value, list):
        # A long list of numbers is looked at by its types, not one by one.
        kinds = set(map(type, value))
        return allowed == 0 or (bool(kinds & {list, dict}) and any(_is_too_deep(part, allowed - 1) for part in value))
    return False


def check_keys(value: object, place: str, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Any]:
    """Return the object, which has every required key and no unknown one."""
    if not isinstance(value, dict):
        refuse(place, "must be an object")
    for key in value:
        if key not in required and key not in optional:
            refuse(place, f"unknown key {key[:60]!r}; known are {', '.join((*required, *optional))}")
    for key in required:
        if key not in value:
            refuse(place, f"{key!r} is missing")
    return value


def check_list(value: object, place: str, least: int, most: int) -> list[Any]:
    """Return the list, whose length lies within the limits."""
    if not isinstance(value, list):
        refuse(place, "must be a list")
    if not least <= len(value) <= most:
        wanted = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        refuse(place, f"must have {wanted} entries, has {len(value):,}")
    return value


def check_word(value: object, place: str, choices: Sequence[str]) -> str:
    """Return the word, which is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        refuse(place, f"must be one of {', '.join(map(repr, choices))}")
    return value


def check_name(value: object, place: str) -> str:
    """Return the text, which is neither empty nor long and can be written down as UTF-8."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAXIMUM_TEXT:
        refuse(place, f"must be a text of 1 to {MAXIMUM_TEXT:,} characters")
    if any("\ud800" <= character <= "\udfff" or character < " " for character in value):
        refuse(place, "holds a control character or half a character")
    return value


def check_names(value: object, place: str, most: int) -> tuple[str, ...]:
    """Return the texts, each given once."""
    names = tuple(check_name(name, f"{place}[{i}]") for i, name in enumerate(check_list(value, place, 1, most)))
    if len(set(names)) < len(names):
        refuse(place, "a name is given twice")
    return names


def check_real(value: object, place: str, largest: float = LARGEST_NUMBER) -> float:
    """Return the number as a float of at most `largest`; true and false are not numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(place, "must be a number")
    if not -largest <= value <= largest:
        refuse(place, f"must be a finite number of at most {largest:g}")
    return float(value)


def check_whole(value: object, place: str, least: int, most: int) -> int:
    """Return the whole number, which lies within the limits."""
    if isinstance(value, bool) or not isinstance(value, int):
        refuse(place, "must be a whole number")
    if not least <= value <= most:
        refuse(place, f"must be between {least:,} and {most:,}")
    return value


def check_reals(value: object, place: str, length: int, largest: float = LARGEST_NUMBER) -> NDArray[np.float64]:
    """Return `length` numbers as an array of shape (length,)."""
    import numpy as np

    numbers = check_list(value, place, length, length)
    if not set(map(type, numbers)) <= {int, float}:
        _refuse_first(numbers, place, lambda x: type(x) not in (int, float), "must be a number")
    try:
        found = np.array(numbers, dtype=np.float64)
    except OverflowError:
        found = np.full(length, math.inf)
    if not (np.abs(found) <= largest).all():
        message = f"must be a finite number of at most {largest:g}"
        _refuse_first(numbers, place, lambda x: not -largest <= x <= largest, message)
    return found


def check_wholes(value: object, place: str, length: int, least: int, most: int) -> NDArray[np.int64]:
    """Return `length` whole numbers within the limits as an array of shape (length,)."""
    import numpy as np

    numbers = check_list(value, place, length, length)
    message = f"must be a whole number between {least:,} and {most:,}"
    if not set(map(type, numbers)) <= {int}:
        _refuse_first(numbers, place, lambda x: type(x) is not int, message)
    if numbers and not (least <= min(numbers) and max(numbers) <= most):
        _refuse_first(numbers, place, lambda x: not least <= x <= most, message)
    return np.array(numbers, dtype=np.int64)


def check_flags(value: object, place: str, length: int) -> NDArray[np.bool_]:
    """Return `length` values that are true or false as an array of shape (length,)."""
    import numpy as np

    flags = check_list(value, place, length, length)
    if not set(map(type, flags)) <= {bool}:
        _refuse_first(flags, place, lambda x: type(x) is not bool, "must be true or false")
    return np.array(flags, dtype=np.bool_)


def _refuse_first(values: list[Any], place: str, is_bad: Any, message: str) -> NoReturn:
    number = next(number for number, value in enumerate(values) if is_bad(value))
    refuse(f"{place}[{number}]", message)
