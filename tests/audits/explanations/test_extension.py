"""What an explanation tells beyond importance, against numbers computed by hand or by another library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from audits.errors import BadInput
from audits.explanations.agreement import ResampledImportance, kendall, rank_correlation
from audits.explanations.attributions import Attributions
from audits.explanations.dependence import bin_evenly, find_pairs, measure_pair
from audits.explanations.explain import check_attributions, run_explanation
from audits.explanations.group_differences import find_differences
from audits.explanations.reasons import find_reasons
from audits.explanations.wishes import Wishes, check_wishes

ROWS = 400
SPEC: dict[str, Any] = {"columns": {"id": "id", "output": "output", "base": "base"}, "seed": 3}


def make_attributions(shap: np.ndarray, values: dict[str, np.ndarray] | None = None) -> Attributions:
    rows = len(shap)
    return Attributions(
        file=None,
        ids=tuple(f"r{row}" for row in range(rows)),
        has_ids=True,
        features=tuple(f"f{number}" for number in range(shap.shape[1])),
        shap=shap,
        base=np.zeros(rows),
        output=shap.sum(axis=1),
        values=values or {},
    )


def write_attributions(folder: Path, *, rows: int = ROWS) -> Path:
    """A file of four features: age acts together with income, zip is small, noise is smaller."""
    generator = np.random.default_rng(5)
    age, income, zip_code = generator.normal(size=(3, rows))
    shap = {"age": age * np.sign(income), "income": 2 * income, "zip": 0.1 * zip_code, "noise": np.full(rows, 0.01)}
    lines = ["id,base,output,age,income,zip,noise,value:age,value:income,value:zip"]
    for row in range(rows):
        parts = [float(part[row]) for part in shap.values()]
        cells = [1.5, 1.5 + sum(parts), *parts, age[row], income[row], zip_code[row]]
        lines.append(",".join([f"r{row}", *(repr(float(cell)) for cell in cells)]))
    path = folder / "attributions.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("explained")
    former = folder / "former.json"
    importance = [{"feature": name, "mean_abs": value} for name, value in (("income", 3.0), ("age", 1.0), ("zip", 0.5))]
    former.write_text(json.dumps({"importance": [*importance, {"feature": "gone", "mean_abs": 9.0}]}))
    wishes = {
        "protected": ["zip", "sex"],
        "top": 3,
        "adverse": "lower",
        "threshold": 1.0,
        "background": "1,000 applicants who just passed",
        "statements": {"age": "Time in employment", "noise": "Time in employment"},
        "repeats": [{"seed": 8, "importance": {"age": 0.8, "income": 1.6, "zip": 0.1, "noise": 0.2}}],
        "permutation_importance": {"age": 0.8, "income": 0.4, "zip": 0.3, "noise": 0.0},
        "criteria": [
            {"metric": "protected_in_top", "population": "top 3", "comparator": "at_most", "threshold": 0},
            {"metric": "rank_correlation", "population": "former version", "comparator": "at_least", "threshold": 0.8},
            {"metric": "rank_stability", "population": "overall", "comparator": "at_least", "threshold": 0.9},
        ],
    }
    document = run_explanation(write_attributions(folder), SPEC | wishes, former=former)
    json.dumps(document, allow_nan=False)
    return document


def find_measure(document: dict[str, Any], metric: str, population: str) -> dict[str, Any]:
    (found,) = [m for m in document["measures"] if (m["metric"], m["population"]) == (metric, population)]
    return found


def test_rank_correlation_is_spearmans_and_kendall_is_tau_b() -> None:
    generator = np.random.default_rng(1)
    first, second = generator.integers(0, 5, size=(2, 9)).astype(float)
    assert rank_correlation(first[None], second)[0] == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)
    assert kendall(first, second) == pytest.approx(kendalltau(first, second).statistic, abs=1e-12)
    assert np.isnan(rank_correlation(np.ones((1, 4)), np.arange(4.0))[0])
    assert kendall(np.ones(4), np.arange(4.0)) is None


def test_order_against_the_former_version_is_over_the_features_both_have(explained: dict[str, Any]) -> None:
    former = explained["former"]
    assert former["value"] == pytest.approx(1.0)  # income, age, zip in both
    assert (former["features"], former["new_features"], former["gone_features"]) == (3, ["noise"], ["gone"])
    assert (former["top_in_common"], former["kendall"]) == (2, pytest.approx(1.0))
    measure = find_measure(explained, "rank_correlation", "former version")
    assert (measure["value"], measure["reason"]) == (pytest.approx(1.0), None)


def test_second_opinion_and_other_seeds_are_correlated(explained: dict[str, Any]) -> None:
    # Ours: income 1, age 2, zip 3, noise 4; permutation: age 1, income 2, zip 3, noise 4.
    assert explained["permutation"]["value"] == pytest.approx(0.8)
    assert find_measure(explained, "rank_correlation", "permutation importance")["value"] == pytest.approx(0.8)
    assert find_measure(explained, "rank_correlation", "seed 8")["value"] == pytest.approx(0.8)


def test_protected_features_among_the_first_are_counted(explained: dict[str, Any]) -> None:
    part = explained["protected_in_top"]
    assert (part["value"], part["features"], part["not_in_the_model"]) == (1, ["zip"], ["sex"])
    verdicts = {verdict["metric"]: verdict["verdict"] for verdict in explained["verdicts"]}
    assert verdicts == {"protected_in_top": "not met", "rank_correlation": "met", "rank_stability": "met"}


def test_reasons_are_at_most_four_push_against_and_never_protected(explained: dict[str, Any]) -> None:
    reasons = explained["reasons"]
    assert (reasons["rows"] > 0, reasons["reference"]) == (True, "1,000 applicants who just passed")
    for row in reasons["nearest"]:
        assert row["output"] < 1.0
        assert 0 < len(row["reasons"]) <= 4
        assert all(reason["push"] > 0 for reason in row["reasons"])
        assert "zip" not in {name for reason in row["reasons"] for name in reason["features"]}
    assert reasons["rows_with_a_protected_reason"] > 0
    assert {part["statement"] for part in reasons["frequency"]} == {"income", "Time in employment"}


def test_reasons_add_up_factors_with_one_statement_before_ranking() -> None:
    attributions = make_attributions(np.array([[-1.0, -1.0, -1.5, 3.0], [2.0, 2.0, 2.0, 2.0]]))
    wishes = Wishes(adverse="lower", statements={"f0": "Debts", "f1": "Debts"})
    found = find_reasons(attributions, wishes, 0.0, "x")
    (row,) = found["nearest"]
    assert [(reason["statement"], reason["push"]) for reason in row["reasons"]] == [("Debts", 2.0), ("f2", 1.5)]
    assert found["frequency"][0] == {"statement": "Debts", "rows": 1, "share": 1.0}


def test_features_that_act_together_are_found(explained: dict[str, Any]) -> None:
    strongest = explained["interactions"][0]
    assert set(strongest["features"]) == {"age", "income"}
    assert strongest["strength"] > 0.3
    age = next(part for part in explained["dependence"] if part["feature"] == "age")
    assert age["colour_by"] == "income"
    assert sum(part["n"] for part in age["curve"]) == ROWS
    assert len(age["points"]) == 300


def test_measure_pair_gives_nothing_for_independent_features() -> None:
    generator = np.random.default_rng(2)
    own, other = generator.normal(size=(2, 5_000))
    attributions = make_attributions(
        np.column_stack([own + generator.normal(size=5_000), other]), {"f0": own, "f1": other}
    )
    assert measure_pair(attributions, "f0", "f1") == pytest.approx(0.0, abs=0.01)


def test_an_additive_model_has_no_features_that_act_together() -> None:
    generator = np.random.default_rng(8)
    own = generator.normal(size=500)
    other = 0.8 * own + 0.6 * generator.normal(size=500)
    attributions = make_attributions(np.column_stack([2 * own, -other]), {"f0": own, "f1": other})
    assert measure_pair(attributions, "f0", "f1") == 0.0
    curved = make_attributions(np.column_stack([own**2, -other]), {"f0": own, "f1": other})
    assert measure_pair(curved, "f0", "f1") == pytest.approx(0.0, abs=0.02)


def test_pairs_that_do_not_act_together_are_not_listed() -> None:
    generator = np.random.default_rng(9)
    own, other = generator.normal(size=(2, 200))
    attributions = make_attributions(np.column_stack([own, other]), {"f0": own, "f1": other})
    importance = check_attributions(attributions, tolerance=1e-6).importance
    assert find_pairs(attributions, importance) == []


def test_bins_are_even_and_keep_equal_values_together() -> None:
    assert np.bincount(bin_evenly(np.arange(100.0), 5)).tolist() == [21, 20, 20, 20, 19]
    assert bin_evenly(np.array([1.0, 1.0, 1.0, 1.0, 2.0]), 3).tolist() == [0, 0, 0, 0, 1]


def test_group_differences_have_welch_limits_and_name_small_groups() -> None:
    shap = np.array([[1.0], [2.0], [3.0], [1.0], [1.5], [0.5]])
    groups = {"sex": ["f", "f", "f", "m", "m", "m"]}
    (part,) = find_differences(make_attributions(shap), groups, level=0.95, minimum_group_size=2)
    half = 1.959963984540054 * np.hypot(np.std([1, 2, 3], ddof=1), np.std([1, 1.5, 0.5], ddof=1)) / np.sqrt(3)
    assert (part["most"], part["least"], part["difference"]) == ("f", "m", 1.0)
    assert (part["low"], part["high"]) == (0.0, pytest.approx(1 + half))
    (small,) = find_differences(make_attributions(shap), groups, level=0.95, minimum_group_size=20)
    assert "below the minimum size" in small["reason"]


def test_few_rows_say_how_uncertain_they_leave_the_worst_importance(tmp_path: Path) -> None:
    few = run_explanation(write_attributions(tmp_path, rows=50), SPEC)["sampling"]
    many = run_explanation(write_attributions(tmp_path, rows=800), SPEC)["sampling"]
    assert few["relative_uncertainty"] > 2 * many["relative_uncertainty"]
    assert (few["worst_feature"], few["rows_to_halve_it"]) == ("age", 200)


def test_stability_is_lower_where_features_are_alike() -> None:
    generator = np.random.default_rng(4)
    clear = make_attributions(generator.normal(size=(300, 4)) * [8, 4, 2, 1])
    alike = make_attributions(generator.normal(size=(300, 4)))
    settled = ResampledImportance(clear, 0).judge_stability(0.95, 2)
    unsettled = ResampledImportance(alike, 0).judge_stability(0.95, 2)
    assert settled["value"] == pytest.approx(1.0)
    assert settled["same_top"] == 1.0
    assert unsettled["value"] < 0.95
    assert unsettled["same_top"] < 1.0


def test_attributions_that_do_not_add_up_meet_no_criterion(tmp_path: Path) -> None:
    path = write_attributions(tmp_path)
    lines = path.read_text().splitlines()
    cells = lines[7].split(",")
    cells[2] = "99.0"
    lines[7] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    criteria = [{"metric": "rank_stability", "population": "overall", "comparator": "at_least", "threshold": 0.0}]
    document = run_explanation(path, SPEC | {"criteria": criteria})
    assert document["additive_rows"] == ROWS - 1
    assert document["verdicts"][0]["verdict"] == "inconclusive"
    assert "not additive" in document["verdicts"][0]["reason"]


@pytest.mark.parametrize(
    ("wish", "column"),
    [
        ({"protected": []}, "protected"),
        ({"top": 0}, "top"),
        ({"adverse": "down", "threshold": 1}, "adverse"),
        ({"adverse": "lower"}, "threshold"),
        ({"statements": ["a"]}, "statements"),
        ({"repeats": [{"seed": 1}]}, "repeats[0].importance"),
        ({"repeats": [{"seed": 1, "importance": {"a": "x"}}]}, "repeats[0].importance.a"),
        ({"permutation_importance": [1]}, "permutation_importance"),
        ({"criteria": [{"metric": "x"}]}, "criteria[0].comparator"),
    ],
)
def test_wishes_that_cannot_be_read_are_named(wish: dict[str, Any], column: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_wishes(wish)
    assert caught.value.column == column


def test_a_few_rows_that_happen_to_be_alike_settle_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("id,base,output,a,b\nr1,0,3,1,2\nr2,0,3,1,2\n")
    criteria = [{"metric": "importance", "population": "feature=b", "comparator": "at_least", "threshold": 1}]
    document = run_explanation(path, SPEC | {"criteria": criteria})
    (verdict,) = document["verdicts"]
    assert (verdict["verdict"], verdict["value"]) == ("inconclusive", 2.0)
    assert "fewer than 20 rows" in verdict["reason"]
