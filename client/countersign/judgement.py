"""Audits, the gate, releases, reports and their proofs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, overload

from countersign.answers import read_answer
from countersign.errors import CountersignError
from countersign.evidence import FilePath
from countersign.files import Progress
from countersign.transport import Transport
from countersign.types import (
    DatasetVersion,
    Dossier,
    Evaluation,
    Evidence,
    Gate,
    Model,
    PermissionToRun,
    Project,
    Release,
    Report,
    SignOff,
    Version,
)

PATIENCE = 600.0
FIRST_LOOK = 0.2
LONGEST_LOOK = 3.0


class JudgementVerbs(Transport):
    """What the portal works out, and what it says about a version."""

    # --- Evaluations ----------------------------------------------------------------------------------

    def evaluations(self, version: Version) -> list[Evaluation]:
        """Return the version's evaluations, newest first, without their results."""
        return [read_answer(Evaluation, item) for item in self.each(f"model-versions/{version.id}/evaluations")]

    def evaluation(self, evaluation_id: int) -> Evaluation:
        """Return one evaluation, with its result once there is one."""
        return read_answer(Evaluation, self.get(f"evaluations/{evaluation_id}"))

    def request_evaluation(
        self,
        kind: str,
        version: Version,
        evidence: Evidence,
        spec: Mapping[str, Any],
        *,
        inputs: Mapping[str, Evidence] | None = None,
        dataset_role: str = "test",
        dataset_version: DatasetVersion | None = None,
    ) -> Evaluation:
        """Ask for an evaluation of submitted evidence.

        ``inputs`` is further evidence by role, such as ``sensitive_file`` or ``data``; ``spec`` is the document that
        the portal's form and its command line read too.
        """
        body = {
            "kind": kind,
            "evidence": evidence.id,
            "spec": dict(spec),
            "inputs": {role: item.id for role, item in (inputs or {}).items()},
            "dataset_role": dataset_role,
            "dataset_version": dataset_version.id if dataset_version is not None else None,
        }
        return read_answer(Evaluation, self.write(f"model-versions/{version.id}/evaluations", body))

    def request_bias_audit(
        self, version: Version, predictions: Evidence, spec: Mapping[str, Any], **options: Any
    ) -> Evaluation:
        """Have predictions, or predictions counted where they live, measured by group."""
        return self.request_evaluation("bias_audit", version, predictions, spec, **options)

    def request_explanation(
        self, version: Version, attributions: Evidence, spec: Mapping[str, Any], **options: Any
    ) -> Evaluation:
        """Have submitted SHAP values checked for additivity on every row, or recomputed from a model document."""
        return self.request_evaluation("explanation", version, attributions, spec, **options)

    def request_quality(
        self,
        version: Version,
        table: Evidence,
        spec: Mapping[str, Any] | None = None,
        *,
        training: Evidence | None = None,
        source: Evidence | None = None,
        **options: Any,
    ) -> Evaluation:
        """Have a submitted table profiled: every dimension of its quality as a number.

        ``spec`` declares columns, key, label, rules, population shares and expectations; nothing has to be said.
        Rows of ``training`` data that stand in the table too are counted as leakage, cells are compared with
        ``source`` as ``spec["source"]`` says.
        """
        given = {"training": training, "source": source}
        inputs = {role: evidence for role, evidence in given.items() if evidence is not None}
        return self.request_evaluation("data_quality", version, table, spec or {}, inputs=inputs, **options)

    def request_reproduction(
        self, version: Version, report: Evidence, spec: Mapping[str, Any] | None = None, **options: Any
    ) -> Evaluation:
        """Have the metrics of a training run again compared with the metrics on record.

        ``spec`` may name ``metrics`` that have to come out, ``tolerances`` by metric that take the place of the
        declared ones, and a ``tolerance`` for metrics without one.
        """
        return self.request_evaluation("reproduction", version, report, spec or {}, **options)

    @overload
    def wait_for(
        self, work: Evaluation, *, patience: float = ..., tell: Callable[[str], None] | None = ...
    ) -> Evaluation: ...

    @overload
    def wait_for(self, work: Report, *, patience: float = ..., tell: Callable[[str], None] | None = ...) -> Report: ...

    def wait_for(
        self, work: Evaluation | Report, *, patience: float = PATIENCE, tell: Callable[[str], None] | None = None
    ) -> Evaluation | Report:
        """Wait until an evaluation or a report is finished and return it, SUCCEEDED or FAILED (see ``failure``).

        ``patience`` is in seconds; ``tell`` is called with what the worker is doing. Raises ``CountersignError``
        (``not_finished``) when patience ends: the work goes on.
        """
        until = time.monotonic() + patience
        pause = FIRST_LOOK
        while True:
            work = self.evaluation(work.id) if isinstance(work, Evaluation) else self.report(work.id)
            if work.is_finished:
                return work
            if tell is not None:
                tell(work.progress or work.status.lower())
            if time.monotonic() > until:
                raise CountersignError(
                    "not_finished",
                    None,
                    f"It is still {work.status} after {patience:.0f} s. The portal goes on with it.",
                )
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_LOOK)

    # --- The gate -------------------------------------------------------------------------------------

    def gate(self, version: Version) -> Gate:
        """Return whether the version may be promoted, with every finding."""
        return read_answer(Gate, self.get(f"model-versions/{version.id}/gate"))

    def dossier(self, version: Version) -> Dossier:
        """Return the one reading of the version that page, gate, report and sign-offs share."""
        return read_answer(Dossier, self.get(f"model-versions/{version.id}/dossier"))

    def may_run(
        self,
        *,
        environment: str = "production",
        digest: str | None = None,
        model: Model | None = None,
        version: int | None = None,
    ) -> PermissionToRun:
        """Ask, as a pipeline does, whether an artifact (by digest) or a model's version (by number) may run."""
        chosen = model.id if model is not None else None
        answer = self.get("gate", environment=environment, digest=digest, model=chosen, version=version)
        return read_answer(PermissionToRun, answer)

    def sign_offs(self, version: Version) -> list[SignOff]:
        """Return the version's sign-offs, newest first."""
        return [read_answer(SignOff, item) for item in self.each(f"model-versions/{version.id}/sign-offs")]

    def releases(self, *, model: Model | None = None, live: bool | None = None) -> list[Release]:
        """Return releases, newest first."""
        chosen = model.id if model is not None else None
        return [read_answer(Release, item) for item in self.each("releases", model=chosen, live=live)]

    def attestation(self, release: Release) -> dict[str, Any]:
        """Return the signed statement about a release (in-toto in a DSSE envelope), for machines."""
        envelope: dict[str, Any] = self.get(f"releases/{release.id}/attestation")
        return envelope

    def revocations(self) -> dict[str, Any]:
        """Return the newest signed list of attestations that were withdrawn. It says itself until when it holds."""
        listed: dict[str, Any] = self.get("revocations")
        return listed

    # --- Reports and proofs -----------------------------------------------------------------------------

    def reports(self, subject: Version | Project) -> list[Report]:
        """Return the reports on a version, or on a project as a whole, newest first."""
        return [read_answer(Report, item) for item in self.each(_reports_of(subject))]

    def report(self, report_id: int) -> Report:
        """Return one report as it is now."""
        return read_answer(Report, self.get(f"reports/{report_id}"))

    def request_report(
        self,
        subject: Version | Project,
        *,
        kind: str = "release_dossier",
        framework: str = "",
        as_of: datetime | None = None,
    ) -> Report:
        """Ask for a report as a PDF: the release dossier, or one of ``kind`` "framework" against a framework by its id,
        such as "eu-ai-act-high-risk"; of ``kind`` "as_of", for a project too, what was recorded at a past instant,
        ``as_of``, which needs a time zone; further kinds are in the API's description.

        See ``wait_for`` and ``download_report``.
        """
        asked = {"kind": kind} | ({"framework": framework} if framework else {})
        asked |= {"as_of": as_of.isoformat()} if as_of is not None else {}
        return read_answer(Report, self.write(_reports_of(subject), asked))

    def request_datasheet(self, dataset_version_id: int) -> Report:
        """Ask for the datasheet of a dataset version."""
        return read_answer(Report, self.write(f"dataset-versions/{dataset_version_id}/reports", {}))

    def request_portfolio(self, project_id: int | None = None) -> Report:
        """Ask for the portfolio of a project: every model, what is due and what is open; without one, of the whole
        organisation, which its administrators may."""
        return read_answer(Report, self.write(f"projects/{project_id}/reports" if project_id else "reports", {}))

    def download_report(self, report: Report, target: FilePath, *, progress: Progress | None = None) -> Path:
        """Download an issued report to ``target`` (a file, or a folder to keep the portal's name)."""
        path = Path(target)
        if path.is_dir() and report.file is not None:
            path = path / report.file.name
        return self.download(f"reports/{report.id}/file", path, progress)

    def receipt(self, report: Report, *, patience: float = 60.0) -> dict[str, Any]:
        """Return the proof that the log records this report, for ``countersign verify`` and the offline verifier.

        The log is sealed every few seconds, so a new report's receipt is waited for, ``patience`` seconds at most.
        """
        until = time.monotonic() + patience
        while True:
            try:
                receipt: dict[str, Any] = self.get(f"reports/{report.id}/receipt")
                return receipt
            except CountersignError as error:
                if error.code != "not_sealed" or time.monotonic() > until:
                    raise
            time.sleep(1.0)

    def log_key(self) -> str:
        """Return the log's verifier key. For a check that does not trust the portal, get it from somewhere else."""
        return self.get_text("log/key").strip()

    def export_log(self, target: FilePath, *, project: Project | None = None, progress: Progress | None = None) -> Path:
        """Download the log in one archive, for ``countersign verify export``. A broken download goes on where it broke.

        Without a project the whole log, which is for organisation administrators; with one, for its auditors, that
        project's entries in full and the hashes of all others.
        """
        path = "log/export" if project is None else f"projects/{project.id}/log/export"
        return self.download(path, Path(target), progress, go_on=True)

    def checkpoint(self) -> str:
        """Return the newest signed checkpoint of the log."""
        return self.get_text("log/checkpoint")


def _reports_of(subject: Version | Project) -> str:
    return f"{'projects' if isinstance(subject, Project) else 'model-versions'}/{subject.id}/reports"
