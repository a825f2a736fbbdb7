"""What a policy asks of acceptance criteria, and of the numbers that settle them, beyond the criteria's own words."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext as _

from governance.dossier import Dossier
from governance.dossier_items import EvaluationItem, Measure
from governance.findings import Area, Finding, FindingStatus
from governance.metric_titles import title_of_metric
from governance.models import Severity
from governance.policy import CriterionNeed, Policy

OVERALL = "overall"
# Rows under another condition are measured under that one; they are not left out of the data.
COUNTED_ELSEWHERE = "under a condition other than the baseline"
AT_LEAST = {Severity.MUST: {Severity.MUST}, Severity.SHOULD: {Severity.MUST, Severity.SHOULD}}


def judge_needed_criteria(dossier: Dossier) -> list[Finding]:
    """One finding per metric on which the policy demands an acceptance criterion. Whether that is met, its own says."""
    return [_judge_need(dossier, need) for need in dossier.policy.criteria]


def _judge_need(dossier: Dossier, need: CriterionNeed) -> Finding:
    severities = AT_LEAST[Severity(need.severity)]
    found = [
        criterion.key
        for requirement in dossier.requirements
        for criterion in requirement.criteria
        if criterion.metric == need.metric and criterion.severity in severities
    ]
    words = {"metric": title_of_metric(need.metric), "severity": str(Severity(need.severity).label)}
    return Finding(
        f"criteria:{need.metric}:{need.severity}",
        Area.CRITERIA,
        _("A criterion on %(metric)s") % words,
        FindingStatus.MET if found else FindingStatus.MISSING,
        ", ".join(found)
        if found
        else _("The policy demands an acceptance criterion on it that is at least “%(severity)s”.") % words,
    )


def limit_by_policy(measure: Measure, evaluation: EvaluationItem, policy: Policy) -> Measure:
    """The measure as the policy lets it count. Whoever asks for an evaluation chooses the smallest group and whether
    rows are left out; where that is less than the policy asks for, the number is shown and settles nothing."""
    why = _find_objection(measure, evaluation, policy)
    return replace(measure, reason=measure.reason or why) if why else measure


def _find_objection(measure: Measure, evaluation: EvaluationItem, policy: Policy) -> str:
    size = evaluation.minimum_group_size
    if measure.population != OVERALL and size is not None and size < policy.smallest_group:
        return _("groups of %(size)d rows were judged; the policy asks for at least %(least)d") % {
            "size": size,
            "least": policy.smallest_group,
        }
    left_out = sum(item.rows for item in evaluation.left_out if item.reason != COUNTED_ELSEWHERE)
    if left_out and not policy.allow_excluded_missing:
        return _("%(rows)s rows were left out, which the policy does not allow") % {"rows": f"{left_out:,}"}
    return ""
