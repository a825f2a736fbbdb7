"""What an answer to a fact may be, by the fact's type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from governance.exceptions import InvalidInput
from governance.frameworks.vocabulary import FactKind
from governance.text import clean_text

LONGEST_ANSWER = 5_000
LONGEST_ITEM = 500
MOST_ITEMS = 100
LARGEST_NUMBER = Decimal("1e15")


def clean_answer(kind: FactKind, value: Any) -> Any:
    """The answer as it is recorded: text, a list of texts, a truth, a day, a number, or a record of named texts.

    None takes the former answer back. Raises ``InvalidInput`` that says what the fact takes.
    """
    if value is None:
        return None
    if kind.type == "sig":
        raise InvalidInput(f"“{kind.id}” is a signature: it is signed, not typed.", field=kind.id)
    if kind.keys:
        return _clean_record(kind, value)
    clean = CLEANERS.get(kind.type)
    return clean(kind, value) if clean is not None else _clean_line(kind, value, LONGEST_ANSWER)


def _clean_line(kind: FactKind, value: Any, limit: int) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"“{kind.id}” takes text.", field=kind.id)
    return clean_text(value, kind.id, limit=limit, required=True)


def _clean_truth(kind: FactKind, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput(f"“{kind.id}” takes true or false.", field=kind.id)
    return value


def _clean_day(kind: FactKind, value: Any) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise InvalidInput(f"“{kind.id}” takes a day such as 2026-11-24.", field=kind.id) from None


def _clean_number(kind: FactKind, value: Any) -> int | float:
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else Decimal("nan")
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite() or abs(number) > LARGEST_NUMBER:
        raise InvalidInput(f"“{kind.id}” takes a number.", field=kind.id)
    return int(number) if number == number.to_integral_value() else float(number)


def _clean_choice(kind: FactKind, value: Any) -> str:
    if value not in kind.choices:
        raise InvalidInput(f"“{kind.id}” takes one of {', '.join(kind.choices)}.", field=kind.id)
    return str(value)


def _clean_list(kind: FactKind, value: Any) -> list[str]:
    """A list, in which an empty one says that there are none."""
    if not isinstance(value, list) or len(value) > MOST_ITEMS:
        raise InvalidInput(f"“{kind.id}” takes a list of at most {MOST_ITEMS} items.", field=kind.id)
    items = [_clean_line(kind, item, LONGEST_ITEM) for item in value]
    strange = [item for item in items if kind.choices and item not in kind.choices]
    if strange:
        raise InvalidInput(f"“{strange[0]}” is no choice; “{kind.id}” takes {', '.join(kind.choices)}.", field=kind.id)
    return list(dict.fromkeys(items))


def _clean_record(kind: FactKind, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"“{kind.id}” takes the parts {', '.join(kind.keys)}.", field=kind.id)
    unknown = sorted(str(key) for key in value if key not in kind.keys)
    if unknown:
        raise InvalidInput(f"“{kind.id}” has no part “{unknown[0]}”; it has {', '.join(kind.keys)}.", field=kind.id)
    parts = {key: _clean_line(kind, value[key], LONGEST_ANSWER) for key in kind.keys if value.get(key)}
    if not parts:
        raise InvalidInput(f"Fill at least one part of “{kind.id}”.", field=kind.id)
    return parts


CLEANERS = {
    "bool": _clean_truth,
    "date": _clean_day,
    "num": _clean_number,
    "enum": _clean_choice,
    "list": _clean_list,
}
