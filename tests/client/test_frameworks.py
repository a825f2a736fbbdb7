"""Frameworks through the client: what is asked of the portal, and what is made of its answers."""

from __future__ import annotations

import json
from typing import Any

from countersign import Client
from countersign.types import Model, Version
from tests.client.scripted import Answer, scripted_portal


class Numbered:
    """A thing of which only the id is looked at."""

    def __init__(self, id: int) -> None:
        self.id = id


def version() -> Version:
    thing: Any = Numbered(3)
    made: Version = thing
    return made


def test_answers_are_sent_together_and_read_without_what_was_taken_back() -> None:
    rows = [{"fact": "design.logic", "value": "A tree."}, {"fact": "system.aedt", "value": None}]
    listed = {"results": rows, "next": None, "previous": None}
    with scripted_portal(Answer(201, {}), Answer(body=listed)) as portal, Client(portal.url, "csn_x") as client:
        client.answer_facts(version(), {"design.logic": "A tree.", "system.aedt": None})
        assert client.answered_facts(version()) == {"design.logic": "A tree."}
    assert json.loads(portal.seen[0].body)["answers"] == rows


def test_answer_is_carried_over_and_the_organisation_answers() -> None:
    with scripted_portal(Answer(201, {}), Answer(201, {})) as portal, Client(portal.url, "csn_x") as client:
        client.carry_over_answer(version(), "design.logic")
        client.answer_for_organisation("org.roles", "Owner.")
    assert [seen.path for seen in portal.seen] == [
        "/api/v1/model-versions/3/answers/carry-over",
        "/api/v1/organisation/answers",
    ]


def test_requirements_are_made_from_a_framework() -> None:
    model: Any = Numbered(5)
    given: Model = model
    with scripted_portal(Answer(201, {"results": []})) as portal, Client(portal.url, "csn_x") as client:
        assert client.generate_requirements_from(given, "nyc-ll144") == []
    assert portal.seen[0].path == "/api/v1/models/5/requirements/from-framework"
    assert json.loads(portal.seen[0].body) == {"framework": "nyc-ll144"}
