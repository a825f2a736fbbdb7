"""Class balance, and how the rows' groups compare with the population they should stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from audits.intervals import wilson
from audits.populations import OVERALL, name_comparison, name_group
from audits.quality.results import Quantity, count_share, exact, undefined
from audits.quality.spec import QualitySpec
from audits.quality.staging import Staged
from audits.spec_columns import SensitiveFeature, name_bins
from audits.tables.engine import quote_text

WILSON = "Wilson, divided by the declared share: the rows taken as a sample of the population"
BOOTSTRAP = "multinomial bootstrap, lower limit reflected about the observed distance"
SMALLEST_EXPECTED = 1.0
MOST_CLASSES = 1_000


@dataclass(frozen=True)
class ClassBalance:
    """Rows by label, most frequent first; `classes` counts all of them, `listed` those shown."""

    column: str
    labelled: int
    unlabelled: int
    classes: int
    largest: int
    smallest: int
    listed: tuple[tuple[str, int], ...]


def check_balance(table: Staged, column: str, minimum: int) -> ClassBalance:
    """Count the rows of every label. Labels with fewer rows than `minimum` are counted, not listed."""
    text = table.text(column)
    rows = table.engine.execute(
        f"SELECT {text} AS v, count(*) AS k FROM {table.relation} WHERE {text} IS NOT NULL "  # noqa: S608
        "GROUP BY v ORDER BY k DESC, v"
    ).fetchall()
    labelled = sum(row[1] for row in rows)
    return ClassBalance(
        column=column,
        labelled=labelled,
        unlabelled=table.rows - labelled,
        classes=len(rows),
        largest=rows[0][1] if rows else 0,
        smallest=rows[-1][1] if rows else 0,
        listed=tuple((value, count) for value, count in rows[:MOST_CLASSES] if count >= minimum),
    )


def measure_balance(found: ClassBalance) -> list[Quantity]:
    """Return the share of the rarest label and its ratio to the most frequent one."""
    if not found.labelled:
        return [undefined("minority_share", OVERALL), undefined("class_ratio", OVERALL)]
    if found.classes == 1:
        reason = "there is only one class"
        return [undefined("minority_share", OVERALL, reason), undefined("class_ratio", OVERALL, reason)]
    return [
        count_share("minority_share", OVERALL, found.smallest, found.labelled),
        exact("class_ratio", OVERALL, found.smallest / found.largest, found.labelled),
    ]


@dataclass(frozen=True)
class GroupShare:
    """Rows of a group and its declared share; None where the population does not know the group."""

    group: str
    rows: int
    declared: float | None


@dataclass(frozen=True)
class Representation:
    """Groups of one sensitive feature. `missing` rows have no group; `unknown` ones an undeclared one."""

    feature: str
    groups: tuple[GroupShare, ...]
    known: int
    missing: int
    unknown: int
    chi_square: float | None = None
    degrees: int | None = None
    p_value: float | None = None
    reason: str | None = None


def check_representation(table: Staged, spec: QualitySpec) -> list[Representation]:
    """Count the groups of every sensitive feature and compare them with declared shares."""
    return [_count_groups(table, feature, spec.population.get(feature.name)) for feature in spec.sensitive]


def _count_groups(table: Staged, feature: SensitiveFeature, shares: Mapping[str, float] | None) -> Representation:
    group = _write_group(table, feature)
    rows = table.engine.execute(
        f"SELECT v, count(*) FROM (SELECT {group} AS v FROM {table.relation}) GROUP BY v"  # noqa: S608
    ).fetchall()
    counted = {value: count for value, count in rows if value is not None}
    missing = table.rows - sum(counted.values())
    names = sorted(counted, key=lambda name: (-counted[name], name))
    if feature.bins is not None:
        names = [name for name in name_bins(feature.bins) if name in counted]
    if shares is None:
        groups = tuple(GroupShare(name, counted[name], None) for name in names)
        return Representation(feature.name, groups, sum(counted.values()), missing, 0)
    unknown = sum(count for name, count in counted.items() if name not in shares)
    groups = tuple(GroupShare(name, counted.get(name, 0), share) for name, share in shares.items())
    groups += tuple(GroupShare(name, counted[name], None) for name in names if name not in shares)
    return _test(Representation(feature.name, groups, sum(counted.values()), missing, unknown))


def _write_group(table: Staged, feature: SensitiveFeature) -> str:
    """Return the SQL expression of a row's group; numbers fall into the declared half-open bins."""
    if feature.bins is None:
        return table.text(feature.name)
    number, names = table.number(feature.name), name_bins(feature.bins)
    parts = [
        f"WHEN {number} < {bound!r}::DOUBLE THEN {quote_text(name)}"
        for bound, name in zip(feature.bins, names, strict=False)
    ]
    return f"CASE WHEN {number} IS NULL THEN NULL {' '.join(parts)} ELSE {quote_text(names[-1])} END"


def _test(found: Representation) -> Representation:
    """Add Pearson's chi-square test of the counts against the declared shares."""
    if found.unknown:
        return replace(found, reason="some rows belong to groups the population does not declare")
    expected = {part.group: found.known * (part.declared or 0.0) for part in found.groups}
    if not expected or min(expected.values()) < SMALLEST_EXPECTED:
        return replace(found, reason="a group's expected count is below 1")
    statistic = sum((part.rows - expected[part.group]) ** 2 / expected[part.group] for part in found.groups)
    from scipy.stats import chi2

    degrees = len(found.groups) - 1
    return replace(found, chi_square=statistic, degrees=degrees, p_value=float(chi2.sf(statistic, degrees)))


def measure_representation(found: Representation, spec: QualitySpec, z: float) -> list[Quantity]:
    """Return each group's ratio of shares, the distance of all, and the p-value.

    The rows are taken as a sample of the population: ratios have Wilson intervals divided by the
    declared share, the distance a seeded bootstrap.
    """
    if found.feature not in spec.population:
        return []
    if not found.known:
        return [undefined("representation_distance", name_comparison([found.feature]))]
    quantities = []
    for part in found.groups:
        if part.declared is None:
            continue
        low, high, _ = wilson(part.rows, found.known, z)
        quantities.append(
            Quantity(
                metric="representation_ratio",
                population=name_group([found.feature], [part.group]),
                value=part.rows / found.known / part.declared,
                low=low / part.declared,
                high=high / part.declared,
                n=found.known,
                part=part.rows,
                method=WILSON,
            )
        )
    population = name_comparison([found.feature])
    quantities.append(_measure_distance(found, spec, population))
    if found.p_value is None:
        quantities.append(undefined("representation_p_value", population, found.reason))
    else:
        quantities.append(exact("representation_p_value", population, found.p_value, found.known))
    return quantities


def _measure_distance(found: Representation, spec: QualitySpec, population: str) -> Quantity:
    """Return the total variation distance. Groups unknown to the population have the share 0 there."""
    import numpy as np

    counts = np.array([part.rows for part in found.groups], dtype=np.float64)
    shares = np.array([part.declared or 0.0 for part in found.groups])
    observed = float(np.abs(counts / found.known - shares).sum() / 2)
    generator = np.random.default_rng(spec.seed)
    drawn = generator.multinomial(found.known, counts / found.known, size=spec.draws) / found.known
    distances = np.abs(drawn - shares).sum(axis=1) / 2
    # Sampling alone keeps the rows away from the shares: without more distance than that, 0 is not excluded.
    alike = np.abs(generator.multinomial(found.known, shares / shares.sum(), size=spec.draws) / found.known - shares)
    limit = float(np.quantile(alike.sum(axis=1) / 2, spec.level))
    high = max(observed, float(np.quantile(distances, 0.5 + spec.level / 2)))
    low = max(0.0, 2 * observed - high) if observed > limit else 0.0
    return Quantity(
        "representation_distance", population, observed, min(low, observed), high, found.known, None, BOOTSTRAP
    )
