"""A training run again: what is reproduced, what is not, and what cannot be told."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.errors import BadInput
from audits.reproduction import Tolerance, check_reproduction_spec, run_reproduction
from audits.vocabulary import REPRODUCTION_METRICS
from tests.reproductions import make_report, make_run

ARTIFACT = "sha256:" + "8" * 64
DATA = {"name": "Calls v1", "role": "training", "digest": "sha256:" + "6" * 64}
EXACT = {"absolute": 0.0, "relative": 0.0}


def make_records(*metrics: tuple[str, float], **changes: Any) -> dict[str, Any]:
    """What is on record: these metrics, in one metric set."""
    found = [{"name": name, "value": value, "evidence": 3, "digest": "sha256:3"} for name, value in metrics]
    return {
        "metrics": found,
        "datasets": [DATA],
        "artifacts": [{"name": "model.json", "digest": ARTIFACT}],
        "digest": "sha256:9",
        "is_independent": True,
    } | changes


def compare(*again: dict[str, float], on_record: dict[str, float], spec: Any = None, **report: Any) -> dict[str, Any]:
    """The result for runs that gave these metrics; every tolerance is 0.01 unless the report says otherwise."""
    tolerances = dict.fromkeys(on_record, {"absolute": 0.01, "relative": 0.0})
    told = make_report(**{"runs": [make_run(**metrics) for metrics in again], "tolerances": tolerances} | report)
    result = run_reproduction(told, make_records(*on_record.items()), spec or {})
    json.dumps(result, allow_nan=False)
    return result


def measure(result: dict[str, Any], metric: str, population: str = "overall") -> dict[str, Any]:
    (found,) = [item for item in result["measures"] if (item["metric"], item["population"]) == (metric, population)]
    return found


def codes(result: dict[str, Any]) -> set[str]:
    return {note["code"] for note in result["notes"]}


def test_metrics_within_the_tolerance_are_reproduced() -> None:
    result = compare({"auc": 0.81, "f1": 0.5}, {"auc": 0.79, "f1": 0.5}, on_record={"auc": 0.8, "f1": 0.5})

    assert result["verdict"] == "reproduced"
    assert measure(result, "reproduced_share")["value"] == 1
    assert measure(result, "metric_deviation", "metric=auc")["value"] == 0.01
    assert measure(result, "metric_deviation", "metric=f1")["value"] == 0
    # 0.01 / 0.81 and 0.01 / 0.8: the second is the larger.
    assert measure(result, "largest_deviation") == {
        "metric": "largest_deviation",
        "population": "overall",
        "value": pytest.approx(0.0125, rel=1e-15),
        "low": pytest.approx(0.0125, rel=1e-15),
        "high": pytest.approx(0.0125, rel=1e-15),
        "n": 2,
        "reason": None,
    }


def test_one_run_outside_the_tolerance_is_enough() -> None:
    result = compare({"auc": 0.8}, {"auc": 0.789}, {"auc": 0.8}, on_record={"auc": 0.8})

    assert result["verdict"] == "not reproduced"
    assert measure(result, "reproduced_share")["value"] == 0
    assert result["metrics"][0]["reason"] == "outside the tolerance"
    assert measure(result, "metric_deviation", "metric=auc")["reason"] is None


def test_distance_is_that_of_the_decimals_as_written() -> None:
    assert abs(0.95 - 0.94) > 0.01  # as floats

    assert compare({"auc": 0.94}, on_record={"auc": 0.95})["verdict"] == "reproduced"
    assert compare({"auc": 0.9399999}, on_record={"auc": 0.95})["verdict"] == "not reproduced"


def test_relative_tolerance_is_of_the_value_on_record() -> None:
    tolerances = {"rmse": {"absolute": 0.0, "relative": 0.01}}

    assert compare({"rmse": 60.6}, on_record={"rmse": 60}, tolerances=tolerances)["verdict"] == "reproduced"
    assert compare({"rmse": 60.61}, on_record={"rmse": 60}, tolerances=tolerances)["verdict"] == "not reproduced"
    # Of -60, not of 0: a sign does not make the tolerance negative.
    assert compare({"rmse": -60.6}, on_record={"rmse": -60}, tolerances=tolerances)["verdict"] == "reproduced"


def test_without_a_tolerance_it_must_be_equal() -> None:
    assert compare({"auc": 0.8}, on_record={"auc": 0.8}, tolerances={})["verdict"] == "reproduced"
    result = compare({"auc": math.nextafter(0.8, 1)}, on_record={"auc": 0.8}, tolerances={})

    assert result["verdict"] == "not reproduced"
    assert result["metrics"][0]["tolerance"] == {**EXACT, "declared_by": "nobody"}


def test_who_asks_may_be_stricter_than_who_reports() -> None:
    run, record = {"auc": 0.795}, {"auc": 0.8}

    assert compare(run, on_record=record)["verdict"] == "reproduced"
    strict = compare(run, on_record=record, spec={"tolerances": {"auc": {"absolute": 0.001}}})
    assert strict["verdict"] == "not reproduced"
    assert strict["metrics"][0]["tolerance"]["declared_by"] == "request"
    # The general tolerance is for metrics that nobody declared one for.
    assert compare(run, on_record=record, spec={"tolerance": {"absolute": 0.001}})["verdict"] == "reproduced"
    assert (
        compare(run, on_record=record, tolerances={}, spec={"tolerance": {"relative": 0.1}})["verdict"] == "reproduced"
    )


def test_what_the_report_states_is_not_what_is_on_record() -> None:
    result = compare({"auc": 0.6}, on_record={"auc": 0.8}, recorded={"auc": 0.6})

    assert result["verdict"] == "not reproduced"
    assert "stated_otherwise" in codes(result)
    assert result["metrics"][0]["on_record"] == [0.8]


def test_metric_that_is_not_on_record_is_named_and_counts_for_nothing() -> None:
    result = compare({"auc": 0.8, "f1": 0.7}, on_record={"auc": 0.8}, recorded={"auc": 0.8, "f1": 0.7})

    assert (result["verdict"], result["not_on_record"]) == ("reproduced", ["f1"])
    assert [item["name"] for item in result["metrics"]] == ["auc"]
    assert "not_on_record" in codes(result)


def test_nothing_on_record_is_inconclusive() -> None:
    result = compare({"auc": 0.8}, on_record={})

    assert result["verdict"] == "inconclusive"
    for metric in ("reproduced_share", "largest_deviation"):
        assert measure(result, metric)["value"] is None
        assert measure(result, metric)["reason"] == "no metric is on record"
    assert "nothing_on_record" in codes(result)


def test_asked_for_but_not_on_record_is_inconclusive() -> None:
    result = compare({"auc": 0.8, "f1": 0.5}, on_record={"auc": 0.8}, spec={"metrics": ["auc", "f1"]})

    assert result["verdict"] == "inconclusive"
    assert measure(result, "reproduced_share")["reason"] == "not on record: f1"
    assert measure(result, "metric_deviation", "metric=f1")["value"] is None


def test_metric_on_record_that_no_run_gave_is_not_reproduced() -> None:
    result = compare({"auc": 0.8}, on_record={"auc": 0.8, "f1": 0.5})

    assert result["verdict"] == "not reproduced"
    assert measure(result, "reproduced_share")["value"] == 0.5
    assert measure(result, "largest_deviation")["reason"] == "not compared with every run: f1"
    assert measure(result, "metric_deviation", "metric=f1")["reason"] == "1 of 1 runs did not give it"


def test_asking_for_less_improves_no_share() -> None:
    record = {"auc": 0.8, "f1": 0.5, "rmse": 3}
    asked = compare({"auc": 0.8, "f1": 0.9}, on_record=record, spec={"metrics": ["auc"]})

    assert (asked["verdict"], asked["not_asked"]) == ("reproduced in part", ["f1", "rmse"])
    assert measure(asked, "reproduced_share")["value"] == 1 / 3
    assert measure(asked, "largest_deviation")["reason"] == "not compared with every run: f1, rmse"
    assert measure(asked, "metric_deviation", "metric=auc")["reason"] is None
    assert "not_asked" in codes(asked)


@pytest.mark.parametrize(
    ("tolerance", "spec"),
    [
        ({"absolute": 1e14, "relative": 0.0}, {}),
        ({"absolute": 0.0, "relative": 0.2}, {}),
        ({"absolute": 0.01, "relative": 0.0}, {"tolerances": {"auc": {"absolute": 1e300}}}),
    ],
)
def test_a_tolerance_of_more_than_a_tenth_of_the_value_shows_nothing(tolerance: Any, spec: Any) -> None:
    def again(value: float) -> dict[str, Any]:
        return compare({"auc": value}, on_record={"auc": 0.9}, tolerances={"auc": tolerance}, spec=spec)

    near = again(0.85)
    assert (near["verdict"], near["metrics"][0]["verdict"]) == ("inconclusive", "inconclusive")
    assert "more than a tenth" in near["metrics"][0]["reason"]
    share = near["measures"][0]
    assert (share["metric"], share["value"]) == ("reproduced_share", None)
    assert share["reason"] == "a tolerance of more than a tenth of the value shows nothing: auc"
    assert again(0.9)["verdict"] == "reproduced"


def test_of_zero_any_tolerance_is_wide() -> None:
    tolerances = {"gap": {"absolute": 0.01, "relative": 0.0}}
    assert compare({"gap": 0.005}, on_record={"gap": 0.0}, tolerances=tolerances)["verdict"] == "inconclusive"
    assert compare({"gap": 0.0}, on_record={"gap": 0.0}, tolerances=tolerances)["verdict"] == "reproduced"


def test_wide_tolerance_is_pointed_out() -> None:
    def wide(absolute: float, relative: float) -> bool:
        tolerances = {"auc": {"absolute": absolute, "relative": relative}}
        return "wide_tolerance" in codes(compare({"auc": 0.8}, on_record={"auc": 0.8}, tolerances=tolerances))

    assert (wide(0.08, 0), wide(0.081, 0), wide(0, 0.1), wide(0, 0.11)) == (False, True, False, True)


@pytest.mark.parametrize("end", [{"exit_code": 1}, {"exit_code": None, "failure": "stopped after 60 s"}])
def test_metrics_of_a_failed_run_do_not_count(end: dict[str, Any]) -> None:
    runs = [make_run(auc=0.8), make_run(auc=0.8) | end]
    result = compare(on_record={"auc": 0.8}, runs=runs)

    assert result["verdict"] == "not reproduced"
    assert result["runs"]["failed"] == 1
    assert measure(result, "reproduced_share")["value"] == 0
    assert "failed_run" in codes(result)


def test_each_of_several_values_on_record_has_to_be_reproduced() -> None:
    report = make_report(runs=[make_run(auc=0.8)], tolerances={"auc": {"absolute": 0.01, "relative": 0.0}})
    result = run_reproduction(report, make_records(("auc", 0.8), ("auc", 0.9)), {})

    assert result["verdict"] == "not reproduced"
    assert "several_on_record" in codes(result)


def test_data_artifacts_and_code_are_matched_by_digest() -> None:
    same = compare({"auc": 0.8}, on_record={"auc": 0.8})
    assert same["training_data"][0]["declared_as"] == "Calls v1 (training)"
    assert same["artifacts"] == [{"name": "model.json", "runs": 1, "identical": 1, "artifact": "model.json"}]
    assert codes(same) == set()

    other = compare(
        {"auc": 0.8},
        on_record={"auc": 0.8},
        inputs=[{"name": "other.csv", "digest": "sha256:0"}],
        code={"revision": "b", "recorded_revision": "a", "is_clean": False},
        runs=[make_run(auc=0.8) | {"outputs": [{"name": "model.json", "digest": "sha256:0"}]}],
    )
    assert other["training_data"][0]["declared_as"] is None
    assert other["artifacts"][0]["identical"] == 0
    assert codes(other) == {"other_code", "changed_code", "undeclared_data"}


def test_who_ran_it_is_said() -> None:
    report = make_report(runs=[make_run(auc=0.8)] * 3)
    own = run_reproduction(report, make_records(("auc", 0.8), is_independent=False), {})

    assert own["statement"].startswith("run again 3 times by the submitter; ")
    assert "same_person" in codes(own)
    assert "somebody other" in run_reproduction(report, make_records(("auc", 0.8)), {})["statement"]


def test_metrics_read_are_named_by_evidence_and_digest() -> None:
    assert compare({"auc": 0.8}, on_record={"auc": 0.8, "f1": 1})["read"] == [{"evidence": 3, "digest": "sha256:3"}]


numbers = st.floats(-1e14, 1e14, allow_nan=False)


@given(old=numbers, new=numbers, absolute=st.floats(0, 1e6), relative=st.floats(0, 2))
def test_any_numbers_give_a_verdict_that_follows_from_the_deviation(old, new, absolute, relative) -> None:
    tolerances = {"m": {"absolute": absolute, "relative": relative}}
    result = compare({"m": new}, on_record={"m": old}, tolerances=tolerances)
    deviation = measure(result, "metric_deviation", "metric=m")["value"]
    allowed = float(Tolerance(absolute, relative).allow(old))

    assert 0 <= measure(result, "largest_deviation")["value"] <= 2
    is_wide = allowed > 0.1 * abs(old) * (1 - 1e-12) and deviation > 0
    if deviation < allowed * (1 - 1e-12):
        assert result["verdict"] in (("inconclusive", "reproduced") if is_wide else ("reproduced",))
    if deviation > allowed * (1 + 1e-12):
        assert result["verdict"] == "not reproduced"


def test_every_measure_is_in_the_vocabulary() -> None:
    result = compare({"auc": 0.8}, on_record={"auc": 0.8})

    assert {item["metric"] for item in result["measures"]} == set(REPRODUCTION_METRICS)


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ([], "must be a JSON object"),
        ({"metric": ["auc"]}, "'metric'"),
        ({"metrics": []}, "'metrics'"),
        ({"metrics": ["auc", "auc"]}, "'metrics'"),
        ({"metrics": "auc"}, "'metrics'"),
        ({"tolerances": {"auc": 0.1}}, "'tolerances.auc'"),
        ({"tolerances": {"auc": {}}}, "'tolerances.auc'"),
        ({"tolerances": {"auc": {"absolute": -0.1}}}, "'tolerances.auc'"),
        ({"tolerances": {"auc": {"absolute": float("nan")}}}, "'tolerances.auc.absolute'"),
        ({"tolerances": {"auc": {"percent": 1}}}, "'tolerances.auc'"),
        ({"metrics": ["f1"], "tolerances": {"auc": {"absolute": 1}}}, "'tolerances'"),
        ({"tolerance": 0.1}, "'tolerance'"),
    ],
)
def test_bad_specification_is_refused_by_its_key(spec: Any, place: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_reproduction_spec(spec)
    assert place in str(caught.value)
