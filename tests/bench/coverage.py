"""Coverage of the 95 % intervals by simulation: how often they hold the truth they are about.

Worlds with known rates, scores and errors are sampled again and again, audited, and the limits
compared with the truth. A difference taken without its sign, or the range of several groups,
cannot be held 95 times of 100 where the groups are alike or close: the limits then include "no
difference" and miss on one side only, so that they hold more often. Those rows, and the calibration
error (whose limits are bounds), are marked "at least": less than 93 % is wrong there, more is not.
Run it as

    python -m tests.bench.coverage [--samples 1000] [--sizes 100 1000 10000] [--only TEXT]

It prints one row per statistic and number of rows of each group and exits 1 if a
coverage lies outside 93 to 97 %, in rows without that mark.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from audits.bias.audit import bias_audit
from audits.bias.results import BiasAudit, Estimate
from audits.counting.cells import Cell, Cells
from audits.counting.clusters import ClusterCounts
from audits.counting.error_moments import ErrorMoments
from audits.counting.scores import Binning, ScoreCounts
from tests.audits.frames import without_fairlearn

if TYPE_CHECKING:
    from numpy.random import Generator

LOWEST, HIGHEST = 0.93, 0.97
SIZES = (100, 1_000, 10_000)

Truths = Mapping[str, float]


@dataclass(frozen=True)
class World:
    """What is sampled, and what is true in it.

    `truths` maps "overall tpr", "by equalized_odds_difference" or "group 1 tpr_minus_reference" to
    the true number; `conservative` names those of which only the lower bound is asked.
    """

    name: str
    sample: Callable[[Generator, int], Cells]
    truths: Truths
    metrics: tuple[str, ...]
    conservative: tuple[str, ...] = ()


def sample_decisions(groups: list[tuple[float, float, float]]) -> Callable[[Generator, int], Cells]:
    """Return a sampler of decisions: every group has a base rate, a TPR and an FPR."""

    def sample(generator: Generator, size: int) -> Cells:
        rows = []
        for number, (base, tpr, fpr) in enumerate(groups):
            shares = [base * tpr, (1 - base) * fpr, base * (1 - tpr), (1 - base) * (1 - fpr)]
            counts = generator.multinomial(size, shares)
            for (label, prediction), count in zip(((1, 1), (0, 1), (1, 0), (0, 0)), counts, strict=True):
                if count:
                    cell = Cell((f"g{number}",), label, prediction, int(count), float(count), float(count))
                    rows.append(cell)
        rows.sort(key=lambda cell: (cell.group, cell.label, cell.prediction))
        return Cells(("group",), "1", tuple(rows), weighted=False, rows_read=size)

    return sample


def find_decision_truths(groups: list[tuple[float, float, float]]) -> dict[str, float]:
    """Return the true rates and disparities of a world of decisions."""
    selected = [base * tpr + (1 - base) * fpr for base, tpr, fpr in groups]
    tpr, fpr = [group[1] for group in groups], [group[2] for group in groups]
    right = [base * tpr + (1 - base) * (1 - fpr) for base, tpr, fpr in groups]
    precision = [base * tpr / rate for (base, tpr, _), rate in zip(groups, selected, strict=True)]

    def spread(values: list[float]) -> float:
        return max(values) - min(values)

    first = groups[0]
    f1 = 2 * precision[0] * first[1] / (precision[0] + first[1])
    mean = 1 - first[0] * (1 - first[1]) + (1 - first[0]) * first[2]
    theil = -np.log(mean) + 2 * np.log(2) * (1 - first[0]) * first[2] / mean
    truths = {
        "group selection_rate": selected[0],
        "group tpr": tpr[0],
        "group precision": precision[0],
        "group f1": f1,
        "group balanced_accuracy": (tpr[0] + 1 - fpr[0]) / 2,
        "group theil_index": float(theil),
        "by demographic_parity_difference": spread(selected),
        "by demographic_parity_ratio": min(selected) / max(selected),
        "by equal_opportunity_difference": spread(tpr),
        "by equalized_odds_difference": max(spread(tpr), spread(fpr)),
        "by equalized_odds_ratio": min(min(tpr) / max(tpr), min(fpr) / max(fpr)),
        "by equalized_odds_difference_mean": (spread(tpr) + spread(fpr)) / 2,
        "by accuracy_difference": spread(right),
        "by predictive_parity_difference": spread(precision),
    }
    if len(groups) == 2:
        deviation = sum(rate * (1 - rate) for rate in selected) / 2
        truths |= {
            "last selection_rate_minus_reference": selected[1] - selected[0],
            "last tpr_over_reference": tpr[1] / tpr[0],
            "last selection_standardized_difference": (selected[1] - selected[0]) / deviation**0.5,
        }
    return truths


def sample_scores(shift: tuple[float, float]) -> Callable[[Generator, int], Cells]:
    """Return a sampler of probabilities: labels follow score ** (1 + shift) in two groups."""

    def sample(generator: Generator, size: int) -> Cells:
        group = np.repeat([0, 1], size)
        score = generator.beta(2, 3, len(group))
        label = (generator.random(len(group)) < score ** (1 + np.array(shift)[group])).astype(np.int64)
        return _score_cells(group, label, score)

    return sample


def _score_cells(group: np.ndarray, label: np.ndarray, score: np.ndarray) -> Cells:
    one = np.ones(len(group))
    groups = [("g0",), ("g1",)]
    scores = ScoreCounts.create(groups, [group, label, score, one.astype(np.int64), one, one])
    rows = []
    for number, name in enumerate(groups):
        for value in (0, 1):
            count = int(((group == number) & (label == value)).sum())
            if count:
                rows.append(Cell(name, value, -1, count, float(count), float(count)))
    return Cells(("group",), "1", tuple(rows), weighted=False, rows_read=len(group), scores=scores, task="scoring")


def find_score_truths(shift: tuple[float, float]) -> dict[str, float]:
    """Return the true score metrics, by integration over two million points."""
    grid = (np.arange(200_000) + 0.5) / 200_000
    density = grid * (1 - grid) ** 2
    density /= density.sum()
    found: dict[str, float] = {}
    for number, change in enumerate(shift):
        chance = grid ** (1 + change)
        gap = grid - chance
        place = np.minimum((grid * 10).astype(int), 9)
        positive, negative = density * chance, density * (1 - chance)
        below = np.cumsum(negative) - negative / 2
        found |= {
            f"g{number} log_loss": float(-(density * (chance * np.log(grid) + (1 - chance) * np.log(1 - grid))).sum()),
            f"g{number} brier_score": float((density * (chance * (1 - grid) ** 2 + (1 - chance) * grid**2)).sum()),
            f"g{number} calibration_bias": float((density * gap).sum()),
            f"g{number} calibration_error": float(np.abs(np.bincount(place, weights=density * gap)).sum()),
            f"g{number} mean_score": float((density * grid).sum()),
            f"g{number} auc": float((positive * below).sum() / positive.sum() / negative.sum()),
        }
    for name in ("log_loss", "brier_score", "calibration_error", "auc"):
        found[f"by {name}_difference"] = abs(found[f"g0 {name}"] - found[f"g1 {name}"])
    found["last auc_minus_reference"] = found["g1 auc"] - found["g0 auc"]
    return {name.replace("g0 ", "group "): value for name, value in found.items() if not name.startswith("g1 ")}


def sample_binormal(generator: Generator, size: int) -> Cells:
    """Sample scores of which the positive ones lie 1.2 standard deviations higher."""
    group = np.repeat([0, 1], size)
    label = (generator.random(len(group)) < 0.3).astype(np.int64)
    score = generator.standard_normal(len(group)) * (1 + label * (group == 1)) + 1.2 * label
    return _score_cells(group, label, score)


def sample_errors(generator: Generator, size: int) -> Cells:
    """Sample a regression: truth N(0, 2), error N(0.3, 1) and Laplace of mean square 2 in the second group."""
    group = np.repeat([0, 1], size)
    truth = generator.normal(0, 2, len(group))
    error = np.where(group == 0, generator.normal(0.3, 1, len(group)), generator.laplace(0, 1, len(group)))
    names = [(f"g{number}",) for number in group]
    moments = ErrorMoments.of_rows(names, truth, truth + error)
    rows = tuple(Cell((f"g{number}",), -1, -1, size, float(size), float(size)) for number in (0, 1))
    return Cells(("group",), "", rows, weighted=False, rows_read=size, errors=moments, task="regression")


def find_error_truths() -> dict[str, float]:
    """Return the true error metrics of `sample_errors`."""
    normal = NormalDist()
    mae = 2 * normal.pdf(0.3) + 0.3 * (1 - 2 * normal.cdf(-0.3))
    return {
        "group mean_error": 0.3,
        "group mae": mae,
        "group mse": 1.09,
        "group rmse": 1.09**0.5,
        "group r2": 1 - 1.09 / 4,
        "by mae_difference": 1 - mae,
        "by mae_ratio": mae,
        "by mse_difference": 2 - 1.09,
        "worst worst_group_mae": 1.0,
    } | {"by worst_group_mae": 1.0}


def sample_clusters(rates: tuple[float, float], rows: int = 10) -> Callable[[Generator, int], Cells]:
    """Return a sampler of clusters of so many rows, each in one group and with a rate of its own about the group's."""

    def sample(generator: Generator, size: int) -> Cells:
        number = size // rows
        cluster = np.repeat(np.arange(2 * number), rows)
        group = cluster // number
        mean = np.repeat(np.array(rates), number)
        said = (generator.random(len(cluster)) < generator.beta(4 * mean, 4 * (1 - mean))[cluster]).astype(np.int64)
        code, place = np.unique(group * 2 + said, return_inverse=True)
        counts = np.bincount(place)
        cells = tuple(
            Cell((f"g{kind // 2}",), -1, int(kind % 2), int(count), float(count), float(count))
            for kind, count in zip(code, counts, strict=True)
        )
        one = np.ones(len(cluster))
        names = [f"{name:06d}" for name in range(2 * number)]
        clusters = ClusterCounts.create(names, [cluster, place, one.astype(np.int64), one])
        return Cells(("group",), "1", cells, weighted=False, rows_read=len(cluster), clusters=clusters)

    return sample


def find_cluster_truths(rates: tuple[float, float]) -> dict[str, float]:
    """Return the true rates and comparisons of `sample_clusters`."""
    first, second = rates
    deviation = ((first * (1 - first) + second * (1 - second)) / 2) ** 0.5
    return {
        "group selection_rate": first,
        "last selection_rate_minus_reference": second - first,
        "last selection_rate_over_reference": second / first,
        "last selection_standardized_difference": (second - first) / deviation,
        "last impact_ratio": second / first,
        "by demographic_parity_difference": abs(first - second),
        "by demographic_parity_ratio": min(rates) / max(rates),
    }


def sample_levels(levels: tuple[float, ...], shift: float) -> Callable[[Generator, int], Cells]:
    """Return a sampler of few different scores, each too low by the same."""

    def sample(generator: Generator, size: int) -> Cells:
        group = np.repeat([0, 1], size)
        score = generator.choice(levels, len(group))
        label = (generator.random(len(group)) < score + shift).astype(np.int64)
        return _score_cells(group, label, score)

    return sample


LABELS = ("selection_rate", "tpr", "fpr", "precision", "accuracy", "f1", "balanced_accuracy", "theil_index")
SCORES = ("auc", "log_loss", "brier_score", "calibration_error", "calibration_bias", "mean_score")
TWO = [(0.4, 0.5, 0.15), (0.5, 0.9, 0.4)]
CLOSE = [(0.4, 0.7, 0.2), (0.5, 0.8, 0.35)]
EQUAL = [(0.4, 0.7, 0.2), (0.4, 0.7, 0.2)]
THREE = [(0.4, 0.5, 0.1), (0.5, 0.72, 0.3), (0.45, 0.95, 0.6)]
ALIKE = [(0.4, 0.7, 0.2)] * 3


# The larger of two differences and the smaller of two ratios at 100 rows (97 to 99 %), and small differences.
LEANING = ("by equalized_odds", "by predictive_parity_difference", "by accuracy_difference")
RATIO = "by demographic_parity_ratio"
LEVEL = {"group calibration_error": 0.05}


def list_worlds() -> list[World]:
    """Return the worlds of the bench."""
    binormal = {
        "group auc": NormalDist().cdf(1.2 / 2**0.5),
        "last auc_minus_reference": NormalDist().cdf(1.2 / 5**0.5) - NormalDist().cdf(1.2 / 2**0.5),
    }
    regression = {name: value for name, value in find_error_truths().items() if not name.startswith("worst")}
    all_spreads = tuple(name for name in find_decision_truths(THREE) if name.startswith("by "))
    errors = ("mean_error", "mae", "mse", "rmse", "r2")
    return [
        World("two groups", sample_decisions(TWO), find_decision_truths(TWO), LABELS, LEANING),
        World("two close", sample_decisions(CLOSE), find_decision_truths(CLOSE), LABELS, all_spreads),
        World("two alike", sample_decisions(EQUAL), find_decision_truths(EQUAL), LABELS, all_spreads),
        World("three groups", sample_decisions(THREE), find_decision_truths(THREE), LABELS, (*LEANING, RATIO)),
        World("three alike", sample_decisions(ALIKE), find_decision_truths(ALIKE), LABELS, all_spreads),
        World(
            "scores",
            sample_scores((0.3, 0.0)),
            find_score_truths((0.3, 0.0)),
            SCORES,
            ("by ", "group calibration_error"),
        ),
        World("binormal", sample_binormal, binormal, ("auc",)),
        World("clusters", sample_clusters((0.5, 0.3)), find_cluster_truths((0.5, 0.3)), ("selection_rate",), ("by ",)),
        World("one level", sample_levels((0.5,), 0.05), LEVEL, ("calibration_error",), ("group ",)),
        World("two levels", sample_levels((0.3, 0.7), 0.05), LEVEL, ("calibration_error",), ("group ",)),
        World("regression", sample_errors, regression, errors, ("by worst",)),
    ]


def read(audit: BiasAudit, name: str) -> Estimate | None:
    """Return the estimate a truth is about."""
    where, metric = name.split(" ", 1)
    grouping = audit.groupings[0]
    if where == "by":
        return grouping.disparities.get(metric)
    if where == "last":
        last = grouping.groups[-1].values
        if metric == "impact_ratio":
            return grouping.impact_ratios[-1].estimate
        return grouping.versus_reference.get(last, {}).get(metric) or grouping.standardized[last].get(metric)
    return grouping.groups[0].estimates[metric]


def measure_world(world: World, size: int, samples: int, seed: int = 1, draws: int = 1_000) -> dict[str, float]:
    """Return the share of samples in which each interval holds the truth."""
    generator = np.random.default_rng([seed, size])
    covered = dict.fromkeys(world.truths, 0)
    tried = dict.fromkeys(world.truths, 0)
    with without_fairlearn():
        for number in range(samples):
            cells = world.sample(generator, size)
            audit = bias_audit(
                cells,
                metrics=world.metrics,
                reference={"group": "g0"},
                draws=draws,
                random_state=number,
                binning=Binning(10),
            )
            for name, truth in world.truths.items():
                found = read(audit, name)
                if found is None or found.value is None or found.low is None:
                    continue
                tried[name] += 1
                high = np.inf if found.high is None else found.high
                covered[name] += found.low - 1e-9 <= truth <= high + 1e-9
    return {name: covered[name] / tried[name] if tried[name] else float("nan") for name in world.truths}


def main(arguments: list[str]) -> int:
    """Print the table; 1 if a coverage is outside the bounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--only", default="")
    options = parser.parse_args(arguments)
    outside = 0
    for world in list_worlds():
        if options.only not in world.name:
            continue
        found = [measure_world(world, size, options.samples) for size in options.sizes]
        print(f"\n{world.name:<44}" + "".join(f"{size:>9,}" for size in options.sizes))
        for name in world.truths:
            shares = [part[name] for part in found]
            is_one_sided = name.startswith(world.conservative) if world.conservative else False
            flags = [share < LOWEST or (share > HIGHEST and not is_one_sided) for share in shares]
            outside += sum(flags)
            row = "".join(
                f"{100 * share:>8.1f}{'!' if flag else ' '}" for share, flag in zip(shares, flags, strict=True)
            )
            print(f"  {name:<42}{row}{'at least' if is_one_sided else ''}", flush=True)
    return int(outside > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
