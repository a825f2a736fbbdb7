"""Time stamps (RFC 3161): a public authority says that a checkpoint existed at a time. One a day.

What is stamped are the checkpoint's three lines without signatures, so that the stamp holds whatever witnesses add:

    head -3 checkpoint.txt > text && openssl ts -verify -in checkpoint.tsr -data text -CAfile authority.pem
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from governance.auditlog import database_now
from governance.models import Checkpoint, TimeStamp
from governance.notes import split_note
from governance.outbound import NoAnswer, post

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

logger = logging.getLogger(__name__)

EVERY = timedelta(hours=23)
PAUSE_SECONDS = 60.0
QUERY_TYPE, REPLY_TYPE = "application/timestamp-query", "application/timestamp-reply"


class StampRefused(Exception):
    """The authority answered, but not with a stamp over what it was asked for."""


class Authority:
    """One time-stamp authority."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.not_before = 0.0

    def stamp_daily(self, checkpoint: Checkpoint) -> TimeStamp | None:
        """Have the checkpoint stamped when a day has passed since the last stamp. None when none is due, or not now."""
        last = TimeStamp.objects.order_by("-pk").values_list("stamped_at", "checkpoint_id").first()
        is_due = last is None or (database_now() - last[0] >= EVERY and last[1] != checkpoint.size)
        if not is_due or time.monotonic() < self.not_before:
            return None
        try:
            return self.stamp(checkpoint)
        except (NoAnswer, StampRefused) as error:
            self.not_before = time.monotonic() + PAUSE_SECONDS
            logger.warning("No time stamp from %s: %s. Trying again in %.0f s.", self.url, error, PAUSE_SECONDS)
            return None

    def stamp(self, checkpoint: Checkpoint) -> TimeStamp:
        """Ask for a stamp and store it. Raises ``NoAnswer`` and ``StampRefused``."""
        body = ask_authority(self.url, split_note(checkpoint.note)[0].encode())
        return TimeStamp.objects.create(
            checkpoint=checkpoint,
            authority=self.url,
            response=body,
            stamped_at=_read_reply(body).tst_info.gen_time,
        )


def ask_authority(url: str, content: bytes) -> bytes:
    """The authority's answer with a stamp over exactly this content. Raises ``NoAnswer`` and ``StampRefused``."""
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    request = TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256).build()
    answer = post(url, request.as_bytes(), QUERY_TYPE)
    if answer.status != 200 or answer.content_type != REPLY_TYPE:
        raise StampRefused(f"it answers with status {answer.status} and {answer.content_type}")
    info = _read_reply(answer.body).tst_info
    if info.message_imprint.message != sha256(content).digest() or info.nonce != request.nonce:
        raise StampRefused("its stamp is over something else")
    return answer.body


def _read_reply(body: bytes) -> TimeStampResponse:
    from rfc3161_client import PKIStatus, decode_timestamp_response

    try:
        reply = decode_timestamp_response(body)
    except ValueError as error:
        raise StampRefused(f"its answer cannot be read: {error}") from error
    if reply.status not in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
        raise StampRefused(f"it says {PKIStatus(reply.status).name}: {' '.join(reply.status_string)}")
    return reply
