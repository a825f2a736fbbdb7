"""The log's own affairs: its keys, who took it away, and a sign of life on days on which nothing happens."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from governance import auditlog
from governance.actors import COMMAND, SYSTEM, Actor
from governance.auditlog import Subject
from governance.dossier_records import read_bodies
from governance.exceptions import InvalidInput, NotPermitted, NotSealedYet, TransitionNotAllowed
from governance.exporting import Export, export_at
from governance.log_state import is_heartbeat_due, keys_in_log, known_trust
from governance.models import AuditLogEntry, LogHead, Project
from governance.notes import NoteError, VerifierKey
from governance.permissions import authorise
from governance.signer_files import read_trust
from governance.text import clean_text
from governance.trust import RETIRED, KeyHistoryError, follow

# A download that breaks off and goes on within this time is one.
ONE_DOWNLOAD = timedelta(days=1)


@transaction.atomic
def export_log(*, project: Project | None, size: int | None = None, with_files: bool = True, actor: Actor) -> Export:
    """Return the export of the newest checkpoint, or of the one of ``size`` entries, and record who took it.

    The whole log is for organisation administrators; one project's for its auditors and administrators. Whoever asks
    for the same archive again within a day, or for its rest, is recorded once. Raises what ``export_at`` raises.
    """
    authorise(actor, "export_log", project)
    export = export_at(project=project, size=size, with_files=with_files)
    taken = {"size": export.checkpoint.size, "files": with_files}
    if not _took_already(actor, project, taken):
        auditlog.append("log.exported", actor=actor, subject=Subject("log", 1, _origin()), project=project, data=taken)
    return export


def _took_already(actor: Actor, project: Project | None, taken: dict[str, int]) -> bool:
    since = auditlog.database_now() - ONE_DOWNLOAD
    found = AuditLogEntry.objects.filter(type="log.exported", actor=actor.user, project=project, at__gte=since)
    return any(body["data"] == taken for body in read_bodies(found.values_list("pk", flat=True)).values())


@transaction.atomic
def add_log_key(*, vkey: str, actor: Actor) -> AuditLogEntry:
    """Announce a further key of the log. From the next checkpoint on the signer signs with it as well."""
    _require_operator(actor)
    return _append_key_entry("log.key_added", vkey, "", actor)


@transaction.atomic
def retire_log_key(*, vkey: str, reason: str, actor: Actor) -> AuditLogEntry:
    """End a key that is whole. What it signed stays valid; from this entry on it signs nothing.

    Refused before a checkpoint carries a successor's signature beside the key's own: whoever knows only the old key
    learns from that checkpoint to trust the new one.
    """
    _require_operator(actor)
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    return _append_key_entry("log.key_retired", vkey, reason, actor)


@transaction.atomic
def revoke_log_key(*, vkey: str, reason: str, actor: Actor) -> AuditLogEntry:
    """End a key that is lost or stolen. Outsiders believe what it signed before only where witnesses cosigned it."""
    _require_operator(actor)
    reason = clean_text(reason, "reason", required=True, limit=2_000)
    return _append_key_entry("log.key_revoked", vkey, reason, actor)


@transaction.atomic
def record_heartbeat(*, actor: Actor) -> AuditLogEntry:
    """Append a sign of life, so that silence is told from a signer that stands still. Refused while it is not due."""
    if actor.authentication != SYSTEM:
        raise NotPermitted("The portal itself gives signs of life.")
    LogHead.objects.select_for_update().filter(pk=1).first()  # two sweeps at once: the second finds the first one's
    if not is_heartbeat_due():
        raise TransitionNotAllowed("The log has a younger entry; no sign of life is due.")
    return auditlog.append(
        "log.heartbeat", actor=actor, subject=Subject("log", 1, _origin()), project=None, data={"size": _size()}
    )


def _append_key_entry(type: str, vkey: str, reason: str, actor: Actor) -> AuditLogEntry:
    LogHead.objects.select_for_update().filter(pk=1).first()  # two operators at once: the second sees the first one's
    try:
        key = VerifierKey.from_text(vkey)
        follow(keys_in_log(), {"index": _size(), "type": type, "data": {"vkey": vkey}})
    except NoteError as error:
        raise InvalidInput(f"This is not a verifier key: {error}.", field="vkey") from error
    except KeyHistoryError as error:
        raise InvalidInput(f"The log does not take this: {error}.", field="vkey") from error
    if type == RETIRED:
        _require_overlap(vkey)
    return auditlog.append(
        type,
        actor=actor,
        subject=Subject("log_key", int.from_bytes(key.key_id), key.key_id.hex()),
        project=None,
        data={"vkey": vkey},
        reason=reason,
    )


def _require_operator(actor: Actor) -> None:
    if actor.authentication != COMMAND:
        raise NotPermitted("The log's keys are changed on the operator's command line only.")


def _require_overlap(vkey: str) -> None:
    """The newest checkpoint must carry this key's signature and that of another one that stays."""
    newest = auditlog.latest_checkpoint()
    try:
        signers = known_trust().signers(newest.note)[1] if newest is not None else ()
    except NoteError as error:
        raise InvalidInput(f"The newest checkpoint does not hold: {error}.", field="vkey") from error
    by = {key.vkey for key in signers}
    if vkey in by and not any(key.vkey in by and key.vkey != vkey for key in keys_in_log() if key.is_current):
        raise NotSealedYet("No checkpoint carries a successor's signature yet. Is the signer running? Ask again.")


def _origin() -> str:
    trust = read_trust()
    return trust.origin if trust is not None else "log"


def _size() -> int:
    return LogHead.objects.filter(pk=1).values_list("size", flat=True).first() or 0
