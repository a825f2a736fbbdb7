"""Work for portals whose workers are killed: made inside the portal's own environment, watched from outside."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import psycopg

from governance.actions import evaluations, people
from governance.models import Evaluation, Role
from tests import cast
from tests.portals import Portal

GROUPS = 100
DRAWS = 12_000
PATIENCE_SECONDS = 120


def make_many_groups(rows: int = 20_000) -> bytes:
    """A prediction file with so many groups that resampling them takes a worker some seconds."""
    draw = random.Random(1)
    lines = ["row_id,sex,y_true,y_pred"]
    for number in range(rows):
        truth = draw.randint(0, 1)
        guess = truth if draw.random() < 0.9 else 1 - truth
        lines.append(f"{number},g{number % GROUPS},{truth},{guess}")
    return "\n".join(lines).encode()


def queue_audit(*, slow: bool) -> None:
    """Make people, a model and a version, and ask for a bias audit."""
    root = cast.make_organisation_administrator()
    project = people.create_project(name="Patient pathways", actor=cast.acting(root))
    developer = cast.make_member("dana", "Dana Whitfield", project, Role.DEVELOPER, by=root)
    version = cast.register_version(cast.register_model(project, developer), developer)
    text = make_many_groups() if slow else cast.make_predictions(40)
    item = cast.submit(version, "predictions", by=developer, file=[text], file_name="p.csv")
    spec = cast.PREDICTIONS_SPEC | ({"intervals": {"draws": DRAWS, "level": 0.95}} if slow else {})
    evaluations.request_evaluation(version, kind="bias_audit", evidence=item, spec=spec, actor=cast.acting(developer))


def cancel_audit() -> None:
    """Cancel the only evaluation."""
    evaluation = Evaluation.objects.get()
    evaluations.cancel_evaluation(evaluation, actor=cast.acting(evaluation.requested_by))


def queue_again() -> None:
    """Ask for a small audit of the same version."""
    former = Evaluation.objects.get()
    item = cast.submit(
        former.version, "predictions", by=former.requested_by, file=[cast.make_predictions(40)], file_name="p.csv"
    )
    evaluations.request_evaluation(
        former.version,
        kind="bias_audit",
        evidence=item,
        spec=cast.PREDICTIONS_SPEC,
        actor=cast.acting(former.requested_by),
    )


def run_in(portal: Portal, call: str) -> None:
    """Call a function of this module inside the portal's environment."""
    portal.manage("shell", "-c", f"from tests.governance import killing; killing.{call}")


def ask(portal: Portal, question: str) -> list[tuple[Any, ...]]:
    """Put a question to the portal's database."""
    url = portal.environment.get("COUNTERSIGN_DATABASE_URL", "")
    if url.startswith("postgres"):
        with psycopg.connect(url) as server:
            return server.execute(question).fetchall()
    link = sqlite3.connect(portal.data / "db.sqlite3", timeout=20)
    try:
        return link.execute(question).fetchall()
    finally:
        link.close()


def ask_for_row(portal: Portal) -> tuple[str, int, str]:
    """(status, attempts, progress) of the only evaluation."""
    ((status, attempts, progress),) = ask(portal, "SELECT status, attempts, progress FROM governance_evaluation")
    return status, attempts, progress


def count_entries(portal: Portal) -> dict[str, int]:
    """How many log entries there are of each kind of end."""
    question = "SELECT type, count(*) FROM governance_auditlogentry WHERE type LIKE 'evaluation.%' GROUP BY type"
    found = dict(ask(portal, question))
    return {kind: found.get(f"evaluation.{kind}", 0) for kind in ("completed", "failed")}


def wait_until(condition: Callable[[], bool], portal: Portal, seconds: float = PATIENCE_SECONDS) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"it did not happen in time:\n{portal.read_output()[-3000:]}"
        time.sleep(0.1)
