"""A measured number as a page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Number:
    """A measured number with its limits; ``reason`` says why it is undefined or cannot be relied on."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


def read_number(value: float | None, limits: dict[str, Any] | None, reason: str | None) -> Number:
    limits = limits or {}
    return Number(value, limits.get("low"), limits.get("high"), reason or "")
