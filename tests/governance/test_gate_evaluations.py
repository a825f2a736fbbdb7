"""What a succeeded evaluation has to show, kind by kind and word for word. No database."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from governance import dossier_items as items
from governance.evaluation_settings import TOLERANCE
from governance.gate import judge
from governance.policy import EvaluationNeed, policy_for
from tests.governance.test_gate import make_dossier, make_evaluation, make_measure


def judged(kind: str, measures: list[items.Measure], **changes: Any) -> tuple[str, str]:
    """Status and detail of the finding about the only evaluation, which the policy asks for."""
    policy = dataclasses.replace(policy_for("high"), evaluations=(EvaluationNeed(kind, "test"),))
    evaluation = make_evaluation(kind, measures, **({"dataset_rows": 400} | changes))
    decision = judge(make_dossier(policy=policy, evaluations=(evaluation,)))
    (found,) = [finding for finding in decision.findings if finding.area == "evaluations"]
    assert (found.key, found.evaluation_id) == (f"evaluation:{kind}:test", 50)
    return found.status, found.detail


def share(value: float | None = 1.0, **changes: Any) -> items.Measure:
    return make_measure(value, value, value, **({"metric": "additive_share"} | changes))


def again(value: float | None = 1.0, **changes: Any) -> items.Measure:
    return share(value, metric="reproduced_share", **changes)


def test_an_evaluation_that_nobody_asked_for_is_missing():
    decision = judge(make_dossier(evaluations=()))
    (found,) = [finding for finding in decision.findings if finding.key == "evaluation:bias_audit:test"]
    assert (found.status, found.detail, found.evaluation_id) == ("MISSING", "Not requested yet.", None)
    assert found.title == "Bias audit on test data"


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("FAILED", "It failed: no column"),
        ("CANCELLED", "The newest request was cancelled. Ask for it again."),
        ("RUNNING", "It has not finished yet."),
    ],
)
def test_an_evaluation_without_a_result_says_why(status, told):
    assert judged("bias_audit", [], status=status, failure="no column")[1] == told


def test_an_evaluation_of_superseded_evidence_says_so():
    told = ("STALE", "The evidence it read has been superseded. Ask for it again.")
    assert judged("bias_audit", [], evidence_id=77) == told


def test_an_audit_says_of_which_rows_it_speaks():
    assert judged("bias_audit", []) == ("MET", "Computed on all rows of Data v1 (400).")
    assert judged("bias_audit", [], gap="12 rows were not read") == ("NOT_MET", "12 rows were not read.")


@pytest.mark.parametrize(
    ("measures", "status", "told"),
    [
        ([share()], "MET", "Additivity verified on all 400 explained rows; Data v1 has 400."),
        (
            [share(0.5, metric="another"), share(0.5, population="sex=female"), share()],
            "MET",
            "Additivity verified on all 400 explained rows; Data v1 has 400.",
        ),
        ([share(), share(0.5)], "MET", "Additivity verified on all 400 explained rows; Data v1 has 400."),
        ([share(reason="too few")], "INCONCLUSIVE", "It cannot be told: too few."),
        ([share(0.5)], "NOT_MET", "The submitted values do not add up to the model's output on every row."),
        (
            [share(population="sex=female")],
            "NOT_MET",
            "The submitted values do not add up to the model's output on every row.",
        ),
        (
            [share(metric="another")],
            "NOT_MET",
            "The submitted values do not add up to the model's output on every row.",
        ),
    ],
)
def test_an_explanation_adds_up(measures, status, told):
    assert judged("explanation", measures) == (status, told)


def test_a_profile_is_of_the_very_file():
    other = make_measure(0.0, 0.0, 0.0, metric="another")
    match = make_measure(1.0, 1.0, 1.0, metric="dataset_match")
    assert judged("data_quality", [other, match])[:1] == ("MET",)
    assert judged("data_quality", [match])[1].startswith("Computed on the very bytes of Data v1.")
    told = "The profiled file is not Data v1: its digest is another."
    assert judged("data_quality", [dataclasses.replace(match, metric="another")]) == ("NOT_MET", told)


@pytest.mark.parametrize(
    ("measures", "status", "told"),
    [
        ([], "INCONCLUSIVE", "It cannot be told: undefined."),
        ([share()], "INCONCLUSIVE", "It cannot be told: undefined."),
        ([again(None)], "INCONCLUSIVE", "It cannot be told: undefined."),
        ([again(None, reason="no run ended")], "INCONCLUSIVE", "It cannot be told: no run ended."),
        ([again(reason="one run only")], "INCONCLUSIVE", "It cannot be told: one run only."),
        ([again(0.5)], "NOT_MET", "Not every metric on record came out again within its tolerance."),
        ([again(0.5), again()], "NOT_MET", "Not every metric on record came out again within its tolerance."),
    ],
)
def test_a_reproduction_gives_every_metric_again(measures, status, told):
    assert judged("reproduction", measures) == (status, told)


def test_a_reproduction_names_its_tolerances():
    chosen = (
        items.SettingItem(f"{TOLERANCE}accuracy", "0.01"),
        items.SettingItem("runs", "3"),
        items.SettingItem(f"{TOLERANCE}f1", "0.02"),
    )
    status, told = judged("reproduction", [share(0.2), again(), again(0.5)], settings=chosen)
    assert status == "MET"
    assert told.startswith("Every metric on record came out again within its tolerance (accuracy: 0.01; f1: 0.02).")
