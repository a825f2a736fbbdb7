"""Emergencies, rollbacks and what the clock withdraws, in a project with a light policy."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance import auditlog, permits, releasing
from governance.actions import emergency, lineage, people, promotion, signoff, submission, withdrawal
from governance.actors import API_TOKEN, SYSTEM, Actor
from governance.dossier import collect
from governance.exceptions import (
    Duplicate,
    GateClosed,
    GovernanceError,
    InvalidInput,
    NotPermitted,
    NotSealedYet,
    ReauthenticationFailed,
    TransitionNotAllowed,
)
from governance.models import AuditLogEntry, FollowUp, Membership, Release, User
from governance.permits import in_use_at, permit_for
from governance.signer import sign_once
from portal.expiry import withdraw_expired_releases
from tests import cast
from tests.governance.light import Light, make_light, propose_light
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db


@pytest.fixture
def light(organisation_administrator, keys) -> Light:
    return make_light(organisation_administrator)


@pytest.fixture
def clock(monkeypatch):
    """Moves the database's clock, as far as the record office sees it."""
    real, ahead = auditlog.database_now, [timedelta(0)]

    def now():
        return real() + ahead[0]

    for module in ("auditlog", "dossier", "permits", "actions.submission", "actions.withdrawal", "sealing"):
        monkeypatch.setattr(f"governance.{module}.database_now", now, raising=False)
    monkeypatch.setattr("portal.expiry.database_now", now)

    def move(**distance):
        ahead[0] += timedelta(**distance)

    return move


def ask(light, version, who="approver", hours=4, **given):
    given = {
        "reason": "The old one fails.",
        "dossier_digest": collect(version).digest,
        "password": cast.PASSWORD,
    } | given
    return emergency.ask_for_emergency(version, hours=hours, actor=cast.acting(light.team[who]), **given)


def confirm(light, asked, who="compliance", **given):
    given = {"dossier_digest": collect(asked.version).digest, "password": cast.PASSWORD} | given
    return emergency.confirm_emergency(asked, actor=cast.acting(light.team[who]), **given)


def types():
    return list(AuditLogEntry.objects.order_by("index").values_list("type", flat=True))


# --- Emergencies -------------------------------------------------------------------------------------------


def test_b28_emergency_takes_two_people_ends_by_itself_and_leaves_a_finding(light, clock):
    version = light.version()
    release = confirm(light, ask(light, version))
    version.refresh_from_db()
    assert (version.state, release.kind) == ("EMERGENCY", "emergency")
    assert release.expires_at - release.started_at == timedelta(hours=4)
    assert types()[-2:] == ["emergency.asked", "version.promoted_in_emergency"]
    clock(hours=4, seconds=1)
    assert permit_for(version, "production").code == "expired"
    assert withdraw_expired_releases() == 1
    assert withdraw_expired_releases() == 0
    version.refresh_from_db()
    release.refresh_from_db()
    assert (version.state, release.ended_at is None) == ("IN_REVIEW", False)
    follow_up = FollowUp.objects.get()
    assert (follow_up.kind, follow_up.closed_at) == ("emergency", None)
    assert permit_for(version, "production").code == "not_released"


def test_b28_nobody_confirms_their_own_emergency(light):
    asked = ask(light, light.version())
    with pytest.raises(NotPermitted, match="Somebody else"):
        confirm(light, asked, who="approver")
    assert types()[-1] == "emergency.refused"
    assert not Release.objects.exists()


def test_b02_second_login_of_who_asked_does_not_confirm(light, organisation_administrator):
    asked = ask(light, light.version())
    twin = cast.make_person("twin", "Twin", by=organisation_administrator)
    User.objects.filter(pk=twin.pk).update(person_key=light.team["approver"].person_key)
    people.grant_role(light.project, user=twin, role="compliance", actor=cast.acting(organisation_administrator))
    with pytest.raises(NotPermitted, match="Somebody else"):
        emergency.confirm_emergency(
            asked,
            dossier_digest=collect(asked.version).digest,
            password=cast.PASSWORD,
            actor=cast.acting(User.objects.get(pk=twin.pk)),
        )


@pytest.mark.parametrize("who", ["validator", "developer", "administrator", "auditor"])
def test_b28_emergency_is_for_the_roles_of_the_policy(light, who):
    with pytest.raises(NotPermitted):
        ask(light, light.version(), who=who)


@pytest.mark.parametrize("hours", [0, -1, 49, 72])
def test_b28_emergency_lasts_no_longer_than_the_policy_says(light, hours):
    with pytest.raises(InvalidInput):
        ask(light, light.version(), hours=hours)


def test_b01_contributor_neither_asks_for_nor_confirms_an_emergency(light):
    version = light.version()
    asked = ask(light, version)
    cast.submit(version, "document", by=light.team["compliance"], file=[b"x"], file_name="x.txt")
    with pytest.raises(NotPermitted) as caught:
        confirm(light, asked)
    assert caught.value.code == "duties_not_separate"


def test_b06_emergency_is_confirmed_only_as_it_was_asked_for(light):
    version = light.version()
    asked = ask(light, version)
    light.report(version, title="Another")
    with pytest.raises(TransitionNotAllowed, match="Ask again"):
        confirm(light, asked)


def test_b15_emergency_asked_for_twice_is_refused(light):
    version = light.version()
    ask(light, version)
    with pytest.raises(Duplicate):
        ask(light, version)


@pytest.mark.parametrize("scopes", [("read",), ("read", "submit", "report", "administer")])
def test_b17_token_asks_for_no_emergency(light, scopes):
    version = light.version()
    actor = Actor(light.team["approver"], API_TOKEN, scopes=frozenset(scopes))
    with pytest.raises(NotPermitted) as caught:
        emergency.ask_for_emergency(
            version,
            reason="x",
            hours=1,
            dossier_digest=collect(version).digest,
            password=cast.PASSWORD,
            actor=actor,
        )
    assert caught.value.code == "person_needed"


def test_b18_emergency_needs_the_password(light):
    with pytest.raises(ReauthenticationFailed):
        ask(light, light.version(), password="wrong")


def test_emergency_becomes_a_regular_release_once_its_gate_is_open(light):
    version = light.version()
    first = confirm(light, ask(light, version))
    light.approve(version)
    release = light.promote(version)
    version.refresh_from_db()
    first.refresh_from_db()
    assert (version.state, release.kind, first.ended_at is None) == ("RELEASED", "regular", False)
    assert not FollowUp.objects.exists()


def test_follow_up_is_not_closed_by_who_released(light, clock):
    release = confirm(light, ask(light, light.version()))
    clock(hours=5)
    withdraw_expired_releases()
    follow_up = FollowUp.objects.get()
    with pytest.raises(NotPermitted):
        withdrawal.close_follow_up(follow_up, reason="Done.", actor=cast.acting(release.promoted_by))
    withdrawal.close_follow_up(follow_up, reason="Done.", actor=cast.acting(light.team["validator"]))
    with pytest.raises(Duplicate):
        withdrawal.close_follow_up(follow_up, reason="Done.", actor=cast.acting(light.team["validator"]))


def test_only_the_clock_withdraws_an_expired_release(light):
    release = light.promote(light.approve(light.version()))
    with pytest.raises(NotPermitted):
        withdrawal.withdraw_expired_release(release, actor=cast.acting(light.team["approver"]))
    with pytest.raises(TransitionNotAllowed):
        withdrawal.withdraw_expired_release(release, actor=Actor(User.objects.system(), SYSTEM))


# --- Conditions and the clock ------------------------------------------------------------------------------


def test_release_runs_until_an_open_condition_is_due_and_is_then_withdrawn(light, clock):
    version = light.version()
    due = auditlog.database_now() + timedelta(days=7)
    owner = light.team["developer"]
    light.sign(
        version,
        "validator",
        "approve_conditions",
        conditions=[{"text": "Try it at night.", "owner": owner, "due_at": due}],
    )
    light.sign(version, "approver")
    release = light.promote(version)
    assert release.expires_at == due
    clock(days=7, seconds=1)
    assert withdraw_expired_releases() == 1
    follow_up = FollowUp.objects.get()
    assert follow_up.kind == "condition_overdue"
    assert "Try it at night." in follow_up.text


def test_fulfilled_condition_lets_the_release_run_on(light):
    version = light.version()
    due = auditlog.database_now() + timedelta(days=7)
    signed = light.sign(
        version,
        "validator",
        "approve_conditions",
        conditions=[{"text": "Try it.", "owner": light.team["developer"], "due_at": due}],
    )
    signoff.fulfil_condition(
        signed.conditions.get(), how="Tried.", password=cast.PASSWORD, actor=cast.acting(light.team["validator"])
    )
    light.sign(version, "approver")
    assert light.promote(version).expires_at > due


# --- Rollback ----------------------------------------------------------------------------------------------


@pytest.fixture
def two_releases(light):
    return light.promote(light.approve(light.version())), light.promote(light.approve(light.version()))


def roll_back(light, release, **given):
    given = {"reason": "It fails.", "password": cast.PASSWORD, "actor": cast.acting(light.team["approver"])} | given
    return promotion.roll_back(release, **given)


def test_rollback_is_one_entry_over_the_former_digest_and_needs_no_review(light, two_releases):
    first, second = two_releases
    before = AuditLogEntry.objects.count()
    made = roll_back(light, second)
    assert AuditLogEntry.objects.count() == before + 1
    assert types()[-1] == "release.rolled_back"
    assert (made.version_id, made.dossier_id, made.kind) == (first.version_id, first.dossier_id, "rollback")
    second.refresh_from_db()
    assert second.ended_at is not None
    assert {item.version.state for item in (second, made)} == {"RETIRED", "RELEASED"}


def test_b26_rollback_after_the_sign_offs_ran_out_is_refused(light, two_releases, clock):
    sign_once()
    clock(days=31)
    with pytest.raises(GateClosed):
        roll_back(light, two_releases[1])
    assert types()[-1] == "rollback.refused"


def test_b20_rollback_onto_a_sign_off_revoked_for_cause_is_refused(light, two_releases, organisation_administrator):
    held = Membership.objects.get(user=light.team["validator"], role="validator")
    people.end_role(held, reason="Forged a report.", for_cause=True, actor=cast.acting(organisation_administrator))
    with pytest.raises(GateClosed):
        roll_back(light, two_releases[1])


def test_rollback_needs_a_former_release_and_a_live_one(light, two_releases):
    first, second = two_releases
    with pytest.raises(TransitionNotAllowed, match="has ended"):
        roll_back(light, first)
    roll_back(light, second)
    third = light.promote(light.approve(light.version()))
    assert releasing.find_former(third).version_id == first.version_id


def test_b01_contributor_does_not_roll_back(light, two_releases, organisation_administrator):
    developer = light.team["developer"]
    people.grant_role(light.project, user=developer, role="approver", actor=cast.acting(organisation_administrator))
    with pytest.raises(NotPermitted):
        roll_back(light, two_releases[1], actor=cast.acting(developer))


# --- Environments and the log ------------------------------------------------------------------------------


def test_staging_before_production(light):
    propose_light(light.project, light.team, environment="staging")
    propose_light(light.project, light.team, more="after: [staging]")
    version = light.approve(light.version())
    with pytest.raises(TransitionNotAllowed, match="staging"):
        light.promote(version)
    staged = light.promote(light.approve(light.version(environment="staging")))
    version = submission.submit_version(staged.version, actor=cast.acting(light.team["developer"]))
    light.approve(version)
    released = light.promote(version)
    version.refresh_from_db()
    assert (version.state, released.environment) == ("RELEASED", "production")
    assert Release.objects.live().filter(version=version).count() == 2


def test_b27_promotion_waits_while_the_signer_is_behind(light, clock):
    version = light.approve(light.version())
    clock(minutes=2)
    with pytest.raises(NotSealedYet):
        light.promote(version)
    assert not Release.objects.exists()
    sign_once()
    light.promote(version)


def test_b27_a_release_is_not_allowed_until_it_is_sealed(light):
    version = light.approve(light.version())
    light.promote(version)
    assert permit_for(version, "production").code == "pending_seal"
    sign_once()
    assert permit_for(version, "production").code == "released"


def test_b10_release_put_into_the_table_by_hand_allows_nothing(light):
    version = light.approve(light.version())
    release = light.promote(version)
    sign_once()
    release.refresh_from_db()
    other = light.version()
    with behind_the_guards():
        Release.objects.filter(pk=release.pk).update(version=other)
        assert permit_for(other, "production").code == "not_recorded"
        Release.objects.filter(pk=release.pk).update(version=version, expires_at=release.expires_at + timedelta(days=1))
        assert permit_for(version, "production").code == "not_recorded"


def test_in_use_is_exact(light, two_releases):
    first, second = two_releases
    first.refresh_from_db()
    just = timedelta(microseconds=1)
    assert list(in_use_at(first.started_at - just)) == []
    assert list(in_use_at(first.started_at)) == [first]
    assert list(in_use_at(first.ended_at - just)) == [first]
    assert list(in_use_at(first.ended_at)) == [second]
    assert list(in_use_at(second.expires_at)) == []


def test_permit_findings_are_those_of_the_release(light):
    version = light.approve(light.version())
    release = light.promote(version)
    then = permits.judged_then(release)
    assert {finding.status for finding in then.findings} == {"MET"}
    assert "sign_off:validator:0" in {finding.key for finding in then.findings}
    with behind_the_guards():
        Release.objects.filter(pk=release.pk).update(findings="[]")
    release.refresh_from_db()
    assert permits.judged_then(release).findings == ()


def test_recalled_data_closes_exactly_the_gates_that_read_it(light):
    developer = cast.acting(light.team["developer"])
    made = lineage.register_dataset(light.project, name="Parts", personal_data="none", actor=developer)
    raw = lineage.register_dataset_version(made, digest="sha256:" + "1" * 64, row_count=9, actor=developer)
    derived = lineage.register_dataset_version(
        made, digest="sha256:" + "2" * 64, row_count=9, derived_from=[(raw, "half")], actor=developer
    )
    using, other = light.version(), light.approve(light.version())
    lineage.declare_dataset_use(using, dataset_version=derived, role="training", actor=developer)
    light.approve(using)
    lineage.recall_dataset_version(raw, reason="Wrong labels.", actor=cast.acting(light.team["compliance"]))
    using.refresh_from_db()
    other.refresh_from_db()
    assert (using.state, other.state) == ("IN_REVIEW", "APPROVED")
    with pytest.raises(GovernanceError):
        light.promote(using)
    light.promote(other)
