"""Which policy speaks: read from the log, hashed again, closed where it cannot be read."""

from __future__ import annotations

import pytest

from governance.actions import people
from governance.actions.submission import submit_version
from governance.exceptions import GovernanceError, IntegrityBroken
from governance.lifecycle import State
from governance.models import AuditLogEntry, ModelVersion, PolicyText, PromotionPolicy
from governance.policies_in_force import bound_policies, bound_policy, policy_in_force, read_policy
from governance.policy import policy_for
from tests import cast
from tests.governance.policy_texts import adopt, propose
from tests.governance.tampering import run_sql
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db
SHORTER = ("sign_offs: 90", "sign_offs: 30")


@pytest.fixture
def adopted(project, developer, validator, compliance, approver, administrator) -> PromotionPolicy:
    return adopt(propose(project, SHORTER, by=compliance), by=administrator)


@pytest.fixture
def bound_version(adopted, model_with_go, version, developer) -> ModelVersion:
    """A version in review that is bound to the adopted policy."""
    return submit_version(version, actor=cast.acting(developer))


@pytest.mark.parametrize(("tier", "environment"), [("high", "staging"), ("none", "production"), ("high", "")])
def test_environment_without_a_policy_is_refused(project, tier, environment):
    with pytest.raises(GovernanceError) as caught:
        policy_in_force(project, tier, environment)
    assert caught.value.code == "no_policy"


def test_environment_gets_its_policy_by_adoption(project, adopted, compliance, administrator):
    adopt(propose(project, by=compliance, environment="staging"), by=administrator)
    staging = policy_in_force(project, "high", "staging")
    assert (staging.environment, staging.version) == ("staging", 1)
    assert policy_in_force(project, "high", "production").version == 2


def test_project_does_not_speak_for_another(project, adopted, organisation_administrator):
    other = people.create_project(name="Other", actor=cast.acting(organisation_administrator))
    assert policy_in_force(other, "high", "production") == policy_for("high")


@pytest.mark.parametrize(
    "statement", ["DELETE FROM governance_policytext", "UPDATE governance_policytext SET text = 'x'"]
)
def test_text_that_is_gone_or_another_closes(project, adopted, bound_version, statement):
    with behind_the_guards():
        run_sql("DELETE FROM governance_promotionpolicy")
        run_sql(statement)
    for ask in (
        lambda: policy_in_force(project, "high", "production"),
        lambda: bound_policy(bound_version),
        lambda: read_policy(adopted.text_id),
    ):
        with pytest.raises(IntegrityBroken):
            ask()


def test_row_taken_away_changes_no_rule(project, adopted):
    PromotionPolicy.objects.update(adopted_at=None, adopted_by=None)
    assert policy_in_force(project, "high", "production").sign_off_days == 30


def test_broken_entry_closes(project, adopted):
    with behind_the_guards():
        index = AuditLogEntry.objects.get(type="policy.adopted").pk
        run_sql('UPDATE governance_auditlogentry SET body = %s WHERE "index" = %s', b"{}", index)
    with pytest.raises(IntegrityBroken):
        policy_in_force(project, "high", "production")


def test_submitted_version_keeps_the_words_it_was_bound_to(bound_version, project, compliance, administrator):
    adopt(propose(project, ("sign_offs: 90", "sign_offs: 20"), by=compliance), by=administrator)
    assert bound_policy(bound_version).sign_off_days == 30


def test_draft_is_judged_by_what_would_count_now(bound_version, project, compliance, administrator):
    bound_version.state = State.DRAFT
    adopt(propose(project, ("sign_offs: 90", "sign_offs: 20"), by=compliance), by=administrator)
    assert bound_policy(bound_version).sign_off_days == 20


def test_another_tier_is_not_judged_by_the_words_for_the_former(bound_version):
    bound_version.model.risk_tier = "medium"
    assert bound_policy(bound_version) == policy_for("medium")


def test_target_environment_without_a_policy_is_refused(bound_version):
    bound_version.target_environment = "moon"
    with pytest.raises(GovernanceError):
        bound_policy(bound_version)


def test_many_versions_cost_no_more_queries_than_one(bound_version, django_assert_num_queries):
    versions = list(ModelVersion.objects.with_names())
    with django_assert_num_queries(2):
        assert list(bound_policies(versions * 3)) == [bound_version.pk]


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64, policy_for("high").digest])
def test_digest_written_into_the_row_closes(bound_version, digest):
    """Neither an unknown text nor a known one counts that the version was not submitted under."""
    PolicyText.objects.get_or_create(digest=policy_for("high").digest, defaults={"text": policy_for("high").text})
    ModelVersion.objects.update(policy_digest=digest)
    with pytest.raises(IntegrityBroken):
        bound_policy(ModelVersion.objects.with_names().get())


def test_version_marked_as_submitted_without_an_entry_closes(version):
    version.state, version.policy_digest = State.IN_REVIEW, policy_for("high").digest
    with pytest.raises(IntegrityBroken):
        bound_policy(version)
