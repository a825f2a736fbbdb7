"""The health page: says whether this process can answer and reach its database."""

from __future__ import annotations

from celery import current_app
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError

from governance import runner
from portal.pages.log_health import LogHealth, read_log_health

NO_SANDBOX = "uploads are not evaluated: the sandbox of the workers does not work; their log says why"
BROKER_AWAY = "the broker does not answer; work waits and is done when it is back"


@login_not_required
@never_cache
@require_safe
def show_health(request: HttpRequest) -> JsonResponse:
    """Answer 200 when the database answers and 503 when it does not; names no internals.

    A missing broker is said under ``queue`` and is no 503: everything but background work goes on without it. So it is
    with a sandbox that does not hold, under ``sandbox``: what uploads contain is then not read at all. Under ``log``
    stands what is wrong with the log's seals.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
        health = read_log_health()
    except DatabaseError:
        return JsonResponse({"status": "the database does not answer"}, status=503)
    trouble = {} if is_broker_answering() else {"queue": BROKER_AWAY}
    if said := describe_log(health):
        trouble["log"] = said
    if runner.find_sandbox_trouble():
        trouble["sandbox"] = NO_SANDBOX
    return JsonResponse({"status": "ok"} | trouble)


def describe_log(health: LogHealth) -> str:
    """What is wrong with the log's seals, for whoever watches the portal; nothing while all is well."""
    if health.alarm is not None:
        return "the signer has raised an alarm: the log is not as it was signed"
    if health.conflicts:
        return "a witness saw another log than this one"
    if health.is_silent:
        return "the log was not sealed for more than a day"
    return "entries wait to be sealed: the signer is late" if health.is_late else ""


def is_broker_answering() -> bool:
    """Ask the broker once; the file queue needs none and always answers."""
    try:
        with current_app.connection_for_write() as link:
            link.ensure_connection(max_retries=1, timeout=2)
    except (OperationalError, OSError):
        return False
    return True
