"""Real workers, killed, stopped and cut off: every piece of work is finished once.

On the file queue, or on Redis where the run has one.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.governance.killing import ask_for_row, count_entries, run_in, wait_until
from tests.portals import Portal, find_free_port

LEASE_SECONDS = 3


def find_workers(portal: Portal) -> list[int]:
    """The worker's processes, its parent first."""
    return sorted(pid for pid, command in portal.list_processes().items() if "celery" in command)


def start_slow_audit(portal: Portal) -> None:
    portal.start("--prepare")
    run_in(portal, "queue_audit(slow=True)")
    wait_until(lambda: "measuring" in ask_for_row(portal)[2], portal)


def find_sandboxes(workers: list[int]) -> dict[int, int]:
    """Sandbox -> the worker's process that waits for it."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                name, fields = (folder / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
            except OSError:
                continue  # gone meanwhile
            if name == "bwrap" and int(fields.split()[1]) in workers:
                found[int(folder.name)] = int(fields.split()[1])
    return found


def test_killed_worker_parent_and_children_is_picked_up_and_finished_once(new_portal: Callable[..., Portal]) -> None:
    portal = new_portal(LEASE_SECONDS=str(LEASE_SECONDS))
    start_slow_audit(portal)
    workers = find_workers(portal)
    assert len(workers) == 3
    (sandbox,) = find_sandboxes(workers)
    os.killpg(workers[0], signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{sandbox}").exists(), portal, seconds=5)
    assert ask_for_row(portal)[:2] == ("RUNNING", 1)
    wait_until(lambda: ask_for_row(portal)[0] == "SUCCEEDED", portal)
    assert set(workers) & set(find_workers(portal)) == set()
    assert ask_for_row(portal)[1] == 2
    time.sleep(2 * LEASE_SECONDS)
    assert count_entries(portal) == {"completed": 1, "failed": 0}
    assert ask_for_row(portal)[:2] == ("SUCCEEDED", 2)


def test_stopped_worker_that_comes_back_late_changes_nothing(new_portal: Callable[..., Portal]) -> None:
    """The process that waits for the sandbox is frozen past its lease, another one finishes, and then it wakes up."""
    portal = new_portal(LEASE_SECONDS=str(LEASE_SECONDS))
    start_slow_audit(portal)
    (busy,) = find_sandboxes(find_workers(portal)).values()
    os.kill(busy, signal.SIGSTOP)
    try:
        wait_until(lambda: ask_for_row(portal)[0] == "SUCCEEDED", portal)
    finally:
        os.kill(busy, signal.SIGCONT)
    assert ask_for_row(portal)[1] == 2
    wait_until(lambda: "was taken over by another worker" in portal.read_output(), portal)
    assert count_entries(portal) == {"completed": 1, "failed": 0}


def read_health(portal: Portal) -> tuple[int, str]:
    with urlopen(f"{portal.url}/healthz", timeout=10) as answer:  # noqa: S310 - our own http
        return answer.status, answer.read().decode()


def test_missing_broker_is_said_and_its_work_is_done_when_it_comes(
    new_portal: Callable[..., Portal], tmp_path: Path
) -> None:
    port = find_free_port()
    portal = new_portal(BROKER_URL=f"redis://127.0.0.1:{port}/0")
    portal.start("--prepare")
    status, text = read_health(portal)
    assert status == 200
    assert "the broker does not answer; work waits and is done when it is back" in text
    run_in(portal, "queue_audit(slow=False)")
    assert ask_for_row(portal)[:2] == ("QUEUED", 0)
    wait_until(lambda: "Cannot sweep" in portal.read_output(), portal)
    assert "the broker at COUNTERSIGN_BROKER_URL there?" in portal.read_output()
    with start_redis(port, tmp_path) as redis:
        try:
            wait_until(lambda: ask_for_row(portal)[0] == "SUCCEEDED", portal)
            assert read_health(portal) == (200, '{"status": "ok"}')
            portal.stop_at_once()
        finally:
            redis.terminate()
    assert count_entries(portal) == {"completed": 1, "failed": 0}


def start_redis(port: int, folder: Path) -> subprocess.Popen[bytes]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.fail("Redis is not installed. Run: apt-get install redis-server")
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    return subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)


def test_cancelled_evaluation_frees_its_worker(new_portal: Callable[..., Portal]) -> None:
    portal = new_portal()
    start_slow_audit(portal)
    (sandbox,) = find_sandboxes(find_workers(portal))
    run_in(portal, "cancel_audit()")
    wait_until(lambda: not Path(f"/proc/{sandbox}").exists(), portal, seconds=5)
    assert ask_for_row(portal) == ("CANCELLED", 1, "")
    run_in(portal, "queue_again()")
    wait_until(lambda: count_entries(portal)["completed"] == 1, portal)
    assert count_entries(portal) == {"completed": 1, "failed": 0}
