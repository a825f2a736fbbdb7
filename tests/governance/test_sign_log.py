"""The signer as a process: it waits for its database, is killed, alarms, recovers, and ends when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from governance import signer
from governance.models import AuditLogEntry, Checkpoint
from governance.signer_files import read_alarm
from tests.governance.log_history import make_administrator, note
from tests.guards import behind_the_guards
from tests.portals import MANAGE, ROOT, own_database


def sizes() -> list[int]:
    return list(Checkpoint.objects.order_by("size").values_list("size", flat=True))


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
    # The checkpoint over two entries may be missing: killed between writing down what it signs and storing it.
    assert (checked.returncode, checked.stdout.splitlines()[0][:15]) == (0, "Read 3 entries "), checked.stdout


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
        with behind_the_guards():
            AuditLogEntry.objects.filter(pk=1).update(body=b"{}")
        wait_for(lambda: read_alarm() is not None, 20)
        assert (read_alarm() or {})["index"] == 1
        note(user)
        time.sleep(0.5)
        assert sizes() == [4]
        with behind_the_guards():
            AuditLogEntry.objects.filter(pk=1).update(body=bytes(row.body))
        wait_for(lambda: sizes() == [4, 5], 20)
        wait_for(lambda: read_alarm() is None, 20)
    finally:
        stop.set()
        thread.join(timeout=20)
    assert not thread.is_alive()
