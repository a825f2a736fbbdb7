"""Edits that may collide name what they saw."""

from __future__ import annotations

from typing import Any

import pytest

from governance.models import AuditLogEntry, RegisteredModel, User
from tests.cast import ANSWERS
from tests.portal.api.calling import answered, as_person, refused

CRITERION = {"metric": "recall", "comparator": "at_least", "threshold": "0.5"}
EDITS: list[tuple[str, str, dict[str, Any], str]] = [
    ("PATCH", "models/{model}", {"description": "New."}, "models/{model}"),
    (
        "PUT",
        "models/{model}/risk-tier",
        {"questionnaire": "general", "answers": ANSWERS["low"], "rationale": "Small."},
        "models/{model}",
    ),
    ("PUT", "requirements/{requirement}", {"title": "t", "statement": "s"}, "requirements/{requirement}"),
    (
        "PUT",
        "models/{model}/proof-of-concept",
        {"problem_statement": "p", "success_criteria": [CRITERION | {"statement": "s"}]},
        "models/{model}/proof-of-concept",
    ),
    (
        "PUT",
        "projects/{project}/templates/high",
        {"text": "- {title: a, statement: b}"},
        "projects/{project}/templates/high",
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "read"), EDITS, ids=[path for _, path, _, _ in EDITS])
def test_an_edit_from_an_older_reading_is_refused(
    method: str,
    path: str,
    body: dict[str, Any],
    read: str,
    model_with_go: RegisteredModel,
    developer: User,
    compliance: User,
) -> None:
    ids = {"model": model_with_go.pk, "project": model_with_go.project_id}
    ids["requirement"] = model_with_go.requirements.earliest("pk").pk
    person = as_person(compliance if "templates" in path else developer)
    seen = person.get(read.format(**ids)).headers["ETag"]
    edited = person.send(method, path.format(**ids), body, if_match=seen)
    answered(edited)
    assert edited.headers["ETag"] == f'"{int(seen.strip(chr(34))) + 1}"'
    entries = AuditLogEntry.objects.count()
    refused(person.send(method, path.format(**ids), body, if_match=seen), 412, "stale_reading")
    refused(person.send(method, path.format(**ids), body, if_match=f"W/{edited.headers['ETag']}"), 412, "stale_reading")
    refused(person.send(method, path.format(**ids), body, if_match="3"), 400, "malformed_body")
    assert AuditLogEntry.objects.count() == entries
    answered(person.send(method, path.format(**ids), body, if_match="*"))
    answered(person.send(method, path.format(**ids), body))
