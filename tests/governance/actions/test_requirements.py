"""Requirements, and the proof of concept that comes before."""

from __future__ import annotations

from decimal import Decimal

import pytest

from governance.actions import people, requirements
from governance.dossier import collect
from governance.exceptions import Duplicate, InvalidInput, NotPermitted, StaleReading
from governance.gate import judge
from governance.models import (
    AcceptanceCriterion,
    AuditLogEntry,
    Evaluation,
    ProofOfConcept,
    Requirement,
    RequirementTemplate,
    SuccessCriterion,
)
from governance.requirement_template import built_in_text, parse_template
from tests import cast
from tests.governance.actions.races import race

CRITERION = {"metric": "accuracy", "comparator": "at_least", "threshold": "0.8"}


def refuse(act, *, error=InvalidInput):
    def count():
        tables = (Requirement, AcceptanceCriterion, ProofOfConcept, SuccessCriterion, AuditLogEntry)
        return [table.objects.count() for table in tables]

    before = count()
    with pytest.raises(error) as caught:
        act()
    assert count() == before
    return caught.value


@pytest.mark.parametrize("tier", ["low", "medium", "high"])
def test_generated_requirements_are_the_templates_and_are_made_once(model, developer, tier):
    actor = cast.acting(developer)
    cast.assess(model, tier, by=developer)
    model.refresh_from_db()
    made = requirements.generate_requirements(model, actor=actor)
    expected = parse_template(built_in_text(tier))
    assert [item.title for item in made] == [text.title for text in expected]
    assert [item.key for item in made] == [f"R-{number}" for number in range(3, 3 + len(expected))]
    assert [item.criteria.count() for item in made] == [len(text.criteria) for text in expected]
    refuse(lambda: requirements.generate_requirements(model, actor=actor), error=Duplicate)


def test_largest_template_fits_into_one_entry_of_the_log(model, project, developer, administrator):
    text = "".join(f"- {{title: T{n}, statement: It is so.}}\n" for n in range(100))
    people.write_template(project, risk_tier="high", text=text, actor=cast.acting(administrator))
    assert len(requirements.generate_requirements(model, actor=cast.acting(developer))) == 100


def test_template_that_went_bad_in_the_database_is_refused(model, developer):
    RequirementTemplate.objects.filter(project=model.project).update(text="- [")
    assert (
        "not valid YAML"
        in refuse(lambda: requirements.generate_requirements(model, actor=cast.acting(developer))).message
    )


def write(model, user, **given) -> Requirement:
    given = {"title": "Calm", "statement": "It is calm."} | given
    return requirements.write_requirement(model, **given, actor=cast.acting(user))


def test_requirement_is_kept_with_its_criteria_in_order(model, validator):
    made = write(model, validator, criteria=[CRITERION, CRITERION | {"severity": "should", "threshold": 0.123456789}])
    made.refresh_from_db()
    assert (made.key, made.revision, made.from_template) == ("R-3", 1, False)
    assert list(made.criteria.values_list("position", "severity", "threshold")) == [
        (1, "must", Decimal("0.8")),
        (2, "should", Decimal("0.123456789")),
    ]
    assert collect_keys(model, validator) == ["R-1.1", "R-2.1", "R-3.1", "R-3.2"]


def collect_keys(model, user) -> list[str]:
    version = model.versions.first() or model.versions.create(number=1, created_by=user)
    return [criterion.key for item in collect(version).requirements for criterion in item.criteria]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"statement": " "}, "statement"),
        ({"source": "x" * 201}, "source"),
        ({"criteria": [CRITERION | {"threshold": "NaN"}]}, "criteria"),
        ({"criteria": [CRITERION, {}]}, "criteria"),
        ({"criteria": [CRITERION] * 51}, "criteria"),
    ],
)
def test_requirement_that_cannot_be_is_refused(model, developer, given, field):
    assert refuse(lambda: write(model, developer, **given)).field == field


def test_criteria_that_do_not_fit_into_the_log_are_refused(model, developer):
    criteria = [CRITERION | {"metric": "m" * 100, "population": f"{n:0200}"} for n in range(50)]
    assert "does not fit into one entry" in refuse(lambda: write(model, developer, criteria=criteria)).message


def test_edit_replaces_criteria_and_counts_the_revision(model, developer):
    row, actor = model.requirements.first(), cast.acting(developer)
    edited = requirements.edit_requirement(row, title="T", statement="S", seen_revision=1, actor=actor)
    assert (edited.revision, edited.criteria.count(), edited.key) == (2, 0, "R-1")
    again = lambda: requirements.edit_requirement(row, title="T", statement="S", seen_revision=1, actor=actor)  # noqa: E731
    refuse(again, error=StaleReading)


def test_withdrawn_requirement_stays_in_the_record_and_binds_no_more(version, developer):
    actor = cast.acting(developer)
    first, second = version.model.requirements.all()
    requirements.withdraw_requirement(first, reason="Double.", actor=actor)
    assert [item.key for item in collect(version).requirements] == ["R-2"]
    assert write(version.model, developer).key == "R-3"
    refuse(lambda: requirements.withdraw_requirement(first, reason="Again.", actor=actor), error=Duplicate)
    refuse(lambda: requirements.edit_requirement(first, title="T", statement="S", actor=actor))
    assert refuse(lambda: requirements.withdraw_requirement(second, reason=" ", actor=actor)).field == "reason"


def test_version_whose_requirements_are_all_withdrawn_is_not_judged_met(version, developer):
    for row in version.model.requirements.all():
        requirements.withdraw_requirement(row, reason="No.", actor=cast.acting(developer))
    found = {finding.key: finding.status for finding in judge(collect(version)).findings}
    assert found["criteria:none"] == "MISSING"


@pytest.mark.django_db(transaction=True)
def test_written_at_once_every_requirement_has_its_key(model, developer, organisation_administrator):
    assert race(lambda: write(model, developer)) == ["done"] * 5
    assert sorted(Requirement.objects.values_list("key", flat=True)) == [f"R-{n}" for n in range(1, 8)]
    actor = cast.acting(developer)
    act = lambda: requirements.generate_requirements(model, actor=actor)  # noqa: E731
    assert race(act) == ["done"] + ["duplicate"] * 4
    propose = lambda: requirements.write_proof_of_concept(model, problem_statement="P", actor=actor)  # noqa: E731
    assert race(propose) == ["done"] * 5
    assert ProofOfConcept.objects.get().revision == 5


# --- Proof of concept --------------------------------------------------------------------------------------------


SUCCESS = CRITERION | {"statement": "Right in four of five."}


def propose(model, user, **given) -> ProofOfConcept:
    given = {"problem_statement": "Too many come back."} | given
    return requirements.write_proof_of_concept(model, **given, actor=cast.acting(user))


def test_proof_of_concept_is_decided_by_somebody_else(model, developer, administrator, organisation_administrator):
    poc = propose(model, developer, success_criteria=[SUCCESS])
    people.grant_role(model.project, user=developer, role="approver", actor=cast.acting(organisation_administrator))
    decide = {"decision": "go", "reason": "Useful."}
    found = refuse(
        lambda: requirements.decide_proof_of_concept(poc, **decide, actor=cast.acting(developer)), error=NotPermitted
    )
    assert found.code == "duties_not_separate"
    decided = requirements.decide_proof_of_concept(poc, **decide, actor=cast.acting(administrator))
    assert (decided.decision, decided.decided_by, decided.decision_reason) == ("go", administrator, "Useful.")


def test_second_login_of_the_author_does_not_decide(model, developer, administrator):
    poc = propose(model, developer)
    administrator.person_key = developer.person_key
    administrator.save(update_fields=["person_key"])
    act = lambda: requirements.decide_proof_of_concept(  # noqa: E731
        poc, decision="go", reason="x", actor=cast.acting(administrator)
    )
    refuse(act, error=NotPermitted)


def test_rewritten_proof_of_concept_has_no_decision(model_with_go, developer):
    poc = propose(model_with_go, developer, problem_statement="Another problem.")
    poc.refresh_from_db()
    assert (poc.revision, poc.decision, poc.decided_by, poc.decided_at) == (2, "", None, None)
    assert ProofOfConcept.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [({"decision": "maybe"}, "decision"), ({"decision": ""}, "decision"), ({"reason": " "}, "reason")],
)
def test_decision_that_cannot_be_is_refused(model, developer, administrator, given, field):
    poc = propose(model, developer)
    given = {"decision": "go", "reason": "Useful."} | given
    act = lambda: requirements.decide_proof_of_concept(poc, **given, actor=cast.acting(administrator))  # noqa: E731
    assert refuse(act).field == field


def test_decision_on_an_older_text_is_refused(model, developer, administrator):
    poc = propose(model, developer)
    propose(model, developer, risks="Now with risks.")
    act = lambda: requirements.decide_proof_of_concept(  # noqa: E731
        poc, decision="go", reason="x", seen_revision=1, actor=cast.acting(administrator)
    )
    refuse(act, error=StaleReading)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"problem_statement": ""}, "problem_statement"),
        ({"risks": "a\x00"}, "risks"),
        ({"success_criteria": [CRITERION]}, "success_criteria.statement"),
        ({"success_criteria": [SUCCESS | {"threshold": "x"}]}, "criteria"),
        ({"success_criteria": [SUCCESS] * 51}, "success_criteria"),
    ],
)
def test_proof_of_concept_that_cannot_be_is_refused(model, developer, given, field):
    assert refuse(lambda: propose(model, developer, **given)).field == field


def test_success_criterion_names_the_evaluation_that_judged_it(version, developer, project):
    submitted = cast.submit_all_evidence(version, developer=developer)
    audit, _explanation = cast.evaluate(version, submitted, by=developer)
    propose(version.model, developer, success_criteria=[SUCCESS | {"evaluation": audit}, SUCCESS])
    first, second = collect(version).proof_of_concept.success_criteria
    assert (first.measured, first.evaluation_id) == (0.95, audit.pk)
    assert (second.measured, second.evaluation_id) == (None, None)
    propose(version.model, developer)
    assert SuccessCriterion.objects.count() == 0
    other = cast.register_model(project, developer, "Another")
    given = {"success_criteria": [SUCCESS | {"evaluation": Evaluation.objects.get(pk=audit.pk)}]}
    assert refuse(lambda: propose(other, developer, **given)).field == "success_criteria"
