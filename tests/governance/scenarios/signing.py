"""Scenarios about signing, lending, waiving, promoting and what follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from governance.actions import (
    delegations,
    emergency,
    lineage,
    promotion,
    reports,
    signoff,
    waivers,
    withdrawal,
)
from governance.dossier import collect
from governance.models import FollowUp, Membership, Release
from tests import cast
from tests.governance.scenarios.stage import scenario
from tests.guards import behind_the_guards


@scenario("sign_off", "validator", "sign_off.given")
def _(stage):
    version, digest = stage.ready_version, collect(stage.ready_version).digest
    return lambda actor: signoff.sign_off(
        version, role="validator", decision="approve", meaning="Read.", dossier_digest=digest, password=cast.PASSWORD,
        actor=actor,
    )  # fmt: skip


@scenario("overrule_refusal", "second_administrator", "sign_off.overruled")
def _(stage):
    """A second administrator, for the first one decided on the proof of concept and contributed by that."""
    assert stage.second_administrator
    refused = cast.sign(stage.ready_version, stage.validator, "validator", "request_changes")
    return lambda actor: signoff.overrule_refusal(
        refused, role="administrator", reason="Answered.", password=cast.PASSWORD, actor=actor
    )


@scenario("fulfil_condition", "validator", "condition.fulfilled")
def _(stage):
    due_at = datetime.now(UTC) + timedelta(days=5)
    conditions = [{"text": "Watch it.", "owner": stage.developer, "due_at": due_at}]
    signed = cast.sign(stage.ready_version, stage.validator, "validator", "approve_conditions", conditions=conditions)
    condition = signed.conditions.get()
    return lambda actor: signoff.fulfil_condition(condition, how="Watched.", password=cast.PASSWORD, actor=actor)


@scenario("delegate", "validator", "delegation.given")
def _(stage):
    project, to_user = stage.project, stage.auditor
    return lambda actor: lend(project, to_user, actor)


@scenario("end_delegation", "validator", "delegation.ended")
def _(stage):
    delegation = lend(stage.project, stage.auditor, cast.acting(stage.validator))
    return lambda actor: delegations.end_delegation(delegation, actor=actor)


def lend(project, to_user, actor):
    now = datetime.now(UTC)
    return delegations.delegate(
        project, to_user=to_user, role="validator", starts_at=now, ends_at=now + timedelta(days=7),
        reason="On leave.", password=cast.PASSWORD, actor=actor,
    )  # fmt: skip


@scenario("confirm_role", "administrator", "membership.confirmed")
def _(stage):
    membership = Membership.objects.get(user=stage.validator)
    return lambda actor: delegations.confirm_role(membership, password=cast.PASSWORD, actor=actor)


@scenario("set_solo_mode", "organisation_administrator", "project.solo_mode_switched")
def _(stage):
    project = stage.project
    return lambda actor: delegations.set_solo_mode(
        project, on=True, reason="We are two.", password=cast.PASSWORD, actor=actor
    )


@scenario("recall_dataset_version", "compliance", "dataset_version.recalled")
def _(stage):
    data = stage.version.dataset_uses.get(role="training").dataset_version
    return lambda actor: lineage.recall_dataset_version(data, reason="The wrong clinic.", actor=actor)


@scenario("grant_waiver", "compliance", "waiver.granted")
def _(stage):
    version = stage.version
    until = datetime.now(UTC) + timedelta(days=5)
    return lambda actor: waivers.grant_waiver(
        version, finding_key="evidence:privacy_review", reason="Due.", expires_at=until, password=cast.PASSWORD,
        actor=actor,
    )  # fmt: skip


@scenario("promote", "approver", "version.promoted")
def _(stage):
    version = stage.ready_version
    cast.sign_by_all(version, stage.signers)
    digest = collect(version).digest
    return lambda actor: promotion.promote(
        version, environment="production", dossier_digest=digest, password=cast.PASSWORD, actor=actor
    )


@scenario("roll_back", "approver", "release.rolled_back")
def _(stage):
    first, second = [
        promote_regularly(cast.make_ready_version(stage.model_with_go, developer=stage.developer), stage)
        for _number in range(2)
    ]
    assert first.pk != second.pk
    return lambda actor: promotion.roll_back(second, reason="It fails.", password=cast.PASSWORD, actor=actor)


def promote_regularly(version, stage):
    cast.sign_by_all(version, stage.signers)
    digest, actor = collect(version).digest, cast.acting(stage.approver)
    return promotion.promote(
        version, environment="production", dossier_digest=digest, password=cast.PASSWORD, actor=actor
    )


@scenario("ask_for_emergency", "approver", "emergency.asked")
def _(stage):
    version, digest = stage.ready_version, collect(stage.ready_version).digest
    return lambda actor: ask_for_emergency(version, digest, actor)


def ask_for_emergency(version, digest, actor):
    return emergency.ask_for_emergency(
        version, reason="The old one fails.", hours=4, dossier_digest=digest, password=cast.PASSWORD, actor=actor
    )


@scenario("confirm_emergency", "compliance", "version.promoted_in_emergency")
def _(stage):
    version, digest = stage.ready_version, collect(stage.ready_version).digest
    asked = ask_for_emergency(version, digest, cast.acting(stage.approver))
    return lambda actor: emergency.confirm_emergency(asked, dossier_digest=digest, password=cast.PASSWORD, actor=actor)


@scenario("withdraw_emergency_request", "approver", "emergency.withdrawn")
def _(stage):
    version, digest = stage.ready_version, collect(stage.ready_version).digest
    asked = ask_for_emergency(version, digest, cast.acting(stage.approver))
    return lambda actor: emergency.withdraw_emergency_request(asked, reason="It works again.", actor=actor)


@scenario("withdraw_expired_release", "portal_itself", "release.withdrawn")
def _(stage):
    release = run_out(stage)
    return lambda actor: withdrawal.withdraw_expired_release(release, actor=actor)


@scenario("close_follow_up", "validator", "follow_up.closed")
def _(stage):
    release = run_out(stage)
    withdrawal.withdraw_expired_release(release, actor=stage.actor("portal_itself"))
    follow_up = FollowUp.objects.get()
    return lambda actor: withdrawal.close_follow_up(follow_up, reason="Looked into.", actor=actor)


def run_out(stage):
    """An emergency release whose hours are over."""
    version, digest = stage.ready_version, collect(stage.ready_version).digest
    asked = ask_for_emergency(version, digest, cast.acting(stage.approver))
    release = emergency.confirm_emergency(
        asked, dossier_digest=digest, password=cast.PASSWORD, actor=cast.acting(stage.compliance)
    )
    with behind_the_guards():
        Release.objects.filter(pk=release.pk).update(expires_at=datetime.now(UTC) - timedelta(minutes=1))
    return release


@scenario("retire_version", "approver", "version.retired")
def _(stage):
    version = stage.version
    return lambda actor: promotion.retire_version(version, reason="Not needed.", actor=actor)


@scenario("request_report", "auditor", "report.requested")
def _(stage):
    version = stage.version
    return lambda actor: reports.request_report(version, actor=actor)
