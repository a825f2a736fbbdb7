"""How the gate judges an acceptance criterion and a submitter's claim."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from governance.dossier import Dossier
from governance.dossier_items import CriterionItem, EvaluationItem, EvidenceItem, Measure, RequirementItem
from governance.evaluation_words import say_condition, say_how_it_was_read
from governance.findings import Area, Finding, FindingStatus
from governance.gate_policy import limit_by_policy
from governance.metric_titles import title_of_metric
from governance.models import Comparator, EvidenceKind
from governance.text import with_end

CLAIM_TOLERANCE = 1e-6
# More rows than this settle nothing in practice.
LARGEST_ROWS = 10**12
# What is measured over runs of a training, not over rows.
COUNTED_IN_RUNS = frozenset({"reproduced_share", "largest_deviation", "metric_deviation"})
# Kinds whose numbers the portal cannot recompute: they count as reported, and the finding says by whom.
REPORTED_KINDS = (EvidenceKind.TEST_REPORT, EvidenceKind.LOAD_TEST, EvidenceKind.AB_RESULT)


def judge_criterion(dossier: Dossier, requirement: RequirementItem, criterion: CriterionItem) -> Finding:
    """Judge one criterion by what was measured; failing that, by what was reported and cannot be recomputed."""
    evaluation_id: int | None = None
    evidence_ids = requirement.evidence_ids
    found = dossier.measures(criterion.dataset_role).get((criterion.metric, criterion.population))
    if found is not None:
        measure, evaluation = found
        evaluation_id, evidence_ids = evaluation.id, (evaluation.evidence_id,)
        status, detail = _judge_measure(limit_by_policy(measure, evaluation, dossier.policy), criterion)
        detail = f"{detail} {_say_reading(dossier, evaluation)}".strip()
    else:
        status, detail = _judge_report(dossier, criterion)
    return Finding(
        f"criterion:{criterion.key}",
        Area.CRITERIA,
        _title(requirement, criterion),
        status,
        detail,
        blocks=criterion.severity in dossier.policy.blocking_severity,
        demand=_demand(criterion),
        evidence_ids=evidence_ids,
        evaluation_id=evaluation_id,
    )


def _say_reading(dossier: Dossier, evaluation: EvaluationItem) -> str:
    """How the rows were read, where no finding about the evaluation itself says so, and the condition in any case."""
    if any(
        (need.kind, need.dataset_role) == (evaluation.kind, evaluation.dataset_role)
        for need in dossier.policy.evaluations
    ):
        condition = say_condition(evaluation)
        return f"{condition[0].upper()}{condition[1:]}." if condition else ""
    return say_how_it_was_read(evaluation)


def _demand(criterion: CriterionItem) -> str:
    return (
        f"{criterion.metric} ({criterion.population}, {criterion.dataset_role}) "
        f"{criterion.comparator} {criterion.threshold}"
    )


def _title(requirement: RequirementItem, criterion: CriterionItem) -> str:
    return _("%(key)s %(title)s: %(metric)s (%(population)s) %(comparator)s %(threshold)s") % {
        "key": criterion.key,
        "title": requirement.title,
        "metric": title_of_metric(criterion.metric),
        "population": criterion.population,
        "comparator": Comparator(criterion.comparator).label,
        "threshold": criterion.threshold,
    }


def _judge_measure(measure: Measure, criterion: CriterionItem) -> tuple[str, str]:
    """Judge one measure; ``audits.bias.verdicts`` judges by the same rule, and a test keeps the two in step."""
    if measure.reason is not None or measure.value is None or not math.isfinite(measure.value):
        return FindingStatus.INCONCLUSIVE, _("Cannot be judged: %(why)s") % {
            "why": with_end(measure.reason or _("undefined"))
        }
    detail = _describe(measure)
    low, high = _find_limits(measure)
    ends = {_holds(low, criterion), _holds(high, criterion)}
    if ends == {True}:
        return FindingStatus.MET, detail
    if ends == {False}:
        return FindingStatus.NOT_MET, detail
    straddles = _("The interval straddles the threshold.")
    return FindingStatus.INCONCLUSIVE, f"{detail} {straddles} {_say_what_settles(measure, criterion)}"


def _describe(measure: Measure) -> str:
    if measure.metric in COUNTED_IN_RUNS:
        words = ngettext("Measured %(value)s (in %(n)d run).", "Measured %(value)s (in %(n)d runs).", measure.n)
        return words % {"value": _number(measure.value), "n": measure.n}
    given = {"value": _number(measure.value), "rows": say_rows(measure)}
    if measure.low == measure.high == measure.value:
        return _("Measured %(value)s, exact (%(rows)s).") % given
    if measure.low is None and measure.high is None:
        return _("Measured %(value)s (%(rows)s).") % given
    limits = {"low": _number(measure.low), "high": _number(measure.high)}
    return _("Measured %(value)s, interval %(low)s to %(high)s (%(rows)s).") % (given | limits)


POSITIVES, NEGATIVES = gettext_lazy("positives"), gettext_lazy("negatives")
WHOLES = {
    "tpr": POSITIVES,
    "fnr": POSITIVES,
    "fpr": NEGATIVES,
    "tnr": NEGATIVES,
    "precision": gettext_lazy("selected rows"),
    "npv": gettext_lazy("rows not selected"),
}
"""What a share is counted among, where that is not every row of the population."""


def say_rows(measure: Measure) -> str:
    """Among how many rows a measure was counted: of a share its own, and beside them those of the population."""
    everybody = _("among %(n)d rows") % {"n": measure.n}
    if measure.whole is None:
        return everybody
    whole = str(WHOLES.get(measure.metric, gettext_lazy("rows")))
    counted = f"{measure.whole:,} {whole}"
    if measure.part is not None:
        counted = _("%(part)s of %(counted)s") % {"part": f"{measure.part:,}", "counted": counted}
    return counted if measure.whole == measure.n else f"{counted}, {everybody}"


def _find_limits(measure: Measure) -> tuple[float, float]:
    """The limits to judge by: the value itself without an interval, infinity where only one end is known."""
    value = math.nan if measure.value is None else measure.value
    if measure.low is None and measure.high is None:
        return value, value
    return (
        -math.inf if measure.low is None or math.isnan(measure.low) else measure.low,
        math.inf if measure.high is None or math.isnan(measure.high) else measure.high,
    )


def _holds(value: float, criterion: CriterionItem) -> bool:
    if math.isinf(value):
        return (value > 0) == (criterion.comparator == Comparator.AT_LEAST)
    exact, threshold = _exact(value), Fraction(criterion.threshold)
    return exact >= threshold if criterion.comparator == Comparator.AT_LEAST else exact <= threshold


def _exact(value: float) -> Fraction:
    return Fraction(repr(float(value)))


def count_rows_needed(measure: Measure, criterion: CriterionItem) -> int | None:
    """How many rows would take the threshold out of the interval, if the value stayed where it is.

    The distance from the value to the limit on the threshold's side shrinks with the square root of the rows. None
    where no practical number would do: the value is the threshold, or the limit has no bound.
    """
    if measure.value is None:
        return None
    low, high = _find_limits(measure)
    is_held = _holds(measure.value, criterion)
    limit = low if is_held == (criterion.comparator == Comparator.AT_LEAST) else high
    gap = abs(_exact(measure.value) - Fraction(criterion.threshold))
    if not gap or not math.isfinite(limit):
        return None
    exact = measure.n * (abs(_exact(limit) - _exact(measure.value)) / gap) ** 2
    rows = math.ceil(exact) if is_held else math.floor(exact) + 1
    return max(rows, measure.n + 1) if rows <= LARGEST_ROWS else None


def _say_what_settles(measure: Measure, criterion: CriterionItem) -> str:
    rows = count_rows_needed(measure, criterion)
    if rows is None:
        return _("No practical number of rows would settle it.")
    return _("About %(rows)s rows would settle it (there are %(n)s now), if the value stayed where it is.") % {
        "rows": f"{rows:,}",
        "n": f"{measure.n:,}",
    }


def _number(value: float | None) -> str:
    return _("unbounded") if value is None else f"{value:.4g}"


def _judge_report(dossier: Dossier, criterion: CriterionItem) -> tuple[str, str]:
    reports = list(_reports(dossier, criterion))
    if reports:
        # Where reports that stand contradict each other, the unwelcome one counts: a kinder one may supersede it.
        holds = [math.isfinite(value) and _holds(value, criterion) for _item, value in reports]
        item, value = reports[holds.index(False) if False in holds else 0]
        return (FindingStatus.MET if all(holds) else FindingStatus.NOT_MET), _(
            "Reported %(value)s by %(name)s in “%(title)s”; the portal cannot recompute it."
        ) % {"value": _number(value), "name": item.submitted_by, "title": item.title}
    for item, claim in _claims(dossier):
        if (claim["name"], claim["population"]) == (criterion.metric, criterion.population):
            return FindingStatus.MISSING, _(
                "Claimed as %(value)s by %(name)s; no evaluation on %(role)s data has recomputed it."
            ) % {"value": _number(claim["value"]), "name": item.submitted_by, "role": criterion.dataset_role}
    return FindingStatus.MISSING, _("No evaluation on %(role)s data measures it.") % {"role": criterion.dataset_role}


def _reports(dossier: Dossier, criterion: CriterionItem) -> Iterator[tuple[EvidenceItem, float]]:
    """Every current report of the number a criterion is about."""
    if criterion.population != "overall":
        return
    for item in dossier.evidence:
        value = reported_values(item).get(criterion.metric) if item.kind in REPORTED_KINDS else None
        if value is not None:
            yield item, value


def reported_values(item: EvidenceItem) -> dict[str, float]:
    """The numbers a reported kind offers to criteria, named ``kind.value`` such as ``load_test.p95_ms``."""
    values = (item.content or {}).get("values", {})
    return {f"{item.kind}.{name}": float(value) for name, value in values.items()}


def _claims(dossier: Dossier) -> Iterator[tuple[EvidenceItem, dict[str, Any]]]:
    for item in dossier.evidence:
        if item.kind == EvidenceKind.METRICS:
            for claim in (item.content or {}).get("metrics", ()):
                yield item, claim


def judge_claims(dossier: Dossier) -> list[Finding]:
    """Every claimed metric that an evaluation has measured must reproduce."""
    findings = []
    for item, claim in _claims(dossier):
        found = dossier.measures(claim["dataset_role"]).get((claim["name"], claim["population"]))
        if found is None or found[0].value is None:
            continue
        measured = found[0].value
        agrees = math.isclose(measured, claim["value"], rel_tol=CLAIM_TOLERANCE, abs_tol=CLAIM_TOLERANCE)
        detail = _("Claimed %(claimed)s, recomputed %(measured)s.") % {
            "claimed": repr(claim["value"]),
            "measured": repr(measured),
        }
        findings.append(
            Finding(
                f"claim:{item.id}:{claim['dataset_role']}:{claim['name']}:{claim['population']}",
                Area.CLAIMS,
                _("Claimed %(metric)s (%(population)s)")
                % {"metric": title_of_metric(claim["name"]), "population": claim["population"]},
                FindingStatus.MET if agrees else FindingStatus.NOT_MET,
                detail if agrees else detail + " " + _("The claim does not reproduce."),
                evidence_ids=(item.id,),
                evaluation_id=found[1].id,
            )
        )
    return findings
