"""A reproduction as an evaluation: compared with the metrics on record, whatever the report states."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from governance import runner
from governance.actions import evaluations, requirements
from governance.dossier import collect
from governance.exceptions import InvalidInput, NotPermitted
from governance.gate import judge
from governance.models import AuditLogEntry, Evaluation, Evidence, WorkStatus
from governance.policy import EvaluationNeed
from tests import cast
from tests.reproductions import make_report, make_run


def claim(version: Any, by: Any, *metrics: dict[str, Any], **given: Any) -> Evidence:
    return cast.submit(version, "metrics", by=by, content={"metrics": list(metrics)}, **given)


def ask(version: Any, by: Any, report: dict[str, Any] | None = None, **spec: Any) -> Evaluation:
    evidence = cast.submit(version, "reproduction", by=by, content=report or make_report())
    return evaluations.request_evaluation(
        version, kind="reproduction", evidence=evidence, spec=spec, actor=cast.acting(by)
    )


def run(evaluation: Evaluation) -> dict[str, Any]:
    assert runner.run(evaluation.pk) is True
    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.failure) == (WorkStatus.SUCCEEDED, "")
    return json.loads(evaluation.result)


def test_compared_with_the_metrics_on_record_for_this_data_and_everybody(version, developer):
    claim(
        version,
        developer,
        {"name": "accuracy", "value": 0.955},
        {"name": "accuracy", "value": 0.5, "population": "sex=female"},
        {"name": "accuracy", "value": 0.99, "dataset_role": "training"},
    )
    result = run(ask(version, developer))

    assert result["verdict"] == "reproduced"
    assert [(item["name"], item["on_record"], item["again"]) for item in result["metrics"]] == [
        ("accuracy", [0.955], [0.948])
    ]
    assert result["artifacts"][0]["identical"] == 0
    assert result["is_independent"] is False


def test_superseded_metrics_are_not_on_record_and_make_the_comparison_outdated(version, developer):
    old = claim(version, developer, {"name": "accuracy", "value": 0.95})
    evaluation = ask(version, developer)
    assert run(evaluation)["verdict"] == "reproduced"
    before = collect(version)
    (item,) = [item for item in before.evaluations if item.kind == "reproduction"]
    assert [(read.role, read.evidence_id, read.digest) for read in item.inputs] == [("metrics", old.pk, old.digest)]
    assert not before.is_outdated(item)

    claim(version, developer, {"name": "accuracy", "value": 0.7}, supersedes=old)
    after = collect(version)
    (item,) = [item for item in after.evaluations if item.kind == "reproduction"]

    assert after.is_outdated(item)
    assert ("reproduced_share", "overall") not in after.measures("test")
    assert run(ask(version, developer))["verdict"] == "not reproduced"


def test_somebody_else_who_runs_it_again_is_said_to_be_independent(version, developer, validator):
    claim(version, developer, {"name": "accuracy", "value": 0.95})

    assert run(ask(version, validator))["is_independent"] is True


@pytest.mark.parametrize(("value", "status"), [(0.95, "MET"), (0.9, "NOT_MET"), (None, "INCONCLUSIVE")])
def test_criterion_on_reproduction_is_judged_by_the_gate(value, status, version, developer):
    requirements.write_requirement(
        version.model,
        title="Can be trained again",
        statement="The recorded training gives the recorded metrics.",
        criteria=[{"metric": "reproduced_share", "comparator": "at_least", "threshold": "1"}],
        actor=cast.acting(developer),
    )
    if value is not None:
        claim(version, developer, {"name": "accuracy", "value": value})
    run(ask(version, developer))
    (finding,) = [item for item in judge(collect(version)).findings if "Can be trained again" in item.title]

    assert finding.status == status
    assert ("in 1 run)" in finding.detail) is (value is not None)
    assert "rows" not in finding.detail


@pytest.mark.parametrize(
    ("value", "asked", "status"),
    [(0.95, {}, "MET"), (0.9, {}, "NOT_MET"), (0.95, {"metrics": ["accuracy"]}, "NOT_MET"), (None, {}, "INCONCLUSIVE")],
)
def test_policy_that_wants_a_reproduction_wants_every_metric_on_record(value, asked, status, version, developer):
    if value is not None:
        more = [{"name": "auc", "value": 0.7}] if asked else []
        claim(version, developer, {"name": "accuracy", "value": value}, *more)
    run(ask(version, developer, **asked))
    dossier = collect(version)
    policy = replace(dossier.policy, evaluations=(EvaluationNeed("reproduction", "test"),))
    (finding,) = [
        item for item in judge(replace(dossier, policy=policy)).findings if item.key.startswith("evaluation:")
    ]

    assert finding.status == status


def test_runs_counted_by_the_gate_are_the_measures_of_a_reproduction():
    from audits.vocabulary import REPRODUCTION_METRICS
    from governance.gate_criteria import COUNTED_IN_RUNS

    assert set(REPRODUCTION_METRICS) == COUNTED_IN_RUNS


def test_asked_once_and_logged_once(version, developer):
    claim(version, developer, {"name": "accuracy", "value": 0.95})
    evaluation = ask(version, developer)
    run(evaluation)

    assert runner.run(evaluation.pk) is False
    assert AuditLogEntry.objects.filter(type="evaluation.completed").count() == 1


def test_content_changed_behind_our_back_is_not_compared(version, developer):
    claim(version, developer, {"name": "accuracy", "value": 0.95})
    evaluation = ask(version, developer)
    Evidence.objects.filter(pk=evaluation.evidence_id).update(content=make_report(runs=[make_run(accuracy=0.95)]))
    runner.run(evaluation.pk)
    evaluation.refresh_from_db()

    assert evaluation.status == WorkStatus.FAILED
    assert "not what was recorded" in evaluation.failure


def test_bad_specification_and_other_evidence_are_refused_before_they_are_queued(version, developer):
    with pytest.raises(InvalidInput, match="tolerance"):
        ask(version, developer, tolerance=0.1)
    metrics = claim(version, developer, {"name": "accuracy", "value": 0.95})
    with pytest.raises(InvalidInput, match="reads evidence of kind “reproduction”"):
        evaluations.request_evaluation(
            version, kind="reproduction", evidence=metrics, spec={}, actor=cast.acting(developer)
        )
    assert Evaluation.objects.count() == 0


def test_stranger_may_neither_submit_nor_ask(version, developer, stranger):
    with pytest.raises(NotPermitted):
        cast.submit(version, "reproduction", by=stranger, content=make_report())
    evidence = cast.submit(version, "reproduction", by=developer, content=make_report())
    with pytest.raises(NotPermitted):
        evaluations.request_evaluation(
            version, kind="reproduction", evidence=evidence, spec={}, actor=cast.acting(stranger)
        )
