"""The supervisor with small children: restarts, back-off, giving up, ending together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from portal.supervisor import (
    Child,
    SupervisorError,
    describe_exit,
    is_answering,
    plan_children,
    require_free_port,
)

ROOT = Path(__file__).resolve().parents[2]
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
PLAN = Namespace(bind="127.0.0.1", port=8000, web=2, worker=2, story=False, no_signer=False)


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def end(child: Child) -> None:
    """Kill what runs and wait for it, so that no test leaves a process behind."""
    child.signal_group(signal.SIGKILL)
    if child.process is not None:
        child.process.wait()


def keep_dying(child: Child) -> None:
    """Start the child again and again without waiting for its back-off."""
    while True:
        child.restart_at = 0
        child.keep_running()
        wait_until(lambda: not child.is_running())


def test_dead_child_is_started_again_later_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    child = Child("worker", [sys.executable, "-c", "raise SystemExit(3)"])
    child.keep_running()
    for _ in range(3):
        wait_until(lambda: not child.is_running())
        child.keep_running()
        child.restart_at = 0
        child.keep_running()
    end(child)
    assert capsys.readouterr().out.splitlines() == [
        f"The worker ended (exit code 3); starting it again in {pause} s." for pause in (1, 2, 4)
    ]


def test_child_that_keeps_dying_is_given_up_with_its_name() -> None:
    child = Child("signer", [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(SupervisorError, match=r"The signer ended 5 times .* \(exit code 3\)"):
        keep_dying(child)


def test_late_death_is_no_quick_death() -> None:
    child = Child("worker", SLEEP, quick_deaths=4)
    child.start()
    child.started_at -= 60
    os.kill(child.process.pid if child.process else 0, signal.SIGKILL)
    wait_until(lambda: not child.is_running())
    child.keep_running()
    assert child.quick_deaths == 0
    assert child.is_running() is True
    end(child)


def test_what_a_dead_child_started_dies_too(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    child = Child("worker", ["sh", "-c", f"sleep 60 & echo $! > '{note}.new'; mv '{note}.new' '{note}'"])
    child.start()
    wait_until(lambda: note.exists() and not child.is_running())
    left_behind = int(note.read_text())
    assert is_alive(left_behind) is True
    child.keep_running()
    wait_until(lambda: not is_alive(left_behind))
    end(child)


def test_children_end_when_the_supervisor_is_killed() -> None:
    code = (
        "import time; from portal.supervisor import Child;"
        f"child = Child('worker', {SLEEP!r}); child.start();"
        "print(child.process.pid, flush=True); time.sleep(60)"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    pid = int(supervisor.stdout.readline())
    assert is_alive(pid) is True
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    wait_until(lambda: not is_alive(pid))


def test_free_port_is_accepted_and_a_taken_one_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("portal.supervisor.PORT_PATIENCE_SECONDS", 0.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SupervisorError, match=f"make run PORT={port + 1}"):
            require_free_port("127.0.0.1", port)
        assert is_answering("127.0.0.1", port) is False
    require_free_port("127.0.0.1", port)


def test_address_that_is_not_ours_is_refused_plainly() -> None:
    with pytest.raises(SupervisorError, match="Cannot listen on 192.0.2.1 port 8000"):
        require_free_port("192.0.2.1", 8000)


def test_port_being_closed_is_waited_for() -> None:
    code = (
        "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen();"
        "print(s.getsockname()[1], flush=True); time.sleep(1)"
    )
    closing = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert closing.stdout is not None
    port = int(closing.stdout.readline())
    require_free_port("127.0.0.1", port)
    assert closing.wait() == 0
    closing.stdout.close()


def test_exits_are_described_in_words() -> None:
    assert describe_exit(3) == "exit code 3"
    assert describe_exit(-9) == "killed by SIGKILL"


def test_supervisor_imports_no_django() -> None:
    code = "import portal.supervisor, sys; print([m for m in sys.modules if 'django' in m])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_worker_runs_one_thread_of_openmp_per_child() -> None:
    names = {child.name: child.environment for child in plan_children(PLAN)}
    assert set(names) == {"web process", "worker", "signer", "sweep"}
    alone = plan_children(Namespace(**vars(PLAN) | {"no_signer": True}))
    assert {child.name for child in alone} == {"web process", "worker", "sweep"}
    assert names["worker"]["OMP_NUM_THREADS"] == "1"
