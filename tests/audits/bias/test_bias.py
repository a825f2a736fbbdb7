from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from audits.bias.audit import bias_audit, list_subsets, run_bias_audit
from audits.bias.results import BiasAudit, Group
from audits.counting.cells import Cell, Cells
from audits.errors import BadInput
from tests.audits.samples import SIX_ROWS, SPEC, make_cells, reduce_text, write

SCORED = {"columns": {"y_true": "y_true", "y_pred": "y_pred", "y_score": "y_score"}}


def values(group: Group) -> dict[str, float | None]:
    """Return the plain values of a group."""
    return {name: found.value for name, found in group.estimates.items()}


def codes(audit: BiasAudit) -> list[tuple[str, str | None]]:
    """Return (code, population) of the notes."""
    return [(note.code, note.population) for note in audit.notes]


# Counted by hand from SIX_ROWS.
FIRST_GROUP = {
    "selection_rate": 2 / 3,
    "base_rate": 2 / 3,
    "tpr": 1 / 2,
    "fnr": 1 / 2,
    "fpr": 1.0,
    "tnr": 0.0,
    "precision": 1 / 2,
    "npv": 0.0,
    "accuracy": 1 / 3,
    "f1": 1 / 2,
    "balanced_accuracy": 1 / 4,
    "theil_index": pytest.approx(2 * math.log(2) / 3),  # benefits 1, 0 and 2
    "auc": 1 / 2,
    "mean_score": pytest.approx(1.9 / 3),
    "log_loss": pytest.approx(-(math.log(0.9) + 2 * math.log(0.4)) / 3),
    "brier_score": pytest.approx((0.01 + 0.36 + 0.36) / 3),
    "calibration_error": pytest.approx((0.1 + 0.6 + 0.6) / 3),  # every score in a bin of its own
    "calibration_bias": pytest.approx((1.9 - 2) / 3),
}
SECOND_GROUP = {
    "selection_rate": 1 / 3,
    "base_rate": 1 / 3,
    "tpr": 1.0,
    "fnr": 0.0,
    "fpr": 0.0,
    "tnr": 1.0,
    "precision": 1.0,
    "npv": 1.0,
    "accuracy": 1.0,
    "f1": 1.0,
    "balanced_accuracy": 1.0,
    "theil_index": 0.0,
    "auc": 1.0,
    "mean_score": pytest.approx(0.4),
    "log_loss": pytest.approx(-(math.log(0.8) + math.log(0.9) + math.log(0.7)) / 3),
    "brier_score": pytest.approx((0.04 + 0.01 + 0.09) / 3),
    "calibration_error": pytest.approx((0.2 + 0.1 + 0.3) / 3),
    "calibration_bias": pytest.approx((1.2 - 1) / 3),
}


def test_bias_audit_of_six_rows_equals_the_count_by_hand(tmp_path: Path) -> None:
    audit = bias_audit(reduce_text(tmp_path, SIX_ROWS, **SCORED))
    a, b = audit.groupings[0].groups
    assert (a.values, a.n, a.counts) == (("a",), 3, (1, 1, 1, 0))
    assert values(a) == FIRST_GROUP
    assert (b.n, b.counts) == (3, (1, 0, 0, 2))
    assert values(b) == SECOND_GROUP
    found = {name: found.value for name, found in audit.groupings[0].disparities.items()}
    assert found["demographic_parity_difference"] == pytest.approx(1 / 3)
    assert found["demographic_parity_ratio"] == pytest.approx(1 / 2)
    assert found["equalized_odds_difference"] == 1.0
    assert found["equalized_odds_difference_mean"] == pytest.approx(3 / 4)
    assert found["equalized_odds_ratio"] == 0.0
    assert found["equal_opportunity_ratio"] == 1 / 2
    assert found["predictive_parity_difference"] == 1 / 2
    assert found["accuracy_difference"] == pytest.approx(2 / 3)
    assert values(audit.overall)["accuracy"] == 4 / 6


def test_a_rate_with_an_empty_denominator_is_undefined_with_its_reason() -> None:
    audit = bias_audit(make_cells({"a": (20, 5, 10, 30), "b": (0, 6, 0, 40), "c": (30, 3, 9, 21)}))
    grouping = audit.groupings[0]
    b = grouping.groups[1]
    assert b.undefined == ("tpr", "fnr", "balanced_accuracy")
    assert b.estimates["tpr"].reason == ("undefined: the group has no rows whose true label is the positive one")
    opportunity = grouping.disparities["equal_opportunity_difference"]
    assert opportunity.value == pytest.approx(30 / 39 - 20 / 30)
    assert opportunity.reason == "tpr is undefined for group=b"
    assert grouping.disparities["demographic_parity_difference"].reason is None
    assert grouping.fairlearn_reading is not None
    assert grouping.fairlearn_reading["equal_opportunity_difference"] == pytest.approx(30 / 39)
    assert codes(audit) == [("undefined_rates", "by group"), ("fairlearn_reading", "by group")]


def test_a_group_below_the_minimum_is_reported_and_marked() -> None:
    cells = make_cells({"a": (20, 5, 10, 30), "b": (5, 5, 5, 4)})
    audit = bias_audit(cells)
    b = audit.groupings[0].groups[1]
    assert b.is_small
    assert b.estimates["tpr"].value == 0.5
    assert b.estimates["tpr"].reason == "group below minimum size 20"
    disparity = audit.groupings[0].disparities["demographic_parity_ratio"]
    assert disparity.reason == "group below minimum size 20: group=b"
    assert codes(audit) == [("small_groups", "by group")]
    settled = bias_audit(cells, minimum_group_size=19)
    assert settled.groupings[0].disparities["demographic_parity_ratio"].reason is None


def test_one_group_has_nothing_to_compare() -> None:
    audit = bias_audit(make_cells({"only": (20, 5, 10, 30)}))
    found = audit.groupings[0].disparities["demographic_parity_difference"]
    assert (found.value, found.low, found.reason) == (0.0, None, "only one group: nothing to compare")
    assert ("one_group", "by group") in codes(audit)


def test_nobody_selected_looks_equal_and_is_not_judged() -> None:
    audit = bias_audit(make_cells({"a": (0, 0, 10, 30), "b": (0, 0, 12, 20), "c": (0, 0, 7, 30)}))
    disparities = audit.groupings[0].disparities
    assert disparities["demographic_parity_difference"].value == 0.0
    high = disparities["demographic_parity_difference"].high
    assert high is not None
    assert high > 0.08  # Wilson's upper limit of 0 of 37, although every resample shows 0
    assert disparities["demographic_parity_ratio"].value is None
    assert disparities["demographic_parity_ratio"].reason == "undefined: the highest value is 0"
    assert disparities["predictive_parity_difference"].value is None
    assert codes(audit)[0] == ("nobody_selected", None)
    assert [ratio.is_below_four_fifths for ratio in audit.groupings[0].impact_ratios] == [None] * 3


def test_four_fifths_is_decided_on_whole_numbers() -> None:
    exact = bias_audit(make_cells({"a": (12, 0, 0, 8), "b": (15, 0, 0, 5)}))
    assert exact.groupings[0].impact_ratios[0].is_below_four_fifths is False
    below = bias_audit(make_cells({"a": (1199, 0, 0, 801), "b": (15, 0, 0, 5)}))
    assert below.groupings[0].impact_ratios[0].is_below_four_fifths is True


def test_four_fifths_holds_for_decimal_weights() -> None:
    rows = (
        Cell(("a",), 1, 0, 8, 0.8, 0.08),
        Cell(("a",), 1, 1, 12, 1.2, 0.12),
        Cell(("b",), 1, 0, 5, 0.5, 0.05),
        Cell(("b",), 1, 1, 15, 1.5, 0.15),
    )
    audit = bias_audit(Cells(("group",), "1", rows, weighted=True, rows_read=40))
    ratio = audit.groupings[0].impact_ratios[0]
    assert (ratio.selection_rate, ratio.is_below_four_fifths) == (0.6, False)


def test_equal_weights_give_the_intervals_of_plain_rows() -> None:
    plain = make_cells({"a": (20, 5, 10, 30), "b": (9, 6, 12, 40)})
    rows = tuple(
        Cell(cell.group, cell.label, cell.prediction, cell.count, cell.count * 3.0, cell.count * 9.0)
        for cell in plain.rows
    )
    weighted = bias_audit(Cells(("group",), "1", rows, weighted=True, rows_read=plain.rows_read))
    unweighted = bias_audit(plain)
    for first, second in zip(weighted.groupings[0].groups, unweighted.groupings[0].groups, strict=True):
        for name, found in first.estimates.items():
            assert found.low == pytest.approx(second.estimates[name].low)
            assert found.high == pytest.approx(second.estimates[name].high)


def test_unequal_weights_widen_the_intervals() -> None:
    rows = (
        Cell(("a",), 1, 1, 50, 50.0, 500.0),
        Cell(("a",), 1, 0, 50, 50.0, 50.0),
        Cell(("b",), 1, 1, 50, 50.0, 50.0),
        Cell(("b",), 1, 0, 50, 50.0, 50.0),
    )
    audit = bias_audit(Cells(("group",), "1", rows, weighted=True, rows_read=200))
    a, b = (group.estimates["selection_rate"] for group in audit.groupings[0].groups)
    assert a.value == b.value == 0.5
    assert None not in (a.low, a.high, b.low, b.high)
    assert (a.high or 0) - (a.low or 0) > 1.5 * ((b.high or 0) - (b.low or 0))


def test_a_group_without_weight_is_undefined() -> None:
    rows = (
        Cell(("a",), 1, 1, 30, 30.0, 30.0),
        Cell(("a",), 0, 0, 30, 30.0, 30.0),
        Cell(("b",), 1, 1, 30, 0.0, 0.0),
    )
    audit = bias_audit(Cells(("group",), "1", rows, weighted=True, rows_read=90))
    b = audit.groupings[0].groups[1]
    assert b.n == 30
    assert set(values(b).values()) == {None}


def test_reference_gives_signed_differences_with_intervals() -> None:
    audit = bias_audit(make_cells({"a": (20, 5, 10, 30), "b": (9, 6, 12, 40)}), reference={"group": "a"})
    found = audit.groupings[0].versus_reference
    difference = found[("b",)]["tpr_minus_reference"]
    assert difference.value == pytest.approx(9 / 21 - 20 / 30)
    assert difference.low is not None
    assert difference.high is not None
    assert difference.low < 9 / 21 - 20 / 30 < difference.high
    assert (found[("a",)]["tpr_minus_reference"].value, found[("a",)]["tpr_over_reference"].value) == (0, 1)
    with pytest.raises(BadInput, match="no row has the reference value 'c'; found 'a', 'b'"):
        bias_audit(make_cells({"a": (1, 1, 1, 1), "b": (1, 1, 1, 1)}), reference={"group": "c"})


def test_the_same_seed_gives_the_same_audit_and_another_seed_the_same_values() -> None:
    cells = make_cells({"a": (20, 5, 10, 30), "b": (9, 6, 12, 40), "c": (14, 6, 7, 33)})
    first, again = bias_audit(cells, random_state=1), bias_audit(cells, random_state=1)
    other = bias_audit(cells, random_state=2)
    assert first == again
    assert first != other
    for name, found in first.groupings[0].disparities.items():
        assert found.value == other.groupings[0].disparities[name].value


@pytest.mark.parametrize(
    ("counts"),
    [
        {"a": (20, 5, 10, 30), "b": (9, 6, 12, 40)},
        {"a": (20, 5, 10, 30), "b": (9, 6, 12, 40), "c": (14, 6, 7, 33)},
        {"a": (1, 0, 0, 1), "b": (0, 1, 1, 0), "c": (1, 1, 1, 1), "d": (0, 0, 3, 0)},
    ],
    ids=["two", "three", "tiny"],
)
def test_every_interval_contains_its_value(counts: dict[str, tuple[int, ...]]) -> None:
    audit = bias_audit(make_cells(counts), draws=300)
    groups = [group.estimates for group in (audit.overall, *audit.groupings[0].groups)]
    checked = 0
    for estimates in (*groups, audit.groupings[0].disparities):
        for name, found in estimates.items():
            if found.value is not None and found.low is not None:
                assert found.low <= found.value + 1e-12, name
                assert found.high is None or found.value <= found.high + 1e-12, name
                checked += 1
    assert checked > 40


def test_features_are_looked_at_alone_and_together() -> None:
    assert list_subsets(("a",)) == [("a",)]
    assert list_subsets(("a", "b", "c")) == [
        ("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c"), ("a", "b", "c"),
    ]  # fmt: skip
    assert len(list_subsets(("a", "b", "c", "d"))) == 4 + 6 + 1


def test_run_bias_audit_reports_progress_and_its_passport(tmp_path: Path) -> None:
    steps: list[float] = []
    path = write(tmp_path / "rows.csv", SIX_ROWS)
    found = run_bias_audit(path, {**SPEC, "seed": 3}, progress=lambda share, step: steps.append(share))
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (0.0, 1.0)
    passport = found["passport"]
    assert (passport["seed"], passport["rows_read"], passport["rows_used"]) == (3, 6, 6)
    assert passport["input"]["sha256"] == found["data"]["sha256"]
    assert {"python", "numpy", "fairlearn", "duckdb"} <= set(passport["versions"])
    assert passport["intervals"] == {"level": 0.95, "draws": 1000}
    assert found["cells"] == reduce_text(tmp_path, SIX_ROWS).to_json()


def test_metrics_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", SIX_ROWS)
    found = run_bias_audit(path, {**SPEC, "metrics": ["tpr"]})
    assert set(found["spread"]) == {"tpr"}
    assert set(found["disparities"]) == {"equal_opportunity_difference", "equal_opportunity_ratio"}


def test_the_names_of_groups_decide_no_limit() -> None:
    """Renamed groups come in another order; what is drawn for them is what was drawn before."""
    counts = {"a": (30, 12, 9, 60), "b": (22, 14, 12, 40), "c": (9, 4, 8, 22), "d": (9, 4, 8, 22)}
    for weighted in (False, True):
        found = []
        for names in ("abcd", "zyxw", "dcab"):
            cells = make_cells({name: counts[key] for key, name in zip("abcd", names, strict=True)})
            rows = tuple(
                replace(cell, weight=cell.weight * 1.5, weight_squared=cell.weight * 3.5) if weighted else cell
                for cell in cells.rows
            )
            audit = bias_audit(replace(cells, rows=rows, weighted=weighted), draws=200)
            found.append(audit.groupings[0].disparities)
        assert found[0] == found[1] == found[2]
