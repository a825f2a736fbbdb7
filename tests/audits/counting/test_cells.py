from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.bias.audit import bias_audit
from audits.counting.cells import Cell, Cells, LeftOut, sum_cells
from audits.errors import BadInput
from tests.audits.samples import SIX_ROWS, find_devset, needs_devset, reduce_file, reduce_text, write_rows

# Weights are eighths, so that every sum is exact whatever the order.
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["x", "y"]),
        st.sampled_from(["0", "1"]),
        st.sampled_from(["0", "1"]),
        st.integers(0, 40).map(lambda eighths: str(eighths / 8)),
        st.sampled_from(["0.25", "0.5", "0.75"]),
    ),
    min_size=1,
    max_size=40,
)
SPEC: dict[str, Any] = {
    "task": "binary",
    "columns": {"y_true": "y", "y_pred": "p", "weight": "w", "y_score": "s"},
    "positive_label": "1",
    "labels": ["0", "1"],
    "sensitive": ["g", "h"],
}
HEADER = "g,h,y,p,w,s"


def reduce_rows(folder: Path, rows: list[tuple[str, ...]]) -> Cells:
    """Reduce rows, with one row of weight in front so that not all weights are 0."""
    return reduce_file(write_rows(folder, [("a", "x", "1", "1", "1", "0.5"), *rows], HEADER), SPEC)


def count_by_hand(rows: list[tuple[str, ...]]) -> tuple[Cell, ...]:
    """Make one cell per row and add them up."""
    return sum_cells(
        Cell((g, h), int(y), int(p), 1, float(w), float(w) ** 2)
        for g, h, y, p, w, _ in [("a", "x", "1", "1", "1", "0.5"), *rows]
    )


@settings(max_examples=15, deadline=None)
@given(rows=ROWS)
def test_reduced_rows_equal_rows_counted_by_hand(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    assert reduce_rows(tmp_path_factory.mktemp("t"), rows).rows == count_by_hand(rows)


@settings(max_examples=15, deadline=None)
@given(rows=ROWS, seed=st.integers())
def test_cells_do_not_depend_on_the_order_of_rows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], seed: int
) -> None:
    mixed = random.Random(seed).sample(rows, len(rows))
    first = reduce_rows(tmp_path_factory.mktemp("t"), rows)
    second = reduce_rows(tmp_path_factory.mktemp("t"), mixed)
    assert first.to_json() == second.to_json()
    assert list_scores(first) == list_scores(second)


def list_scores(cells: Cells) -> list[list[float]]:
    """Return the score counts as plain lists."""
    assert cells.scores is not None
    scores = cells.scores
    columns = (scores.group, scores.label, scores.score, scores.count, scores.weight)
    return [list(scores.groups), *(column.tolist() for column in columns)]


@settings(max_examples=15, deadline=None)
@given(first=ROWS, second=ROWS, third=ROWS)
def test_merge_is_associative_commutative_and_equals_one_file(
    tmp_path_factory: pytest.TempPathFactory,
    first: list[tuple[str, ...]],
    second: list[tuple[str, ...]],
    third: list[tuple[str, ...]],
) -> None:
    a, b, c = (reduce_rows(tmp_path_factory.mktemp("t"), rows) for rows in (first, second, third))
    left, right = a.merge(b).merge(c), a.merge(b.merge(c))
    assert left.to_json() == right.to_json() == c.merge(a).merge(b).to_json()
    assert list_scores(left) == list_scores(right)
    heads = [("a", "x", "1", "1", "1", "0.5")] * 2
    whole = reduce_rows(tmp_path_factory.mktemp("t"), [*heads, *first, *second, *third])
    assert left.to_json() == whole.to_json()
    assert list_scores(left) == list_scores(whole)


def test_merge_refuses_different_features(tmp_path: Path) -> None:
    cells = reduce_text(tmp_path, SIX_ROWS)
    other = Cells(("sex",), "1", cells.rows, weighted=False, rows_read=6)
    with pytest.raises(BadInput, match="differ in sensitive_features"):
        cells.merge(other)


def test_merge_adds_what_was_left_out() -> None:
    part = Cells(("g",), "1", (Cell(("a",), 1, 1, 2, 2.0, 2.0),), False, 5, 3, (LeftOut("missing", 3),))
    both = part.merge(part)
    assert (both.rows_read, both.rows_missing, both.rows_used) == (10, 6, 4)
    assert both.left_out == (LeftOut("missing", 6),)


@needs_devset
def test_an_auditor_recomputes_the_audit_from_the_cells_alone() -> None:
    spec = {
        "task": "binary",
        "columns": {"y_true": "y_true", "y_pred": "y_pred", "weight": "fnlwgt"},
        "positive_label": "1",
        "sensitive": ["sex", "race"],
    }
    cells = reduce_file(find_devset() / "predictions/adult.csv", spec)
    copy = Cells.from_json(json.loads(json.dumps(cells.to_json())))
    assert copy == cells
    assert bias_audit(copy) == bias_audit(cells)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, "not a cells document"),
        ({"cells": [[["a"], 1, 1, 0, 0.0, 0.0]]}, "a count must be"),
        ({"cells": [[["a", "b"], 1, 1, 1, 1.0, 1.0]]}, "a group must list 1 values"),
        ({"cells": [[["a"], 2, 1, 1, 1.0, 1.0]]}, "must be 0 to 1"),
        ({"cells": [[["a"], 1, 1, 1, float("nan"), 1.0]]}, "weights must be finite"),
        ({"cells": [[["a"], 1, 1]]}, "must list group, label"),
        ({"cells": None}, "cells must be a list"),
        ({"cells": []}, "0 rows are in the cells"),
        ({"cells": [[["\ud800"], 1, 1, 1, 1.0, 1.0]]}, "a character that is no text"),
        ({"cells": [[["a"], 1, 1, 2**63, 2.0**63, 2.0**63]]}, "from 1 to 9,007,199,254,740,991"),
        ({"cells": [[["a"], 1, y, 2**52, 2.0**52, 2.0**52] for y in (0, 1)], "rows_read": 7}, "more than 9,007,199"),
        ({"cells": [[["a"], 1, 1, 6, 6.0, 6.0]] * 2}, "the same combination as one before it"),
        ({"cells": [[["a"], 1, 1, 6, 6.0, 1e-9]]}, "must equal the count of 6"),
        ({"cells": [[["a"], 1, 1, 6, 9.0, 6.0]]}, "must equal the count of 6"),
        ({"rows_read": 3}, "rows_read is 3, but 6 rows are in the cells and 0 left out"),
        ({"rows_read": 10**6}, "rows_read is 1,000,000, but 6 rows"),
        ({"rows_read": 10**4000}, "a count must be a whole number"),
        ({"rows_missing": 7}, "rows_missing is above"),
        ({"left_out": "x"}, 'list of objects with "reason" and "rows"'),
        ({"left_out": [{"reason": "lost"}]}, 'object with "reason" and "rows"'),
        ({"weighted": 1}, "weighted must be true or false"),
        ({"positive_label": 1}, "positive_label must be a text"),
        ({"sensitive_features": ["a", "a"]}, "listed twice"),
    ],
)
def test_from_json_refuses_damaged_documents(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    document = {**reduce_text(tmp_path, SIX_ROWS).to_json(), **change}
    with pytest.raises(BadInput, match=words):
        Cells.from_json(document)


@pytest.mark.parametrize(
    ("count", "weight", "squared"),
    [
        (8, 8.0, 1e-9),  # an effective number of rows in the milliards
        (8, 8.0, 7.9),
        (8, 8.0, 65.0),  # more than all the weight on one row
        (8, 0.0, 1.0),
        (8, 8.0, 0.0),
    ],
)
def test_weights_that_no_rows_can_have_are_refused(count: int, weight: float, squared: float) -> None:
    def document(weight: float, squared: float) -> dict[str, Any]:
        other = Cell(("b",), 0, 0, 1, 1.0, 1.0)
        rows = (Cell(("a",), 1, 1, count, weight, squared), other)
        return Cells(("g",), "1", rows, weighted=True, rows_read=count + 1).to_json()

    with pytest.raises(BadInput, match=r"no 8 rows have weights|must both be 0"):
        Cells.from_json(document(weight, squared))
    for honest in ((8.0, 8.0), (8.0, 64.0), (0.8, 0.1), (0.0, 0.0)):
        assert Cells.from_json(document(*honest)).rows[0].weight == honest[0]
    other = Cell(("b",), 0, 0, 1, 0.0, 0.0)
    with pytest.raises(BadInput, match="all weights are zero"):
        Cells.from_json(Cells(("g",), "1", (other,), weighted=True, rows_read=1).to_json())


def test_missing_values_are_left_out_or_a_group(tmp_path: Path) -> None:
    content = "group,y_true,y_pred\na,1,1\n,0,1\n,1,1\n"
    out = reduce_text(tmp_path, content, missing="exclude")
    assert [cell.group for cell in out.rows] == [("a",)]
    assert (out.rows_read, out.rows_used, out.rows_missing) == (3, 1, 2)
    assert out.left_out == (LeftOut("a sensitive value is missing", 2),)
    own = reduce_text(tmp_path, content, missing="own_group")
    assert [(cell.group, cell.count) for cell in own.rows] == [
        (("(missing)",), 1),
        (("(missing)",), 1),
        (("a",), 1),
    ]
    assert (own.rows_read, own.rows_used, own.rows_missing, own.left_out) == (3, 3, 2, ())


def test_a_value_may_not_pass_for_a_missing_one(tmp_path: Path) -> None:
    content = "group,y_true,y_pred\n(missing),1,1\n,0,1\n"
    with pytest.raises(BadInput, match="rename one") as caught:
        reduce_text(tmp_path, content, missing="own_group")
    assert caught.value.column == "group"


def test_every_row_missing_leaves_nothing_to_audit(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing is left to audit"):
        reduce_text(tmp_path, "group,y_true,y_pred\n,1,1\n,0,1\n", missing="exclude")


def test_cells_of_the_former_format_are_read(tmp_path: Path) -> None:
    cells = reduce_text(tmp_path, SIX_ROWS)
    document = {key: value for key, value in cells.to_json().items() if key not in ("task", "classes", "condition")}
    copy = Cells.from_json({**document, "format": "countersign/cells/1"})
    assert (copy.rows, copy.task, copy.classes) == (cells.rows, "binary", ("not 1", "1"))


def test_parts_agree_on_their_labels_or_are_refused(tmp_path: Path) -> None:
    header = "group,y_true,y_pred\n"
    alone, both = (reduce_text(tmp_path, header + rows) for rows in ("a,1,1\n", "a,1,0\nb,0,0\n"))
    assert alone.classes == ("not 1", "1")
    assert alone.merge(both).classes == both.merge(alone).classes == ("0", "1")
    with pytest.raises(BadInput, match=r"negative label \('0', 'no'\)"):
        both.merge(reduce_text(tmp_path, header + "a,1,no\n"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"groups": [["b"], ["a"]]}, "sorted and differ"),
        ({"groups": [["a", "x"]]}, "a group must list 1 values"),
        ({"resolution": -1}, "resolution must be"),
        ({"rows": [[2, 0, 0.5, 1, 1.0, 1.0]]}, "out of bounds"),
        ({"rows": [[0, 0, float("nan"), 1, 1.0, 1.0]]}, "must be finite"),
        ({"rows": [[0, 0, 0.5, 1.5, 1.0, 1.0]]}, "must be whole numbers"),
        ({"rows": [[0, 0, 0.5, 1]]}, "damaged"),
        ({"rows": []}, "not those of the rows in the cells"),
        ({"rows": [[0, 0, 0.5, 5, 5.0, 5.0]]}, "not those of the rows in the cells"),
        ({"rows": [[0, 0, 0.5, 5, 5.0, 1e-6]]}, "must equal the count of 5"),
    ],
)
def test_scores_of_a_damaged_document_are_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    columns = {"y_true": "y_true", "y_pred": "y_pred", "y_score": "y_score"}
    document = reduce_text(tmp_path, SIX_ROWS, columns=columns).to_json(scores=True)
    assert "scores" not in reduce_text(tmp_path, SIX_ROWS, columns=columns).to_json()
    with pytest.raises(BadInput, match=words):
        Cells.from_json({**document, "scores": {**document["scores"], **change}})


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("count", 9.0, "not those of the rows in the cells"),
        ("weight_squared", 0.0, "not those of the rows in the cells"),  # it was a division by zero once
        ("e4", 0.0, "no errors have the sums e2 and e4"),
        ("e2", 0.0, "no errors have the sums e1 and e2"),
        ("u4", 0.0, "no errors have the sums u2 and u4"),
    ],
)
def test_errors_that_no_rows_can_have_are_refused(tmp_path: Path, column: str, value: float, words: str) -> None:
    """Smaller moments would make the intervals of a regression narrower than the rows allow."""
    rows = "".join(f"a,{row % 5}.5,{row % 3}.25\n" for row in range(30))
    spec = {"task": "regression", "columns": {"y_true": "y_true", "y_pred": "y_pred"}, "sensitive": ["group"]}
    path = tmp_path / "rows.csv"
    path.write_text(f"group,y_true,y_pred\n{rows}")
    document = reduce_file(path, spec).to_json()
    assert Cells.from_json(document).errors is not None
    errors = document["errors"]
    errors["groups"][0][errors["columns"].index(column)] = value
    with pytest.raises(BadInput, match=words):
        Cells.from_json(document)
