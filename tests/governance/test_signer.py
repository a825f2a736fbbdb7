"""The signer signs what it has seen grow, remembers it outside the database, and falls silent when it is lied to."""

from __future__ import annotations

import base64
import json
import os
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from countersign import verifier
from governance import auditlog, signer
from governance.auditlog import node_at
from governance.log_verification import trusted_vkeys, verify
from governance.merkle import Frontier, consistency_proof, leaf_hash, verify_consistency
from governance.models import AuditLogEntry, Checkpoint, LogHead, LogNode, LogSubject, User
from governance.notes import VerifierKey, generate_key, open_checkpoint, sign_checkpoint
from governance.signer import BrokenEntry, Signer, SignerError, sign_once
from governance.signer_files import keys_folder, load_or_create_key, read_alarm, read_vkey, replace_file
from tests.governance.log_history import make_administrator, note
from tests.portals import MANAGE, ROOT, own_database


@pytest.fixture
def keys(settings: Any, tmp_path: Path) -> Path:
    """An empty folder for the signer's files."""
    settings.COUNTERSIGN_DATA = tmp_path
    settings.COUNTERSIGN_LOG_ORIGIN = "example.org/log"
    (tmp_path / "keys").mkdir()
    return keys_folder()


@pytest.fixture
def user(db: None, keys: Path) -> User:
    """Somebody to write entries; opening the account is entry 0."""
    return make_administrator()


def sizes() -> list[int]:
    return list(Checkpoint.objects.order_by("size").values_list("size", flat=True))


def rebuild_tree() -> None:
    """Make head and nodes agree with the stored leaves, as a careful forger would."""
    frontier, nodes = Frontier(), []
    for leaf in AuditLogEntry.objects.order_by("index").values_list("leaf", flat=True):
        nodes += frontier.append(bytes(leaf))
    LogNode.objects.all().delete()
    LogNode.objects.bulk_create(LogNode(level=level, index=index, hash=value) for level, index, value in nodes)
    LogHead.objects.update(size=frontier.size, frontier=frontier.to_bytes())


def forge(index: int) -> None:
    """Another text with its leaf in an entry's place, and a tree that agrees with it."""
    text = bytes(AuditLogEntry.objects.get(pk=index).body).replace(b"noted", b"faked")
    AuditLogEntry.objects.filter(pk=index).update(body=text, leaf=leaf_hash(text))
    rebuild_tree()


def cut(size: int) -> None:
    """Put back a log of ``size`` entries, as from an older backup."""
    LogSubject.objects.filter(entry__gte=size).delete()
    AuditLogEntry.objects.filter(pk__gte=size).delete()
    Checkpoint.objects.filter(size__gt=size).delete()
    rebuild_tree()


# --- Keys ---------------------------------------------------------------------------------------


def test_first_start_makes_a_key_that_only_its_owner_reads(keys: Path) -> None:
    key = load_or_create_key()
    assert stat.S_IMODE((keys / "log.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((keys / "log.vkey").stat().st_mode) == 0o644
    assert VerifierKey.from_text(read_vkey() or "").name == "example.org/log"
    assert load_or_create_key() == key
    assert sorted(path.name for path in keys.iterdir()) == ["log.key", "log.vkey"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_key_that_others_can_read_is_refused(keys: Path, mode: int) -> None:
    load_or_create_key()
    (keys / "log.key").chmod(mode)
    with pytest.raises(SignerError, match=f"can be read by others .mode {mode:04o}.*chmod 600"):
        load_or_create_key()


def test_damaged_key_is_refused_and_not_quoted(keys: Path) -> None:
    key = load_or_create_key()
    secret = (keys / "log.key").read_text().strip()
    (keys / "log.key").write_text(secret[:-6] + "AAAAA=")
    with pytest.raises(SignerError, match="cannot be used") as caught:
        load_or_create_key()
    assert secret[-20:-6] not in str(caught.value)
    assert key.name in str(caught.value)


def test_lost_key_is_not_silently_replaced(user: User, keys: Path) -> None:
    sign_once()
    (keys / "log.key").unlink()
    with pytest.raises(SignerError, match="Restore it from your backup"):
        Signer.start()


def test_published_key_of_somebody_else_is_refused(keys: Path) -> None:
    load_or_create_key()
    (keys / "log.vkey").write_text(generate_key("example.org/log").vkey)
    with pytest.raises(SignerError, match="is not the public half"):
        load_or_create_key()


def test_log_keeps_the_name_it_was_born_with(user: User, settings: Any) -> None:
    sign_once()
    settings.COUNTERSIGN_LOG_ORIGIN = "renamed.example/log"
    note(user)
    made = sign_once()
    assert made is not None
    assert made.note.startswith("example.org/log\n2\n")


# --- Sealing --------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_empty_log_is_not_sealed(keys: Path) -> None:
    assert sign_once() is None
    assert sizes() == []


def test_checkpoint_signs_size_and_root_for_everybody_to_check(user: User) -> None:
    note(user, count=4)
    made = sign_once()
    assert made is not None
    opened = open_checkpoint(made.note, trusted_vkeys())
    bodies = [bytes(body) for body in AuditLogEntry.objects.order_by("index").values_list("body", flat=True)]
    assert (opened.origin, opened.size, opened.root) == ("example.org/log", 5, bytes(made.root))
    verdict = verifier.verify_export(bodies, made.note, list(trusted_vkeys()))
    assert verdict.outcome is verifier.Outcome.GOOD, verdict.message


def test_every_checkpoint_continues_the_one_before(user: User) -> None:
    working, made = Signer.start(), []
    for _round in range(9):
        made.append(working.run_round())
        note(user, count=3)
    for old, new in zip(made, made[1:], strict=False):
        assert old is not None
        assert new is not None
        proof = consistency_proof(old.size, new.size, node_at)
        verify_consistency(old.size, new.size, proof, bytes(old.root), bytes(new.root))
        spoken = [base64.b64encode(step).decode() for step in proof]
        assert verifier.compare(old.note, new.note, spoken, list(trusted_vkeys()))
    assert sizes() == [1, 4, 7, 10, 13, 16, 19, 22, 25]


def test_nothing_new_makes_no_checkpoint_and_costs_a_handful_of_queries(
    user: User, django_assert_num_queries: Callable[[int], Any]
) -> None:
    working = Signer.start()
    working.run_round()
    with django_assert_num_queries(4):
        assert working.run_round() is None
    assert sizes() == [1]


def test_memory_is_on_disk_before_anything_is_signed(user: User, keys: Path) -> None:
    """A signer that dies between its two writes signs the very same thing again, and never another one."""
    first = sign_once()
    assert first is not None
    Checkpoint.objects.filter(pk=1).delete()
    state = json.loads((keys / "signer-state.json").read_text())
    assert (state["size"], state["root"]) == (1, bytes(first.root).hex())
    again = sign_once()
    assert again is not None
    assert again.note == first.note


def test_signer_that_died_while_writing_leaves_goes_on(user: User, keys: Path) -> None:
    sign_once()
    with (keys / "signer-leaves.bin").open("ab") as file:
        file.write(b"half written")
    note(user, count=2)
    sign_once()
    assert (keys / "signer-leaves.bin").stat().st_size == 3 * 32
    assert verify(vkeys=trusted_vkeys()).problems == ()


def test_lost_leaves_are_written_anew(user: User, keys: Path) -> None:
    note(user, count=5)
    sign_once()
    before = (keys / "signer-leaves.bin").read_bytes()
    (keys / "signer-leaves.bin").unlink()
    sign_once()
    assert (keys / "signer-leaves.bin").read_bytes() == before


def test_lost_memory_is_rebuilt_from_the_log_and_its_checkpoints(user: User, keys: Path) -> None:
    sign_once()
    note(user, count=3)
    sign_once()
    state = (keys / "signer-state.json").read_text()
    (keys / "signer-state.json").unlink()
    assert sign_once() is None
    assert (keys / "signer-state.json").read_text() == state
    assert sizes() == [1, 4]


def test_lost_memory_does_not_make_a_forgery_acceptable(user: User, keys: Path) -> None:
    note(user, count=3)
    sign_once()
    (keys / "signer-state.json").unlink()
    forge(2)
    with pytest.raises(BrokenEntry, match="checkpoint of 4 entries is not one this signer made"):
        sign_once()


def test_damaged_memory_is_refused(user: User, keys: Path) -> None:
    sign_once()
    for text in ("", "{}", "[]", '{"format": "countersign/signer-state/1", "size": 1, "root": "", "frontier": []}'):
        (keys / "signer-state.json").write_text(text)
        with pytest.raises(SignerError, match="memory .* is damaged"):
            Signer.start()


# --- Lies ---------------------------------------------------------------------------------------


def change_old_text(user: User) -> int:
    AuditLogEntry.objects.filter(pk=2).update(body=b"{}")
    return 2


def change_new_text(user: User) -> int:
    AuditLogEntry.objects.filter(pk=7).update(body=b"{}")
    return 7


def forge_old_entry(user: User) -> int:
    forge(3)
    return 3


def delete_old_entry(user: User) -> int:
    LogSubject.objects.filter(entry=4).delete()
    AuditLogEntry.objects.filter(pk=4).delete()
    return 4


def delete_new_entry(user: User) -> int:
    LogSubject.objects.filter(entry=7).delete()
    AuditLogEntry.objects.filter(pk=7).delete()
    return 7


def roll_back(user: User) -> int:
    cut(4)
    return 4


def roll_back_and_grow_again(user: User) -> int:
    cut(4)
    note(user, "another story", count=8)
    return 4


def change_head(user: User) -> None:
    head = LogHead.objects.get()
    LogHead.objects.update(frontier=bytes(32) + bytes(head.frontier)[32:])


def forge_checkpoint(user: User) -> int:
    Checkpoint.objects.create(size=500, root=bytes(32), note="forged", signed_at=auditlog.database_now())
    return 9


def replace_checkpoint(user: User) -> None:
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
    user: User, lie: Callable[[User], int | None], caplog: pytest.LogCaptureFixture
) -> None:
    note(user, count=5)
    sign_once()
    note(user, count=3)
    with transaction.atomic():
        expected = lie(user)
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


def test_command_ends_with_an_error_when_the_log_is_broken(user: User) -> None:
    note(user, count=3)
    call_command("sign_log", "--once")
    change_old_text(user)
    with pytest.raises(CommandError, match=r"Entry 2 is not as it was recorded: .* Nothing was signed\."):
        call_command("sign_log", "--once")


def test_patrol_comes_round_to_every_old_entry(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signer, "PATROL", 4)
    note(user, count=9)
    working = Signer.start()
    working.run_round()
    forge(6)
    LogHead.objects.update(frontier=b"".join(working.memory.frontier.roots))
    assert working.run_round() is None
    with pytest.raises(BrokenEntry, match="another entry than the one that was signed") as caught:
        working.run_round()
    assert caught.value.index == 6


def test_unreadable_alarm_is_still_an_alarm(keys: Path) -> None:
    assert read_alarm() is None
    (keys / "signer-alarm.json").write_text("{")
    assert (read_alarm() or {})["what"] == "The signer's alarm file cannot be read."


def test_files_are_replaced_whole(keys: Path) -> None:
    replace_file(keys / "state", "old")
    replace_file(keys / "state", "new")
    assert [(path.name, path.read_text()) for path in keys.iterdir()] == [("state", "new")]


# --- The process ----------------------------------------------------------------------------------


@pytest.fixture
def database(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of commands on an empty database of their own."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("COUNTERSIGN_")}
    with own_database() as database:
        (tmp_path / "portal").mkdir()
        yield {
            **inherited,
            **database,
            "COUNTERSIGN_DATA": str(tmp_path / "portal"),
            "DJANGO_SETTINGS_MODULE": "portal.settings",
        }


def manage(environment: dict[str, str], *arguments: str, text_in: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MANAGE, *arguments],
        env=environment,
        cwd=ROOT,
        input=text_in,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def wait_for(condition: Callable[[], bool], seconds: float) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.05)
    return time.monotonic() - began


def add_person(environment: dict[str, str], name: str) -> None:
    words = ("--full-name", f"{name} Person", "--email", f"{name}@example.org", "--another")
    done = manage(environment, "create_administrator", name, *words, text_in="a long enough passphrase\n")
    assert done.returncode == 0, done.stderr


def test_process_waits_for_its_database_seals_at_once_and_ends_on_request(
    database: dict[str, str], tmp_path: Path
) -> None:
    keys = tmp_path / "portal" / "keys"

    def signed() -> int:
        path = keys / "signer-state.json"
        return int(json.loads(path.read_text())["size"]) if path.exists() else 0

    process = start_signer(database)
    try:
        wait_for((keys / "signer.lock").exists, 20)
        assert manage(database, "migrate", "--verbosity", "0").returncode == 0
        add_person(database, "ada")
        wait_for(lambda: signed() == 1, 15)  # it may just have begun its longest pause
        second = manage(database, "sign_log", "--once")
        assert (second.returncode, "Another signer is at work" in second.stderr) == (1, True)
        add_person(database, "bea")
        assert wait_for(lambda: signed() == 2, 10) < 2.5
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=20)
        add_person(database, "cleo")
        process = start_signer(database)
        wait_for(lambda: signed() == 3, 20)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait(timeout=20)
    checked = manage(database, "verify_log", "--evidence")
    assert (checked.returncode, checked.stdout.splitlines()[0][:46]) == (
        0,
        "Read 3 entries and 3 checkpoints that hold in ",
    )


def start_signer(environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*MANAGE, "sign_log"],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.django_db(transaction=True)
def test_running_signer_alarms_goes_on_and_recovers(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signer, "ALARM_PAUSE_SECONDS", 0.05)
    user = make_administrator()
    note(user, count=3)
    stop = threading.Event()

    def work() -> None:
        try:
            signer.run(stop, interval=0.05)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        wait_for(lambda: sizes() == [4], 20)
        row = AuditLogEntry.objects.get(pk=1)
        AuditLogEntry.objects.filter(pk=1).update(body=b"{}")
        wait_for(lambda: read_alarm() is not None, 20)
        assert (read_alarm() or {})["index"] == 1
        note(user)
        time.sleep(0.5)
        assert sizes() == [4]
        AuditLogEntry.objects.filter(pk=1).update(body=bytes(row.body))
        wait_for(lambda: sizes() == [4, 5], 20)
        wait_for(lambda: read_alarm() is None, 20)
    finally:
        stop.set()
        thread.join(timeout=20)
    assert not thread.is_alive()
