"""Scenarios about frameworks, answers, rulings and signatures on records."""

from __future__ import annotations

from datetime import timedelta

from governance.actions import answers, frameworks, rulings
from governance.auditlog import database_now
from governance.facts import digest_fact, read_facts_of
from governance.frameworks.vocabulary import facts
from governance.house_framework import NewControl
from governance.models import ControlRulingKind
from tests import cast
from tests.governance.framework_texts import load_shipped, small_framework
from tests.governance.scenarios.stage import scenario


@scenario("load_framework", "organisation_administrator", "framework.loaded")
def _(stage):
    return lambda actor: frameworks.load_framework(small_framework(), actor=actor)


@scenario("add_house_control", "organisation_administrator", "framework.loaded")
def _(stage):
    control = NewControl(
        "Rule 1", "The ethics committee has voted.", "Ethics", "must", "team", "design", "R09", question="Its vote"
    )
    return lambda actor: frameworks.add_house_control(control, issuer="Northfield Hospital", actor=actor)


@scenario("withdraw_framework", "organisation_administrator", "framework.withdrawn")
def _(stage):
    edition = frameworks.load_framework(small_framework(), actor=cast.acting(stage.organisation_administrator))
    return lambda actor: frameworks.withdraw_framework(edition, reason="A new edition is out.", actor=actor)


@scenario("record_answer", "developer", "dossier.answered")
def _(stage):
    version = stage.version
    return lambda actor: answers.record_answer(version, fact="design.logic", value="A tree.", actor=actor)


@scenario("carry_over_answer", "developer", "dossier.answered")
def _(stage):
    former = stage.version
    answers.record_answer(former, fact="design.logic", value="A tree.", actor=cast.acting(stage.developer))
    version = cast.register_version(former.model, stage.developer)
    return lambda actor: answers.carry_over_answer(version, fact="design.logic", actor=actor)


@scenario("rule_on_control", "approver", "control.ruled")
def _(stage):
    load_shipped("nyc_ll144")
    version = stage.version
    return lambda actor: rulings.rule_on_control(
        version,
        framework="nyc-ll144",
        control="LL144-301b4",
        kind=ControlRulingKind.WAIVED,
        reason="The tool sorts nobody into groups before spring.",
        expires_at=database_now() + timedelta(days=30),
        password=cast.PASSWORD,
        actor=actor,
    )


@scenario("sign_fact", "developer", "fact.signed")
def _(stage):
    version, kind = stage.version, facts()["conformity.declaration"]
    answers.record_answer(
        version,
        fact="conformity.declaration_fields",
        value={"provider": "Northfield Hospital"},
        actor=cast.acting(stage.developer),
    )
    digest = digest_fact(kind, read_facts_of(version))
    assert digest is not None
    return lambda actor: rulings.sign_fact(
        version,
        fact=kind.id,
        meaning="declaration of conformity",
        seen_digest=digest,
        password=cast.PASSWORD,
        actor=actor,
    )
