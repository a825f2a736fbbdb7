"""Charts of a data-quality profile: their words, their tables, and that they draw."""

from __future__ import annotations

import json
from typing import Any

import pytest
from defusedxml import ElementTree

from audits.charts import CHARTS, THEMES, to_svg
from audits.charts.quality import quality_charts
from tests.audits.quality.samples import profile_text


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    rows = "f,30,1\nf,,0\nm,41,1\nm,x,0\n" * 20
    return profile_text(
        tmp_path_factory.mktemp("charts"),
        f"sex,age,y\n{rows}",
        label="y",
        sensitive=["sex"],
        population={"sex": {"f": 0.6, "m": 0.4}},
        columns={"age": {"type": "integer"}},
        expectations=[
            {"metric": "completeness", "population": "column=age", "comparator": "at_least", "threshold": 0.9},
            {"metric": "validity", "population": "overall", "comparator": "at_least", "threshold": 0.5},
        ],
    )


def test_charts_have_words_and_tables(profile):
    charts = {chart.name: chart for chart in quality_charts(profile)}
    assert list(charts) == ["dimensions", "completeness", "classes", "representation-0"]
    for chart in charts.values():
        assert chart.alt_text.endswith(".")
        assert {len(row) for row in chart.table_rows} == {len(chart.table_header)}
        json.dumps(chart.spec, allow_nan=False)
    assert charts["completeness"].table_rows == (("age", "60", "20", "75.0 %", "at least 90.0 %"),)
    assert "2 of 3 columns have a value in every row" in charts["completeness"].alt_text
    assert charts["representation-0"].table_rows[0][:5] == ("f", "40", "50.0 %", "60.0 %", "0.8333")
    assert ("Validity", "66.7 %", "40", "60", "exact", "at least 50.0 %") in charts["dimensions"].table_rows
    assert CHARTS["data_quality"] is quality_charts


@pytest.mark.parametrize("theme", list(THEMES))
def test_charts_draw_in_every_theme(profile, theme):
    for chart in quality_charts(profile, theme):
        svg = to_svg(chart.spec, alt_text=chart.alt_text, name=chart.name)
        ElementTree.fromstring(svg)
        assert "NaN" not in svg


def test_hostile_names_stay_words(tmp_path):
    name = "<script>alert(1)</script>\u202e"
    result = profile_text(tmp_path, f'"{name}",b\n,1\n2,1\n')
    (chart,) = [chart for chart in quality_charts(result) if chart.name == "completeness"]
    assert "\u202e" not in chart.table_rows[0][0]
    assert "<script>" not in to_svg(chart.spec, alt_text=chart.alt_text)
