"""Conditions over recorded facts. What nobody has recorded makes a condition unknown, never silently false."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.policy_text import Value

OPERATORS = ("eq", "ne", "lt", "le", "gt", "ge", "in", "has")
MOST_CONDITIONS = 20
PLACES = "system.jurisdictions"
# Codes of the European Union's members (ISO 3166-1): a system offered in one of them is offered in the Union.
EU_MEMBERS = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Comparison:
    fact: str
    op: str
    value: Any


@dataclass(frozen=True)
class All:
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Any_:
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    part: Condition


Condition = Comparison | All | Any_ | Not


def facts_of(condition: Condition | None) -> frozenset[str]:
    """Every fact the condition asks about."""
    match condition:
        case None:
            return frozenset()
        case Comparison():
            return frozenset({condition.fact})
        case Not():
            return facts_of(condition.part)
        case _:
            return frozenset().union(*(facts_of(part) for part in condition.parts))


def decide(condition: Condition | None, values: Mapping[str, Any]) -> bool | None:
    """Whether it holds of the recorded values; None where that hangs on something nobody has recorded.

    Kleene's three-valued logic: one false part settles "all", one true part settles "any", whatever is unknown.
    """
    match condition:
        case None:
            return True
        case Comparison():
            return compare(condition, values[condition.fact]) if condition.fact in values else None
        case Not():
            inner = decide(condition.part, values)
            return None if inner is None else not inner
        case All():
            return _settle([decide(part, values) for part in condition.parts], by=False)
        case Any_():
            return _settle([decide(part, values) for part in condition.parts], by=True)


def _settle(answers: list[bool | None], *, by: bool) -> bool | None:
    if by in answers:
        return by
    return None if None in answers else not by


def compare(asked: Comparison, recorded: Any) -> bool:
    """Whether a recorded value compares as asked. Values of kinds that cannot be compared do not."""
    match asked.op:
        case "eq":
            return bool(recorded == asked.value)
        case "ne":
            return bool(recorded != asked.value)
        case "in":
            return recorded in asked.value
        case "has":
            return has(recorded, asked.value, is_place=asked.fact == PLACES)
        case _:
            return _is_ordered(asked.op, recorded, asked.value)


def has(recorded: Any, value: Any, *, is_place: bool = False) -> bool:
    """Whether a list, the parts of a record, or the words of a text hold the value.

    A place holds the places it lies in: ``US-NY-NYC`` is in ``US-NY`` and in ``US``, and ``DE`` in ``EU``.
    """
    if isinstance(recorded, Mapping):
        return value in recorded.values()
    if isinstance(recorded, str):
        return recorded == value or str(value) in recorded.replace(",", " ").split()
    if not isinstance(recorded, list | tuple):
        return False
    return any(_lies_in(str(item), str(value)) if is_place else item == value for item in recorded)


def _lies_in(place: str, region: str) -> bool:
    inside = place == region or place.startswith(f"{region}-")
    return inside or (region == "EU" and place.partition("-")[0] in EU_MEMBERS)


def _is_ordered(op: str, recorded: Any, value: Any) -> bool:
    numbers = all(isinstance(item, int | float) and not isinstance(item, bool) for item in (recorded, value))
    if not numbers and not (isinstance(recorded, str) and isinstance(value, str)):
        return False
    return bool({"lt": recorded < value, "le": recorded <= value, "gt": recorded > value, "ge": recorded >= value}[op])


def read_condition(value: Value, known: Mapping[str, Any]) -> Condition:
    """Read a condition. Raises ``PolicyFault`` at its line."""
    raw = value.mapping(("all", "any", "not", "fact", "op", "value"))
    if set(raw) == {"fact", "op", "value"}:
        return _read_comparison(raw, known)
    if set(raw) == {"not"}:
        return Not(read_condition(raw["not"], known))
    for name, kind in (("all", All), ("any", Any_)):
        if set(raw) == {name}:
            parts = tuple(read_condition(item, known) for item in raw[name].items(MOST_CONDITIONS))
            if not parts:
                raise raw[name].fault("there must be a condition in it.")
            return kind(parts)
    raise value.fault("a condition is {fact, op, value}, {all: […]}, {any: […]} or {not: …}.")


def _read_comparison(raw: Mapping[str, Value], known: Mapping[str, Any]) -> Comparison:
    op = raw["op"].choice(OPERATORS)
    content = read_plain(raw["value"])
    if (op == "in") is not isinstance(content, list) and not (op in {"eq", "ne"} and content == []):
        raise raw["value"].fault("“in” compares with a list; the others with one value.")
    return Comparison(raw["fact"].choice(known), op, content)


def read_plain(value: Value) -> Any:
    """A scalar, or a list of scalars."""
    if isinstance(value.content, list):
        return [read_plain(item) for item in value.content]
    if value.content is None or isinstance(value.content, dict):
        raise value.fault("this must be text, a whole number, true or false; put text in quotes.")
    return value.content
