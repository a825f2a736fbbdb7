"""The public summary that New York City's Local Law 144 asks an employer to post (6 RCNY 5-303).

It names no pass mark: the rule sets none. What the rule asks for and nobody recorded stands as a gap, never as a blank.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from governance.frameworks.printing import print_value
from governance.frameworks.recorded import Recorded

TABLES: dict[str, str | Promise] = {
    "bias_audit.sex_table": gettext_lazy("Sex"),
    "bias_audit.race_table": gettext_lazy("Race or ethnicity"),
    "bias_audit.intersection_table": gettext_lazy("Sex and race or ethnicity together"),
}
# What 5-303 asks to be posted besides the tables -> whether it is asked of every audit.
ITEMS: dict[str, tuple[str | Promise, bool]] = {
    "bias_audit.date": (gettext_lazy("Date of the bias audit"), True),
    "system.aedt_first_use": (gettext_lazy("First used (distribution date)"), True),
    "bias_audit.data_source": (gettext_lazy("Source and explanation of the data"), True),
    "bias_audit.unknown_count": (gettext_lazy("Assessed and left out because a category is unknown"), True),
    "bias_audit.test_data_reason": (gettext_lazy("Why test data was used, and how it was made"), False),
    "bias_audit.exclusions": (gettext_lazy("Categories under 2 percent left out of the ratios"), False),
}


@dataclass(frozen=True)
class Row:
    """One category. A rate or ratio that is not defined is None and said so."""

    category: str
    n: int
    counted: int | None
    rate: float | None
    ratio: float | None


@dataclass(frozen=True)
class Table:
    """``is_scoring``: the share above the median, else the share selected."""

    title: str
    is_scoring: bool
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Item:
    title: str
    lines: tuple[str, ...]
    is_missing: bool


def build_summary(recorded: Mapping[str, Recorded]) -> dict[str, Any]:
    """What is posted: the items, the tables that there are, and the names of those that there are not."""
    tables = [table for fact, title in TABLES.items() for table in _read_tables(str(title), recorded.get(fact))]
    return {
        "items": [
            _read_item(str(title), recorded.get(fact))
            for fact, (title, is_asked) in ITEMS.items()
            if is_asked or fact in recorded
        ],
        "tables": tables,
        "missing_tables": [str(title) for fact, title in TABLES.items() if fact not in recorded],
    }


def _read_item(title: str, found: Recorded | None) -> Item:
    if found is None or found.value in (None, ""):
        return Item(title, (), True)
    return Item(title, tuple(print_value(found.value)), False)


def _read_tables(title: str, found: Recorded | None) -> list[Table]:
    """The table of selection rates, that of scoring rates, or both where the audit measured both."""
    if found is None:
        return []
    tables = []
    for is_scoring, (counted, rate, ratio) in {
        False: ("selected", "selection_rate", "impact_ratio"),
        True: ("above_median", "scoring_rate", "impact_ratio_of_scoring_rates"),
    }.items():
        rows = tuple(
            Row(category, part["n"], part.get(counted), part.get(rate), part.get(ratio))
            for category, part in found.value.items()
            if rate in part
        )
        if rows:
            tables.append(Table(title, is_scoring, rows))
    return tables
