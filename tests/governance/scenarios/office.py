"""Scenarios about people, projects, tokens, discussions, policies and the log itself."""

from __future__ import annotations

from datetime import timedelta

from governance import log_state, one_time_codes, passkeys
from governance.actions import (
    authentication,
    discussion,
    log,
    people,
    policies,
)
from governance.models import Membership
from governance.notes import generate_key
from governance.reauthentication import Proof
from governance.signer import sign_once
from tests import cast
from tests.governance.policy_texts import next_text, propose
from tests.governance.rotating import rotate_to_overlap
from tests.governance.scenarios.stage import scenario
from tests.second_factors import SESSION, add_totp, code_of
from tests.soft_passkey import SoftPasskey


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


@scenario("export_log", "organisation_administrator", "log.exported")
def _(stage):
    assert stage.keys
    assert stage.organisation_administrator
    sign_once()
    return lambda actor: log.export_log(project=None, actor=actor)


@scenario("record_heartbeat", "portal_itself", "log.heartbeat")
def _(stage):
    assert stage.organisation_administrator
    stage.monkeypatch.setattr(log_state, "HEARTBEAT", timedelta(0))
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
