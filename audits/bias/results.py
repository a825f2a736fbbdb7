"""The shapes of a bias audit's result. Frozen; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from audits.counting.scores import ScoreSummary


@dataclass(frozen=True)
class Estimate:
    """A number with its limits. `value` is None where undefined, and `reason` says why.

    `reason` may also stand beside a value: the value is reported, and cannot meet a criterion.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    method: str | None = None
    reason: str | None = None


class Sums(NamedTuple):
    """One of the sums a group is made of, per confusion cell."""

    tp: float
    fp: float
    fn: float
    tn: float


class ClustersBehind(NamedTuple):
    """Clusters a number rests on; of unequal size they are worth fewer than their number."""

    number: int
    worth: float


@dataclass(frozen=True)
class Group:
    """What was measured for one group (or for everybody, with no values).

    `clusters` are the clusters behind each metric, None where rows are not clustered.
    """

    values: tuple[str, ...]
    n: int
    counts: Sums
    weights: Sums
    estimates: Mapping[str, Estimate]
    is_small: bool
    squares: Sums = Sums(0.0, 0.0, 0.0, 0.0)
    matrix: tuple[tuple[int, ...], ...] | None = None
    scores: ScoreSummary | None = field(default=None, compare=False, repr=False)
    clusters: Mapping[str, ClustersBehind] | None = None

    @property
    def undefined(self) -> tuple[str, ...]:
        """Return the metrics that have no value for this group."""
        return tuple(name for name, found in self.estimates.items() if found.value is None)


@dataclass(frozen=True)
class ImpactRatio:
    """The selection rate of one group against the highest one."""

    group: tuple[str, ...]
    selection_rate: float | None
    estimate: Estimate
    is_below_four_fifths: bool | None
    share_of_rows: float
    is_under_two_percent: bool
    shortfall: int | None = None


@dataclass(frozen=True)
class ScoringRate:
    """Share of a group scored strictly above the median of all rows."""

    group: tuple[str, ...]
    rate: float | None
    impact_ratio: float | None
    above: int
    n: int
    estimate: Estimate
    ratio: Estimate
    is_under_two_percent: bool


@dataclass(frozen=True)
class DifferenceTest:
    """Whether a rate of `group` differs from that of `versus` by more than chance.

    `p_value` is two-sided and belongs to `method`; `z` is the pooled two-proportion statistic,
    None where both rates are 0 or 1. `p_adjusted` is corrected for `comparisons` of one metric.
    """

    group: tuple[str, ...]
    versus: tuple[str, ...]
    metric: str
    method: str
    z: float | None
    p_value: float
    p_adjusted: float
    correction: str
    comparisons: int


@dataclass(frozen=True)
class Spread:
    """Lowest and highest value of a metric over the groups in which it is defined."""

    lowest: float | None
    highest: float | None
    difference: Estimate
    ratio: Estimate


@dataclass(frozen=True)
class Grouping:
    """The groups of one feature, or of a combination, and what sets them apart."""

    features: tuple[str, ...]
    groups: tuple[Group, ...]
    spread: Mapping[str, Spread]
    disparities: Mapping[str, Estimate]
    fairlearn_reading: Mapping[str, float | None] | None
    impact_ratios: tuple[ImpactRatio, ...]
    highest_groups: tuple[tuple[str, ...], ...]
    reference: tuple[str, ...] | None = None
    versus_reference: Mapping[tuple[str, ...], Mapping[str, Estimate]] = field(default_factory=dict)
    scoring: tuple[ScoringRate, ...] = ()
    tests: tuple[DifferenceTest, ...] = ()
    standardized: Mapping[tuple[str, ...], Mapping[str, Estimate]] = field(default_factory=dict)


class Note(NamedTuple):
    """Something the reader of the numbers must know. `code` is for machines."""

    code: str
    text: str
    population: str | None = None


@dataclass(frozen=True)
class BiasAudit:
    """The result of a bias audit. `groupings` ends with the combination of all features.

    `per_class` holds, for more than two classes, the audit of each class against the rest.
    """

    sensitive_features: tuple[str, ...]
    metrics: tuple[str, ...]
    overall: Group
    groupings: tuple[Grouping, ...]
    notes: tuple[Note, ...]
    minimum_group_size: int
    level: float
    draws: int
    random_state: int
    is_weighted: bool
    median_score: float | None = None
    per_class: Mapping[str, BiasAudit] = field(default_factory=dict)
