"""verify_log finds what was changed in what stands around a vote: conditions, overrules, lent and confirmed roles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.actions import delegations, lineage, people, signoff, submission, waivers
from governance.models import (
    Condition,
    DatasetVersion,
    Delegation,
    Membership,
    ModelVersion,
    Overrule,
    Project,
    SignOff,
    Waiver,
)
from tests import cast
from tests.governance.tampering import check
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SOON = timedelta(days=10)


@pytest.fixture
def rights(project, validator, administrator, organisation_administrator) -> dict[str, Any]:
    """A right that was lent, a role that was confirmed and one that was taken away."""
    now, root = datetime.now(UTC), cast.acting(organisation_administrator)
    lent = delegations.delegate(
        project,
        to_user=administrator,
        role="validator",
        starts_at=now - timedelta(minutes=1),
        ends_at=now + SOON,
        reason="On leave.",
        password=cast.PASSWORD,
        actor=cast.acting(validator),
    )
    late = people.grant_role(project, user=administrator, role="auditor", actor=root)
    ingrid = cast.make_member("ingrid", "Ingrid Falk", project, "administrator", by=organisation_administrator)
    delegations.confirm_role(late, password=cast.PASSWORD, actor=cast.acting(ingrid))
    taken = people.grant_role(project, user=administrator, role="compliance", actor=root)
    people.end_role(taken, reason="Signed unread.", for_cause=True, actor=root)
    return {"delegation": lent, "confirmed role": late, "ended role": taken, "ingrid": ingrid}


@pytest.fixture
def things(
    model_with_go, rights, project, developer, validator, compliance, organisation_administrator
) -> dict[str, Any]:
    """One of everything, under the built-in policy, which allows conditions and overruling."""
    now = datetime.now(UTC)
    version = cast.make_ready_version(model_with_go, developer=developer)
    refused = cast.sign(version, compliance, "compliance", "request_changes")
    over = signoff.overrule_refusal(
        refused,
        role="administrator",
        reason="Answered.",
        password=cast.PASSWORD,
        actor=cast.acting(rights.pop("ingrid")),
    )
    version.refresh_from_db()
    version = submission.submit_version(version, actor=cast.acting(developer))
    asked = [{"text": text, "owner": developer, "due_at": now + SOON} for text in ("Ask the clinic.", "Watch it.")]
    vote = cast.sign(version, validator, "validator", "approve_conditions", conditions=asked)
    done, open_one = vote.conditions.order_by("pk")
    signoff.fulfil_condition(done, how="They agreed.", password=cast.PASSWORD, actor=cast.acting(validator))
    draft = cast.register_version(model_with_go, developer)
    waiver = waivers.grant_waiver(
        draft, finding_key="evidence:privacy_review", reason="Due.", expires_at=now + SOON, password=cast.PASSWORD,
        actor=cast.acting(compliance),
    )  # fmt: skip
    data = draft.dataset_uses.get(role="training").dataset_version
    lineage.recall_dataset_version(data, reason="Wrong clinic.", actor=cast.acting(compliance))
    root = cast.acting(organisation_administrator)
    delegations.set_solo_mode(project, on=True, reason="Only two people.", password=cast.PASSWORD, actor=root)
    return rights | {
        "sign-off": vote,
        "overrule": over,
        "open condition": open_one,
        "fulfilled condition": done,
        "held role": Membership.objects.get(user=validator),
        "waiver": waiver,
        "recalled data": data,
        "sound data": draft.dataset_uses.get(role="test").dataset_version,
        "version": version,
        "project": project,
    }


def problems() -> str:
    return "\n".join(problem.what for problem in check().problems)


# thing, what is written into its row, what verify_log says
CHANGES: list[tuple[str, dict[str, Any], str]] = [
    ("sign-off", {"authentication": "passkey"}, "its authentication is 'passkey'"),
    ("sign-off", {"membership_id": "held role of another"}, "another person's or another role"),
    ("sign-off", {"delegation_id": "delegation"}, "its delegation is"),
    ("overrule", {"role": "validator"}, "its role is 'validator'"),
    ("overrule", {"reason": "Other."}, "its reason is 'Other.'"),
    ("overrule", {"overruled_by_id": "another person"}, "its overruled by is "),
    ("overrule", {"overruled_at": LONG_AGO}, "its overruled at is 2020"),
    ("open condition", {"text": "Nothing."}, "its text is 'Nothing.'"),
    ("open condition", {"owner_id": "another person"}, "its owner is "),
    ("open condition", {"due_at": LONG_AGO}, "its due at is 2020"),
    ("open condition", {"fulfilled_at": LONG_AGO}, "is marked as fulfilled, but no entry says so"),
    ("fulfilled condition", {"fulfilled_at": None}, "its fulfilled at is None"),
    ("fulfilled condition", {"fulfilled_by_id": "another person"}, "its fulfilled by is "),
    ("fulfilled condition", {"fulfilled_how": "x"}, "its fulfilled how is 'x'"),
    ("delegation", {"role": "approver"}, "its role is 'approver'"),
    ("delegation", {"to_user_id": "another person"}, "its to user is "),
    ("delegation", {"from_user_id": "another person"}, "its from user is "),
    ("delegation", {"reason": "x"}, "its reason is 'x'"),
    ("delegation", {"starts_at": LONG_AGO}, "its starts at is 2020"),
    ("delegation", {"ends_at": datetime(2090, 1, 1, tzinfo=UTC)}, "its ends at is 2090"),
    ("delegation", {"given_at": LONG_AGO}, "its given at is 2020"),
    ("delegation", {"ended_at": LONG_AGO}, "is marked as ended, but no entry ends it"),
    ("confirmed role", {"confirmed_at": LONG_AGO}, "its confirmed at is 2020"),
    ("confirmed role", {"confirmed_by_id": "another person"}, "its confirmed by is "),
    ("held role", {"confirmed_at": LONG_AGO}, "is marked as confirmed, but no entry confirms it"),
    ("held role", {"granted_at": LONG_AGO}, "its granted at is 2020"),
    ("held role", {"ended_for_cause": True}, "is marked as ended, but no entry ends it"),
    ("ended role", {"ended_for_cause": False}, "its ended for cause is False"),
    ("ended role", {"ended_at": LONG_AGO}, "its ended at is 2020"),
    ("waiver", {"role": "approver"}, "its role is 'approver'"),
    ("recalled data", {"recalled_at": None}, "its recalled at is None"),
    ("recalled data", {"recalled_by_id": "another person"}, "its recalled by is "),
    ("recalled data", {"recall_reason": "x"}, "its recall reason is 'x'"),
    ("sound data", {"recalled_at": LONG_AGO}, "is marked as recalled, but no entry recalls it"),
    ("version", {"policy_digest": "sha256:x"}, "its policy is sha256:x"),
    ("version", {"target_environment": "staging"}, "its environment is staging"),
    ("version", {"submitted_at": LONG_AGO}, "its submitted at is 2020"),
    ("project", {"solo_since": None}, "its solo mode is off, recorded is on"),
    ("project", {"solo_since": LONG_AGO}, "its solo since is 2020"),
    ("project", {"solo_reason": "x"}, "the reason of its solo mode is not the recorded one"),
]
TABLES: dict[str, Any] = {
    "sign-off": SignOff,
    "overrule": Overrule,
    "open condition": Condition,
    "fulfilled condition": Condition,
    "delegation": Delegation,
    "confirmed role": Membership,
    "ended role": Membership,
    "held role": Membership,
    "waiver": Waiver,
    "recalled data": DatasetVersion,
    "sound data": DatasetVersion,
    "version": ModelVersion,
    "project": Project,
}


def test_every_change_is_found_and_nothing_else(things, organisation_administrator):
    """One history for all: making it takes longer than all the comparing."""
    assert problems() == ""
    others = {
        "held role of another": Membership.objects.filter(role="approver").get().pk,
        "delegation": things["delegation"].pk,
        "another person": organisation_administrator.pk,
    }
    missed = []
    for thing, change, said in CHANGES:
        table, ((column, value),) = TABLES[thing], change.items()
        row = table.objects.filter(pk=things[thing].pk)
        before = row.values_list(column, flat=True).get()
        with behind_the_guards():
            row.update(**{column: others.get(value, value) if isinstance(value, str) else value})
        found = problems()
        with behind_the_guards():
            row.update(**{column: before})
        if said not in found:
            missed.append((thing, column, found))
    assert missed == []
    assert problems() == ""


@pytest.mark.parametrize("thing", ["overrule", "open condition", "delegation"])
def test_deleted_row_is_found(things, thing):
    with behind_the_guards():
        TABLES[thing].objects.filter(pk=things[thing].pk).delete()
    assert "is recorded here and gone from its table" in problems()


@pytest.mark.parametrize("thing", ["open condition", "delegation"])
def test_row_put_in_by_hand_is_found(things, thing):
    row = things[thing]
    row.pk = None
    row.save(force_insert=True)
    assert "stands in its table, but no entry records it" in problems()


def test_overrule_put_in_by_hand_is_found(things, approver):
    Overrule.objects.create(
        sign_off=things["sign-off"], role="approver", reason="x", overruled_by=approver, overruled_at=datetime.now(UTC)
    )
    assert "stands in its table, but no entry records it" in problems()
