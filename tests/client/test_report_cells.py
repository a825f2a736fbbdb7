"""The figures of a report are recomputed from its cells by the definitions, and each one that differs is named."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from audits.bias.audit import run_bias_audit
from countersign.report_cells import Outcome, recompute
from governance.reports.pdf_evidence import attach_cells

SPEC: dict[str, Any] = {
    "task": "binary",
    "columns": {"y_true": "y", "y_pred": "p"},
    "positive_label": "1",
    "sensitive": ["sex"],
    "minimum_group_size": 20,
    "intervals": {"draws": 200},
    "seed": 7,
}
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "two groups": ({}, {}),
    "three groups": ({"sensitive": ["age"]}, {}),
    "two features": ({"sensitive": ["sex", "age"]}, {}),
    "weighted": ({"columns": {"y_true": "y", "y_pred": "p", "weight": "w"}}, {}),
    "another level": ({"intervals": {"draws": 200, "level": 0.9}}, {}),
    "a small group": ({"sensitive": ["age"]}, {"old": "9"}),
    "nobody selected": ({}, {"nobody": "1"}),
}


def write_rows(path: Path, drawn: random.Random, *, old: int, nobody: bool) -> Path:
    lines = ["sex,age,y,p,w"]
    for number in range(600):
        sex, age = drawn.choice("fm"), "old" if number < old else drawn.choice(("young", "middle"))
        label = int(drawn.random() < 0.4)
        said = 0 if nobody and sex == "f" else int(drawn.random() < (0.7 if label else 0.2))
        lines.append(f"{sex},{age},{label},{said},{drawn.choice((0.5, 1.0, 2.25))}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(params=SETTINGS)
def audited(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """(name, cells as a report carries them, the published result)."""
    changes, data = SETTINGS[request.param]
    path = write_rows(tmp_path / "a.csv", random.Random(3), old=int(data.get("old", "150")), nobody="nobody" in data)
    result = json.loads(json.dumps(run_bias_audit(path, SPEC | changes)))
    carried = attach_cells(1, result)
    return (
        request.param,
        json.loads(carried.content),
        {"measures": result["measures"], "groupings": result["groupings"]},
    )


def test_every_number_with_a_closed_form_agrees(audited):
    name, cells, result = audited
    outcome = recompute(cells, result)
    assert outcome.differ == []
    assert outcome.agree > {"a small group": 60, "three groups": 130}.get(name, 110), outcome
    assert outcome.left < (2 if name == "a small group" else 1.2) * outcome.agree


def test_small_groups_are_named_and_not_counted(audited):
    name, cells, _result = audited
    withheld = [group for grouping in cells["groupings"] for group in grouping["withheld"]]
    assert (withheld == [{"age": "old"}]) == (name == "a small group")
    smallest = min(
        sum(row[2] for row in group["cells"]) for grouping in cells["groupings"] for group in grouping["groups"]
    )
    assert smallest >= cells["minimum_group_size"]


def test_each_changed_number_is_named(audited):
    _name, cells, result = audited
    draw = random.Random(5)
    known = [
        place
        for place, measure in enumerate(result["measures"])
        if measure["value"] is not None and measure["metric"] in ("tpr", "selection_rate", "n", "accuracy_difference")
    ]
    for place in draw.sample(known, 5):
        changed = copy.deepcopy(result)
        changed["measures"][place]["value"] += 0.001
        measure = changed["measures"][place]
        outcome = recompute(cells, changed)
        if outcome.left and not outcome.differ:  # of a grouping with a withheld group
            assert measure["population"].startswith("by ") or measure["population"] == "age=old"
            continue
        assert [text.split(":")[0] for text in outcome.differ] == [f"{measure['metric']} of {measure['population']}"]


def test_each_changed_cell_is_noticed(audited):
    _name, cells, result = audited
    changed = copy.deepcopy(cells)
    for column in (2, 3):
        changed["overall"][0][column] += 1
    assert recompute(changed, result).differ != []


def test_cells_of_another_kind_are_left_alone(audited):
    _name, cells, result = audited
    outcome = recompute(cells | {"classes": ["a", "b", "c"]}, result)
    assert outcome == Outcome(0, [], 3 * len(result["measures"]))
