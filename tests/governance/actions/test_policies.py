"""Promotion policies: proposed by one person, adopted by another, and no other way."""

from __future__ import annotations

import pytest

from governance.actions import people, promotion
from governance.actions.policies import adopt_policy, propose_policy, withdraw_policy
from governance.actions.submission import submit_version
from governance.actors import API_TOKEN, COMMAND, SYSTEM, Actor
from governance.dossier import collect
from governance.exceptions import (
    Duplicate,
    IntegrityBroken,
    InvalidInput,
    NotPermitted,
    ReauthenticationFailed,
    TransitionNotAllowed,
)
from governance.models import AuditLogEntry, PolicyText, PromotionPolicy, Release, Role
from governance.permissions import SCOPES
from governance.policies_in_force import policies_in_force, policy_in_force
from governance.policy import digest_policy, policy_for
from tests import cast
from tests.governance.policy_texts import adopt, next_text, propose

pytestmark = pytest.mark.django_db
SHORTER = ("sign_offs: 90", "sign_offs: 30")


def entries_about(policy: PromotionPolicy) -> list[str]:
    return list(AuditLogEntry.objects.about("policy", policy.pk).values_list("type", flat=True))


@pytest.fixture
def team(project, developer, validator, compliance, approver, administrator):
    """A project with somebody in every role that signs, and two who may rule."""
    return project


def test_proposal_is_not_in_force_before_another_person_adopts_it(team, compliance, administrator):
    proposed = propose(team, SHORTER, by=compliance)
    assert policy_in_force(team, "high", "production") == policy_for("high")
    adopted = adopt(proposed, by=administrator)
    in_force = policy_in_force(team, "high", "production")
    assert (in_force.sign_off_days, in_force.version) == (30, 2)
    assert (adopted.adopted_by, adopted.text_id) == (administrator, digest_policy(adopted.text.text))
    assert entries_about(adopted) == ["policy.proposed", "policy.adopted"]
    body = cast.read_body(AuditLogEntry.objects.get(type="policy.adopted"))
    assert body["data"] == {
        "risk_tier": "high",
        "environment": "production",
        "number": 2,
        "digest": adopted.text_id,
        "authentication": "password",
    }


def test_newest_adopted_speaks_and_other_tiers_keep_theirs(team, compliance, administrator):
    adopt(propose(team, SHORTER, by=compliance), by=administrator)
    adopt(propose(team, ("sign_offs: 90", "sign_offs: 20"), by=administrator), by=compliance)
    assert policy_in_force(team, "high", "production").sign_off_days == 20
    assert policy_in_force(team, "medium", "production") == policy_for("medium")
    assert list(policies_in_force(team)) == [
        ("low", "production"),
        ("medium", "production"),
        ("high", "production"),
    ]


def test_nobody_adopts_what_they_proposed(team, administrator):
    proposed = propose(team, SHORTER, by=administrator)
    with pytest.raises(NotPermitted) as caught:
        adopt(proposed, by=administrator)
    assert caught.value.code == "duties_not_separate"
    assert entries_about(proposed) == ["policy.proposed", "policy.refused"]
    assert not PromotionPolicy.objects.adopted().exists()


def test_second_login_of_the_proposer_does_not_adopt(team, administrator, compliance):
    """Persons are compared, not logins."""
    compliance.person_key = administrator.person_key
    compliance.save(update_fields=["person_key"])
    with pytest.raises(NotPermitted, match="somebody else must adopt"):
        adopt(propose(team, SHORTER, by=administrator), by=compliance)


@pytest.mark.parametrize("role", ["developer", "validator", "approver", "auditor"])
def test_other_roles_neither_propose_nor_adopt_nor_withdraw(request, team, compliance, role):
    person = request.getfixturevalue(role)
    with pytest.raises(NotPermitted):
        propose(team, SHORTER, by=person)
    proposed = propose(team, SHORTER, by=compliance)
    with pytest.raises(NotPermitted):
        adopt(proposed, by=person)
    with pytest.raises(NotPermitted):
        withdraw_policy(proposed, reason="No.", actor=cast.acting(person))
    assert entries_about(proposed) == ["policy.proposed", "policy.refused"]
    assert PromotionPolicy.objects.get().is_open


@pytest.mark.parametrize(
    "door",
    [
        {"authentication": API_TOKEN, "scopes": frozenset(SCOPES)},
        {"authentication": COMMAND},
        {"authentication": SYSTEM},
    ],
)
def test_no_token_and_no_command_adopts(team, compliance, administrator, door):
    proposed = propose(team, SHORTER, by=compliance)
    with pytest.raises(NotPermitted) as caught:
        adopt_policy(proposed, password=cast.PASSWORD, actor=Actor(administrator, **door))
    assert caught.value.code == "person_needed"


def test_token_proposes_with_the_scope_for_it_only(team, compliance):
    wide = Actor(compliance, API_TOKEN, frozenset({"administer"}))
    narrow = Actor(compliance, API_TOKEN, frozenset({"read", "submit", "report"}))
    with pytest.raises(NotPermitted):
        propose(team, SHORTER, by=compliance, actor=narrow)
    assert propose(team, SHORTER, by=compliance, actor=wide).number == 2


def test_adoption_needs_the_password(team, compliance, administrator):
    proposed = propose(team, SHORTER, by=compliance)
    with pytest.raises(ReauthenticationFailed):
        adopt(proposed, by=administrator, password="guess")


def test_one_proposal_at_a_time(team, compliance, administrator):
    first = propose(team, SHORTER, by=compliance)
    with pytest.raises(Duplicate, match="adopt or withdraw it first"):
        propose(team, ("sign_offs: 90", "sign_offs: 20"), by=administrator)
    withdraw_policy(first, reason="Too short.", actor=cast.acting(administrator))
    assert propose(team, ("sign_offs: 90", "sign_offs: 20"), by=administrator).number == 3


def test_withdrawn_proposal_is_over(team, compliance, administrator):
    proposed = propose(team, SHORTER, by=compliance)
    withdraw_policy(proposed, reason="Too short.", actor=cast.acting(compliance))
    with pytest.raises(TransitionNotAllowed):
        adopt(proposed, by=administrator)
    with pytest.raises(TransitionNotAllowed):
        withdraw_policy(proposed, reason="Again.", actor=cast.acting(compliance))
    assert policy_in_force(team, "high", "production") == policy_for("high")


def test_adopted_policy_is_replaced_and_never_withdrawn(team, compliance, administrator):
    adopted = adopt(propose(team, SHORTER, by=compliance), by=administrator)
    with pytest.raises(Duplicate, match="propose its next version"):
        withdraw_policy(adopted, reason="Too short.", actor=cast.acting(compliance))
    with pytest.raises(Duplicate):
        adopt(adopted, by=administrator)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"text": next_text(1)}, "the next version is 2; this text says 1"),
        ({"text": next_text(3)}, "the next version is 2; this text says 3"),
        ({"text": next_text(2, tier="medium")}, "speaks of “medium”"),
        ({"text": next_text(2, ("environment: production", "environment: staging"))}, "speaks of “staging”"),
        ({"text": "- a"}, "mapping of keys"),
        ({"reason": "  "}, "“reason” must not be empty"),
    ],
)
def test_proposal_that_says_something_else_is_refused(team, compliance, given, message):
    with pytest.raises(InvalidInput, match=message):
        propose(team, SHORTER, by=compliance, **given)
    assert not PromotionPolicy.objects.exists()


def test_unknown_tier_is_refused(team, compliance):
    with pytest.raises(InvalidInput) as caught:
        propose_policy(
            team,
            risk_tier="extreme",
            environment="production",
            text=next_text(),
            reason="R.",
            actor=cast.acting(compliance),
        )
    assert caught.value.field == "risk_tier"


def test_policy_that_nobody_could_satisfy_is_not_adopted(
    team, compliance, administrator, validator, organisation_administrator
):
    """Two independent validators are asked for and one holds the role: it would be closed for ever."""
    two = ("role: validator, count: 1, independent: true", "role: validator, count: 2, independent: true")
    proposed = propose(team, two, by=compliance)
    with pytest.raises(TransitionNotAllowed) as caught:
        adopt(proposed, by=administrator)
    assert caught.value.code == "policy_unsatisfiable"
    assert "2 as validator independent of the owning team are needed, 1 can be." in caught.value.message
    cast.make_member("vera", "Vera Lind", team, Role.VALIDATOR, by=organisation_administrator)
    assert adopt(proposed, by=administrator).adopted_at is not None


def test_one_person_in_two_roles_does_not_make_two(project, compliance, administrator, organisation_administrator):
    only = cast.make_member("both", "Bo Thomas", project, Role.VALIDATOR, by=organisation_administrator)
    people.grant_role(project, user=only, role=Role.APPROVER, actor=cast.acting(organisation_administrator))
    proposed = propose(project, SHORTER, by=compliance)
    with pytest.raises(TransitionNotAllowed, match="too few distinct people"):
        adopt(proposed, by=administrator)


def test_row_forged_in_the_table_is_not_adopted_and_not_in_force(team, compliance, administrator):
    """A proposal that no entry of the log records was not made through any door; an adoption neither."""
    text = next_text(2, SHORTER)
    kept = PolicyText.objects.create(digest=digest_policy(text), text=text)
    forged = PromotionPolicy.objects.create(
        project=team,
        risk_tier="high",
        environment="production",
        number=2,
        text=kept,
        reason="Forged.",
        proposed_by=compliance,
        proposed_at="2026-01-01T00:00:00Z",
    )
    with pytest.raises(IntegrityBroken):
        adopt(forged, by=administrator)
    PromotionPolicy.objects.filter(pk=forged.pk).update(adopted_by=administrator, adopted_at="2026-01-02T00:00:00Z")
    assert policy_in_force(team, "high", "production") == policy_for("high")


def test_proposer_rewritten_in_the_table_does_not_adopt(team, compliance, administrator):
    proposed = propose(team, SHORTER, by=administrator)
    PromotionPolicy.objects.filter(pk=proposed.pk).update(proposed_by=compliance)
    with pytest.raises(IntegrityBroken):
        adopt(proposed, by=administrator)


@pytest.fixture
def after_staging(team, compliance, administrator, model_with_go, developer):
    """A version in review for production, whose policy wants it in staging first."""
    adopt(propose(team, by=compliance, environment="staging"), by=administrator)
    adopt(propose(team, ("risk_tier: high", "risk_tier: high\nafter: [staging]"), by=compliance), by=administrator)
    return cast.make_ready_version(model_with_go, developer=developer)


def test_production_before_staging_is_refused(after_staging, signers, approver):
    cast.sign_by_all(after_staging, signers)
    with pytest.raises(TransitionNotAllowed, match="into “staging” before “production”"):
        promote(after_staging, "production", approver)


def test_staging_and_then_production(after_staging, signers, approver, developer):
    """The whole way: each environment with its own submission, policy and signatures."""
    cast.sign(after_staging, approver, "approver", decision="request_changes")
    after_staging.refresh_from_db()
    for environment in ("staging", "production"):
        submit_version(after_staging, environment=environment, actor=cast.acting(developer))
        cast.sign_by_all(after_staging, signers)
        assert promote(after_staging, environment, approver).environment == environment
    assert Release.objects.live().count() == 2


def promote(version, environment, approver):
    version.refresh_from_db()
    digest = collect(version).digest
    return promotion.promote(
        version, environment=environment, dossier_digest=digest, password=cast.PASSWORD, actor=cast.acting(approver)
    )
