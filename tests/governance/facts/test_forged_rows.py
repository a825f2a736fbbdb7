"""Rows that the log does not hold so say nothing of a version: answers, signatures on records, releases."""

from __future__ import annotations

from typing import Any

import pytest

from governance.actions.answers import record_answer
from governance.actions.rulings import sign_fact
from governance.facts import digest_fact, read_facts_of
from governance.frameworks.vocabulary import facts
from governance.models import Answer, FactSignature, ModelVersion, User
from tests import cast
from tests.guards import behind_the_guards


def answer(version: ModelVersion | None, fact: str, by: User, value: Any = "As said.") -> Answer:
    return record_answer(version, fact=fact, value=value, actor=cast.acting(by))


# One that is signed with the dossier, and one that is not.
@pytest.mark.parametrize("fact", ["design.logic", "monitoring.results"])
@pytest.mark.parametrize(
    "change", [{"value": "Better."}, {"log_index": None}, {"log_index": 0}, {"fact": "design.theory"}]
)
def test_changed_answer_says_nothing(version: ModelVersion, developer: User, fact: str, change: dict[str, Any]):
    given = answer(version, fact, developer)
    assert read_facts_of(version)[fact].value == "As said."
    with behind_the_guards():
        Answer.objects.filter(pk=given.pk).update(**change)
    assert not read_facts_of(version).keys() & {fact, "design.theory"}


def test_answer_of_another_person_or_version_says_nothing(version: ModelVersion, developer: User, validator: User):
    given = answer(version, "monitoring.results", developer)
    other = cast.register_version(version.model, developer)
    with behind_the_guards():
        Answer.objects.filter(pk=given.pk).update(answered_by=validator)
    assert "monitoring.results" not in read_facts_of(version)
    with behind_the_guards():
        Answer.objects.filter(pk=given.pk).update(answered_by=developer, version=other)
    assert "monitoring.results" not in read_facts_of(other)


def test_answer_for_the_organisation_that_was_put_there_by_hand_says_nothing(
    version: ModelVersion, organisation_administrator: User
):
    given = answer(None, "org.qms", organisation_administrator)
    assert read_facts_of(version)["org.qms"].value == "As said."
    given.pk, given.value = None, "Put there."
    with behind_the_guards():
        given.save()
    assert "org.qms" not in read_facts_of(version)


@pytest.mark.parametrize("change", [{"role": "approver"}, {"meaning": "I vouch."}, {"log_index": 0}])
def test_changed_signature_signs_nothing(version: ModelVersion, developer: User, change: dict[str, Any]):
    fact = "conformity.declaration"
    answer(version, "conformity.declaration_fields", developer, {"provider": "Northfield Hospital"})
    digest = digest_fact(facts()[fact], read_facts_of(version))
    signed = sign_fact(
        version,
        fact=fact,
        meaning="declaration of conformity",
        seen_digest=digest or "",
        password=cast.PASSWORD,
        actor=cast.acting(developer),
    )
    assert read_facts_of(version)[fact].signatures[0].name == "Dana Whitfield"
    with behind_the_guards():
        FactSignature.objects.filter(pk=signed.pk).update(**change)
    assert fact not in read_facts_of(version)
