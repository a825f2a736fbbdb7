"""Signing: over a digest, by the right person, with a fresh password."""

from __future__ import annotations

import pytest

from governance.actions import catalog, lineage, people, requirements, submission
from governance.actors import API_TOKEN, COMMAND, Actor
from governance.dossier import collect
from governance.exceptions import (
    Duplicate,
    GateClosed,
    NotPermitted,
    ReauthenticationFailed,
    StaleReading,
    TransitionNotAllowed,
)
from governance.gate import judge
from governance.lifecycle import State
from governance.models import AuditLogEntry, Membership, SignOff
from governance.permissions import SCOPES
from tests import cast


def test_sign_off_records_name_role_meaning_time_and_digest(ready_version, validator):
    signed = cast.sign(ready_version, validator, "validator", meaning="I re-ran the evaluation.")
    body = cast.read_body(AuditLogEntry.objects.get(index=signed.log_index))
    assert (signed.signer_name, signed.role, signed.meaning) == ("Viktor Hahn", "validator", "I re-ran the evaluation.")
    assert body["type"] == "sign_off.given"
    assert body["data"]["dossier"] == signed.dossier_id
    assert body["actor"]["name"] == "Viktor Hahn"


def test_last_sign_off_that_opens_the_gate_approves(ready_version, signers):
    for user, role in signers[:2]:
        cast.sign(ready_version, user, role)
        ready_version.refresh_from_db()
        assert ready_version.state == State.IN_REVIEW
    cast.sign(ready_version, *signers[2])
    ready_version.refresh_from_db()
    assert ready_version.state == State.APPROVED


@pytest.mark.parametrize("role", ["validator", "compliance", "approver"])
def test_b01_contributor_cannot_sign(model_with_go, developer, organisation_administrator, role):
    """Whatever role a contributor holds besides, history stands."""
    people.grant_role(model_with_go.project, user=developer, role=role, actor=cast.acting(organisation_administrator))
    ready_version = cast.make_ready_version(model_with_go, developer=developer)
    with pytest.raises(NotPermitted) as caught:
        cast.sign(ready_version, developer, role)
    assert caught.value.code == "duties_not_separate"
    assert SignOff.objects.count() == 0


def touch_dataset(version, user):
    dataset = version.dataset_uses.first().dataset_version.dataset
    made = lineage.register_dataset_version(dataset, digest="sha256:" + "9" * 64, row_count=1, actor=cast.acting(user))
    lineage.declare_dataset_use(version, dataset_version=made, role="validation", actor=cast.acting(user))


def touch_requirement(version, user):
    requirements.write_requirement(version.model, title="T", statement="S", actor=cast.acting(user))


def touch_evidence(version, user):
    cast.submit(version, "file", by=user, file=[b"x"], file_name="x.txt")


def touch_tier(version, user):
    cast.assess(version.model, "high", by=user)


def touch_description(version, user):
    catalog.describe_model(version.model, description="A little better said.", actor=cast.acting(user))


def touch_evaluation(version, user):
    submitted = {item.kind: item for item in version.evidence.all()}
    cast.evaluate(version, submitted, by=user)


@pytest.mark.parametrize(
    "touch", [touch_dataset, touch_requirement, touch_evidence, touch_tier, touch_description, touch_evaluation]
)
def test_b01_every_kind_of_touch_makes_a_contributor(
    ready_version, validator, signers, organisation_administrator, touch
):
    root = cast.acting(organisation_administrator)
    people.grant_role(ready_version.model.project, user=validator, role="developer", actor=root)
    touch(ready_version, validator)
    with pytest.raises(NotPermitted) as caught:
        cast.sign(ready_version, validator, "validator")
    assert caught.value.code == "duties_not_separate"


def test_b02_second_login_of_a_contributor_cannot_sign(ready_version, developer, validator):
    validator.person_key = developer.person_key
    validator.save(update_fields=["person_key"])
    with pytest.raises(NotPermitted) as caught:
        cast.sign(ready_version, validator, "validator")
    assert caught.value.code == "duties_not_separate"


def test_b04_one_person_with_all_roles_does_not_approve_alone(
    model_with_go, developer, validator, organisation_administrator
):
    root = cast.acting(organisation_administrator)
    for role in ("compliance", "approver"):
        people.grant_role(model_with_go.project, user=validator, role=role, actor=root)
    ready_version = cast.make_ready_version(model_with_go, developer=developer)
    for role in ("validator", "compliance", "approver"):
        cast.sign(ready_version, validator, role)
    ready_version.refresh_from_db()
    assert ready_version.state == State.IN_REVIEW


def test_b06_stale_form_is_refused(ready_version, developer, validator):
    seen = collect(ready_version).digest
    touch_evidence(ready_version, developer)
    with pytest.raises(StaleReading) as caught:
        cast.sign(ready_version, validator, "validator", dossier_digest=seen)
    assert caught.value.code == "dossier_changed"
    assert SignOff.objects.count() == 0


def test_b14_approval_of_one_version_says_nothing_of_another(ready_version, model_with_go, developer, validator):
    signed = cast.sign(ready_version, validator, "validator")
    other = cast.make_ready_version(model_with_go, developer=developer)
    with pytest.raises(StaleReading):
        cast.sign(other, validator, "validator", dossier_digest=signed.dossier_id)
    assert collect(other).sign_offs == ()


def test_b15_same_vote_twice_counts_once(ready_version, validator):
    cast.sign(ready_version, validator, "validator")
    with pytest.raises(Duplicate):
        cast.sign(ready_version, validator, "validator")
    assert SignOff.objects.count() == 1


@pytest.mark.parametrize("scopes", [frozenset(), *(frozenset({scope}) for scope in SCOPES), frozenset(SCOPES)])
def test_b17_token_never_signs(ready_version, validator, scopes):
    with pytest.raises(NotPermitted) as caught:
        cast.sign(ready_version, validator, "validator", actor=Actor(validator, API_TOKEN, scopes=scopes))
    assert caught.value.code == "person_needed"


def test_b17_command_line_never_signs(ready_version, validator):
    with pytest.raises(NotPermitted):
        cast.sign(ready_version, validator, "validator", actor=Actor(validator, COMMAND))


def test_b18_wrong_password_signs_nothing(ready_version, validator):
    with pytest.raises(ReauthenticationFailed):
        cast.sign(ready_version, validator, "validator", password="wrong")
    assert SignOff.objects.count() == 0


def test_b21_role_ended_between_page_and_click(ready_version, validator, organisation_administrator):
    people.end_role(Membership.objects.get(user=validator), actor=cast.acting(organisation_administrator))
    with pytest.raises(NotPermitted):
        cast.sign(ready_version, validator, "validator")


def test_b23_mind_that_is_changed_twice_leaves_three_votes(ready_version, validator, developer):
    cast.sign(ready_version, validator, "validator")
    cast.sign(ready_version, validator, "validator", "request_changes")
    submission.submit_version(ready_version, actor=cast.acting(developer))
    cast.sign(ready_version, validator, "validator")
    decisions = ["approve", "request_changes", "approve"]
    assert list(SignOff.objects.order_by("pk").values_list("decision", flat=True)) == decisions
    found = {finding.key: finding.status for finding in judge(collect(ready_version)).findings}
    assert found["sign_off:validator:0"] == "MET"
    assert not any(key.startswith("refusal") for key in found)


def test_b23_refusal_stays_beside_a_later_approval(ready_version, validator):
    cast.sign(ready_version, validator, "validator", "request_changes", reason="Explain the threshold.")
    ready_version.refresh_from_db()
    assert ready_version.state == State.DRAFT
    assert [(item.decision, item.reason) for item in collect(ready_version).sign_offs] == [
        ("request_changes", "Explain the threshold.")
    ]


def test_sign_off_needs_every_other_finding_met(model_with_go, developer, validator):
    version = cast.register_version(model_with_go, developer)
    submission.submit_version(version, actor=cast.acting(developer))
    with pytest.raises(GateClosed) as caught:
        cast.sign(version, validator, "validator")
    assert "evidence:validation_report" in {finding.key for finding in caught.value.findings}


def test_rejection_ends_the_version(ready_version, validator, approver):
    cast.sign(ready_version, validator, "validator", "reject", reason="Wrong target.")
    ready_version.refresh_from_db()
    assert ready_version.state == State.REJECTED
    with pytest.raises(TransitionNotAllowed):
        cast.sign(ready_version, approver, "approver")


def test_version_enters_review_only_with_a_recorded_go(version, developer):
    with pytest.raises(TransitionNotAllowed, match="recorded go"):
        submission.submit_version(version, actor=cast.acting(developer))


def test_amending_an_approved_version_takes_the_approval_back(ready_version, signers, developer):
    cast.sign_by_all(ready_version, signers)
    touch_evidence(ready_version, developer)
    ready_version.refresh_from_db()
    assert ready_version.state == State.IN_REVIEW
    stale = [finding for finding in judge(collect(ready_version)).closing if finding.area == "sign_offs"]
    assert [finding.status for finding in stale] == ["STALE", "STALE", "STALE"]
    assert stale[0].detail == "Viktor Hahn signed before this changed: evidence: File (new)."
