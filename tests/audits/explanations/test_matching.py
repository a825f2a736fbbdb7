"""Explained rows are matched with the submitted predictions: each once, and with the same output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audits.errors import BadInput
from audits.explanations.explain import run_explanation
from audits.explanations.wishes import check_wishes

ATTRIBUTIONS = "id,base,output,age,debts\n" + "".join(f"r{n},1.0,{1 + n * 0.5},{n * 0.5},0.0\n" for n in range(6))
SPEC: dict[str, Any] = {
    "columns": {"id": "id", "base": "base", "output": "output"},
    "sensitive": ["sex"],
    "prediction_id": "person",
    "prediction_output": "margin",
}


def write_predictions(folder: Path, rows: list[str]) -> Path:
    path = folder / "predictions.csv"
    path.write_text("person,sex,margin\n" + "\n".join(rows) + "\n")
    return path


def explain(folder: Path, rows: list[str], **more: Any) -> dict[str, Any]:
    path = folder / "attributions.csv"
    path.write_text(ATTRIBUTIONS)
    return run_explanation(path, SPEC | more, predictions=write_predictions(folder, rows))


GOOD = [f"r{n},{'fm'[n % 2]},{1 + n * 0.5}" for n in range(9)]


def test_outputs_equal_to_the_submitted_predictions_are_said(tmp_path: Path) -> None:
    document = explain(tmp_path, GOOD)
    assert document["statement"] == (
        "computed by submitter, additivity verified on 6 of 6 rows, "
        "output equal to the submitted prediction on 6 of 6 rows"
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("r4,f,3.5", "the explained output of row 'r4' is 3.0, the submitted prediction 3.5"),
        ("r4,f,high", "row 'r4' has no number, but 'high'"),
        ("r4,f,", "row 'r4' has no number"),
    ],
)
def test_another_models_output_is_refused_by_its_row(tmp_path: Path, changed: str, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        explain(tmp_path, [*GOOD[:4], changed, *GOOD[5:]])
    assert caught.value.column == "margin"


def test_an_explained_row_that_stands_twice_in_the_predictions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="'r2' more than once") as caught:
        explain(tmp_path, [*GOOD, "r2,m,2.0"])
    assert caught.value.column == "person"
    explain(tmp_path, [*GOOD, GOOD[8]])  # r8 is not explained: its repetition changes nothing


def test_a_repeat_cannot_pass_for_the_former_version() -> None:
    importance = {"age": 1.0}
    wishes = check_wishes({"repeats": [{"name": "former version", "importance": importance}]})
    assert wishes.repeats[0].name == "repeat former version"
    with pytest.raises(BadInput, match="given twice"):
        check_wishes({"repeats": [{"seed": 3, "importance": importance}, {"seed": 3, "importance": importance}]})
