"""Everything that was measured about one table, before it is written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from audits.quality.columns import ColumnCounts
from audits.quality.comparison import Leakage, SourceComparison
from audits.quality.keys import Uniqueness
from audits.quality.numbers import NumberProfile
from audits.quality.personal import PersonalHint
from audits.quality.representation import ClassBalance, Representation
from audits.quality.results import Quantity
from audits.quality.rules import RuleCount
from audits.quality.spec import QualitySpec
from audits.quality.timeliness import Timeliness
from audits.quality.validity import ColumnValidity
from audits.quality.values import ValueProfile
from audits.tables.frames import TableFile


@dataclass(frozen=True)
class Profile:
    """Everything measured about one table."""

    spec: QualitySpec
    file: TableFile
    others: Mapping[str, TableFile]
    rows: int
    types: Mapping[str, str]
    counts: Mapping[str, ColumnCounts]
    values: Mapping[str, ValueProfile]
    numbers: Mapping[str, NumberProfile]
    validities: Sequence[ColumnValidity]
    schema: Mapping[str, Sequence[str]]
    uniqueness: Uniqueness
    rules: Sequence[RuleCount]
    hints: Sequence[PersonalHint]
    representations: Sequence[Representation]
    balance: ClassBalance | None = None
    timeliness: Timeliness | None = None
    comparison: SourceComparison | None = None
    leakage: Leakage | None = None
    quantities: Sequence[Quantity] = field(default_factory=list)
