"""How the log is: how much of it is sealed, since when, and whether signer or witnesses have raised an alarm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from governance import auditlog
from governance.models import LogHead
from governance.signer_files import SignerError, read_alarm, read_trust
from governance.trust import Trust, TrustedKey
from governance.witnesses import CONFLICT, WELL, read_states

# The signer seals within seconds of a change. Entries that wait this long say that it is not running.
SIGNER_IS_LATE = timedelta(minutes=5)
# On days without any change the log gives a sign of life, so that there is a new checkpoint every day.
LONGEST_SILENCE = timedelta(hours=24)


@dataclass(frozen=True)
class LogHealth:
    """``size`` entries, of which the newest checkpoint seals ``sealed``. ``alarm`` is the signer's, or None.

    ``is_silent``: no checkpoint for more than a day. ``conflicts`` are witnesses that saw another log, by name.
    """

    size: int
    sealed: int
    sealed_at: datetime | None
    alarm: dict[str, Any] | None
    is_late: bool
    is_silent: bool = False
    conflicts: tuple[tuple[str, str], ...] = ()

    @property
    def unsealed(self) -> int:
        return self.size - self.sealed

    @property
    def tone(self) -> str:
        if self.alarm is not None or self.is_silent or self.conflicts:
            return "bad"
        return "warn" if self.is_late else "good"


def read_log_health() -> LogHealth:
    """Two small queries and a few small files."""
    head = LogHead.objects.filter(pk=1).first()
    checkpoint = auditlog.latest_checkpoint()
    size = head.size if head else 0
    sealed = checkpoint.size if checkpoint else 0
    sealed_at = checkpoint.signed_at if checkpoint else None
    is_late = size > sealed and (sealed_at is None or timezone.now() - sealed_at > SIGNER_IS_LATE)
    is_silent = sealed_at is not None and timezone.now() - sealed_at > LONGEST_SILENCE
    conflicts = tuple((item.name, item.what) for item in read_trust_for_page().witnesses if item.is_conflict)
    return LogHealth(size, sealed, sealed_at, read_alarm(), is_late, is_silent, conflicts)


@dataclass(frozen=True)
class WitnessReading:
    """A witness: since when it is ``well``, silent or in conflict, and what it said."""

    name: str
    is_well: bool
    is_conflict: bool
    what: str
    since: str


@dataclass(frozen=True)
class TrustReading:
    """Whom outsiders trust: the log's keys, the present ones first, and its witnesses. ``trouble`` when unreadable."""

    keys: tuple[TrustedKey, ...] = ()
    witnesses: tuple[WitnessReading, ...] = ()
    quorum: int = 0
    trouble: str = ""


def read_trust_for_page() -> TrustReading:
    """Two files; answers, never raises."""
    try:
        trust = read_trust() or Trust("", ())
    except SignerError as error:
        return TrustReading(trouble=str(error))
    states = read_states()
    witnesses = []
    for vkey in trust.witnesses:
        name = vkey.split("+", 1)[0]
        said = states.get(name, {})
        state = said.get("state")
        witnesses.append(
            WitnessReading(
                name, state == WELL, state == CONFLICT, str(said.get("what", "")), str(said.get("since", ""))
            )
        )
    keys = sorted(trust.keys, key=lambda key: not key.is_current)
    return TrustReading(tuple(keys), tuple(witnesses), trust.quorum)
