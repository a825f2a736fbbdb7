"""The parent's side: run one job behind walls and read what it answers, believing nothing.

    result = run_job("bias_audit", {"evidence": path}, spec)

The child may hang, crash, fill its disk or answer with rubbish. Each of these is a `SandboxFailure` with a message
that names the limit, and never an error of ours. There is no way to run a job without the walls, and before the first
one a self-test tries to climb them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from audits.sandbox.answers import read_answer
from audits.sandbox.child import Child, Progress, readable
from audits.sandbox.failures import SandboxFailure, SandboxUnavailable
from audits.sandbox.walls import INPUTS, JobLimits, build_command

LIMITS = JobLimits()
SELF_TEST_LIMITS = JobLimits(seconds=60.0)

_held: list[bool] = []
"""Filled when the walls of this process were seen to hold."""


def run_job(
    kind: str,
    inputs: Mapping[str, Path],
    spec: Mapping[str, Any],
    *,
    limits: JobLimits = LIMITS,
    progress: Progress | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Run one job in a child of its own and return its result document.

    Call it from a thread that outlives the job: the kernel kills the child when that thread ends.

    Parameters
    ----------
    kind : str
        A key of `jobs.JOBS`.
    inputs : mapping
        Role to file. The child sees them read-only and under the name of their role.
    spec : mapping
        JSON-ready specification.
    limits : JobLimits
    progress : callable, optional
        Called in this thread with (share done, what is being done).
    is_cancelled : callable, optional
        Asked about once a second; True kills the child.

    Raises
    ------
    BadInput
        What the job says about its input.
    SandboxFailure
        Naming the limit, the signal or the fault.
    SandboxUnavailable
        Where the walls cannot be built; nothing was run.
    JobCancelled
    """
    require_walls()
    return _run(kind, inputs, spec, limits, progress, is_cancelled)


def require_walls() -> None:
    """Raise SandboxUnavailable unless the self-test passes. It is made once per process, and again after a failure."""
    if _held:
        return
    try:
        outcome = _run("self_test", {}, {}, SELF_TEST_LIMITS, None, None)
        escaped = outcome["escaped"]
    except SandboxFailure as error:
        raise SandboxUnavailable(_advise(error)) from error
    if escaped:
        reached = "; ".join(f"{name}: {what}" for name, what in escaped.items())[:500]
        raise SandboxUnavailable(f"The sandbox on the machine of the worker does not hold ({reached}). Nothing is run.")
    _held.append(True)


def _run(
    kind: str,
    inputs: Mapping[str, Path],
    spec: Mapping[str, Any],
    limits: JobLimits,
    progress: Progress | None,
    is_cancelled: Callable[[], bool] | None,
) -> dict[str, Any]:
    with readable(inputs) as files:
        request = {"kind": kind, "spec": dict(spec), "paths": {role: str(INPUTS / role) for role in files}}
        child = Child(build_command(files, limits), request, limits)
        try:
            child.listen(progress or _ignore_progress, is_cancelled or _never)
            code = child.wait()
        finally:
            child.end()
    return read_answer(bytes(child.answer), code, child.printed, limits)


def _advise(error: SandboxFailure) -> str:
    """What the operator must do, from what the programs said."""
    said = error.detail.strip("'\"").replace("\\n", " ").strip()[-300:]
    return (
        "The sandbox does not start on the machine of the worker. It needs bubblewrap and unprivileged user "
        "namespaces: install Debian's package bubblewrap, and see that the sysctls kernel.unprivileged_userns_clone, "
        "user.max_user_namespaces and kernel.apparmor_restrict_unprivileged_userns allow them; in a container, run it "
        f"with a profile that does. It said: {said or error.message}"
    )


def _ignore_progress(share: float, step: str) -> None:
    """Do nothing: nobody asked to be told."""


def _never() -> bool:
    return False
