"""Every action logs exactly one entry when it succeeds and none when it refuses.

The actions are found, not listed: a new one without a scenario here fails.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps

from governance import actions, one_time_codes, passkeys
from governance.actions import (
    authentication,
    catalog,
    delegations,
    discussion,
    emergency,
    evaluations,
    evidence,
    lineage,
    log,
    people,
    policies,
    promotion,
    reports,
    requirements,
    signoff,
    submission,
    waivers,
    withdrawal,
)
from governance.actors import COMMAND, SYSTEM, Actor
from governance.dossier import collect
from governance.exceptions import GovernanceError, NotPermitted
from governance.models import AuditLogEntry, ComplianceReport, Evaluation, FollowUp, Membership, Release, User
from governance.notes import generate_key
from governance.reauthentication import Proof
from governance.signer import sign_once
from tests import cast
from tests.governance.policy_texts import next_text, propose
from tests.governance.rotating import rotate_to_overlap
from tests.guards import behind_the_guards
from tests.second_factors import SESSION, add_totp, code_of
from tests.soft_passkey import SoftPasskey

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def find_actions() -> dict[str, Callable[..., Any]]:
    found = {}
    for info in pkgutil.iter_modules(actions.__path__):
        module = importlib.import_module(f"governance.actions.{info.name}")
        for name, function in vars(module).items():
            is_own = inspect.isfunction(function) and inspect.unwrap(function).__module__ == module.__name__
            if is_own and "actor" in inspect.signature(function).parameters and not name.startswith("_"):
                found[name] = function
    return found


class Stage:
    """Lazily made things that the scenarios act on."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.request = request

    def __getattr__(self, name: str) -> Any:
        return self.request.getfixturevalue(name)

    def actor(self, who: str) -> Actor:
        """A person at the browser, or the operator at the command line."""
        if who == "operator":
            return Actor(User.objects.system(), COMMAND)
        if who == "portal_itself":
            return Actor(User.objects.system(), SYSTEM)
        return cast.acting(getattr(self, who))


# name -> (who may, type of the entry, prepare(stage) -> act(actor)): a stranger can try the same act.
SCENARIOS: dict[str, tuple[str, str, Callable[[Stage], Callable[[Any], Any]]]] = {}


def scenario(name: str, who: str, type: str) -> Callable[[Callable[[Stage], Any]], None]:
    def keep(prepare: Callable[[Stage], Any]) -> None:
        SCENARIOS[name] = (who, type, prepare)

    return keep


@scenario("create_user", "organisation_administrator", "user.created")
def _(stage):
    return lambda actor: people.create_user(
        username="nora", full_name="Nora Quist", email="nora@example.org", password=cast.PASSWORD, actor=actor
    )


@scenario("create_administrator", "operator", "user.created")
def _(stage):
    assert stage.organisation_administrator
    return lambda actor: people.create_administrator(
        username="second", full_name="Second", email="s@example.org", password=cast.PASSWORD, another=True, actor=actor
    )


@scenario("change_password", "developer", "user.password_changed")
def _(stage):
    assert stage.developer
    return lambda actor: people.change_password(
        password=cast.PASSWORD, new_password="another long enough secret", actor=actor
    )


@scenario("add_totp", "developer", "user.second_factor_added")
def _(stage):
    offer = one_time_codes.offer_secret(stage.developer)
    return lambda actor: authentication.add_totp(
        name="Telephone", offer=offer.sealed, first_code=code_of(offer.secret), password=cast.PASSWORD, actor=actor
    )


@scenario("add_passkey", "developer", "user.second_factor_added")
def _(stage):
    credential = SoftPasskey().register(passkeys.ask_to_register(stage.developer, session=SESSION))
    proof = Proof(cast.PASSWORD, session=SESSION)
    return lambda actor: authentication.add_passkey(name="Laptop", credential=credential, password=proof, actor=actor)


@scenario("remove_second_factor", "organisation_administrator", "user.second_factor_removed")
def _(stage):
    add_totp(stage.developer)
    factor = stage.developer.second_factors.get()
    return lambda actor: authentication.remove_second_factor(
        factor, reason="Lost.", password=cast.PASSWORD, actor=actor
    )


@scenario("write_remark", "auditor", "remark.written")
def _(stage):
    version = stage.version
    assert stage.developer
    return lambda actor: discussion.write_remark(version, text="@dana, why?", is_question=True, actor=actor)


@scenario("resolve_question", "auditor", "question.resolved")
def _(stage):
    question = discussion.write_remark(stage.version, text="Why?", is_question=True, actor=cast.acting(stage.auditor))
    return lambda actor: discussion.resolve_question(question, actor=actor)


@scenario("close_user", "organisation_administrator", "user.closed")
def _(stage):
    user = stage.developer
    return lambda actor: people.close_user(user, reason="Left.", actor=actor)


@scenario("add_log_key", "operator", "log.key_added")
def _(stage):
    assert stage.keys
    sign_once()
    return lambda actor: log.add_log_key(vkey=generate_key("example.org/log").vkey, actor=actor)


@scenario("retire_log_key", "operator", "log.key_retired")
def _(stage):
    assert stage.keys
    assert stage.organisation_administrator
    vkey = rotate_to_overlap()
    return lambda actor: log.retire_log_key(vkey=vkey, reason="A year old.", actor=actor)


@scenario("revoke_log_key", "operator", "log.key_revoked")
def _(stage):
    assert stage.keys
    assert stage.organisation_administrator
    vkey = rotate_to_overlap()
    return lambda actor: log.revoke_log_key(vkey=vkey, reason="Stolen.", actor=actor)


@scenario("record_heartbeat", "portal_itself", "log.heartbeat")
def _(stage):
    assert stage.organisation_administrator
    stage.monkeypatch.setattr(log, "HEARTBEAT", timedelta(0))
    return lambda actor: log.record_heartbeat(actor=actor)


@scenario("create_project", "organisation_administrator", "project.created")
def _(stage):
    return lambda actor: people.create_project(name="Credit", actor=actor)


@scenario("grant_role", "administrator", "membership.granted")
def _(stage):
    project, user = stage.project, stage.developer
    return lambda actor: people.grant_role(project, user=user, role="auditor", actor=actor)


@scenario("end_role", "administrator", "membership.ended")
def _(stage):
    membership = Membership.objects.get(user=stage.developer)
    return lambda actor: people.end_role(membership, actor=actor)


@scenario("create_token", "developer", "token.created")
def _(stage):
    project = stage.project
    return lambda actor: people.create_token(name="ci", scopes=["read"], days=7, project=project, actor=actor)


@scenario("revoke_token", "developer", "token.revoked")
def _(stage):
    token, _secret = people.create_token(name="ci", scopes=["read"], days=7, actor=cast.acting(stage.developer))
    return lambda actor: people.revoke_token(token, actor=actor)


@scenario("write_template", "administrator", "template.written")
def _(stage):
    project = stage.project
    text = "- {title: Useful, statement: It is useful.}"
    return lambda actor: people.write_template(project, risk_tier="low", text=text, actor=actor)


@scenario("propose_policy", "compliance", "policy.proposed")
def _(stage):
    project = stage.project
    return lambda actor: policies.propose_policy(
        project, risk_tier="high", environment="production", text=next_text(), reason="Calmer.", actor=actor
    )


@scenario("adopt_policy", "administrator", "policy.adopted")
def _(stage):
    assert stage.signers
    proposed = propose(stage.project, by=stage.compliance)
    return lambda actor: policies.adopt_policy(proposed, password=cast.PASSWORD, actor=actor)


@scenario("withdraw_policy", "compliance", "policy.withdrawn")
def _(stage):
    proposed = propose(stage.project, by=stage.compliance)
    return lambda actor: policies.withdraw_policy(proposed, reason="Not yet.", actor=actor)


@scenario("register_model", "developer", "model.registered")
def _(stage):
    project = stage.project
    return lambda actor: catalog.register_model(project, name="Another", actor=actor)


@scenario("describe_model", "developer", "model.described")
def _(stage):
    model = stage.model
    return lambda actor: catalog.describe_model(model, intended_use="Another.", actor=actor)


@scenario("assess_risk", "compliance", "model.tiered")
def _(stage):
    model = stage.model
    given = {"questionnaire": "general", "answers": cast.ANSWERS["medium"], "rationale": "Advice only."}
    return lambda actor: catalog.assess_risk(model, **given, actor=actor)


@scenario("register_version", "developer", "version.registered")
def _(stage):
    model = stage.model
    return lambda actor: catalog.register_version(model, actor=actor)


@scenario("register_dataset", "developer", "dataset.registered")
def _(stage):
    project = stage.project
    return lambda actor: lineage.register_dataset(project, name="Visits", personal_data="none", actor=actor)


@scenario("register_dataset_version", "developer", "dataset_version.registered")
def _(stage):
    dataset = stage.version.dataset_uses.first().dataset_version.dataset
    return lambda actor: lineage.register_dataset_version(
        dataset, digest="sha256:" + "f" * 64, row_count=3, actor=actor
    )


@scenario("declare_dataset_use", "developer", "dataset_use.declared")
def _(stage):
    version = stage.version
    used = version.dataset_uses.first().dataset_version
    return lambda actor: lineage.declare_dataset_use(version, dataset_version=used, role="validation", actor=actor)


@scenario("generate_requirements", "developer", "requirements.generated")
def _(stage):
    model = stage.model
    return lambda actor: requirements.generate_requirements(model, actor=actor)


@scenario("write_requirement", "validator", "requirement.written")
def _(stage):
    model = stage.model
    return lambda actor: requirements.write_requirement(model, title="Calm", statement="It is calm.", actor=actor)


@scenario("edit_requirement", "validator", "requirement.written")
def _(stage):
    requirement = stage.model.requirements.first()
    return lambda actor: requirements.edit_requirement(requirement, title="T", statement="S", actor=actor)


@scenario("withdraw_requirement", "validator", "requirement.withdrawn")
def _(stage):
    requirement = stage.model.requirements.first()
    return lambda actor: requirements.withdraw_requirement(requirement, reason="Double.", actor=actor)


@scenario("write_proof_of_concept", "developer", "proof_of_concept.written")
def _(stage):
    model = stage.model
    return lambda actor: requirements.write_proof_of_concept(model, problem_statement="P", actor=actor)


@scenario("decide_proof_of_concept", "administrator", "proof_of_concept.decided")
def _(stage):
    poc = stage.model_with_go.proof_of_concept
    return lambda actor: requirements.decide_proof_of_concept(poc, decision="no_go", reason="Risky.", actor=actor)


@scenario("submit_evidence", "developer", "evidence.submitted")
def _(stage):
    version = stage.version
    return lambda actor: evidence.submit_evidence(
        version, kind="file", title="Notes", observed_at=NOW, file=[b"abc"], file_name="a.txt", actor=actor
    )


@scenario("request_evaluation", "developer", "evaluation.requested")
def _(stage):
    version = stage.version
    item = cast.submit(version, "predictions", by=stage.developer, file=[cast.make_predictions(40)], file_name="p.csv")
    return lambda actor: evaluations.request_evaluation(
        version, kind="bias_audit", evidence=item, spec=cast.PREDICTIONS_SPEC, actor=actor
    )


@scenario("cancel_evaluation", "developer", "evaluation.cancelled")
def _(stage):
    version = stage.version
    item = cast.submit(version, "predictions", by=stage.developer, file=[cast.make_predictions(40)], file_name="p.csv")
    evaluation = evaluations.request_evaluation(
        version, kind="bias_audit", evidence=item, spec=cast.PREDICTIONS_SPEC, actor=cast.acting(stage.developer)
    )
    return lambda actor: evaluations.cancel_evaluation(evaluation, actor=actor)


@scenario("submit_version", "developer", "version.submitted")
def _(stage):
    assert stage.model_with_go
    version = stage.version
    return lambda actor: submission.submit_version(version, actor=actor)


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


ACTIONS = find_actions()
# What everybody may do to their own account.
ONES_OWN = {"create_token", "change_password", "add_totp", "add_passkey"}
# Whose refusals are recorded: they are known by what ``record_refusal`` put around them.
SIGNATURES = {name for name, action in ACTIONS.items() if "refusals" in action.__code__.co_filename}
LOG_TABLES = {"AuditLogEntry", "LogSubject", "LogNode"}
COUNTED = [model for model in apps.get_app_config("governance").get_models() if model.__name__ != "StoredFile"]


def count_rows() -> dict[str, int]:
    return {model.__name__: model._default_manager.count() for model in COUNTED}


def test_every_action_has_a_scenario():
    assert sorted(ACTIONS) == sorted(SCENARIOS)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_action_logs_exactly_one_entry(request, name):
    who, type, prepare = SCENARIOS[name]
    stage = Stage(request)
    actor = stage.actor(who)
    act = prepare(stage)
    before = AuditLogEntry.objects.count()
    act(actor)
    added = list(AuditLogEntry.objects.filter(index__gte=before))
    assert [entry.type for entry in added] == [type]
    assert cast.read_body(added[0])["actor"]["id"] == actor.user.pk


@pytest.mark.parametrize(
    "name", sorted(set(SCENARIOS) - {"create_token", "change_password", "add_totp", "add_passkey"})
)
def test_action_refused_to_the_stranger_leaves_no_trace(request, name):
    """Of a signature, the refusal is itself recorded, and nothing else."""
    _who, _type, prepare = SCENARIOS[name]
    stage = Stage(request)
    act = prepare(stage)
    stranger = cast.acting(stage.stranger)
    before, size = count_rows(), AuditLogEntry.objects.count()
    with pytest.raises(NotPermitted):
        act(stranger)
    assert {table: count for table, count in count_rows().items() if table not in LOG_TABLES} == {
        table: count for table, count in before.items() if table not in LOG_TABLES
    }
    added = list(AuditLogEntry.objects.filter(index__gte=size).values_list("type", flat=True))
    assert len(added) == (name in SIGNATURES)
    assert all(type.endswith(".refused") for type in added)


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - {"create_user", "create_project", "create_token"}))
def test_action_that_fails_after_writing_leaves_nothing(request, name, monkeypatch):
    """The entry is part of the change: when it cannot be written, the change does not exist."""
    who, _type, prepare = SCENARIOS[name]
    stage = Stage(request)
    actor = stage.actor(who)
    act = prepare(stage)
    before = count_rows()

    def refuse(*_args: Any, **_given: Any) -> None:
        raise GovernanceError("the log cannot be written")

    monkeypatch.setattr("governance.auditlog.append", refuse)
    with pytest.raises(GovernanceError, match="the log cannot be written"):
        act(actor)
    assert count_rows() == before
    assert not Evaluation.objects.filter(status="RUNNING").exists()
    assert not ComplianceReport.objects.filter(status="RUNNING").exists()
