"""What whoever asked for an evaluation chose, and whether its numbers are about the dataset version they name.

The specification decides which column is the truth, which rows count and for how much: another choice gives another
verdict. So it is part of what is signed, and the gate says it beside the number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from governance.canonical import canonical_digest
from governance.dossier_items import LeftOutItem, SettingItem
from governance.models import EvaluationKind

# These change no measured number: words for people, and criteria of the requester's own.
WITHOUT_EFFECT = frozenset({"case", "title", "format", "file", "criteria", "expectations", "advice"})
TOLERANCE = "tolerance of "
MOST_SETTINGS = 60
LONGEST_SETTING = 200
LARGEST_WHOLE = 2**53 - 1
"""The largest whole number that a dossier's text can hold exactly."""
LEAST_EXPLAINED = 100
"""Explained rows below which additivity shows nothing, unless the dataset version has fewer."""


def read_settings(spec: Mapping[str, Any], result: Mapping[str, Any]) -> tuple[SettingItem, ...]:
    """The specification as names and values in its own words, and its digest, which covers what is too long to show."""
    found = [
        SettingItem(name, value)
        for key in spec
        if key not in WITHOUT_EFFECT
        for name, value in _flatten(key, spec[key])
    ]
    if _get(result, "passport", "input", "kind") == "cells":
        found.insert(0, SettingItem("counted_by", "submitter"))
    for item in result.get("metrics", ()) if _is_reproduction(result) else ():
        found.append(SettingItem(f"{TOLERANCE}{item['name']}", _say_tolerance(item["tolerance"])))
    return (*found[:MOST_SETTINGS], SettingItem("specification", canonical_digest(dict(spec))))


def _is_reproduction(result: Mapping[str, Any]) -> bool:
    return str(result.get("format", "")).startswith("countersign/reproduction-result/")


def _say_tolerance(tolerance: Mapping[str, Any]) -> str:
    parts = [f"{name} {tolerance[name]:g}" for name in ("absolute", "relative") if tolerance[name]]
    return f"{', '.join(parts)}, declared by {tolerance['declared_by']}" if parts else "none: exactly equal"


def _get(part: Any, *path: str) -> Any:
    for name in path:
        part = part.get(name) if isinstance(part, Mapping) else None
    return part


def _flatten(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Objects by their paths; of lists every entry in one text."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _flatten(f"{name}.{key}", part)
        return
    if isinstance(value, Sequence) and not isinstance(value, str):
        text = ", ".join(part if isinstance(part, str) else json.dumps(part, ensure_ascii=False) for part in value)
    else:
        text = value if isinstance(value, str) else json.dumps(value)
    yield name[:LONGEST_SETTING], text if len(text) <= LONGEST_SETTING else f"{text[: LONGEST_SETTING - 1]}…"


def read_left_out(result: Mapping[str, Any]) -> tuple[LeftOutItem, ...]:
    """Rows that were submitted and not measured, by reason."""
    rows = _bound(_get(result, "data", "rows") or 0)
    return tuple(LeftOutItem(item["reason"], _bound(item["rows"]), rows) for item in result.get("rows_left_out", ()))


def _bound(rows: int) -> int:
    """A number of rows that a dossier's text can hold: whatever a result says, its version must stay readable."""
    return min(rows, LARGEST_WHOLE)


def find_gap(kind: str, result: Mapping[str, Any], rows: int, dataset: str) -> str:
    """Why the rows that were counted are not those of the dataset version, which has ``rows``; nothing where they are.

    Under conditions every row of the dataset version is expected under each, or, where none of them is the one that
    everything is measured under, once in all.
    """
    if kind != EvaluationKind.BIAS_AUDIT:
        return ""
    found = result["data"]["rows"]
    conditions = _count_conditions(result)
    if not conditions:
        return "" if found == rows else _say_gap(found, rows, dataset)
    if "robustness" not in result and found == rows:
        return ""
    is_exact = found == sum(conditions.values())  # rows left out are not known by condition
    for name, number in conditions.items():
        if number > rows or (is_exact and number < rows):
            return f"{_say_gap(number, rows, dataset)} under the condition “{name}”"
    expected = rows * len(conditions)
    if found != expected:
        return f"{_say_gap(found, expected, dataset)} under its {len(conditions)} conditions"
    return ""


def _count_conditions(result: Mapping[str, Any]) -> dict[str, int]:
    """Rows in use by condition; empty where there are none."""
    if "robustness" in result:
        return {item["condition"]: item["rows"] for item in result["robustness"]["conditions"]}
    cells = result.get("cells") or {}
    found: dict[str, int] = {}
    if cells.get("condition") is not None:
        for group, _label, _prediction, count, *_weights in cells["cells"]:
            found[group[-1]] = found.get(group[-1], 0) + count
    return found


def _say_gap(found: int, rows: int, dataset: str) -> str:
    if found < rows:
        return f"predictions cover {found:,} of the {rows:,} rows of {dataset}"
    return f"there are {found:,} predictions for the {rows:,} rows of {dataset}"


def find_small_explanation(kind: str, explained: int, rows: int) -> str:
    """Why additivity over so few rows shows nothing; nothing where they are enough."""
    least = min(LEAST_EXPLAINED, rows)
    if kind != EvaluationKind.EXPLANATION or explained >= least:
        return ""
    return f"only {explained:,} of {rows:,} rows are explained; at least {least:,} are needed"
