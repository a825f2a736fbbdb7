"""Short lines that people write about a table: declared columns, rules, population shares."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext as _text

from portal.pages.forms.evaluations import PLAIN, split_names

TYPES = ("integer", "number", "boolean", "date", "timestamp", "category", "text", "identifier")
TYPES_BY_WORD = {
    "int": "integer",
    "bool": "boolean",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "numeric": "number",
    "number": "number",
    "timestamp": "timestamp",
    "datetime": "timestamp",
    "date": "date",
    "categor": "category",
    "enum": "category",
    "str": "text",
    "text": "text",
    "char": "text",
    "object": "text",
}
"""How a dataset version's schema may call a type -> how a profile calls it; the first that is part of it."""
RANGE = re.compile(r"(?P<low>\S+) to (?P<high>\S+)")
COMPARISON = re.compile(r"(?P<left>.+?) (?P<operator><=|>=|!=|=|<|>) (?P<right>.+)")
DEPENDENCY = re.compile(r"(?P<on>.+?) -> (?P<column>.+)")
PRESENCE = re.compile(r"(?P<column>.+?) (?P<state>present|absent) if (?P<when>.+?)( = (?P<values>.+))?")


class QualityLinesField(forms.CharField):
    """One statement per line, each read by `read`; a line that cannot be read is named."""

    def __init__(self, *, read: Callable[[str], Any], rows: int = 3, **options: Any) -> None:
        area = forms.Textarea(attrs={"rows": rows, "class": "mono", **PLAIN})
        super().__init__(required=False, widget=area, max_length=200_000, **options)
        self.read = read

    def clean(self, value: Any) -> list[Any]:
        found = []
        for number, line in enumerate(super().clean(value).splitlines(), start=1):
            if not line.strip():
                continue
            try:
                found.append(self.read(line.strip()))
            except ValueError as error:
                raise forms.ValidationError(
                    _text("Line %(number)d: %(why)s") % {"number": number, "why": error}
                ) from None
        return found


def guess_type(word: str) -> str:
    """The type of a dataset version's column in the words of a profile; empty where it is none of them."""
    word = word.lower()
    if word in TYPES:
        return word
    return next((kind for part, kind in TYPES_BY_WORD.items() if part in word), "")


def read_column(line: str) -> tuple[str, dict[str, Any]]:
    """``age, integer, required, 18 to 120`` as a name and what is declared. Raises ``ValueError``."""
    name, *parts = (part.strip() for part in line.split(","))
    if not name:
        raise ValueError(_text("a column needs a name."))
    declared: dict[str, Any] = {}
    for part in filter(None, parts):
        between = RANGE.fullmatch(part)
        if part in TYPES:
            declared["type"] = part
        elif part == "required":
            declared["required"] = True
        elif between:
            declared["minimum"], declared["maximum"] = (_read_bound(between[end]) for end in ("low", "high"))
        else:
            raise ValueError(
                _text("“%(part)s” is neither a type (%(types)s), “required” nor a range such as 18 to 120.")
                % {"part": part, "types": ", ".join(TYPES)}
            )
    return name, declared


def _read_bound(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text  # a date; the laboratory checks it


def read_rule(line: str) -> dict[str, Any]:
    """``start <= end``, ``zip -> city`` or ``spouse present if married = yes`` as a rule. Raises ``ValueError``."""
    if found := PRESENCE.fullmatch(line):
        when = {"column": found["when"]} | ({"values": split_names(found["values"])} if found["values"] else {})
        return {"when": when, found["state"]: found["column"]}
    if found := DEPENDENCY.fullmatch(line):
        return {"depends": found["column"], "on": split_names(found["on"])}
    if found := COMPARISON.fullmatch(line):
        right = _read_bound(found["right"])
        return {"compare": [found["left"], found["operator"], right]}
    raise ValueError(_text("write start <= end, zip -> city, or spouse present if married = yes."))


def read_shares(line: str) -> tuple[str, dict[str, float]]:
    """``sex: female 0.51, male 0.49`` as a column and its groups' shares. Raises ``ValueError``."""
    name, colon, rest = line.partition(":")
    shares: dict[str, float] = {}
    for part in split_names(rest):
        group, _space, share = part.rpartition(" ")
        try:
            shares[group.strip()] = float(share)
        except ValueError:
            shares = {}
            break
    if not colon or not name.strip() or not shares or "" in shares:
        raise ValueError(_text("write sex: female 0.51, male 0.49."))
    return name.strip(), shares
