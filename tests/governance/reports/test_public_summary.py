"""The public summary of New York's rule: every number of the worked examples as printed, and every gap said."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from django.template.loader import render_to_string

from governance.frameworks.recorded import Recorded, Source, Strength
from governance.reports.public_summary import build_summary

VECTORS = yaml.safe_load((Path(__file__).parents[2] / "vectors" / "ll144_worked_examples.yaml").read_text())
NOW = datetime(2026, 11, 24, tzinfo=UTC)
DOSSIER = SimpleNamespace(
    as_of=NOW,
    digest="sha256:" + "0" * 64,
    model=SimpleNamespace(name="Call centre screening", intended_use="Order applicants."),
    version=SimpleNamespace(number=1),
)


def says(fact: str, value: Any) -> Recorded:
    return Recorded(fact, value, Strength.MACHINE, NOW, ("Mira",), Source("evaluation", 1, "Bias audit 1"))


def record_example(example: str) -> dict[str, Recorded]:
    """The example as the facts of an audit say it."""
    names = (
        ("selected", "selection_rate", "impact_ratio")
        if example == "selection_example"
        else ("above_median", "scoring_rate", "impact_ratio_of_scoring_rates")
    )
    counted = names[0]
    found = {}
    for table, rows in VECTORS[example]["tables"].items():
        value = {
            row.get("category") or f"{row['sex']}, {row['race']}": {
                "n": row["n"],
                names[0]: row[counted],
                names[1]: row["rate"],
                names[2]: row["ratio"],
            }
            for row in rows
        }
        found[f"bias_audit.{table}_table"] = says(f"bias_audit.{table}_table", value)
    found["bias_audit.unknown_count"] = says("bias_audit.unknown_count", VECTORS[example]["unknown_left_out"])
    return found


def render(recorded: dict[str, Recorded]) -> str:
    context = {"language": "en", "dossier": DOSSIER, "summary": build_summary(recorded)}
    return " ".join(render_to_string("reports/public_summary/page.html", context).split())


@pytest.mark.parametrize("example", ["selection_example", "scoring_example"])
def test_every_row_of_the_worked_examples_is_on_the_page(example):
    page = render(record_example(example))
    counted = "selected" if example == "selection_example" else "above_median"
    for rows in VECTORS[example]["tables"].values():
        for row in rows:
            name = row.get("category") or f"{row['sex']}, {row['race']}"
            numbers = (f"{row['n']:,}", f"{row[counted]:,}", f"{100 * row['rate']:.1f} %", f"{row['ratio']:.3f}")
            cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
            assert f'<th scope="row">{name}</th>{cells}' in page
    assert f"unknown</th><td> {VECTORS[example]['unknown_left_out']} " in page.replace("<td>", "<td> ").replace(
        "</td>", " </td>"
    )
    assert "pass mark" in page
    assert "compliant" not in page.lower()


def test_what_the_rule_asks_for_and_nobody_recorded_is_said():
    page = render({})
    assert page.count("Not recorded. The rule asks for it.") == 4
    for table in ("Sex", "Race or ethnicity", "Sex and race or ethnicity together"):
        assert f"No table by {table} is recorded." in page


def test_category_without_a_ratio_is_shown_and_says_so():
    table = {
        "big": {"n": 98, "selected": 0, "selection_rate": 0.0, "impact_ratio": None},
        "none": {"n": 0, "selected": 0, "selection_rate": None, "impact_ratio": None},
    }
    page = render({"bias_audit.sex_table": says("bias_audit.sex_table", table)})
    assert page.count("not available") == 2
    assert '<td class="number">0.0 %</td>' in page
    assert '<td class="number">–</td>' in page


def test_optional_items_are_posted_where_they_are_recorded():
    left_out = "race: Tiny, under 2 percent of the rows, n 19, rate 1.0"
    page = render({"bias_audit.exclusions": says("bias_audit.exclusions", [left_out])})
    assert "Categories under 2 percent left out of the ratios" in page
    assert left_out in page
    assert "Why test data was used" not in page


def test_page_fetches_nothing_and_runs_nothing():
    page = render(record_example("selection_example") | {"bias_audit.date": says("bias_audit.date", "<script>x")})
    for word in ("<script", "src=", "href=", "url(", "@import"):
        assert word not in page
