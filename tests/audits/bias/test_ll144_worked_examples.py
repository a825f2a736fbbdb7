"""Every number of both worked examples of New York's rule (6 RCNY 5-301), table by table.

The vectors say where the printed examples are odd: ratios come from unrounded rates, and one printed rate is rounded
down. ``tests/vectors/ll144_worked_examples.yaml`` holds them with their sources.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from audits.bias.audit import bias_audit, run_bias_audit
from audits.bias.significance import fisher_exact, normal_tail, pooled_z
from tests.audits.samples import make_cells, write

VECTORS = yaml.safe_load((Path(__file__).parents[2] / "vectors" / "ll144_worked_examples.yaml").read_text())
TABLES = ("sex", "race", "intersection")
# The example prints 64.2 % for 18 of 28, which is 64.29 %.
ROUNDED_DOWN = {("scoring_example", "race", "Hispanic or Latino")}


def name_of(row: dict[str, Any]) -> str:
    return str(row.get("category") or f"{row['race']} {row['sex']}")


def rows_of(example: str, table: str) -> dict[str, dict[str, Any]]:
    return {name_of(row): row for row in VECTORS[example]["tables"][table]}


def check_printed(example: str, table: str, row: dict[str, Any], rate: float, ratio: float) -> None:
    """The example prints some columns with fewer digits than others."""
    digits = len(row["printed_rate"].rstrip("%").partition(".")[2])
    if (example, table, name_of(row)) not in ROUNDED_DOWN:
        assert f"{100 * rate:.{digits}f}%" == row["printed_rate"]
    digits = len(row["printed_ratio"].partition(".")[2])
    assert f"{ratio:.{digits}f}" == row["printed_ratio"]


@pytest.mark.parametrize("table", TABLES)
def test_selection_example(table: str) -> None:
    rows = rows_of("selection_example", table)
    counts = {name: (row["selected"], 0, 0, row["n"] - row["selected"]) for name, row in rows.items()}
    found = {item.group[0]: item for item in bias_audit(make_cells(counts), draws=200).groupings[0].impact_ratios}
    assert set(found) == set(rows)
    for name, row in rows.items():
        rate, ratio = found[name].selection_rate, found[name].estimate.value
        assert rate == pytest.approx(row["rate"], abs=1e-9)
        assert ratio == pytest.approx(row["ratio"], abs=1e-9)
        assert found[name].share_of_rows == pytest.approx(row["share"], abs=1e-6)
        assert rate is not None
        assert ratio is not None
        check_printed("selection_example", table, row, rate, ratio)


@pytest.mark.parametrize("table", TABLES)
def test_scoring_example(table: str, tmp_path: Path) -> None:
    rows = rows_of("scoring_example", table)
    lines = ["category,score"]
    for name, row in rows.items():
        lines += [f"{name},{2 if number < row['above_median'] else 1}" for number in range(row["n"])]
    spec = {"task": "scoring", "columns": {"y_score": "score"}, "sensitive": ["category"], "metrics": ["mean_score"]}
    found = run_bias_audit(write(tmp_path / "scores.csv", "\n".join(lines) + "\n"), spec)
    by_name = {entry["group"]["category"]: entry for entry in found["scoring"]["groups"]}
    assert set(by_name) == set(rows)
    for name, row in rows.items():
        entry = by_name[name]
        assert (entry["n"], entry["above_median"]) == (row["n"], row["above_median"])
        assert entry["scoring_rate"] == pytest.approx(row["rate"], abs=1e-9)
        assert entry["impact_ratio"] == pytest.approx(row["ratio"], abs=1e-9)
        check_printed("scoring_example", table, row, entry["scoring_rate"], entry["impact_ratio"])


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("example", ["selection_example", "scoring_example"])
def test_significance_against_the_best_category(example: str, table: str) -> None:
    rows = rows_of(example, table)
    counted = "selected" if example == "selection_example" else "above_median"
    best = max(rows.values(), key=lambda row: row["rate"])
    judged = [row for row in rows.values() if "z" in row]
    assert len(judged) >= len(rows) - 2
    for row in judged:
        pair = (row[counted], row["n"], best[counted], best["n"])
        found = pooled_z(*pair)
        assert found == pytest.approx(row["z"], abs=1e-6)
        assert normal_tail(found or 0.0) == pytest.approx(row["p_z"], abs=1e-8)
        assert fisher_exact(*pair) == pytest.approx(row["p_fisher"], abs=1e-8)


def test_totals_are_those_of_the_examples() -> None:
    for example, counted in (("selection_example", "selected"), ("scoring_example", "above_median")):
        for table in TABLES:
            rows = rows_of(example, table).values()
            totals = [sum(row["n"] for row in rows), sum(row[counted] for row in rows)]
            assert totals == VECTORS[example]["totals"][table]
