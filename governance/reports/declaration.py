"""A draft of the EU declaration of conformity: the eight items of Annex V, each as it is recorded or as a gap.

A draft declares nothing: a person does, by signing the recorded items.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from governance.frameworks.printing import print_value
from governance.frameworks.recorded import Recorded

FIELDS, SIGNATURE = "conformity.declaration_fields", "conformity.declaration"
# Part of the record -> (point of Annex V, what it is, a fact that says it where the part is empty).
POINTS: dict[str, tuple[int, str | Promise, str]] = {
    "system_reference": (1, gettext_lazy("System: name, type and what identifies it"), "system.identifier"),
    "provider": (2, gettext_lazy("Provider, or authorised representative: name and address"), "system.provider"),
    "sole_responsibility": (3, gettext_lazy("Issued under the sole responsibility of the provider"), ""),
    "conformity_statement": (4, gettext_lazy("In conformity with the Regulation and other Union law"), ""),
    "data_protection_statement": (5, gettext_lazy("Where personal data is processed: data protection law"), ""),
    "standards": (6, gettext_lazy("Harmonised standards or common specifications"), "conformity.standards"),
    "notified_body": (7, gettext_lazy("Notified body, procedure, certificate"), "conformity.certificate"),
    "place_date_signatory": (8, gettext_lazy("Place, date, name and function of who signs"), ""),
}


@dataclass(frozen=True)
class Point:
    """``source`` names the record it was taken from where the declaration itself is silent."""

    number: int
    title: str
    lines: tuple[str, ...]
    source: str


def build_declaration(recorded: Mapping[str, Recorded]) -> dict[str, Any]:
    """The eight points, and who has signed them."""
    given = recorded.get(FIELDS)
    points = [
        _read_point(number, str(title), given.part(key) if given else None, recorded.get(fact))
        for key, (number, title, fact) in POINTS.items()
    ]
    signed = recorded.get(SIGNATURE)
    return {"points": points, "signatures": signed.signatures if signed else (), "given": given}


def _read_point(number: int, title: str, given: Any, otherwise: Recorded | None) -> Point:
    if given:
        return Point(number, title, tuple(print_value(given)), "")
    if otherwise is not None and otherwise.is_filled:
        return Point(number, title, tuple(print_value(otherwise.value)), otherwise.source.text)
    return Point(number, title, (), "")
