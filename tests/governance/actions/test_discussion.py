"""Discussions: what can be spoken about, who may resolve a question, and what an open one does to the gate."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.actions import discussion, people, promotion
from governance.actors import API_TOKEN, Actor
from governance.discussion import find_mentioned, list_items
from governance.dossier import collect
from governance.exceptions import Duplicate, GateClosed, InvalidInput, NotPermitted
from governance.gate import judge
from governance.models import AuditLogEntry, Remark
from governance.permissions import SCOPES
from tests import cast
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db


def remark(version, user, text="Look at this.", **given):
    return discussion.write_remark(version, text=text, actor=cast.acting(user), **given)


def ask(version, user, text="Why is this so?", **given):
    return remark(version, user, text, is_question=True, **given)


def resolve(question, user, resolution="Answered in the thread."):
    return discussion.resolve_question(question, resolution=resolution, actor=cast.acting(user))


def question_findings(version):
    return [finding for finding in judge(collect(version)).findings if finding.key == "questions:open"]


# --- Writing ----------------------------------------------------------------------------------------


def test_remark_is_recorded_as_it_is_written(version, auditor):
    written = remark(version, auditor, "First line.\nSecond – with a dash.", item_key="policy")
    body = cast.read_body(AuditLogEntry.objects.get(index=written.log_index))
    assert (body["type"], body["subject"]["kind"], body["subject"]["label"]) == ("remark.written", "remark", "policy")
    assert body["data"] == {
        "kind": "remark",
        "item": "policy",
        "parent": None,
        "text": "First line.\nSecond – with a dash.",
        "mentions": [],
    }


def test_every_item_of_the_dossier_can_be_spoken_about(ready_version, auditor):
    dossier = collect(ready_version)
    items = list_items(dossier, judge(dossier))
    expected = {"policy", "sign_offs", "requirement:R-1", f"evidence:{dossier.evidence[0].id}", "criterion:R-1.1"}
    assert expected <= set(items)
    for key in items:
        assert remark(ready_version, auditor, item_key=key).item_key == key


@pytest.mark.parametrize("item_key", ["", "evidence:999999", "criterion:R-9.9", "policy ", "nothing", "x" * 300])
def test_what_the_dossier_does_not_have_is_refused(version, auditor, item_key):
    with pytest.raises(InvalidInput):
        remark(version, auditor, item_key=item_key)


@pytest.mark.parametrize("text", ["", "  ", "x" * 2_001, "a\x00b", "right \u202e left"])
def test_what_cannot_be_recorded_is_refused(version, auditor, text):
    with pytest.raises(InvalidInput):
        remark(version, auditor, text)
    assert Remark.objects.count() == 0


def test_longest_text_fits(version, auditor):
    assert len(remark(version, auditor, "„" * 2_000).text) == 2_000


def test_answer_joins_its_thread(version, auditor, developer):
    first = ask(version, auditor, item_key="policy")
    answer = remark(version, developer, "Because of the policy.", parent=first)
    assert (answer.item_key, answer.parent) == ("policy", first)
    with pytest.raises(InvalidInput, match="begins the thread"):
        remark(version, auditor, parent=answer)
    with pytest.raises(InvalidInput, match="begins a thread of its own"):
        ask(version, auditor, parent=first)


def test_answer_in_a_thread_about_another_version_is_refused(version, model, auditor, developer):
    other = cast.register_version(model, developer)
    with pytest.raises(InvalidInput, match="another version"):
        remark(other, auditor, parent=remark(version, auditor))


def test_stranger_and_administrator_of_the_organisation_write_nothing(version, stranger, organisation_administrator):
    for user in (stranger, organisation_administrator):
        with pytest.raises(NotPermitted):
            remark(version, user)
    assert Remark.objects.count() == 0


def test_remark_makes_nobody_a_contributor(ready_version, validator):
    before = collect(ready_version).digest
    question = ask(ready_version, validator)
    resolve(question, validator)
    dossier = collect(ready_version)
    assert validator.person_key not in dossier.contributor_person_keys
    assert dossier.digest == before
    cast.sign(ready_version, validator, "validator")


# --- Mentions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "logins"),
    [
        ("@viktor, what do you think?", ["viktor"]),
        ("Ask @Viktor.", ["viktor"]),
        ("(@viktor and @aoife)", ["aoife", "viktor"]),
        ("@viktor @viktor", ["viktor"]),
        ("write to me@viktor.example", []),
        ("viktor", []),
        ("@stan", []),
        ("@nobody", []),
        ("@@viktor", []),
        ("@root", []),
    ],
)
def test_mentions_are_of_members(project, validator, auditor, stranger, text, logins):
    assert [user.username for user in find_mentioned(text, project)] == logins


def test_mentioned_are_recorded(version, auditor, validator):
    written = remark(version, auditor, "@viktor please look.")
    assert list(written.mentions.all()) == [validator]
    assert cast.read_body(AuditLogEntry.objects.get(index=written.log_index))["data"]["mentions"] == [validator.pk]


# --- Resolving --------------------------------------------------------------------------------------


def test_asker_resolves_without_a_reason_and_once(version, auditor):
    question = resolve(ask(version, auditor), auditor, "")
    assert question.resolved_by == auditor
    with pytest.raises(Duplicate):
        resolve(question, auditor)


def test_approver_resolves_with_a_reason(version, auditor, approver):
    question = ask(version, auditor)
    with pytest.raises(InvalidInput):
        resolve(question, approver, "")
    assert resolve(question, approver, "Out of scope.").resolution == "Out of scope."
    assert cast.read_body(AuditLogEntry.objects.latest("index"))["reason"] == "Out of scope."


def test_others_do_not_resolve(version, auditor, developer, validator, compliance, administrator, stranger):
    question = ask(version, auditor)
    for user in (developer, validator, compliance, administrator, stranger):
        with pytest.raises(NotPermitted):
            resolve(question, user)
    assert question_findings(version)


def test_approver_who_was_asked_or_contributed_does_not_resolve(version, auditor, approver, administrator):
    with pytest.raises(NotPermitted, match="You were asked"):
        resolve(ask(version, auditor, "@amir, why?"), approver)
    developer = version.created_by
    people.grant_role(version.model.project, user=developer, role="approver", actor=cast.acting(administrator))
    with pytest.raises(NotPermitted, match="contributed"):
        resolve(ask(version, auditor), developer)


def test_token_resolves_nothing_and_writes_within_its_scope(version, auditor):
    program = Actor(auditor, API_TOKEN, scopes=frozenset(SCOPES))
    question = discussion.write_remark(version, text="Why?", is_question=True, actor=program)
    with pytest.raises(NotPermitted):
        discussion.resolve_question(question, actor=program)
    with pytest.raises(NotPermitted):
        discussion.write_remark(
            version, text="Why?", actor=Actor(auditor, API_TOKEN, scopes=frozenset({"read", "report"}))
        )


def test_only_questions_are_resolved(version, auditor):
    with pytest.raises(InvalidInput):
        resolve(remark(version, auditor), auditor)


# --- The gate ---------------------------------------------------------------------------------------


def test_open_question_keeps_the_gate_closed_until_it_is_resolved(ready_version, signers, auditor, approver):
    cast.sign_by_all(ready_version, signers)
    ready_version.refresh_from_db()
    question = ask(ready_version, auditor, "Where do the labels come from?")
    (finding,) = question_findings(ready_version)
    assert (finding.status, finding.blocks, finding.can_be_waived) == ("NOT_MET", True, False)
    assert "Where do the labels come from?" in finding.detail
    given = {"environment": "production", "dossier_digest": collect(ready_version).digest, "password": cast.PASSWORD}
    with pytest.raises(GateClosed):
        promotion.promote(ready_version, **given, actor=cast.acting(approver))
    resolve(question, auditor)
    assert question_findings(ready_version) == []
    promotion.promote(ready_version, **given, actor=cast.acting(approver))


def test_nobody_approves_while_a_question_is_open(ready_version, validator, auditor):
    ask(ready_version, auditor)
    with pytest.raises(GateClosed):
        cast.sign(ready_version, validator, "validator")
    cast.sign(ready_version, validator, "validator", "request_changes")


def test_question_closed_in_the_table_alone_stays_open(version, auditor):
    """The gate reads the log."""
    question = ask(version, auditor)
    with behind_the_guards():
        Remark.objects.filter(pk=question.pk).update(resolved_at=question.written_at, resolved_by=auditor)
        assert question_findings(version)
        Remark.objects.filter(pk=question.pk).delete()
    assert question_findings(version)


def test_question_about_another_version_blocks_only_that(version, model, developer, auditor):
    other = cast.register_version(model, developer)
    ask(other, auditor)
    assert question_findings(version) == []


def test_dossier_asks_the_same_number_of_queries_however_much_is_said(
    version, auditor, developer, django_assert_num_queries
):
    ask(version, auditor)
    with CaptureQueriesContext(connection) as captured:
        collect(version)
    for _time in range(5):
        remark(version, developer, "An answer.", parent=ask(version, auditor))
    with django_assert_num_queries(len(captured)):
        collect(version)
