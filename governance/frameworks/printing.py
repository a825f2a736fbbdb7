"""Recorded values as lines of text, for pages and reports alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

LONGEST_PRINTED = 1_500
MOST_PRINTED = 25


def print_value(value: Any) -> list[str]:
    """A recorded value as lines of text. A long one is cut and says so; the whole is attached."""
    if isinstance(value, bool):
        return [_("Yes") if value else _("No")]
    if isinstance(value, dict):
        return _cut([f"{str(name).replace('_', ' ')}: {_flat(part)}" for name, part in value.items()])
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _cut([_flat(item) for item in value]) or [_("None.")]
    return [_flat(value)]


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{str(name).replace('_', ' ')} {_flat(part)}" for name, part in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_flat(item) for item in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return _shorten("–" if value is None else str(value))


def _cut(lines: list[str]) -> list[str]:
    left = len(lines) - MOST_PRINTED
    cut = _("… and %(n)d more, in the attached coverage.json") % {"n": left}
    return lines if left <= 0 else [*lines[:MOST_PRINTED], cut]


def _shorten(text: str) -> str:
    if len(text) <= LONGEST_PRINTED:
        return text
    return f"{text[:LONGEST_PRINTED]} … {_('(cut; the whole stands in the attached coverage.json)')}"
