from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from audits.bias.advice import advise
from audits.bias.audit import run_bias_audit
from audits.bias.reweighing import find_weights
from audits.counting.cells import Cells
from audits.spec import Criterion
from tests.audits.samples import SPEC, find_case, find_devset, make_cells, needs_devset, reduce_file, reduce_text, write

# Group a: scores 9..5 of which the first three are positive; group b the same ten points lower.
SCORED = "group,y_true,y_pred,y_score\n" + "".join(
    f"{group},{int(place < 3)},{int(score > 6)},{score}\n"
    for group, top in (("a", 9), ("b", 5))
    for place, score in enumerate(range(top, top - 5, -1))
)
SCORES = {"columns": {"y_true": "y_true", "y_pred": "y_pred", "y_score": "y_score"}}
PARITY = Criterion("demographic_parity_difference", "by group", "at_most", 0.0)


def advise_on(folder: Path, *criteria: Criterion) -> dict[str, Any]:
    """Return the advice about the only feature of the scored rows."""
    cells = reduce_text(folder, SCORED, **SCORES)
    found: dict[str, Any] = advise(cells, [("group",)], criteria)["by_feature"][0]
    json.dumps(found, allow_nan=False)
    return found


def test_thresholds_per_group_meet_parity_where_a_common_one_selects_nobody(tmp_path: Path) -> None:
    found = advise_on(tmp_path, PARITY)["criteria"][0]
    assert found["thresholds_per_group"]["thresholds"] == {"group=a": 7.0, "group=b": 3.0}
    assert found["thresholds_per_group"]["accuracy"] == 1.0
    assert found["thresholds_per_group"]["accuracy_change"] == pytest.approx(0.3)
    assert found["common_threshold"]["accuracy"] == 0.6
    assert found["common_threshold"]["selection_rate"] == 1.0
    assert "selects nobody or everybody" in found["note"]
    assert "may be unlawful" in found["note"]
    assert "nothing was applied" in found["note"]


def test_only_disparities_that_thresholds_move_are_looked_for(tmp_path: Path) -> None:
    found = advise_on(
        tmp_path,
        Criterion("accuracy", "overall", "at_least", 0.9),
        Criterion("demographic_parity_difference", "by group", "at_least", 0.5),
        Criterion("demographic_parity_ratio", "by other", "at_least", 0.8),
        Criterion("demographic_parity_ratio", "by group", "at_least", 0.8),
        Criterion("impact_ratio", "group=b", "at_least", 0.7),
        Criterion("impact_ratio", "group=c", "at_least", 0.7),
    )
    assert [entry["metric"] for entry in found["criteria"]] == ["demographic_parity_ratio"] * 2
    assert [entry["bound"] for entry in found["criteria"]] == [0.8, 0.7]
    assert found["criteria"][0]["thresholds_per_group"]["disparity"] == 1.0


@pytest.mark.parametrize(
    "metric", ["demographic_parity_difference", "equalized_odds_difference", "equal_opportunity_ratio"]
)
def test_frontiers_are_monotone_and_free_thresholds_dominate_common_ones(tmp_path: Path, metric: str) -> None:
    sign = 1 if metric.endswith("difference") else -1
    criterion = Criterion(metric, "by group", "at_most" if sign == 1 else "at_least", 0.5)
    points = advise_on(tmp_path, criterion)["criteria"][0]["frontier"]
    ways = {rule: [point for point in points if point["rule"] == rule] for rule in ("common", "per group")}
    for way in ways.values():
        assert way
        for first, second in itertools.pairwise(way):
            assert sign * first["disparity"] < sign * second["disparity"]
            assert first["accuracy"] < second["accuracy"]
    for point in ways["common"]:
        rivals = [rival for rival in ways["per group"] if sign * rival["disparity"] <= sign * point["disparity"]]
        assert max(rival["accuracy"] for rival in rivals) >= point["accuracy"]
    for point in points:
        assert point["meets"] == (point["disparity"] <= 0.5 if sign == 1 else point["disparity"] >= 0.5)
        assert 0 <= point["selection_rate"] <= 1


def test_mixing_by_chance_is_on_the_frontier(tmp_path: Path) -> None:
    points = advise_on(tmp_path, PARITY)["criteria"][0]["frontier"]
    best = next(point for point in points if point["rule"] == "mixed by chance")
    assert (best["disparity"], best["accuracy"], best["selection_rate"]) == pytest.approx((0.0, 1.0, 0.6))
    assert set(best["mixes"]) == {"group=a", "group=b"}


def test_without_a_criterion_four_fifths_is_assumed_and_said(tmp_path: Path) -> None:
    found = advise(reduce_text(tmp_path, SCORED, **SCORES), [("group",)], [])
    assert found["criterion"] == {
        "metric": "demographic_parity_ratio",
        "population": "by group",
        "comparator": "at_least",
        "bound": 0.8,
        "assumed": True,
    }
    assert found["frontier"]
    assert found["chosen"]["per group"]["accuracy"] == 1.0
    frontiers = found["by_feature"][0]["frontiers"]
    assert [frontier["disparity"] for frontier in frontiers] == [
        "demographic_parity_difference",
        "equalized_odds_difference",
    ]
    assert all(point["meets"] is None for frontier in frontiers for point in frontier["points"])


def test_without_scores_only_reweighing_is_told() -> None:
    found = advise(make_cells({"a": (20, 5, 10, 30), "b": (2, 2, 3, 40)}), [("group",)], [PARITY])["by_feature"][0]
    assert "no scores" in found["thresholds"]["reason"]
    assert found["frontiers"] == []
    assert found["reweighing"]["reason"] is None


def test_other_tasks_are_told_why_there_is_nothing() -> None:
    cells = Cells(("group",), "", (), weighted=False, rows_read=0, task="regression")
    found = advise(cells, [("group",)], [])
    assert found["by_feature"] == []
    assert "regression" in found["reason"]


def test_weights_make_label_and_group_independent() -> None:
    cells = make_cells({"a": (20, 5, 10, 30), "b": (2, 2, 3, 40)})
    found = find_weights(cells, ("group",))
    weights = {row["population"]: (row["weight_of_positive"], row["weight_of_negative"]) for row in found["weights"]}
    positives, negatives = {"group=a": 30, "group=b": 5}, {"group=a": 35, "group=b": 42}
    for group, (positive, negative) in weights.items():
        weighted = positives[group] * positive, negatives[group] * negative
        assert weighted[0] / sum(weighted) == pytest.approx(35 / 112, abs=1e-12)
        assert sum(weighted) == pytest.approx(positives[group] + negatives[group], abs=1e-9)
    assert found["base_rate_difference"] == pytest.approx(30 / 65 - 5 / 47)
    phi = abs(30 * 42 - 5 * 35) / (65 * 47 * 35 * 77) ** 0.5
    assert found["association"] == pytest.approx(phi, abs=1e-12)
    assert 0 < found["rows_worth_with_weights"] < 112


def test_a_group_without_a_label_cannot_be_reweighed() -> None:
    found = find_weights(make_cells({"a": (20, 5, 10, 30), "b": (2, 0, 3, 0)}), ("group",))
    assert found["weights"][1]["weight_of_negative"] is None
    assert found["base_rate_difference_with_weights"] is None
    assert "no weight can make up for it" in found["reason"]


def test_advice_is_in_the_result_only_where_it_is_asked_for(tmp_path: Path) -> None:
    path, spec = write(tmp_path / "t.csv", SCORED), {**SPEC, **SCORES}
    plain, asked = run_bias_audit(path, spec), run_bias_audit(path, {**spec, "advice": True})
    assert "advice" not in plain
    assert "Information only" in asked["advice"]["notice"]
    assert "may be unlawful" in asked["advice"]["notice"]
    assert {key: value for key, value in asked.items() if key != "advice"} == plain


@needs_devset
def test_adult_could_meet_four_fifths_with_thresholds_per_group() -> None:
    case = find_case("adult_sex")
    cells = reduce_file(find_devset() / case["file"], case)
    criterion = Criterion("demographic_parity_ratio", "by sex", "at_least", 0.8)
    found = advise(cells, [("sex",)], [criterion])["by_feature"][0]["criteria"][0]
    assert found["accuracy_of_the_predictions"] == pytest.approx(0.850992, abs=1e-6)
    assert found["thresholds_per_group"]["disparity"] >= 0.8
    assert 0.83 < found["thresholds_per_group"]["accuracy"] < 0.85
    assert found["common_threshold"]["accuracy"] < 0.5
