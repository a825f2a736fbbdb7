"""The only door to the laboratory: claim a row, load the bytes, compute, record."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction

from audits.errors import BadInput
from governance import auditlog, leases, store
from governance.actors import SYSTEM, Actor
from governance.amendment import about_evaluation, version_and_model
from governance.canonical import canonical_digest, sha256_hex
from governance.exceptions import GovernanceError, InvalidInput
from governance.models import Evaluation, EvaluationKind, Evidence, EvidenceKind, InputRole, User, WorkStatus
from governance.reproductions import read_records
from governance.text import make_harmless

logger = logging.getLogger(__name__)

EVIDENCE_FOR: dict[str, tuple[str, ...]] = {
    EvaluationKind.BIAS_AUDIT: (EvidenceKind.PREDICTIONS, EvidenceKind.CELLS),
    EvaluationKind.EXPLANATION: (EvidenceKind.ATTRIBUTIONS, EvidenceKind.MODEL_DOCUMENT, EvidenceKind.ONNX_MODEL),
    EvaluationKind.DATA_QUALITY: (EvidenceKind.TABLE, EvidenceKind.PREDICTIONS),
    EvaluationKind.REPRODUCTION: (EvidenceKind.REPRODUCTION,),
}
"""The kinds of evidence each kind of evaluation is about."""
INPUTS_FOR: dict[str, dict[str, tuple[str, ...]]] = {
    EvaluationKind.BIAS_AUDIT: {InputRole.SENSITIVE_FILE: (EvidenceKind.TABLE, EvidenceKind.PREDICTIONS)},
    EvaluationKind.EXPLANATION: {
        InputRole.PREDICTIONS: (EvidenceKind.PREDICTIONS,),
        InputRole.DATA: (EvidenceKind.TABLE, EvidenceKind.PREDICTIONS),
        InputRole.BACKGROUND: (EvidenceKind.TABLE, EvidenceKind.PREDICTIONS),
    },
    EvaluationKind.DATA_QUALITY: {
        InputRole.TRAINING: (EvidenceKind.TABLE, EvidenceKind.PREDICTIONS),
        InputRole.SOURCE: (EvidenceKind.TABLE,),
    },
    EvaluationKind.REPRODUCTION: {},
}
"""What further evidence each kind of evaluation may read, by role."""


def check_spec(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Let the laboratory check a specification before it is queued. Raises ``InvalidInput`` naming the key."""
    # Imported here: the laboratory's checks are light, but nothing else of it may reach a web process.
    from audits.explanations.spec import check_explanation_spec
    from audits.reproduction import check_reproduction_spec
    from audits.spec import check_spec as check_bias_spec

    try:
        if kind == EvaluationKind.BIAS_AUDIT:
            check_bias_spec(spec)
        elif kind == EvaluationKind.REPRODUCTION:
            check_reproduction_spec(spec)
        else:
            check_explanation_spec(spec)
    except BadInput as error:
        raise InvalidInput(f"The specification is not usable: {error}", field="spec") from None
    return spec


def run(evaluation_id: int) -> bool:
    """Run a queued evaluation to its end. False when there was nothing to do.

    Bad input ends it FAILED with the laboratory's reason, and so does anything unforeseen, without details. A worker
    that dies leaves the row to its lease: it is tried again, and given up after ``leases.MOST_ATTEMPTS``. A worker that
    was taken for dead writes nothing.
    """
    evaluation = leases.claim(Evaluation, evaluation_id)
    if evaluation is None:
        return False
    try:
        with leases.kept_alive(evaluation):
            _finish(evaluation)
    except leases.LeaseLost:
        logger.warning("evaluation %s was taken over by another worker", evaluation.pk)
    return True


def _finish(evaluation: Evaluation) -> None:
    if evaluation.attempts > leases.MOST_ATTEMPTS:
        _record_failure(evaluation, f"Given up: the worker died {leases.MOST_ATTEMPTS} times while computing this.")
        return
    try:
        result = _compute(evaluation)
    except (BadInput, GovernanceError) as error:
        _record_failure(evaluation, str(error))
    except SoftTimeLimitExceeded:
        _record_failure(evaluation, "It took longer than a worker may spend on one evaluation. Ask for less at once.")
    except Exception:
        logger.exception("evaluation %s failed unexpectedly", evaluation.pk)
        _record_failure(
            evaluation, "An unexpected error stopped this evaluation; the operator's log has the details. Try again."
        )
    else:
        _record_success(evaluation, result)


def _compute(evaluation: Evaluation) -> dict[str, Any]:
    """The laboratory's result document for the evaluation's evidence, whose bytes are hashed again first."""
    if evaluation.kind == EvaluationKind.REPRODUCTION:
        return _compare_reruns(evaluation)
    path = _checked_path(evaluation.evidence)

    def tell(share: float, what: str) -> None:
        leases.tell_progress(evaluation, f"{share:.0%} {what}")

    # Imported here: pandas, fairlearn and the column engine cost a web process 200 MB.
    if evaluation.kind == EvaluationKind.BIAS_AUDIT:
        from audits.bias.audit import run_bias_audit

        return run_bias_audit(path, evaluation.spec, progress=tell)
    from audits.explanations.explain import run_explanation

    inputs = {item.role: _checked_path(item.evidence) for item in evaluation.inputs.select_related("evidence")}
    return run_explanation(path, evaluation.spec, predictions=inputs.get(InputRole.PREDICTIONS), progress=tell)


def _compare_reruns(evaluation: Evaluation) -> dict[str, Any]:
    """A comparison of recorded numbers: it opens no file, so it needs no sandbox."""
    from audits.reproduction import run_reproduction

    evidence = evaluation.evidence
    if evidence.content is None or canonical_digest(evidence.content) != evidence.digest:
        raise GovernanceError("The evidence is not what was recorded: its content has another digest.")
    return run_reproduction(evidence.content, read_records(evaluation), evaluation.spec)


def _checked_path(evidence: Evidence) -> Path:
    store.check(evidence.digest)
    return store.path_of(evidence.digest)


def _record_success(evaluation: Evaluation, result: dict[str, Any]) -> None:
    text = json.dumps(result, ensure_ascii=False, allow_nan=False, sort_keys=True)
    digest = sha256_hex(text.encode())
    with transaction.atomic():
        leases.finish(evaluation, status=WorkStatus.SUCCEEDED, result=text, result_digest=digest, failure="")
        _log(evaluation, "evaluation.completed", {"result_digest": digest})


def _record_failure(evaluation: Evaluation, why: str) -> None:
    reason = make_harmless(why, limit=2_000)
    with transaction.atomic():
        leases.finish(evaluation, status=WorkStatus.FAILED, failure=reason)
        _log(evaluation, "evaluation.failed", {}, reason=reason)


def _log(evaluation: Evaluation, type: str, data: dict[str, Any], *, reason: str = "") -> None:
    auditlog.append(
        type,
        actor=Actor(User.objects.system(), SYSTEM),
        subject=about_evaluation(evaluation),
        project=evaluation.version.model.project,
        related=version_and_model(evaluation.version),
        data=data | {"kind": evaluation.kind, "attempt": evaluation.attempts},
        reason=reason,
    )


def vocabulary() -> list[dict[str, str]]:
    """What the laboratory can measure: name, title, direction and definition of every metric and disparity."""
    # These two modules of the laboratory import nothing heavy.
    from audits.bias.disparities import DISPARITIES
    from audits.metrics import EXPLANATION_METRICS, METRICS, REPRODUCTION_METRICS

    known: list[Any] = [
        *METRICS.values(),
        *DISPARITIES.values(),
        *EXPLANATION_METRICS.values(),
        *REPRODUCTION_METRICS.values(),
    ]
    return [
        {"name": item.name, "title": item.title, "direction": item.direction, "definition": item.definition}
        for item in known
    ]


def charts(evaluation: Evaluation, theme: Literal["light", "dark", "print"]) -> list[Any]:
    """The charts of a finished evaluation, as specifications with their alternative text and tables."""
    from audits.charts import CHARTS

    draw = CHARTS.get(evaluation.kind)
    return list(draw(json.loads(evaluation.result), theme)) if draw else []


def chart_colours() -> dict[str, str]:
    """Light colour -> its dark counterpart, so that one drawing serves both themes of a page."""
    from audits.charts.frame import THEMES

    light, dark = asdict(THEMES["light"]), asdict(THEMES["dark"])
    return {light[name]: dark[name] for name in light}


def to_svg(spec: dict[str, Any]) -> str:
    """Draw a chart. Only in a worker: the drawing engine must not be started before a fork."""
    from audits.charts import to_svg as draw

    return draw(spec)
