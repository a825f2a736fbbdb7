"""What of a dossier the log vouches for. A row that no entry records, or another one than recorded, counts for nothing.

Whoever can write to a table without the portal can add a row to it. The log is what such a person cannot bend without
being found out, so everything that opens a gate has to stand there too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from governance.canonical import sha256_hex
from governance.dossier_items import EvaluationItem, EvidenceItem, WaiverItem
from governance.log_entries import COLUMNS, BrokenEntry, EntryRow, read_body
from governance.models import AuditLogEntry, Evaluation, ModelVersion, Waiver, WorkStatus


def read_bodies(indexes: Iterable[int | None]) -> dict[int, dict[str, Any]]:
    """Entry index -> its body, for those entries whose text still has the leaf that was stored with it."""
    wanted = {index for index in indexes if index is not None}
    bodies = {}
    for row in AuditLogEntry.objects.filter(pk__in=wanted).order_by("pk").values_list(*COLUMNS):
        try:
            bodies[row[0]] = read_body(EntryRow._make(row))
        except BrokenEntry:
            continue
    return bodies


def records(body: dict[str, Any] | None, type: str, kind: str, pk: int) -> bool:
    """Whether an entry of this type was written about this row."""
    if body is None or body.get("type") != type:
        return False
    subject = body.get("subject", {})
    return bool(subject.get("kind") == kind and subject.get("id") == pk)


def find_unrecorded(
    version: ModelVersion,
    evidence: Iterable[EvidenceItem],
    evaluations: Iterable[EvaluationItem],
    waivers: Iterable[WaiverItem],
) -> tuple[str, ...]:
    """Names of the parts that stand in a table and not, or not so, in the log."""
    evidence, waivers = tuple(evidence), tuple(waivers)
    granted = dict(Waiver.objects.filter(version=version).values_list("pk", "log_index"))
    bodies = read_bodies([*(item.log_index for item in evidence), *granted.values()])
    found = [
        f"evidence: {item.title}"
        for item in evidence
        if not _is_submitted(bodies.get(_index(item.log_index)), item, version.pk)
    ]
    found += [
        f"waiver: {item.finding_key}"
        for item in waivers
        if not _is_granted(bodies.get(_index(granted.get(item.id))), item)
    ]
    return tuple(found + _find_unrecorded_results(evaluations))


def _index(given: int | None) -> int:
    return -1 if given is None else given


def _is_submitted(body: dict[str, Any] | None, item: EvidenceItem, version_id: int) -> bool:
    return (
        records(body, "evidence.submitted", "evidence", item.id)
        and body is not None
        and body["subject"].get("digest") == item.digest
        and body["data"].get("kind") == item.kind
        and {"kind": "version", "id": version_id}.items() <= body["related"][0].items()
    )


def _is_granted(body: dict[str, Any] | None, item: WaiverItem) -> bool:
    return (
        records(body, "waiver.granted", "waiver", item.id)
        and body is not None
        and (body["data"].get("finding"), body["data"].get("gap")) == (item.finding_key, item.gap)
    )


def _find_unrecorded_results(evaluations: Iterable[EvaluationItem]) -> list[str]:
    """Results whose text has another digest than the one that the log recorded when they were computed."""
    done = {item.id: item for item in evaluations if item.status == WorkStatus.SUCCEEDED}
    about = AuditLogEntry.objects.filter(
        type="evaluation.completed", subjects__kind="evaluation", subjects__object_id__in=list(done)
    ).order_by("pk")
    recorded: dict[int, str] = {}
    for body in read_bodies(about.values_list("pk", flat=True)).values():
        recorded[body["subject"]["id"]] = body["data"].get("result_digest", "")
    texts = dict(Evaluation.objects.filter(pk__in=done).values_list("pk", "result"))
    return [
        f"evaluation: {item.kind.replace('_', ' ')}"
        for pk, item in done.items()
        if not recorded.get(pk) == item.result_digest == sha256_hex(texts[pk].encode())
    ]


def find_lost_sign_offs(version: ModelVersion, indexes: Iterable[int | None]) -> tuple[str, ...]:
    """Votes that the log recorded on this version and that are gone from their table: perhaps a refusal."""
    given = AuditLogEntry.objects.about("version", version.pk).filter(type="sign_off.given")
    lost = set(given.values_list("pk", flat=True)) - {index for index in indexes if index is not None}
    return tuple(f"sign-off: entry {index} of the log" for index in sorted(lost))
