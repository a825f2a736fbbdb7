"""How the gate judges the evaluations that a policy asks for: were they made, and of what they say they are about?"""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext as _

from governance.dossier import Dossier
from governance.dossier_items import EvaluationItem
from governance.evaluation_settings import TOLERANCE
from governance.evaluation_words import say_how_it_was_read
from governance.findings import Area, Finding, FindingStatus
from governance.models import DatasetRole, EvaluationKind, WorkStatus


def judge_evaluations(dossier: Dossier) -> list[Finding]:
    """One finding for each evaluation that the policy asks for, about the newest of its kind on data of that role."""
    findings = []
    for need in dossier.policy.evaluations:
        made = [
            item for item in dossier.evaluations if (item.kind, item.dataset_role) == (need.kind, need.dataset_role)
        ]
        newest = made[0] if made else None
        status, detail = _judge_evaluation(dossier, newest)
        title = _("%(kind)s on %(role)s data") % {
            "kind": EvaluationKind(need.kind).label,
            "role": DatasetRole(need.dataset_role).label.lower(),
        }
        findings.append(
            Finding(
                f"evaluation:{need.kind}:{need.dataset_role}",
                Area.EVALUATIONS,
                title,
                status,
                detail,
                evaluation_id=newest.id if newest else None,
            )
        )
    return findings


def _judge_evaluation(dossier: Dossier, evaluation: EvaluationItem | None) -> tuple[str, str]:
    if evaluation is None:
        return FindingStatus.MISSING, _("Not requested yet.")
    if dossier.is_outdated(evaluation):
        return FindingStatus.STALE, _("The evidence it read has been superseded. Ask for it again.")
    if evaluation.status == WorkStatus.FAILED:
        return FindingStatus.NOT_MET, _("It failed: %(why)s") % {"why": evaluation.failure}
    if evaluation.status == WorkStatus.CANCELLED:
        return FindingStatus.MISSING, _("The newest request was cancelled. Ask for it again.")
    if evaluation.status != WorkStatus.SUCCEEDED:
        return FindingStatus.INCONCLUSIVE, _("It has not finished yet.")
    status, detail = JUDGE_RESULT[evaluation.kind](evaluation)
    return status, f"{detail} {say_how_it_was_read(evaluation)}".strip()


def _judge_rows(evaluation: EvaluationItem) -> tuple[str, str]:
    """An audit of other rows than the dataset version's says nothing about that data."""
    if evaluation.gap:
        return FindingStatus.NOT_MET, f"{evaluation.gap[0].upper()}{evaluation.gap[1:]}."
    return FindingStatus.MET, _("Computed on all rows of %(dataset)s (%(n)d).") % {
        "n": evaluation.dataset_rows,
        "dataset": evaluation.dataset,
    }


def _judge_additivity(evaluation: EvaluationItem) -> tuple[str, str]:
    """SHAP values that do not add up to the output on every row explain some other model."""
    shares = [item for item in evaluation.measures if item.metric == "additive_share" and item.population == "overall"]
    if not shares or shares[0].value != 1.0:
        return FindingStatus.NOT_MET, _("The submitted values do not add up to the model's output on every row.")
    if shares[0].reason is not None:
        return FindingStatus.INCONCLUSIVE, _("It cannot be told: %(why)s.") % {"why": shares[0].reason}
    return FindingStatus.MET, _("Additivity verified on all %(n)d explained rows; %(dataset)s has %(rows)d.") % {
        "n": shares[0].n,
        "dataset": evaluation.dataset,
        "rows": evaluation.dataset_rows,
    }


def _judge_profile(evaluation: EvaluationItem) -> tuple[str, str]:
    """A profile of another file says nothing about the dataset version it was asked for."""
    matches = [item for item in evaluation.measures if item.metric == "dataset_match"]
    if matches and matches[0].value == 1.0:
        return FindingStatus.MET, _("Computed on the very bytes of %(dataset)s.") % {"dataset": evaluation.dataset}
    return FindingStatus.NOT_MET, _("The profiled file is not %(dataset)s: its digest is another.") % {
        "dataset": evaluation.dataset
    }


def _judge_reproduction(evaluation: EvaluationItem) -> tuple[str, str]:
    """Every metric on record has to come out again: a training that gave some of them has not been reproduced."""
    shares = [item for item in evaluation.measures if item.metric == "reproduced_share"]
    if not shares or shares[0].value is None or shares[0].reason is not None:
        why = (shares[0].reason if shares else None) or _("undefined")
        return FindingStatus.INCONCLUSIVE, _("It cannot be told: %(why)s.") % {"why": why}
    if shares[0].value == 1.0:
        tolerances = [
            f"{item.name.removeprefix(TOLERANCE)}: {item.value}"
            for item in evaluation.settings
            if item.name.startswith(TOLERANCE)
        ]
        return FindingStatus.MET, _("Every metric on record came out again within its tolerance (%(tolerances)s).") % {
            "tolerances": "; ".join(tolerances)
        }
    return FindingStatus.NOT_MET, _("Not every metric on record came out again within its tolerance.")


JUDGE_RESULT: dict[str, Callable[[EvaluationItem], tuple[str, str]]] = {
    EvaluationKind.BIAS_AUDIT: _judge_rows,
    EvaluationKind.EXPLANATION: _judge_additivity,
    EvaluationKind.DATA_QUALITY: _judge_profile,
    EvaluationKind.REPRODUCTION: _judge_reproduction,
}
"""What a succeeded evaluation has to show besides having been computed."""
