"""Many rows at once, written past the actions but exactly as they would: evidence with its log entries and tree.

Runs inside a portal's own environment (`manage.py shell`); only benches use it.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

from django.db import transaction

from governance import auditlog
from governance.actions import catalog, people, submission
from governance.actors import Actor
from governance.auditlog import Subject
from governance.canonical import canonical_bytes, canonical_digest
from governance.merkle import Frontier, leaf_hash
from governance.models import (
    AuditLogEntry,
    Evaluation,
    Evidence,
    LogHead,
    LogNode,
    LogSubject,
    ModelVersion,
    Project,
    RegisteredModel,
    Role,
    User,
)
from tests import cast
from tests.governance.light import make_light

EVIDENCE_PER_VERSION = 100
VERSIONS_PER_MODEL = 10
SCOPES = ["read", "submit", "report"]


def open_portal() -> None:
    """Make people, a project and one complete version, and print what a client needs to know."""
    root = cast.make_organisation_administrator()
    project = people.create_project(name="Patient pathways", actor=cast.acting(root))
    developer = cast.make_member("dana", "Dana Whitfield", project, Role.DEVELOPER, by=root)
    administrator = cast.make_member("adele", "Adele Brandt", project, Role.ADMINISTRATOR, by=root)
    model = cast.register_model(project, developer)
    cast.record_go(model, developer=developer, administrator=administrator)
    version = cast.register_version(model, developer)
    submitted = cast.submit_all_evidence(version, developer=developer)
    wait_for_worker(cast.request_evaluations(version, submitted, by=developer))
    submission.submit_version(version, actor=cast.acting(developer))
    _token, secret = people.create_token(name="bench", scopes=SCOPES, days=1, actor=cast.acting(developer))
    entry = AuditLogEntry.objects.about("model", model.pk).earliest("index").index
    known = {"version": version.pk, "model": model.pk, "entry": entry, "token": secret, "password": cast.PASSWORD}
    print(json.dumps(known))


def release_one() -> None:
    """Release a version of a small project and print what a pipeline needs to ask the gate about it."""
    light = make_light(User.objects.get(is_organisation_administrator=True))
    released, waiting = light.approve(light.version()), light.version()
    light.promote(released)
    developer = light.team["developer"]
    _token, secret = people.create_token(name="bench", scopes=SCOPES, days=1, actor=cast.acting(developer))
    print(
        json.dumps({"model": light.model.pk, "released": released.number, "waiting": waiting.number, "token": secret})
    )


def wait_for_worker(asked: list[Evaluation]) -> None:
    """The portal's own worker computes them."""
    until = time.monotonic() + 120
    for evaluation in asked:
        while not evaluation.is_finished:
            assert time.monotonic() < until, "the worker does not answer"
            time.sleep(0.1)
            evaluation.refresh_from_db()
        assert evaluation.status == "SUCCEEDED", evaluation.failure


def fill(rows: int) -> None:
    """Add evidence, spread over models and versions of the same project, until there are ``rows`` of it."""
    developer = User.objects.get(username="dana")
    project = Project.objects.get(name="Patient pathways")
    missing = rows - Evidence.objects.count()
    number = Project.objects.count() + RegisteredModel.objects.count()
    while missing > 0:
        model = catalog.register_model(project, name=f"Model {number:05}", actor=cast.acting(developer))
        number += 1
        for _ in range(VERSIONS_PER_MODEL):
            if missing > 0:
                version = catalog.register_version(model, actor=cast.acting(developer))
                add_evidence(version, developer, min(missing, EVIDENCE_PER_VERSION))
                missing -= EVIDENCE_PER_VERSION


@transaction.atomic
def add_evidence(version: ModelVersion, developer: User, count: int) -> None:
    """Rows, log entries, subjects and tree nodes of ``count`` metric sets."""
    now = datetime.now(UTC)
    content = {"metrics": [{"name": "accuracy", "value": 0.9, "population": "overall", "dataset_role": "test"}]}
    digest = canonical_digest(content)
    items = Evidence.objects.bulk_create(
        Evidence(
            version=version,
            kind="metrics",
            title=f"Metrics {number}",
            content=content,
            content_digest=digest,
            observed_at=now,
            received_at=now,
            submitted_by=developer,
        )
        for number in range(count)
    )
    head = LogHead.objects.select_for_update().get(pk=1)
    for place, item in enumerate(items, head.size):
        item.log_index = place
    Evidence.objects.bulk_update(items, ["log_index"])
    append_entries(head, items, cast.acting(developer), now)


def append_entries(head: LogHead, items: list[Evidence], actor: Actor, now: datetime) -> None:
    """Grow the log by one entry for each item."""
    entries, subjects, nodes = [], [], []
    frontier = Frontier.from_bytes(head.size, bytes(head.frontier))
    for item in items:
        version = item.version
        about = [
            Subject("evidence", item.pk, item.title, item.content_digest),
            Subject("version", version.pk, str(version)),
            Subject("model", version.model_id, version.model.name),
        ]
        project = version.model.project
        body = canonical_bytes(
            auditlog._body(frontier.size, "evidence.submitted", now, actor, about[0], project, tuple(about[1:]), {}, "")
        )
        entry = AuditLogEntry(
            index=frontier.size, body=body, leaf=leaf_hash(body), type="evidence.submitted", at=now,
            actor=actor.user, project=project,
        )  # fmt: skip
        entries.append(entry)
        subjects += [LogSubject(entry=entry, kind=thing.kind, object_id=thing.id) for thing in about]
        nodes += [LogNode(level=level, index=index, hash=value) for level, index, value in frontier.append(entry.leaf)]
    AuditLogEntry.objects.bulk_create(entries)
    LogSubject.objects.bulk_create(subjects)
    LogNode.objects.bulk_create(nodes)
    LogHead.objects.filter(pk=1).update(size=frontier.size, frontier=frontier.to_bytes())
