"""Rules across columns, as a quality specification writes them.

{"name": "ends after it starts", "compare": ["start", "<=", "end"]}
{"compare": ["age", ">=", 18]}
{"depends": "city", "on": ["zip"]}                                        one city per zip
{"when": {"column": "married", "values": ["yes"]}, "present": "spouse"}   or "absent"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audits.errors import BadInput
from audits.spec_values import check_choice, check_number, check_part, check_text, check_texts

OPERATORS = ("<", "<=", "=", "!=", ">=", ">")
RULE_KEYS = ("name", "compare", "depends", "on", "when", "present", "absent")
MAXIMUM_RULES = 200


@dataclass(frozen=True)
class ComparisonRule:
    """`left` operator `right` in every row that has both; `right` is a column or a number."""

    name: str
    left: str
    operator: str
    right: str | float

    @property
    def used_columns(self) -> tuple[str, ...]:
        """Return the columns the rule reads."""
        return (self.left, self.right) if isinstance(self.right, str) else (self.left,)


@dataclass(frozen=True)
class DependencyRule:
    """Rows with the same values `on` have one value of `column` (a functional dependency)."""

    name: str
    column: str
    on: tuple[str, ...]

    @property
    def used_columns(self) -> tuple[str, ...]:
        """Return the columns the rule reads."""
        return (self.column, *self.on)


@dataclass(frozen=True)
class PresenceRule:
    """Where `when` has one of `values` (any value where None), `column` is present, or absent."""

    name: str
    when: str
    values: tuple[str, ...] | None
    column: str
    is_present: bool

    @property
    def used_columns(self) -> tuple[str, ...]:
        """Return the columns the rule reads."""
        return (self.when, self.column)


Rule = ComparisonRule | DependencyRule | PresenceRule


def check_rules(value: object) -> tuple[Rule, ...]:
    """Return the rules, each with a name of its own.

    Raises
    ------
    BadInput
        With the key, for example "rules[0].compare".
    """
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAXIMUM_RULES:
        raise BadInput(f"must be a list of at most {MAXIMUM_RULES} rules", column="rules")
    rules = tuple(_check_rule(entry, f"rules[{place}]") for place, entry in enumerate(value))
    names = [rule.name for rule in rules]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise BadInput(f"two rules are called {name[:60]!r}; name each differently", column=f"rules[{place}].name")
    return rules


def _check_rule(entry: object, key: str) -> Rule:
    given = check_part(entry, key, RULE_KEYS)
    name = None if given.get("name") is None else check_text(given["name"], f"{key}.name")
    kinds = [kind for kind in ("compare", "depends", "when") if kind in given]
    if len(kinds) != 1:
        raise BadInput("needs exactly one of compare, depends (with on) or when (with present or absent)", column=key)
    if kinds == ["compare"]:
        return _check_comparison(given, key, name)
    if kinds == ["depends"]:
        column = check_text(given["depends"], f"{key}.depends")
        on = check_texts(given.get("on"), f"{key}.on", 1, 16)
        if column in on:
            raise BadInput("a column always depends on itself; name other columns", column=f"{key}.on")
        return DependencyRule(name or f"{column} depends on {', '.join(on)}", column, on)
    return _check_presence(given, key, name)


def _check_comparison(given: dict[str, Any], key: str, name: str | None) -> ComparisonRule:
    parts = given["compare"]
    if not isinstance(parts, list) or len(parts) != 3:
        raise BadInput('must be like ["start", "<=", "end"] or ["age", ">=", 18]', column=f"{key}.compare")
    left = check_text(parts[0], f"{key}.compare")
    operator = check_choice(parts[1], f"{key}.compare", OPERATORS)
    if operator is None:
        raise BadInput(f"needs one of {', '.join(OPERATORS)}", column=f"{key}.compare")
    right = parts[2] if isinstance(parts[2], str) else check_number(parts[2], f"{key}.compare")
    if isinstance(right, str):
        check_text(right, f"{key}.compare")
    shown = right if isinstance(right, str) else f"{right:.15g}"
    return ComparisonRule(name or f"{left} {operator} {shown}", left, operator, right)


def _check_presence(given: dict[str, Any], key: str, name: str | None) -> PresenceRule:
    when = check_part(given["when"], f"{key}.when", ("column", "values"))
    column = check_text(when.get("column"), f"{key}.when.column")
    values = None if when.get("values") is None else check_texts(when["values"], f"{key}.when.values", 1, 1_000)
    ends = [end for end in ("present", "absent") if end in given]
    if len(ends) != 1:
        raise BadInput("needs either present or absent, with a column", column=key)
    other = check_text(given[ends[0]], f"{key}.{ends[0]}")
    shown = f" is {' or '.join(values[:3])}" if values else " is present"
    return PresenceRule(
        name or f"{other} {ends[0]} when {column}{shown}", column, values, other, is_present=ends[0] == "present"
    )
