"""Long logs in little time: genuine entries written past the actions, with every row that they vouch for.

Runs inside an environment of its own (`manage.py shell`) or inside a test.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from governance import auditlog
from governance.actions.evidence import _spoken
from governance.actors import Actor
from governance.amendment import version_and_model
from governance.auditlog import Subject
from governance.canonical import canonical_digest
from governance.log_entries import _encode
from governance.log_verification import own_trust, verify, verify_recent
from governance.merkle import Frontier, leaf_hash
from governance.models import AuditLogEntry, Evidence, LogHead, ModelVersion, Role, User
from tests import cast
from tests.bench.parts.peak import measure_peak

BATCH = 5_000
CONTENT = {"metrics": [{"name": "accuracy", "value": 0.9, "population": "overall", "dataset_role": "test"}]}
Rows = list[tuple[Any, ...]]


def open_log() -> None:
    """Somebody to write, and a version to write about."""
    from governance.actions import people

    root = cast.make_organisation_administrator()
    project = people.create_project(name="Patient pathways", actor=cast.acting(root))
    developer = cast.make_member("dana", "Dana Whitfield", project, Role.DEVELOPER, by=root)
    cast.register_version(cast.register_model(project, developer), developer)


def find_writer() -> User:
    return User.objects.get(username="dana")


def lengthen(size: int) -> None:
    """Entries until there are ``size``: every other one a set of metrics with its row, the rest without a row."""
    version = ModelVersion.objects.select_related("model__project").get()
    developer = find_writer()
    while (missing := size - LogHead.objects.get().size) > 0:
        _add(version, cast.acting(developer), min(missing, BATCH))


@transaction.atomic
def _add(version: ModelVersion, actor: Actor, count: int) -> None:
    now = datetime.now(UTC)
    head = LogHead.objects.select_for_update().get(pk=1)
    digest = canonical_digest(CONTENT)
    items = Evidence.objects.bulk_create(
        Evidence(
            version=version,
            kind="metrics",
            title=f"Metrics {place}",
            content=CONTENT,
            content_digest=digest,
            observed_at=now,
            received_at=now,
            submitted_by=actor.user,
            log_index=place,
        )
        for place in range(head.size, head.size + count, 2)
    )
    entries, subjects, nodes = Rows(), Rows(), Rows()
    frontier = Frontier.from_bytes(head.size, bytes(head.frontier))
    for body in _bodies(head.size, count, items, version, actor, now):
        text = _encode(body).encode()
        leaf, place = leaf_hash(text), frontier.size
        entries.append((place, text, leaf, body["type"], now, actor.user.pk, body["project"]["id"]))
        subjects += [(place, thing["kind"], thing["id"]) for thing in (body["subject"], *body["related"])]
        nodes += frontier.append(leaf)
    _insert("auditlogentry", '"index", body, leaf, type, at, actor_id, project_id', entries)
    _insert("logsubject", "entry_id, kind, object_id", subjects)
    _insert("lognode", 'level, "index", hash', nodes)
    LogHead.objects.filter(pk=1).update(size=frontier.size, frontier=frontier.to_bytes())


def _bodies(
    first: int, count: int, items: Sequence[Evidence], version: ModelVersion, actor: Actor, now: datetime
) -> Iterator[dict[str, Any]]:
    """What ``append`` would write, made once for each kind and filled in."""
    project, about = version.model.project, tuple(version_and_model(version))
    said = _spoken(items[0], ()) | {"states": []}
    evidence = auditlog._body(0, "evidence.submitted", now, actor, Subject("evidence", 0, ""), project, about, said, "")
    noted = auditlog._body(0, "bench.noted", now, actor, about[0], project, (), {"note": "nothing new"}, "")
    for number in range(count):
        if number % 2:
            yield noted | {"index": first + number}
        else:
            item = items[number // 2]
            subject = {"kind": "evidence", "id": item.pk, "label": item.title, "digest": item.content_digest}
            yield evidence | {"index": first + number, "subject": subject}


def _insert(table: str, columns: str, rows: Rows) -> None:
    if not rows:
        return
    places = ", ".join(["%s"] * len(rows[0]))
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO governance_{table} ({columns}) VALUES ({places})", rows)  # noqa: S608


# --- Measuring --------------------------------------------------------------------------------------


def print_verification() -> None:
    """Verify the whole log as `verify_log` does; print entries, seconds by the clock and of the processor, peak MiB."""
    began, worked = time.monotonic(), time.process_time()
    found = verify(vkeys=own_trust())
    taken, worked = time.monotonic() - began, time.process_time() - worked
    problems = [problem.what for problem in found.problems[:5]]
    print(json.dumps([found.entries, taken, worked, measure_peak(), problems]))


def write(start: float, seconds: float) -> None:
    """From ``start`` on append one entry after the other, each in a transaction of its own; print where they stand, as
    they were acknowledged, and the longest wait."""
    writer = find_writer()
    actor, data = cast.acting(writer), {"note": "x" * 100}
    subject = Subject("user", writer.pk, writer.get_full_name())
    places, longest = [], 0.0
    time.sleep(max(0.0, start - time.time()))
    while (began := time.time()) < start + seconds:
        with transaction.atomic():
            entry = auditlog.append("bench.noted", actor=actor, subject=subject, project=None, data=data)
        places.append(entry.index)
        longest = max(longest, time.time() - began)
    print(json.dumps([places, longest]))


def read(start: float, seconds: float) -> None:
    """Verify again and again while others write; print how often, and what was ever found wrong."""
    rounds, problems = 0, []
    time.sleep(max(0.0, start - time.time()))
    while time.time() < start + seconds:
        found = verify_recent(2_000) if rounds % 5 else verify(vkeys=own_trust())
        problems += [problem.what for problem in found.problems]
        rounds += 1
    print(json.dumps([rounds, problems[:5]]))


def print_gaps() -> None:
    """Print the size, and how far the stored indexes are from 0 to size - 1 without gap or twin."""
    places = list(AuditLogEntry.objects.order_by("index").values_list("index", flat=True))
    print(json.dumps([LogHead.objects.get().size, places == list(range(len(places))), len(places)]))
