"""The framework of the house's own controls: its text, grown by one control at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from governance.exceptions import InvalidInput
from governance.frameworks.vocabulary import LONGEST_CATALOGUE, PRIVATE
from governance.policy_text import Value, read_policy_text

HOUSE_KEY = "house-controls"
REVIEW_AFTER = timedelta(days=365)
DEEPEST = 10


@dataclass(frozen=True)
class NewControl:
    """A control as somebody describes it. ``needs`` are pairs of a fact and a test of it. ``question`` is one of the
    house's own that has to be answered, empty for none; ``question_type`` says what kind of answer it takes."""

    ref: str
    gist: str
    group: str
    level: str
    by: str
    gate: str
    section: str
    needs: Sequence[tuple[str, str]] = ()
    question: str = ""
    question_type: str = "text"


def add_control(former: str | None, control: NewControl, *, issuer: str, today: date) -> str:
    """The next text of the house's framework: the former one, or a first one, with the control at its end.

    Whether the text is good, ``parse_framework`` says. Raises ``InvalidInput`` where a control would need nothing.
    """
    content = _begin(issuer) if former is None else _plain(_read(former))
    content |= {"as_of": today.isoformat(), "review_by": (today + REVIEW_AFTER).isoformat()}
    groups, controls = content["groups"], content["controls"]
    number = _next_number(controls)
    needs: list[dict[str, Any]] = [{"fact": fact, "is": test} for fact, test in control.needs]
    if control.question:
        fact = f"{PRIVATE}house_{number}"
        content.setdefault("facts", {})[fact] = {"t": control.question_type, "d": control.question}
        needs.append({"fact": fact, "is": "listed" if control.question_type == "list" else "filled"})
    if not needs:
        raise InvalidInput("Say what shows that it is covered: a recorded fact, or a question of your own.")
    controls.append(
        {
            "id": f"H-{number}",
            "ref": control.ref or f"H-{number}",
            "group": _find_group(groups, control.group),
            "level": control.level,
            "by": control.by,
            "gate": control.gate,
            "gist": " ".join(control.gist.split()),
            "needs": needs,
            "section": control.section,
        }
    )
    # Facts stand before the controls that need them, as a reader expects.
    order = [key for key in content if key not in ("facts", "controls")]
    order += [key for key in ("facts", "controls") if key in content]
    return write_yaml({key: content[key] for key in order})


def _begin(issuer: str) -> dict[str, Any]:
    return {
        "catalogue": 1,
        "id": HOUSE_KEY,
        "title": "Our own controls",
        "edition": "Kept in this portal",
        "issuer": issuer,
        "kind": "internal",
        "force": "voluntary",
        "groups": [],
        "controls": [],
    }


def _next_number(controls: list[dict[str, Any]]) -> int:
    taken = [int(found[1]) for item in controls if (found := re.fullmatch(r"H-([0-9]{1,6})", str(item.get("id", ""))))]
    return max(taken, default=0) + 1


def _find_group(groups: list[dict[str, str]], title: str) -> str:
    """The id of the group with this title, which is added where it is new."""
    known = next((group["id"] for group in groups if group["title"].casefold() == title.casefold()), None)
    if known is not None:
        return known
    taken = {group["id"] for group in groups}
    id = next(f"g{number}" for number in range(1, len(groups) + 2) if f"g{number}" not in taken)
    groups.append({"id": id, "title": title})
    return id


def _read(text: str) -> Value:
    return read_policy_text(text, what="framework", longest=LONGEST_CATALOGUE, deepest=DEEPEST)


def _plain(value: Value) -> Any:
    content = value.content
    if isinstance(content, dict):
        return {key: _plain(item) for key, item in content.items()}
    return [_plain(item) for item in content] if isinstance(content, list) else content


def write_yaml(content: Mapping[str, Any]) -> str:
    """Plain content as YAML that can be read in one way only: every text in quotes."""
    return "".join(_write_entry(key, value, "") for key, value in content.items())


def _write_entry(key: str, value: Any, indent: str) -> str:
    if isinstance(value, Mapping) and value:
        return f"{indent}{key}:\n" + "".join(_write_entry(name, item, indent + "  ") for name, item in value.items())
    if isinstance(value, list) and value:
        return f"{indent}{key}:\n" + "".join(_write_item(item, indent + "  ") for item in value)
    return f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}\n"


def _write_item(item: Any, indent: str) -> str:
    if not isinstance(item, Mapping) or not item:
        return f"{indent}- {json.dumps(item, ensure_ascii=False)}\n"
    lines = "".join(_write_entry(key, value, indent + "  ") for key, value in item.items())
    return f"{indent}- {lines[len(indent) + 2 :]}"
