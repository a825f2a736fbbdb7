"""What an action may answer instead of doing its work.

Each class is one kind of "no". The front desk translates the class to an HTTP status (portal/errors.py); nothing
here knows of HTTP. Messages are written for the person who reads them: what is wrong, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from governance.findings import Finding


class GovernanceError(Exception):
    """A refusal with a stable machine code and a message for people."""

    code = "governance_error"

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        if code is not None:
            self.code = code


class NotPermitted(GovernanceError):
    """Not you: the actor's roles, history or way of signing in do not allow the verb."""

    code = "not_permitted"


class ReauthenticationFailed(NotPermitted):
    """The password given with a signature is not the signer's."""

    code = "reauthentication_failed"


class TransitionNotAllowed(GovernanceError):
    """Not now: the lifecycle has no such step from the present state."""

    code = "transition_not_allowed"


class GateClosed(GovernanceError):
    """Not ready: the gate's findings say why."""

    code = "gate_closed"

    def __init__(self, message: str, findings: Sequence[Finding]) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class StaleReading(GovernanceError):
    """What the actor saw is no longer what is recorded."""

    code = "stale_reading"


class InvalidInput(GovernanceError):
    """The request's content cannot be recorded as it is."""

    code = "invalid_input"


class Duplicate(GovernanceError):
    """The thing to be made exists already."""

    code = "duplicate"


class TooLarge(GovernanceError):
    """The content is over a stated limit."""

    code = "too_large"


class IntegrityBroken(GovernanceError):
    """Stored bytes or log entries are not what was recorded."""

    code = "integrity_broken"


class NotSealedYet(GovernanceError):
    """The entry is in the log, but no signed checkpoint covers it yet. Ask again in a few seconds."""

    code = "not_sealed"


class StoreUnavailable(GovernanceError):
    """The evidence store cannot take or give bytes now (full disk, missing folder)."""

    code = "store_unavailable"
