"""How the log is: how much of it is sealed, since when, and whether the signer has raised an alarm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from governance import auditlog
from governance.models import LogHead
from governance.signer_files import read_alarm

# The signer seals within seconds of a change. Entries that wait this long say that it is not running.
SIGNER_IS_LATE = timedelta(minutes=5)


@dataclass(frozen=True)
class LogHealth:
    """``size`` entries, of which the newest checkpoint seals ``sealed``. ``alarm`` is the signer's, or None."""

    size: int
    sealed: int
    sealed_at: datetime | None
    alarm: dict[str, Any] | None
    is_late: bool

    @property
    def unsealed(self) -> int:
        return self.size - self.sealed

    @property
    def tone(self) -> str:
        if self.alarm is not None:
            return "bad"
        return "warn" if self.is_late else "good"


def read_log_health() -> LogHealth:
    """Two small queries and one file."""
    head = LogHead.objects.filter(pk=1).first()
    checkpoint = auditlog.latest_checkpoint()
    size = head.size if head else 0
    sealed = checkpoint.size if checkpoint else 0
    sealed_at = checkpoint.signed_at if checkpoint else None
    is_late = size > sealed and (sealed_at is None or timezone.now() - sealed_at > SIGNER_IS_LATE)
    return LogHealth(size, sealed, sealed_at, read_alarm(), is_late)
