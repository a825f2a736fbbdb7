"""The examples of the New York City rule (6 RCNY 5-301), the 2 percent option, and the federal four fifths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audits.bias.audit import bias_audit, run_bias_audit
from audits.bias.impact import UNDER_TWO_PERCENT
from audits.bias.significance import fisher_exact, normal_tail, pooled_z
from tests.audits.samples import make_cells, write

# Example of the rule's section 5-301(c), race or ethnicity: category -> applicants, selected, impact ratio as printed.
SELECTION = {
    "Hispanic or Latino": (408, 204, 0.97),
    "White": (797, 412, 1.00),
    "Black or African American": (390, 170, 0.84),
    "Native Hawaiian or Pacific Islander": (119, 52, 0.85),
    "Asian": (616, 302, 0.95),
    "Native American or Alaska Native": (41, 18, 0.85),
    "Two or More Races": (213, 96, 0.87),
}
# The same section, combination of sex and race: three of the rows that show the printed rounding.
COMBINED = {
    "White Male": (412, 215, 1.000),
    "Black or African American Male": (226, 95, 0.806),
    "Native American or Alaska Native Female": (17, 7, 0.789),
}
# Section 5-301(d), scoring rates by race: category -> people, above the median, impact ratio as printed.
SCORING = {
    "Hispanic or Latino": (28, 18, 1.00),
    "White": (40, 15, 0.58),
    "Black or African American": (32, 16, 0.78),
    "Native Hawaiian or Pacific Islander": (8, 5, 0.97),
    "Asian": (24, 10, 0.65),
    "Native American or Alaska Native": (16, 10, 0.97),
    "Two or More Races": (20, 10, 0.78),
}


def audit_selection(rows: dict[str, tuple[int, int, float]], **options: Any) -> Any:
    """Audit applicants of whom some are selected."""
    counts = {name: (selected, 0, 0, n - selected) for name, (n, selected, _) in rows.items()}
    return bias_audit(make_cells(counts), draws=200, **options)


@pytest.mark.parametrize(("rows", "digits"), [(SELECTION, 2), (COMBINED, 3)])
def test_selection_example_of_the_rule(rows: dict[str, tuple[int, int, float]], digits: int) -> None:
    found = {ratio.group[0]: ratio for ratio in audit_selection(rows).groupings[0].impact_ratios}
    for name, (n, selected, printed) in rows.items():
        assert found[name].selection_rate == pytest.approx(selected / n, abs=1e-12)
        assert found[name].estimate.value is not None
        assert round(found[name].estimate.value, digits) == printed
    assert [name for name, ratio in found.items() if ratio.is_under_two_percent] == [
        name for name, (n, _, _) in sorted(rows.items()) if n / sum(row[0] for row in rows.values()) < 0.02
    ]


def write_scores(folder: Path, rows: dict[str, tuple[int, int, float]]) -> Path:
    """Write one row per person: 2 above the median, 1 at or below it."""
    lines = ["race,score"]
    for name, (n, above, _) in rows.items():
        lines += [f"{name},{2 if number < above else 1}" for number in range(n)]
    return write(folder / "scores.csv", "\n".join(lines) + "\n")


def test_scoring_example_of_the_rule(tmp_path: Path) -> None:
    spec = {"task": "scoring", "columns": {"y_score": "score"}, "sensitive": ["race"], "metrics": ["mean_score"]}
    found = run_bias_audit(write_scores(tmp_path, SCORING), spec)
    assert found["scoring"]["median_score"] == 1.5
    by_race = {entry["group"]["race"]: entry for entry in found["scoring"]["groups"]}
    for name, (n, above, printed) in SCORING.items():
        entry = by_race[name]
        assert (entry["n"], entry["above_median"]) == (n, above)
        assert entry["scoring_rate"] == pytest.approx(above / n, abs=1e-12)
        assert round(entry["impact_ratio"], 2) == printed
    measured = {(m["metric"], m["population"]): m for m in found["measures"]}
    ratio = measured["scoring_impact_ratio", "race=White"]
    assert ratio["low"] < 0.58334 < ratio["high"]
    assert measured["scoring_rate", "race=White"]["value"] == 0.375
    assert "n_selected" not in found["overall"]


def test_all_scores_equal_gives_rates_of_zero_and_no_ratio(tmp_path: Path) -> None:
    spec = {"task": "scoring", "columns": {"y_score": "score"}, "sensitive": ["race"]}
    found = run_bias_audit(write(tmp_path / "t.csv", "race,score\n" + "a,1\nb,1\n" * 20), spec)
    for entry in found["scoring"]["groups"]:
        assert (entry["scoring_rate"], entry["impact_ratio"]) == (0.0, None)
        assert entry["reasons"]["impact_ratio"] == "undefined: no score lies above the median"


def test_a_category_left_out_has_a_rate_and_no_ratio_and_is_not_the_best() -> None:
    rows = {"big": (980, 490, 0), "fair": (22, 5, 0), "tiny": (19, 19, 0)}
    kept = {ratio.group[0]: ratio for ratio in audit_selection(rows).groupings[0].impact_ratios}
    assert kept["big"].estimate.value == pytest.approx(0.5)
    found = audit_selection(rows, exclude_under_two_percent=True).groupings[0]
    left = {ratio.group[0]: ratio for ratio in found.impact_ratios}
    assert found.highest_groups == (("big",),)
    assert (left["tiny"].selection_rate, left["tiny"].estimate.value) == (1.0, None)
    assert (left["tiny"].estimate.reason, left["tiny"].is_below_four_fifths) == (UNDER_TWO_PERCENT, None)
    assert left["big"].estimate.value == 1.0
    assert left["big"].shortfall == 0
    # 5 of 22 against 490 of 980: 9 of 22 would be more than four fifths of 50 %, 8 are not.
    assert (left["fair"].is_below_four_fifths, left["fair"].shortfall) == (True, 4)


def test_exactly_two_percent_may_not_be_left_out() -> None:
    found = audit_selection({"big": (98, 49, 0), "small": (2, 1, 0)}, exclude_under_two_percent=True)
    ratios = {ratio.group[0]: ratio for ratio in found.groupings[0].impact_ratios}
    assert not ratios["small"].is_under_two_percent
    assert ratios["small"].estimate.value == 1.0


def test_two_categories_that_tie_are_both_the_best() -> None:
    found = audit_selection({"a": (10, 5, 0), "b": (20, 10, 0), "c": (20, 4, 0)}).groupings[0]
    assert found.highest_groups == (("a",), ("b",))
    assert [ratio.estimate.value for ratio in found.impact_ratios] == [1.0, 1.0, 0.4]


def test_unknown_rows_are_reported(tmp_path: Path) -> None:
    content = "sex,y,p\n" + "f,1,1\nm,0,1\n,1,0\n" * 20
    spec = {
        "task": "binary",
        "columns": {"y_true": "y", "y_pred": "p"},
        "positive_label": "1",
        "sensitive": ["sex"],
        "missing": "exclude",
    }
    rule = run_bias_audit(write(tmp_path / "t.csv", content), spec)["local_law_144"]
    assert rule["rows_of_unknown_category"] == 20
    assert rule["unknown_rows"] == "left out of every table"
    assert rule["groups_under_two_percent_left_out_of_ratios"] is False


# Selected, applicants of the category; those of the best one; z, its tail, Fisher: computed with SciPy on the examples.
@pytest.mark.parametrize(
    ("one", "best", "z", "tail", "fisher"),
    [
        ((170, 390), (412, 797), -2.623330, 0.008707495, 0.009430110),
        ((7, 17), (215, 412), -0.890119, 0.373401745, 0.460537701),
        ((12, 40), (48, 80), -3.098387, 0.001945774, 0.003409222),
        ((15, 40), (18, 28), -2.175082, 0.029623945, 0.047933755),
        ((3, 12), (12, 16), -2.625320, 0.008656744, 0.020017649),
        ((3, 4), (12, 16), 0.0, 1.0, 1.0),
    ],
)
def test_tests_of_difference_give_the_check_numbers(
    one: tuple[int, int], best: tuple[int, int], z: float, tail: float, fisher: float
) -> None:
    found = pooled_z(*one, *best)
    assert found == pytest.approx(z, abs=1e-6)
    assert normal_tail(found or 0.0) == pytest.approx(tail, abs=1e-8)
    assert fisher_exact(*one, *best) == pytest.approx(fisher, abs=1e-8)


def test_a_ratio_above_four_fifths_can_still_differ_by_more_than_chance() -> None:
    tests = audit_selection(SELECTION, metrics=["selection_rate"]).groupings[0].tests
    tests = {test.group[0]: test for test in tests}
    black = tests["Black or African American"]
    assert (black.versus, black.method, black.comparisons) == (("White",), "two-proportion z", 6)
    assert black.p_value == pytest.approx(0.008707495, abs=1e-8)
    assert black.p_adjusted == pytest.approx(6 * 0.008707495, abs=1e-7)
