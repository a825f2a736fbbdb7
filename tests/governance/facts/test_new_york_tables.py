"""Both worked examples of New York's rule, from rows of people through an audit to the facts of its report.

The race table of the selection example counts other people than its combinations do, so that it is audited by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from governance.facts.fairness import tell_rule
from tests.conftest import compute_here

VECTORS: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "vectors" / "ll144_worked_examples.yaml").read_text(encoding="utf-8")
)
OPTIONS = {"missing": "exclude", "intervals": {"draws": 200, "level": 0.95}, "seed": 7}
SELECTION = {"task": "binary", "columns": {"y_true": "truth", "y_pred": "chosen"}, "positive_label": "1"} | OPTIONS
SCORING = {"task": "scoring", "columns": {"y_score": "chosen"}, "metrics": ["mean_score"]} | OPTIONS


def audit(folder: Path, example: str, table: str, **options: Any) -> dict[str, Any]:
    """The facts of an audit of one person per row: as many of each category chosen as the table says, and those of
    whom nothing is known."""
    counted, spec = ("selected", SELECTION) if example == "selection_example" else ("above_median", SCORING)
    # What is true of them plays no part in the rule; both have to occur.
    lines = ["sex,race,truth,chosen"]
    for row in VECTORS[example]["tables"][table]:
        person = f"{row.get('sex', 'Any')},{row.get('race') or row['category']}"
        lines += [f"{person},{number % 2},{int(number < row[counted])}" for number in range(row["n"])]
    lines += [f",,{number % 2},{number % 2}" for number in range(VECTORS[example]["unknown_left_out"])]
    path = folder / "people.csv"
    path.write_text("\n".join(lines) + "\n")
    features = ["sex", "race"] if table == "intersection" else ["race"]
    return tell_rule(compute_here("bias_audit", {"evidence": path}, spec | {"sensitive": features} | options))


def check_table(found: dict[str, dict[str, Any]], rows: list[dict[str, Any]], names: tuple[str, str, str]) -> None:
    counted, rate, ratio = names
    assert len(found) == len(rows)
    for row in rows:
        part = found[row.get("category") or f"{row['sex']}, {row['race']}"]
        assert part["n"] == row["n"]
        assert part[counted] == row["selected" if counted == "selected" else "above_median"]
        assert part[rate] == pytest.approx(row["rate"], abs=1e-9)
        assert part[ratio] == pytest.approx(row["ratio"], abs=1e-9)


@pytest.mark.parametrize("table", ["intersection", "race"])
def test_selection_example(tmp_path: Path, table: str):
    example = VECTORS["selection_example"]
    facts = audit(tmp_path, "selection_example", table)
    names = ("selected", "selection_rate", "impact_ratio")
    check_table(facts[f"bias_audit.{table}_table"], example["tables"][table], names)
    if table == "intersection":
        check_table(facts["bias_audit.sex_table"], example["tables"]["sex"], names)
    assert facts["bias_audit.unknown_count"] == example["unknown_left_out"]
    assert facts["bias_audit.exclusions"] == []
    check_significance(facts["bias_audit.significance"], table, example["tables"][table])


def check_significance(found: dict[str, Any], table: str, rows: list[dict[str, Any]]) -> None:
    names = {row.get("category") or f"{row['sex']}, {row['race']}": row for row in rows}
    best = next(name for name, row in names.items() if row["ratio"] == 1)
    for name, row in names.items():
        if name != best:
            test = found[f"{table}: {name} against {best}"]
            assert test["z"] == pytest.approx(row["z"], abs=1e-6)
            exact = test["method"] == "fisher exact"
            assert test["p_value"] == pytest.approx(row["p_fisher" if exact else "p_z"], abs=1e-8)
    below = [f"{table}: {name}" for name, row in names.items() if row["ratio"] < 0.8]
    assert [item for item in found["under_four_fifths"] if item.startswith(f"{table}:")] == below


def test_scoring_example(tmp_path: Path):
    example = VECTORS["scoring_example"]
    facts = audit(tmp_path, "scoring_example", "intersection")
    names = ("above_median", "scoring_rate", "impact_ratio_of_scoring_rates")
    for table, rows in example["tables"].items():
        check_table(facts[f"bias_audit.{table}_table"], rows, names)
    assert facts["bias_audit.unknown_count"] == example["unknown_left_out"]


def test_categories_under_two_percent_may_be_left_out(tmp_path: Path):
    """The example keeps them. Whoever leaves them out prints their number and rate, without a ratio."""
    facts = audit(tmp_path, "selection_example", "race", exclude_under_two_percent=True)
    assert facts["bias_audit.exclusions"] == [
        f"race: Native American or Alaska Native, under 2 percent of the rows, n 41, rate {18 / 41}"
    ]
    assert facts["bias_audit.race_table"]["Native American or Alaska Native"]["impact_ratio"] is None


def test_nothing_is_told_of_features_that_the_rule_does_not_know(tmp_path: Path):
    path = tmp_path / "people.csv"
    path.write_text("ward,truth,chosen\n" + "north,1,1\nsouth,0,0\nsouth,1,1\nnorth,0,0\n" * 10)
    assert tell_rule(compute_here("bias_audit", {"evidence": path}, SELECTION | {"sensitive": ["ward"]})) == {}
