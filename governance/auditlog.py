"""The audit log: one RFC 6962 Merkle tree of exact canonical entries.

``append`` is the last thing an action does. It locks the head row last of all rows, numbers without gaps, and commits
or vanishes together with the change it records.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection, models
from django.utils import timezone

from governance.actors import Actor
from governance.canonical import CanonicalError, canonical_bytes, check_log_profile
from governance.exceptions import InvalidInput
from governance.merkle import Frontier, inclusion_proof, leaf_hash
from governance.models import AuditLogEntry, Checkpoint, LogHead, LogNode, LogSubject, Membership, Project

FORMAT = 1
CLOCK_SLACK = 2
"""Seconds by which the clock may run backwards without the entry saying so. The order of entries never follows it."""


@dataclass(frozen=True)
class Subject:
    """What an entry is about. ``label`` is copied so that the entry outlives a renaming."""

    kind: str
    id: int
    label: str
    digest: str | None = None


@dataclass(frozen=True)
class InclusionProof:
    """``hashes`` lead from entry ``index`` to the root of the tree of ``size`` entries."""

    index: int
    size: int
    hashes: tuple[bytes, ...]


def append(
    type: str,
    *,
    actor: Actor,
    subject: Subject,
    project: Project | None,
    related: Iterable[Subject] = (),
    data: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditLogEntry:
    """Append one entry inside the running transaction and return it.

    ``type`` is ``noun.verbed``. ``data`` follows the log's JSON profile: no floats, small, keys in ASCII. Raises when
    called outside a transaction, because an entry without its change would be a lie.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("auditlog.append must run inside the transaction of the change it records")
    others = tuple(related)
    head = _lock_head()
    at = database_now()
    body = _body(head.size, type, at, actor, subject, project, others, data, reason)
    if (lost := _seconds_lost(head.size, at)) > CLOCK_SLACK:
        body["clock_regression"] = lost
    try:
        check_log_profile(body)
    except CanonicalError as error:
        raise InvalidInput(f"This does not fit into one entry of the audit log: {error.message}.") from error
    exact = canonical_bytes(body)
    leaf = leaf_hash(exact)
    entry = AuditLogEntry.objects.create(
        index=head.size, body=exact, leaf=leaf, type=type, at=at, actor=actor.user, project=project
    )
    mentioned = {(thing.kind, thing.id) for thing in (subject, *others)}
    LogSubject.objects.bulk_create(LogSubject(entry=entry, kind=kind, object_id=pk) for kind, pk in sorted(mentioned))
    _grow(head, leaf)
    return entry


def _seconds_lost(index: int, at: datetime) -> int:
    """By how many seconds the database's clock runs behind the entry before this one."""
    before = AuditLogEntry.objects.filter(pk=index - 1).values_list("at", flat=True).first()
    return 0 if before is None else math.ceil((before - at).total_seconds())


def _lock_head() -> LogHead:
    """The head row, locked. Two first appends at once: one makes the row, the other waits for it."""
    head = LogHead.objects.select_for_update().filter(pk=1).first()
    if head is None:
        LogHead.objects.bulk_create([LogHead(pk=1)], ignore_conflicts=True)
        head = LogHead.objects.select_for_update().get(pk=1)
    return head


def _body(
    index: int,
    type: str,
    at: datetime,
    actor: Actor,
    subject: Subject,
    project: Project | None,
    related: tuple[Subject, ...],
    data: dict[str, Any] | None,
    reason: str,
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "v": FORMAT,
        "index": index,
        "type": type,
        "at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "actor": _actor_snapshot(actor, project),
        "subject": _spoken(subject),
        "related": [_spoken(thing) for thing in related],
        "data": data or {},
    }
    if project is not None:
        body["project"] = {"id": project.pk, "name": project.name}
    if reason:
        body["reason"] = reason
    if actor.request_id:
        body["request_id"] = actor.request_id
    return body


def _actor_snapshot(actor: Actor, project: Project | None) -> dict[str, Any]:
    """The actor as they were: a later change of name or role does not rewrite history."""
    roles: list[str] = []
    if project is not None:
        held = Membership.objects.current().filter(user=actor.user, project=project)
        roles = sorted(held.values_list("role", flat=True))
    snapshot: dict[str, Any] = {
        "id": actor.user.pk,
        "login": actor.user.username,
        "name": actor.user.get_full_name(),
        "roles": roles,
        "authentication": actor.authentication,
    }
    if actor.token_prefix:
        snapshot["token"] = actor.token_prefix
    return snapshot


def _spoken(thing: Subject) -> dict[str, Any]:
    spoken: dict[str, Any] = {"kind": thing.kind, "id": thing.id, "label": thing.label}
    if thing.digest is not None:
        spoken["digest"] = thing.digest
    return spoken


def _grow(head: LogHead, leaf: bytes) -> None:
    frontier = Frontier.from_bytes(head.size, bytes(head.frontier))
    nodes = frontier.append(leaf)
    LogNode.objects.bulk_create(LogNode(level=level, index=index, hash=value) for level, index, value in nodes)
    head.size = frontier.size
    head.frontier = frontier.to_bytes()
    head.save(update_fields=["size", "frontier"])


def database_now() -> datetime:
    """The database's clock: one clock for all web processes. SQLite runs inside the process and has no other."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            now: datetime = cursor.fetchone()[0]
            return now.astimezone(UTC)
    return timezone.now()


def stamp(row: models.Model, entry: AuditLogEntry) -> None:
    """Write on a row just made the index of the entry that records it."""
    row.log_index = entry.index  # type: ignore[attr-defined]
    row.save(update_fields=["log_index"])


def node_at(level: int, index: int) -> bytes:
    """A stored complete node: level 0 is a leaf, higher levels are interior nodes."""
    if level == 0:
        return bytes(AuditLogEntry.objects.values_list("leaf", flat=True).get(pk=index))
    return bytes(LogNode.objects.values_list("hash", flat=True).get(level=level, index=index))


def prove_inclusion(index: int, size: int) -> InclusionProof:
    """The proof that entry ``index`` is in the tree of the first ``size`` entries; reads O(log n) rows."""
    return InclusionProof(index, size, tuple(inclusion_proof(size, index, node_at)))


def latest_checkpoint(*, covering: int | None = None) -> Checkpoint | None:
    """The newest checkpoint; with ``covering``, the oldest that seals that entry."""
    if covering is None:
        return Checkpoint.objects.order_by("-size").first()
    return Checkpoint.objects.filter(size__gt=covering).order_by("size").first()
