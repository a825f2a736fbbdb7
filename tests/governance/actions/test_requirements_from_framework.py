"""Requirements made from a framework's controls, in one action."""

from __future__ import annotations

import pytest

from governance.actions import people, requirements
from governance.dossier import collect
from governance.exceptions import Duplicate, InvalidInput, NotPermitted
from governance.framework_requirements import source_of
from governance.frameworks_in_force import find_framework
from governance.models import AuditLogEntry, Requirement
from tests import cast
from tests.governance.framework_texts import load_shipped
from tests.governance.tampering import check

pytestmark = pytest.mark.django_db
LAW = "nyc-ll144"


@pytest.fixture(autouse=True)
def _frameworks(db):
    load_shipped("nyc_ll144")
    load_shipped("eu_ai_act_high_risk")


def generate(model, by, **given):
    return requirements.generate_requirements_from_framework(
        model, actor=cast.acting(by), **({"framework": LAW} | given)
    )


def test_each_control_of_the_team_becomes_a_requirement(version, developer):
    framework = find_framework(LAW)
    before = AuditLogEntry.objects.count()
    made = generate(version.model, developer)
    wanted = [control for control in framework.controls if control.level == "must" and control.by == "team"]
    assert [item.source for item in made] == [source_of(framework, control) for control in wanted]
    assert [item.statement for item in made] == [control.gist for control in wanted]
    assert made[0].source == "NYC Local Law 144, automated employment decision tools, 6 RCNY 5-300 (LL144-300-aedt)"
    assert AuditLogEntry.objects.count() == before + 1
    assert {item.key for item in made} <= {item.key for item in collect(version).requirements}
    assert not collect(version).unrecorded
    assert not check().problems


def test_what_is_there_is_skipped_and_what_was_withdrawn_stays_so(version, developer):
    (first, *_) = generate(version.model, developer)
    requirements.withdraw_requirement(first, reason="No.", actor=cast.acting(developer))
    with pytest.raises(Duplicate):
        generate(version.model, developer)
    assert Requirement.objects.filter(source=first.source).count() == 1


def test_controls_may_be_named(version, developer):
    (made,) = generate(version.model, developer, controls=["LL144-301b4"])
    assert made.source.startswith("NYC Local Law 144")
    with pytest.raises(InvalidInput, match="no control"):
        generate(version.model, developer, controls=["LL144-301b4", "nothing"])


def test_no_more_than_a_hundred_at_once(version, developer):
    every = [control.id for control in find_framework("eu-ai-act-high-risk").controls]
    assert len(generate(version.model, developer, framework="eu-ai-act-high-risk", controls=every)) == 100


def test_framework_not_in_force_and_role_not_held_are_refused(version, developer, auditor, stranger):
    with pytest.raises(InvalidInput):
        generate(version.model, developer, framework="nothing")
    for person in (auditor, stranger):
        with pytest.raises(NotPermitted):
            generate(version.model, person)


def test_template_written_between_makes_its_writer_a_contributor(version, developer, compliance):
    """A framework's requirements say nothing about when the template's were made."""
    generate(version.model, developer)
    model = version.model
    people.write_template(
        model.project, risk_tier=model.risk_tier, text="- {title: a, statement: b}", actor=cast.acting(compliance)
    )
    requirements.generate_requirements(version.model, actor=cast.acting(developer))
    assert compliance.get_full_name() in [person.name for person in collect(version).contributors]
