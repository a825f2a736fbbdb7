"""Frameworks through the client: what is asked of the portal, and what is made of its answers."""

from __future__ import annotations

import json
from typing import Any

from countersign import Client
from countersign.types import Model, Version
from tests.client.scripted import Answer, scripted_portal

ANSWER = {
    "id": 7,
    "version": 3,
    "fact": "design.logic",
    "value": "A tree.",
    "artefact": "",
    "answered_by": {"id": 1, "username": "cleo", "full_name": "Cleo Marsh"},
    "answered_at": "2026-11-24T12:00:00Z",
    "log_index": 12,
}
COVERAGE = {
    "framework": "house-rules",
    "title": "House rules",
    "edition": "First",
    "applies": None,
    "undecided": ["system.aedt"],
    "counts": {"missing": 2},
    "controls": None,
}


class Numbered:
    """A thing of which only the id is looked at."""

    def __init__(self, id: int) -> None:
        self.id = id


def version() -> Version:
    thing: Any = Numbered(3)
    made: Version = thing
    return made


def test_coverage_is_asked_for_one_framework() -> None:
    with scripted_portal(Answer(body={"frameworks": [COVERAGE]})) as portal, Client(portal.url, "csn_x") as client:
        (found,) = client.coverage(version(), framework="house-rules")
    assert portal.seen[0].path == "/api/v1/model-versions/3/coverage?framework=house-rules"
    assert (found.applies, found.undecided, found.counts) == (None, ("system.aedt",), {"missing": 2})


def test_answers_are_sent_together() -> None:
    with scripted_portal(Answer(201, {"answers": [ANSWER]})) as portal, Client(portal.url, "csn_x") as client:
        (made,) = client.record_answers(version(), {"design.logic": "A tree.", "system.aedt": None})
    sent = json.loads(portal.seen[0].body)["answers"]
    assert [(item["fact"], item["value"], item["evidence"]) for item in sent] == [
        ("design.logic", "A tree.", None),
        ("system.aedt", None, None),
    ]
    assert (made.value, made.answered_by.full_name, made.log_index) == ("A tree.", "Cleo Marsh", 12)


def test_requirements_are_made_from_a_framework() -> None:
    model: Any = Numbered(5)
    given: Model = model
    with scripted_portal(Answer(201, {"results": []})) as portal, Client(portal.url, "csn_x") as client:
        assert client.generate_requirements_from(given, "nyc-ll144") == []
    assert portal.seen[0].path == "/api/v1/models/5/requirements/from-framework"
    assert json.loads(portal.seen[0].body) == {"framework": "nyc-ll144"}
