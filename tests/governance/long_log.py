"""A long log, filled by the thousand as ``append`` would, for tests of what must not grow with its length."""

from __future__ import annotations

import resource

from django.db import transaction

from governance import auditlog
from governance.actions import people
from governance.auditlog import Subject
from governance.canonical import canonical_bytes
from governance.exporting import export_at
from governance.merkle import Frontier, leaf_hash
from governance.models import AuditLogEntry, Checkpoint, LogHead, LogNode, LogSubject, Role, User
from governance.signer import sign_once
from tests import cast

STEP = 2_000
FILE_BYTES = 40 << 20


def fill_log(count: int) -> None:
    """Make people and a version with one large file, then entries until there are ``count``, sealing now and then."""
    root = cast.make_organisation_administrator()
    project = people.create_project(name="Patient pathways", actor=cast.acting(root))
    developer = cast.make_member("dana", "Dana Whitfield", project, Role.DEVELOPER, by=root)
    version = cast.register_version(cast.register_model(project, developer), developer)
    block = bytes(range(256)) * 4096
    cast.submit(version, "file", by=developer, file=[block] * (FILE_BYTES // len(block)), file_name="weights.bin")
    while (size := LogHead.objects.get().size) < count:
        append_notes(root, min(STEP, count - size))
        sign_once()


@transaction.atomic
def append_notes(user: User, count: int) -> None:
    """Grow the log by ``count`` entries in one transaction."""
    head = LogHead.objects.select_for_update().get()
    frontier = Frontier.from_bytes(head.size, bytes(head.frontier))
    now, actor = auditlog.database_now(), cast.acting(user)
    subject = Subject("user", user.pk, user.get_full_name())
    entries, nodes = [], []
    for _ in range(count):
        body = auditlog._body(frontier.size, "test.noted", now, actor, subject, None, (), {}, "noted")
        exact = canonical_bytes(body)
        leaf = leaf_hash(exact)
        entry = AuditLogEntry(index=frontier.size, body=exact, leaf=leaf, type="test.noted", at=now, actor=user)
        entries.append(entry)
        nodes += [LogNode(level=level, index=index, hash=value) for level, index, value in frontier.append(leaf)]
    AuditLogEntry.objects.bulk_create(entries)
    LogSubject.objects.bulk_create(LogSubject(entry=entry, kind="user", object_id=user.pk) for entry in entries)
    LogNode.objects.bulk_create(nodes)
    head.size, head.frontier = frontier.size, frontier.to_bytes()
    head.save()


def print_growth() -> None:
    """Stream the export of the shortest and then of the longest sealed log, and print by how much the peak grew."""
    sizes = list(Checkpoint.objects.order_by("size").values_list("size", flat=True))
    peaks, lengths = [], []
    for size in (sizes[0], sizes[-1]):
        export = export_at(project=None, size=size)
        lengths.append(sum(len(block) for block in export.stream()))
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    print(sizes[0], sizes[-1], *lengths, (peaks[1] - peaks[0]) // 1024)  # noqa: T201
