"""Every case of the developer set through the API: what is answered has the expected numbers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from governance import runner
from governance.models import ModelVersion, User
from tests.audits.bias.test_devset import list_differences
from tests.audits.samples import find_devset, list_cases, needs_devset
from tests.portal.api.calling import answered, as_program


@needs_devset
@pytest.mark.parametrize("case", list_cases(), ids=lambda case: case["case"])
def test_an_audit_through_the_api_has_the_expected_numbers(
    case: dict[str, Any], version: ModelVersion, developer: User
) -> None:
    program = as_program(developer)
    file = find_devset() / case["file"]
    fields = {
        "kind": "predictions",
        "title": case["title"],
        "observed_at": datetime.now(UTC).isoformat(),
        "file": SimpleUploadedFile(file.name, file.read_bytes()),
    }
    evidence = answered(program.upload(f"model-versions/{version.pk}/evidence", fields), 201)
    asked = {"kind": "bias_audit", "evidence": evidence["id"], "spec": case}
    evaluation = answered(program.post(f"model-versions/{version.pk}/evaluations", asked), 201)
    runner.run(evaluation["id"])
    done = answered(program.get(f"evaluations/{evaluation['id']}"))
    assert (done["status"], done["failure"]) == ("SUCCEEDED", "")
    expected = json.loads((find_devset() / "expected" / f"{case['case']}.json").read_text("utf-8"))
    done["result"]["data"]["file"] = case["file"]  # the laboratory never learns the name
    assert list(list_differences(expected, done["result"])) == []
