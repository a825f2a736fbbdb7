"""B07: thresholds or policy edited after the results are in. What was submitted keeps its words, and what was signed
over other words is stale."""

from __future__ import annotations

import pytest

from governance.actions import promotion, requirements
from governance.actions.submission import submit_version
from governance.dossier import collect
from governance.exceptions import TransitionNotAllowed
from governance.findings import FindingStatus
from governance.gate import judge
from governance.models import ModelVersion, PolicyText, PromotionPolicy, Role, User
from governance.permissions import SCOPES
from governance.policies_in_force import policy_in_force
from governance.policy import digest_policy, policy_for
from tests import cast
from tests.governance.policy_texts import adopt, next_text, propose
from tests.portal.api.calling import as_person, as_program

pytestmark = pytest.mark.django_db
FEWER = ("  - {role: compliance, count: 1}\n", "")
STRICTER = ("evidence: [metrics,", "evidence: [load_test, metrics,")


@pytest.fixture
def submitted(signers, administrator, ready_version) -> ModelVersion:
    """In review under the built-in policy, with every role held by somebody since before it was submitted."""
    ready_version.refresh_from_db()
    return ready_version


def promote(version: ModelVersion, digest: str, approver: User) -> None:
    promotion.promote(
        version, environment="production", dossier_digest=digest, password=cast.PASSWORD, actor=cast.acting(approver)
    )


@pytest.mark.parametrize("change", [FEWER, STRICTER])
def test_b07_adoption_does_not_touch_what_is_submitted(submitted, signers, compliance, administrator, change):
    before = collect(submitted).digest
    adopt(propose(submitted.model.project, change, by=compliance), by=administrator)
    after = collect(submitted)
    assert (after.digest, after.policy) == (before, policy_for("high"))
    cast.sign_by_all(submitted, signers)
    assert judge(collect(submitted)).is_open


def test_b07_policy_lowered_after_the_results_does_not_help(submitted, signers, compliance, administrator, approver):
    """Two people lower the policy so that compliance need not sign. The version still needs compliance."""
    adopt(propose(submitted.model.project, FEWER, by=compliance), by=administrator)
    for user, role in signers:
        if role != Role.COMPLIANCE:
            cast.sign(submitted, user, role)
    assert [finding.key for finding in judge(collect(submitted)).closing] == ["sign_off:compliance:1"]
    submitted.refresh_from_db()
    with pytest.raises(TransitionNotAllowed):
        promote(submitted, collect(submitted).digest, approver)


def test_b07_what_is_submitted_afterwards_is_judged_by_the_new_words(submitted, developer, compliance, administrator):
    adopt(propose(submitted.model.project, STRICTER, by=compliance), by=administrator)
    later = cast.register_version(submitted.model, developer)
    cast.submit_all_evidence(later, developer=developer)
    later = submit_version(later, actor=cast.acting(developer))
    closing = {finding.key for finding in judge(collect(later)).closing}
    assert "evidence:load_test" in closing
    assert "evidence:load_test" not in {finding.key for finding in judge(collect(submitted)).closing}
    assert later.policy_digest == digest_policy(next_text(2, STRICTER))
    assert PolicyText.objects.get(pk=later.policy_digest).text == next_text(2, STRICTER)


def test_b07_submitted_again_the_new_words_hold_and_earlier_sign_offs_are_stale(
    submitted, validator, compliance, approver, administrator, developer
):
    cast.sign(submitted, validator, "validator")
    adopt(propose(submitted.model.project, ("sign_offs: 90", "sign_offs: 30"), by=compliance), by=administrator)
    cast.sign(submitted, approver, "approver", decision="request_changes")
    submitted.refresh_from_db()
    again = submit_version(submitted, actor=cast.acting(developer))
    dossier = collect(again)
    assert dossier.policy.sign_off_days == 30
    stale = {item.role: item for item in dossier.sign_offs}["validator"]
    assert not stale.is_current
    assert any("olicy" in item for item in stale.changed)
    found = {finding.key: finding for finding in judge(dossier).findings}["sign_off:validator:0"]
    assert found.status == FindingStatus.STALE


def test_b07_threshold_edited_after_the_results_makes_every_sign_off_stale(submitted, signers, approver, developer):
    cast.sign_by_all(submitted, signers)
    read = collect(submitted).digest
    requirement = submitted.model.requirements.get(key="R-1")
    requirements.edit_requirement(
        requirement,
        title=requirement.title,
        statement=requirement.statement,
        criteria=[{"metric": "accuracy", "comparator": "at_least", "threshold": "0.1"}],
        actor=cast.acting(developer),
    )
    judged = judge(collect(submitted))
    stale = [finding for finding in judged.closing if finding.status == FindingStatus.STALE]
    assert [finding.key.split(":")[1] for finding in stale] == ["validator", "compliance", "approver"]
    assert all("equirement" in finding.detail for finding in stale)
    submitted.refresh_from_db()
    with pytest.raises(TransitionNotAllowed):  # it went back to review
        promote(submitted, read, approver)


def test_b07_policy_row_edited_by_sql_changes_no_judgement(submitted, compliance, administrator):
    """Rows are pages' business: the words in force are named by the log, and bound to the version by digest."""
    lax = propose(submitted.model.project, FEWER, by=compliance)
    PromotionPolicy.objects.filter(pk=lax.pk).update(adopted_by=administrator, adopted_at="2026-01-01T00:00:00Z")
    assert policy_in_force(submitted.model.project, "high", "production") == policy_for("high")
    assert collect(submitted).policy == policy_for("high")


# --- Through each door ----------------------------------------------------------------------------


def test_b07_no_token_adopts_whatever_its_scopes(submitted, compliance, administrator):
    proposed = propose(submitted.model.project, FEWER, by=compliance)
    answer = as_program(administrator, scopes=SCOPES).post(f"policies/{proposed.pk}/adopt", {"password": cast.PASSWORD})
    assert answer.status_code == 403
    assert answer.json()["code"] == "person_needed"
    assert not PromotionPolicy.objects.adopted().exists()


def test_b07_api_adoption_by_its_proposer_is_refused(submitted, compliance):
    proposed = propose(submitted.model.project, FEWER, by=compliance)
    answer = as_person(compliance).post(f"policies/{proposed.pk}/adopt", {"password": cast.PASSWORD})
    assert answer.status_code == 403
    assert answer.json()["code"] == "duties_not_separate"


def test_b07_stranger_finds_no_policy(submitted, compliance, stranger):
    proposed = propose(submitted.model.project, FEWER, by=compliance)
    for path in ("", "/dry-run"):
        assert as_person(stranger).get(f"policies/{proposed.pk}{path}").status_code == 404
    for path in ("/adopt", "/withdraw"):
        answer = as_person(stranger).post(f"policies/{proposed.pk}{path}", {"password": cast.PASSWORD})
        assert answer.status_code == 404
