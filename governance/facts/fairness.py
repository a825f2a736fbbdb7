"""Facts about fairness: the differences between groups that were computed, and the bias audit of New York's law."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from governance.facts.evaluations import say_measure
from governance.facts.reading import Measured, Reading
from governance.frameworks.recorded import Recorded
from governance.leading_metrics import LEADING_DISPARITIES
from governance.models import EvaluationKind

# How columns with the two features of the rule (6 RCNY 5-301) are called.
SEX = frozenset({"sex", "gender"})
RACE = frozenset({"race", "ethnicity", "race ethnicity", "race or ethnicity", "race and ethnicity"})


def read(reading: Reading) -> Iterator[Recorded]:
    audits = reading.tested(EvaluationKind.BIAS_AUDIT)
    if not audits:
        return
    first = audits[0]
    told = {
        f"{measure.metric} {measure.population}": say_measure(measure)
        for measure in first.item.measures
        if measure.metric in LEADING_DISPARITIES and measure.population.startswith("by ") and measure.value is not None
    }
    yield reading.of_evaluation("fairness.metrics", told, first)
    yield from _read_bias_audit(reading, first)


def _read_bias_audit(reading: Reading, one: Measured) -> Iterator[Recorded]:
    """What was run, when, by whom, and the tables of the rule where sex and race were measured."""
    roles = sorted(reading.roles_of(one.row.requested_by))
    parts: dict[str, Any] = {
        "bias_audit.record": {
            "evaluation": f"{one.title}, number {one.item.id}",
            "rows": one.result["data"]["rows"],
            "rows_used": one.result["rows_used"],
            "groups_by": ", ".join(one.result["sensitive"]),
            "input": one.item.evidence_digest,
        },
        "bias_audit.auditor": {"name": one.item.requested_by, "roles_here": ", ".join(roles) or "none"},
    }
    if one.row.finished_at is not None:
        parts["bias_audit.date"] = one.row.finished_at.date().isoformat()
    for fact, value in (parts | tell_rule(one.result)).items():
        yield reading.of_evaluation(fact, value, one)


def tell_rule(result: Mapping[str, Any]) -> dict[str, Any]:
    """What the rule asks of an audit, by fact, as far as its result says it: nothing without sex and race."""
    tables = _find_tables(result)
    if not tables:
        return {}
    told = {f"bias_audit.{name}_table": _tell_table(grouping) for name, grouping in tables.items()}
    told |= _read_rule(result, tables)
    return {fact: value for fact, value in told.items() if value is not None}


def _find_tables(result: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The groupings by sex, by race and by both."""
    found = {}
    for grouping in result["groupings"]:
        kinds = [_kind_of(name) for name in grouping["sensitive"]]
        if kinds in (["sex"], ["race"]):
            found[kinds[0]] = grouping
        elif sorted(kinds) == ["race", "sex"]:
            found["intersection"] = grouping
    return found


def _kind_of(feature: str) -> str:
    name = " ".join(feature.casefold().replace("_", " ").replace("/", " ").replace("-", " ").split())
    return "sex" if name in SEX else "race" if name in RACE else ""


def _tell_table(grouping: Mapping[str, Any]) -> dict[str, dict[str, Any]] | None:
    """Category -> n, rate and impact ratio, unrounded; None where no rate can be told."""
    ratios = grouping.get("impact_ratios", {}).get("groups", ())
    told: dict[str, dict[str, Any]] = {}
    sizes = {_name(item["group"], grouping): item for item in grouping["by_group"]}
    for item in ratios:
        size = sizes[_name(item["group"], grouping)]
        told[_name(item["group"], grouping)] = {
            "n": size["n"],
            "selected": size["n_selected"],
            "selection_rate": item["selection_rate"],
            "impact_ratio": item["impact_ratio"],
        }
    for item in grouping.get("scoring", {}).get("groups", ()):
        scored = {"above_median": item["above_median"], "scoring_rate": item["scoring_rate"]}
        ratio = {"impact_ratio_of_scoring_rates": item["impact_ratio"]}
        told.setdefault(_name(item["group"], grouping), {"n": item["n"]}).update(scored | ratio)
    return told or None


def _name(group: Mapping[str, str], grouping: Mapping[str, Any]) -> str:
    """The categories in the order of the features: a stored result has them in that of the alphabet."""
    return ", ".join(group[feature] for feature in grouping["sensitive"])


def _read_rule(result: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The other figures that the rule asks for, each None where the audit has none."""
    first = next(iter(tables.values()))
    rule = result["local_law_144"]
    tests = {
        f"{name}: {_name(test['group'], grouping)} against {_name(test['versus'], grouping)}": {
            part: test[part] for part in ("method", "z", "p_value", "p_adjusted", "correction")
        }
        for name, grouping in tables.items()
        for test in grouping["tests"]
        if test["metric"] == "selection_rate"
    }
    return {
        "bias_audit.unknown_count": _count_unknown(result),
        "bias_audit.median": first.get("scoring", {}).get("median_score"),
        "bias_audit.exclusions": _tell_exclusions(rule, tables),
        "bias_audit.significance": _flag(tables) | tests if tests else None,
        "bias_audit.group_outputs": _tell_classes(tables) or None,
    }


def _count_unknown(result: Mapping[str, Any]) -> int | None:
    """People of an unknown category. Under conditions each is counted under every one: then nothing tells how many."""
    rows: int = result["local_law_144"]["rows_of_unknown_category"]
    return None if rows and "condition" in result["data"]["columns"] else rows


def _tell_exclusions(rule: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The categories under 2 percent that have no ratio, with n and rate; none where all were kept."""
    if not rule["groups_under_two_percent_left_out_of_ratios"]:
        return []
    found = []
    for name, grouping in tables.items():
        table = _tell_table(grouping) or {}
        ratios = grouping.get("impact_ratios") or grouping.get("scoring") or {}
        for item in ratios.get("groups", ()):
            if item["under_two_percent"]:
                row = table[_name(item["group"], grouping)]
                rate = row.get("selection_rate", row.get("scoring_rate"))
                found.append(
                    f"{name}: {_name(item['group'], grouping)}, under 2 percent of the rows, n {row['n']}, rate {rate}"
                )
    return found


def _flag(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The categories whose selection rate is under four fifths of the highest in their table."""
    below = [
        f"{name}: {_name(item['group'], grouping)}"
        for name, grouping in tables.items()
        for item in grouping.get("impact_ratios", {}).get("groups", ())
        if item["below_four_fifths"]
    ]
    return {"under_four_fifths": below or ["none"]}


def _tell_classes(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """For a tool that sorts people into groups: the impact ratios of each table, for each such group."""
    return {
        f"{label}, by {name}": {_name(item["group"], grouping): item["impact_ratio"] for item in part["groups"]}
        for name, grouping in tables.items()
        for label, part in grouping.get("impact_ratios_per_class", {}).items()
    }
