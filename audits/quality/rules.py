"""Consistency: rules across columns, counted in the rows each applies to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audits.errors import BadInput
from audits.populations import OVERALL
from audits.quality.columns import ColumnCounts
from audits.quality.keys import count_passes, in_pass
from audits.quality.results import Quantity, about_rule, count_share, undefined
from audits.quality.spec import QualitySpec
from audits.quality.spec_columns import DATE_TYPES, NUMBER_TYPES
from audits.quality.spec_rules import ComparisonRule, DependencyRule, PresenceRule, Rule
from audits.quality.staging import Staged
from audits.tables.engine import quote_text


@dataclass(frozen=True)
class RuleCount:
    """A rule with the rows it applies to and those that pass; `compared_as` for comparisons."""

    rule: Rule
    applies: int
    passes: int
    compared_as: str | None = None


def check_rules(table: Staged, spec: QualitySpec, counts: Mapping[str, ColumnCounts]) -> list[RuleCount]:
    """Count every rule.

    A comparison is of numbers, of dates or of texts, whichever both sides write or declare; it
    applies to rows in which both sides are present and can be read as such.

    Raises
    ------
    BadInput
        For a number compared with a column that holds none.
    """
    return [_check(table, rule, spec, counts) for rule in spec.rules]


def _check(table: Staged, rule: Rule, spec: QualitySpec, counts: Mapping[str, ColumnCounts]) -> RuleCount:
    if isinstance(rule, ComparisonRule):
        return _compare(table, rule, spec, counts)
    if isinstance(rule, DependencyRule):
        return _check_dependency(table, rule)
    return _check_presence(table, rule)


def _compare(table: Staged, rule: ComparisonRule, spec: QualitySpec, counts: Mapping[str, ColumnCounts]) -> RuleCount:
    kinds = [_find_kind(name, spec, counts[name]) for name in rule.used_columns]
    if not isinstance(rule.right, str):
        if kinds != ["numbers"]:
            raise BadInput(f"{rule.left!r} does not hold numbers", column=f"rules: {rule.name}"[:200])
        left, right, kind = table.number(rule.left), f"{rule.right!r}::DOUBLE", "numbers"
    else:
        kind = kinds[0] if kinds[0] == kinds[1] else "texts"
        read = {"numbers": table.number, "dates": table.moment, "texts": table.text}[kind]
        left, right = read(rule.left), read(rule.right)
    operator = "<>" if rule.operator == "!=" else rule.operator
    applies, passes = table.engine.execute(
        f"SELECT count(*) FILTER (l IS NOT NULL AND r IS NOT NULL), count(*) FILTER (l {operator} r) "  # noqa: S608
        f"FROM (SELECT {left} AS l, {right} AS r FROM {table.relation})"
    ).fetchall()[0]
    return RuleCount(rule, applies, passes, kind)


def _find_kind(name: str, spec: QualitySpec, counts: ColumnCounts) -> str:
    """Return whether a column is compared as numbers, dates or texts."""
    declared = spec.describe(name).type
    if declared in NUMBER_TYPES or (declared is None and counts.present and counts.present == counts.numbers):
        return "numbers"
    if declared in DATE_TYPES or (declared is None and counts.present and counts.present == counts.moments):
        return "dates"
    return "texts"


def _check_dependency(table: Staged, rule: DependencyRule) -> RuleCount:
    """Count the rows that agree with the most frequent value among the rows with the same `on`.

    1 - g3 of Kivinen and Mannila, Theor. Comput. Sci. 149 (1995) 129: the share of rows that can
    stay for the dependency to hold.
    """
    digest, text = table.digest(rule.on), table.text(rule.column)
    known = " AND ".join(f"{table.text(name)} IS NOT NULL" for name in rule.used_columns)
    passes = count_passes(table.rows)
    applies = agreeing = 0
    for number in range(passes):
        row = table.engine.execute(
            "SELECT coalesce(sum(rows), 0), coalesce(sum(most), 0) FROM ("  # noqa: S608
            "SELECT sum(k) AS rows, max(k) AS most FROM ("
            f"SELECT {digest} AS h, {text} AS v, count(*) AS k FROM {table.relation} "
            f"WHERE {known} AND {in_pass(digest, number, passes)} GROUP BY h, v) GROUP BY h)"
        ).fetchall()[0]
        applies, agreeing = applies + int(row[0]), agreeing + int(row[1])
    return RuleCount(rule, applies, agreeing)


def _check_presence(table: Staged, rule: PresenceRule) -> RuleCount:
    when, other = table.text(rule.when), table.text(rule.column)
    listed = ", ".join(quote_text(value) for value in rule.values or ())
    condition = f"{when} IN ({listed})" if rule.values else f"{when} IS NOT NULL"
    state = "IS NOT NULL" if rule.is_present else "IS NULL"
    applies, passes = table.engine.execute(
        f"SELECT count(*), count(*) FILTER ({other} {state}) FROM {table.relation} WHERE {condition}"  # noqa: S608
    ).fetchall()[0]
    return RuleCount(rule, applies, passes)


def measure_rules(found: Sequence[RuleCount]) -> list[Quantity]:
    """Return consistency overall and by rule."""
    if not found:
        return [undefined("consistency", OVERALL)]
    applies, passes = sum(one.applies for one in found), sum(one.passes for one in found)
    by_rule = [
        count_share("consistency", about_rule(one.rule.name), one.passes, one.applies, "the rule applies to no row")
        for one in found
    ]
    return [count_share("consistency", OVERALL, passes, applies), *by_rule]
