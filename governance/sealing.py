"""Whether what was decided is sealed: asked by the gate's answer and by promotion, which are closed while it is not."""

from __future__ import annotations

from datetime import timedelta

from governance.auditlog import database_now, latest_checkpoint
from governance.models import AuditLogEntry, Checkpoint, Release
from governance.notes import NoteError
from governance.signer_files import SignerError, read_alarm, read_trust

# What a pipeline or a person acts upon: sealed within two seconds.
DECISIONS = (
    "sign_off.given",
    "sign_off.overruled",
    "waiver.granted",
    "version.promoted",
    "version.promoted_in_emergency",
    "version.retired",
    "release.rolled_back",
    "release.withdrawn",
)


def is_sealed(release: Release) -> bool:
    """Whether an outsider can check the release: it has its envelope, and a checkpoint that holds covers its entry."""
    if not release.envelope or release.log_index is None:
        return False
    checkpoint = Checkpoint.objects.filter(size__gt=release.log_index).order_by("-size").first()
    return checkpoint is not None and _holds(checkpoint)


def is_behind(limit: timedelta) -> bool:
    """Whether the signer lags: a decision older than ``limit`` is not sealed, its seal does not hold, or it alarms."""
    if read_alarm() is not None:
        return True
    newest = latest_checkpoint()
    if newest is not None and not _holds(newest):
        return True
    waiting = AuditLogEntry.objects.filter(
        index__gte=newest.size if newest is not None else 0, type__in=DECISIONS, at__lt=database_now() - limit
    )
    return waiting.exists()


def _holds(checkpoint: Checkpoint) -> bool:
    """Whether a key of the log signed exactly this size and root. One that cannot be checked does not hold."""
    try:
        trust = read_trust()
        signed = trust.open_checkpoint(checkpoint.note) if trust is not None else None
    except (NoteError, SignerError):
        return False
    return signed is not None and (signed.size, signed.root) == (checkpoint.size, bytes(checkpoint.root))
