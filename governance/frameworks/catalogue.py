"""A framework: a dated text as controls over recorded facts. YAML in, frozen values out.

The format is described in ``FORMAT.md`` beside this file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from governance.canonical import sha256_hex
from governance.frameworks.conditions import OPERATORS, Condition, facts_of, read_condition, read_plain
from governance.frameworks.vocabulary import DEEPEST, LONGEST_CATALOGUE, FactKind, facts, read_facts, sections
from governance.policy_text import Value, read_policy_text

SHIPPED = Path(__file__).parent / "editions"
MOST_CONTROLS, MOST_GROUPS, MOST_NEEDS, MOST_LINES = 500, 60, 30, 60
LONGEST_KEY, LONGEST_LINE, LONGEST_TEXT = 80, 300, 2_000
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._()-]{0,79}", re.ASCII)

KINDS = ("law", "local-law", "guidance", "standard", "internal")
FORCES = ("binding", "supervisory", "voluntary")
LEVELS = ("must", "should", "may")
OWNERS = ("team", "org", "portal", "reviewer", "auditor")
GATES = ("intake", "design", "data", "evaluate", "review", "release", "operate", "retire", "org", "portal")
TESTS = ("filled", "listed", "linked", "is_true", "is_false", "fresh", "signed", "independent", "value", "attested")
# What each test must be told beside the fact, and what it may be.
NEEDED = {"fresh": {"days"}, "independent": {"not_roles"}, "value": {"op", "value"}}
ALLOWED = {"listed": {"min"}, "filled": {"key"}, "linked": {"key"}, "signed": {"role", "meaning"}}
MANDATORY = (
    *("catalogue", "id", "title", "edition", "issuer", "kind", "force", "as_of", "review_by"),
    *("groups", "controls"),
)
OPTIONAL = ("status", "dates", "applies_when", "sources", "facts")
CONTROL_KEYS = ("id", "ref", "group", "level", "by", "gate", "gist", "needs", "section", "when", "expires_days", "note")


@dataclass(frozen=True)
class Need:
    """What one fact must show: ``least`` items, at most ``days`` old, signed in ``role`` with ``meaning``, or so."""

    fact: str
    test: str
    least: int = 1
    key: str = ""
    role: str = ""
    meaning: str = ""
    not_roles: tuple[str, ...] = ()
    days: int | None = None
    op: str = ""
    value: Any = None


@dataclass(frozen=True)
class AnyOf:
    """Needs of which one is enough."""

    needs: tuple[Need, ...]


@dataclass(frozen=True)
class Control:
    """One demand of a framework, in our own words."""

    id: str
    ref: str
    group: str
    level: str
    by: str
    gate: str
    gist: str
    needs: tuple[Need | AnyOf, ...]
    section: str
    when: Condition | None = None
    expires_days: int | None = None
    note: str = ""

    @property
    def single_needs(self) -> Iterator[Need]:
        for need in self.needs:
            yield from need.needs if isinstance(need, AnyOf) else (need,)

    @property
    def facts(self) -> frozenset[str]:
        """Every fact that this control or its condition reads."""
        return frozenset(need.fact for need in self.single_needs) | facts_of(self.when)


@dataclass(frozen=True)
class Framework:
    """One edition. ``id`` is never used for another edition; ``digest`` is that of its exact text."""

    id: str
    title: str
    edition: str
    issuer: str
    kind: str
    force: str
    as_of: date
    review_by: date
    status: str
    dates: tuple[tuple[date, str], ...]
    sources: tuple[str, ...]
    applies_when: Condition | None
    groups: Mapping[str, str]
    controls: tuple[Control, ...]
    private_facts: Mapping[str, FactKind]
    text: str
    digest: str

    def find(self, control_id: str) -> Control | None:
        return next((control for control in self.controls if control.id == control_id), None)

    def fact(self, id: str) -> FactKind:
        return self.private_facts.get(id) or facts()[id]

    def is_due_for_review(self, today: date) -> bool:
        """Whether somebody should have looked by now whether the text has changed."""
        return today > self.review_by


@lru_cache(maxsize=64)
def parse_framework(text: str) -> Framework:
    """Read and check a framework. Raises ``PolicyFault`` naming line and key."""
    root = read_policy_text(text, what="framework", longest=LONGEST_CATALOGUE, deepest=DEEPEST)
    raw = root.mapping(MANDATORY + OPTIONAL)
    for name in MANDATORY:
        if name not in raw:
            raise root.fault(f"the framework lacks “{name}”.")
    raw["catalogue"].whole_number(1, 1)
    private = read_facts(raw["facts"], private=True) if "facts" in raw else {}
    known = {**facts(), **private}
    groups = dict(_read_group(item) for item in raw["groups"].items(MOST_GROUPS))
    controls = tuple(_read_control(item, groups, known) for item in raw["controls"].items(MOST_CONTROLS))
    _refuse_repetition(raw, groups, controls)
    as_of, review_by = _read_date(raw["as_of"]), _read_date(raw["review_by"])
    if review_by < as_of:
        raise raw["review_by"].fault("it is to be looked at again after it was looked at, not before.")
    return Framework(
        id=_read_key(raw["id"]),
        title=_read_line(raw["title"]),
        edition=_read_line(raw["edition"]),
        issuer=_read_line(raw["issuer"]),
        kind=raw["kind"].choice(KINDS),
        force=raw["force"].choice(FORCES),
        as_of=as_of,
        review_by=review_by,
        status=_read_prose(raw["status"]) if "status" in raw else "",
        dates=tuple(_read_dated(item) for item in raw["dates"].items(MOST_LINES)) if "dates" in raw else (),
        sources=tuple(_read_line(item) for item in raw["sources"].items(MOST_LINES)) if "sources" in raw else (),
        applies_when=read_condition(raw["applies_when"], known) if "applies_when" in raw else None,
        groups=groups,
        controls=controls,
        private_facts=private,
        text=text,
        digest=sha256_hex(text.encode()),
    )


def _refuse_repetition(raw: Mapping[str, Value], groups: Mapping[str, str], controls: tuple[Control, ...]) -> None:
    if not controls:
        raise raw["controls"].fault("a framework has a control.")
    if len(groups) != len(raw["groups"].items(MOST_GROUPS)):
        raise raw["groups"].fault("a group is given twice.")
    seen: set[str] = set()
    for item, control in zip(raw["controls"].items(MOST_CONTROLS), controls, strict=True):
        if control.id in seen:
            raise item.fault(f"the control “{control.id}” is given twice.")
        seen.add(control.id)


def _read_group(value: Value) -> tuple[str, str]:
    raw = value.mapping(("id", "title"))
    if len(raw) != 2:
        raise value.fault("a group has an id and a title.")
    return _read_key(raw["id"]), _read_line(raw["title"])


def _read_dated(value: Value) -> tuple[date, str]:
    raw = value.mapping(("date", "what"))
    if len(raw) != 2:
        raise value.fault("a date has a “date” and says “what”.")
    return _read_date(raw["date"]), _read_line(raw["what"])


def _read_control(value: Value, groups: Mapping[str, str], known: Mapping[str, FactKind]) -> Control:
    raw = value.mapping(CONTROL_KEYS)
    for name in CONTROL_KEYS[:9]:
        if name not in raw:
            raise value.fault(f"a control needs “{name}”.")
    needs = tuple(_read_need(item, known) for item in raw["needs"].items(MOST_NEEDS))
    if not needs:
        raise raw["needs"].fault("a control that needs nothing would always be met.")
    return Control(
        id=_read_key(raw["id"]),
        ref=_read_line(raw["ref"]),
        group=raw["group"].choice(groups),
        level=raw["level"].choice(LEVELS),
        by=raw["by"].choice(OWNERS),
        gate=raw["gate"].choice(GATES),
        gist=_read_prose(raw["gist"]),
        needs=needs,
        section=raw["section"].choice(sections()),
        when=read_condition(raw["when"], known) if "when" in raw else None,
        expires_days=raw["expires_days"].whole_number(1, 3_660) if "expires_days" in raw else None,
        note=_read_prose(raw["note"]) if "note" in raw else "",
    )


def _read_need(value: Value, known: Mapping[str, FactKind]) -> Need | AnyOf:
    if isinstance(value.content, dict) and "any" in value.content:
        raw = value.mapping(("any",))
        needs = tuple(_read_single_need(item, known) for item in raw["any"].items(MOST_NEEDS))
        if len(needs) < 2:
            raise raw["any"].fault("a choice needs two needs or more.")
        return AnyOf(needs)
    return _read_single_need(value, known)


def _read_single_need(value: Value, known: Mapping[str, FactKind]) -> Need:
    raw = value.mapping(("fact", "is", "min", "key", "role", "meaning", "not_roles", "days", "op", "value"))
    if not {"fact", "is"} <= set(raw):
        raise value.fault("a need has a fact and says what it “is”.")
    test = raw["is"].choice(TESTS)
    needed, allowed = NEEDED.get(test, set()), ALLOWED.get(test, set())
    given = set(raw) - {"fact", "is"}
    if not needed <= given or not given <= needed | allowed:
        words = ", ".join(sorted(needed | allowed)) or "nothing else"
        raise value.fault(f"“{test}” takes {words}.")
    kind = known[raw["fact"].choice(known)]
    key = raw["key"].text() if "key" in raw else ""
    if key and key not in kind.keys:
        raise raw["key"].fault(f"“{kind.id}” has no part “{key}”; it has {', '.join(kind.keys) or 'none'}.")
    return Need(
        fact=kind.id,
        test=test,
        least=raw["min"].whole_number(0, 1_000) if "min" in raw else 1,
        key=key,
        role=_read_line(raw["role"]) if "role" in raw else "",
        meaning=_read_line(raw["meaning"]) if "meaning" in raw else "",
        not_roles=tuple(_read_line(item) for item in raw["not_roles"].items(MOST_LINES)) if "not_roles" in raw else (),
        days=raw["days"].whole_number(1, 3_660) if "days" in raw else None,
        op=raw["op"].choice(OPERATORS) if "op" in raw else "",
        value=read_plain(raw["value"]) if "value" in raw else None,
    )


def _read_key(value: Value) -> str:
    found = value.text()
    if not KEY.fullmatch(found):
        raise value.fault(f"an id is made of letters, digits and . _ - ( ), {LONGEST_KEY} at most.")
    return found


def _read_line(value: Value) -> str:
    return _read_short(value, LONGEST_LINE)


def _read_prose(value: Value) -> str:
    return _read_short(value, LONGEST_TEXT)


def _read_short(value: Value, longest: int) -> str:
    found = value.text().strip()
    if not found or len(found) > longest or not found.replace("\n", " ").isprintable():
        raise value.fault(f"this must be printable text of 1 to {longest:,} characters.")
    return found


def _read_date(value: Value) -> date:
    try:
        return date.fromisoformat(value.text())
    except ValueError:
        raise value.fault("this must be a day such as “2026-11-24”, in quotes.") from None


def shipped_texts() -> dict[str, str]:
    """The frameworks that come with the product: file name without ending -> text."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(SHIPPED.glob("*.yaml"))}
