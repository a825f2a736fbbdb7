"""Celery tasks: an id comes in, the runner or the press works. The database row is the queue; a task is the bell."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from celery.contrib.django.task import DjangoTask
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from governance import idempotency, runner, store
from governance.models import ComplianceReport, Evaluation, WorkStatus
from governance.models.evaluations import QueuedWork
from governance.reports import press

logger = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)


class Bell(DjangoTask):
    """A task whose ring may be lost: the row waits, and the sweep rings again."""

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> None:
        """Ring after the commit. Without a broker the change stands all the same, so its author gets no error."""

        def ring() -> None:
            try:
                self.delay(*args, **kwargs)
            except (OperationalError, OSError) as error:
                logger.warning("%s waits for the sweep: the broker does not answer (%s)", self.name, error)

        transaction.on_commit(ring)


@shared_task(base=Bell)
def run_evaluation(evaluation_id: int) -> None:
    runner.run(evaluation_id)


@shared_task(base=Bell)
def render_report(report_id: int) -> None:
    press.render(report_id)


class Sweep:
    """Rings again for rows left waiting: a lost message or a killed worker loses nothing.

    Rows that are merely waiting their turn are rung more and more rarely, so that a long queue does not drown in its
    own bells; a row whose worker died is rung at once.
    """

    def __init__(self) -> None:
        self.next_ring: dict[tuple[str, int, int], tuple[datetime, timedelta]] = {}

    def ring(self) -> int:
        """Ring for what is due now and return how many. Raises what the broker or the database raises."""
        idempotency.forget_old()
        store.clear_abandoned()
        now = timezone.now()
        waiting = {
            (task.name, pk, attempts): task
            for table, task in ((Evaluation, run_evaluation), (ComplianceReport, render_report))
            for pk, attempts in _list_waiting(table, now)
        }
        self.next_ring = {key: due for key, due in self.next_ring.items() if key in waiting}
        count = 0
        for key, task in waiting.items():
            due, pause = self.next_ring.get(key, (now, FIRST_PAUSE))
            if due <= now:
                task.delay(key[1])
                self.next_ring[key] = (now + pause, min(pause * 2, LONGEST_PAUSE))
                count += 1
        return count


def _list_waiting(table: type[QueuedWork], now: datetime) -> Iterator[tuple[int, int]]:
    """(id, attempts so far) of waiting rows, oldest first. Those just asked for were rung a moment ago."""
    rows = table.waiting(now=now).exclude(status=WorkStatus.QUEUED, requested_at__gt=now - FIRST_PAUSE)
    yield from rows.order_by("pk").values_list("pk", "attempts")
