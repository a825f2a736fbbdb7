"""From what a log entry is about to the page that shows it today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Kind of subject -> what it is called, and the page that shows it (None: it has none of its own).
KINDS: dict[str, tuple[str | Promise, str | None]] = {
    "project": (_("Project"), "pages:project"),
    "template": (_("Requirement template"), None),
    "policy": (_("Promotion policy"), "pages:policy"),
    "user": (_("Person"), None),
    "membership": (_("Role"), None),
    "delegation": (_("Delegation"), None),
    "token": (_("API token"), None),
    "second_factor": (_("Second factor"), None),
    "remark": (_("Remark"), None),
    "question": (_("Question"), None),
    "model": (_("Model"), "pages:model"),
    "version": (_("Model version"), "pages:version"),
    "requirement": (_("Requirement"), None),
    "proof_of_concept": (_("Proof of concept"), None),
    "dataset": (_("Dataset"), "pages:dataset"),
    "dataset_version": (_("Dataset version"), None),
    "source_dataset_version": (_("Dataset version"), None),
    "dataset_use": (_("Dataset use"), None),
    "evidence": (_("Evidence"), "pages:evidence"),
    "evaluation": (_("Evaluation"), "pages:evaluation"),
    "sign_off": (_("Sign-off"), None),
    "condition": (_("Condition"), None),
    "waiver": (_("Waiver"), None),
    "release": (_("Release"), None),
    "emergency": (_("Emergency promotion"), None),
    "follow_up": (_("Finding"), None),
    "report": (_("Report"), "pages:report"),
    "framework": (_("Framework"), "pages:framework"),
    "answer": (_("Answer"), None),
    "control": (_("Ruling on a control"), None),
    "fact": (_("Signature on a record"), None),
    "log_key": (_("Key of the log"), None),
    "log": (_("Audit log"), None),
}


@dataclass(frozen=True)
class LinkedSubject:
    """What an entry is about: its kind in words, its name as it was then, its digest and page where it has them."""

    kind: str | Promise
    label: str
    digest: str
    url: str


def link_subjects(body: dict[str, Any]) -> list[LinkedSubject]:
    """The entry's subject first, then what it mentions. The pages themselves ask who may see them."""
    return [_link(thing) for thing in (body["subject"], *body["related"])]


def _link(thing: dict[str, Any]) -> LinkedSubject:
    kind, page = KINDS.get(thing["kind"], (thing["kind"], None))
    url = reverse(page, args=[thing["id"]]) if page else ""
    return LinkedSubject(kind, thing["label"], thing.get("digest", ""), url)
