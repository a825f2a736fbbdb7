"""Tests of difference against SciPy, corrections against their definitions."""

from __future__ import annotations

import doctest
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.bias import significance
from audits.bias.audit import bias_audit
from audits.bias.significance import adjust, fisher_exact, has_small_expectation
from tests.audits.samples import make_cells


def test_the_examples_in_the_docs_run() -> None:
    result = doctest.testmod(significance)
    assert result.failed == 0
    assert result.attempted > 3


@given(a=st.integers(0, 60), b=st.integers(0, 60), c=st.integers(0, 60), d=st.integers(0, 60))
def test_fisher_exact_equals_scipys(a: int, b: int, c: int, d: int) -> None:
    from scipy.stats import fisher_exact as scipys

    if a + b and c + d:
        assert fisher_exact(a, a + b, c, c + d) == pytest.approx(scipys([[a, b], [c, d]])[1], rel=1e-9)


def test_small_expectations_are_those_below_five() -> None:
    for a, b, c, d in itertools.product((0, 3, 5, 9, 40), repeat=4):
        if a + b and c + d:
            total = a + b + c + d
            expected = min(row * column / total for row in (a + b, c + d) for column in (a + c, b + d))
            assert has_small_expectation(a, a + b, c, c + d) == (expected < 5)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.sampled_from(["holm", "benjamini-hochberg"]))
def test_adjusted_p_values_keep_their_order_and_never_shrink(p_values: list[float], correction: str) -> None:
    found = adjust(p_values, correction)
    assert all(p <= q <= 1 for p, q in zip(p_values, found, strict=True))
    for one, other in itertools.permutations(range(len(found)), 2):
        if p_values[one] < p_values[other]:
            assert found[one] <= found[other]


def test_benjamini_hochberg_equals_scipys() -> None:
    from scipy.stats import false_discovery_control

    p_values = [0.001, 0.2, 0.03, 0.04, 0.04, 0.9]
    assert adjust(p_values, "benjamini-hochberg") == pytest.approx(false_discovery_control(p_values))


def test_groups_are_tested_against_the_reference_or_the_highest() -> None:
    cells = make_cells({"a": (20, 5, 10, 30), "b": (9, 6, 12, 40), "c": (2, 0, 0, 1)})
    highest = [test for test in bias_audit(cells, draws=200).groupings[0].tests if test.metric == "selection_rate"]
    assert [(test.group, test.versus, test.method) for test in highest] == [
        (("a",), ("c",), "fisher exact"),
        (("b",), ("c",), "fisher exact"),
    ]
    named = bias_audit(cells, reference={"group": "a"}, correction="benjamini-hochberg", draws=200)
    against = [test for test in named.groupings[0].tests if test.metric == "selection_rate"]
    assert {test.versus for test in against} == {("a",)}
    assert [test.method for test in against] == ["two-proportion z", "fisher exact"]
    assert {test.correction for test in against} == {"benjamini-hochberg"}


def test_a_rate_without_rows_is_not_tested() -> None:
    audit = bias_audit(make_cells({"a": (20, 5, 10, 30), "b": (0, 6, 0, 40)}), draws=200)
    assert {test.metric for test in audit.groupings[0].tests} == {"selection_rate", "fpr"}
