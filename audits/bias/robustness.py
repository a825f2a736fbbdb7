"""How much is lost under each condition, and for whom.

The cells of every condition are measured like those of the baseline, and each metric of each
population is held against its baseline. Without clusters the two are taken as independent samples:
closed-form limits (Newcombe, MOVER), too wide rather than too narrow where the same rows were tried
under every condition. Where a cluster column names what belongs together (the row that was
disturbed, the person), whole clusters are resampled with all their conditions, which keeps the
pairs together; metrics of scores and of errors keep the closed forms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from audits.bias.basis import order_bounds
from audits.bias.clustering import CLUSTERS_UNKNOWN, explain_few
from audits.bias.loss_limits import Limits, LossMethod, turn
from audits.bias.losses import name_loss, name_loss_difference, name_retained, name_worst
from audits.bias.measures import Measure
from audits.bias.paired import PairedDraws, Population, has_lone_rows
from audits.bias.under_condition import Found, make_settings, measure_populations
from audits.counting.cells import Cells, LeftOut
from audits.intervals import Bounded, find_z, subtract
from audits.metrics import COUNT, METRICS
from audits.populations import JOIN, LABEL, name_class, name_comparison, name_group
from audits.resampled import range_interval
from audits.spec import AuditSpec

OTHER_CONDITIONS = "under a condition other than the baseline"

NO_INTERVAL = "no interval can be given"

FEW_CLASSES = 60
"""Conditions times classes up to which every class is measured against the rest."""


@dataclass(frozen=True)
class Loss:
    """One metric of one population under one condition, against its baseline."""

    condition: str
    metric: str
    population: Population
    n: int
    baseline_value: float | None
    value: float | None
    loss: Limits | None
    ratio: Limits | None
    reason: str | None


def keep_undisturbed(cells: Cells, spec: AuditSpec) -> Cells:
    """Return the cells the audit itself is about: of the baseline condition, where one is named.

    The rows of the other conditions are counted as left out. Without a baseline all conditions
    are summed.
    """
    if cells.condition is None:
        return cells
    if spec.baseline_condition is None:
        return cells.without_condition()
    kept = cells.at_condition(spec.baseline_condition)
    others = cells.rows_used - kept.rows_used
    left_out = (*cells.left_out, *([LeftOut(OTHER_CONDITIONS, others)] if others else []))
    return replace(kept, rows_read=cells.rows_read, rows_missing=cells.rows_missing, left_out=left_out)


def measure_robustness(
    cells: Cells, spec: AuditSpec, subsets: Sequence[tuple[str, ...]]
) -> tuple[dict[str, Any], list[Measure]]:
    """Return the losses as a JSON-ready part of a result, and as measures.

    Of more than two classes each class against the rest is looked at where a criterion asks for
    it, or where there are few conditions.

    Parameters
    ----------
    cells : Cells
        With a condition.
    spec : AuditSpec
        With a baseline condition.
    subsets : sequence of tuple of str
        The features and combinations whose groups are looked at.
    """
    baseline = spec.baseline_condition or ""
    column = cells.condition or ""
    conditions = [name for name in cells.conditions if name != baseline]
    with_classes = len(conditions) * len(cells.classes) <= FEW_CLASSES or any(
        criterion.population.startswith(f"{LABEL}=") for criterion in spec.criteria
    )
    base = measure_populations(cells.at_condition(baseline), spec, subsets, with_classes=with_classes)
    paired = None
    if PairedDraws.can_draw(cells):
        paired = PairedDraws(cells, baseline, make_settings(spec, spec.metrics))
    method = LossMethod(spec, paired)
    gap = None if has_lone_rows(cells) else CLUSTERS_UNKNOWN
    losses: list[Loss] = []
    for condition in conditions:
        found = measure_populations(cells.at_condition(condition), spec, subsets, with_classes=with_classes)
        losses += _compare(base, found, condition, method, gap)
    by_group = _compare_groups(losses, method)
    worst = _find_worst(losses)
    document = {
        "baseline": baseline,
        "condition_column": column,
        "conditions": [
            {"condition": name, "rows": cells.at_condition(name).rows_used, "is_baseline": name == baseline}
            for name in cells.conditions
        ],
        "paired": paired is not None,
        "note": _note_method(paired is not None),
        "losses": [_loss_to_json(loss) for loss in losses],
        "worst": worst,
        "by_group": by_group,
    }
    return document, _list_measures(column, losses, by_group, worst)


def _note_method(is_paired: bool) -> str:
    if is_paired:
        return (
            "Intervals resample whole clusters with all their conditions, so that the same cluster is compared with "
            "itself."
        )
    return (
        "Intervals take the rows of two conditions as independent. Where the same rows were tried under every "
        "condition they are wider than need be; name a cluster column to pair the rows."
    )


def _compare(base: Found, found: Found, condition: str, method: LossMethod, gap: str | None) -> list[Loss]:
    """Hold everything measured under one condition against its baseline.

    `gap` is why an interval that does not know the clusters cannot be relied on.
    """
    losses = []
    for (metric, population), before in base.items():
        after = found.get((metric, population))
        reasons = [before.reason, "no rows under the condition" if after is None else after.reason]
        is_paired = method.paired is not None and METRICS[metric].needs == "label"
        counted = method.count_clusters(metric, population, condition)
        few = explain_few([counted]) if counted is not None and after is not None else None
        reasons.append(few if is_paired else gap)
        reason = "; ".join(dict.fromkeys(text for text in reasons if text)) or None
        pair = _bound(before), None if after is None else _bound(after)
        loss = ratio = None
        if pair[0] is not None and pair[1] is not None:
            loss, ratio = method.bound(metric, population, condition, pair[0], pair[1])
            reason = reason or (NO_INTERVAL if loss.low is None else None)
        elif after is not None and before.value is not None and after.value is not None:
            loss = Limits(turn(metric, before.value, after.value), None, None, "none")
            reason = reason or NO_INTERVAL
        value = None if after is None else after.value
        n = 0 if after is None else after.n
        losses.append(Loss(condition, metric, population, n, before.value, value, loss, ratio, reason))
    return losses


def _bound(measure: Measure) -> Bounded | None:
    if measure.value is None or measure.low is None or measure.high is None:
        return None
    return Bounded(measure.value, measure.low, measure.high)


def _compare_groups(losses: Sequence[Loss], method: LossMethod) -> list[dict[str, Any]]:
    """Return for whom the losses are: largest minus smallest loss over the groups of each subset."""
    by_key: dict[tuple[str, str, tuple[str, ...], str | None], list[Loss]] = {}
    for loss in losses:
        population = loss.population
        if population.features:
            by_key.setdefault((loss.condition, loss.metric, population.features, population.label), []).append(loss)
    return [_spread(groups, method) for groups in by_key.values()]


def _spread(groups: Sequence[Loss], method: LossMethod) -> dict[str, Any]:
    known = [loss for loss in groups if loss.loss is not None]
    condition, metric, population = groups[0].condition, groups[0].metric, groups[0].population
    found: dict[str, Any] = {
        "condition": condition,
        "metric": metric,
        "features": list(population.features),
        "label": population.label,
        "difference": None,
        "low": None,
        "high": None,
        "most": None,
        "least": None,
        "n": sum(loss.n for loss in groups),
    }
    reasons = list(dict.fromkeys(loss.reason for loss in groups if loss.reason))
    if len(groups) < 2:
        reasons.append("only one group: nothing to compare")
    if known:
        most = max(known, key=_value_of)
        least = min(known, key=_value_of)
        found["difference"] = _value_of(most) - _value_of(least)
        found |= {"most": most.population.name, "least": least.population.name}
    limits = _bound_spread(known, method) if len(known) > 1 else None
    if limits is not None:
        found |= {"low": limits[0], "high": limits[1]}
    elif not reasons:
        reasons.append(NO_INTERVAL)
    return found | {"reason": "; ".join(reasons) or None}


def _value_of(loss: Loss) -> float:
    return loss.loss.value if loss.loss is not None else float("nan")


def _bound_spread(known: Sequence[Loss], method: LossMethod) -> tuple[float, float] | None:
    """Return limits of the largest minus the smallest loss of groups.

    Every group's loss is drawn from its own interval; the range is bounded as for rates.
    """
    import numpy as np

    bounds = []
    for loss in known:
        if loss.loss is None or loss.loss.low is None or loss.loss.high is None:
            return None
        bounds.append(Bounded(loss.loss.value, loss.loss.low, loss.loss.high))
    generator = np.random.default_rng(method.spec.seed)
    values = np.array([bound.value for bound in bounds])
    deviation = np.array([(bound.high - bound.low) / 2 for bound in bounds]) / find_z(method.spec.level)
    normal = generator.standard_normal((method.spec.draws, len(bounds)))[:, order_bounds(bounds)]
    drawn = values + deviation * normal
    found = range_interval(values, drawn, method.spec.level)
    most = max(bounds, key=lambda bound: (bound.value, bound.high, -bound.low))
    least = min(bounds, key=lambda bound: (bound.value, bound.low, -bound.high))
    pair = subtract(most, least)
    return max(0.0, min(found.low, pair.low)), max(found.high, pair.high)


def _find_worst(losses: Sequence[Loss]) -> list[dict[str, Any]]:
    """Return the largest loss over all conditions, for every metric and population.

    Its limits are the largest of the limits: at least one condition costs that much.
    """
    by_key: dict[tuple[str, Population], list[Loss]] = {}
    for loss in losses:
        if METRICS[loss.metric].direction != "neither":
            by_key.setdefault((loss.metric, loss.population), []).append(loss)
    return [_pick_worst(metric, population, found) for (metric, population), found in by_key.items()]


def _pick_worst(metric: str, population: Population, losses: Sequence[Loss]) -> dict[str, Any]:
    known = [loss for loss in losses if loss.loss is not None]
    found: dict[str, Any] = {
        "metric": metric,
        "population": population.name,
        "group": _name_values(population),
        "condition": None,
        "loss": None,
        "low": None,
        "high": None,
        "n": sum(loss.n for loss in losses),
    }
    reasons = dict.fromkeys(f"{loss.condition}: {loss.reason}" for loss in losses if loss.reason)
    found["reason"] = "; ".join(reasons) or None
    if known:
        worst = max(known, key=_value_of)
        found |= {"condition": worst.condition, "loss": _value_of(worst)}
        limits = [loss.loss for loss in known if loss.loss is not None]
        lows = [limit.low for limit in limits if limit.low is not None]
        highs = [limit.high for limit in limits if limit.high is not None]
        if len(lows) == len(highs) == len(known):
            found |= {"low": max(lows), "high": max(highs)}
    return found


def _name_values(population: Population) -> dict[str, str] | None:
    """Return the values that make a population; None for everybody."""
    label = {} if population.label is None else {LABEL: population.label}
    return label | dict(zip(population.features, population.values, strict=True)) or None


def _loss_to_json(loss: Loss) -> dict[str, Any]:
    limits, ratio = loss.loss, loss.ratio
    return {
        "condition": loss.condition,
        "metric": loss.metric,
        "population": loss.population.name,
        "group": _name_values(loss.population),
        "n": loss.n,
        "baseline_value": loss.baseline_value,
        "value": loss.value,
        "loss": limits.value if limits else None,
        "low": limits.low if limits else None,
        "high": limits.high if limits else None,
        "method": limits.method if limits else None,
        "ratio": ratio.value if ratio else None,
        "ratio_low": ratio.low if ratio else None,
        "ratio_high": ratio.high if ratio else None,
        "reason": loss.reason,
    }


def _list_measures(
    column: str,
    losses: Sequence[Loss],
    by_group: Sequence[Mapping[str, Any]],
    worst: Sequence[Mapping[str, Any]],
) -> list[Measure]:
    """Return everything as measures, with the condition in the name of the population."""
    first = losses[0].metric if losses else None
    found = [_count_rows(column, loss) for loss in losses if loss.metric == first and loss.population.label is None]
    for loss in losses:
        population = _name_under(column, loss.condition, loss.population)
        found.append(_to_measure(name_loss(loss.metric), population, loss.loss, loss.n, loss.reason))
        gap = loss.reason or "undefined: the baseline is not above 0"
        reason = loss.reason if loss.ratio is not None else gap
        found.append(_to_measure(name_retained(loss.metric), population, loss.ratio, loss.n, reason))
    for entry in by_group:
        population = JOIN.join((name_comparison(entry["features"]), name_group([column], [entry["condition"]])))
        population = population if entry["label"] is None else name_class(entry["label"], population)
        keys = ("difference", "low", "high", "n", "reason")
        found.append(Measure(name_loss_difference(entry["metric"]), population, *(entry[key] for key in keys)))
    for entry in worst:
        keys = ("loss", "low", "high", "n", "reason")
        found.append(Measure(name_worst(entry["metric"]), entry["population"], *(entry[key] for key in keys)))
    return found


def _count_rows(column: str, loss: Loss) -> Measure:
    n = float(loss.n)
    return Measure(COUNT, _name_under(column, loss.condition, loss.population), n, n, n, loss.n)


def _name_under(column: str, condition: str, population: Population) -> str:
    return population.name_under((column,), (condition,))


def _to_measure(metric: str, population: str, limits: Limits | None, n: int, reason: str | None) -> Measure:
    if limits is None:
        return Measure(metric, population, None, None, None, n, reason or "undefined")
    has_none = limits.low is None and limits.high is None
    return Measure(
        metric, population, limits.value, limits.low, limits.high, n, reason or (NO_INTERVAL if has_none else None)
    )
