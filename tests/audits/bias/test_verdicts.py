from __future__ import annotations

import json
import math
from typing import Any

import pytest

from audits.bias.audit import bias_audit
from audits.bias.measures import Measure, measures
from audits.bias.verdicts import (
    Verdict,
    count_rows_needed,
    find_absent,
    judge_criteria,
    judge_measure,
    mark_incomplete,
)
from audits.intervals import Z_95, wilson
from audits.spec import Criterion
from tests.audits.samples import make_cells


def make_measure(value: float | None, low: float | None = None, high: float | None = None, **changes: Any) -> Measure:
    """Make a measure of 400 rows."""
    given = {"metric": "tpr", "population": "sex=f", "n": 400, "reason": None, **changes}
    return Measure(value=value, low=low, high=high, **given)


def judge(measure: Measure, threshold: float, comparator: str = "at_least", **options: Any) -> Verdict:
    """Judge a measure by a criterion about it."""
    return judge_measure(measure, Criterion(measure.metric, measure.population, comparator, threshold), **options)


@pytest.mark.parametrize(
    ("low", "high", "comparator", "outcome"),
    [
        (0.81, 0.9, "at_least", "met"),
        (0.8, 0.9, "at_least", "met"),
        (0.79, 0.9, "at_least", "inconclusive"),
        (0.7, 0.79, "at_least", "not met"),
        (0.7, 0.8, "at_least", "inconclusive"),
        (0.7, 0.8, "at_most", "met"),
        (0.7, 0.81, "at_most", "inconclusive"),
        (0.8, 0.9, "at_most", "inconclusive"),
        (0.81, 0.9, "at_most", "not met"),
        (0.81, None, "at_least", "met"),
        (0.81, None, "at_most", "not met"),
        (0.7, None, "at_most", "inconclusive"),
        (0.7, None, "at_least", "inconclusive"),
        (None, 0.79, "at_least", "not met"),
        (None, 0.81, "at_least", "inconclusive"),
        (0.7, math.nan, "at_most", "inconclusive"),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(
    low: float | None, high: float | None, comparator: str, outcome: str
) -> None:
    value = ((low if low is not None else high) or 0) + 0.001 * (1 if low is not None else -1)
    assert judge(make_measure(value, low, high), 0.8, comparator).outcome == outcome


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_has_no_value_is_never_met(value: float | None) -> None:
    for comparator in ("at_least", "at_most"):
        verdict = judge(make_measure(value, 0.9, 0.95, reason="undefined: nobody"), 0.5, comparator)
        assert (verdict.outcome, verdict.reason) == ("inconclusive", "undefined: nobody")
        assert verdict.to_json()["value"] is None
        json.dumps(verdict.to_json(), allow_nan=False)


def test_comparisons_are_exact_on_the_decimals() -> None:
    assert judge(make_measure(0.3, 0.3, 0.3), 0.3, "at_most").outcome == "met"
    assert judge(make_measure(0.30000000000000004), 0.3, "at_most").outcome == "not met"
    assert judge(make_measure(0.1 + 0.2), 0.3, "at_least").outcome == "met"
    assert judge(make_measure(1e-7), 1e-7, "at_least").outcome == "met"


def test_the_rows_needed_are_what_a_larger_sample_needs() -> None:
    """Wilson limits at the observed rate exclude the threshold at about the number of rows that is told."""
    low, high, _ = wilson(340, 400, Z_95)
    verdict = judge(make_measure(0.85, low, high), 0.82)
    assert verdict.outcome == "inconclusive"
    rows = verdict.rows_needed or 0
    assert 400 < rows < 700
    assert wilson(0.85 * rows * 1.05, rows * 1.05, Z_95).low > 0.82
    assert wilson(0.85 * rows * 0.9, rows * 0.9, Z_95).low < 0.82
    assert f"about {rows:,} rows instead of 400" in (verdict.settled_by or "")


def test_the_rows_needed_follow_the_side_of_the_threshold() -> None:
    measure = make_measure(0.5, 0.3, 0.6)
    assert judge(measure, 0.4).rows_needed == 1600
    assert judge(measure, 0.55).rows_needed == 1601
    assert judge(measure, 0.55, "at_most").rows_needed == 1600
    assert judge(measure, 0.4, "at_most").rows_needed == 1601
    assert count_rows_needed(make_measure(0.5, 0.4, 0.6), Criterion("tpr", "sex=f", "at_least", 0.4)) == 401


def test_no_number_of_rows_settles_a_value_on_the_threshold() -> None:
    verdict = judge(make_measure(0.5, 0.4, 0.6), 0.5)
    assert verdict.rows_needed is None
    assert verdict.settled_by == "no number of rows would settle it: the value is the threshold"
    verdict = judge(make_measure(0.5, 0.4, 0.6), 0.5 + 1e-12)
    assert verdict.rows_needed is None
    assert "too close" in (verdict.settled_by or "")
    verdict = judge(make_measure(0.5, 0.4, None), 0.7, "at_most")
    assert verdict.rows_needed is None
    assert "no bound" in (verdict.settled_by or "")


def test_a_small_group_is_inconclusive_and_says_how_many_rows_it_needs() -> None:
    small = make_measure(1.0, 0.7, 1.0, n=10, reason="group below minimum size 20")
    verdict = judge(small, 0.6, minimum_group_size=20)
    assert (verdict.outcome, verdict.rows_needed) == ("inconclusive", 20)
    verdict = judge(small, 0.9, minimum_group_size=20)
    assert verdict.rows_needed == 90
    pair = make_measure(0.0, 0.0, 0.1, reason="group below minimum size 20: sex=x", population="by sex")
    verdict = judge(pair, 0.2, "at_most", minimum_group_size=20)
    assert (verdict.outcome, verdict.rows_needed) == ("inconclusive", None)
    assert verdict.settled_by == "at least 20 rows in each group that is compared"


@pytest.mark.parametrize(
    ("metric", "population", "hint"),
    [
        ("tpr", "group=A", "did you mean 'group=a'?"),
        ("trp", "group=a", "did you mean 'tpr'?"),
        ("demographic_parity_diference", "by group", "did you mean 'demographic_parity_difference'?"),
        ("tpr", "by group", "was not measured for the population 'by group'"),
        ("zzz", "overall", "zzz was not measured"),
        ("tpr", "group=x", "the declared group group=x has no rows"),
        ("tpr", "group=x & age=1", "the declared group group=x has no rows"),
    ],
)
def test_what_was_not_measured_is_inconclusive_with_the_nearest_name(metric: str, population: str, hint: str) -> None:
    found = measures(bias_audit(make_cells({"a": (20, 5, 10, 30), "b": (20, 5, 10, 30)})))
    verdict = judge_criteria([Criterion(metric, population, "at_least", 0.0)], found, absent={"group": ("x",)})[0]
    assert verdict.outcome == "inconclusive"
    assert hint in verdict.reason
    assert verdict.to_json()["n"] is None


def test_comparisons_are_incomplete_while_a_declared_group_has_no_rows() -> None:
    absent = find_absent({"sex": ("f", "m", "x"), "age": ("1",)}, {"sex": {"f", "m"}, "age": {"1", "2"}})
    assert absent == {"sex": ("x",)}
    keys = [
        ("tpr", "overall"),
        ("tpr", "sex=f"),
        ("impact_ratio", "sex=f"),
        ("impact_ratio", "age=1"),
        ("tpr_difference", "by sex"),
        ("tpr_difference", "by age"),
        ("tpr_difference", "by age & sex"),
        ("tpr_difference", "label=1 & by sex"),
        ("scoring_impact_ratio", "sex=m"),
        ("accuracy_loss_difference", "by sex & camera=blur"),
        ("accuracy_loss", "camera=blur & sex=f"),
    ]
    marked = mark_incomplete([make_measure(0.5, 0.4, 0.6, metric=m, population=p) for m, p in keys], absent)
    assert [measure.reason is not None for measure in marked] == [
        *(False, False, True, False, True, False, True),
        *(True, True, True, False),
    ]
    assert marked[2].reason == "declared group without rows: sex=x"
    verdict = judge(marked[4], 0.9, "at_most")
    assert (verdict.outcome, verdict.reason) == ("inconclusive", "declared group without rows: sex=x")


def test_an_all_zero_model_meets_nothing_about_its_precision() -> None:
    found = measures(bias_audit(make_cells({"a": (0, 0, 200, 300), "b": (0, 0, 100, 300)})))
    criteria = [
        Criterion("predictive_parity_difference", "by group", "at_most", 0.1),
        Criterion("demographic_parity_ratio", "by group", "at_least", 0.8),
    ]
    assert [verdict.outcome for verdict in judge_criteria(criteria, found)] == ["inconclusive"] * 2
