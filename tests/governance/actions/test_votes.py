"""Conditions, refusals set aside, and votes that somebody wrote into the tables by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.actions import people, signoff, submission
from governance.actors import API_TOKEN, Actor
from governance.dossier import collect
from governance.exceptions import (
    Duplicate,
    InvalidInput,
    NotPermitted,
    ReauthenticationFailed,
    TransitionNotAllowed,
)
from governance.gate import judge
from governance.lifecycle import State
from governance.models import AuditLogEntry, Condition, ModelVersion, Overrule, SignOff, User
from governance.permissions import SCOPES
from governance.votes import standing_refusals
from tests import cast
from tests.governance.policy_texts import adopt, propose
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db


def in_days(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def approve_with(version: ModelVersion, user: User, owner: User, **changes: Any) -> SignOff:
    condition = {"text": "Ask the clinic.", "owner": owner, "due_at": in_days(5)} | changes
    return cast.sign(version, user, "validator", "approve_conditions", conditions=[condition])


def fulfil(condition: Condition, by: User, **given: Any) -> Condition:
    given = {"how": "They agreed.", "password": cast.PASSWORD, "actor": cast.acting(by)} | given
    return signoff.fulfil_condition(condition, **given)


def overrule(refused: SignOff, by: User, **given: Any) -> Overrule:
    given = {"role": "administrator", "reason": "Answered.", "password": cast.PASSWORD} | given
    return signoff.overrule_refusal(refused, **({"actor": cast.acting(by)} | given))


def state_of(version: ModelVersion) -> str:
    version.refresh_from_db()
    return version.state


def refusals_in_log() -> list[str]:
    return list(AuditLogEntry.objects.filter(type__endswith=".refused").order_by("pk").values_list("type", flat=True))


# --- Conditions -----------------------------------------------------------------------------------


def test_conditions_stand_in_the_entry_and_let_run_until_due(ready_version, signers, developer):
    """The built-in policy lets a release run until the date."""
    signed = approve_with(ready_version, signers[0][0], developer)
    cast.sign_by_all(ready_version, signers[1:])
    assert signed.log_index is not None
    body = cast.read_body(AuditLogEntry.objects.get(pk=signed.log_index))
    (recorded,) = body["data"]["conditions"]

    assert (recorded["text"], recorded["owner"]) == ("Ask the clinic.", developer.pk)
    assert state_of(ready_version) == State.APPROVED
    assert not [finding for finding in judge(collect(ready_version)).closing if finding.key.startswith("condition")]


def test_blocking_condition_is_fulfilled_by_the_role_that_set_it(
    model_with_go, project, developer, signers, compliance, administrator
):
    adopt(propose(project, ("run_until_due: true", "run_until_due: false"), by=compliance), by=administrator)
    version = cast.make_ready_version(model_with_go, developer=developer)
    condition = approve_with(version, signers[0][0], developer).conditions.get()
    # Whoever adopted or proposed the policy touched no dossier by that.
    cast.sign_by_all(version, signers[1:])
    assert state_of(version) == State.IN_REVIEW

    with pytest.raises(NotPermitted, match="a validator says"):
        fulfil(condition, compliance)
    with pytest.raises(ReauthenticationFailed):
        fulfil(condition, signers[0][0], password="wrong")
    assert state_of(version) == State.IN_REVIEW
    done = fulfil(condition, signers[0][0])
    assert (done.fulfilled_how, state_of(version)) == ("They agreed.", State.APPROVED)
    with pytest.raises(Duplicate):
        fulfil(condition, signers[0][0])
    assert refusals_in_log() == ["condition.refused"] * 3


def test_b01_who_had_to_do_it_does_not_call_it_done(model_with_go, developer, validator, organisation_administrator):
    other = cast.make_member("vera", "Vera Lund", model_with_go.project, "validator", by=organisation_administrator)
    version = cast.make_ready_version(model_with_go, developer=developer)
    condition = approve_with(version, validator, other).conditions.get()
    with pytest.raises(NotPermitted, match="somebody else"):
        fulfil(condition, other)
    with pytest.raises(NotPermitted):
        fulfil(condition, validator, actor=Actor(validator, API_TOKEN, scopes=frozenset(SCOPES)))
    condition.refresh_from_db()
    assert condition.fulfilled_at is None


@pytest.mark.parametrize(
    "changes",
    [{"due_at": in_days(-1)}, {"due_at": in_days(31)}, {"due_at": datetime(2026, 12, 1)}, {"text": "  "}],  # noqa: DTZ001
)
def test_condition_is_refused(ready_version, validator, developer, changes):
    with pytest.raises(InvalidInput):
        approve_with(ready_version, validator, developer, **changes)
    assert SignOff.objects.count() == Condition.objects.count() == 0
    assert refusals_in_log() == []


def test_condition_is_given_to_a_member_and_only_with_its_decision(ready_version, validator, stranger, developer):
    with pytest.raises(InvalidInput, match="needs a role in the project"):
        approve_with(ready_version, validator, stranger)
    given = [{"text": "x", "owner": developer, "due_at": in_days(3)}]
    with pytest.raises(InvalidInput, match="only that, needs conditions"):
        cast.sign(ready_version, validator, "validator", conditions=given)
    with pytest.raises(InvalidInput, match="only that, needs conditions"):
        cast.sign(ready_version, validator, "validator", "approve_conditions")
    with pytest.raises(InvalidInput, match="At most 20"):
        cast.sign(ready_version, validator, "validator", "approve_conditions", conditions=given * 21)
    assert SignOff.objects.count() == 0


def test_policy_may_allow_no_conditions(model_with_go, project, developer, validator, compliance, administrator):
    allowed = "conditions: {allowed: true, run_until_due: true, longest_days: 30}"
    adopt(propose(project, (allowed, "conditions: {allowed: false}"), by=compliance), by=administrator)
    version = cast.make_ready_version(model_with_go, developer=developer)
    with pytest.raises(InvalidInput, match="does not allow"):
        approve_with(version, validator, developer)


# --- Refusals -------------------------------------------------------------------------------------


def test_b23_rejection_is_taken_back_by_its_author_only(ready_version, signers):
    (validator, _), (compliance, _), _approver = signers
    cast.sign(ready_version, validator, "validator", "reject")
    with pytest.raises(TransitionNotAllowed, match="Only whoever rejected it"):
        cast.sign(ready_version, compliance, "compliance")
    cast.sign(ready_version, validator, "validator", "abstain")
    assert state_of(ready_version) == State.IN_REVIEW
    assert standing_refusals(collect(ready_version)) == []
    cast.sign_by_all(ready_version, signers)
    assert state_of(ready_version) == State.APPROVED


def test_b23_refusal_stands_after_the_dossier_changed(ready_version, signers, developer):
    """Changed and submitted again, approved by everybody else, and still closed."""
    (validator, _), *others = signers
    cast.sign(ready_version, validator, "validator", "request_changes")
    cast.submit(ready_version, "document", by=developer, title="Late card", file=[b"x"], file_name="card.md")
    version = submission.submit_version(ModelVersion.objects.get(pk=ready_version.pk), actor=cast.acting(developer))
    cast.sign_by_all(version, others)
    (closing,) = [one for one in judge(collect(version)).closing if one.key.startswith("refusal")]
    assert "evidence: Late card (new)" in closing.detail
    cast.sign(version, validator, "validator")
    assert state_of(version) == State.APPROVED


def test_b23_refusal_is_overruled_by_the_role_of_the_policy_and_stays_on_record(
    second_administrator, ready_version, signers, approver, administrator
):
    refused = cast.sign(ready_version, signers[1][0], "compliance", "reject")
    with pytest.raises(NotPermitted, match="only a person in the role administrator"):
        overrule(refused, approver, role="approver")
    with pytest.raises(NotPermitted) as caught:  # who decided on the proof of concept contributed
        overrule(refused, administrator)
    assert caught.value.code == "duties_not_separate"
    with pytest.raises(ReauthenticationFailed):
        overrule(refused, second_administrator, password="wrong")
    assert state_of(ready_version) == State.REJECTED
    overrule(refused, second_administrator)
    assert state_of(ready_version) == State.IN_REVIEW
    (item,) = collect(ready_version).sign_offs
    assert (item.decision, item.overruled) == ("reject", "Ingrid Falk as Administrator: Answered.")
    with pytest.raises(Duplicate):
        overrule(refused, second_administrator)
    assert refusals_in_log() == ["overrule.refused"] * 4


def test_nobody_overrules_their_own_refusal(model_with_go, developer, signers, organisation_administrator):
    root = cast.acting(organisation_administrator)
    people.grant_role(model_with_go.project, user=signers[0][0], role="administrator", actor=root)
    version = cast.make_ready_version(model_with_go, developer=developer)
    refused = cast.sign(version, signers[0][0], "validator", "reject")
    with pytest.raises(NotPermitted, match="voting again"):
        overrule(refused, signers[0][0])


# --- Written into the tables by hand --------------------------------------------------------------


def forge(version: ModelVersion, user: User, role: str, decision: str = "approve", **changes: Any) -> SignOff:
    """A row as somebody with the database's password would put it, without an entry of the log."""
    dossier = collect(version)
    given = {
        "version": version,
        "dossier_id": dossier.digest,
        "signer": user,
        "signer_name": user.get_full_name(),
        "role": role,
        "decision": decision,
        "meaning": "I agree.",
        "signed_at": datetime.now(UTC),
    }
    return SignOff.objects.create(**(given | changes))


def test_b14_vote_that_no_entry_records_fills_no_place(ready_version, signers):
    cast.sign_by_all(ready_version, signers[:2])
    forge(ready_version, *signers[2])
    assert not judge(collect(ready_version)).is_open
    # Not even when it points to the entry of another vote.
    other = SignOff.objects.earliest("pk")
    with behind_the_guards():
        SignOff.objects.filter(signer=signers[2][0]).update(log_index=other.log_index)
    assert not judge(collect(ready_version)).is_open


def test_b23_forged_abstention_takes_no_refusal_back(ready_version, signers):
    cast.sign(ready_version, signers[0][0], "validator", "reject")
    forge(ready_version, signers[0][0], "validator", "abstain")
    assert len(standing_refusals(collect(ready_version))) == 1


@pytest.mark.parametrize("change", [{"decision": "approve"}, {"role": "auditor"}, {"log_index": None}])
def test_b23_refusal_changed_by_sql_closes_the_gate(ready_version, validator, developer, change):
    refused = cast.sign(ready_version, validator, "validator", "request_changes")
    version = submission.submit_version(refused_version(ready_version), actor=cast.acting(developer))
    with behind_the_guards():
        SignOff.objects.filter(pk=refused.pk).update(**change)
    dossier = collect(version)
    assert dossier.unrecorded
    assert [finding for finding in judge(dossier).closing if finding.area != "sign_offs"]


def refused_version(version: ModelVersion) -> ModelVersion:
    return ModelVersion.objects.get(pk=version.pk)


def test_b23_deleted_refusal_closes_the_gate(ready_version, signers, developer):
    cast.sign(ready_version, signers[0][0], "validator", "request_changes")
    version = submission.submit_version(refused_version(ready_version), actor=cast.acting(developer))
    with behind_the_guards():
        SignOff.objects.all().delete()
    assert collect(version).unrecorded
    assert not judge(collect(version)).is_open


def test_condition_removed_or_called_fulfilled_by_sql_opens_nothing(
    model_with_go, project, developer, signers, compliance, administrator
):
    adopt(propose(project, ("run_until_due: true", "run_until_due: false"), by=compliance), by=administrator)
    version = cast.make_ready_version(model_with_go, developer=developer)
    condition = approve_with(version, signers[0][0], developer).conditions.get()
    cast.sign_by_all(version, signers[1:])
    rows = Condition.objects.filter(pk=condition.pk)
    with behind_the_guards():
        rows.update(fulfilled_at=datetime.now(UTC), fulfilled_by=signers[0][0])
        assert not judge(collect(version)).is_open
        rows.update(text="Nothing.")
        assert not judge(collect(version)).is_open
        rows.delete()
    assert not judge(collect(version)).is_open
