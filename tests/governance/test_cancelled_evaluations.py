"""What follows from cancelling an evaluation: a touch of the version by whoever did it, and a log that still agrees."""

from __future__ import annotations

import pytest

from governance.actions import evaluations
from governance.dossier import collect
from governance.exceptions import NotPermitted
from governance.models import Evaluation, Evidence, ModelVersion, Role, User
from tests import cast
from tests.governance.log_history import History
from tests.governance.tampering import check, run_sql

pytestmark = pytest.mark.django_db


def submit_and_ask(history: History) -> Evaluation:
    """An evaluation of the version that is still open, asked for by its developer."""
    developer = history.people["developer"]
    file = {"file": [cast.make_predictions(40)], "file_name": "p.csv"}
    cast.submit(history.open_version, "predictions", by=developer, **file)
    return ask_again(history.open_version, developer)


def ask_again(version: ModelVersion, by: User) -> Evaluation:
    return evaluations.request_evaluation(
        version,
        kind="bias_audit",
        evidence=Evidence.objects.current().get(version=version, kind="predictions"),
        spec=cast.PREDICTIONS_SPEC,
        actor=cast.acting(by),
    )


def test_who_cancels_an_evaluation_may_not_judge_the_version(validator, ready_version, developer) -> None:
    """Otherwise a validator could stop an unwelcome measurement and approve what is left."""
    made = ask_again(ready_version, developer)
    evaluations.cancel_evaluation(made, actor=cast.acting(validator))
    contributors = {item.name: item.contributions for item in collect(ready_version).contributors}
    assert "evaluation.cancelled" in contributors[validator.get_full_name()]
    with pytest.raises(NotPermitted, match="contributed"):
        cast.sign(ready_version, validator, Role.VALIDATOR)


@pytest.mark.parametrize("status", ["QUEUED", "RUNNING"])
def test_cancelled_evaluation_is_as_it_was_recorded(history: History, status: str) -> None:
    made = submit_and_ask(history)
    Evaluation.objects.filter(pk=made.pk).update(status=status)
    evaluations.cancel_evaluation(made, actor=cast.acting(history.people["developer"]))
    assert check().problems == ()
    run_sql("UPDATE governance_evaluation SET status = 'FAILED' WHERE id = %s", made.pk)
    (problem,) = check().problems
    assert problem.index == history.index_of("evaluation.cancelled")
    assert problem.what == f"evaluation {made.pk}: its status is FAILED, recorded is CANCELLED"


def test_cancellation_that_nobody_recorded_is_found(history: History) -> None:
    made = submit_and_ask(history)
    run_sql("UPDATE governance_evaluation SET status = 'CANCELLED' WHERE id = %s", made.pk)
    assert [problem.what for problem in check().problems] == [
        f"evaluation {made.pk} is marked CANCELLED, but no entry records its end"
    ]
