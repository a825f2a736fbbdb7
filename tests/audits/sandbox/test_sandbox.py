"""The sandbox: what a child may do, what it may not, and what is said when it ends badly."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from audits.errors import BadInput
from audits.sandbox import jobs, probes, sandbox, walls
from audits.sandbox.failures import JobCancelled, SandboxFailure, SandboxUnavailable
from audits.sandbox.sandbox import run_job
from audits.sandbox.walls import JobLimits
from tests.audits.samples import SIX_ROWS, SPEC, write

SHORT = JobLimits(seconds=2.0)


def list_children() -> list[str]:
    """Sandboxed processes of this machine that this process started, by the file they run."""
    listed = subprocess.run(["ps", "-wweo", "ppid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if line.split()[0] == str(os.getpid()) and "job.py" in line]


def probe(name: str, limits: JobLimits = SHORT) -> dict[str, Any]:
    return run_job("probe", {}, {"name": name}, limits=limits)


# --- What is contained ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", probes.QUICK)
def test_attempt_is_contained(name: str) -> None:
    assert probe(name)["contained"]


def test_fork_bomb_ends_at_the_limit_also_for_root() -> None:
    assert int(probe("fork_without_end")["contained"].split()[0]) < JobLimits().processes


def test_memory_is_refused() -> None:
    assert probe("fill_memory") == {"contained": "refused"}


def test_disk_ends_where_its_size_says() -> None:
    written, reason = probe("fill_disk")["contained"].split(" MiB, then ")
    assert (int(written) <= 64, reason) == (True, "ENOSPC")


def test_files_larger_than_the_limit_are_refused() -> None:
    assert probe("fill_disk", JobLimits(seconds=5, files=8 << 20))["contained"] == "8 MiB, then EFBIG"


@pytest.mark.parametrize("name", ["loop", "hang", "flood"])
def test_child_that_does_not_end_is_stopped(name: str) -> None:
    started = time.monotonic()
    with pytest.raises(SandboxFailure, match="stopped after 1 s, the limit") as caught:
        probe(name, JobLimits(seconds=1))
    assert caught.value.cause == "time"
    assert time.monotonic() - started < 5
    assert list_children() == []


def test_processor_time_is_limited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walls, "THREADS", 0)  # the limit of processor time is that of the clock times the threads
    with pytest.raises(SandboxFailure, match="more processor time") as caught:
        probe("loop", JobLimits(seconds=20))
    assert caught.value.cause == "processor"


def test_crash_is_told_by_its_signal() -> None:
    with pytest.raises(SandboxFailure, match=r"crashed \(SIGSEGV\) inside its sandbox") as caught:
        probe("crash")
    assert caught.value.cause == "crash"


def test_answer_beyond_the_limit_is_not_read() -> None:
    with pytest.raises(SandboxFailure, match="larger than the limit of 1 MiB") as caught:
        probe("answer_too_much", JobLimits(output=1 << 20))
    assert caught.value.cause == "output"


def test_environment_of_the_worker_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_SECRET_KEY", "swordfish")
    assert probe("read_environment")["contained"] == "nothing of the worker's"


def test_probe_that_reaches_something_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The self-test must be able to fail: with a file of the machine shown, it does."""
    shown = {**walls.list_shown(), "/etc/passwd": Path("/etc/passwd")}
    monkeypatch.setattr(walls, "list_shown", lambda: shown)
    monkeypatch.setattr(sandbox, "_held", [])
    with pytest.raises(SandboxUnavailable, match="does not hold .*sees /etc/passwd.* Nothing is run"):
        run_job("probe", {}, {"name": "hang"})


# --- What crosses ----------------------------------------------------------------------------------------------


def test_job_reads_its_inputs_and_tells_how_far_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", SIX_ROWS)
    path.chmod(0o440)
    told: list[tuple[float, str]] = []
    result = run_job("bias_audit", {"evidence": path}, SPEC, progress=lambda *news: told.append(news))
    assert result["format"].startswith("countersign/bias-audit/")
    assert told
    assert all(0 <= share <= 1 and step for share, step in told)


def test_bad_input_comes_back_with_its_place(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", SIX_ROWS.replace("b,0,0,0.1", "b,,0,0.1"))
    with pytest.raises(BadInput) as caught:
        run_job("bias_audit", {"evidence": path}, SPEC)
    assert (caught.value.column, caught.value.row, caught.value.line) == ("y_true", 5, 6)


def test_kind_nobody_registered_and_unforeseen_errors_are_failures() -> None:
    with pytest.raises(SandboxFailure, match=r"unexpected error stopped the computation \(KeyError\)") as caught:
        run_job("cook", {}, {})
    assert (caught.value.cause, "Traceback" in caught.value.detail) == ("error", True)


def test_cancelled_job_is_dead_within_two_seconds() -> None:
    started = time.monotonic()
    with pytest.raises(JobCancelled):
        run_job("probe", {}, {"name": "hang"}, is_cancelled=lambda: time.monotonic() > started + 0.5)
    assert time.monotonic() - started < 2.5
    assert list_children() == []


def find_sandboxed(parent: int) -> list[int]:
    """The processes of a sandboxed child of `parent`, the child itself last."""
    listed = subprocess.run(["ps", "-wweo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()[1:]]
    family = {str(parent)}
    for _ in range(6):
        family |= {pid for pid, above, _ in rows if above in family}
    return [int(pid) for pid, _, command in rows if pid in family and "job.py" in command and "-B" in command]


def test_child_dies_with_the_process_that_waits_for_it() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from audits.sandbox import sandbox\n"
        "sandbox._held.append(True)\n"
        "sandbox.run_job('probe', {}, {'name': 'hang'})"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(walls.PACKAGE.parent)])
    until = time.monotonic() + 30
    try:
        while len(born := find_sandboxed(parent.pid)) < 3 and time.monotonic() < until:
            time.sleep(0.1)
    finally:
        parent.kill()
        parent.wait()
    assert len(born) >= 3
    while any(Path(f"/proc/{pid}").exists() for pid in born) and time.monotonic() < until:
        time.sleep(0.05)
    assert [pid for pid in born if Path(f"/proc/{pid}").exists()] == []


def test_many_threads_may_each_run_a_job(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda name=name: found.append(probe(name)["contained"]))
        for name in ("be_root", "write_files", "read_host_files")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3


# --- Without walls nothing is run ---------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["bwrap", "prlimit"])
def test_missing_program_is_named_with_its_package(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, path: None if name == program else find(name, path=path))
    monkeypatch.setattr(sandbox, "_held", [])
    with pytest.raises(SandboxUnavailable, match=f"{program} is not installed.*apt-get install"):
        run_job("probe", {}, {"name": "be_root"})


def test_bubblewrap_that_fails_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walls, "_link_usr", lambda: ["--no-such-option"])
    monkeypatch.setattr(sandbox, "_held", [])
    with pytest.raises(SandboxUnavailable, match="install Debian's package bubblewrap.*no-such-option"):
        run_job("probe", {}, {"name": "be_root"})


def test_every_registered_job_can_be_found() -> None:
    assert all(callable(jobs.find_job(kind)) for kind in jobs.JOBS)


def test_request_and_answer_are_json_and_nothing_else() -> None:
    """The child itself, without walls: what it reads and writes."""
    read, write = os.pipe()
    request = {"kind": "probe", "spec": {"name": "nothing"}, "paths": {}, "progress": write}
    done = subprocess.run(
        [sys.executable, "-I", "-B", str(walls.CHILD)],
        input=json.dumps(request).encode(),
        capture_output=True,
        pass_fds=(write,),
        check=True,
    )
    os.close(write)
    os.close(read)
    assert json.loads(done.stdout) == {"error": {"type": "KeyError"}}
