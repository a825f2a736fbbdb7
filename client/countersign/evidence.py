"""Submitting evidence: structured content, or files streamed from disk."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from countersign.answers import read_answer
from countersign.files import Progress
from countersign.transport import Transport, Upload
from countersign.types import Evidence, Requirement, Version

FilePath = str | os.PathLike[str]


class EvidenceVerbs(Transport):
    """One general verb and one for each kind. Nothing is overwritten: a correction supersedes.

    Every ``submit_...`` takes the options of ``submit_evidence``.
    """

    def evidence(self, version: Version, *, kind: str | None = None, is_current: bool | None = None) -> list[Evidence]:
        """Return the version's evidence, newest first; ``is_current=True`` leaves out what is superseded."""
        found = self.each(f"model-versions/{version.id}/evidence", kind=kind, is_current=is_current, limit=200)
        return [read_answer(Evidence, item) for item in found]

    def find_evidence(self, version: Version, *, kind: str, title: str) -> Evidence | None:
        """Return the item of this kind and title that nothing supersedes, or None."""
        current = self.evidence(version, kind=kind, is_current=True)
        return next((item for item in current if item.title == title), None)

    def submit_evidence(
        self,
        version: Version,
        *,
        kind: str,
        title: str,
        content: Mapping[str, Any] | None = None,
        file: FilePath | None = None,
        description: str = "",
        observed_at: datetime | None = None,
        requirements: Sequence[Requirement] = (),
        supersedes: Evidence | None = None,
        once: bool = False,
        progress: Progress | None = None,
    ) -> Evidence:
        """Record one item of evidence.

        Parameters
        ----------
        kind : str
            metrics, predictions, cells, attributions, model_document, onnx_model, table, reproduction, document,
            validation_report, test_report, load_test, ab_result, security_review, privacy_review or file.
        content : mapping, optional
            What a structured kind holds.
        file : path, optional
            Streamed from disk and hashed by the portal while it arrives.
        observed_at : datetime, optional
            When the thing was measured, with a time zone; now, where left out.
        requirements : sequence of Requirement
            What the item is offered for.
        supersedes : Evidence, optional
            The item that this one corrects.
        once : bool
            Return what is recorded under the same kind and title instead of submitting it again: for scripts that are
            started a second time.
        progress : callable, optional
            Called with (bytes sent, bytes in all).
        """
        if once and (recorded := self.find_evidence(version, kind=kind, title=title)) is not None:
            return recorded
        metadata: dict[str, Any] = {
            "kind": kind,
            "title": title,
            "description": description,
            "observed_at": (observed_at or datetime.now(UTC)).isoformat(),
            "requirements": [requirement.id for requirement in requirements],
            "supersedes": supersedes.id if supersedes is not None else None,
        }
        if content is not None:
            metadata["content"] = dict(content)
        path = Path(file) if file is not None else None
        upload = Upload(path, path.name, progress) if path is not None else None
        return read_answer(Evidence, self.write(f"model-versions/{version.id}/evidence", metadata, upload=upload))

    def download_evidence(self, evidence: Evidence, target: FilePath, *, progress: Progress | None = None) -> Path:
        """Download the file of an item of evidence."""
        return self.download(f"evidence/{evidence.id}/file", Path(target), progress)

    # --- One verb for each kind -----------------------------------------------------------------------

    def submit_metrics(
        self, version: Version, metrics: Sequence[Mapping[str, Any]], *, title: str = "Metrics", **options: Any
    ) -> Evidence:
        """Claim metrics: {"name", "value"} and, where it differs, "population" and "dataset_role".

        The portal compares every claim with what its own audit measures.
        """
        content = {"metrics": [dict(metric) for metric in metrics]}
        return self.submit_evidence(version, kind="metrics", title=title, content=content, **options)

    def submit_predictions(
        self, version: Version, file: FilePath, *, title: str = "Predictions", **options: Any
    ) -> Evidence:
        """Submit predictions with true labels and sensitive features, as CSV or Parquet: what a bias audit reads."""
        return self.submit_evidence(version, kind="predictions", title=title, file=file, **options)

    def submit_attributions(
        self, version: Version, file: FilePath, *, title: str = "SHAP values", **options: Any
    ) -> Evidence:
        """Submit SHAP values with base value and model output of each row: what an explanation reads."""
        return self.submit_evidence(version, kind="attributions", title=title, file=file, **options)

    def submit_table(self, version: Version, file: FilePath, *, title: str = "Table", **options: Any) -> Evidence:
        """Submit the rows of a dataset version, as CSV, Parquet or Arrow: what a data-quality profile reads."""
        return self.submit_evidence(version, kind="table", title=title, file=file, **options)

    def submit_document(
        self, version: Version, file: FilePath, *, title: str, kind: str = "document", **options: Any
    ) -> Evidence:
        """Submit a document, such as a model card; or, with ``kind="validation_report"``, a validator's report."""
        return self.submit_evidence(version, kind=kind, title=title, file=file, **options)

    def submit_test_report(
        self, version: Version, file: FilePath, *, title: str = "Test report", **options: Any
    ) -> Evidence:
        """Submit a JUnit XML report, as ``pytest --junit-xml`` writes it."""
        return self.submit_evidence(version, kind="test_report", title=title, file=file, **options)

    def submit_load_test(
        self, version: Version, values: Mapping[str, float], *, title: str = "Load test", **options: Any
    ) -> Evidence:
        """Submit what a load test measured: requests, p50_ms, p95_ms, p99_ms, error_rate and whatever else."""
        return self.submit_evidence(version, kind="load_test", title=title, content={"values": dict(values)}, **options)

    def submit_ab_result(
        self, version: Version, metric: str, values: Mapping[str, float], *, title: str = "A/B result", **options: Any
    ) -> Evidence:
        """Submit the arms of an A/B test: control_n, control_mean, treatment_n, treatment_mean."""
        content = {"metric": metric, "values": dict(values)}
        return self.submit_evidence(version, kind="ab_result", title=title, content=content, **options)

    def submit_security_review(
        self,
        version: Version,
        *,
        outcome: str,
        reviewer: str,
        summary: str,
        title: str = "Security review",
        **options: Any,
    ) -> Evidence:
        """Submit a security review. ``outcome`` is passed, passed_with_findings or failed."""
        content = {"outcome": outcome, "reviewer": reviewer, "summary": summary}
        return self.submit_evidence(version, kind="security_review", title=title, content=content, **options)

    def submit_privacy_review(
        self,
        version: Version,
        *,
        outcome: str,
        reviewer: str,
        summary: str,
        title: str = "Privacy review",
        **options: Any,
    ) -> Evidence:
        """Submit a privacy review. ``outcome`` is passed, passed_with_findings or failed."""
        content = {"outcome": outcome, "reviewer": reviewer, "summary": summary}
        return self.submit_evidence(version, kind="privacy_review", title=title, content=content, **options)

    def submit_reproduction(
        self, version: Version, report: Mapping[str, Any], *, title: str = "Training run again", **options: Any
    ) -> Evidence:
        """Submit what a recorded training gave when it was run again: ``report`` of ``countersign.reproduce``."""
        return self.submit_evidence(version, kind="reproduction", title=title, content=report, **options)
