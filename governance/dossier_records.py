"""What of a dossier the log vouches for. A row that no entry records, or another one than recorded, counts for nothing.

Whoever can write to a table without the portal can add a row to it. The log is what such a person cannot bend without
being found out, so everything that opens a gate has to stand there too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from governance.answer_digest import digest_answer
from governance.canonical import CanonicalError, canonical_digest, sha256_hex
from governance.dossier_items import AnswerItem, EvaluationItem, EvidenceItem, RequirementItem, WaiverItem
from governance.log_entries import COLUMNS, BrokenEntry, EntryRow, read_body
from governance.models import (
    Answer,
    AuditLogEntry,
    Evaluation,
    Membership,
    ModelVersion,
    RiskTier,
    Waiver,
    WorkStatus,
)

LONGEST_TRANSACTION = timedelta(minutes=10)
REQUIRING = ("requirements.generated", "requirement.written", "requirement.withdrawn")
TOLD_BY = {
    "version": ("version.registered", "version.submitted", "evidence.submitted"),
    "model": ("model.tiered", *REQUIRING),
    "project": ("project.solo_mode_switched",),
}
"""Which entries about a version, its model and its project tell how a dossier must stand."""
Told = Mapping[str, list[dict[str, Any]]]
GRANTED, CONFIRMED, ENDED = "membership.granted", "membership.confirmed", "membership.ended"


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


def find_unrecorded_answers(answers: Iterable[AnswerItem]) -> tuple[str, ...]:
    """Names of the answers that the log does not hold, or does not hold so."""
    given = {item.id: item for item in answers}
    indexes = dict(Answer.objects.filter(pk__in=given).values_list("pk", "log_index"))
    bodies = read_bodies(indexes.values())
    return tuple(
        f"answer: {item.fact}"
        for pk, item in given.items()
        if not _is_answered(bodies.get(_index(indexes.get(pk))), item)
    )


def _is_answered(body: dict[str, Any] | None, item: AnswerItem) -> bool:
    return (
        records(body, "dossier.answered", "answer", item.id)
        and body is not None
        and body["data"].get("digest") == item.digest == digest_answer(item.fact, item.value, item.artefact)
    )


def _index(given: int | None) -> int:
    return -1 if given is None else given


def _is_submitted(body: dict[str, Any] | None, item: EvidenceItem, version_id: int) -> bool:
    return (
        records(body, "evidence.submitted", "evidence", item.id)
        and body is not None
        and body["subject"].get("digest") == item.digest
        and body["data"].get("kind") == item.kind
        and (body["data"].get("supersedes") or None) == item.supersedes_id
        and datetime.fromisoformat(body["data"]["observed_at"]) == datetime.fromisoformat(item.observed_at)
        and _digest_content(item) == body["data"].get("content_digest")
        and {"kind": "version", "id": version_id}.items() <= body["related"][0].items()
    )


def _digest_content(item: EvidenceItem) -> str:
    """The digest of the content as it stands now; nothing where there is none, or none that could be recorded."""
    try:
        return "" if item.content is None else canonical_digest(item.content)
    except CanonicalError:
        return ""


def _is_granted(body: dict[str, Any] | None, item: WaiverItem) -> bool:
    return (
        records(body, "waiver.granted", "waiver", item.id)
        and body is not None
        and (body["data"].get("finding"), body["data"].get("gap")) == (item.finding_key, item.gap)
        and datetime.fromisoformat(body["data"]["expires_at"]) == datetime.fromisoformat(item.expires_at)
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


def read_told(version: ModelVersion) -> dict[str, list[dict[str, Any]]]:
    """Type -> what the log tells of the version's parts and rules in entries of it, oldest first."""
    things = {"version": version.pk, "model": version.model_id, "project": version.model.project_id}
    parts = [
        AuditLogEntry.objects.about(kind, things[kind]).filter(type__in=types).order_by().values_list("pk", flat=True)
        for kind, types in TOLD_BY.items()
    ]
    told: dict[str, list[dict[str, Any]]] = {}
    for body in read_bodies(parts[0].union(*parts[1:])).values():
        told.setdefault(body["type"], []).append(body)
    return told


def find_hidden_evidence(told: Told, evidence: Iterable[EvidenceItem]) -> tuple[str, ...]:
    """Evidence that the log says stands and that is not read: deleted, or marked as superseded by hand."""
    bodies = told.get("evidence.submitted", [])
    superseded = {body["data"].get("supersedes") for body in bodies}
    standing = {body["subject"]["id"]: body["index"] for body in bodies if body["subject"]["id"] not in superseded}
    read = {item.id for item in evidence}
    return tuple(f"evidence: entry {index} of the log" for pk, index in sorted(standing.items()) if pk not in read)


def find_hidden_recalls(data: Mapping[int, str]) -> tuple[str, ...]:
    """Dataset versions that the log says were recalled and whose row, read with this reason, does not say so."""
    recalled = AuditLogEntry.objects.filter(
        type="dataset_version.recalled", subjects__kind="dataset_version", subjects__object_id__in=list(data)
    )
    bodies = read_bodies(recalled.values_list("pk", flat=True)).values()
    return tuple(f"recall: {body['subject']['label']}" for body in bodies if not data.get(body["subject"]["id"], "-"))


def find_unrecorded_requirements(told: Told, requirements: Iterable[RequirementItem]) -> tuple[str, ...]:
    """Keys of requirements that bind otherwise than they were written last, or no more though nobody withdrew them."""
    bodies = [body for type in REQUIRING for body in told.get(type, ())]
    recorded: dict[str, str] = {}
    for body in sorted(bodies, key=lambda body: int(body["index"])):
        data, key = body["data"], body["subject"]["label"].partition(" ")[0]
        if body["type"] == "requirements.generated":
            recorded |= dict(zip(data["keys"], data["digests"], strict=True))
        else:
            recorded[key] = data.get("digest", "")  # withdrawn: none
    binding = {item.key: _digest_requirement(item) for item in requirements}
    keys = sorted({key for key, digest in recorded.items() if digest} | set(binding))
    return tuple(f"requirement: {key}" for key in keys if recorded.get(key) != binding.get(key))


def _digest_requirement(item: RequirementItem) -> str:
    criteria = [
        [one.metric, one.population, one.comparator, one.threshold, one.dataset_role, one.severity]
        for one in item.criteria
    ]
    return canonical_digest([item.title, item.statement, item.source, criteria])


def find_unrecorded_rules(version: ModelVersion, told: Told) -> tuple[str, ...]:
    """Names of what chooses the rules and the file that is meant, and stands otherwise than the log says."""
    model, project = version.model, version.model.project
    last = {type: bodies[-1] for type, bodies in told.items()}
    data = {type: body["data"] for type, body in last.items()}
    tier = data.get("model.tiered", {}).get("risk_tier", RiskTier.HIGH)
    solo = data.get("project.solo_mode_switched", {}).get("on", False)
    artifacts = [[item.name, item.digest] for item in version.artifacts.all()]
    holds = {
        "artifacts": sorted(data.get("version.registered", {}).get("artifacts", ())) == sorted(artifacts),
        "time of submission": _is_near(version.submitted_at, last.get("version.submitted")),
        "risk tier": tier == model.risk_tier,
        "solo mode": solo == (project.solo_since is not None),
    }
    return tuple(name for name, is_so in holds.items() if not is_so)


def find_recorded_roles(memberships: Iterable[Membership]) -> frozenset[int]:
    """The ids of those memberships that stand as the log grants, confirms and ends them; dates may be a little off."""
    rows = {row.pk: row for row in memberships}
    entries = AuditLogEntry.objects.filter(
        type__in=(GRANTED, CONFIRMED, ENDED), subjects__kind="membership", subjects__object_id__in=list(rows)
    )
    told: dict[int, dict[str, dict[str, Any]]] = {}
    for body in read_bodies(entries.values_list("pk", flat=True)).values():
        for thing in body["related"]:
            if thing["kind"] == "membership":
                told.setdefault(thing["id"], {})[body["type"]] = body
    return frozenset(pk for pk, row in rows.items() if _is_held(row, told.get(pk, {})))


def _is_held(row: Membership, told: dict[str, dict[str, Any]]) -> bool:
    granted = told.get(GRANTED)
    return (
        granted is not None
        and (granted["subject"]["id"], granted["data"].get("role")) == (row.user_id, row.role)
        and (granted.get("project") or {}).get("id") == row.project_id
        and _is_near(row.granted_at, granted)
        and _is_near(row.confirmed_at, told.get(CONFIRMED))
        and _is_near(row.ended_at, told.get(ENDED))
    )


def _is_near(moment: datetime | None, body: dict[str, Any] | None) -> bool:
    """Whether a moment is the one at which the entry was written, but for what a transaction takes."""
    if moment is None or body is None:
        return moment is None and body is None
    return abs(datetime.fromisoformat(body["at"]) - moment) < LONGEST_TRANSACTION
