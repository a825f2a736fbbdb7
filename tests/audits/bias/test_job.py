from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audits.bias.job import looks_like_cells, run_bias_audit_job
from audits.errors import BadInput
from audits.sandbox.jobs import find_job
from tests.audits.samples import SPEC, reduce_file, write

ROWS = "group,y_true,y_pred\n" + "a,1,1\na,0,0\nb,1,1\nb,1,0\n" * 20


def tell(share: float, step: str) -> None:
    """Hear of progress."""


def run(spec: dict[str, Any], **paths: Path) -> dict[str, Any]:
    """Run the job that the sandbox knows."""
    assert find_job("bias_audit") is run_bias_audit_job
    return run_bias_audit_job(paths, spec, tell)


def test_counted_cells_give_what_the_rows_give(tmp_path: Path) -> None:
    rows = write(tmp_path / "rows", ROWS)
    cells = write(tmp_path / "cells", json.dumps(reduce_file(rows, SPEC).to_json(scores=True)))
    assert (looks_like_cells(cells), looks_like_cells(rows)) == (True, False)
    first, second = run(SPEC, evidence=rows), run(SPEC, evidence=cells)
    assert first["measures"] == second["measures"]
    assert second["passport"]["input"]["kind"] == "cells"
    assert second["notes"][0]["code"] == "counted_elsewhere"
    assert "counted by the submitter" in second["notes"][0]["text"]
    assert "counted_elsewhere" not in {note["code"] for note in first["notes"]}


def test_sensitive_values_may_come_from_another_file(tmp_path: Path) -> None:
    rows = write(tmp_path / "rows", "id,y_true,y_pred\n" + "".join(f"{row},{row % 2},1\n" for row in range(40)))
    people = write(tmp_path / "people", "id,group\n" + "".join(f"{row},{'ab'[row % 2]}\n" for row in range(40)))
    spec = {
        **SPEC,
        "columns": {**SPEC["columns"], "id": "id"},
        "sensitive": [{"column": "group", "from": "sensitive_file"}],
        "sensitive_file": {"id": "id"},
    }
    found = run(spec, evidence=rows, sensitive_file=people)
    assert [group["n"] for group in found["by_group"]] == [20, 20]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"format": "countersign/cells/2"', "the cells document: not JSON at line 1"),
        ('{"format": "countersign/cells/2"}', "is damaged: the key 'sensitive_features' is missing"),
        ('{"format": "countersign/cells/9"}', "not a cells document"),
        (
            '{"format": "countersign/cells/2", "x": ' + "[" * 200_000,
            "the cells document: not usable JSON: it is nested",
        ),
        (
            '{"format": "countersign/cells/2", "rows_read": ' + "9" * 5_000 + "}",
            "a number has more digits than are read",
        ),
        ('{"format": "countersign/cells/2", "format": ""}', "the key 'format' stands twice"),
        ("{}", "not a cells document: it must be a JSON object whose"),
        ("[]", "not a cells document: it must be a JSON object whose"),
    ],
)
def test_damaged_cells_are_refused(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        run(SPEC, evidence=write(tmp_path / "cells", content))


def test_look_alike_groups_of_counted_cells_settle_nothing(tmp_path: Path) -> None:
    document = reduce_file(write(tmp_path / "rows", ROWS), SPEC).to_json()
    document["cells"] += [[["a\u200b"], *cell[1:]] for cell in document["cells"] if cell[0] == ["a"]]
    document["rows_read"] += 40
    criterion = {"metric": "tpr", "population": "group=a", "comparator": "at_least", "threshold": 0.1}
    spec = {**SPEC, "minimum_group_size": 1, "criteria": [criterion, {**criterion, "population": "overall"}]}
    found = run(spec, evidence=write(tmp_path / "cells", json.dumps(document)))
    assert [verdict["verdict"] for verdict in found["verdicts"]] == ["inconclusive", "met"]
    assert "'a' and 'a\\u200b' read alike" in found["verdicts"][0]["reason"]
    assert "look_alike_groups" in {note["code"] for note in found["notes"]}
    of_group = [item for item in found["measures"] if "group" in item["population"]]
    assert all("read alike" in item["reason"] for item in of_group)


def test_cells_of_another_audit_are_refused(tmp_path: Path) -> None:
    cells = write(tmp_path / "cells", json.dumps(reduce_file(write(tmp_path / "rows", ROWS), SPEC).to_json()))
    with pytest.raises(BadInput, match="the specification says 'yes'"):
        run({**SPEC, "positive_label": "yes"}, evidence=cells)
