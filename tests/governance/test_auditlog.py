"""The log: exact entries, appended with their change or not at all, without a gap and without a twin."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from governance import auditlog
from governance.actors import API_TOKEN, Actor
from governance.auditlog import Subject
from governance.canonical import canonical_bytes
from governance.exceptions import InvalidInput
from governance.log_verification import Verification, trusted_vkeys, verify
from governance.merkle import Frontier, leaf_hash, verify_inclusion
from governance.models import AuditLogEntry, Checkpoint, LogHead, LogNode, LogSubject, Project, User
from governance.signer import sign_once
from tests import cast
from tests.governance.log_history import make_administrator, note


def append(user: User, **given: Any) -> AuditLogEntry:
    words: dict[str, Any] = {
        "actor": cast.acting(user),
        "subject": Subject("user", user.pk, user.get_full_name()),
        "project": None,
    }
    with transaction.atomic():
        return auditlog.append("test.noted", **(words | given))


# --- One entry ----------------------------------------------------------------------------------


def test_entry_is_its_exact_canonical_text(project: Project, developer: User) -> None:
    actor = Actor(developer, API_TOKEN, frozenset({"submit"}), "csn_1234", request_id="req-7")
    digest = "sha256:" + "a" * 64
    entry = append(
        developer,
        actor=actor,
        subject=Subject("evidence", 5, "Ergebnisse – März", digest),
        project=project,
        related=[Subject("version", 3, "Triage v1")],
        data={"kind": "metrics", "states": {"3": "IN_REVIEW"}},
        reason="Because.",
    )
    entry.refresh_from_db()
    body = json.loads(bytes(entry.body))
    assert body == {
        "v": 1,
        "index": entry.index,
        "type": "test.noted",
        "at": entry.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "actor": {
            "id": developer.pk,
            "login": "dana",
            "name": "Dana Whitfield",
            "roles": ["developer"],
            "authentication": "api-token",
            "token": "csn_1234",
        },
        "subject": {"kind": "evidence", "id": 5, "label": "Ergebnisse – März", "digest": digest},
        "related": [{"kind": "version", "id": 3, "label": "Triage v1"}],
        "data": {"kind": "metrics", "states": {"3": "IN_REVIEW"}},
        "project": {"id": project.pk, "name": project.name},
        "reason": "Because.",
        "request_id": "req-7",
    }
    assert bytes(entry.body) == canonical_bytes(body)
    assert bytes(entry.leaf) == leaf_hash(bytes(entry.body))


def test_entry_is_found_by_everything_it_is_about(project: Project, developer: User) -> None:
    subject = Subject("version", 3, "Triage v1")
    entry = append(developer, subject=subject, related=[subject, Subject("model", 9, "Triage")], project=project)
    assert set(LogSubject.objects.filter(entry=entry).values_list("kind", "object_id")) == {
        ("version", 3),
        ("model", 9),
    }
    assert list(AuditLogEntry.objects.about("model", 9)) == [entry]


def test_entry_keeps_the_roles_as_they_were(project: Project, developer: User) -> None:
    before = append(developer, project=project)
    developer.memberships.update(role="auditor")
    after = append(developer, project=project)
    roles = [cast.read_body(entry)["actor"]["roles"] for entry in (before, after)]
    assert roles == [["developer"], ["auditor"]]


def test_entry_time_is_the_databases_and_utc(organisation_administrator: User) -> None:
    entry = append(organisation_administrator)
    assert entry.at.utcoffset() == timedelta(0)
    assert abs(entry.at - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"data": {"value": 0.5}}, "is a float"),
        ({"data": {"count": 2**53}}, "is an integer of 2"),
        ({"data": {"größe": 1}}, "keys are printable ASCII"),
        ({"reason": "e\u0301"}, "is not in Unicode NFC"),
        ({"reason": "x" * 17_000}, "at most 16384 are accepted"),
        ({"subject": Subject("user", 1, "x", "sha256:\u202e")}, "control character"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_entry_outside_the_profile_is_refused_and_leaves_no_trace(
    organisation_administrator: User, given: dict[str, Any], why: str
) -> None:
    before = LogHead.objects.get().size
    with pytest.raises(InvalidInput, match=why):
        append(organisation_administrator, **given)
    assert (LogHead.objects.get().size, AuditLogEntry.objects.count()) == (before, before)


def test_rows_of_the_log_refuse_change_and_deletion_in_python(organisation_administrator: User) -> None:
    entry = append(organisation_administrator)
    node = LogNode.objects.create(level=9, index=9, hash=bytes(32))
    rows = [entry, entry.subjects.get(), node]
    for row in rows:
        with pytest.raises(TypeError, match="is append-only"):
            row.save()
        with pytest.raises(TypeError, match="is append-only"):
            row.delete()


def test_stamp_writes_the_entry_on_the_row(ready_version: Any) -> None:
    evidence = ready_version.evidence.order_by("pk")[0]
    body = cast.read_body(AuditLogEntry.objects.get(pk=evidence.log_index))
    assert (body["type"], body["subject"]["id"]) == ("evidence.submitted", evidence.pk)


# --- The tree -----------------------------------------------------------------------------------


def test_stored_tree_proves_every_entry_at_every_size(organisation_administrator: User) -> None:
    note(organisation_administrator, count=20)
    leaves = [bytes(leaf) for leaf in AuditLogEntry.objects.order_by("index").values_list("leaf", flat=True)]
    grown = Frontier()
    for size, leaf in enumerate(leaves, 1):
        grown.append(leaf)
        for index in range(size):
            proof = auditlog.prove_inclusion(index, size)
            verify_inclusion(leaves[index], index, size, proof.hashes, grown.root())
    head = LogHead.objects.get()
    assert (head.size, bytes(head.frontier)) == (grown.size, grown.to_bytes())
    assert LogNode.objects.count() == grown.size - grown.size.bit_count()


def test_proof_reads_few_rows(
    organisation_administrator: User, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    note(organisation_administrator, count=70)
    with django_assert_max_num_queries(13):
        auditlog.prove_inclusion(33, 71)


def test_latest_checkpoint_is_the_newest_or_the_oldest_that_covers(organisation_administrator: User) -> None:
    now = auditlog.database_now()
    for size in (3, 5, 9):
        Checkpoint.objects.create(size=size, root=bytes(32), note="", signed_at=now)
    found = [auditlog.latest_checkpoint(covering=index) for index in (0, 2, 3, 8, 9)]
    assert [checkpoint and checkpoint.size for checkpoint in found] == [3, 3, 5, 9, None]
    newest = auditlog.latest_checkpoint()
    assert newest is not None
    assert newest.size == 9


# --- With others ----------------------------------------------------------------------------------


def run_threads(*works: Callable[[], None]) -> None:
    """Run each in a thread with connections of its own; what one raises is raised here."""
    raised: list[BaseException] = []

    def guard(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=guard, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads)
    if raised:
        raise raised[0]


@pytest.mark.django_db(transaction=True)
def test_append_outside_a_transaction_is_refused() -> None:
    user = make_administrator()
    with pytest.raises(RuntimeError, match="must run inside the transaction"):
        auditlog.append("test.noted", actor=cast.acting(user), subject=Subject("user", 1, "x"), project=None)


@pytest.mark.django_db(transaction=True)
def test_change_that_fails_after_its_entry_leaves_no_gap() -> None:
    user = make_administrator()

    @transaction.atomic
    def change() -> None:
        note(user)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()
    note(user)
    assert list(AuditLogEntry.objects.values_list("index", flat=True)) == [0, 1]


@pytest.mark.django_db(transaction=True)
def test_first_entries_written_at_once_do_not_collide() -> None:
    user = User.objects.system()
    start = threading.Barrier(6)

    def write() -> None:
        start.wait(timeout=20)
        note(user)

    run_threads(*[write] * 6)
    assert list(AuditLogEntry.objects.values_list("index", flat=True)) == list(range(6))


class Bustle:
    """Writers who now and then take an entry back, a signer and a verifier, all at once until the writers are done."""

    writers, each = 5, 24

    def __init__(self, user: User) -> None:
        self.user = user
        self.finished: list[int] = []
        self.readings: list[Verification] = []

    def is_over(self) -> bool:
        return len(self.finished) == self.writers

    def write(self) -> None:
        try:
            for number in range(self.each):
                with transaction.atomic():
                    note(self.user, f"{threading.get_ident()} {number}")
                    transaction.set_rollback(number % 3 == 2)
        finally:
            self.finished.append(threading.get_ident())

    def sign(self) -> None:
        while not self.is_over():
            try:
                sign_once()
            except OperationalError as error:  # SQLite may be busy for once; a signer tries again
                assert "locked" in str(error)  # noqa: PT017

    def read(self) -> None:
        while not self.is_over():
            self.readings.append(verify(vkeys=trusted_vkeys()))


@pytest.mark.django_db(transaction=True)
def test_many_writers_make_no_gap_and_no_twin_while_others_sign_and_verify(keys: Path) -> None:
    bustle = Bustle(make_administrator())
    run_threads(*[bustle.write] * bustle.writers, bustle.sign, bustle.read)
    sign_once()
    found = verify(vkeys=trusted_vkeys())
    total = 1 + bustle.writers * bustle.each * 2 // 3
    assert (found.entries, found.sealed, found.problems) == (total, total, ())
    assert {reading.problems for reading in bustle.readings} == {()}
    texts = [cast.read_body(entry).get("reason") for entry in AuditLogEntry.objects.all()]
    assert len(set(texts)) == total
