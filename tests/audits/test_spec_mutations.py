"""Damaged specifications: refused in one line or answered, never a fault of the program."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audits.cli import main
from audits.errors import BadInput
from audits.spec import check_spec
from tests.audits.samples import write

COLUMNS = {"y_true": "y", "y_pred": "p", "y_score": "s", "weight": "w"}
BINARY: dict[str, Any] = {
    "file": "rows.csv",
    "task": "binary",
    "columns": COLUMNS,
    "positive_label": "1",
    "labels": ["0", "1"],
    "sensitive": ["sex", {"column": "age", "bins": [30, 45]}],
    "missing": "exclude",
    "reference": {"sex": "F"},
    "metrics": ["tpr", "auc", "accuracy"],
    "criteria": [{"metric": "tpr", "population": "sex=F", "comparator": "at_least", "threshold": 0.5}],
    "minimum_group_size": 5,
    "minimum_published_count": 2,
    "intervals": {"draws": 200, "level": 0.9},
    "declared_groups": {"sex": ["F", "M", "X"]},
    "advice": True,
}
SPECS: list[dict[str, Any]] = [
    BINARY,
    {**BINARY, "columns": {**COLUMNS, "condition": "cam", "cluster": "u"}, "baseline_condition": "none"},
    {**BINARY, "proxies": ["zip"]},
    {"file": "rows.csv", "task": "multiclass", "columns": {"y_true": "zip", "y_pred": "p"}, "sensitive": ["sex"]},
    {"file": "rows.csv", "task": "regression", "columns": {"y_true": "s", "y_pred": "w"}, "sensitive": ["sex"]},
    {"file": "rows.csv", "task": "ranking", "columns": {"y_score": "s"}, "sensitive": ["sex"], "top_k": 0.3},
    {
        "file": "rows.csv",
        "task": "scoring",
        "columns": {"y_score": "s", "y_true": "y"},
        "positive_label": "1",
        "sensitive": ["sex"],
        "advice": True,
    },
]
VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 1.5, 1e308, 10**30, "", "x", "sex", "y", "1", "blur", "\x00", "a" * 2000, "\ud800"),
    *(
        [],
        {},
        [[]],
        ["sex"],
        ["sex", "sex"],
        {"column": "age"},
        {"sex": "F"},
        0.5,
        [1, 2],
        "rows.csv",
        ".",
        "file:///x",
    ),
]
ROWS = "id,sex,age,zip,cam,y,p,s,w,u\n" + "".join(
    f"{row},{'FM'[row % 2]},{20 + row % 50},{row % 7},{('none', 'blur')[row // 3 % 2]},{row % 3 % 2},{row % 5 % 2},"
    f"{row * 37 % 100 / 100},{1 + row % 3},{row // 4}\n"
    for row in range(120)
)


def list_places(document: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of everything in a document but the document itself."""
    if place:
        yield place
    parts = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, part in parts:
        yield from list_places(part, (*place, key))


def damage(document: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Return a copy with one thing taken away, replaced or added."""
    found = copy.deepcopy(document)
    place = chance.choice(list(list_places(found)))
    part = found
    for key in place[:-1]:
        part = part[key]
    if chance.random() < 0.25:
        del part[place[-1]]
    elif chance.random() < 0.9 or not isinstance(part, dict):
        part[place[-1]] = chance.choice(VALUES)
    else:
        part[chance.choice(["extra", "y_score", "query", "condition", "top_k"])] = chance.choice(VALUES)
    return found


def test_the_specifications_are_sound() -> None:
    for document in SPECS:
        check_spec(document)


def test_a_damaged_specification_is_checked_without_a_fault() -> None:
    chance = random.Random(1)
    refused = 0
    for _ in range(3_000):
        try:
            check_spec(damage(chance.choice(SPECS), chance))
        except BadInput:
            refused += 1
    assert 1_000 < refused < 3_000


def run_damaged(folder: Path, capsys: pytest.CaptureFixture[str], seed: int, times: int) -> None:
    """Run damaged specifications and look at what is said."""
    chance = random.Random(seed)
    write(folder / "rows.csv", ROWS)
    codes = set()
    for _ in range(times):
        document = damage(chance.choice(SPECS), chance)
        spec = write(folder / "spec.json", json.dumps(document))
        code = main([chance.choice(["bias", "cells"]), str(spec), "--out", str(folder / "out.json")])
        said = capsys.readouterr().err
        assert code in (0, 2), document
        assert "fault of this program" not in said, (said, document)
        assert said.count("\n") == (code == 2), (said, document)
        codes.add(code)
    assert codes == {0, 2}


def test_a_damaged_specification_runs_or_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_damaged(tmp_path, capsys, 2, 25)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 20))
def test_many_damaged_specifications_run_or_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    run_damaged(tmp_path, capsys, seed, 150)
