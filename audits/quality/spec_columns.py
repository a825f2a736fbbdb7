"""What a quality specification says about single columns: type, role, and what their cells may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from audits.errors import BadInput
from audits.spec_values import check_choice, check_flag, check_number, check_part, check_text, check_texts

TYPES = ("integer", "number", "boolean", "date", "timestamp", "category", "text", "identifier")
NUMBER_TYPES = ("integer", "number")
DATE_TYPES = ("date", "timestamp")
ROLES = ("feature", "label", "sensitive", "key", "identifier", "time", "weight", "other")
FORMATS = ("email", "phone", "iban", "card", "ip", "uuid", "url")
COLUMN_KEYS = (
    "type",
    "role",
    "required",
    "values",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "date_format",
    "missing",
    "description",
)
MAXIMUM_COLUMNS = 2_000
MAXIMUM_VALUES = 10_000
MAXIMUM_TOKENS = 100
LONGEST_PATTERN = 200
# The engine's expressions run in linear time and know neither looking around nor references.
FORBIDDEN_IN_PATTERNS = re.compile(r"\(\?<?[=!]|\(\?P=|\(\?\(|\\[1-9]|\\g")


@dataclass(frozen=True)
class ColumnSpec:
    """What is declared about a column. None where nothing is said.

    `minimum` and `maximum` are numbers for numeric columns and ISO dates for date columns.
    `missing` are texts that stand for a missing value in this column, beside the empty cell.
    """

    name: str
    type: str | None = None
    role: str | None = None
    is_required: bool = False
    values: tuple[str, ...] | None = None
    pattern: str | None = None
    format: str | None = None
    minimum: float | date | None = None
    maximum: float | date | None = None
    date_format: str | None = None
    missing: tuple[str, ...] = ()


def check_columns(value: object) -> dict[str, ColumnSpec]:
    """Return the declared columns by name.

    Raises
    ------
    BadInput
        With the key, for example "columns.age.minimum".
    """
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MAXIMUM_COLUMNS:
        raise BadInput(
            f'must map at most {MAXIMUM_COLUMNS:,} column names to what is expected, for example {{"age": '
            '{"type": "integer"}}',
            column="columns",
        )
    return {name: _check_column(check_text(name, "columns"), entry) for name, entry in value.items()}


def _check_column(name: str, value: object) -> ColumnSpec:
    key = f"columns.{name}"[:200]
    given = check_part({} if value is None else value, key, COLUMN_KEYS)
    kind = check_choice(given.get("type"), f"{key}.type", TYPES)
    low, high = (_check_bound(given.get(end), f"{key}.{end}", kind) for end in ("minimum", "maximum"))
    if low is not None and high is not None and low > high:  # type: ignore[operator]
        raise BadInput("the minimum is above the maximum", column=key)
    return ColumnSpec(
        name=name,
        type=kind,
        role=check_choice(given.get("role"), f"{key}.role", ROLES),
        is_required=check_flag(given.get("required"), f"{key}.required"),
        values=_check_optional_texts(given, key, "values", MAXIMUM_VALUES),
        pattern=_check_pattern(given.get("pattern"), f"{key}.pattern"),
        format=check_choice(given.get("format"), f"{key}.format", FORMATS),
        minimum=low,
        maximum=high,
        date_format=_check_date_format(given.get("date_format"), f"{key}.date_format", kind),
        missing=_check_optional_texts(given, key, "missing", MAXIMUM_TOKENS) or (),
    )


def _check_optional_texts(given: Mapping[str, Any], key: str, name: str, most: int) -> tuple[str, ...] | None:
    return None if given.get(name) is None else check_texts(given[name], f"{key}.{name}", 1, most)


def _check_bound(value: object, key: str, kind: str | None) -> float | date | None:
    if value is None:
        return None
    if kind in DATE_TYPES:
        return check_date(value, key)
    if kind is not None and kind not in NUMBER_TYPES:
        raise BadInput(f"a column of type {kind} has no range; use values or pattern", column=key)
    return check_number(value, key)


def check_date(value: object, key: str) -> date:
    """Return the value if it is a date such as "2024-06-30"."""
    try:
        return date.fromisoformat(check_text(value, key))
    except ValueError:
        raise BadInput('must be a date such as "2024-06-30"', column=key) from None


def _check_pattern(value: object, key: str) -> str | None:
    if value is None:
        return None
    pattern = check_text(value, key)
    if len(pattern) > LONGEST_PATTERN:
        raise BadInput(f"must have at most {LONGEST_PATTERN} characters", column=key)
    if FORBIDDEN_IN_PATTERNS.search(pattern):
        raise BadInput("looking around and references to groups are not available; write it without them", column=key)
    try:
        re.compile(pattern)
    except re.error as error:
        raise BadInput(f"is not a regular expression: {error}", column=key) from None
    return pattern


def _check_date_format(value: object, key: str, kind: str | None) -> str | None:
    if value is None:
        return None
    if kind not in DATE_TYPES:
        raise BadInput('is for columns with the type "date" or "timestamp"', column=key)
    text = check_text(value, key)
    if not re.fullmatch(r"(%[dmYyHMSfjbBapzI]|[-./: ,T])+", text):
        raise BadInput('must be made of directives such as %d, %m, %Y, %H, %M: "%d.%m.%Y"', column=key)
    return text
