"""The words that every framework shares: the facts a control may ask for, and the sections of a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from governance.policy_text import Value, read_policy_text

HERE = Path(__file__).parent
LONGEST_CATALOGUE = 200_000
DEEPEST = 10
FACT_TYPES = ("text", "list", "bool", "date", "num", "enum", "file", "record", "sig")
MOST_FACTS = 1_000
MOST_PARTS = 40
LISTS = ("choices", "keys", "over")
# Said once for everybody, by whoever speaks for the organisation.
ORGANISATION_WIDE = ("org.", "portal.")
PRIVATE = "private."


@dataclass(frozen=True)
class FactKind:
    """A fact that a control may ask for. ``choices`` are the only answers there are, ``keys`` the parts of a record,
    ``over`` the facts whose records a signature covers."""

    id: str
    type: str
    text: str
    choices: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    over: tuple[str, ...] = ()

    @property
    def is_organisation_wide(self) -> bool:
        """Whether it is said once for all models."""
        return self.id.startswith(ORGANISATION_WIDE)

    @property
    def area(self) -> str:
        """What it is about: the word before the first point."""
        return self.id.partition(".")[0]


def read_fact(id: str, value: Value) -> FactKind:
    """Read one entry of a table of facts. Raises ``PolicyFault`` at its line."""
    raw = value.mapping(("t", "d", *LISTS))
    if not {"t", "d"} <= set(raw):
        raise value.fault("a fact has a type “t” and a description “d”.")
    parts = {name: tuple(item.text() for item in raw[name].items(MOST_PARTS)) for name in LISTS if name in raw}
    kind = FactKind(id, raw["t"].choice(FACT_TYPES), raw["d"].text(), **parts)
    if kind.type == "enum" and len(kind.choices) < 2:
        raise value.fault("an enum has two choices or more.")
    return kind


def read_facts(value: Value, *, private: bool = False) -> dict[str, FactKind]:
    """Read a table of facts. Private ones are named so, lest a later vocabulary mean something else by the name."""
    if not isinstance(value.content, dict):
        raise value.fault("this must be a mapping of facts.")
    if len(value.content) > MOST_FACTS:
        raise value.fault(f"there may be at most {MOST_FACTS} facts.")
    for id, entry in value.content.items():
        if private is not id.startswith(PRIVATE):
            raise entry.fault(f"a fact of one's own is named “{PRIVATE}…”; the common ones come with the product.")
    return {id: read_fact(id, entry) for id, entry in value.content.items()}


@cache
def facts() -> Mapping[str, FactKind]:
    """Every fact of the common vocabulary, by its id."""
    return read_facts(_read_table("facts.yaml", "facts"))


@cache
def sections() -> Mapping[str, str]:
    """The sections of reports, by their id."""
    table = _read_table("sections.yaml", "sections")
    if not isinstance(table.content, dict):
        raise table.fault("this must be a mapping of sections.")
    return {id: title.text() for id, title in table.content.items()}


def _read_table(name: str, key: str) -> Value:
    text = (HERE / name).read_text(encoding="utf-8")
    return read_policy_text(text, what="table", longest=LONGEST_CATALOGUE, deepest=DEEPEST).mapping(
        ("catalogue", "kind", key, "report_templates")
    )[key]
