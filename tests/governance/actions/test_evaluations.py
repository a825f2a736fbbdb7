"""Asking for an evaluation: what is queued, and what is refused before anything is."""

from __future__ import annotations

import pytest

from governance.actions import catalog, evaluations, lineage
from governance.dossier import collect
from governance.exceptions import InvalidInput, NotPermitted, TransitionNotAllowed
from governance.gate import judge
from governance.lifecycle import State
from governance.models import AuditLogEntry, Evaluation, Evidence, ModelVersion
from tests import cast


@pytest.fixture
def predictions(version, developer):
    return cast.submit(version, "predictions", by=developer, file=[cast.make_predictions(40)], file_name="p.csv")


def request(version, evidence, *, by, **given) -> Evaluation:
    given = {"kind": "bias_audit", "spec": cast.PREDICTIONS_SPEC} | given
    return evaluations.request_evaluation(version, evidence=evidence, actor=cast.acting(by), **given)


def refuse(version, evidence, *, by, error=InvalidInput, **given):
    before = Evaluation.objects.count(), AuditLogEntry.objects.count()
    with pytest.raises(error) as caught:
        request(version, evidence, by=by, **given)
    assert (Evaluation.objects.count(), AuditLogEntry.objects.count()) == before
    return caught.value


def read_by(evaluation) -> dict[str, Evidence]:
    return {item.role: item.evidence for item in evaluation.inputs.all()}


def test_request_is_queued_on_the_declared_data(version, predictions, developer):
    made = request(version, predictions, by=developer)
    made.refresh_from_db()
    assert (made.status, made.attempts, made.lease_owner, made.inputs.count()) == ("QUEUED", 0, "", 0)
    assert made.dataset_version == version.dataset_uses.get(role="test").dataset_version
    body = cast.read_body(AuditLogEntry.objects.order_by("-index").first())
    assert body["data"]["evidence_digest"] == predictions.digest
    assert body["data"]["dataset_digest"] == made.dataset_version.digest


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"kind": "guess"}, "kind", "bias_audit, explanation"),
        ({"spec": {}}, "spec", "key “task”: must be one of 'binary'"),
        ({"spec": []}, "spec", "must be a JSON object"),
        ({"spec": cast.PREDICTIONS_SPEC | {"metricks": []}}, "spec", "did you mean 'metrics'?"),
        ({"spec": cast.PREDICTIONS_SPEC | {"sensitive": []}}, "spec", "name 1 to 8 sensitive columns"),
        ({"spec": cast.PREDICTIONS_SPEC | {"positive_label": 1}}, "spec", "must be a text"),
        ({"spec": cast.PREDICTIONS_SPEC | {"seed": True}}, "spec", "whole number"),
        ({"spec": cast.PREDICTIONS_SPEC | {"task": "multiclass"}}, "spec", "has no positive label"),
        ({"dataset_role": "live"}, "dataset_role", "training, validation, test"),
        ({"dataset_role": "validation"}, "dataset_role", "Declare first"),
    ],
)
def test_request_that_cannot_be_computed_is_refused(version, predictions, developer, change, field, words):
    error = refuse(version, predictions, by=developer, **change)
    assert error.field == field
    assert words in error.message


def test_request_reads_the_right_kind_of_evidence_of_the_same_version(version, predictions, developer):
    metrics = cast.submit(version, "metrics", by=developer, content={"metrics": [{"name": "a", "value": 1}]})
    other = catalog.register_version(version.model, actor=cast.acting(developer))
    for place, item in ((version, metrics), (other, predictions)):
        assert refuse(place, item, by=developer).field == "evidence"
    explanation = {"kind": "explanation", "spec": cast.ATTRIBUTIONS_SPEC}
    assert refuse(version, predictions, by=developer, **explanation).field == "evidence"


def test_request_on_superseded_evidence_is_refused(version, predictions, developer):
    """Otherwise an old, kinder file could be measured again after its correction."""
    successor = cast.submit(
        version,
        "predictions",
        by=developer,
        file=[cast.make_predictions(60)],
        file_name="p.csv",
        supersedes=predictions,
    )
    assert refuse(version, predictions, by=developer).message == (
        "That evidence is superseded; evaluate what took its place."
    )
    assert request(version, successor, by=developer).evidence == successor


def test_request_names_the_dataset_when_several_are_declared(version, predictions, developer):
    first = version.dataset_uses.get(role="test").dataset_version
    second = lineage.register_dataset_version(
        first.dataset, digest="sha256:" + "c" * 64, row_count=5, actor=cast.acting(developer)
    )
    stray = lineage.register_dataset_version(
        first.dataset, digest="sha256:" + "d" * 64, row_count=5, actor=cast.acting(developer)
    )
    lineage.declare_dataset_use(version, dataset_version=second, role="test", actor=cast.acting(developer))
    assert refuse(version, predictions, by=developer).field == "dataset_version"
    assert refuse(version, predictions, by=developer, dataset_version=stray).field == "dataset_role"
    assert request(version, predictions, by=developer, dataset_version=second).dataset_version == second


def test_explanation_is_matched_with_the_newest_standing_predictions(version, predictions, developer):
    attributions = cast.submit(
        version, "attributions", by=developer, file=[cast.make_attributions()], file_name="a.csv"
    )
    given = {"kind": "explanation", "spec": cast.ATTRIBUTIONS_SPEC}
    assert read_by(request(version, attributions, by=developer, **given)) == {"predictions": predictions}
    newer = cast.submit(
        version,
        "predictions",
        by=developer,
        file=[cast.make_predictions(60)],
        file_name="p.csv",
        supersedes=predictions,
    )
    assert read_by(request(version, attributions, by=developer, **given)) == {"predictions": newer}


def test_inputs_are_read_by_role_and_logged(version, predictions, developer):
    joined = cast.submit(version, "table", by=developer, file=[b"row_id,sex\n1,f\n"], file_name="t.csv")
    made = request(version, predictions, by=developer, inputs={"sensitive_file": joined})
    assert read_by(made) == {"sensitive_file": joined}
    body = cast.read_body(AuditLogEntry.objects.order_by("-index").first())
    assert body["data"]["inputs"] == {"sensitive_file": {"evidence": joined.pk, "digest": joined.digest}}


def test_a_cancelled_request_does_not_bring_the_older_result_back(ready_version, developer):
    """Otherwise an unwelcome measurement could be stopped and the kinder one before it would count again."""
    newer = request(ready_version, ready_version.evidence.get(kind="predictions"), by=developer)
    evaluations.cancel_evaluation(newer, actor=cast.acting(developer))
    found = {finding.key: finding.status for finding in judge(collect(ready_version)).findings}
    assert found["evaluation:bias_audit:test"] == "MISSING"


def test_inputs_of_a_wrong_role_kind_or_version_are_refused(version, predictions, developer):
    joined = cast.submit(version, "table", by=developer, file=[b"row_id,sex\n1,f\n"], file_name="t.csv")
    other = catalog.register_version(version.model, actor=cast.acting(developer))
    foreign = cast.submit(other, "table", by=developer, file=[b"row_id,sex\n1,f\n"], file_name="t.csv")
    metrics = cast.submit(version, "metrics", by=developer, content={"metrics": [{"name": "a", "value": 1}]})
    for inputs in ({"background": joined}, {"sensitive_file": metrics}, {"sensitive_file": foreign}, {"guess": joined}):
        assert refuse(version, predictions, by=developer, inputs=inputs).field == "inputs"
    cast.submit(version, "table", by=developer, file=[b"a\n1\n"], file_name="t.csv", supersedes=joined)
    assert "superseded" in refuse(version, predictions, by=developer, inputs={"sensitive_file": joined}).message


@pytest.mark.parametrize("state", [State.RELEASED, State.RETIRED, State.REJECTED])
def test_request_on_a_closed_version_is_not_now(version, predictions, developer, state):
    ModelVersion.objects.filter(pk=version.pk).update(state=state)
    refuse(version, predictions, by=developer, error=TransitionNotAllowed)


def test_request_takes_an_approval_back(ready_version, signers, developer):
    cast.sign_by_all(ready_version, signers)
    request(ready_version, ready_version.evidence.get(kind="predictions"), by=developer)
    ready_version.refresh_from_db()
    assert ready_version.state == State.IN_REVIEW


def test_request_by_readers_is_refused(version, predictions, auditor, approver, administrator):
    for user in (auditor, approver, administrator):
        refuse(version, predictions, by=user, error=NotPermitted)


# --- Cancelling ------------------------------------------------------------------------------------------------


def test_waiting_and_running_evaluations_are_cancelled_once(version, predictions, developer):
    for status in ("QUEUED", "RUNNING"):
        made = request(version, predictions, by=developer)
        Evaluation.objects.filter(pk=made.pk).update(status=status, lease_owner="somebody", progress="40% counting")
        done = evaluations.cancel_evaluation(made, actor=cast.acting(developer))
        assert (done.status, done.lease_owner, done.progress) == ("CANCELLED", "", "")
        assert done.finished_at is not None
        body = cast.read_body(AuditLogEntry.objects.order_by("-index").first())
        assert (body["type"], body["data"]["was"]) == ("evaluation.cancelled", status)


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "CANCELLED"])
def test_outcome_of_an_ended_evaluation_stands(version, predictions, developer, status):
    made = request(version, predictions, by=developer)
    Evaluation.objects.filter(pk=made.pk).update(status=status, result_digest="sha256:x")
    before = AuditLogEntry.objects.count()
    with pytest.raises(TransitionNotAllowed, match="its outcome stands"):
        evaluations.cancel_evaluation(made, actor=cast.acting(developer))
    assert AuditLogEntry.objects.count() == before


def test_who_may_not_ask_may_not_cancel(version, predictions, developer, auditor, stranger):
    made = request(version, predictions, by=developer)
    for person in (auditor, stranger):
        with pytest.raises(NotPermitted):
            evaluations.cancel_evaluation(made, actor=cast.acting(person))
    made.refresh_from_db()
    assert made.status == "QUEUED"
