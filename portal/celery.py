"""The Celery application. Celery only rings: the rows in the database are the queue."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
# Prefork children inherit OpenMP's thread pool in an unusable state and hang in scikit-learn;
# one thread per child avoids the pool. It has to be set before numpy is imported anywhere.
os.environ.setdefault("OMP_NUM_THREADS", "1")

app = Celery("countersign")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["governance"])


@worker_ready.connect
def try_sandbox(**_: Any) -> None:
    """Before the first job: does the sandbox hold? The pages show what was found."""
    from governance import runner

    runner.try_sandbox()
