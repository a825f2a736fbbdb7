"""Asking others to vouch for the log: witnesses for cosignatures (c2sp.org/tlog-witness), an authority for time stamps.

A part of the signer process with a thread of its own, so that nobody who answers slowly holds up the sealing. It signs
nothing and changes no checkpoint: what comes back is stored beside them.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from datetime import UTC, datetime

from django.conf import settings
from django.db import Error as DatabaseAway
from django.db import close_old_connections, connection

from governance import time_stamps
from governance.auditlog import database_now, latest_checkpoint, node_at
from governance.cosignatures import find_cosignatures
from governance.merkle import consistency_proof
from governance.models import AuditLogEntry, Checkpoint, Cosignature, LogNode
from governance.notes import NoteError, encode
from governance.outbound import Answer, NoAnswer, post
from governance.witnesses import CONFLICT, SILENT, WELL, Witness, note_state, read_witnesses

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
SIZE_TYPE = "text/x.tlog.size"
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


class Refused(Exception):
    """A witness saw another log under this name, or refuses to speak for it. ``is_conflict``: it saw another log."""

    def __init__(self, what: str, *, is_conflict: bool = False) -> None:
        super().__init__(what)
        self.is_conflict = is_conflict


class Asker:
    """Asks one witness: remembers what size it saw last, and how long to leave it alone when it does not answer."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        self.seen: int | None = None
        self.pause = 0.0
        self.not_before = 0.0

    def ask(self, checkpoint: Checkpoint) -> Cosignature | None:
        """Have the checkpoint cosigned, and store that. None when it is cosigned already, or not now."""
        name = self.witness.key.name
        if time.monotonic() < self.not_before or checkpoint.cosignatures.filter(witness=name).exists():
            return None
        try:
            made = self._cosign(checkpoint)
        except (NoAnswer, Refused, NoteError, AuditLogEntry.DoesNotExist, LogNode.DoesNotExist) as error:
            state = CONFLICT if isinstance(error, Refused) and error.is_conflict else SILENT
            self._leave_alone()
            if note_state(self.witness, state, str(error), _spoken(database_now())):
                logger.log(logging.ERROR if state == CONFLICT else logging.WARNING, "The witness %s: %s.", name, error)
            return None
        self.pause = self.not_before = 0.0
        note_state(self.witness, WELL, "", _spoken(made.signed_at))
        return made

    def _cosign(self, checkpoint: Checkpoint) -> Cosignature:
        if self.seen is None:
            last = Cosignature.objects.filter(witness=self.witness.key.name).order_by("-checkpoint").first()
            self.seen = last.checkpoint_id if last is not None else 0
        answer = self._send(checkpoint, self.seen)
        if answer.status == 409 and (size := read_size(answer)) is not None and size != self.seen:
            self.seen = size  # what it saw is its own memory, not ours
            if size > checkpoint.size:
                what = f"saw a log of {size} entries under this name, and here are {checkpoint.size}"
                raise Refused(what, is_conflict=True)
            answer = self._send(checkpoint, size)
        if answer.status in (409, 422):
            raise Refused(f"saw another log of {self.seen} entries under this name", is_conflict=True)
        if answer.status != 200:
            raise Refused(f"does not cosign: status {answer.status} {answer.body[:200].decode(errors='replace')!r}")
        return self._store(checkpoint, answer)

    def _send(self, checkpoint: Checkpoint, old: int) -> Answer:
        proof = consistency_proof(old, checkpoint.size, node_at) if 0 < old <= checkpoint.size else []
        lines = [f"old {min(old, checkpoint.size)}", *(encode(step) for step in proof), "", checkpoint.note]
        return post(f"{self.witness.url}/add-checkpoint", "\n".join(lines).encode(), "text/plain; charset=utf-8")

    def _store(self, checkpoint: Checkpoint, answer: Answer) -> Cosignature:
        try:
            lines = answer.body.decode()
        except UnicodeDecodeError:
            raise NoteError("its answer is not text") from None
        found = find_cosignatures(checkpoint.note + lines, [self.witness.key.to_text()])
        if not found:
            raise NoteError("its answer carries no cosignature by its own key")
        self.seen = checkpoint.size
        return Cosignature.objects.get_or_create(
            checkpoint=checkpoint,
            witness=self.witness.key.name,
            defaults={"line": found[0].line, "signed_at": datetime.fromtimestamp(found[0].at, UTC)},
        )[0]

    def _leave_alone(self) -> None:
        self.pause = min(max(self.pause * 2, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        self.not_before = time.monotonic() + self.pause


class Vouching:
    """Everybody who is asked to vouch for the newest checkpoint."""

    def __init__(self) -> None:
        self.askers = [Asker(witness) for witness in read_witnesses()]
        self.authority = time_stamps.Authority(settings.COUNTERSIGN_TSA_URL) if settings.COUNTERSIGN_TSA_URL else None

    @property
    def is_wanted(self) -> bool:
        return bool(self.askers or self.authority)

    def run_round(self) -> int:
        """Ask everybody who has not vouched for the newest checkpoint yet; return how many did."""
        newest = latest_checkpoint()
        if newest is None:
            return 0
        made = sum(asker.ask(newest) is not None for asker in self.askers)
        return made + int(self.authority is not None and self.authority.stamp_daily(newest) is not None)

    def run(self, stop: threading.Event) -> None:
        """Ask until ``stop`` is set. Whatever goes wrong is told and tried again."""
        while not stop.wait(INTERVAL_SECONDS):
            close_old_connections()
            try:
                self.run_round()
            except (DatabaseAway, OSError) as error:
                logger.warning("Cannot ask anybody to vouch for the log: %s.", error)
                connection.close()
        connection.close()


def read_size(answer: Answer) -> int | None:
    """The size that a witness answered with because it saw another one than we thought; None when it said no size."""
    said = _SIZE.fullmatch(answer.body)
    return int(said[1]) if said is not None and answer.content_type == SIZE_TYPE else None


def _spoken(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
