"""Discussions at the pages: the tab, threads beside items, what waits on the home page."""

from __future__ import annotations

import pytest

from governance.actions import discussion
from governance.models import Remark
from portal.pages.waiting_discussion import list_discussion
from tests import cast
from tests.portal.pages.browsing import browse, count_queries, text_of

pytestmark = pytest.mark.django_db


def ask(version, user, text="Why is this so?", **given):
    return discussion.write_remark(version, text=text, is_question=True, actor=cast.acting(user), **given)


def answer(question, user, text="Because."):
    return discussion.write_remark(question.version, text=text, parent=question, actor=cast.acting(user))


def test_thread_from_the_first_question_to_its_end(version, auditor, developer):
    client, address = browse(auditor), f"/versions/{version.pk}/"
    form = client.get(f"{address}remarks/new/?item=policy").content.decode()
    assert '<option value="policy" selected>' in form
    given = {"item": "policy", "text": "@dana, why <two>?", "is_question": "on"}
    posted = client.post(f"{address}remarks/new/", given)
    question = Remark.objects.get()
    assert posted["Location"] == f"{address}?tab=discussion#remark-{question.pk}"
    tab = client.get(f"{address}?tab=discussion").content.decode()
    assert '<span class="called">@dana</span>, why &lt;two&gt;?' in tab
    assert "Open question" in tab
    browse(developer).post(f"/remarks/{question.pk}/answer/", {"text": "Because of the tier."})
    assert client.post(f"/remarks/{question.pk}/resolve/", {"resolution": ""}).status_code == 302
    tab = text_of(client.get(f"{address}?tab=discussion"))
    assert "Because of the tier." in tab
    assert "Resolved by Aoife Byrne" in tab


def test_thread_stands_beside_its_finding_and_its_evidence(ready_version, auditor):
    item = ready_version.evidence.first()
    ask(ready_version, auditor, "About the criterion?", item_key="criterion:R-1.1")
    ask(ready_version, auditor, "About the evidence?", item_key=f"evidence:{item.pk}")
    client = browse(auditor)
    assert "About the criterion?" in text_of(client.get(f"/versions/{ready_version.pk}/"))
    assert "About the evidence?" in text_of(client.get(f"/versions/{ready_version.pk}/?tab=evidence"))
    assert "Open questions" in text_of(client.get(f"/versions/{ready_version.pk}/"))


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"item": "policy", "text": ""}, 400),
        ({"item": "nothing", "text": "x"}, 400),
        ({"text": "x"}, 400),
        ({"item": "policy", "text": "x" * 2_001}, 400),
        ({"item": "policy", "text": "hidden \u202e"}, 400),
    ],
)
def test_what_cannot_be_recorded_is_shown_again(version, auditor, given, status):
    assert browse(auditor).post(f"/versions/{version.pk}/remarks/new/", given).status_code == status
    assert Remark.objects.count() == 0


def test_only_asker_and_uninvolved_approver_resolve(version, auditor, validator, approver):
    question = ask(version, auditor)
    address = f"/remarks/{question.pk}/resolve/"
    assert browse(validator).post(address, {"resolution": "Done."}).status_code == 403
    assert browse(approver).post(address, {"resolution": ""}).status_code == 400
    assert browse(approver).post(address, {"resolution": "Done."}).status_code == 302
    assert browse(approver).post(address, {"resolution": "Done."}).status_code == 409


def test_answer_is_given_to_the_thread_and_not_to_an_answer(version, auditor):
    reply = answer(ask(version, auditor), auditor)
    assert browse(auditor).get(f"/remarks/{reply.pk}/answer/").status_code == 404


def test_administrator_without_a_role_reads_and_does_not_write(version, auditor, organisation_administrator):
    ask(version, auditor)
    client = browse(organisation_administrator)
    assert "Begin a thread" not in text_of(client.get(f"/versions/{version.pk}/?tab=discussion"))
    given = {"item": "policy", "text": "x"}
    assert client.post(f"/versions/{version.pk}/remarks/new/", given).status_code == 403


def test_thread_about_an_item_that_is_gone_stays(version, auditor, developer):
    item = cast.submit(version, "metrics", by=developer, content={"metrics": [{"name": "accuracy", "value": 0.5}]})
    ask(version, auditor, item_key=f"evidence:{item.pk}")
    new = {"metrics": [{"name": "accuracy", "value": 0.6}]}
    cast.submit(version, "metrics", by=developer, content=new, supersedes=item)
    assert "no longer in the dossier" in text_of(browse(auditor).get(f"/versions/{version.pk}/?tab=discussion"))


def test_pages_ask_the_same_number_of_queries_however_much_is_said(version, auditor, developer):
    addresses = [f"/versions/{version.pk}/?tab=discussion", f"/versions/{version.pk}/"]
    ask(version, auditor)
    client = browse(auditor)
    before = [count_queries(client, address) for address in addresses]
    for _time in range(3):
        answer(ask(version, auditor, "@aoife, @dana?"), developer)
    assert [count_queries(client, address) for address in addresses] == before


# --- Waiting ----------------------------------------------------------------------------------------


def waits(user) -> list[str]:
    return [item.action for item in list_discussion(user)]


def test_question_waits_for_the_team_then_for_the_asker(version, auditor, developer, validator):
    question = ask(version, auditor, "@viktor or anybody, why?")
    assert (waits(developer), waits(validator), waits(auditor)) == (["Answer"], ["Answer"], [])
    assert "Why is this so" not in text_of(browse(validator).get("/"))
    assert "@viktor or anybody, why?" in text_of(browse(validator).get("/"))
    answer(question, developer)
    assert (waits(developer), waits(validator), waits(auditor)) == ([], ["Answer"], ["Read and resolve"])
    discussion.resolve_question(question, actor=cast.acting(auditor))
    assert (waits(developer), waits(validator), waits(auditor)) == ([], [], [])


def test_mention_waits_until_it_is_answered(version, auditor, validator):
    first = discussion.write_remark(version, text="Look, @viktor.", actor=cast.acting(auditor))
    assert waits(validator) == ["Read"]
    answer(first, validator)
    assert waits(validator) == []
    answer(first, auditor, "And again, @viktor.")
    assert waits(validator) == ["Read"]


def test_waiting_asks_two_queries(version, auditor, developer, django_assert_num_queries):
    for _time in range(3):
        answer(ask(version, auditor, "@dana?"), auditor, "@dana!")
    with django_assert_num_queries(2):
        assert len(list_discussion(developer)) == 6


def test_nothing_waits_for_the_stranger(version, auditor, stranger):
    ask(version, auditor, "@stan?")
    assert waits(stranger) == []
