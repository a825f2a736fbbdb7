"""The pages of promotion policies: read, edited with the fault shown at its line, tried, proposed, adopted."""

from __future__ import annotations

import pytest

from governance.actions.policies import withdraw_policy
from governance.models import AuditLogEntry, PromotionPolicy
from governance.policies_in_force import policy_in_force
from governance.policy import parse_policy, policy_for
from portal.pages.policy_reading import compare_texts, describe_policy, excerpt_around
from tests import cast
from tests.governance.policy_texts import adopt, next_text, propose
from tests.portal.pages.browsing import browse, count_queries, text_of

pytestmark = pytest.mark.django_db
SHORTER = ("sign_offs: 90", "sign_offs: 30")


@pytest.fixture
def team(project, developer, validator, compliance, approver, administrator):
    return project


def given(**changes: str) -> dict[str, str]:
    text = next_text(2, SHORTER)
    return {"risk_tier": "high", "environment": "production", "text": text, "reason": "Calmer."} | changes


def test_list_names_what_is_in_force_and_what_is_proposed(team, compliance, administrator, auditor):
    adopt(propose(team, SHORTER, by=compliance), by=administrator)
    propose(team, by=administrator, tier="low")
    seen = text_of(browse(auditor).get(f"/projects/{team.pk}/policies/"))
    assert "High-risk release, version 2" in seen
    assert "adopted by Adele Brandt" in seen
    assert "Medium-risk release, version 1" in seen
    assert "built in" in seen
    assert "by Adele Brandt" in seen
    assert "Propose a policy" not in seen


def test_list_asks_the_same_queries_however_many_versions(team, compliance, administrator, auditor):
    client = browse(auditor)
    adopt(propose(team, SHORTER, by=compliance), by=administrator)
    before = count_queries(client, f"/projects/{team.pk}/policies/")
    for environment in ("staging", "canary"):
        adopt(propose(team, by=compliance, environment=environment), by=administrator)
    assert count_queries(client, f"/projects/{team.pk}/policies/") == before


def test_line_shows_text_sentences_and_versions(team, compliance, administrator, auditor):
    withdraw_policy(propose(team, SHORTER, by=compliance), reason="No.", actor=cast.acting(compliance))
    seen = text_of(browse(auditor).get(f"/projects/{team.pk}/policies/high/production/"))
    assert "1 as validator, independent of the owning team" in seen
    assert "Version 2" in seen
    assert "Withdrawn" in seen
    assert policy_for("high").digest in seen


@pytest.mark.parametrize("place", ["high/staging", "none/production", "high/Production"])
def test_line_without_any_policy_is_missing(team, auditor, place):
    assert browse(auditor).get(f"/projects/{team.pk}/policies/{place}/").status_code == 404


def test_environment_with_a_proposal_only_has_nothing_in_force(team, compliance, administrator):
    propose(team, by=compliance, environment="staging")
    client = browse(administrator)
    assert ">none<" in text_of(client.get(f"/projects/{team.pk}/policies/"))
    seen = text_of(client.get(f"/projects/{team.pk}/policies/high/staging/"))
    assert "No policy in force" in seen
    assert "Open the proposal" in seen
    assert "Propose the next version" not in seen


def test_editor_starts_with_the_text_in_force_as_the_next_version(team, compliance):
    page = browse(compliance).get(f"/projects/{team.pk}/policies/new/?tier=medium&environment=staging")
    text = page.context["form"].initial["text"]
    assert "version: 1\nrisk_tier: medium\nenvironment: staging\n" in text
    parse_policy(text)


def test_fault_is_shown_at_its_line(team, compliance):
    wrong = next_text(2, ("{role: compliance, count: 1}", "{role: compliance, count: 0}"))
    page = browse(compliance).post(f"/projects/{team.pk}/policies/new/", given(text=wrong))
    assert page.status_code == 400
    seen = text_of(page)
    assert "Line 16, “count”: 0 is not within 1 to 20." in seen
    assert "<del>16 - {role: compliance, count: 0}</del>" in seen
    assert page.context["form"]["text"].value() == wrong
    assert not PromotionPolicy.objects.exists()


def test_proposal_of_a_person_and_adoption_by_another(team, compliance, administrator):
    answer = browse(compliance).post(f"/projects/{team.pk}/policies/new/", given())
    proposed = PromotionPolicy.objects.get()
    address = answer["Location"]
    assert address == f"/projects/policies/{proposed.pk}/"
    own = text_of(browse(compliance).get(address))
    assert "somebody else has to adopt it" in own
    assert f"/projects/policies/{proposed.pk}/adopt/" not in own
    client = browse(administrator)
    seen = text_of(client.get(address))
    assert "<ins>+ valid_days: {sign_offs: 30, evidence: 365}</ins>" in seen
    assert f"/projects/policies/{proposed.pk}/adopt/" in seen
    assert client.post(f"/projects/policies/{proposed.pk}/adopt/", {"password": "guess"}).status_code == 403
    assert policy_in_force(team, "high", "production").sign_off_days == 90
    assert client.post(f"/projects/policies/{proposed.pk}/adopt/", {"password": cast.PASSWORD}).status_code == 302
    assert policy_in_force(team, "high", "production").sign_off_days == 30


def test_proposer_who_posts_the_adoption_is_refused(team, compliance):
    proposed = propose(team, SHORTER, by=compliance)
    answer = browse(compliance).post(f"/projects/policies/{proposed.pk}/adopt/", {"password": cast.PASSWORD})
    assert answer.status_code == 403
    assert not PromotionPolicy.objects.adopted().exists()


def test_line_breaks_of_a_browser_do_not_make_another_text(team, compliance):
    text = next_text(2, SHORTER)
    browse(compliance).post(f"/projects/{team.pk}/policies/new/", given(text=text.replace("\n", "\r\n")))
    assert PromotionPolicy.objects.get().text.text == text


def test_trying_a_text_proposes_nothing(team, compliance):
    before = AuditLogEntry.objects.count()
    page = browse(compliance).post(f"/projects/{team.pk}/policies/new/", given(reason="", dry_run="1"))
    assert page.status_code == 200
    assert "Nothing was proposed." in text_of(page)
    assert "Nothing of this tier runs in this environment now." in text_of(page)
    assert AuditLogEntry.objects.count() == before


def test_dry_run_is_a_page_and_a_part_of_one(team, compliance, auditor):
    proposed = propose(team, SHORTER, by=compliance)
    client, path = browse(auditor), f"/projects/policies/{proposed.pk}/dry-run/"
    assert "<html" in text_of(client.get(path))
    assert "<html" not in text_of(client.get(path, headers={"HX-Request": "true"}))


def test_withdrawal(team, compliance, administrator):
    proposed = propose(team, SHORTER, by=compliance)
    answer = browse(administrator).post(f"/projects/policies/{proposed.pk}/withdraw/", {"reason": "Too short."})
    assert answer.status_code == 302
    assert "Withdrawn" in text_of(browse(administrator).get(f"/projects/policies/{proposed.pk}/"))


def test_what_nobody_could_satisfy_is_said_before_it_is_adopted(project, compliance, administrator):
    proposed = propose(project, SHORTER, by=compliance)
    seen = text_of(browse(administrator).get(f"/projects/policies/{proposed.pk}/"))
    assert "Nothing could ever be released under it" in seen
    assert "1 as approver are needed, 0 hold the role." in seen


@pytest.mark.parametrize("role", ["developer", "validator", "approver", "auditor"])
def test_pages_that_change_something_are_closed_to_other_roles(request, team, compliance, role):
    client, proposed = browse(request.getfixturevalue(role)), propose(team, SHORTER, by=compliance)
    for path in (
        f"/projects/{team.pk}/policies/new/",
        f"/projects/policies/{proposed.pk}/adopt/",
        f"/projects/policies/{proposed.pk}/withdraw/",
    ):
        assert client.get(path).status_code == 403
        assert client.post(path, given() | {"password": cast.PASSWORD}).status_code == 403
    assert PromotionPolicy.objects.get().is_open


def test_proposal_waits_for_those_who_may_adopt_it(team, compliance, administrator, approver):
    propose(team, SHORTER, by=compliance)
    assert "Version 2, proposed by Carla Mendes, waits for a second person." in text_of(browse(administrator).get("/"))
    for other in (compliance, approver):
        assert "waits for a second person" not in text_of(browse(other).get("/"))


def test_hostile_words_are_escaped(team, compliance):
    text = next_text(2, ("policy: High-risk release", "policy: <script>alert(1)</script>"))
    browse(compliance).post(f"/projects/{team.pk}/policies/new/", given(text=text, reason="<b>Bold</b>"))
    seen = text_of(browse(compliance).get(f"/projects/policies/{PromotionPolicy.objects.get().pk}/"))
    assert "<script>alert" not in seen
    assert "<b>Bold" not in seen


def test_comparison_shows_what_differs_and_its_surroundings():
    lines = compare_texts("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nd\nE\nf\n")
    assert [(line.mark, line.text) for line in lines] == [
        ("…", ""),
        (" ", "c"),
        (" ", "d"),
        ("-", "e"),
        ("+", "E"),
        (" ", "f"),
    ]
    assert compare_texts("a\n", "a\n") == []


def test_excerpt_ends_with_the_text():
    assert excerpt_around("a\nb\nc", 3) == [(1, "a", False), (2, "b", False), (3, "c", True)]
    assert excerpt_around("a", None) == []


@pytest.mark.parametrize("tier", ["low", "medium", "high"])
def test_every_built_in_policy_can_be_told(tier):
    assert all(sentences for _subject, sentences in describe_policy(policy_for(tier)))


def test_closed_policy_is_told_as_closed():
    text = (
        "policy: Bare\nversion: 1\nrisk_tier: low\nenvironment: staging\nproof_of_concept: not_needed\n"
        "order: sequential\nsign_offs: [{role: validator, count: 1, of: 3}, {role: approver}]\n"
        "after: [lab]\ncriteria: [{metric: accuracy}]"
    )
    told = dict(describe_policy(parse_policy(text)))
    assert told["Sign-offs"] == [
        "1. 1 as validator out of 3 who hold the role",
        "2. 1 as approver",
        "One after the other, in this order.",
    ]
    assert told["Before it"] == ["Released into lab first."]
    assert "A criterion on Accuracy that is at least “must”." in told["Acceptance criteria"]
    assert told["What it lets off"][:4] == [
        "No approval with conditions.",
        "No gap is accepted.",
        "No refusal is overruled.",
        "No emergency promotion.",
    ]
