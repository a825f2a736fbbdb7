"""Celery tasks: an id comes in, the runner or the press works. The database row is the queue; a task is the bell."""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from celery.contrib.django.task import DjangoTask
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from governance import idempotency, runner
from governance.models import ComplianceReport, Evaluation
from governance.reports import press

logger = logging.getLogger(__name__)


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


def sweep() -> int:
    """Ring again for every row left waiting: a lost message or a killed worker loses nothing. Returns how many."""
    idempotency.forget_old()
    now = timezone.now()
    evaluations = list(Evaluation.waiting(now=now).values_list("pk", flat=True))
    reports = list(ComplianceReport.waiting(now=now).values_list("pk", flat=True))
    for pk in evaluations:
        run_evaluation.delay(pk)
    for pk in reports:
        render_report.delay(pk)
    return len(evaluations) + len(reports)
