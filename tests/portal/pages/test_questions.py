"""The questionnaire: only what is needed and not on record, saved one question at a time, by several people."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from governance.actions import answers
from governance.frameworks.vocabulary import FactKind, facts
from governance.models import Answer, AuditLogEntry, StoredFile
from portal.pages.forms.answers import AnswerForm
from tests import cast
from tests.governance.framework_texts import SMALL, load, load_shipped
from tests.portal.pages.browsing import browse, count_queries, text_of

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _framework(db):
    load(SMALL)


def path_of(version, fact="", end=""):
    return f"/versions/{version.pk}/questions/{f'{fact}/' if fact else ''}{end}"


def answer(version, by, fact="design.logic", value="A tree.", **given):
    return answers.record_answer(version, fact=fact, value=value, actor=cast.acting(by), **given)


def asked(page):
    return [drawn["question"].kind.id for drawn in page.context["questions"]]


def test_only_what_is_needed_and_not_on_record_is_asked(version, developer):
    client = browse(developer)
    assert asked(client.get(path_of(version) + "?area=design")) == ["design.logic"]
    assert asked(client.get(path_of(version) + "?area=private")) == ["private.ethics_vote"]
    page = client.get(path_of(version) + "?area=system")
    assert asked(page) == []
    assert "read from the record and not asked" in text_of(page)


def test_question_says_what_it_serves_and_how_far_one_is(version, developer):
    load_shipped("eu_ai_act_high_risk")
    seen = text_of(browse(developer).get(path_of(version) + "?area=design"))
    assert "<strong>House rules</strong>" in seen
    assert "<strong>EU AI Act, high-risk systems</strong>" in seen
    assert "0 of " in seen


def test_what_decides_which_texts_apply_comes_first(version, developer):
    load_shipped("nyc_ll144")
    page = browse(developer).get(path_of(version))
    assert page.context["area"].id == "first"
    assert asked(page) == ["system.aedt", "system.jurisdictions"]


def test_answer_is_saved_by_itself_with_htmx(version, developer, validator):
    item = cast.submit(version, "document", by=developer, file=[b"How"], file_name="logic.md")
    page = browse(validator).post(
        path_of(version, "design.logic"), {"value": "A tree.", "evidence": str(item.pk)}, headers=HTMX
    )
    assert page.status_code == 200
    seen = text_of(page)
    assert "<html" not in seen
    assert 'id="q-design-logic"' in seen
    assert "Saved" in seen
    assert 'hx-swap-oob="true"' in seen
    assert "1 of 2 answered" in seen
    row = Answer.objects.get()
    assert (row.value, row.evidence, row.answered_by) == ("A tree.", item, validator)
    assert f"/log/{row.log_index}/" in seen
    assert f"/evidence/{item.pk}/" in seen


def test_answer_without_htmx_goes_back_to_its_place(version, developer):
    page = browse(developer).post(path_of(version, "design.logic"), {"value": "A tree."})
    assert page["Location"] == path_of(version) + "?area=design#q-design-logic"


def test_nothing_typed_is_no_answer_and_emptying_takes_it_back(version, developer):
    client, path = browse(developer), path_of(version, "design.logic")
    assert client.post(path, {"value": " "}, headers=HTMX).status_code == 400
    assert not Answer.objects.exists()
    answer(version, developer)
    assert client.post(path, {"value": ""}, headers=HTMX).status_code == 200
    assert [row.value for row in Answer.objects.order_by("pk")] == ["A tree.", None]
    assert "The former answer was taken back." in text_of(client.get(path))


def test_former_answer_is_offered_and_confirmed_with_one_click(version, developer, validator):
    answer(version, developer)
    answer(version, developer, "private.ethics_vote", "Ayes.")
    second = cast.register_version(version.model, developer)
    client = browse(validator)
    seen = text_of(client.get(path_of(second) + "?area=design"))
    assert "Version 1, Dana Whitfield:" in seen
    assert "It still holds" in seen
    page = client.post(path_of(second, "design.logic", "carry-over/"), headers=HTMX)
    assert "confirmed from version 1" in text_of(page)
    assert Answer.objects.get(version=second).answered_by == validator
    assert client.post(path_of(second, end="carry-over/"), {"area": "private"}).status_code == 302
    assert Answer.objects.filter(version=second).count() == 2


def test_answer_shown_by_a_document_cannot_be_confirmed_for_another_version(version, developer):
    item = cast.submit(version, "document", by=developer, file=[b"How"], file_name="logic.md")
    answer(version, developer, evidence=item)
    second = cast.register_version(version.model, developer)
    client = browse(developer)
    assert "answer anew and attach it here" in text_of(client.get(path_of(second) + "?area=design"))
    page = client.post(path_of(second, "design.logic", "carry-over/"), headers=HTMX)
    assert page.status_code == 400
    assert "A document showed this for the earlier version" in text_of(page)


def test_page_of_carrying_over_by_itself_leads_to_the_question(version, developer):
    client = browse(developer)
    assert client.get(path_of(version, "design.logic", "carry-over/")).status_code == 302
    assert client.get(path_of(version, end="carry-over/")).status_code == 302


def test_who_may_not_answer_reads(version, developer, auditor):
    answer(version, developer)
    client = browse(auditor)
    page = client.get(path_of(version) + "?area=design")
    assert "A tree." in text_of(page)
    assert "Change the answer" not in text_of(page)
    assert client.post(path_of(version, "design.logic"), {"value": "x"}).status_code == 403
    assert client.post(path_of(version, end="carry-over/"), {"area": "design"}).status_code == 403
    assert Answer.objects.count() == 1


def test_evidence_of_another_version_is_refused(version, developer):
    other = cast.register_version(version.model, developer)
    item = cast.submit(other, "document", by=developer, file=[b"How"], file_name="logic.md")
    page = browse(developer).post(path_of(version, "design.logic"), {"value": "A tree.", "evidence": str(item.pk)})
    assert page.status_code == 400
    assert not Answer.objects.exists()


def test_question_that_nobody_needs_is_none(version, developer):
    client = browse(developer)
    for fact in ("design.theory", "no.fact", "system.name", "org.roles"):
        assert client.get(path_of(version, fact)).status_code == 404


def test_questionnaire_asks_the_same_queries_however_many_answers(version, developer):
    load_shipped("us_mrm_sr_26_2")
    client, path = browse(developer), path_of(version) + "?area=design"
    answer(version, developer)
    before = count_queries(client, path)
    for fact in ("design.theory", "design.limitations"):
        answer(version, developer, fact, ["One."] if fact == "design.limitations" else "One.")
    assert count_queries(client, path) == before


# --- The organisation ---------------------------------------------------------------------------------------


def test_organisation_answers_with_a_document(organisation_administrator, auditor):
    load_shipped("iso_42001_annex_a")
    client, path = browse(organisation_administrator), "/organisation/questions/org.policy/"
    assert "0 of " in text_of(client.get("/organisation/questions/"))
    file = SimpleUploadedFile("policy.pdf", b"%PDF-1.7 ours")
    given = {"value": "Model policy, in force since May.", "file": file}
    page = client.post(path, given, headers=HTMX)
    assert page.status_code == 200
    row = Answer.objects.get()
    assert (row.version, row.file_name) == (None, "policy.pdf")
    document = browse(auditor).get(f"/organisation/answers/{row.pk}/document")
    assert document.getvalue() == b"%PDF-1.7 ours"
    assert document["Content-Disposition"] == 'attachment; filename="policy.pdf"'


def test_administrator_of_a_project_answers_nothing_for_the_organisation(administrator):
    load_shipped("iso_42001_annex_a")
    client = browse(administrator)
    assert "Organisation administrators give them" in text_of(client.get("/organisation/questions/"))
    before = AuditLogEntry.objects.count()
    given = {"value": "Ours.", "file": SimpleUploadedFile("policy.pdf", b"x")}
    assert client.post("/organisation/questions/org.policy/", given).status_code == 403
    assert (Answer.objects.count(), StoredFile.objects.count(), AuditLogEntry.objects.count()) == (0, 0, before)


# --- Forms by type ------------------------------------------------------------------------------------------

LIST = facts()["design.choices"]
CASES = [
    (facts()["system.aedt"], {"value": "true"}, True),
    (facts()["system.aedt"], {"value": "false"}, False),
    (facts()["system.use_domain"], {"value": "health"}, "health"),
    (LIST, {"value": " One \n\n Two "}, ["One", "Two"]),
    (LIST, {"none": "on"}, []),
    (facts()["system.eu_role"], {"value": ["provider", "deployer"]}, ["provider", "deployer"]),
    (facts()["bias_audit.date"], {"value": "2026-11-24"}, "2026-11-24"),
    (facts()["bias_audit.median"], {"value": "0.50"}, "0.50"),
    (facts()["risk.residual"], {"part_level": "low", "part_remains": ""}, {"level": "low"}),
    (facts()["design.logic"], {"value": "A tree."}, "A tree."),
]


@pytest.mark.parametrize(("kind", "given", "expected"), CASES)
def test_form_gives_what_the_action_takes(kind: FactKind, given, expected):
    form = AnswerForm(given, kind=kind)
    assert form.is_valid(), form.errors
    assert form.given() == expected


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (LIST, {"value": "One", "none": "on"}),
        (LIST, {"value": " \n "}),
        (facts()["system.aedt"], {"value": "perhaps"}),
        (facts()["system.use_domain"], {"value": "war"}),
        (facts()["bias_audit.date"], {"value": "24.11."}),
        (facts()["risk.residual"], {}),
    ],
)
def test_form_refuses_what_is_no_answer(kind: FactKind, given):
    assert not AnswerForm(given, kind=kind).is_valid()


@pytest.mark.parametrize(
    ("kind", "value"), [(LIST, ["a", "b"]), (LIST, []), (facts()["system.aedt"], False), (facts()["risk.residual"], {})]
)
def test_form_begins_with_what_was_answered(kind: FactKind, value):
    form = AnswerForm(kind=kind, answer=value)
    initial = {name: form[name].value() for name in form.fields}
    assert initial in (
        {"value": "a\nb", "none": False},
        {"value": "", "none": True},
        {"value": "false"},
        {"part_level": "", "part_remains": "", "part_accepted_by": ""},
    )
