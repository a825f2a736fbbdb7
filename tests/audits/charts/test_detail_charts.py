"""Charts of scores, grids, errors, choices and what lies behind importance: from documents of their own shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from defusedxml import ElementTree

from audits.charts import THEMES, Chart, to_svg
from audits.charts.choices import draw_frontier, draw_losses
from audits.charts.errors import error_charts
from audits.charts.explanation_details import detail_charts
from audits.charts.grids import draw_confusion, draw_heat_map, grid_charts
from audits.charts.scores import score_charts

GROUP: dict[str, Any] = {"n": 40, "below_minimum_size": False, "intervals": {"auc": {"low": 0.7, "high": 0.9}}}
CURVE = [
    {"low": 0.0, "high": 0.5, "n": 20, "mean_score": 0.2, "rate": 0.1, "rate_low": 0.05, "rate_high": 0.3},
    {"low": 0.5, "high": 1.0, "n": 20, "mean_score": 0.8, "rate": None, "rate_low": None, "rate_high": None},
]
ROC = [[0.0, 0.0, 1.0], [0.2, 0.7, 0.5], [1.0, 1.0, 0.0]]


def group(features: dict[str, str], **more: Any) -> dict[str, Any]:
    return GROUP | {"group": features, "population": str(features)} | more


def check(chart: Chart) -> None:
    assert chart.alt_text.endswith(".")
    assert {len(row) for row in chart.table_rows} == {len(chart.table_header)}
    json.dumps(chart.spec, allow_nan=False)
    ElementTree.fromstring(to_svg(chart.spec, alt_text=chart.alt_text))


def test_reliability_and_roc_are_drawn_for_single_features_only() -> None:
    scored = {"reliability": CURVE, "roc": ROC, "auc": 0.8, "calibration_error": 0.1}
    single = {"sensitive": ["sex"], "by_group": [group({"sex": sex}, **scored) for sex in ("f", "m")]}
    both = {"sensitive": ["sex", "age"], "by_group": [group({"sex": "f", "age": "old"}, **scored)]}
    charts = score_charts({"groupings": [single, both]}, "light")
    assert [chart.name for chart in charts] == ["reliability-sex-1", "roc-sex-1"]
    for chart in charts:
        check(chart)
    assert charts[0].table_rows == (
        ("f", "0.2", "20", "10.0 %", "5.0 % to 30.0 %"),
        ("m", "0.2", "20", "10.0 %", "5.0 % to 30.0 %"),
    )
    assert "f: calibration error 0.1." in charts[0].alt_text
    assert charts[1].table_rows[0] == ("f", "40", "0.8", "0.7 to 0.9")


def test_score_charts_show_the_largest_groups_and_say_so() -> None:
    groups = [group({"g": f"g{size:02}"}, n=size, roc=ROC, auc=0.5) for size in range(10)]
    (chart,) = score_charts({"groupings": [{"sensitive": ["g"], "by_group": groups}]}, "light")
    assert [row[0] for row in chart.table_rows] == ["g04", "g05", "g06", "g07", "g08", "g09"]
    assert "Shown are 6 of 10 groups" in chart.alt_text


@pytest.mark.parametrize("theme", list(THEMES))
def test_heat_map_marks_small_groups_and_uses_the_theme_only(theme: Any) -> None:
    groups = [
        group({"sex": sex, "age": age}, selection_rate=rate, below_minimum_size=rate == 0.5)
        for sex, age, rate in (("f", "old", 0.1), ("m", "old", 0.5), ("m", "young", 0.3))
    ]
    chart = draw_heat_map({"sensitive": ["sex", "age"], "by_group": groups}, theme)
    check(chart)
    assert chart.table_rows[1][:4] == ("m", "old", "40", "50.0 %")
    assert "The lowest is 10.0 % (f, old), the highest 50.0 %* (m, old)." in chart.alt_text
    assert "A star marks groups below the minimum size." in chart.alt_text
    colours = set(vars(THEMES[theme]).values())
    field = chart.spec["layer"][0]["encoding"]["color"]["scale"]["range"]
    assert set(field) <= colours


def test_heat_map_of_too_many_names_is_left_to_the_table() -> None:
    groups = [group({"a": f"a{number}", "b": "b"}, selection_rate=0.5) for number in range(13)]
    result = {"groupings": [{"sensitive": ["a", "b"], "by_group": groups}], "overall": {}}
    assert grid_charts(result, "light") == []


def test_confusion_names_the_most_frequent_mistake() -> None:
    result = {"labels": ["low", "high"], "overall": {"confusion_matrix_rows_true_cols_pred": [[8, 2], [5, 5]]}}
    chart = draw_confusion(result, "light")
    check(chart)
    assert chart.table_rows == (("low", "8", "2"), ("high", "5", "5"))
    assert "high taken for low: 5 rows, 50.0 % of that class." in chart.alt_text


def test_errors_of_a_regression_have_two_panels() -> None:
    limits = {"mean_error": {"low": -0.2, "high": 0.4}}
    groups = [group({"sex": sex}, mean_error=0.1, mae=mae, intervals=limits) for sex, mae in (("f", 0.5), ("m", None))]
    result = {"overall": {"mean_error": 0.1, "mae": 0.5}, "groupings": [{"sensitive": ["sex"], "by_group": groups}]}
    (chart,) = error_charts(result, "light")
    check(chart)
    assert chart.table_rows[0] == ("f", "40", "0.1", "-0.2 to 0.4", "0.5", "")
    assert "The largest mean absolute error is 0.5 (f)." in chart.alt_text
    assert len(chart.spec["hconcat"]) == 2
    assert error_charts({"overall": {"accuracy": 1.0}, "groupings": []}, "light") == []


def test_frontier_tells_the_most_accurate_thresholds_that_meet_the_criterion() -> None:
    points = [
        {"rule": "common", "thresholds": 0.5, "accuracy": 0.9, "disparity": 0.3, "meets": False},
        {"rule": "common", "thresholds": 0.7, "accuracy": 0.8, "disparity": 0.1, "meets": True},
        {
            "rule": "per group",
            "thresholds": {"f": 0.4, "m": None},
            "accuracy": 0.85,
            "disparity": 0.05,
            "meets": True,
        },
    ]
    chart = draw_frontier({"frontier": points}, "light")
    check(chart)
    assert "per group thresholds, accuracy 85.0 %, disparity 0.05." in chart.alt_text
    assert chart.table_rows[2] == ("per group: f 0.4, m undefined", "85.0 %", "0.05", "yes")
    none = draw_frontier({"frontier": points[:1]}, "light")
    assert none.alt_text.endswith("no threshold tried meets the criterion.")


def test_losses_are_of_everybody_and_name_the_worst() -> None:
    base = {"metric": "accuracy", "group": None, "n": 50, "value": 0.8, "low": 0.0, "high": 0.2}
    losses = [
        base | {"condition": "blur", "loss": 0.1},
        base | {"condition": "noise", "loss": 0.05},
        base | {"condition": "blur", "loss": 0.3, "group": {"sex": "f"}},
        base | {"condition": "fog", "loss": None},
    ]
    chart = draw_losses({"baseline": "none", "losses": losses}, "light")
    check(chart)
    assert [row[0] for row in chart.table_rows] == ["blur", "noise"]
    assert "The largest is 0.1 (blur)." in chart.alt_text


def test_details_of_an_explanation_are_drawn_where_they_are_there() -> None:
    values = {name: {"mean_abs": size, "low": 0.0, "high": 1.0, "n": 30} for name, size in (("f", 0.4), ("m", 0.1))}
    difference = {"sensitive": "sex", "feature": "age", "values": values, "difference": 0.3, "reason": None}
    result = {
        "importance": [{"feature": "age"}],
        "dependence": [
            {
                "feature": "age",
                "colour_by": "income",
                "points": [[1.0, 0.2, 5.0], [2.0, 0.3, None]],
                "curve": [{"value": 1.5, "mean": 0.25, "low": None, "high": None, "n": 2}],
            }
        ],
        "interactions": [
            {"features": ["age", "income"], "strength": 0.4, "low": None, "high": None, "method": "shares"}
        ],
        "group_differences": [difference | {"low": 0.1, "high": 0.5}],
    }
    charts = detail_charts(result, "light")
    assert [chart.name for chart in charts] == ["dependence-0", "interactions", "groups-0"]
    for chart in charts:
        check(chart)
    assert "Points are shaded by income" in charts[0].alt_text
    assert charts[1].table_rows == (("age and income", "0.4", "", "shares"),)
    assert charts[2].table_rows == (("age", "0.4", "0.1", "0.3", "0.1 to 0.5"),)
    assert "Groups differ beyond their intervals in: age." in charts[2].alt_text
    assert detail_charts({"importance": []}, "light") == []
