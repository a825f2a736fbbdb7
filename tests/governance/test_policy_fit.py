"""Whether a policy fits its project: environments in an order, people enough."""

from __future__ import annotations

import pytest
from django.utils import timezone

from governance.actions import people
from governance.actions.policies import adopt_policy
from governance.exceptions import InvalidInput
from governance.models import Membership, Project, Role, User
from governance.policy import parse_policy, policy_for
from governance.policy_fit import list_empty_rights, list_lacking_people
from tests import cast
from tests.governance.policy_texts import adopt, next_text, propose

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(project, developer, validator, compliance, approver, administrator) -> Project:
    return project


def after(environment: str) -> tuple[str, str]:
    return "risk_tier: high", f"risk_tier: high\nafter: [{environment}]"


def test_environment_that_has_no_policy_cannot_come_first(team, compliance):
    with pytest.raises(InvalidInput, match="before “staging”, so nothing could be released there first"):
        propose(team, after("staging"), by=compliance)


def test_policies_of_another_tier_do_not_help(team, compliance, administrator):
    adopt(propose(team, by=compliance, environment="staging", tier="medium"), by=administrator)
    with pytest.raises(InvalidInput, match="Adopt one for it before this"):
        propose(team, after("staging"), by=compliance)


def test_staging_before_production(team, compliance, administrator):
    adopt(propose(team, by=compliance, environment="staging"), by=administrator)
    adopted = adopt(propose(team, after("staging"), by=compliance), by=administrator)
    assert parse_policy(adopted.text.text).after == ("staging",)


def test_circle_is_named(team, compliance, administrator):
    adopt(propose(team, by=compliance, environment="staging"), by=administrator)
    adopt(propose(team, after("staging"), by=compliance, environment="canary"), by=administrator)
    adopt(propose(team, after("canary"), by=compliance), by=administrator)
    with pytest.raises(InvalidInput, match="a circle, staging after production after canary after staging"):
        propose(team, after("production"), by=compliance, environment="staging")


def test_circle_that_closed_after_the_proposal_is_refused_at_adoption(team, compliance, administrator):
    adopt(propose(team, by=compliance, environment="staging"), by=administrator)
    proposed = propose(team, after("staging"), by=compliance)
    adopt(propose(team, after("production"), by=compliance, environment="staging"), by=administrator)
    with pytest.raises(InvalidInput, match="circle"):
        adopt_policy(proposed, password=cast.PASSWORD, actor=cast.acting(administrator))


def test_full_team_lacks_nobody(team):
    assert list_lacking_people(policy_for("high"), team) == []
    assert list_empty_rights(policy_for("high"), team) == []


def test_empty_roles_are_named(project, validator):
    assert list_lacking_people(policy_for("high"), project) == [
        "1 as compliance are needed, 0 hold the role.",
        "1 as approver are needed, 0 hold the role.",
    ]
    assert list_empty_rights(policy_for("high"), project) == [
        "Nobody could accept a gap: too few people hold compliance.",
        "Nobody could overrule a refusal: too few people hold administrator.",
        "Nobody could promote in an emergency: too few people hold approver or compliance.",
    ]


def test_closed_account_and_ended_role_count_for_nobody(team, validator, approver):
    User.objects.filter(pk=validator.pk).update(is_active=False)
    Membership.objects.filter(user=approver).update(ended_at=timezone.now())
    assert len(list_lacking_people(policy_for("high"), team)) == 2


def test_former_developer_is_not_independent_of_the_team(team, validator, organisation_administrator):
    by = cast.acting(organisation_administrator)
    membership = people.grant_role(team, user=validator, role=Role.DEVELOPER, actor=by)
    people.end_role(membership, actor=by)
    assert list_lacking_people(policy_for("high"), team) == [
        "1 as validator independent of the owning team are needed, 0 can be."
    ]


def test_panel_of_three_needs_three(team):
    text = next_text(2, ("{role: approver, count: 1}", "{role: approver, count: 1, of: 3}"))
    assert list_lacking_people(parse_policy(text), team) == ["A panel of 3 as approver is needed, 1 hold the role."]


def test_two_logins_of_one_person_are_one(team, validator, approver):
    User.objects.filter(pk=approver.pk).update(person_key=validator.person_key)
    assert list_lacking_people(policy_for("high"), team) == [
        "The roles are held by too few distinct people: one person fills one slot only."
    ]


def test_solo_mode_lacks_nobody(project):
    project.solo_since = timezone.now()
    assert list_lacking_people(policy_for("high"), project) == []
