"""Answering whatever the record does not say, as the people who know it would, through the actions."""

from __future__ import annotations

from typing import Any

from governance.actions.answers import record_answer
from governance.actions.rulings import sign_fact
from governance.auditlog import database_now
from governance.facts import digest_fact, is_asked, read_facts_of
from governance.frameworks.catalogue import Framework
from governance.frameworks.conditions import facts_of
from governance.frameworks.vocabulary import FactKind, facts
from tests import cast
from tests.governance.facts.hiring import Hiring

# What a signature is to say, where a framework asks for words of its own.
MEANINGS = {
    "evaluation.report_signed": "responsible for this test report",
    "conformity.declaration": "declaration of conformity",
}


def needed_facts(framework: Framework) -> list[str]:
    """Every fact that the framework reads, by any need or condition."""
    read = set(facts_of(framework.applies_when))
    for control in framework.controls:
        read |= control.facts
    return sorted(read)


def linked_facts(framework: Framework) -> set[str]:
    """The facts of which the framework wants an artefact."""
    return {need.fact for control in framework.controls for need in control.single_needs if need.test == "linked"}


def answer_everything(hiring: Hiring, framework: Framework, situation: dict[str, Any]) -> list[str]:
    """Answer every fact of the framework that the record leaves open; a document is attached where one is wanted.

    Returns the facts that were answered.
    """
    found, linked = read_facts_of(hiring.version), linked_facts(framework)
    answered = []
    for fact in sorted({*needed_facts(framework), *situation}):
        kind = facts()[fact]
        if is_asked(kind, found) or fact in situation:
            _answer(hiring, kind, situation.get(fact), is_linked=fact in linked)
            answered.append(fact)
    return answered


def _answer(hiring: Hiring, kind: FactKind, value: Any, *, is_linked: bool) -> None:
    given = make_value(kind) if value is None else value
    if kind.is_organisation_wide:
        attached = {"document": [b"# Of the house\n"], "file_name": "house.md"} if is_linked else {}
        record_answer(None, fact=kind.id, value=given, actor=cast.acting(hiring.root), **attached)
        return
    shown = hiring.evidence["document"] if is_linked else None
    record_answer(hiring.version, fact=kind.id, value=given, evidence=shown, actor=hiring.actor("developer"))


def make_value(kind: FactKind) -> Any:
    """Something that may be answered to a fact, where nothing hangs on what it is."""
    if kind.keys:
        return {key: f"The {key.replace('_', ' ')}." for key in kind.keys}
    match kind.type:
        case "bool":
            return True
        case "num":
            return 1
        case "date":
            return database_now().date().isoformat()
        case "enum":
            return kind.choices[0]
        case "list":
            return list(kind.choices[:1]) or [f"One of {kind.id}."]
        case _:
            return f"About {kind.id}."


def sign_everything(hiring: Hiring, framework: Framework) -> None:
    """Sign the records that the framework wants signed, as they stand."""
    for fact in needed_facts(framework):
        kind = facts()[fact]
        if kind.type == "sig" and kind.over:
            digest = digest_fact(kind, read_facts_of(hiring.version))
            assert digest is not None, f"{fact} has nothing to sign"
            sign_fact(
                hiring.version,
                fact=fact,
                meaning=MEANINGS[fact],
                seen_digest=digest,
                password=cast.PASSWORD,
                actor=hiring.actor("developer"),
            )
