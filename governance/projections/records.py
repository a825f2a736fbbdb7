"""Evidence, evaluations, reports and datasets, compared with the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from governance.canonical import sha256_hex
from governance.models import (
    ComplianceReport,
    Dataset,
    DatasetUse,
    DatasetVersion,
    Derivation,
    Evaluation,
    EvaluationInput,
    Evidence,
    WorkStatus,
)
from governance.projections.base import (
    Entry,
    Problem,
    RowPerEntry,
    digest_again,
    iterate_rows,
    moment_differs,
)

FINISHED = frozenset({WorkStatus.SUCCEEDED.value, WorkStatus.FAILED.value, WorkStatus.CANCELLED.value})


class EvidenceItems(RowPerEntry):
    noun = "evidence"
    table = Evidence
    makers = frozenset({"evidence.submitted"})
    types = makers
    columns = (
        *("version_id", "kind", "title", "content", "content_digest", "file_id", "file__size"),
        *("supersedes_id", "observed_at", "received_at", "submitted_by_id", "log_index"),
    )

    def prepare(self, entries: Sequence[Entry]) -> None:
        super().prepare(entries)
        self.offered: dict[int, list[str]] = {}
        links = Evidence.requirements.through.objects.filter(evidence_id__in=self.rows)
        for key, requirement in links.values_list("evidence_id", "requirement__key"):
            self.offered.setdefault(key, []).append(requirement)

    def expected(self, entry: Entry) -> dict[str, Any]:
        data = entry.data
        return {
            "version_id": entry.related_id("version"),
            "kind": data["kind"],
            "title": entry.subject["label"],
            "content_digest": data["content_digest"],
            "file__size": data["size"] or None,
            "supersedes_id": data["supersedes"] or None,
            "observed_at": datetime.fromisoformat(data["observed_at"]),
            "submitted_by_id": entry.actor_id,
            "log_index": entry.index,
        }

    def further(self, entry: Entry) -> dict[str, Any]:
        return {"digest": entry.data["digest"], "requirements": sorted(entry.data["requirements"])}

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        said = self.further(entry)
        if (row["file_id"] or row["content_digest"]) != said["digest"]:
            yield f"its digest is {row['file_id'] or row['content_digest']}, recorded is {said['digest']}"
        if row["content"] is None and row["content_digest"]:
            yield "its content is gone"
        elif row["content"] is not None and digest_again(row["content"]) != entry.data["content_digest"]:
            yield "its content no longer has the recorded digest"
        if sorted(self.offered.get(row["pk"], ())) != said["requirements"]:
            yield "it is offered for other requirements than recorded"
        yield from moment_differs(row, "received_at", entry.at)


class FinishedWork(RowPerEntry):
    """Queued work: asked for by one entry, brought to its end by at most one more."""

    succeeded_by: str
    failed_by: str
    cancelled_by = ""

    def __init__(self) -> None:
        super().__init__()
        self.ended: set[int] = set()

    def further(self, entry: Entry) -> dict[str, Any]:
        return {"status": WorkStatus.QUEUED.value, "result_digest": ""}

    def changed(self, entry: Entry) -> dict[str, Any]:
        ends = {self.succeeded_by: WorkStatus.SUCCEEDED, self.cancelled_by: WorkStatus.CANCELLED}
        status = ends.get(entry.type, WorkStatus.FAILED)
        failure = {"failure": entry.body.get("reason", "")} if status == WorkStatus.FAILED else {}
        return {"status": status.value, **failure}

    def follow(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        self.ended.add(row["pk"])
        said = self.changed(entry)
        status = said["status"]
        if row["status"] != status:
            yield f"its status is {row['status']}, recorded is {status}"
        if row["failure"] != said.get("failure", row["failure"]):
            yield "its failure is not the recorded one"
        if status == WorkStatus.SUCCEEDED:
            yield from self.inspect_outcome(row, entry)

    def inspect_outcome(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        """Differences between what came out and what was recorded."""
        return ()

    def finish(self) -> Iterator[Problem]:
        yield from super().finish()
        for key, status in iterate_rows(self.table, "status"):
            if status in FINISHED and key in self.seen and key not in self.ended:
                yield Problem(None, f"{self.noun} {key} is marked {status}, but no entry records its end")


class Evaluations(FinishedWork):
    noun = "evaluation"
    table = Evaluation
    makers = frozenset({"evaluation.requested"})
    succeeded_by = "evaluation.completed"
    failed_by = "evaluation.failed"
    cancelled_by = "evaluation.cancelled"
    types = makers | frozenset({succeeded_by, failed_by, cancelled_by})
    columns = (
        *("version_id", "kind", "dataset_role", "dataset_version_id", "dataset_version__digest"),
        *("evidence_id", "requested_by_id", "spec", "status", "failure", "result", "result_digest"),
    )

    def expected(self, entry: Entry) -> dict[str, Any]:
        data = entry.data
        return {
            "version_id": entry.related_id("version"),
            "kind": data["kind"],
            "dataset_role": data["dataset_role"],
            "dataset_version_id": data["dataset_version"],
            "dataset_version__digest": data["dataset_digest"],
            "evidence_id": entry.related_id("evidence"),
            "requested_by_id": entry.actor_id,
        }

    def prepare(self, entries: Sequence[Entry]) -> None:
        super().prepare(entries)
        self.inputs: dict[int, dict[str, int]] = {}
        inputs = EvaluationInput.objects.filter(evaluation_id__in=self.rows)
        for key, role, evidence in inputs.values_list("evaluation_id", "role", "evidence_id"):
            self.inputs.setdefault(key, {})[role] = evidence

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        if digest_again(row["spec"]) != entry.data["spec_digest"]:
            yield "its specification no longer has the recorded digest"
        recorded = {role: item["evidence"] for role, item in entry.data.get("inputs", {}).items()}
        # Entries from before inputs were recorded name the digest of the predictions that were matched, nothing else.
        if "inputs" in entry.data and self.inputs.get(row["pk"], {}) != recorded:
            yield "it reads other inputs than recorded"

    def changed(self, entry: Entry) -> dict[str, Any]:
        return super().changed(entry) | {"result_digest": entry.data.get("result_digest", "")}

    def inspect_outcome(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        recorded = entry.data["result_digest"]
        if row["result_digest"] != recorded:
            yield f"its result digest is {row['result_digest']}, recorded is {recorded}"
        if sha256_hex(row["result"].encode()) != recorded:
            yield "its result no longer has the recorded digest"


class Reports(FinishedWork):
    noun = "report"
    table = ComplianceReport
    makers = frozenset({"report.requested"})
    succeeded_by = "report.issued"
    failed_by = "report.failed"
    types = makers | frozenset({succeeded_by, failed_by})
    columns = (
        *("version_id", "dataset_version_id", "project_id", "kind", "framework", "as_of", "requested_by_id", "status"),
        *("failure", "file_id", "companion_id", "dossier_id", "document_digest", "log_index"),
    )

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "version_id": _related_or_none(entry, "version"),
            "dataset_version_id": _related_or_none(entry, "dataset_version"),
            "project_id": entry.project_id,
            "kind": entry.data["kind"],
            "framework": entry.data.get("framework", ""),
            "as_of": datetime.fromisoformat(entry.data["as_of"]) if "as_of" in entry.data else None,
            "requested_by_id": entry.actor_id,
        }

    def inspect_outcome(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        if row["file_id"] != entry.subject["digest"]:
            yield f"its file is {row['file_id']}, recorded is {entry.subject['digest']}"
        if row["companion_id"] != entry.data.get("companion"):
            yield f"its companion is {row['companion_id']}, recorded is {entry.data.get('companion')}"
        if row["dossier_id"] != entry.data.get("dossier"):
            yield f"its dossier is {row['dossier_id']}, recorded is {entry.data.get('dossier')}"
        document = entry.data.get("document", {}).get("digest", "")
        if row["document_digest"] != document:
            yield f"its document is {row['document_digest']}, recorded is {document}"
        if row["log_index"] != entry.index:
            yield f"it names entry {row['log_index']} as its own"


def _related_or_none(entry: Entry, kind: str) -> int | None:
    return next((int(thing["id"]) for thing in entry.body["related"] if thing["kind"] == kind), None)


class Datasets(RowPerEntry):
    noun = "dataset"
    table = Dataset
    makers = frozenset({"dataset.registered"})
    types = makers
    columns = ("project_id", "name")

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {"project_id": entry.project_id, "name": entry.subject["label"]}


class DatasetVersions(RowPerEntry):
    noun = "dataset version"
    table = DatasetVersion
    makers = frozenset({"dataset_version.registered"})
    types = makers | frozenset({"dataset_version.recalled"})
    columns = (
        *("dataset_id", "digest", "row_count", "created_by_id"),
        *("recalled_by_id", "recalled_at", "recall_reason"),
    )

    moments = frozenset({"recalled_at"})

    def __init__(self) -> None:
        super().__init__()
        self.recalled: set[int] = set()

    def prepare(self, entries: Sequence[Entry]) -> None:
        super().prepare(entries)
        self.sources: dict[int, list[int]] = {}
        links = Derivation.objects.filter(derived_id__in=self.rows)
        for derived, source in links.values_list("derived_id", "source_id"):
            self.sources.setdefault(derived, []).append(source)

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "dataset_id": entry.related_id("dataset"),
            "digest": entry.subject["digest"],
            "row_count": entry.data["row_count"],
            "created_by_id": entry.actor_id,
        }

    def inspect(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        if sorted(self.sources.get(row["pk"], ())) != self.further(entry)["derived_from"]:
            yield "it is derived from other dataset versions than recorded"

    def further(self, entry: Entry) -> dict[str, Any]:
        return {"derived_from": sorted(entry.data["derived_from"])}

    def changed(self, entry: Entry) -> dict[str, Any]:
        reason = entry.body.get("reason", "")
        return {"recalled_by_id": entry.actor_id, "recall_reason": reason, "recalled_at": entry.at}

    def follow(self, row: dict[str, Any], entry: Entry) -> Iterable[str]:
        self.recalled.add(row["pk"])
        return super().follow(row, entry)

    def finish(self) -> Iterator[Problem]:
        yield from super().finish()
        for key, recalled_at in iterate_rows(DatasetVersion, "recalled_at"):
            if recalled_at is not None and key in self.seen and key not in self.recalled:
                yield Problem(None, f"dataset version {key} is marked as recalled, but no entry recalls it")


class DatasetUses(RowPerEntry):
    noun = "dataset use"
    table = DatasetUse
    makers = frozenset({"dataset_use.declared"})
    types = makers
    columns = ("version_id", "dataset_version_id", "role")

    def expected(self, entry: Entry) -> dict[str, Any]:
        return {
            "version_id": entry.related_id("version"),
            "dataset_version_id": entry.data["dataset_version"],
            "role": entry.data["role"],
        }
