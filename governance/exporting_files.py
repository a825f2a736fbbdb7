"""The files that go with an exported log: what its entries name by digest. Listed by digest, a batch at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from governance import store
from governance.canonical import canonical_bytes
from governance.models import (
    Answer,
    AuditLogEntry,
    ComplianceReport,
    DossierSnapshot,
    Evaluation,
    Evidence,
    PolicyText,
    Project,
    Release,
    SignOff,
    StoredFile,
)

BATCH = 50  # documents of some hundred kilobytes each
BLOCK = 1 << 16


@dataclass(frozen=True)
class ExportedFile:
    """A file by the name that its digest gives it; ``read`` yields its bytes from an offset on."""

    name: str
    size: int
    read: Callable[[int], Iterator[bytes]]


def iterate_files(kind: str, size: int, project: Project | None) -> Iterator[ExportedFile]:
    """Yield the files of one kind that the first ``size`` entries name, with a project only that project's."""
    return CONTENTS[kind](size, project)


def _stored(size: int, project: Project | None) -> Iterator[ExportedFile]:
    """Evidence, issued reports and documents of the organisation. A file that is gone is left out, and the verifier
    names the entry that misses it."""
    items = _of(Evidence.objects.filter(file=OuterRef("pk"), log_index__lt=size), project)
    issued = _of(ComplianceReport.objects.filter(log_index__lt=size), project)
    reports = issued.filter(Q(file=OuterRef("pk")) | Q(companion=OuterRef("pk")))
    # A document of the organisation belongs to no project.
    documents = Answer.objects.filter(file=OuterRef("pk"), log_index__lt=size)
    named = [items, reports, *([documents] if project is None else [])]
    for rows in _batches(StoredFile.objects.filter(reduce(or_, map(Exists, named))), "digest"):
        for (digest,) in rows:
            path = store.path_of(digest)
            if path.is_file():
                yield _on_disk(_name("evidence", digest), path)


def _contents(size: int, project: Project | None) -> Iterator[ExportedFile]:
    """Evidence that is values: the canonical JSON that has the digest."""
    items = _of(Evidence.objects.filter(log_index__lt=size, content__isnull=False), project)
    for rows in _batches(items.exclude(content_digest=""), "content_digest", "content"):
        for digest, content in rows:
            yield _in_memory(_name("contents", digest), canonical_bytes(content))


def _dossiers(size: int, project: Project | None) -> Iterator[ExportedFile]:
    """What was signed, promoted or printed."""
    naming = [table.objects.filter(dossier=OuterRef("pk"), log_index__lt=size) for table in (SignOff, Release)]
    printed = ComplianceReport.objects.filter(dossier=OuterRef("pk"), log_index__lt=size)
    named = Exists(naming[0]) | Exists(naming[1]) | Exists(printed)
    for rows in _batches(_of(DossierSnapshot.objects.filter(named), project), "digest", "document"):
        for digest, document in rows:
            yield _in_memory(_name("dossiers", digest), document.encode())


def _results(size: int, project: Project | None) -> Iterator[ExportedFile]:
    """What finished evaluations measured."""
    completed = AuditLogEntry.objects.filter(
        type="evaluation.completed",
        index__lt=size,
        subjects__kind="evaluation",
        subjects__object_id=OuterRef("pk"),
    )
    made = _of(Evaluation.objects.exclude(result_digest="").filter(Exists(completed)), project)
    for rows in _batches(made, "result_digest", "result"):
        for digest, result in rows:
            yield _in_memory(_name("results", digest), result.encode())


def _policies(size: int, project: Project | None) -> Iterator[ExportedFile]:
    """The words of every policy that was proposed, or that a version was bound to. Which these are, the log says."""
    entries = AuditLogEntry.objects.filter(type__in=("policy.proposed", "version.submitted"), index__lt=size)
    if project is not None:
        entries = entries.filter(project=project)
    digests: set[str] = set()
    for body in entries.order_by().values_list("body", flat=True).iterator():
        data = json.loads(bytes(body)).get("data", {})
        digests.update(str(data[name]) for name in ("digest", "policy") if data.get(name))
    for rows in _batches(PolicyText.objects.filter(pk__in=digests), "digest", "text"):
        for digest, text in rows:
            yield _in_memory(_name("policies", digest), text.encode())


def _attestations(size: int, project: Project | None) -> Iterator[ExportedFile]:
    """The envelopes of promotions, by the number of the release."""
    releases = Release.objects.filter(log_index__lt=size).exclude(envelope="")
    if project is not None:
        releases = releases.filter(model__project=project)
    for rows in _batches(releases, "pk", "envelope"):
        for key, envelope in rows:
            yield _in_memory(f"attestations/{key:010}.json", envelope.encode())


CONTENTS: dict[str, Callable[[int, Project | None], Iterator[ExportedFile]]] = {
    "evidence": _stored,
    "contents": _contents,
    "dossiers": _dossiers,
    "results": _results,
    "policies": _policies,
    "attestations": _attestations,
}


def _of(rows: QuerySet[Any], project: Project | None) -> QuerySet[Any]:
    return rows if project is None else rows.filter(version__model__project=project)


def _batches(rows: QuerySet[Any], key: str, *columns: str) -> Iterator[list[tuple[Any, ...]]]:
    """Rows in the order of ``key``, one for each of its values. No reading stays open while a slow client waits."""
    rows = rows.order_by(key, *(() if key == "pk" else ("pk",)))
    last: Any = None
    while True:
        ahead = rows if last is None else rows.filter(Q(**{f"{key}__gt": last}))
        found: dict[Any, tuple[Any, ...]] = {}
        for row in ahead.values_list(key, *columns)[:BATCH]:
            found.setdefault(row[0], row)
        if not found:
            return
        yield list(found.values())
        last = next(reversed(found))


def _name(folder: str, digest: str) -> str:
    return f"{folder}/{digest.removeprefix(store.PREFIX)}"


def _in_memory(name: str, data: bytes) -> ExportedFile:
    return ExportedFile(name, len(data), lambda offset: iter((data[offset:],)))


def _on_disk(name: str, path: Path) -> ExportedFile:
    def read(offset: int) -> Iterator[bytes]:
        with path.open("rb") as file:
            file.seek(offset)
            while block := file.read(BLOCK):
                yield block

    return ExportedFile(name, path.stat().st_size, read)
