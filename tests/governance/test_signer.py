"""The signer signs what it has seen grow, remembers it outside the database, and falls silent when it is lied to."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from countersign import verifier
from governance import auditlog, signer
from governance.auditlog import node_at
from governance.log_verification import trusted_vkeys, verify
from governance.merkle import consistency_proof, leaf_hash, verify_consistency
from governance.models import AuditLogEntry, Checkpoint, LogHead, LogSubject, User
from governance.notes import generate_key, open_checkpoint, sign_checkpoint
from governance.signer import BrokenEntry, Signer, sign_once
from governance.signer_files import read_alarm
from tests.governance.log_history import note
from tests.governance.tampering import rebuild_tree
from tests.guards import behind_the_guards


def sizes() -> list[int]:
    return list(Checkpoint.objects.order_by("size").values_list("size", flat=True))


def forge(index: int) -> None:
    """Another text with its leaf in an entry's place, and a tree that agrees with it."""
    text = bytes(AuditLogEntry.objects.get(pk=index).body).replace(b"noted", b"faked")
    with behind_the_guards():
        AuditLogEntry.objects.filter(pk=index).update(body=text, leaf=leaf_hash(text))
        rebuild_tree()


def cut(size: int) -> None:
    """Put back a log of ``size`` entries, as from an older backup."""
    with behind_the_guards():
        LogSubject.objects.filter(entry__gte=size).delete()
        AuditLogEntry.objects.filter(pk__gte=size).delete()
        Checkpoint.objects.filter(size__gt=size).delete()
        rebuild_tree()


# --- Sealing --------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_empty_log_is_not_sealed(keys: Path) -> None:
    assert sign_once() is None
    assert sizes() == []


def test_log_that_nothing_vouches_for_is_doubted_not_accused(writer: User) -> None:
    unsigned = verify(vkeys=trusted_vkeys())
    Signer.start()
    unsealed = verify(vkeys=trusted_vkeys())
    sign_once()
    sealed = verify(vkeys=trusted_vkeys())
    readings = (unsigned, unsealed, sealed)
    assert [(found.problems, len(found.doubts), found.sealed) for found in readings] == [
        ((), 1, 0),
        ((), 1, 0),
        ((), 0, 1),
    ]


def test_checkpoint_signs_size_and_root_for_everybody_to_check(writer: User) -> None:
    note(writer, count=4)
    made = sign_once()
    assert made is not None
    opened = open_checkpoint(made.note, trusted_vkeys())
    bodies = [bytes(body) for body in AuditLogEntry.objects.order_by("index").values_list("body", flat=True)]
    assert (opened.origin, opened.size, opened.root) == ("example.org/log", 5, bytes(made.root))
    verdict = verifier.verify_export(bodies, made.note, list(trusted_vkeys()))
    assert verdict.outcome is verifier.Outcome.GOOD, verdict.message


def test_every_checkpoint_continues_the_one_before(writer: User) -> None:
    working, made = Signer.start(), []
    for _round in range(9):
        made.append(working.run_round())
        note(writer, count=3)
    for old, new in zip(made, made[1:], strict=False):
        assert old is not None
        assert new is not None
        proof = consistency_proof(old.size, new.size, node_at)
        verify_consistency(old.size, new.size, proof, bytes(old.root), bytes(new.root))
        spoken = [base64.b64encode(step).decode() for step in proof]
        assert verifier.compare(old.note, new.note, spoken, list(trusted_vkeys()))
    assert sizes() == [1, 4, 7, 10, 13, 16, 19, 22, 25]


def test_nothing_new_makes_no_checkpoint_and_costs_a_handful_of_queries(
    writer: User, django_assert_num_queries: Callable[[int], Any]
) -> None:
    working = Signer.start()
    working.run_round()
    with django_assert_num_queries(6):
        assert working.run_round() is None
    assert sizes() == [1]


def test_memory_is_on_disk_before_anything_is_signed(writer: User, keys: Path) -> None:
    """A signer that dies between its two writes signs the very same thing again, and never another one."""
    first = sign_once()
    assert first is not None
    with behind_the_guards():
        Checkpoint.objects.filter(pk=1).delete()
    state = json.loads((keys / "signer-state.json").read_text())
    assert (state["size"], state["root"]) == (1, bytes(first.root).hex())
    again = sign_once()
    assert again is not None
    assert again.note == first.note


def test_signer_that_died_while_writing_leaves_goes_on(writer: User, keys: Path) -> None:
    sign_once()
    with (keys / "signer-leaves.bin").open("ab") as file:
        file.write(b"half written")
    note(writer, count=2)
    sign_once()
    assert (keys / "signer-leaves.bin").stat().st_size == 3 * 32
    assert verify(vkeys=trusted_vkeys()).problems == ()


def test_lost_leaves_are_written_anew(writer: User, keys: Path) -> None:
    note(writer, count=5)
    sign_once()
    before = (keys / "signer-leaves.bin").read_bytes()
    (keys / "signer-leaves.bin").unlink()
    sign_once()
    assert (keys / "signer-leaves.bin").read_bytes() == before


def test_lost_memory_is_rebuilt_from_the_log_and_its_checkpoints(writer: User, keys: Path) -> None:
    sign_once()
    note(writer, count=3)
    sign_once()
    state = (keys / "signer-state.json").read_text()
    (keys / "signer-state.json").unlink()
    assert sign_once() is None
    assert (keys / "signer-state.json").read_text() == state
    assert sizes() == [1, 4]


def test_lost_memory_does_not_make_a_forgery_acceptable(writer: User, keys: Path) -> None:
    note(writer, count=3)
    sign_once()
    (keys / "signer-state.json").unlink()
    forge(2)
    with pytest.raises(BrokenEntry, match="checkpoint of 4 entries is not one this signer made"):
        sign_once()


# --- Lies ---------------------------------------------------------------------------------------


def change_old_text(writer: User) -> int:
    with behind_the_guards():
        AuditLogEntry.objects.filter(pk=2).update(body=b"{}")
    return 2


def change_new_text(writer: User) -> int:
    with behind_the_guards():
        AuditLogEntry.objects.filter(pk=7).update(body=b"{}")
    return 7


def forge_old_entry(writer: User) -> int:
    forge(3)
    return 3


def delete_old_entry(writer: User) -> int:
    with behind_the_guards():
        LogSubject.objects.filter(entry=4).delete()
        AuditLogEntry.objects.filter(pk=4).delete()
    return 4


def delete_new_entry(writer: User) -> int:
    with behind_the_guards():
        LogSubject.objects.filter(entry=7).delete()
        AuditLogEntry.objects.filter(pk=7).delete()
    return 7


def roll_back(writer: User) -> int:
    cut(4)
    return 4


def roll_back_and_grow_again(writer: User) -> int:
    cut(4)
    note(writer, "another story", count=8)
    return 4


def change_head(writer: User) -> None:
    head = LogHead.objects.get()
    LogHead.objects.update(frontier=bytes(32) + bytes(head.frontier)[32:])


def forge_checkpoint(writer: User) -> int:
    Checkpoint.objects.create(size=500, root=bytes(32), note="forged", signed_at=auditlog.database_now())
    return 9


def replace_checkpoint(writer: User) -> None:
    key = generate_key("example.org/log")
    forged = sign_checkpoint(key.name, 9, bytes(32), key)
    Checkpoint.objects.create(size=9, root=bytes(32), note=forged, signed_at=auditlog.database_now())


LIES = [
    change_old_text,
    change_new_text,
    forge_old_entry,
    delete_old_entry,
    delete_new_entry,
    roll_back,
    roll_back_and_grow_again,
    change_head,
    forge_checkpoint,
    replace_checkpoint,
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_lie_is_named_and_nothing_is_signed_over_it(
    writer: User, lie: Callable[[User], int | None], caplog: pytest.LogCaptureFixture
) -> None:
    note(writer, count=5)
    sign_once()
    note(writer, count=3)
    with transaction.atomic():
        expected = lie(writer)
        before = sizes()
        with pytest.raises(BrokenEntry) as caught:
            sign_once()
        assert (caught.value.index, sizes()) == (expected, before)
        alarm = read_alarm()
        assert alarm is not None
        assert (alarm["index"], alarm["what"]) == (expected, caught.value.what)
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert "NOTHING IS SIGNED" in caplog.text
        transaction.set_rollback(True)
    made = sign_once()
    assert made is not None
    assert (made.size, read_alarm()) == (9, None)


def test_command_ends_with_an_error_when_the_log_is_broken(writer: User) -> None:
    note(writer, count=3)
    call_command("sign_log", "--once")
    change_old_text(writer)
    with pytest.raises(CommandError, match=r"Entry 2 is not as it was recorded: .* Nothing was signed\."):
        call_command("sign_log", "--once")


def test_patrol_comes_round_to_every_old_entry(writer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signer, "PATROL", 4)
    note(writer, count=9)
    working = Signer.start()
    working.run_round()
    forge(6)
    LogHead.objects.update(frontier=b"".join(working.memory.frontier.roots))
    assert working.run_round() is None
    with pytest.raises(BrokenEntry, match="another entry than the one that was signed") as caught:
        working.run_round()
    assert caught.value.index == 6
