"""Nothing is certain because it has not been seen yet: no width of zero from few rows, and no verdict on nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audits.bias.audit import bias_audit, run_bias_audit
from audits.bias.measures import Measure, measures
from audits.bias.verdicts import judge_criteria
from audits.counting.cells import Cell, Cells
from audits.counting.scores import Binning, ScoreCounts
from audits.intervals import Z_95, wilson
from audits.resampled import calibration_interval
from audits.spec import Criterion
from tests.audits.frames import without_fairlearn
from tests.audits.samples import make_cells, write


def index(cells: Cells, **options: Any) -> dict[tuple[str, str], Measure]:
    """Return the measures of an audit by metric and population."""
    found = bias_audit(cells, **{"draws": 300, **options})
    return {(measure.metric, measure.population): measure for measure in measures(found)}


def judge(found: dict[tuple[str, str], Measure], metric: str, population: str, comparator: Any, bound: float) -> str:
    """Return the verdict on one criterion."""
    return judge_criteria([Criterion(metric, population, comparator, bound)], found.values())[0].outcome


def audit_file(folder: Path, task: str, lines: list[str], **changes: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Audit a file g,t,p with further columns as named; measures by metric and population."""
    path = write(folder / "rows.csv", "\n".join(lines) + "\n")
    spec = {"task": task, "columns": {"y_true": "t", "y_pred": "p"}, "sensitive": ["g"], **changes}
    return {(entry["metric"], entry["population"]): entry for entry in run_bias_audit(path, spec)["measures"]}


def test_one_positive_row_settles_no_ratio() -> None:
    found = index(make_cells({"a": (100, 0, 0, 100), "b": (1, 0, 0, 29)}), reference={"group": "a"})
    for metric, population in (
        ("equal_opportunity_ratio", "by group"),
        ("precision_ratio", "by group"),
        ("tpr_over_reference", "group=b"),
    ):
        measure = found[metric, population]
        assert measure.value == 1.0
        assert measure.low == pytest.approx(0.2065, abs=1e-3)
        assert judge(found, metric, population, "at_least", 0.8) == "inconclusive"
    assert judge(found, "equalized_odds_difference_mean", "by group", "at_most", 0.01) == "inconclusive"
    assert (found["equalized_odds_difference_mean", "by group"].high or 0.0) > 0.4


def test_the_mean_of_differences_is_at_least_as_wide_as_what_does_not_vary() -> None:
    """The false positive rates vary in the draws, the one positive row of b does not."""
    found = index(make_cells({"a": (96, 10, 4, 90), "b": (1, 3, 0, 26)}))
    assert (found["equalized_odds_difference_mean", "by group"].high or 0.0) > 0.35


def test_a_true_ratio_below_the_bound_is_not_met_by_six_hits_of_six() -> None:
    found = index(make_cells({"a": (450, 50, 50, 450), "b": (6, 9, 0, 85)}))
    assert judge(found, "equal_opportunity_ratio", "by group", "at_least", 0.8) == "inconclusive"


def test_one_group_has_no_impact_ratio_to_judge(tmp_path: Path) -> None:
    lines = ["g,t,p,s", *(f"a,{row % 2},{row % 3 % 2},{row % 7 / 7:.3f}" for row in range(60))]
    columns = {"y_true": "t", "y_pred": "p", "y_score": "s"}
    found = audit_file(tmp_path, "binary", lines, positive_label="1", columns=columns, scoring=True)
    for metric in ("impact_ratio", "scoring_impact_ratio"):
        assert found[metric, "g=a"]["value"] == 1.0
        assert found[metric, "g=a"]["low"] is None
        assert found[metric, "g=a"]["reason"] == "only one group: nothing to compare"


def test_the_highest_group_may_not_be_the_highest_in_truth() -> None:
    found = index(make_cells({"a": (25, 25, 25, 25), "b": (24, 24, 26, 26)}))
    highest = found["impact_ratio", "group=a"]
    assert (highest.value, highest.high) == (1.0, 1.0)
    assert highest.low is not None
    assert 0.6 < highest.low < 0.9
    clear = index(make_cells({"a": (450, 450, 50, 50), "b": (100, 100, 400, 400)}))
    assert clear["impact_ratio", "group=a"].low == 1.0


def test_limits_of_impact_ratios_hold_the_truth_whichever_group_comes_out_highest() -> None:
    """Two groups with true rates 0.5 and 0.55: of 1,000 samples 95 % are 950 with a standard error of 7."""
    generator = np.random.default_rng(5)
    hits = {"a": 0, "b": 0}
    truths = {"a": 0.5 / 0.55, "b": 1.0}
    for _ in range(1000):
        selected = generator.binomial(200, [0.5, 0.55])
        table = {name: (int(part), 0, 0, 200 - int(part)) for name, part in zip("ab", selected, strict=True)}
        with without_fairlearn():
            found = index(make_cells(table), metrics=["selection_rate"], draws=2)
        for name, truth in truths.items():
            measure = found["impact_ratio", f"group={name}"]
            hits[name] += (measure.low or 0.0) <= truth <= (9.0 if measure.high is None else measure.high)
    assert min(hits.values()) >= 930, hits


@pytest.mark.parametrize(
    "counts", [{"a": (0, 0, 200, 300), "b": (0, 0, 90, 310)}, {"a": (20, 30, 0, 0), "b": (9, 41, 0, 0)}]
)
def test_decisions_that_are_all_alike_settle_no_parity(counts: dict[str, tuple[int, int, int, int]]) -> None:
    found = index(make_cells(counts), reference={"group": "a"})
    for metric in (
        "demographic_parity_difference",
        "equal_opportunity_difference",
        "equalized_odds_difference",
        "equalized_odds_difference_mean",
    ):
        assert found[metric, "by group"].value == 0.0
        assert "is selected: that groups are alike in it says nothing" in (found[metric, "by group"].reason or "")
        assert judge(found, metric, "by group", "at_most", 0.5) == "inconclusive"
    assert found["selection_rate_minus_reference", "group=b"].reason is not None
    # The accuracies of the groups differ all the same, and are judged.
    assert found["accuracy_difference", "by group"].reason is None


def test_weighted_scoring_rates_are_worth_their_weights() -> None:
    generator = np.random.default_rng(2)
    size = 400
    weight = np.where(generator.random(size) < 0.05, 50.0, 0.1)
    group, score = generator.integers(0, 2, size), generator.random(size).round(5)
    one, none = np.ones(size, dtype=np.int64), np.full(size, -1)
    scores = ScoreCounts.create([("a",), ("b",)], [group, none, score, one, weight, weight**2])
    rows = tuple(
        Cell((name,), -1, -1, int(mine.sum()), float(weight[mine].sum()), float((weight[mine] ** 2).sum()))
        for name, mine in (("a", group == 0), ("b", group == 1))
    )
    cells = Cells(("group",), "", rows, weighted=True, rows_read=size, scores=scores, task="scoring")
    found = index(cells, scoring=True)["scoring_rate", "group=a"]
    mine = weight[group == 0]
    worth = float(mine.sum() ** 2 / (mine**2).sum())
    assert found.value is not None
    assert (found.low, found.high) == pytest.approx(wilson(found.value * worth, worth, Z_95)[:2])


def test_no_error_so_far_is_no_certainty(tmp_path: Path) -> None:
    lines = ["g,t,p", *(f"{'ab'[row % 2]},{row % 7},{row % 7}" for row in range(60))]
    found = audit_file(tmp_path, "regression", lines)
    for metric in ("mae", "mse", "mean_error", "r2"):
        assert found[metric, "g=a"]["low"] is None
        assert "every row gives the same number" in found[metric, "g=a"]["reason"]
    assert found["worst_group_mae", "by g"]["reason"] == "no interval can be given"
    scored = ["g,t,p,s", *(f"{'ab'[row % 2]},{row % 3 % 2},{row % 3 % 2},{row % 3 % 2}" for row in range(60))]
    columns = {"y_true": "t", "y_pred": "p", "y_score": "s"}
    found = audit_file(tmp_path, "binary", scored, positive_label="1", columns=columns)
    none_of_thirty = wilson(0, 30, Z_95).high
    for metric in ("brier_score", "calibration_error"):
        assert (found[metric, "g=a"]["value"], found[metric, "g=a"]["low"]) == (0.0, 0.0)
        assert found[metric, "g=a"]["high"] == pytest.approx(none_of_thirty)
    assert found["calibration_bias", "g=a"]["high"] == pytest.approx(none_of_thirty)
    assert "every row gives the same number" in found["log_loss", "g=a"]["reason"]


@pytest.mark.parametrize(
    ("levels", "shift", "size", "truth"),
    [([0.5], 0.1, 30, 0.1), ([0.5], 0.05, 200, 0.05), ([0.3, 0.7], 0.1, 60, 0.1), ([0.01], 0.02, 50, 0.02)],
)
def test_calibration_errors_of_few_levels_are_held(levels: list[float], shift: float, size: int, truth: float) -> None:
    """Of 300 samples 95 % are 285 with a standard error of 3.8; the limits are bounds and hold more often."""
    hits = 0
    for seed in range(300):
        generator = np.random.default_rng(seed)
        score = generator.choice(levels, size)
        label = (generator.random(size) < score + shift).astype(np.int64)
        one = np.ones(size)
        columns = [np.zeros(size, dtype=np.int64), label, score, one.astype(np.int64), one, one]
        found = ScoreCounts.create([("a",)], columns).summarise([0], Binning(10))["a",]
        assert found.bins is not None
        value = found.calibration_error
        limits = calibration_interval(found.bins, value, level=0.95, draws=200, random_state=0)
        hits += limits.low - 1e-9 <= truth <= limits.high + 1e-9
    assert hits >= 279


def test_scores_that_are_all_the_same_can_be_binned_by_their_number(tmp_path: Path) -> None:
    lines = ["g,t,p,s", *(f"{'ab'[row % 2]},{row % 3 % 2},1,0.4" for row in range(60))]
    columns = {"y_true": "t", "y_pred": "p", "y_score": "s"}
    calibration = {"bins": 10, "strategy": "quantile"}
    found = audit_file(tmp_path, "binary", lines, positive_label="1", columns=columns, calibration=calibration)
    assert found["calibration_error", "overall"]["value"] == pytest.approx(0.4 - 1 / 3)


def test_a_row_without_weight_spreads_nothing(tmp_path: Path) -> None:
    lines = [
        "g,t,p,w",
        *(
            f"{g},{5.3 if w == '0' and g == 'a' else 0.1},{number / 10},{w}"
            for g in "ab"
            for number, w in enumerate(("0", ".3", ".3", ".1", ".7", ".9"))
        ),
    ]
    found = audit_file(tmp_path, "regression", lines, columns={"y_true": "t", "y_pred": "p", "weight": "w"})
    assert found["mean_true", "g=a"]["value"] == pytest.approx(0.1)
    assert found["r2", "g=a"]["value"] is None


def test_weights_worth_a_row_or_two_give_no_standardized_difference(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    lines = ["g,t,p,s,w"]
    for row in range(400):
        weight = 1e6 if row == 1 else 1.0
        lines.append(f"{'ab'[row % 2]},{row % 2},{row // 2 % 2},{generator.random():.4f},{weight}")
    columns = {"y_true": "t", "y_pred": "p", "y_score": "s", "weight": "w"}
    found = audit_file(tmp_path, "binary", lines, positive_label="1", columns=columns, reference={"g": "a"})
    for metric in ("selection_standardized_difference", "score_standardized_difference"):
        assert found[metric, "g=b"]["low"] is None
        assert "the weights are worth 1 rows" in found[metric, "g=b"]["reason"]
