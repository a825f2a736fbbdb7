"""Promotion policies by API: what a program may do, what only a person does, and how a fault is told."""

from __future__ import annotations

import json

import pytest

from governance.actions import people
from governance.models import PromotionPolicy
from governance.policy import policy_for
from tests import cast
from tests.governance.policy_texts import adopt, next_text, propose
from tests.portal.api.calling import answered, as_person, as_program, refused

pytestmark = pytest.mark.django_db
SHORTER = ("sign_offs: 90", "sign_offs: 30")


@pytest.fixture
def team(project, developer, validator, compliance, approver, administrator):
    return project


def proposal(**changes: str) -> dict[str, str]:
    text = next_text(2, SHORTER)
    return {"risk_tier": "high", "environment": "production", "text": text, "reason": "Calmer."} | changes


def test_program_proposes_and_a_person_adopts(team, compliance, administrator):
    made = answered(as_program(compliance).post(f"projects/{team.pk}/policies", proposal()), 201)
    assert (made["number"], made["status"], made["adopted_by"]) == (2, "proposed", None)
    before = answered(as_person(administrator).get(f"projects/{team.pk}/policies/in-force"))["policies"]
    assert [(item["risk_tier"], item["version"]) for item in before] == [("low", 1), ("medium", 1), ("high", 1)]
    adopted = answered(as_person(administrator).post(f"policies/{made['id']}/adopt", {"password": cast.PASSWORD}))
    assert (adopted["status"], adopted["adopted_by"]["username"]) == ("adopted", "adele")
    after = answered(as_person(administrator).get(f"projects/{team.pk}/policies/in-force"))["policies"]
    assert after[2]["digest"] == adopted["digest"] == made["digest"]
    assert after[2]["text"] == next_text(2, SHORTER)


def test_fault_names_line_and_key(team, compliance):
    wrong = next_text(2, ("{role: compliance, count: 1}", "{role: compliance, count: 0}"))
    problem = refused(
        as_program(compliance).post(f"projects/{team.pk}/policies", proposal(text=wrong)), 400, "invalid_input"
    )
    assert problem["detail"] == "Line 16, “count”: 0 is not within 1 to 20."
    assert (problem["field"], problem["line"]) == ("text", 16)


@pytest.mark.parametrize("text", ["", "- a", "{" * 3_000, "a: &a [*a]", "\u0000", 7, None, {"policy": "x"}])
def test_anything_else_is_refused_and_kept_nowhere(team, compliance, text):
    answer = as_program(compliance).post(f"projects/{team.pk}/policies", proposal() | {"text": text})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not PromotionPolicy.objects.exists()


def test_list_is_narrowed_by_tier_and_environment(team, compliance, administrator):
    adopt(propose(team, SHORTER, by=compliance), by=administrator)
    propose(team, by=compliance, tier="low")
    propose(team, by=compliance, environment="staging")
    caller = as_program(compliance)
    listed = answered(caller.get(f"projects/{team.pk}/policies?risk_tier=high&environment=production"))["results"]
    assert [(item["number"], item["status"]) for item in listed] == [(2, "adopted")]
    assert len(answered(caller.get(f"projects/{team.pk}/policies"))["results"]) == 3


@pytest.mark.parametrize("door", ["adopt", "withdraw"])
def test_get_and_delete_are_no_ways_to_decide(team, compliance, administrator, door):
    proposed = propose(team, SHORTER, by=compliance)
    caller = as_person(administrator)
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        assert caller.send(method, f"policies/{proposed.pk}/{door}").status_code == 405
    assert caller.delete(f"policies/{proposed.pk}").status_code == 405


def test_wrong_password_adopts_nothing(team, compliance, administrator):
    proposed = propose(team, SHORTER, by=compliance)
    answer = as_person(administrator).post(f"policies/{proposed.pk}/adopt", {"password": "guess"})
    refused(answer, 403, "reauthentication_failed")
    refused(as_person(administrator).post(f"policies/{proposed.pk}/adopt", {}), 403, "reauthentication_failed")
    assert not PromotionPolicy.objects.adopted().exists()


def test_adopted_twice_is_refused_the_second_time(team, compliance, administrator):
    proposed = propose(team, SHORTER, by=compliance)
    caller = as_person(administrator)
    answered(caller.post(f"policies/{proposed.pk}/adopt", {"password": cast.PASSWORD}))
    refused(caller.post(f"policies/{proposed.pk}/adopt", {"password": cast.PASSWORD}), 409, "duplicate")


def test_dry_run_of_a_text_keeps_nothing(team, compliance, auditor):
    text = policy_for("medium").text
    tried = answered(as_program(compliance).post(f"projects/{team.pk}/policies/dry-run", {"text": text}))
    assert tried == {
        "digest": policy_for("medium").digest,
        "risk_tier": "medium",
        "environment": "production",
        "releases": [],
    }
    refused(as_person(auditor).post(f"projects/{team.pk}/policies/dry-run", {"text": text}), 403, "not_permitted")
    assert not PromotionPolicy.objects.exists()


def test_dry_run_names_the_releases_that_would_fail(scene, auditor, compliance):
    proposed = propose(scene.project, ("evidence: [metrics,", "evidence: [load_test, metrics,"), by=compliance)
    tried = answered(as_program(auditor).get(f"policies/{proposed.pk}/dry-run"))
    (release,) = [item for item in tried["releases"] if item["release"] == scene.release.pk]
    assert release["would_fail"]
    assert [finding["key"] for finding in release["closing"]] == release["new"] == ["evidence:load_test"]
    assert json.loads(json.dumps(release))["version"]["number"] == 1


def test_token_bound_to_another_project_finds_nothing(team, compliance, organisation_administrator):
    other = people.create_project(name="Other", actor=cast.acting(organisation_administrator))
    people.grant_role(other, user=compliance, role="compliance", actor=cast.acting(organisation_administrator))
    proposed = propose(team, SHORTER, by=compliance)
    caller = as_program(compliance, project=other)
    assert caller.get(f"policies/{proposed.pk}").status_code == 404
    assert caller.post(f"projects/{team.pk}/policies", proposal()).status_code == 404
