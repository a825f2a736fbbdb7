from __future__ import annotations

from pathlib import Path
from typing import Any

from audits.bias.audit import run_bias_audit
from audits.counting.cells import Cells
from audits.counting.suppression import suppress_cells
from tests.audits.samples import SPEC, make_cells, write

ROWS = "group,y_true,y_pred\n" + "a,1,1\na,0,0\nb,1,1\nb,1,0\n" * 50 + "b,0,1\n" * 3


def audit(folder: Path, **changes: Any) -> dict[str, Any]:
    """Audit the usual rows under a changed specification."""
    return run_bias_audit(write(folder / "t.csv", ROWS), {**SPEC, **changes})


def test_verdicts_stand_in_the_result_in_the_order_of_the_criteria(tmp_path: Path) -> None:
    criteria = [
        {"metric": "accuracy", "population": "overall", "comparator": "at_least", "threshold": 0.6, "name": "right"},
        {"metric": "tpr", "population": "group=b", "comparator": "at_least", "threshold": 0.8},
        {"metric": "accuracy", "population": "overall", "comparator": "at_least", "threshold": 0.75},
        {"metric": "tpr", "population": "group=c", "comparator": "at_least", "threshold": 0.1},
    ]
    found = audit(tmp_path, criteria=criteria)
    assert [verdict["verdict"] for verdict in found["verdicts"]] == ["met", "not met", "inconclusive", "inconclusive"]
    assert found["verdicts"][0]["name"] == "right"
    assert found["verdicts"][2]["rows_needed"] > 203
    assert "did you mean" in found["verdicts"][3]["reason"]


def test_a_declared_group_without_rows_leaves_comparisons_open_in_measures_and_verdicts(tmp_path: Path) -> None:
    criteria = [
        {"metric": "selection_rate_difference", "population": "by group", "comparator": "at_most", "threshold": 0.9},
        {"metric": "tpr", "population": "group=a", "comparator": "at_least", "threshold": 0.5},
        {"metric": "tpr", "population": "group=x", "comparator": "at_least", "threshold": 0.5},
    ]
    whole = audit(tmp_path, criteria=criteria)
    assert [verdict["verdict"] for verdict in whole["verdicts"]] == ["met", "met", "inconclusive"]
    found = audit(tmp_path, criteria=criteria, declared_groups={"group": ["a", "b", "x"]})
    assert found["absent_groups"] == {"group": ["x"]}
    assert [verdict["verdict"] for verdict in found["verdicts"]] == ["inconclusive", "met", "inconclusive"]
    assert found["verdicts"][2]["reason"] == "the declared group group=x has no rows"
    by_key = {(measure["metric"], measure["population"]): measure for measure in found["measures"]}
    assert by_key["tpr_difference", "by group"]["reason"] == "declared group without rows: group=x"


def test_small_cells_are_left_out_of_what_is_published_and_counted(tmp_path: Path) -> None:
    whole, found = audit(tmp_path), audit(tmp_path, minimum_published_count=5)
    assert [row[3] for row in whole["cells"]["cells"]] == [50, 50, 3, 50, 50]
    assert [row[3] for row in found["cells"]["cells"]] == [50, 50, 50, 50]
    assert found["cells"]["left_out"] == [
        {"reason": "in a cell of fewer than 5 rows, which is not published", "rows": 3}
    ]
    note = next(note for note in found["notes"] if note["code"] == "suppressed_cells")
    assert note["text"].startswith("1 of 5 cells hold fewer than 5 rows")
    assert found["overall"] == whole["overall"]
    assert not any(note["code"] == "suppressed_cells" for note in whole["notes"])
    read = Cells.from_json(found["cells"])
    assert (read.rows_read, read.rows_used) == (203, 200)


def test_suppress_cells_adds_to_rows_left_out_before() -> None:
    cells = make_cells({"a": (9, 1, 2, 3)})
    assert suppress_cells(cells, 1) is cells
    once = suppress_cells(cells, 2)
    assert [cell.count for cell in once.rows] == [3, 2, 9]
    twice = suppress_cells(suppress_cells(once, 2), 4)
    assert sum(part.rows for part in twice.left_out) == 6
    assert twice.rows_used + 6 == cells.rows_used
