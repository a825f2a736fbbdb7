"""What differs between two dossiers, in words a signer understands."""

from __future__ import annotations

import json
from typing import Any


def changed_items(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    """Names of what differs between two dossier documents, such as "evidence: Validation report (new)"."""
    changed: list[str] = []
    for part in sorted(set(before) | set(after)):
        old, new = before.get(part), after.get(part)
        if old == new:
            continue
        if isinstance(old or new, list):
            # A part that nobody has filled is left out.
            old, new = old or [], new or []
        if isinstance(old, list) and isinstance(new, list):
            changed += _changed_members(part, old, new)
        else:
            changed.append(part.replace("_", " "))
    return tuple(changed)


def _changed_members(part: str, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[str]:
    spoken = part.replace("_", " ")
    before, after = ({_identity(item): item for item in members} for members in (old, new))
    changed = [f"{spoken}: {_label(after[key])} (new)" for key in after if key not in before]
    changed += [f"{spoken}: {_label(before[key])} (removed)" for key in before if key not in after]
    return changed + [
        f"{spoken}: {_label(after[key])} (changed)" for key in after if key in before and after[key] != before[key]
    ]


def _identity(item: dict[str, Any]) -> str:
    keys = ("role", "id", "dataset_version_id", "derived_id", "source_id")
    if "fact" in item:
        return str(item["fact"])
    return json.dumps([item.get(key) for key in keys])


def _label(item: dict[str, Any]) -> str:
    for key in ("title", "name", "fact", "kind", "dataset", "finding_key", "derived"):
        if item.get(key):
            return str(item[key]).replace("_", " ")
    return str(item.get("id", ""))
