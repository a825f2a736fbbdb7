"""Leases on queued work: the row is the queue, and one worker at a time holds it.

A worker claims a row by a conditional update and keeps its lease alive from a thread. A worker that dies stops
renewing; after the lease another one claims the row. What a late twin computes changes nothing, because it may write
only while the row still names it.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections, models
from django.utils import timezone

from governance.models import WorkStatus
from governance.models.evaluations import QueuedWork

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
Work = TypeVar("Work", bound=QueuedWork)


class LeaseLost(Exception):
    """Another worker holds the row now. Whatever was computed is dropped."""


def lease_length() -> timedelta:
    """How long a worker may be silent before another one takes over its row."""
    return timedelta(seconds=settings.COUNTERSIGN_LEASE_SECONDS)


def claim(table: type[Work], pk: int) -> Work | None:
    """Claim a waiting row and return it, or None when there is nothing to do: done, or somebody else has it."""
    now = timezone.now()
    owner = uuid.uuid4().hex
    won = (
        table.waiting(now=now)
        .filter(pk=pk)
        .update(
            status=WorkStatus.RUNNING,
            lease_owner=owner,
            lease_until=now + lease_length(),
            started_at=now,
            attempts=models.F("attempts") + 1,
            progress="",
        )
    )
    return table._default_manager.get(pk=pk) if won else None


def hold(work: Work) -> models.QuerySet[Work]:
    """The row, as long as this worker still holds it. Lock and re-check inside the transaction that finishes."""
    table: Any = type(work)
    held: models.QuerySet[Work] = table._default_manager.filter(
        pk=work.pk, status=WorkStatus.RUNNING, lease_owner=work.lease_owner
    )
    return held


def finish(work: Work, **fields: Any) -> None:
    """Write the outcome inside the running transaction, or raise ``LeaseLost`` and write nothing."""
    fields.setdefault("finished_at", timezone.now())
    if not hold(work).update(lease_owner="", lease_until=None, progress="", **fields):
        raise LeaseLost(f"{work} is held by another worker")
    for name, value in fields.items():
        setattr(work, name, value)


def tell_progress(work: QueuedWork, text: str) -> None:
    hold(work).update(progress=text[:200])


@contextmanager
def kept_alive(work: QueuedWork) -> Iterator[None]:
    """Renew the lease from a thread while the body runs. A database that is away for a moment ends nothing: the next
    renewal may still come in time, and when it does not, the row is somebody else's and this worker finds out."""
    stop = threading.Event()
    length = lease_length()

    def renew() -> None:
        while not stop.wait(length.total_seconds() / 3):
            try:
                hold(work).update(lease_until=timezone.now() + length)
            except DatabaseError as error:
                logger.warning("the lease on %s could not be renewed: %s", work, error)
            close_old_connections()
        connections.close_all()

    thread = threading.Thread(target=renew, name=f"lease-{work.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
