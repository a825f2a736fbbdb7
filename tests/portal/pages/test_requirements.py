"""Requirements with their criteria, and the proof of concept, written in the browser."""

from __future__ import annotations

from typing import Any

import pytest

from governance.actions import requirements
from governance.models import ProofOfConcept, Requirement
from tests import cast
from tests.portal.pages.browsing import browse, text_of

CRITERION = {
    "metric": "tpr",
    "population": "overall",
    "comparator": "at_least",
    "threshold": "0.55",
    "dataset_role": "test",
    "severity": "should",
}
SUCCESS = {
    "statement": "Better than calling by age",
    "metric": "accuracy",
    "population": "overall",
    "comparator": "at_least",
    "threshold": "0.7",
    "evaluation": "",
}


def rows(*filled: dict[str, str], initial: int = 0) -> dict[str, str]:
    """Rows of a formset as a browser posts them."""
    posted = {"form-TOTAL_FORMS": str(len(filled)), "form-INITIAL_FORMS": str(initial)}
    for number, row in enumerate(filled):
        posted |= {f"form-{number}-{name}": value for name, value in row.items()}
    return posted


def requirement_post(*filled: dict[str, str], **changes: Any) -> dict[str, Any]:
    return {"title": "Finds them", "statement": "Those who return are found.", **rows(*filled), **changes}


def test_requirement_is_written_with_its_criterion(model, developer) -> None:
    answer = browse(developer).post(f"/models/{model.pk}/requirements/new/", requirement_post(CRITERION))
    written = Requirement.objects.get(title="Finds them")
    criterion = written.criteria.get()

    assert (answer.status_code, answer["Location"]) == (302, f"/models/{model.pk}/?tab=requirements")
    assert (criterion.metric, f"{criterion.threshold.normalize():f}", criterion.severity) == ("tpr", "0.55", "should")


def test_row_left_empty_counts_for_nothing(model, developer) -> None:
    empty = {"metric": "", "population": "overall", "comparator": "at_least", "threshold": "", "dataset_role": "test"}
    answer = browse(developer).post(
        f"/models/{model.pk}/requirements/new/", requirement_post(CRITERION, empty | {"severity": "must"})
    )

    assert answer.status_code == 302
    assert Requirement.objects.get(title="Finds them").criteria.count() == 1


def test_another_row_is_asked_for_without_losing_or_judging_anything(model, developer) -> None:
    answer = browse(developer).post(
        f"/models/{model.pk}/requirements/new/", requirement_post(CRITERION, title="", add_row="1")
    )
    page = text_of(answer)

    assert answer.status_code == 200
    assert 'value="0.55"' in page
    assert 'name="form-1-metric"' in page
    assert "errorlist" not in page
    assert Requirement.objects.filter(model=model).count() == 2


def test_bad_threshold_is_refused_and_stays_typed(model, developer) -> None:
    answer = browse(developer).post(
        f"/models/{model.pk}/requirements/new/", requirement_post(CRITERION | {"threshold": "a lot"})
    )

    assert answer.status_code == 400
    assert "“threshold” must be a number" in text_of(answer)
    assert 'value="a lot"' in text_of(answer)


def test_edit_replaces_criteria_and_a_ticked_row_goes(model, developer) -> None:
    requirement = Requirement.objects.get(model=model, key="R-1")
    old = CRITERION | {"metric": "accuracy", "threshold": "0.8", "severity": "must"}
    posted = requirement_post(old | {"DELETE": "on"}, CRITERION, revision=requirement.revision)
    answer = browse(developer).post(f"/requirements/{requirement.pk}/edit/", posted | {"form-INITIAL_FORMS": "1"})

    assert answer.status_code == 302
    assert [item.metric for item in requirement.criteria.all()] == ["tpr"]


def test_unchanged_criteria_survive_an_edit_of_the_title(model, developer) -> None:
    requirement = Requirement.objects.get(model=model, key="R-1")
    client = browse(developer)
    form = client.get(f"/requirements/{requirement.pk}/edit/").context["form"]
    shown = [{name: row[name].value() for name in CRITERION} for row in form.rows.initial_forms]
    answer = client.post(
        f"/requirements/{requirement.pk}/edit/",
        {"title": "New", "statement": "s", "revision": "1"} | rows(*shown, initial=len(shown)),
    )

    assert answer.status_code == 302
    assert [str(item) for item in requirement.criteria.all()] == ["accuracy (overall) at_least 0.8"]


def test_edit_of_an_older_reading_is_refused_with_both_texts(model, developer) -> None:
    requirement = Requirement.objects.get(model=model, key="R-1")
    requirements.edit_requirement(requirement, title="Theirs", statement="s", actor=cast.acting(developer))
    answer = browse(developer).post(
        f"/requirements/{requirement.pk}/edit/", requirement_post(CRITERION, title="Mine", revision=1)
    )

    assert answer.status_code == 409
    assert "Mine" in text_of(answer)
    assert "Theirs" in text_of(answer)
    assert 'value="0.55"' in text_of(answer)


def test_withdrawn_requirement_stays_visible_and_needs_a_reason(model, developer) -> None:
    requirement = Requirement.objects.get(model=model, key="R-1")
    client = browse(developer)
    address = f"/requirements/{requirement.pk}/withdraw/"

    assert client.post(address, {"reason": ""}).status_code == 400
    assert client.post(address, {"reason": "Replaced."}).status_code == 302
    assert client.post(address, {"reason": "Replaced."}).status_code == 404
    assert "1 withdrawn requirement" in text_of(client.get(f"/models/{model.pk}/?tab=requirements"))


def test_template_is_copied_once(model, developer) -> None:
    client = browse(developer)
    address = f"/models/{model.pk}/requirements/generate/"

    assert client.post(address).status_code == 302
    again = client.post(address)
    assert (again.status_code, "already" in text_of(again)) == (409, True)


@pytest.mark.parametrize("path", ["requirements/new/", "proof-of-concept/write/"])
def test_reader_may_not_write(path, model, auditor) -> None:
    posted = requirement_post(CRITERION, problem_statement="p", risks="", open_questions="")
    answer = browse(auditor).post(f"/models/{model.pk}/{path}", posted | rows())

    assert answer.status_code == 403
    assert "you need the role" in text_of(answer)


def test_proof_of_concept_is_written_decided_and_reopened_by_a_rewrite(model, developer, administrator) -> None:
    writing, deciding = browse(developer), browse(administrator)
    write, decide = (f"/models/{model.pk}/proof-of-concept/{verb}/" for verb in ("write", "decide"))
    texts = {"problem_statement": "Too many return.", "risks": "Few data.", "open_questions": ""}

    assert writing.post(write, texts | rows(SUCCESS) | {"revision": "0"}).status_code == 302
    assert deciding.post(decide, {"revision": "1", "decision": "go", "reason": "Useful."}).status_code == 302
    page = text_of(writing.get(f"/models/{model.pk}/?tab=proof-of-concept"))
    assert "Better than calling by age" in page
    assert "Adele Brandt" in page
    assert "not measured" in page

    assert writing.post(write, texts | rows(SUCCESS) | {"revision": "1"}).status_code == 302
    assert ProofOfConcept.objects.get().decision == ""


def test_success_criterion_shows_what_the_evaluation_measured(ready_version, developer) -> None:
    evaluation = ready_version.evaluations.get(kind="bias_audit")
    model = ready_version.model
    client = browse(developer)
    given = {"problem_statement": "p", "risks": "", "open_questions": "", "revision": "1"}
    answer = client.post(
        f"/models/{model.pk}/proof-of-concept/write/", given | rows(SUCCESS | {"evaluation": str(evaluation.pk)})
    )
    page = text_of(client.get(f"/models/{model.pk}/?tab=proof-of-concept"))

    assert answer.status_code == 302
    assert f'href="/evaluations/{evaluation.pk}/"' in page
    assert "0.9500" in page


def test_decision_is_made_with_criteria_measurements_and_risks_in_sight(
    ready_version, developer, administrator
) -> None:
    evaluation, model = ready_version.evaluations.get(kind="bias_audit"), ready_version.model
    texts = {"problem_statement": "p", "risks": "Few data.", "open_questions": "", "revision": "1"}
    judged = rows(SUCCESS | {"metric": "tpr", "evaluation": str(evaluation.pk)})
    assert browse(developer).post(f"/models/{model.pk}/proof-of-concept/write/", texts | judged).status_code == 302
    page = text_of(browse(administrator).get(f"/models/{model.pk}/proof-of-concept/decide/"))

    assert "Better than calling by age" in page
    assert "True positive rate · overall" in page
    assert f'href="/evaluations/{evaluation.pk}/"' in page
    assert "Few data." in page


def test_author_does_not_decide_and_an_older_text_is_not_decided_on(model, developer, administrator) -> None:
    cast.record_go(model, developer=developer, administrator=administrator)
    address = f"/models/{model.pk}/proof-of-concept/decide/"

    stale = browse(administrator).post(address, {"revision": "7", "decision": "no_go", "reason": "No."})
    assert stale.status_code == 409
    refused = browse(developer).post(address, {"revision": "1", "decision": "go", "reason": "Yes."})
    assert refused.status_code == 403
    assert ProofOfConcept.objects.get().decision == "go"
