"""Roles granted late, confirmed, ended; rights lent; solo mode; and what a recall reaches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.actions import delegations, lineage, people
from governance.actors import API_TOKEN, Actor
from governance.dossier import collect
from governance.exceptions import Duplicate, InvalidInput, NotPermitted, ReauthenticationFailed
from governance.gate import judge
from governance.lifecycle import State
from governance.models import Delegation, Membership, Project, SignOff, User
from governance.permissions import SCOPES
from tests import cast
from tests.governance.test_gate import statuses

pytestmark = pytest.mark.django_db


def lend(project: Project, giver: User, to_user: User, **changes: Any) -> Delegation:
    now = datetime.now(UTC)
    given = {
        "to_user": to_user,
        "role": "validator",
        "starts_at": now - timedelta(minutes=1),
        "ends_at": now + timedelta(days=7),
        "reason": "On leave.",
        "password": cast.PASSWORD,
        "actor": cast.acting(giver),
    }
    return delegations.delegate(project, **(given | changes))


def confirm(membership: Membership, by: User, **given: Any) -> Membership:
    given = {"password": cast.PASSWORD, "actor": cast.acting(by)} | given
    return delegations.confirm_role(membership, **given)


@pytest.fixture
def late(ready_version, organisation_administrator) -> Membership:
    """A validator's role that is younger than the version under review."""
    project = ready_version.model.project
    user = cast.make_member("lars", "Lars Late", project, "validator", by=organisation_administrator)
    return Membership.objects.get(user=user)


# --- Roles younger than what they are to sign ------------------------------------------------------


def test_b03_role_granted_after_submission_does_not_sign(ready_version, late):
    with pytest.raises(NotPermitted) as caught:
        cast.sign(ready_version, late.user, "validator")
    assert caught.value.code == "role_not_confirmed"
    assert SignOff.objects.count() == 0


def test_b03_role_signs_once_a_second_administrator_confirmed_it(
    ready_version, late, organisation_administrator, administrator
):
    with pytest.raises(NotPermitted) as caught:
        confirm(late, organisation_administrator)  # who granted it
    assert caught.value.code == "duties_not_separate"
    with pytest.raises(ReauthenticationFailed):
        confirm(late, administrator, password="wrong")
    with pytest.raises(NotPermitted):
        confirm(late, administrator, actor=Actor(administrator, API_TOKEN, scopes=frozenset(SCOPES)))
    with pytest.raises(NotPermitted):
        cast.sign(ready_version, late.user, "validator")
    confirm(late, administrator)
    with pytest.raises(Duplicate):
        confirm(late, administrator)
    cast.sign(ready_version, late.user, "validator")
    assert statuses(collect(ready_version))["sign_off:validator:0"] == "MET"


def test_b03_nobody_confirms_their_own_role(project, second_administrator, organisation_administrator):
    own = people.grant_role(
        project, user=second_administrator, role="validator", actor=cast.acting(organisation_administrator)
    )
    with pytest.raises(NotPermitted) as caught:
        confirm(own, second_administrator)
    assert caught.value.code == "duties_not_separate"


def test_b03_second_login_of_who_granted_does_not_confirm(late, administrator, organisation_administrator):
    administrator.person_key = organisation_administrator.person_key
    with pytest.raises(NotPermitted):
        confirm(late, administrator)


def test_b03_role_signs_what_is_submitted_after_it(ready_version, late, developer):
    version = cast.make_ready_version(ready_version.model, developer=developer)
    cast.sign(version, late.user, "validator")


# --- Leavers, and roles taken away -----------------------------------------------------------------


def test_b20_vote_for_another_falls_with_the_one_who_cast_it(
    ready_version, signers, auditor, organisation_administrator
):
    lent = lend(ready_version.model.project, signers[0][0], auditor)
    cast.sign(ready_version, auditor, "validator", delegation=lent)
    cast.sign_by_all(ready_version, signers[1:])
    assert judge(collect(ready_version)).is_open
    root = cast.acting(organisation_administrator)
    people.end_role(Membership.objects.get(user=auditor), reason="Bribed.", for_cause=True, actor=root)
    assert statuses(collect(ready_version))["sign_off:validator:0"] != "MET"
    cast.sign(ready_version, signers[0][0], "validator")
    assert judge(collect(ready_version)).is_open


def test_b20_leavers_signature_stands(ready_version, signers, organisation_administrator):
    cast.sign_by_all(ready_version, signers)
    root = cast.acting(organisation_administrator)
    people.end_role(Membership.objects.get(user=signers[0][0]), reason="Moved on.", actor=root)
    people.close_user(signers[0][0], reason="Left.", actor=root)
    assert judge(collect(ready_version)).is_open


def test_b20_signature_in_a_role_ended_for_cause_counts_no_more(ready_version, signers, organisation_administrator):
    cast.sign_by_all(ready_version, signers)
    membership = Membership.objects.get(user=signers[0][0])
    root = cast.acting(organisation_administrator)
    with pytest.raises(InvalidInput):
        people.end_role(membership, for_cause=True, actor=root)
    people.end_role(membership, reason="Signed unread.", for_cause=True, actor=root)
    (finding,) = [one for one in judge(collect(ready_version)).closing if one.key == "sign_off:validator:0"]
    assert "taken away for cause" in finding.detail


def test_b21_role_given_anew_after_it_was_ended_for_cause_brings_nothing_back(
    ready_version, signers, organisation_administrator
):
    cast.sign_by_all(ready_version, signers)
    root, validator = cast.acting(organisation_administrator), signers[0][0]
    people.end_role(Membership.objects.get(user=validator), reason="Signed unread.", for_cause=True, actor=root)
    people.grant_role(ready_version.model.project, user=validator, role="validator", actor=root)
    assert not judge(collect(ready_version)).is_open


# --- Delegation ------------------------------------------------------------------------------------


def test_delegate_signs_for_the_giver_and_the_record_says_so(ready_version, validator, auditor):
    lent = lend(ready_version.model.project, validator, auditor)
    signed = cast.sign(ready_version, auditor, "validator", delegation=lent)
    (item,) = collect(ready_version).sign_offs
    assert (signed.delegation, item.signer, item.delegator) == (lent, auditor.get_full_name(), "Viktor Hahn")
    assert statuses(collect(ready_version))["sign_off:validator:0"] == "MET"


@pytest.mark.parametrize("who", ["developer", "compliance"])
def test_b04_delegation_crosses_no_separation_of_duties(ready_version, validator, who, request):
    """A contributor does not sign for somebody, and one who fills a place fills no second one."""
    delegate = request.getfixturevalue(who)
    lent = lend(ready_version.model.project, validator, delegate)
    if who == "developer":
        with pytest.raises(NotPermitted) as caught:
            cast.sign(ready_version, delegate, "validator", delegation=lent)
        assert caught.value.code == "duties_not_separate"
    else:
        cast.sign(ready_version, delegate, "validator", delegation=lent)
        cast.sign(ready_version, delegate, "compliance")
        found = statuses(collect(ready_version))
        assert sorted((found["sign_off:validator:0"], found["sign_off:compliance:1"])) != ["MET", "MET"]


def test_b01_contributor_has_nobody_sign_for_them(model_with_go, developer, auditor, organisation_administrator):
    project = model_with_go.project
    people.grant_role(project, user=developer, role="validator", actor=cast.acting(organisation_administrator))
    lent = lend(project, developer, auditor)
    version = cast.make_ready_version(model_with_go, developer=developer)
    with pytest.raises(NotPermitted) as caught:
        cast.sign(version, auditor, "validator", delegation=lent)
    assert caught.value.code == "duties_not_separate"


@pytest.mark.parametrize("how", ["ended", "over", "not begun", "another role", "another person", "giver left"])
def test_delegation_gives_no_more_than_it_says(ready_version, validator, auditor, approver, administrator, how):
    project, now = ready_version.model.project, datetime.now(UTC)
    begins = {"starts_at": now + timedelta(days=1)} if how == "not begun" else {}
    lent, signer = lend(project, validator, auditor, **begins), auditor
    if how == "ended":
        delegations.end_delegation(lent, actor=cast.acting(auditor))
    elif how == "over":
        Delegation.objects.filter(pk=lent.pk).update(ends_at=now - timedelta(seconds=1))
    elif how == "another person":
        signer = approver
    elif how == "giver left":
        people.end_role(Membership.objects.get(user=validator), actor=cast.acting(administrator))
    with pytest.raises(NotPermitted):
        cast.sign(ready_version, signer, "approver" if how == "another role" else "validator", delegation=lent)
    assert SignOff.objects.count() == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"ends_at": datetime.now(UTC) - timedelta(hours=1)},
        {"ends_at": datetime.now(UTC) + timedelta(days=91)},
        {"ends_at": datetime(2026, 12, 1)},  # noqa: DTZ001
        {"reason": " "},
        {"to_user": "giver"},
        {"to_user": "stranger"},
    ],
)
def test_delegation_is_refused(project, validator, auditor, stranger, changes):
    changes = dict(changes)
    to_user = {"giver": validator, "stranger": stranger}.get(changes.pop("to_user", ""), auditor)
    with pytest.raises(InvalidInput):
        lend(project, validator, to_user, **changes)
    assert Delegation.objects.count() == 0


def test_nobody_lends_what_they_do_not_hold_or_were_lent(project, validator, auditor, approver):
    with pytest.raises(NotPermitted):
        lend(project, validator, auditor, role="approver")
    lend(project, validator, auditor)
    with pytest.raises(NotPermitted):
        lend(project, auditor, approver)
    with pytest.raises(ReauthenticationFailed):
        lend(project, validator, approver, password="wrong")


def test_others_do_not_end_a_delegation(project, validator, auditor, approver, administrator):
    lent = lend(project, validator, auditor)
    with pytest.raises(NotPermitted):
        delegations.end_delegation(lent, actor=cast.acting(approver))
    delegations.end_delegation(lent, reason="Back early.", actor=cast.acting(administrator))
    with pytest.raises(Duplicate):
        delegations.end_delegation(lent, actor=cast.acting(validator))


# --- Solo mode -------------------------------------------------------------------------------------


def switch(project: Project, by: User, on: bool = True) -> Project:
    given = {"reason": "We are one.", "password": cast.PASSWORD, "actor": cast.acting(by)}
    return delegations.set_solo_mode(project, on=on, **given)


def test_solo_mode_lets_one_person_do_everything_and_off_again_it_counts_no_more(
    model_with_go, developer, organisation_administrator
):
    project, root = model_with_go.project, organisation_administrator
    for role in ("validator", "compliance", "approver"):
        people.grant_role(project, user=developer, role=role, actor=cast.acting(root))
    switch(project, root)
    version = cast.make_ready_version(model_with_go, developer=developer)
    for role in ("validator", "compliance", "approver"):
        cast.sign(version, developer, role)
    version.refresh_from_db()
    assert version.state == State.APPROVED
    switch(project, root, on=False)
    dossier = collect(version)
    assert not judge(dossier).is_open
    assert all(not item.is_current for item in dossier.sign_offs)
    with pytest.raises(NotPermitted):
        cast.sign(version, developer, "validator")


def test_solo_mode_is_switched_by_organisation_administrators_once(project, administrator, organisation_administrator):
    with pytest.raises(NotPermitted):
        switch(project, administrator)
    switch(project, organisation_administrator)
    with pytest.raises(Duplicate):
        switch(project, organisation_administrator)


# --- Recall ----------------------------------------------------------------------------------------


def test_recall_reaches_exactly_the_dossiers_that_use_the_data(ready_version, signers, developer, compliance):
    other = cast.make_ready_version(ready_version.model, developer=developer)
    for version in (ready_version, other):
        cast.sign_by_all(version, signers)
    raw = ready_version.dataset_uses.get(role="training").dataset_version
    lineage.recall_dataset_version(raw, reason="The wrong clinic.", actor=cast.acting(compliance))
    for version in (ready_version, other):
        version.refresh_from_db()
    assert (ready_version.state, other.state) == (State.IN_REVIEW, State.APPROVED)
    assert "The wrong clinic." in " ".join(one.detail for one in judge(collect(ready_version)).closing)
    assert judge(collect(other)).is_open
