from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree

from audits.bias.audit import run_bias_audit
from audits.charts import THEMES, bias_charts, explanation_charts, to_svg
from audits.explanations.explain import run_explanation
from tests.audits.samples import write

HOSTILE = "<script>alert(1)</script>\"' ${x} \u202e \x01"


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An audit of two features with a tiny group, an undefined rate and a hostile name."""
    rows = "f,old,1,1\nf,young,0,1\nm,old,1,0\nm,young,1,1\nf,old,0,0\nm,young,0,0\n" * 20
    name = HOSTILE.replace('"', '""')
    content = f'sex,age,y,p\n{rows}"{name}",old,1,0\n'
    spec = {
        "task": "binary",
        "columns": {"y_true": "y", "y_pred": "p"},
        "positive_label": "1",
        "sensitive": ["sex", "age"],
    }
    return run_bias_audit(write(tmp_path_factory.mktemp("charts") / "t.csv", content), spec)


@pytest.fixture(scope="module")
def explanation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An explanation of 40 rows and 12 features, one with a hostile name."""
    names = [f"f{number}" for number in range(11)]
    header = ",".join(["id", "base", "out", *names, "value:f0", '"<b>&"'])
    rows = []
    for row in range(40):
        shap = [(row % 7 - 3) * number / 10 for number in range(11)] + [0.25]
        total = sum(shap) + 0.5
        numbers = [0.5, total, *shap[:11], row, shap[11]]
        rows.append(",".join([f"r{row}", *(repr(float(number)) for number in numbers)]))
    path = write(tmp_path_factory.mktemp("charts") / "s.csv", "\n".join([header, *rows]) + "\n")
    spec = {"columns": {"id": "id", "base": "base", "output": "out"}}
    return run_explanation(path, spec)


def test_bias_charts_come_in_threes_with_words_and_a_table(audit: dict[str, Any]) -> None:
    charts = bias_charts(audit)
    assert [chart.name for chart in charts] == [
        f"{kind}-{features}"
        for features in ("sex-1", "age-1", "sex-age-2")
        for kind in ("rates", "impact", "disparities")
    ]
    for chart in charts:
        assert chart.alt_text.endswith(".")
        assert {len(row) for row in chart.table_rows} == {len(chart.table_header)}
        json.dumps(chart.spec, allow_nan=False)
    rates = charts[0]
    assert rates.table_rows[1][:4] == ("f", "60", "66.7 %", "54.1 % to 77.3 %")
    assert "Hollow dots are groups below the minimum size." in rates.alt_text
    assert charts[1].table_rows[0][-1] in {"yes", "no"}


def test_bias_charts_draw_the_limits_of_criteria(audit: dict[str, Any]) -> None:
    charts = bias_charts(audit, thresholds={"demographic_parity_difference": 0.2})
    chart = next(found for found in charts if found.name == "disparities-age-1")
    assert chart.table_rows[0][-1] == "20.0 %"
    assert "limit 20.0 %" in chart.alt_text
    values = chart.spec["data"]["values"]
    assert [value["limit"] for value in values] == [0.2, None, None, None, None]


@pytest.mark.parametrize("theme", list(THEMES))
def test_charts_draw_in_every_theme_without_script_or_link(
    audit: dict[str, Any], explanation: dict[str, Any], theme: Any
) -> None:
    charts = [*bias_charts(audit, theme)[:3], *explanation_charts(explanation, theme)]
    for chart in charts:
        svg = to_svg(chart.spec, alt_text=chart.alt_text, name=chart.name)
        root = ElementTree.fromstring(svg)
        assert root.get("role") == "img"
        assert root.get("aria-label") == chart.alt_text
        tags = {element.tag.rsplit("}", 1)[-1] for element in root.iter()}
        assert tags <= {"svg", "g", "path", "line", "text", "rect", "defs", "linearGradient", "stop", "clipPath"}
        assert not re.search(r"\bstyle=|NaN|https?://(?!www\.w3\.org/)", svg)
        assert THEMES[theme].soft_ink in svg


def test_ids_in_several_charts_do_not_meet(audit: dict[str, Any], explanation: dict[str, Any]) -> None:
    found: list[str] = []
    for chart in (*bias_charts(audit), *explanation_charts(explanation)):
        svg = to_svg(chart.spec, name=chart.name)
        ids = set(re.findall(r'\bid="([^"]+)"', svg))
        used = set(re.findall(r"url\(#([^)]+)\)", svg))
        assert used <= ids
        found += ids
    assert found
    assert len(found) == len(set(found))


def test_to_svg_fetches_nothing() -> None:
    spec = {"data": {"url": "https://example.org/data.csv"}, "mark": "point", "encoding": {}}
    with pytest.raises(ValueError, match="not allowed|External data|example"):
        to_svg(spec)


def test_explanation_charts_show_importance_swarm_and_rows(explanation: dict[str, Any]) -> None:
    charts = explanation_charts(explanation)
    names = [chart.name for chart in charts]
    assert names == ["importance", "beeswarm", "dependence-0", "local-1", "local-2", "local-3"]
    importance, beeswarm, dependence, local, *_ = charts
    assert sum(int(row[-1]) for row in dependence.table_rows) == 40
    assert importance.table_rows[0][0] == "f10"
    assert len(beeswarm.spec["layer"][1]["data"]["values"]) == 12 * 40
    mark = beeswarm.spec["layer"][1]["mark"]
    assert (mark["opacity"], mark["aria"]) == (1, False)
    steps = [row[0] for row in local.table_rows]
    assert (steps[0], steps[-2], steps[-1]) == ("base value", "2 other features", "output")
    assert local.table_rows[-1][2] == local.table_rows[-2][2]


def test_the_beeswarm_stays_small_and_inside_its_rows(tmp_path: Path) -> None:
    rows = "".join(f"r{number},0,1,1\n" for number in range(500))
    path = write(tmp_path / "s.csv", "id,base,out,a\n" + rows)
    found = run_explanation(path, {"columns": {"id": "id", "base": "base", "output": "out"}})
    points = explanation_charts(found)[1].spec["layer"][1]["data"]["values"]
    assert len(points) == 300
    assert max(abs(point["offset"]) for point in points) < 1
    assert len({point["offset"] for point in points}) == 300


def test_many_groups_are_cut_to_the_largest(tmp_path: Path) -> None:
    rows = "".join(f"g{number:02},1,{step % 2}\n" for number in range(40) for step in range(number + 1))
    spec = {
        "task": "binary",
        "columns": {"y_true": "y", "y_pred": "p"},
        "positive_label": "1",
        "sensitive": ["g"],
        "labels": ["0", "1"],
    }
    found = run_bias_audit(write(tmp_path / "t.csv", "g,y,p\n" + rows), spec)
    chart = bias_charts(found)[0]
    assert [row[0] for row in chart.table_rows] == [f"g{number:02}" for number in range(10, 40)]
    assert "Shown are the 30 largest of 40 groups." in chart.alt_text
