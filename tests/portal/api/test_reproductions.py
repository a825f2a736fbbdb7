"""A reproduction through the API: submitted, asked for, read; refused by its field; closed to strangers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from governance import runner
from tests import cast
from tests.portal.api.calling import answered, as_program, refused
from tests.reproductions import make_report, make_run


def describe(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"kind": "reproduction", "title": "Run again", "observed_at": now, "content": make_report(**changes)}


def test_report_is_submitted_compared_and_read(version, developer) -> None:
    program, path = as_program(developer), f"model-versions/{version.pk}"
    cast.submit(version, "metrics", by=developer, content={"metrics": [{"name": "accuracy", "value": 0.95}]})
    evidence = answered(program.post(f"{path}/evidence", describe()), 201)
    assert evidence["content"]["runs"][0]["metrics"] == {"accuracy": 0.948}
    assert evidence["digest"] == evidence["content_digest"]

    asked = {
        "kind": "reproduction",
        "evidence": evidence["id"],
        "spec": {"tolerances": {"accuracy": {"absolute": 0.001}}},
    }
    evaluation = answered(program.post(f"{path}/evaluations", asked), 201)
    runner.run(evaluation["id"])
    done = answered(program.get(f"evaluations/{evaluation['id']}"))

    assert (done["status"], done["result"]["verdict"]) == ("SUCCEEDED", "not reproduced")
    assert done["result"]["metrics"][0]["tolerance"]["declared_by"] == "request"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"runs": []}, "content.runs"),
        ({"runs": [make_run(accuracy=0.9) | {"log_digest": "sha1:0"}]}, "content.runs[0].log_digest"),
        ({"tolerances": {"accuracy": {"absolute": -1}}}, "content.tolerances.accuracy"),
    ],
)
def test_report_is_refused_by_its_field(changes, field, version, developer) -> None:
    told = refused(
        as_program(developer).post(f"model-versions/{version.pk}/evidence", describe(**changes)), 400, "invalid_input"
    )

    assert told["field"] == field


def test_specification_is_refused_before_it_is_queued(version, developer) -> None:
    evidence = cast.submit(version, "reproduction", by=developer, content=make_report())
    asked = {"kind": "reproduction", "evidence": evidence.pk, "spec": {"tolerance": 0.1}}
    told = refused(as_program(developer).post(f"model-versions/{version.pk}/evaluations", asked), 400, "invalid_input")

    assert "tolerance" in told["detail"]


def test_stranger_is_told_nothing(version, developer, stranger) -> None:
    evidence = cast.submit(version, "reproduction", by=developer, content=make_report())
    program, path = as_program(stranger), f"model-versions/{version.pk}"

    refused(program.get(f"evidence/{evidence.pk}"), 404, "not_found")
    refused(program.post(f"{path}/evidence", describe()), 404, "not_found")
    refused(
        program.post(f"{path}/evaluations", {"kind": "reproduction", "evidence": evidence.pk, "spec": {}}),
        404,
        "not_found",
    )
