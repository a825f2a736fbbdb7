"""Celery tasks: an id comes in, the runner or the press works. The database row is the queue; a task is the bell."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from governance import runner
from governance.models import ComplianceReport, Evaluation
from governance.reports import press


@shared_task
def run_evaluation(evaluation_id: int) -> None:
    runner.run(evaluation_id)


@shared_task
def render_report(report_id: int) -> None:
    press.render(report_id)


def sweep() -> int:
    """Ring again for every row left waiting: a lost message or a killed worker loses nothing. Returns how many."""
    now = timezone.now()
    evaluations = list(Evaluation.waiting(now=now).values_list("pk", flat=True))
    reports = list(ComplianceReport.waiting(now=now).values_list("pk", flat=True))
    for pk in evaluations:
        run_evaluation.delay(pk)
    for pk in reports:
        render_report.delay(pk)
    return len(evaluations) + len(reports)
