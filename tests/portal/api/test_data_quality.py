"""A data-quality profile through the API: requested with its inputs, computed, read, refused."""

from __future__ import annotations

import json

from governance import runner
from governance.models import Evaluation
from tests import cast
from tests.portal.api.calling import answered, as_program, refused
from tests.quality_data import SHARES, declare_table, find_measure, make_table

SPEC = {
    "key": ["id"],
    "sensitive": ["sex"],
    "population": {"sex": SHARES},
    "expectations": [
        {"metric": "key_uniqueness", "population": "overall", "comparator": "at_least", "threshold": 1},
        {"metric": "leakage", "population": "overall", "comparator": "at_most", "threshold": 0},
    ],
}


def test_profile_is_requested_with_training_data_and_read(version, developer, stranger) -> None:
    table, training = make_table(), make_table(30, 100)
    recorded = declare_table(version, table, by=developer)
    submitted = cast.submit(version, "table", by=developer, file=[table], file_name="t.csv")
    trained = cast.submit(version, "table", by=developer, file=[training], file_name="train.csv")
    body = {
        "kind": "data_quality",
        "evidence": submitted.pk,
        "spec": SPEC,
        "inputs": {"training": trained.pk},
        "dataset_role": "validation",
        "dataset_version": recorded.pk,
    }
    program = as_program(developer)
    made = answered(program.post(f"model-versions/{version.pk}/evaluations", body), 201)
    assert runner.run(made["id"])
    done = answered(program.get(f"evaluations/{made['id']}"))

    assert (done["status"], done["failure"]) == ("SUCCEEDED", "")
    result = done["result"] if isinstance(done["result"], dict) else json.loads(done["result"])
    assert result["binding"]["matches"] is True
    assert find_measure(result, "leakage")["value"] == 20 / 120
    assert [verdict["verdict"] for verdict in result["verdicts"]] == ["met", "not met"]
    assert result["passport"]["further_inputs"]["training"]["sha256"] == trained.digest.removeprefix("sha256:")
    refused(as_program(stranger).get(f"evaluations/{made['id']}"), 404, "not_found")


def test_wrong_specification_is_refused_before_it_is_queued(version, developer) -> None:
    table = make_table()
    recorded = declare_table(version, table, by=developer)
    submitted = cast.submit(version, "table", by=developer, file=[table], file_name="t.csv")
    body = {
        "kind": "data_quality",
        "evidence": submitted.pk,
        "spec": {"columns": {"age": {"type": "int"}}},
        "dataset_role": "validation",
        "dataset_version": recorded.pk,
    }
    problem = refused(
        as_program(developer).post(f"model-versions/{version.pk}/evaluations", body), 400, "invalid_input"
    )

    assert "columns.age.type" in problem["detail"]
    assert Evaluation.objects.count() == 0
