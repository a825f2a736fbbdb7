"""What came out of a child: its answer, or what its exit code means in words."""

from __future__ import annotations

import json
import math
import signal
from typing import Any, NoReturn

from audits.errors import BadInput
from audits.sandbox.failures import Cause, SandboxFailure
from audits.sandbox.walls import MEBIBYTE, JobLimits

SIGNALLED = 128
"""bubblewrap ends with this much plus the number of the signal that ended the child."""


def read_answer(answer: bytes, code: int, printed: bytes, limits: JobLimits) -> dict[str, Any]:
    """Return the result in a child's answer, or raise what the answer or the exit code says.

    Parameters
    ----------
    answer : bytes
        What it wrote on standard output. Believed nothing: depth, numbers and shape are checked.
    code : int
        Its exit code, as bubblewrap passes it on.
    printed : bytes
        The end of its standard error, for the operator.
    limits : JobLimits
        What it ran under.

    Raises
    ------
    BadInput, SandboxFailure
    """
    detail = ascii(printed.decode("utf-8", "replace"))
    if code != 0:
        cause, message = _explain_exit(code, limits)
        raise SandboxFailure(cause, message, detail=detail)
    try:
        said = json.loads(answer, parse_constant=_refuse_constant, parse_float=_read_float)
        if isinstance(said, dict) and isinstance(said.get("result"), dict):
            result: dict[str, Any] = said["result"]
            return result
        if "bad_input" in said:
            raise _read_bad_input(said["bad_input"])
        failed = str(said["error"]["type"])[:60]
    except (ValueError, TypeError, KeyError, RecursionError):
        message = "The computation answered with something that is not a result; nothing was kept."
        raise SandboxFailure("unreadable", message, detail=detail) from None
    if failed == "MemoryError":
        raise SandboxFailure("memory", _say_memory(limits), detail=detail)
    message = f"An unexpected error stopped the computation ({failed}); the operator's log has it."
    raise SandboxFailure("error", message, detail=detail)


def _read_bad_input(said: dict[str, Any]) -> BadInput:
    """Raises ValueError, TypeError or KeyError for what is not one."""
    column, row, line = said["column"], said["row"], said["line"]
    return BadInput(
        str(said["message"])[:2_000],
        column=None if column is None else str(column)[:200],
        row=None if row is None else int(row),
        line=None if line is None else int(line),
    )


def _explain_exit(code: int, limits: JobLimits) -> tuple[Cause, str]:
    """(cause, message) of a child that ended without an answer."""
    number = -code if code < 0 else code - SIGNALLED
    try:
        name = signal.Signals(number).name
    except ValueError:
        return "crash", f"The computation ended with exit code {code} and without a result."
    if name == "SIGXCPU":
        return "processor", "It used more processor time than one evaluation may. Ask for less at once."
    if name == "SIGKILL":
        return "memory", f"The computation was killed by the system. {_say_memory(limits)}"
    return "crash", (
        f"The computation crashed ({name}) inside its sandbox while reading this input. Write the file again with "
        "another program; if it crashes again, the operator should see it."
    )


def _say_memory(limits: JobLimits) -> str:
    return f"It needed more memory than the limit of {limits.memory // MEBIBYTE:,} MiB. Ask for less at once."


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _read_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text[:40])
    return number
