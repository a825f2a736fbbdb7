"""Models and versions: registered, described, and fixed from then on."""

from __future__ import annotations

import pytest

from governance.actions import catalog
from governance.dossier import collect
from governance.exceptions import Duplicate, InvalidInput, StaleReading
from governance.lifecycle import State
from governance.models import Artifact, AuditLogEntry, ModelVersion, RegisteredModel
from tests import cast
from tests.governance.actions.races import race

DIGEST = "sha256:" + "b" * 64


def refuse(act, *, error=InvalidInput):
    before = (RegisteredModel.objects.count(), ModelVersion.objects.count(), AuditLogEntry.objects.count())
    with pytest.raises(error) as caught:
        act()
    assert before == (RegisteredModel.objects.count(), ModelVersion.objects.count(), AuditLogEntry.objects.count())
    return caught.value


def test_model_without_a_recorded_tier_counts_as_high_risk(project, developer):
    model = catalog.register_model(project, name=" Triage ", actor=cast.acting(developer))
    model.refresh_from_db()
    assert (model.name, model.risk_tier, model.risk_tier_rationale, model.owner) == ("Triage", "high", "", developer)


@pytest.mark.parametrize(
    ("given", "error", "field"),
    [
        ({"name": ""}, InvalidInput, "name"),
        ({"name": "x" * 121}, InvalidInput, "name"),
        ({"name": "readmission TRIAGE"}, Duplicate, "name"),
        ({"name": "A", "intended_use": "a\x00"}, InvalidInput, "intended_use"),
        ({"name": "A", "affected_people": "x" * 20_001}, InvalidInput, "affected_people"),
    ],
)
def test_model_that_cannot_be_is_refused(model, project, developer, given, error, field):
    found = refuse(lambda: catalog.register_model(project, **given, actor=cast.acting(developer)), error=error)
    assert found.field == field


def test_owner_must_belong_to_the_project(project, developer, stranger, validator):
    act = lambda owner: catalog.register_model(project, name="A", owner=owner, actor=cast.acting(developer))  # noqa: E731
    assert refuse(lambda: act(stranger)).field == "owner"
    assert act(validator).owner == validator


def test_same_name_in_another_project_is_another_model(model, stranger):
    other = stranger.memberships.first().project
    assert catalog.register_model(other, name=model.name, actor=cast.acting(stranger)).pk != model.pk


def test_describe_changes_what_is_named_and_nothing_else(model, developer):
    catalog.describe_model(model, out_of_scope_uses="Triage of children.", actor=cast.acting(developer))
    model.refresh_from_db()
    assert (model.out_of_scope_uses, model.intended_use) == (
        "Triage of children.",
        "Order the call-back list of a clinic.",
    )
    assert model.revision == 2


@pytest.mark.parametrize("texts", [{}, {"name": "Other"}, {"risk_tier": "low"}, {"owner": "x", "description": "y"}])
def test_describe_refuses_what_is_no_description(model, developer, texts):
    message = refuse(lambda: catalog.describe_model(model, **texts, actor=cast.acting(developer))).message
    assert message == "Say what to change: description, intended_use, out_of_scope_uses, affected_people."


@pytest.mark.parametrize("seen", [0, 2, -1])
def test_edits_from_another_reading_are_refused(model, developer, seen):
    actor = cast.acting(developer)
    for act in (
        lambda: catalog.describe_model(model, seen_revision=seen, description="x", actor=actor),
        lambda: cast.assess(model, "low", by=developer, seen_revision=seen),
    ):
        assert refuse(act, error=StaleReading).message.startswith("Somebody changed this since you read it")
    catalog.describe_model(model, seen_revision=1, description="x", actor=actor)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"questionnaire": "none"}, "questionnaire"),
        ({"answers": {}}, "answers.people"),
        ({"answers": cast.ANSWERS["low"] | {"harm": "some"}}, "answers.harm"),
        ({"answers": cast.ANSWERS["low"] | {"weather": "fine"}}, "answers"),
        ({"rationale": " "}, "rationale"),
    ],
)
def test_tier_needs_every_answer_and_a_rationale(model, developer, changes, field):
    given = {"questionnaire": "general", "answers": cast.ANSWERS["low"], "rationale": "x"} | changes
    act = lambda: catalog.assess_risk(model, **given, actor=cast.acting(developer))  # noqa: E731
    assert refuse(act).field == field
    model.refresh_from_db()
    assert model.risk_tier == "high"


@pytest.mark.parametrize("tier", ["low", "medium", "high"])
def test_answers_give_the_tier_and_stand_in_the_dossier(version, developer, tier):
    cast.assess(version.model, tier, by=developer)
    version.model.refresh_from_db()
    assert version.model.risk_tier == tier
    recorded = collect(version).model.risk_assessment
    assert (recorded.questionnaire, recorded.answered_by) == ("General use", "Dana Whitfield")
    assert len(recorded.answers) == 6
    assert tier in recorded.reasons[-1]


def test_another_answer_makes_signatures_stale_even_if_the_tier_stays(ready_version, signers, developer):
    cast.assess(ready_version.model, "high", by=developer)
    cast.sign_by_all(ready_version, signers)
    other = cast.ANSWERS["high"] | {"reach": "mass"}
    catalog.assess_risk(
        ready_version.model, questionnaire="general", answers=other, rationale="More.", actor=cast.acting(developer)
    )
    ready_version.refresh_from_db()
    assert ready_version.state == "IN_REVIEW"
    assert {item.changed for item in collect(ready_version).sign_offs} == {("model",)}


def test_edit_takes_open_versions_back_and_leaves_closed_ones(ready_version, developer, signers):
    model = ready_version.model
    closed = [catalog.register_version(model, actor=cast.acting(developer)) for _ in range(3)]
    for version, state in zip(closed, (State.RELEASED, State.RETIRED, State.REJECTED), strict=True):
        ModelVersion.objects.filter(pk=version.pk).update(state=state)
    cast.sign_by_all(ready_version, signers)
    catalog.describe_model(model, description="Better said.", actor=cast.acting(developer))
    states = dict(ModelVersion.objects.filter(model=model).values_list("number", "state"))
    assert states == {1: "IN_REVIEW", 2: "RELEASED", 3: "RETIRED", 4: "REJECTED"}
    assert cast.read_body(AuditLogEntry.objects.last())["data"]["states"] == {str(ready_version.pk): "IN_REVIEW"}


# --- Versions ----------------------------------------------------------------------------------------------------


def test_version_numbers_count_up_in_their_model(model, developer, project):
    actor = cast.acting(developer)
    other = catalog.register_model(project, name="Other", actor=actor)
    numbers = [catalog.register_version(place, actor=actor).number for place in (model, model, other, model)]
    assert numbers == [1, 2, 1, 3]


def test_version_keeps_its_artifacts(model, developer):
    given = [{"name": "b.onnx", "digest": DIGEST, "size": 0}, {"name": "a.json", "digest": DIGEST}]
    version = catalog.register_version(model, artifacts=given, notes="n", actor=cast.acting(developer))
    assert list(version.artifacts.values_list("name", "digest", "size")) == [
        ("a.json", DIGEST, None),
        ("b.onnx", DIGEST, 0),
    ]


@pytest.mark.parametrize(
    ("artifact", "field"),
    [
        ({"name": "", "digest": DIGEST}, "artifacts.name"),
        ({"digest": DIGEST}, "artifacts.name"),
        ({"name": "a"}, "artifacts.digest"),
        ({"name": "a", "digest": "b" * 64}, "artifacts.digest"),
        ({"name": "a", "digest": DIGEST, "size": -1}, "artifacts"),
        ({"name": "model.bin", "digest": DIGEST}, "artifacts"),
    ],
)
def test_version_with_a_wrong_artifact_is_refused(model, developer, artifact, field):
    given = [{"name": "model.bin", "digest": DIGEST}, artifact]
    act = lambda: catalog.register_version(model, artifacts=given, actor=cast.acting(developer))  # noqa: E731
    assert refuse(act).field == field
    assert Artifact.objects.count() == 0


def test_version_with_more_artifacts_than_the_log_holds_is_refused(model, developer):
    given = [{"name": f"{number:0200}", "digest": DIGEST} for number in range(100)]
    act = lambda: catalog.register_version(model, artifacts=given, actor=cast.acting(developer))  # noqa: E731
    assert "does not fit into one entry of the audit log" in refuse(act).message


def test_parent_is_a_version_of_the_same_model(version, project, developer):
    actor = cast.acting(developer)
    other = catalog.register_model(project, name="Other", actor=actor)
    assert refuse(lambda: catalog.register_version(other, parent=version, actor=actor)).field == "parent"
    assert catalog.register_version(version.model, parent=version, actor=actor).parent == version


@pytest.mark.django_db(transaction=True)
def test_registered_at_once_every_version_has_its_number_and_every_name_one_model(model, project, developer):
    actor = cast.acting(developer)
    assert race(lambda: catalog.register_version(model, actor=actor)) == ["done"] * 5
    assert sorted(ModelVersion.objects.values_list("number", flat=True)) == [1, 2, 3, 4, 5]
    assert race(lambda: catalog.register_model(project, name="Other", actor=actor)) == ["done"] + ["duplicate"] * 4
