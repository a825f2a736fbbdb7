"""Votes, rights to sign and recalls through the API: a person does them, no token, and no stranger finds them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.dossier import collect
from governance.models import AuditLogEntry, Condition, Delegation, Membership, SignOff
from tests import cast
from tests.portal.api.calling import answered, as_person, as_program, refused

pytestmark = pytest.mark.django_db
SOON = (datetime.now(UTC) + timedelta(days=9)).isoformat()


def vote(version: Any, **changes: Any) -> dict[str, Any]:
    return {
        "role": "validator",
        "decision": "approve",
        "meaning": "I have read it.",
        "dossier_digest": collect(version).digest,
        "password": cast.PASSWORD,
    } | changes


def conditional(version: Any, owner: str = "dana") -> dict[str, Any]:
    conditions = [{"text": "Ask the clinic.", "owner": owner, "due_at": SOON}]
    return vote(version, decision="approve_conditions", reason="Nearly.", conditions=conditions)


def test_condition_is_set_and_fulfilled(model_with_go, validator, developer, organisation_administrator) -> None:
    second = cast.make_member("vera", "Vera Lund", model_with_go.project, "validator", by=organisation_administrator)
    ready_version = cast.make_ready_version(model_with_go, developer=developer)
    path = f"model-versions/{ready_version.pk}/sign-offs"
    signed = answered(as_person(validator).post(path, conditional(ready_version)), 201)
    (condition,) = signed["conditions"]
    fulfil = f"conditions/{condition['id']}/fulfil"
    given = {"how": "They agreed.", "password": cast.PASSWORD}

    assert (condition["owner"]["username"], condition["fulfilled_at"]) == ("dana", None)
    refused(as_person(developer).post(fulfil, given), 403, "not_permitted")
    refused(as_program(validator).post(fulfil, given), 403, "person_needed")
    assert answered(as_person(second).post(fulfil, given))["fulfilled_by"]["username"] == "vera"
    refused(as_person(validator).post(fulfil, given), 409, "duplicate")
    shown = answered(as_person(validator).get(f"model-versions/{ready_version.pk}/dossier"))
    assert shown["sign_offs"][0]["conditions"][0]["fulfilled_how"] == "They agreed."


@pytest.mark.parametrize("owner", ["mallory", "stella", "nobody"])
def test_condition_names_a_member(ready_version, validator, stranger, owner) -> None:
    given = conditional(ready_version, owner)
    problem = refused(
        as_person(validator).post(f"model-versions/{ready_version.pk}/sign-offs", given), 400, "invalid_input"
    )

    assert "holds a role in the project" in problem["detail"]
    assert SignOff.objects.count() == Condition.objects.count() == 0


def test_refusal_is_overruled_by_the_role_of_the_policy(
    second_administrator, ready_version, validator, approver, administrator
) -> None:
    """The administrator of the cast decided on the proof of concept, and contributed by that."""
    ingrid = second_administrator
    refusal = cast.sign(ready_version, validator, "validator", "reject")
    path, given = f"sign-offs/{refusal.pk}/overrule", {"reason": "Answered.", "password": cast.PASSWORD}

    refused(as_person(approver).post(path, given | {"role": "approver"}), 403, "not_permitted")
    refused(as_person(administrator).post(path, given | {"role": "administrator"}), 403, "duties_not_separate")
    refused(as_program(ingrid).post(path, given | {"role": "administrator"}), 403, "person_needed")
    done = answered(as_person(ingrid).post(path, given | {"role": "administrator"}))
    assert done["overrule"]["overruled_by"]["username"] == "ingrid"
    shown = answered(as_person(ingrid).get(f"model-versions/{ready_version.pk}/dossier"))
    overruled = shown["sign_offs"][0]["overruled"]
    assert (shown["state"], overruled) == ("IN_REVIEW", "Ingrid Falk as Administrator: Answered.")


def test_right_is_lent_used_and_ended(ready_version, validator, auditor) -> None:
    project = ready_version.model.project_id
    given = {
        "to_user": auditor.username,
        "role": "validator",
        "starts_at": datetime.now(UTC).isoformat(),
        "ends_at": SOON,
        "reason": "On leave.",
        "password": cast.PASSWORD,
    }
    refused(as_program(validator).post(f"projects/{project}/delegations", given), 403, "person_needed")
    refused(as_person(auditor).post(f"projects/{project}/delegations", given), 403, "not_permitted")
    lent = answered(as_person(validator).post(f"projects/{project}/delegations", given), 201)
    signed = answered(
        as_person(auditor).post(
            f"model-versions/{ready_version.pk}/sign-offs", vote(ready_version, delegation=lent["id"])
        ),
        201,
    )

    assert signed["signed_for"]["username"] == validator.username
    refused(as_program(auditor).post(f"delegations/{lent['id']}/end", {}), 403, "person_needed")
    assert answered(as_person(auditor).post(f"delegations/{lent['id']}/end", {}))["ended_at"]
    assert answered(as_person(validator).get(f"projects/{project}/delegations?is_current=true"))["results"] == []


def test_role_ends_for_cause_with_a_reason_only(project, validator, administrator) -> None:
    held = Membership.objects.get(user=validator)
    caller, path = as_person(administrator), f"memberships/{held.pk}/end"

    refused(caller.post(path, {"for_cause": True}), 400, "invalid_input")
    assert answered(caller.post(path, {"for_cause": True, "reason": "Signed unread."}))["ended_for_cause"] is True
    refused(caller.post(path, {}), 409, "duplicate")


def test_no_token_confirms_a_role_or_switches_solo_mode(project, validator, organisation_administrator) -> None:
    held, root = Membership.objects.get(user=validator), as_program(organisation_administrator)
    given = {"password": cast.PASSWORD}

    refused(root.post(f"memberships/{held.pk}/confirm", given), 403, "person_needed")
    solo = given | {"on": True, "reason": "We are two."}
    refused(root.put(f"projects/{project.pk}/solo-mode", solo), 403, "person_needed")
    refused(as_person(validator).put(f"projects/{project.pk}/solo-mode", solo), 403, "not_permitted")
    on = answered(as_person(organisation_administrator).put(f"projects/{project.pk}/solo-mode", solo))
    assert on["solo_reason"] == "We are two."


def test_token_recalls_data_and_reviewers_do_not(version, developer, validator) -> None:
    data = version.dataset_uses.get(role="training").dataset_version
    path, given = f"dataset-versions/{data.pk}/recall", {"reason": "The wrong clinic."}

    refused(as_person(validator).post(path, given), 403, "not_permitted")
    refused(as_program(developer, scopes=("read",)).post(path, given), 403, "scope_missing")
    done = answered(as_program(developer, scopes=("submit",)).post(path, given))
    assert (done["recalled_by"]["username"], done["recall_reason"]) == ("dana", "The wrong clinic.")
    refused(as_program(developer).post(path, given), 409, "duplicate")


def test_version_is_submitted_for_a_known_environment(model_with_go, developer) -> None:
    version = cast.register_version(model_with_go, developer)
    path = f"model-versions/{version.pk}/submit"

    refused(as_program(developer).post(path, {"environment": "moon"}), 400, "no_policy")
    done = answered(as_program(developer).post(path, {"environment": "production"}))
    assert (done["target_environment"], done["policy_digest"][:7]) == ("production", "sha256:")


def test_stranger_finds_no_vote_condition_or_delegation(ready_version, validator, auditor, stranger) -> None:
    answered(as_person(validator).post(f"model-versions/{ready_version.pk}/sign-offs", conditional(ready_version)), 201)
    given = {"role": "validator", "reason": "x", "how": "x", "password": cast.PASSWORD}
    lent = Delegation.objects.create(
        project=ready_version.model.project,
        from_user=validator,
        to_user=auditor,
        role="validator",
        reason="x",
        starts_at=datetime.now(UTC),
        ends_at=SOON,
        given_at=datetime.now(UTC),
    )
    before = AuditLogEntry.objects.count()
    caller = as_person(stranger)

    refused(caller.post(f"sign-offs/{SignOff.objects.get().pk}/overrule", given), 404, "not_found")
    refused(caller.post(f"conditions/{Condition.objects.get().pk}/fulfil", given), 404, "not_found")
    refused(caller.post(f"delegations/{lent.pk}/end", {}), 404, "not_found")
    assert AuditLogEntry.objects.count() == before
