"""What the gate makes of a policy's demands on criteria, on the smallest group and on rows left out."""

from __future__ import annotations

import dataclasses

import pytest

from audits.bias.robustness import OTHER_CONDITIONS
from governance.dossier_items import LeftOutItem
from governance.findings import FindingStatus
from governance.gate import judge
from governance.gate_policy import COUNTED_ELSEWHERE, limit_by_policy
from governance.policy import CriterionNeed, policy_for
from tests.governance.test_gate import make_criterion, make_dossier, make_evaluation, make_measure, make_requirement

HIGH = policy_for("high")


def find(dossier, key):
    return next(finding for finding in judge(dossier).findings if finding.key == key)


@pytest.mark.parametrize(
    ("severity", "given", "status"),
    [
        ("must", "must", FindingStatus.MET),
        ("must", "should", FindingStatus.MISSING),
        ("should", "must", FindingStatus.MET),
        ("should", "should", FindingStatus.MET),
    ],
)
def test_metric_that_the_policy_demands_needs_a_criterion(severity, given, status):
    policy = dataclasses.replace(HIGH, criteria=(CriterionNeed("accuracy", severity),))
    dossier = make_dossier(policy=policy, requirements=(make_requirement(make_criterion(severity=given)),))
    found = find(dossier, f"criteria:accuracy:{severity}")
    assert found.status == status
    assert found.blocks
    assert judge(dossier).is_open is (status == FindingStatus.MET)


def test_metric_without_any_criterion_is_missing():
    policy = dataclasses.replace(HIGH, criteria=(CriterionNeed("tpr_difference", "should"),))
    decision = judge(make_dossier(policy=policy))
    assert [finding.key for finding in decision.closing] == ["criteria:tpr_difference:should"]
    assert "demands an acceptance criterion" in decision.closing[0].detail


def with_audit(measure, **changes):
    """A dossier whose one criterion is judged by this measure of a bias audit."""
    audit = make_evaluation("bias_audit", [measure], **changes)
    whole = make_dossier()
    others = tuple(item for item in whole.evaluations if item.kind != "bias_audit")
    criterion = make_criterion(metric=measure.metric, population=measure.population)
    requirement = make_requirement(criterion)
    return dataclasses.replace(whole, evaluations=(audit, *others), requirements=(requirement,))


@pytest.mark.parametrize(
    ("population", "size", "status"),
    [
        ("by sex", 19, FindingStatus.INCONCLUSIVE),
        ("sex=female", 1, FindingStatus.INCONCLUSIVE),
        ("by sex", 20, FindingStatus.MET),
        ("by sex", 500, FindingStatus.MET),
        ("by sex", None, FindingStatus.MET),
        ("overall", 1, FindingStatus.MET),
    ],
)
def test_groups_smaller_than_the_policy_allows_settle_nothing(population, size, status):
    measure = make_measure(0.95, 0.93, 0.97, population=population)
    found = find(with_audit(measure, minimum_group_size=size), "criterion:R-1.1")
    assert found.status == status
    assert ("the policy asks for at least 20" in found.detail) is (status == FindingStatus.INCONCLUSIVE)


def test_small_groups_do_not_settle_that_a_criterion_fails_either():
    measure = make_measure(0.1, 0.05, 0.15, population="by sex")
    assert find(with_audit(measure, minimum_group_size=2), "criterion:R-1.1").status == FindingStatus.INCONCLUSIVE


@pytest.mark.parametrize(
    ("left_out", "status"),
    [
        ((LeftOutItem("sensitive value missing", 3, 400),), FindingStatus.INCONCLUSIVE),
        ((LeftOutItem("whatever a submitter calls it", 1, 400),), FindingStatus.INCONCLUSIVE),
        ((LeftOutItem(COUNTED_ELSEWHERE, 300, 700),), FindingStatus.MET),
        ((), FindingStatus.MET),
    ],
)
def test_rows_left_out_settle_nothing_where_the_policy_refuses_them(left_out, status):
    dossier = with_audit(make_measure(0.95, 0.93, 0.97), left_out=left_out)
    assert find(dossier, "criterion:R-1.1").status == status
    allowed = dataclasses.replace(HIGH, allow_excluded_missing=True)
    assert find(dataclasses.replace(dossier, policy=allowed), "criterion:R-1.1").status == FindingStatus.MET


def test_rows_of_other_conditions_are_called_as_the_laboratory_calls_them():
    assert COUNTED_ELSEWHERE == OTHER_CONDITIONS


def test_criteria_that_meet_a_demand_are_named():
    policy = dataclasses.replace(HIGH, criteria=(CriterionNeed("accuracy", "must"),))
    rows = (make_criterion(key="R-1.1"), make_criterion(key="R-1.2"))
    found = find(make_dossier(policy=policy, requirements=(make_requirement(*rows),)), "criteria:accuracy:must")
    assert found.detail == "R-1.1, R-1.2"


def test_a_measure_that_settles_nothing_already_keeps_its_own_reason():
    measure = make_measure(0.9, population="sex=female", reason="too few rows")
    audit = make_evaluation("bias_audit", [measure], minimum_group_size=5)
    assert limit_by_policy(measure, audit, HIGH).reason == "too few rows"
    unexplained = dataclasses.replace(measure, reason=None)
    assert limit_by_policy(unexplained, audit, HIGH).reason == (
        "groups of 5 rows were judged; the policy asks for at least 20"
    )
