"""Measure the groups of one feature or combination: every metric with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from audits.bias.clustering import explain_clusters, find_stretch
from audits.bias.frame import Frame, compute_frame
from audits.bias.results import ClustersBehind, Estimate, Group, Sums
from audits.bias.tallies import Settings, Tally, collapse, tally_groups
from audits.counting.cells import Cells
from audits.counting.error_moments import ErrorSummary
from audits.counting.scores import ScoreSummary, effective_size
from audits.intervals import (
    Bounded,
    Interval,
    add,
    logit_interval,
    mean_interval,
    positive_interval,
    rank_share,
    theil_interval,
    unseen_interval,
    wilson,
)
from audits.metrics import CAN_BE_NEGATIVE, METRICS, SHARES, Counts, Metric, Share
from audits.resampled import calibration_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_RANKED = 10
"""Positive and negative rows below which the variance of an AUC is not estimated but bounded."""
SCORE_RANGES = MappingProxyType({"brier_score": (0.0, 1.0), "calibration_bias": (-1.0, 1.0)})
"""Between which numbers the part of a row lies, where that is known."""
NO_SPREAD = "no interval can be given: every row gives the same number, and rarer ones are not known"


@dataclass(frozen=True)
class Measuring:
    """What one group is measured from, beside its tally."""

    computed: Mapping[str, float]
    scores: ScoreSummary | None
    errors: ErrorSummary | None
    drawn: NDArray[np.float64] | None
    clusters: Mapping[str, ClustersBehind] | None


def measure_groups(
    cells: Cells,
    features: tuple[str, ...],
    settings: Settings,
    drawn: NDArray[np.float64] | None = None,
    clusters: Sequence[Mapping[str, ClustersBehind]] | None = None,
) -> tuple[tuple[Group, ...], Frame]:
    """Return every group of some features, and what fairlearn's MetricFrame says about them.

    Parameters
    ----------
    cells : Cells
    features : tuple of str
        None is everybody: one group.
    settings : Settings
    drawn : array of shape (draws, groups, classes, classes), optional
        Resampled confusion sums, where rows are clustered.
    clusters : sequence of mapping, optional
        The clusters behind each metric, per group, where rows are clustered.
    """
    marginal = cells.marginal(features)
    places = [cells.features.index(name) for name in features]
    scores = cells.scores.summarise(places, settings.binning) if cells.scores is not None else {}
    errors = cells.errors.summarise(places) if cells.errors is not None else {}
    tallies = tally_groups(marginal, len(cells.classes))
    further = {
        name: {
            metric: look_up(metric, scores.get(name), errors.get(name))
            for metric in settings.metrics
            if METRICS[metric].needs != "label"
        }
        for name in tallies
    }
    frame = compute_frame(marginal, settings.label_metrics, len(cells.classes), further)
    groups = []
    for number, (name, tally) in enumerate(tallies.items()):
        part = None if drawn is None else drawn[:, number]
        counted = None if clusters is None else clusters[number]
        sources = Measuring(frame.by_group[name], scores.get(name), errors.get(name), part, counted)
        groups.append(_measure_group(name, tally, sources, settings, is_multiclass=len(cells.classes) > 2))
    if clusters is not None:
        groups = [_mark_clusters(group) for group in groups]
    return tuple(groups), frame


def _mark_clusters(group: Group) -> Group:
    """Give every number of a group that its clusters keep from being judged its reason."""
    estimates = {}
    for name, found in group.estimates.items():
        gap = None if found.value is None else explain_clusters(name, [group])
        reason = "; ".join(text for text in (found.reason, gap) if text) or None
        estimates[name] = replace(found, reason=reason)
    return replace(group, estimates=estimates)


def look_up(name: str, scores: ScoreSummary | None, errors: ErrorSummary | None) -> float:
    """Return a metric of scores or errors of one group; NaN where undefined."""
    if METRICS[name].needs == "error":
        return math.nan if errors is None else errors.values.get(name, math.nan)
    if scores is None:
        return math.nan
    return {
        "auc": scores.auc,
        "mean_score": scores.mean,
        "log_loss": scores.log_loss,
        "brier_score": scores.brier,
        "calibration_error": scores.calibration_error,
        "calibration_bias": scores.bias,
    }[name]


def _measure_group(
    values: tuple[str, ...], tally: Tally, sources: Measuring, settings: Settings, *, is_multiclass: bool
) -> Group:
    """Give every metric of one group its value, interval and, where undefined, reason."""
    is_small = tally.n < settings.minimum_group_size
    small_reason = f"group below minimum size {settings.minimum_group_size}" if is_small else None
    estimates = {}
    for name in settings.metrics:
        value = sources.computed[name]
        if math.isnan(value):
            estimates[name] = Estimate(None, reason=f"undefined: {_find_gap(METRICS[name], sources)}")
            continue
        interval = _find_interval(METRICS[name], value, tally, sources, settings)
        if interval is None:
            gap = NO_SPREAD if _lacks_spread(name, sources) else "no interval can be given"
            estimates[name] = Estimate(value, reason=small_reason or gap)
        else:
            estimates[name] = Estimate(value, *interval, small_reason)
    matrix = tuple(tuple(int(count) for count in row) for row in tally.counts) if is_multiclass else None
    return Group(
        values=values,
        n=tally.n,
        counts=collapse(tally.counts),
        weights=collapse(tally.weights),
        estimates=estimates,
        is_small=is_small,
        squares=collapse(tally.squares),
        matrix=matrix,
        scores=sources.scores,
        clusters=sources.clusters,
    )


def _find_gap(metric: Metric, sources: Measuring) -> str:
    if metric.needs == "score" and sources.scores is None:
        return "the scores were not kept with the cells"
    if metric.needs == "error" and sources.errors is None:
        return "the errors were not kept with the cells"
    return metric.undefined_when


def _find_interval(
    metric: Metric, value: float, tally: Tally, sources: Measuring, settings: Settings
) -> Interval | None:
    """Return the interval of a defined metric of one group; None where there is none."""
    if metric.needs == "error":
        return _bound_error(metric.name, value, sources.errors, settings.z)
    if metric.needs == "score":
        return _bound_score(metric.name, value, sources.scores, settings)
    if sources.drawn is not None:
        clusters = (sources.clusters or {}).get(metric.name)
        return _bound_clustered(metric.name, value, sources.drawn, settings, clusters)
    weights, squares = Counts(*collapse(tally.weights)), Counts(*collapse(tally.squares))
    z = settings.z
    if metric.share is not None:
        return bound_share(metric.share, weights, squares, z)
    if metric.name == "f1":
        return _f1_interval(weights, squares, z)
    if metric.name == "theil_index":
        size = effective_size(weights.total, squares.total)
        return theil_interval(weights.fp / weights.total, weights.fn / weights.total, size, z)
    if len(tally.weights) > 2:
        return _recall_interval(tally, z)
    tpr, tnr = (_halve_share(SHARES[name], weights, squares, z) for name in ("tpr", "tnr"))
    return add(tpr, tnr)


def _bound_score(name: str, value: float, scores: ScoreSummary | None, settings: Settings) -> Interval | None:
    if scores is None:
        return None
    if name == "auc":
        smaller = min(scores.effective_positives, scores.effective_negatives)
        if 0 < value < 1 and scores.auc_variance > 0 and smaller >= FEWEST_RANKED:
            return logit_interval(value, scores.auc_variance, smaller, settings.z)
        return rank_share(value, scores.effective_positives, scores.effective_negatives, settings.z)
    if name == "calibration_error":
        if scores.bins is None:
            return None
        return calibration_interval(
            scores.bins, value, level=settings.level, draws=settings.draws, random_state=settings.random_state
        )
    variance = _vary_score(name, scores)
    if name in SCORE_RANGES and variance == 0:
        return unseen_interval(value, scores.effective, settings.z, *SCORE_RANGES[name])
    if name in ("mean_score", "calibration_bias"):
        return mean_interval(value, variance, scores.effective, settings.z)
    return positive_interval(value, variance, scores.effective, settings.z)


def _vary_score(name: str, scores: ScoreSummary) -> float:
    """Return the variance of what one row adds to a mean of scores or losses."""
    return {
        "mean_score": scores.variance,
        "log_loss": scores.log_loss_variance,
        "brier_score": scores.brier_variance,
        "calibration_bias": scores.bias_variance,
    }[name]


def _lacks_spread(name: str, sources: Measuring) -> bool:
    """Tell whether a mean has no interval because all rows give the same number."""
    if METRICS[name].needs == "error":
        return sources.errors is not None and sources.errors.variances.get(name) == 0
    has_mean = METRICS[name].needs == "score" and name not in ("auc", "calibration_error")
    return has_mean and sources.scores is not None and _vary_score(name, sources.scores) == 0


def _bound_error(name: str, value: float, errors: ErrorSummary | None, z: float) -> Interval | None:
    if errors is None or name not in errors.variances:
        return None
    variance = errors.variances[name]
    if name in CAN_BE_NEGATIVE:
        interval = mean_interval(value, variance, errors.effective, z)
        return interval._replace(high=min(interval.high, 1.0)) if interval and name == "r2" else interval
    return positive_interval(value, variance, errors.effective, z)


def _bound_clustered(
    name: str, value: float, drawn: NDArray[np.float64], settings: Settings, clusters: ClustersBehind | None
) -> Interval | None:
    """Return limits from resampled clusters, widened for their number; None where they do not differ.

    Shares get Wilson limits for the number of independent rows that vary as much as the clusters
    do; everything else the percentiles of the draws.
    """
    import numpy as np

    values = evaluate_draws(name, drawn)
    values = values[~np.isnan(values)]
    # Sums over clusters differ in their last digits where the clusters do not.
    if len(values) < 2 or np.ptp(values) <= 1e-12:
        return None
    stretch = find_stretch(clusters, settings.z)
    if name in SHARES:
        if not 0 < value < 1:
            return None
        size = value * (1 - value) / (float(values.var()) * stretch**2)
        return wilson(value * size, size, settings.z)._replace(method="cluster bootstrap")
    low, high = value + stretch * (np.quantile(values, [0.5 - settings.level / 2, 0.5 + settings.level / 2]) - value)
    low, high = max(float(low), 0.0), float(high) if name == "theil_index" else min(float(high), 1.0)
    return Interval(min(low, value), max(high, value), "cluster bootstrap")


def evaluate_draws(name: str, drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a label metric of resampled confusion sums: (..., classes, classes) to (...)."""
    import numpy as np

    from audits.bias.frame import average_recall

    if drawn.shape[-1] > 2:
        if name == "balanced_accuracy":
            return np.asarray(average_recall(drawn))
        right, total = np.trace(drawn, axis1=-2, axis2=-1), drawn.sum(axis=(-2, -1))
        return np.asarray(np.where(total > 0, right / np.where(total > 0, total, 1.0), np.nan))
    compute = METRICS[name].compute
    assert compute is not None  # noqa: S101
    counts = Counts(drawn[..., 1, 1], drawn[..., 0, 1], drawn[..., 1, 0], drawn[..., 0, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(compute(counts))


def bound_share(share: Share, weights: Counts, squares: Counts, z: float) -> Interval:
    """Return the Wilson limits of a share from the sums of a group (whole above 0)."""
    whole = share.whole(weights)
    size = effective_size(whole, share.whole(squares))
    return wilson(share.part(weights) / whole * size, size, z)


def _halve_share(share: Share, weights: Counts, squares: Counts, z: float) -> Bounded:
    """Return half of a share with half of its limits."""
    low, high, _ = bound_share(share, weights, squares, z)
    return Bounded(share.part(weights) / share.whole(weights) / 2, low / 2, high / 2)


def _recall_interval(tally: Tally, z: float) -> Interval:
    """Mean recall: limits of a sum of independent shares, one per class that occurs."""
    parts: list[Bounded] = []
    rows = [number for number in range(len(tally.weights)) if tally.weights[number].sum() > 0]
    for number in rows:
        whole = float(tally.weights[number].sum())
        share = float(tally.weights[number, number]) / whole
        size = effective_size(whole, float(tally.squares[number].sum()))
        low, high, _ = wilson(share * size, size, z)
        parts.append(Bounded(share / len(rows), low / len(rows), high / len(rows)))
    total = parts[0]
    for part in parts[1:]:
        interval = add(total, part)
        total = Bounded(total.value + part.value, interval.low, interval.high)
    return Interval(total.low, total.high, "mover" if len(parts) > 1 else "wilson")


def _f1_interval(weights: Counts, squares: Counts, z: float) -> Interval:
    """F1 = 2 J / (1 + J) with J = TP / (TP + FP + FN), a share of rows: map its limits."""
    union = weights.tp + weights.fp + weights.fn
    size = effective_size(union, squares.tp + squares.fp + squares.fn)
    low, high, _ = wilson(weights.tp / union * size, size, z)
    return Interval(2 * low / (1 + low), 2 * high / (1 + high), "wilson")


def undefined_groups(groups: Sequence[Group], name: str) -> list[Group]:
    """Return the groups for which a metric has no value."""
    return [group for group in groups if group.estimates[name].value is None]


def total_of(groups: Sequence[Group]) -> Sums:
    """Return the confusion counts of several groups together."""
    return Sums(*(math.fsum(group.counts[place] for group in groups) for place in range(4)))
