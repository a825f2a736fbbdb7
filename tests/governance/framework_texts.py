"""Framework texts for tests."""

from __future__ import annotations

from governance.actions.frameworks import load_framework
from governance.actors import COMMAND, Actor
from governance.frameworks.catalogue import shipped_texts
from governance.models import FrameworkEdition, User

SMALL = """\
catalogue: 1
id: "house-rules"
title: "House rules"
edition: "First edition"
issuer: "Northfield Hospital"
kind: internal
force: voluntary
as_of: "2026-11-01"
review_by: "2027-11-01"
groups:
  - {id: use, title: "Use"}
facts:
  private.ethics_vote: {t: text, d: "Vote of the ethics committee"}
controls:
  - id: H-1
    ref: "Rule 1"
    group: use
    level: must
    by: team
    gate: design
    gist: "Say what it is for and how it works."
    needs:
      - {fact: system.intended_purpose, is: filled}
      - {fact: design.logic, is: filled}
    section: R02
  - id: H-2
    ref: "Rule 2"
    group: use
    level: should
    by: org
    gate: review
    gist: "The ethics committee has voted."
    when: {fact: system.special_category_data, op: eq, value: true}
    needs:
      - {fact: private.ethics_vote, is: filled}
    section: R09
"""


def small_framework() -> str:
    return SMALL


def load(text: str) -> FrameworkEdition:
    """Load a text as an operator does."""
    return load_framework(text, actor=Actor(User.objects.system(), COMMAND))


def load_shipped(name: str) -> FrameworkEdition:
    """Load one of the product's frameworks, by its file's name without the ending."""
    return load(shipped_texts()[name])
