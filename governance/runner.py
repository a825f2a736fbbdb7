"""The only door to the laboratory: claim a row, check the bytes, have them computed behind walls, record.

What was uploaded is read by a sandboxed child alone. Without a working sandbox nothing is computed: the evaluation
ends FAILED with what the operator must install.
"""

from __future__ import annotations

import base64
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import DatabaseError, transaction

from audits.errors import BadInput
from audits.sandbox.failures import JobCancelled, SandboxFailure, SandboxUnavailable
from audits.sandbox.jobs import EVIDENCE
from audits.sandbox.sandbox import require_walls, run_job
from audits.sandbox.walls import MEBIBYTE, JobLimits
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


JOBS_FOR: dict[tuple[str, str], str] = {
    (EvaluationKind.EXPLANATION, EvidenceKind.MODEL_DOCUMENT): "recomputed_explanation",
    (EvaluationKind.EXPLANATION, EvidenceKind.ONNX_MODEL): "onnx_explanation",
}
"""(kind of evaluation, kind of evidence) -> kind of job, where it is not the evaluation's own kind."""
NEEDED_FOR: dict[tuple[str, str], tuple[str, ...]] = {
    (EvaluationKind.EXPLANATION, EvidenceKind.MODEL_DOCUMENT): (InputRole.DATA,),
    (EvaluationKind.EXPLANATION, EvidenceKind.ONNX_MODEL): (InputRole.DATA,),
}
"""Which further evidence must be there, by role: a model explains nothing without rows."""
QUALITY = EvaluationKind.DATA_QUALITY
PRINTING = JobLimits(seconds=300.0, memory=2048 * MEBIBYTE, output=256 * MEBIBYTE)
"""What printing one document may take: two hundred pages need a minute and under 800 MiB."""
FORMER = "former"
"""The role of the former version's explanation: a result document of ours, not an upload."""


def check_spec(kind: str, spec: dict[str, Any], evidence_kind: str = "") -> dict[str, Any]:
    """Let the laboratory check a specification before it is queued. Raises ``InvalidInput`` naming the key."""
    # Imported here: the laboratory's checks are light, but nothing else of it may reach a web process.
    from audits.explanations.spec import check_explanation_spec
    from audits.onnx_models.spec import check_onnx_spec
    from audits.portable.spec import check_recompute_spec
    from audits.quality.spec import check_quality_spec
    from audits.reproduction import check_reproduction_spec
    from audits.spec import check_spec as check_bias_spec

    try:
        if kind == EvaluationKind.BIAS_AUDIT:
            check_bias_spec(spec)
        elif kind == EvaluationKind.REPRODUCTION:
            check_reproduction_spec(spec)
        elif kind == QUALITY:
            check_quality_spec(spec)
        elif evidence_kind == EvidenceKind.MODEL_DOCUMENT:
            check_recompute_spec(spec)
        elif evidence_kind == EvidenceKind.ONNX_MODEL:
            _require_onnx()
            check_onnx_spec(spec)
        else:
            check_explanation_spec(spec)
    except BadInput as error:
        place = f"key “{error.column}”: " if error.column is not None else ""
        raise InvalidInput(f"The specification is not usable: {place}{error.message}", field="spec") from None
    return spec


def _require_onnx() -> None:
    """Raise ``InvalidInput`` unless the operator wants ONNX models to be run."""
    if not settings.COUNTERSIGN_ONNX:
        message = "ONNX models are stored here and not run: the operator of this portal has not turned that on."
        raise InvalidInput(message, field="evidence")


def run(evaluation_id: int) -> bool:
    """Run a queued evaluation to its end. False when there was nothing to do.

    Bad input ends it FAILED with the laboratory's reason, and so do a limit, a crash in the sandbox and anything
    unforeseen. A worker that dies leaves the row to its lease: it is tried again, and given up after
    ``leases.MOST_ATTEMPTS``. A worker that was taken for dead, or whose evaluation was cancelled, writes nothing.
    """
    evaluation = leases.claim(Evaluation, evaluation_id)
    if evaluation is None:
        return False
    try:
        with leases.kept_alive(evaluation):
            _finish(evaluation)
    except (leases.LeaseLost, JobCancelled):
        evaluation.refresh_from_db(fields=["status"])
        if evaluation.status == WorkStatus.CANCELLED:
            logger.info("evaluation %s was cancelled while it ran", evaluation.pk)
        else:
            logger.warning("evaluation %s was taken over by another worker", evaluation.pk)
    return True


def _finish(evaluation: Evaluation) -> None:
    if evaluation.attempts > leases.MOST_ATTEMPTS:
        _record_failure(evaluation, f"Given up: the worker died {leases.MOST_ATTEMPTS} times while computing this.")
        return
    try:
        result = _compute(evaluation)
    except (leases.LeaseLost, JobCancelled):
        raise
    except Exception as error:
        _record_failure(evaluation, _find_reason(evaluation, error))
    else:
        _record_success(evaluation, result)


def _find_reason(evaluation: Evaluation, error: Exception) -> str:
    """Why it failed, for its page. What only the operator can repair is in the operator's log as well."""
    if isinstance(error, BadInput | GovernanceError):
        return str(error)
    if isinstance(error, SandboxFailure):
        logger.warning("evaluation %s ended in its sandbox: %s %s", evaluation.pk, error, error.detail)
        return str(error)
    if isinstance(error, SandboxUnavailable):
        logger.error("evaluation %s was not run: %s", evaluation.pk, error)
        note_sandbox(str(error))
        return f"Nothing was computed: uploads are read in a sandbox only. {error}"
    if isinstance(error, SoftTimeLimitExceeded):
        return "It took longer than a worker may spend on one evaluation. Ask for less at once."
    logger.error("evaluation %s failed unexpectedly", evaluation.pk, exc_info=error)
    return "An unexpected error stopped this evaluation; the operator's log has the details. Try again."


def _compute(evaluation: Evaluation) -> dict[str, Any]:
    """The laboratory's result document, computed behind walls; the bytes are hashed again first."""
    if evaluation.kind == EvaluationKind.REPRODUCTION:
        return _compare_reruns(evaluation)

    def tell(share: float, what: str) -> None:
        leases.tell_progress(evaluation, make_harmless(f"{share:.0%} {what}", limit=200))

    def is_given_up() -> bool:
        try:
            return not leases.hold(evaluation).exists()
        except DatabaseError:
            return False  # it may be back before the result is there

    limits = JobLimits(
        seconds=settings.COUNTERSIGN_SANDBOX_SECONDS, memory=settings.COUNTERSIGN_SANDBOX_MEMORY * MEBIBYTE
    )
    if evaluation.evidence.kind == EvidenceKind.ONNX_MODEL:
        _require_onnx()
    job = JOBS_FOR.get((evaluation.kind, evaluation.evidence.kind), evaluation.kind)
    with _inputs(evaluation) as inputs:
        return run_job(job, inputs, _specify(evaluation), limits=limits, progress=tell, is_cancelled=is_given_up)


def _specify(evaluation: Evaluation) -> dict[str, Any]:
    """The specification; a profile is told which digest the dataset version has, whatever it was given."""
    spec = dict(evaluation.spec)
    return spec | {"dataset_digest": evaluation.dataset_version.digest} if evaluation.kind == QUALITY else spec


def _compare_reruns(evaluation: Evaluation) -> dict[str, Any]:
    """A comparison of recorded numbers: it opens no file, so it needs no walls."""
    from audits.reproduction import run_reproduction

    evidence = evaluation.evidence
    if evidence.content is None or canonical_digest(evidence.content) != evidence.digest:
        raise GovernanceError("The evidence is not what was recorded: its content has another digest.")
    return run_reproduction(evidence.content, read_records(evaluation), evaluation.spec)


@contextmanager
def _inputs(evaluation: Evaluation) -> Iterator[dict[str, Path]]:
    """The files it reads, by role: its evidence, further evidence, and what the former version's explanation said."""
    paths = {item.role: _checked_path(item.evidence) for item in evaluation.inputs.select_related("evidence")}
    paths[EVIDENCE] = _checked_path(evaluation.evidence)
    former = _find_former(evaluation)
    if former is None:
        yield paths
        return
    with tempfile.NamedTemporaryFile(prefix="countersign-", suffix=".json") as file:
        file.write(former.result.encode())
        file.flush()
        yield paths | {FORMER: Path(file.name)}


def _find_former(evaluation: Evaluation) -> Evaluation | None:
    """The newest explanation of the version that this one came from, on data of the same role."""
    parent = evaluation.version.parent_id
    if parent is None or evaluation.kind != EvaluationKind.EXPLANATION:
        return None
    made = Evaluation.objects.filter(version_id=parent, kind=evaluation.kind, dataset_role=evaluation.dataset_role)
    return made.filter(status=WorkStatus.SUCCEEDED).order_by("-pk").first()


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


# --- Printing ------------------------------------------------------------------------------------------------------


def print_pages(
    html: str, contents: bytes, spec: dict[str, Any], *, tell: Callable[[str], None] | None = None
) -> tuple[bytes, int]:
    """Have a document printed behind walls: the PDF and its number of pages. The spec: ``audits.printing.job``.

    Raises ``GovernanceError`` saying why nothing was printed.
    """
    with tempfile.NamedTemporaryFile(suffix=".html") as pages, tempfile.NamedTemporaryFile() as files:
        for file, content in ((pages, html.encode()), (files, contents)):
            file.write(content)
            file.flush()
        inputs = {"pages": Path(pages.name), "files": Path(files.name)}
        try:
            made = run_job(
                "printing", inputs, spec, limits=PRINTING, progress=lambda _share, what: tell(what) if tell else None
            )
        except BadInput as error:
            raise GovernanceError(str(error)) from error
        except SandboxFailure as error:
            logger.warning("printing ended in its sandbox: %s %s", error, error.detail)
            raise GovernanceError(error.message) from error
        except SandboxUnavailable as error:
            note_sandbox(str(error))
            raise GovernanceError(f"Nothing was printed: pages are set in a sandbox only. {error}") from error
    pdf = base64.b64decode(made["pdf"], validate=True)
    if sha256(pdf).hexdigest() != made["sha256"]:
        raise GovernanceError("What the sandbox printed did not arrive whole. Try again.")
    return pdf, int(made["page_count"])


# --- The sandbox, as the operator and the pages see it ---------------------------------------------------------


def try_sandbox() -> str:
    """Try the walls, note the outcome for the web processes, and return what is wrong, or nothing."""
    try:
        require_walls()
    except SandboxUnavailable as error:
        logger.error("No upload is evaluated here: %s", error)
        note_sandbox(str(error))
        return str(error)
    note_sandbox("")
    return ""


def note_sandbox(trouble: str) -> None:
    """Keep what is wrong with the workers' sandbox where the web processes find it."""
    place = _sandbox_note()
    if find_sandbox_trouble() != trouble:
        fresh = place.with_suffix(".new")
        fresh.write_text(json.dumps({"trouble": trouble}), encoding="utf-8")
        fresh.replace(place)


def find_sandbox_trouble() -> str:
    """What the workers last found wrong with their sandbox; nothing where it holds or no worker has started yet."""
    try:
        return str(json.loads(_sandbox_note().read_text(encoding="utf-8"))["trouble"])
    except FileNotFoundError:
        return ""


def _sandbox_note() -> Path:
    return Path(settings.COUNTERSIGN_DATA) / "sandbox.json"


# --- What pages and reports show -------------------------------------------------------------------------------


def vocabulary() -> list[dict[str, str]]:
    """What the laboratory can measure: name, title, direction and definition of every metric and disparity."""
    # These modules of the laboratory import nothing heavy.
    from audits.bias.disparities import DISPARITIES
    from audits.bias.losses import ROBUSTNESS_METRICS
    from audits.bias.proxy_metrics import PROXY_METRICS
    from audits.metrics import METRICS
    from audits.quality.vocabulary import QUALITY_METRICS
    from audits.vocabulary import EXPLANATION_METRICS, REPRODUCTION_METRICS

    known: list[Any] = [
        *METRICS.values(),
        *DISPARITIES.values(),
        *ROBUSTNESS_METRICS.values(),
        *PROXY_METRICS.values(),
        *EXPLANATION_METRICS.values(),
        *REPRODUCTION_METRICS.values(),
        *QUALITY_METRICS.values(),
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
