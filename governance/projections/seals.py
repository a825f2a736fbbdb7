"""What others added to the log's seals, and the lists of withdrawn attestations: each must hold by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from governance.cosignatures import find_cosignatures
from governance.envelopes import EnvelopeError
from governance.models import Checkpoint, Cosignature, RevocationList, TimeStamp
from governance.notes import NoteError, split_note
from governance.projections.base import Entry, Problem, Projection, row_batches
from governance.revocations import open_list
from governance.trust import Trust


class Seals(Projection):
    """No entry speaks of these rows: a signature in each does, or for time stamps a digest."""

    types = frozenset()

    def __init__(self, trust: Trust) -> None:
        self.trust = trust

    def read_one(self, entry: Entry) -> Iterator[str]:
        return iter(())

    def finish(self) -> Iterator[Problem]:
        yield from self._check_cosignatures()
        yield from self._check_time_stamps()
        if self.trust.keys:
            yield from self._check_revocation_lists()

    def _check_cosignatures(self) -> Iterator[Problem]:
        """Those of witnesses that are trusted today; whoever configured another one before cannot be asked here."""
        for rows in row_batches(Cosignature, "checkpoint", "witness", "line", "signed_at"):
            notes = _read_notes([row[1] for row in rows])
            for key, size, witness, line, signed_at in rows:
                try:
                    found = find_cosignatures(notes[size] + line, self.trust.witnesses)
                except NoteError as error:
                    yield Problem(size - 1, f"cosignature {key} under the checkpoint of {size} entries: {error}")
                    continue
                known = {vkey.split("+", 1)[0] for vkey in self.trust.witnesses}
                said = [(item.witness.name, item.at) for item in found]
                if said != [(witness, int(signed_at.timestamp()))] and (witness in known or found):
                    yield Problem(size - 1, f"cosignature {key} under the checkpoint of {size} entries is another one")

    def _check_time_stamps(self) -> Iterator[Problem]:
        """The stamp must be over the checkpoint's text; the authority's signature is openssl's business."""
        for rows in row_batches(TimeStamp, "checkpoint", "response", "stamped_at", batch=200):
            notes = _read_notes([row[1] for row in rows])
            for key, size, response, stamped_at in rows:
                if not _is_stamp_over(notes[size], bytes(response), stamped_at):
                    yield Problem(size - 1, f"time stamp {key} is not one of the checkpoint of {size} entries")

    def _check_revocation_lists(self) -> Iterator[Problem]:
        columns = ("issued_at", "valid_until", "log_size")
        for key, envelope, *stored in _iterate_lists("envelope", *columns):
            index = stored[2] - 1
            try:
                payload = open_list(envelope, self.trust.sealing_vkeys(index))
            except (EnvelopeError, NoteError, ValueError) as error:
                yield Problem(index, f"revocation list {key} does not hold: {error}")
                continue
            moments = [datetime.fromisoformat(payload[name]) for name in ("issuedAt", "validUntil")]
            if [*moments, payload["logSize"]] != stored:
                yield Problem(index, f"revocation list {key} is not the one in its envelope")


def _read_notes(sizes: list[int]) -> dict[int, str]:
    return dict(Checkpoint.objects.filter(size__in=sizes).values_list("size", "note"))


def _iterate_lists(*columns: str) -> Iterator[tuple[Any, ...]]:
    for rows in row_batches(RevocationList, *columns, batch=20):
        yield from rows


def _is_stamp_over(note: str, response: bytes, stamped_at: datetime) -> bool:
    from rfc3161_client import decode_timestamp_response

    try:
        info = decode_timestamp_response(response).tst_info
    except ValueError:
        return False
    text = split_note(note)[0].encode()
    return info.message_imprint.message == hashlib.sha256(text).digest() and info.gen_time == stamped_at
