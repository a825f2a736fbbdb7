"""Answers: who may give them, what they change, and what becomes of one that somebody writes by hand."""

from __future__ import annotations

from typing import Any

import pytest

from governance.actions import answers
from governance.actors import API_TOKEN, Actor
from governance.canonical import sha256_hex
from governance.dossier import collect
from governance.exceptions import InvalidInput, NotPermitted, TransitionNotAllowed
from governance.facts import read_facts_of
from governance.facts.answers import find_former_answer
from governance.frameworks.recorded import Strength
from governance.gate import judge
from governance.lifecycle import State
from governance.models import Answer, AuditLogEntry, ModelVersion, StoredFile, User
from governance.permissions import READ
from tests import cast
from tests.governance.light import Light, make_light
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db


@pytest.fixture
def light(organisation_administrator: User) -> Light:
    return make_light(organisation_administrator)


def answer(version: ModelVersion | None, fact: str, value: Any, user: User, **given: Any) -> Answer:
    return answers.record_answer(version, fact=fact, value=value, actor=cast.acting(user), **given)


def test_answer_about_the_making_is_signed_with_the_dossier(light):
    version = light.approve(light.version())
    assert version.state == State.APPROVED
    answer(version, "design.logic", "A tree.", light.team["developer"])
    version.refresh_from_db()
    assert version.state == State.IN_REVIEW
    dossier = collect(version)
    assert dossier.document["answers"][0]["value"] == "A tree."
    assert len(dossier.sign_offs) == 2
    for item in dossier.sign_offs:
        assert not item.is_current
        assert "answers: design.logic (new)" in item.changed


def test_answer_makes_a_contributor_who_cannot_sign(light):
    version = light.version()
    answer(version, "design.logic", "A tree.", light.team["validator"])
    with pytest.raises(NotPermitted):
        light.sign(version, "validator")


def test_answer_about_the_use_changes_nothing_that_is_signed(light):
    version = light.approve(light.version())
    before = collect(version).digest
    answer(version, "monitoring.limits", ["Stop below 0.6."], light.team["validator"])
    version.refresh_from_db()
    assert (version.state, collect(version).digest) == (State.APPROVED, before)
    assert light.team["validator"].person_key not in collect(version).contributor_person_keys


def test_released_version_keeps_what_was_signed_and_takes_what_is_observed(light):
    version = light.approve(light.version())
    light.promote(version)
    with pytest.raises(TransitionNotAllowed, match="Register the next version and answer it there"):
        answer(version, "design.logic", "Another.", light.team["developer"])
    answer(version, "monitoring.limits", ["Stop below 0.6."], light.team["developer"])


def test_newest_answer_counts_and_none_takes_it_back(light):
    version, developer = light.version(), light.team["developer"]
    answer(version, "design.logic", "A tree.", developer)
    answer(version, "design.logic", "A forest.", developer)
    found = read_facts_of(version)["design.logic"]
    assert (found.value, found.by, found.strength) == ("A forest.", (str(developer),), Strength.STATEMENT)
    answer(version, "design.logic", None, developer)
    assert "design.logic" not in read_facts_of(version)
    assert "answers" not in collect(version).document


def test_evidence_makes_an_artefact_of_a_word(light):
    version, developer = light.version(), light.team["developer"]
    item = light.report(version, p95=99.0)
    answer(version, "monitoring.plan", "Watched weekly.", developer, evidence=item)
    found = read_facts_of(version)["monitoring.plan"]
    assert (found.strength, found.digest) == (Strength.ARTEFACT, item.digest)


def test_evidence_of_another_version_shows_nothing_here(light):
    first, second = light.version(), light.version()
    with pytest.raises(InvalidInput, match="belongs to another version"):
        answer(second, "design.logic", "A tree.", light.team["developer"], evidence=first.evidence.first())


def test_organisation_is_spoken_for_by_its_administrators_only(light, organisation_administrator):
    given = {"document": [b"Our policy."], "file_name": "policy.pdf"}
    for role in ("administrator", "compliance", "developer"):
        with pytest.raises(NotPermitted):
            answer(None, "org.policy", "In force.", light.team[role], **given)
    assert not StoredFile.objects.filter(digest=sha256_hex(b"Our policy.")).exists()
    answer(None, "org.policy", "In force.", organisation_administrator, **given)
    found = read_facts_of(light.version())["org.policy"]
    assert (found.value, found.digest) == ("In force.", sha256_hex(b"Our policy."))


@pytest.mark.parametrize(("fact", "is_of_version"), [("org.policy", True), ("design.logic", False)])
def test_fact_is_asked_where_it_belongs(light, organisation_administrator, fact, is_of_version):
    version = light.version() if is_of_version else None
    user = light.team["developer"] if is_of_version else organisation_administrator
    with pytest.raises(InvalidInput, match="speaks of"):
        answer(version, fact, "x", user)


def test_fact_that_nobody_knows_is_refused(light):
    with pytest.raises(InvalidInput, match="There is no fact"):
        answer(light.version(), "design.magic", "x", light.team["developer"])


@pytest.mark.parametrize("role", ["approver", "auditor"])
def test_role_that_only_reads_or_decides_answers_nothing(light, role):
    with pytest.raises(NotPermitted):
        answer(light.version(), "design.logic", "A tree.", light.team[role])


def test_token_needs_the_scope(light):
    reading = Actor(light.team["developer"], API_TOKEN, scopes=frozenset({READ}))
    with pytest.raises(NotPermitted):
        answers.record_answer(light.version(), fact="design.logic", value="A tree.", actor=reading)


def test_former_answer_is_confirmed_and_says_where_it_came_from(light):
    first, developer = light.version(), light.team["developer"]
    said = answer(first, "design.logic", "A tree.", developer)
    second = light.version()
    assert "design.logic" not in read_facts_of(second), "what nobody confirmed is not said of this version"
    assert find_former_answer(second, "design.logic") == said
    carried = answers.carry_over_answer(second, fact="design.logic", actor=cast.acting(light.team["validator"]))
    assert (carried.value, carried.carried_from) == ("A tree.", said)
    assert read_facts_of(second)["design.logic"].by == (str(light.team["validator"]),)


def test_answer_with_a_document_is_not_carried_over(light):
    first, developer = light.version(), light.team["developer"]
    answer(first, "design.logic", "A tree.", developer, evidence=first.evidence.first())
    with pytest.raises(InvalidInput, match="attach it here"):
        answers.carry_over_answer(light.version(), fact="design.logic", actor=cast.acting(developer))


def test_answer_taken_back_is_not_offered_to_the_next_version(light):
    first, developer = light.version(), light.team["developer"]
    answer(first, "design.logic", "A tree.", developer)
    answer(first, "design.logic", None, developer)
    assert find_former_answer(light.version(), "design.logic") is None


def test_answer_changed_or_written_by_hand_closes_the_gate(light):
    version = light.version()
    said = answer(version, "design.logic", "A tree.", light.team["developer"])
    light.approve(version)
    assert judge(collect(version)).is_open
    with behind_the_guards():
        Answer.objects.filter(pk=said.pk).update(value="An oracle.")
    assert collect(version).unrecorded == ("answer: design.logic",)
    assert not judge(collect(version)).is_open
    with behind_the_guards():
        Answer.objects.filter(pk=said.pk).update(value="A tree.")
        Answer.objects.create(
            version=version,
            fact="risk.method",
            value="None.",
            digest=said.digest,
            answered_by=light.team["developer"],
            answered_at=said.answered_at,
            log_index=said.log_index,
        )
    assert collect(version).unrecorded == ("answer: risk.method",)


def test_one_entry_names_the_fact_and_never_the_words(light):
    version = light.version()
    said = answer(version, "design.logic", "Our secret sauce.", light.team["developer"])
    entry = AuditLogEntry.objects.get(index=said.log_index)
    assert entry.type == "dossier.answered"
    assert b"secret sauce" not in bytes(entry.body)
    assert cast.read_body(entry)["data"]["digest"] == said.digest
