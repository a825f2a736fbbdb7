"""The gate of the record office and the laboratory's verdicts judge by one rule: the same table for both."""

from __future__ import annotations

import itertools

import pytest

from audits.bias.measures import Measure
from audits.bias.verdicts import count_rows_needed, judge_measure
from audits.spec import Criterion
from governance import dossier_items as items
from governance import gate_criteria

NAN, INFINITE = float("nan"), float("inf")
OUTCOMES = {"MET": "met", "NOT_MET": "not met", "INCONCLUSIVE": "inconclusive"}
TRIPLES = [
    (None, None, None),
    (NAN, 0.1, 0.2),
    (INFINITE, 0.1, INFINITE),
    (0.8, None, None),
    (0.30000000000000004, None, None),
    (0.3, 0.3, 0.3),
    (0.5, 0.4, 0.6),
    (0.5, 0.4, None),
    (0.5, None, 0.6),
    (0.5, 0.4, NAN),
    (0.5, 0.4, INFINITE),
    (1e-7, 0.0, 3e-7),
    (-0.1, -0.3, 0.05),
    (0.79999999, 0.7, 0.8),
    (1.0, 0.8, 1.0),
]
THRESHOLDS = ["0.8", "0.3", "0.4", "0.5", "0.6", "0", "1", "-0.1", "0.0000001", "0.550000000"]


@pytest.mark.parametrize("triple", TRIPLES, ids=str)
@pytest.mark.parametrize("reason", [None, "group below minimum size 20"])
def test_gate_and_laboratory_agree(triple: tuple[float | None, float | None, float | None], reason: str | None) -> None:
    for threshold, comparator, n in itertools.product(THRESHOLDS, ["at_least", "at_most"], [1, 400, 10**6]):
        item = items.CriterionItem("R-1.1", "tpr", comparator, threshold, "overall", "test", "must")
        measure = items.Measure("tpr", "overall", *triple, n, reason)
        status, detail = gate_criteria._judge_measure(measure, item)
        criterion = Criterion("tpr", "overall", comparator, float(threshold))
        verdict = judge_measure(Measure("tpr", "overall", *triple, n, reason), criterion)
        assert OUTCOMES[status] == verdict.outcome, (threshold, comparator)
        if verdict.rows_needed is not None:
            assert gate_criteria.count_rows_needed(measure, item) == verdict.rows_needed
            assert f"About {verdict.rows_needed:,} rows would settle it" in detail
        elif verdict.settled_by is not None:
            assert "No practical number of rows would settle it." in detail


def test_the_bound_of_what_is_practical_is_the_same() -> None:
    measure = ("tpr", "overall", 0.5, 0.4, 0.6, 400, None)
    item = items.CriterionItem("R-1.1", "tpr", "at_least", "0.50001", "overall", "test", "must")
    rows = gate_criteria.count_rows_needed(items.Measure(*measure), item)
    assert rows == count_rows_needed(Measure(*measure), Criterion("tpr", "overall", "at_least", 0.50001))
    assert rows == 400 * 10**8 + 1
