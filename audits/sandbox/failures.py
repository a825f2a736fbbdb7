"""How a sandboxed job can end without a result."""

from __future__ import annotations

from typing import Literal

Cause = Literal["time", "memory", "processor", "output", "crash", "unreadable", "error"]


class SandboxFailure(Exception):
    """A job that ended without a result. The message names the limit or the signal and is safe to show.

    Parameters
    ----------
    cause : str
        Which limit or fault ended it.
    message : str
        For the submitter: what happened and what to do.
    detail : str
        For the operator's log only: the end of what the child printed, as plain ASCII.
    """

    def __init__(self, cause: Cause, message: str, *, detail: str = "") -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message
        self.detail = detail


class SandboxUnavailable(Exception):
    """There is no working sandbox here, so nothing is computed. The message says what the operator must install."""


class JobCancelled(Exception):
    """The job was cancelled while it ran; its child is dead."""
