"""Closed forms against published numbers; resampled ranges against simulation."""

from __future__ import annotations

import doctest
import math
from collections.abc import Mapping
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits import intervals, populations
from audits.bias import audit as bias
from audits.bias.audit import bias_audit
from audits.bias.results import Estimate
from audits.intervals import (
    Z_95,
    Bounded,
    Interval,
    divide_bounded,
    find_z,
    fold_difference,
    fold_ratio,
    katz_log,
    rank_share,
    subtract,
    wilson,
)
from audits.resampled import draw_counts
from tests.audits.frames import without_fairlearn
from tests.audits.samples import make_cells
from tests.bench.coverage import HIGHEST, LOWEST, World, list_worlds, measure_world


@pytest.mark.parametrize("module", [bias, intervals, populations], ids=lambda module: module.__name__)
def test_the_examples_in_the_docs_run(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted > 2


# Newcombe, Stat. Med. 17 (1998) 857, table I, method 3 (score).
@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_limits(part: int, whole: int, low: float, high: float) -> None:
    found = wilson(part, whole, Z_95)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


# Newcombe, Stat. Med. 17 (1998) 873, table II, method 10.
@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_subtract_gives_newcombes_published_limits(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    bounds = [Bounded(x / n, *wilson(x, n, Z_95)[:2]) for x, n in (first, second)]
    found = subtract(bounds[0], bounds[1])
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_katz_log_gives_the_definition_and_nothing_at_zero() -> None:
    found = katz_log(24, 60, 3, 4, Z_95)
    assert found is not None
    half = Z_95 * math.sqrt(1 / 24 - 1 / 60 + 1 / 3 - 1 / 4)
    ratio = (24 / 60) / (3 / 4)
    assert found.low == pytest.approx(ratio * math.exp(-half), abs=1e-15)
    assert found.high == pytest.approx(ratio * math.exp(half), abs=1e-15)
    assert katz_log(0, 10, 3, 4, Z_95) is None
    assert katz_log(3, 10, 0, 4, Z_95) is None


@given(x1=st.integers(0, 50), n1=st.integers(1, 50), x2=st.integers(1, 50), n2=st.integers(1, 50))
def test_divide_bounded_contains_the_ratio_and_agrees_with_its_mirror(x1: int, n1: int, x2: int, n2: int) -> None:
    x1, x2 = min(x1, n1), min(x2, n2)
    first = Bounded(x1 / n1, *wilson(x1, n1, Z_95)[:2])
    second = Bounded(x2 / n2, *wilson(x2, n2, Z_95)[:2])
    found = divide_bounded(first, second)
    ratio = first.value / second.value
    assert 0 <= found.low <= ratio + 1e-12
    assert found.high >= ratio - 1e-12
    if x1:
        mirror = divide_bounded(second, first)
        assert found.low == pytest.approx(1 / mirror.high, rel=1e-6)


def test_divide_bounded_is_close_to_katz_for_large_counts() -> None:
    first = Bounded(0.3, *wilson(3000, 10_000, Z_95)[:2])
    second = Bounded(0.5, *wilson(5000, 10_000, Z_95)[:2])
    katz = katz_log(3000, 10_000, 5000, 10_000, Z_95)
    assert katz is not None
    assert divide_bounded(first, second)[:2] == pytest.approx(katz[:2], abs=5e-4)


@pytest.mark.parametrize(
    ("signed", "folded"),
    [((-0.1, 0.3), (0.0, 0.3)), ((-0.4, 0.3), (0.0, 0.4)), ((0.1, 0.3), (0.1, 0.3)), ((-0.3, -0.1), (0.1, 0.3))],
)
def test_fold_difference(signed: tuple[float, float], folded: tuple[float, float]) -> None:
    assert fold_difference(Interval(*signed, "m"))[:2] == folded


@pytest.mark.parametrize(
    ("ratio", "folded"),
    [((0.5, 1.25), (0.5, 1.0)), ((0.5, 4.0), (0.25, 1.0)), ((2.0, 4.0), (0.25, 0.5)), ((0.2, math.inf), (0.0, 1.0))],
)
def test_fold_ratio(ratio: tuple[float, float], folded: tuple[float, float]) -> None:
    assert fold_ratio(Interval(*ratio, "m"))[:2] == folded


def test_find_z_gives_the_quantile_of_the_level() -> None:
    assert find_z(0.95) == 1.959963984540054
    assert find_z(0.99) == pytest.approx(2.5758293035489004, abs=1e-12)


@pytest.mark.parametrize(("auc", "positives", "negatives"), [(1.0, 5, 5), (0.0, 5, 5), (0.8, 30, 40)])
def test_rank_share_has_width_at_the_ends_and_solves_its_equation(auc: float, positives: int, negatives: int) -> None:
    found = rank_share(auc, positives, negatives, Z_95)
    assert 0 <= found.low <= auc <= found.high <= 1
    assert found.high - found.low > 0.05
    for theta in found[:2]:
        if 0 < theta < 1 and theta != auc:
            spread = (1 - theta) / (2 - theta) + theta / (1 + theta)
            middle = (positives + negatives) / 2 - 1
            variance = theta * (1 - theta) * (1 + middle * spread) / (positives * negatives)
            assert abs(auc - theta) == pytest.approx(Z_95 * math.sqrt(variance), abs=1e-9)


def test_draw_counts_has_the_moments_of_the_row_bootstrap() -> None:
    counts = np.array([50.0, 30.0, 20.0])
    drawn = draw_counts(counts, counts, draws=4_000, random_state=1, is_weighted=False)
    assert (drawn.sum(axis=1) == 100).all()
    assert drawn.mean(axis=0) == pytest.approx(counts, abs=0.4)
    assert drawn.var(axis=0) == pytest.approx([25.0, 21.0, 16.0], rel=0.1)
    again = draw_counts(counts, counts, draws=4_000, random_state=1, is_weighted=False)
    assert (drawn == again).all()


def test_draw_counts_of_weights_has_their_mean_and_variance() -> None:
    weight, squared = np.array([120.0, 40.0, 0.0]), np.array([360.0, 40.0, 0.0])
    drawn = draw_counts(weight, squared, draws=6_000, random_state=2, is_weighted=True)
    assert drawn.mean(axis=0) == pytest.approx(weight, rel=0.02)
    assert drawn.var(axis=0) == pytest.approx(squared, rel=0.1)


@pytest.mark.parametrize(
    ("rates", "size"),
    [
        ((0.3, 0.3), 60),
        ((0.3, 0.45), 60),
        ((0.3, 0.3, 0.3), 100),
        ((0.2, 0.4, 0.6), 60),
        ((0.3, 0.35, 0.4, 0.5), 200),
    ],
)
def test_intervals_of_disparities_cover_the_truth(rates: tuple[float, ...], size: int) -> None:
    """300 samples a case: 95 % coverage gives 285 with a standard error of 4."""
    generator = np.random.default_rng(5)
    truths = {
        "demographic_parity_difference": max(rates) - min(rates),
        "demographic_parity_ratio": min(rates) / max(rates),
    }
    covered = dict.fromkeys(truths, 0)
    for _ in range(300):
        found = compare_selection([int(x) for x in generator.binomial(size, rates)], size)
        for name, truth in truths.items():
            low, high = found[name].low, found[name].high
            assert low is not None
            assert high is not None
            covered[name] += low - 1e-12 <= truth <= high + 1e-12
    assert min(covered.values()) >= 274


def compare_selection(selected: list[int], size: int) -> Mapping[str, Estimate]:
    """Return the disparities between groups of one size, without fairlearn's slower way to the rates."""
    counts = {f"g{place}": (x, 0, 0, size - x) for place, x in enumerate(selected)}
    with without_fairlearn():
        audit = bias_audit(make_cells(counts), metrics=["selection_rate"], draws=300)
    return audit.groupings[0].disparities


def test_compare_selection_is_what_the_audit_does() -> None:
    selected = [12, 20, 31]
    counts = {f"g{place}": (x, 0, 0, 60 - x) for place, x in enumerate(selected)}
    audit = bias_audit(make_cells(counts), metrics=["selection_rate"], draws=300)
    assert compare_selection(selected, 60) == audit.groupings[0].disparities


@pytest.mark.parametrize("world", list_worlds(), ids=lambda world: world.name)
def test_intervals_hold_the_truth_as_often_as_they_say(world: World) -> None:
    """60 samples a world: the mean over its statistics is steadier than any of them alone."""
    found = measure_world(world, 300, 60, seed=3, draws=200)
    assert sum(found.values()) / len(found) >= 0.92
    judged = [
        share for name, share in found.items() if not world.conservative or not name.startswith(world.conservative)
    ]
    assert not judged or sum(judged) / len(judged) <= 0.995
    assert min(found.values()) >= 0.83  # 0.95 less more than four standard errors


@pytest.mark.soak
@pytest.mark.parametrize("world", list_worlds(), ids=lambda world: world.name)
def test_coverage_lies_between_93_and_97_percent(world: World) -> None:
    """1,000 samples: a standard error of 0.7 % on either side of the bounds."""
    for size in (100, 1_000):
        for name, share in measure_world(world, size, 1_000, seed=2).items():
            assert share >= LOWEST - 0.015, (size, name)
            if not world.conservative or not name.startswith(world.conservative):
                assert share <= HIGHEST + 0.015, (size, name)


def test_no_limit_is_a_negative_zero() -> None:
    for low, high in ((0.0, -0.0), (-0.0, 0.0), (-0.0, -0.0)):
        assert "-" not in str(fold_difference(Interval(low, high, "")).high)
