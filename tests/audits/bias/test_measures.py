from __future__ import annotations

from pathlib import Path

from audits.bias.audit import bias_audit, run_bias_audit
from audits.bias.disparities import DISPARITIES
from audits.bias.measures import Measure, measures
from audits.metrics import COUNT, METRICS
from audits.populations import name_comparison, name_group
from tests.audits.samples import make_cells, write

TWO_FEATURES = "sex,age,y,p\n" + "f,60+,1,1\nf,<60,0,1\nm,60+,1,0\nm,<60,1,1\n" * 20
SPEC = {
    "task": "binary",
    "columns": {"y_true": "y", "y_pred": "p"},
    "positive_label": "1",
    "sensitive": ["sex", "age"],
    "reference": {"sex": "m"},
}


def test_measures_name_every_population_once(tmp_path: Path) -> None:
    found = run_bias_audit(write(tmp_path / "t.csv", TWO_FEATURES), SPEC)["measures"]
    populations = list(dict.fromkeys(measure["population"] for measure in found))
    assert populations == [
        "overall",
        "sex=f",
        "sex=m",
        "by sex",
        "age=60+",
        "age=<60",
        "by age",
        "sex=f & age=60+",
        "sex=f & age=<60",
        "sex=m & age=60+",
        "sex=m & age=<60",
        "by sex & age",
    ]
    keys = [(measure["metric"], measure["population"]) for measure in found]
    assert len(keys) == len(set(keys))
    assert {metric for metric, _ in keys} <= {COUNT, *METRICS, *DISPARITIES}


def test_measures_carry_value_limits_and_rows(tmp_path: Path) -> None:
    found = run_bias_audit(write(tmp_path / "t.csv", TWO_FEATURES), SPEC)
    by_key = {(m["metric"], m["population"]): m for m in found["measures"]}
    tpr = by_key["tpr", "sex=m"]
    assert (tpr["value"], tpr["n"], tpr["reason"]) == (0.5, 40, None)
    assert tpr["low"] < 0.5 < tpr["high"]
    difference = by_key["demographic_parity_difference", "by sex"]
    assert (difference["value"], difference["n"], difference["reason"]) == (0.5, 80, None)
    assert by_key["impact_ratio", "sex=m"]["value"] == 0.5
    assert by_key["selection_rate_minus_reference", "sex=f"]["value"] == 0.5
    assert by_key["n", "overall"]["value"] == 80.0


def test_a_measure_that_cannot_be_met_says_why() -> None:
    audit = bias_audit(make_cells({"a": (20, 5, 10, 30), "b": (0, 2, 0, 4)}))
    by_key = {(m.metric, m.population): m for m in measures(audit)}
    assert by_key["tpr", "group=b"] == Measure(
        "tpr",
        "group=b",
        None,
        None,
        None,
        6,
        "undefined: the group has no rows whose true label is the positive one",
    )
    assert by_key["fpr", "group=b"].reason == "group below minimum size 20"
    assert by_key["equal_opportunity_difference", "by group"].reason == (
        "group below minimum size 20: group=b; tpr is undefined for group=b"
    )
    assert by_key["fpr", "group=a"].reason is None


def test_every_measure_without_limits_has_a_reason() -> None:
    audit = bias_audit(make_cells({"a": (3, 0, 0, 0), "b": (0, 0, 0, 1), "c": (40, 1, 2, 9)}))
    for measure in measures(audit):
        if measure.low is None or measure.high is None:
            assert measure.reason is not None, measure


def test_no_value_can_imitate_another_population() -> None:
    assert name_group(["sex"], ["f & age=60+"]) == "sex=f \\& age=60+"
    assert name_group(["sex", "age"], ["f", "60+"]) == "sex=f & age=60+"
    assert name_group(["sex"], ["f \\& age=60+"]) == "sex=f \\\\& age=60+"
    assert name_group(["a=b"], ["c"]) == "a\\=b=c"
    assert name_group(["a"], ["b=c"]) == "a=b=c"
    assert name_group(["unit"], ["R&D"]) == "unit=R&D"
    assert name_group(["g"], ["& & &"]) == "g=\\& \\& \\&"
    assert name_comparison(["a & b"]) == "by a \\& b"
