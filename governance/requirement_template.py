"""Requirement templates: the YAML text from which a new model's requirements are made."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from governance.canonical import canonical_digest
from governance.exceptions import InvalidInput
from governance.text import clean_name, clean_text

BUILT_IN = Path(__file__).parent / "requirement_templates"
COMPARATORS = ("at_least", "at_most")
DATASET_ROLES = ("training", "validation", "test")
SEVERITIES = ("must", "should")
NUMBER = re.compile(r"[-+0-9.eE]{1,40}", re.ASCII)
LARGEST = Decimal("1e14")
LONGEST_TEMPLATE = 100_000
MOST_CRITERIA = 50
MOST_REQUIREMENTS = 100  # the log entry that makes them names each with its digest


@dataclass(frozen=True)
class CriterionText:
    metric: str
    comparator: str
    threshold: Decimal
    population: str
    dataset_role: str
    severity: str


@dataclass(frozen=True)
class RequirementText:
    title: str
    statement: str
    source: str
    criteria: tuple[CriterionText, ...]


def built_in_text(risk_tier: str) -> str:
    return (BUILT_IN / f"{risk_tier}.yaml").read_text(encoding="utf-8")


class TemplateLoader(yaml.SafeLoader):
    """YAML without merge keys (``<<``): nested, they multiply while they are read, before anything can be checked."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for key, _value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, "“<<” is not used here", key.start_mark)


def parse_template(text: str) -> tuple[RequirementText, ...]:
    """Read a template: a list of requirements. Raises ``InvalidInput`` naming the requirement at fault."""
    if len(text) > LONGEST_TEMPLATE:
        raise InvalidInput(f"A template may have at most {LONGEST_TEMPLATE:,} characters.", field="text")
    try:
        raw = TemplateLoader(text).get_single_data()
    except yaml.YAMLError as error:
        raise InvalidInput(f"The template is not valid YAML: {error}", field="text") from None
    except (RecursionError, ValueError):
        # Nested past the interpreter's stack, or a date that no calendar has.
        raise InvalidInput("The template cannot be read as YAML.", field="text") from None
    if not isinstance(raw, list) or not raw:
        raise InvalidInput("A template is a list of requirements.", field="text")
    if len(raw) > MOST_REQUIREMENTS:
        raise InvalidInput(f"A template may have at most {MOST_REQUIREMENTS} requirements.", field="text")
    return tuple(_requirement(item, f"requirement {number}") for number, item in enumerate(raw, 1))


def _requirement(raw: Any, where: str) -> RequirementText:
    if not isinstance(raw, dict):
        raise InvalidInput(f"{where}: a title and a statement are needed.", field="text")
    criteria = raw.get("criteria") or []
    if not isinstance(criteria, list) or len(criteria) > MOST_CRITERIA:
        raise InvalidInput(f"{where}: “criteria” must be a list of at most {MOST_CRITERIA}.", field="text")
    try:
        title = clean_name(_text(raw, "title"), "title", limit=200)
        statement = clean_text(_text(raw, "statement"), "statement", required=True)
        source = clean_text(_text(raw, "source"), "source", limit=200)
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error.message}", field="text") from None
    parsed = tuple(parse_criterion(item, f"{where}, criterion {number}") for number, item in enumerate(criteria, 1))
    return RequirementText(title, statement, source, parsed)


def _text(raw: dict[str, Any], key: str, default: str = "") -> str:
    """YAML aliases make a small text an enormous value; only what is text already is written down."""
    value = raw.get(key) or default
    if not isinstance(value, str):
        raise InvalidInput(f"“{key}” must be text; put it in quotes.", field=key)
    return value


def parse_criterion(raw: Any, where: str) -> CriterionText:
    """Check one criterion given as a mapping; ``where`` begins the message when something is wrong with it."""
    if not isinstance(raw, dict):
        raise InvalidInput(f"{where}: a criterion is a mapping of metric, comparator, threshold.", field="criteria")
    try:
        metric = clean_name(_text(raw, "metric"), "metric", limit=100)
        population = clean_name(_text(raw, "population", "overall"), "population", limit=200)
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error.message}", field="criteria") from None
    return CriterionText(
        metric=metric,
        comparator=_choice(raw, "comparator", COMPARATORS, where),
        threshold=_threshold(raw.get("threshold"), where),
        population=population,
        dataset_role=_choice({"dataset_role": "test"} | raw, "dataset_role", DATASET_ROLES, where),
        severity=_choice({"severity": "must"} | raw, "severity", SEVERITIES, where),
    )


def _choice(raw: dict[str, Any], key: str, allowed: tuple[str, ...], where: str) -> str:
    value = raw.get(key)
    if value not in allowed:
        raise InvalidInput(f"{where}: “{key}” must be one of {', '.join(allowed)}.", field="criteria")
    return str(value)


def _threshold(value: Any, where: str) -> Decimal:
    if not isinstance(value, str | int | float | Decimal):
        value = ""
    try:
        threshold = Decimal(str(value)) if NUMBER.fullmatch(str(value)) else Decimal("NaN")
        is_number = threshold.is_finite() and abs(threshold) <= LARGEST
    except (ArithmeticError, ValueError):  # an exponent beyond every number, or a hexadecimal one of too many digits
        is_number = False
    if not is_number:
        raise InvalidInput(f"{where}: “threshold” must be a number.", field="criteria")
    if threshold != round(threshold, 9):
        raise InvalidInput(f"{where}: “threshold” has more than nine decimal places.", field="criteria")
    return threshold or Decimal(0)  # a zero without its exponent


def speak_criteria(criteria: Iterable[Any]) -> list[list[str]]:
    """Criteria in the words of the log, from their texts or from their rows alike."""
    return [
        [
            item.metric,
            item.population,
            item.comparator,
            f"{item.threshold.normalize():f}",
            item.dataset_role,
            item.severity,
        ]
        for item in criteria
    ]


def digest_requirement(title: str, statement: str, source: str, criteria: Iterable[Any]) -> str:
    """The digest by which the log binds all that a requirement says."""
    return canonical_digest([title, statement, source, speak_criteria(criteria)])
