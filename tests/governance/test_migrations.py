"""Migrations that move data: what stood in the old place stands in the new one."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from governance.models import Evidence

copying = import_module("governance.migrations.0003_predictions_are_an_input")


class Rows(list[tuple[int, int]]):
    """The rows of the former column, as the historical model gave them."""

    def exclude(self, **given: Any) -> Rows:
        assert given == {"predictions": None}
        return self

    def values_list(self, *names: str) -> Rows:
        assert names == ("pk", "predictions_id")
        return self


@pytest.mark.django_db
def test_predictions_of_explanations_become_their_input(ready_version: Any) -> None:
    """The old model is gone, so its rows are handed in; what is written is today's table."""
    from governance.models import EvaluationInput

    explanation = ready_version.evaluations.get(kind="explanation")
    predictions = Evidence.objects.get(version=ready_version, kind="predictions")
    explanation.inputs.all().delete()

    class Old:
        objects = Rows([(explanation.pk, predictions.pk)])

    class Apps:
        def get_model(self, label: str, name: str) -> Any:
            assert label == "governance"
            return {"Evaluation": Old, "EvaluationInput": EvaluationInput}[name]

    copying.copy_predictions(Apps(), None)
    assert [(item.role, item.evidence) for item in explanation.inputs.all()] == [("predictions", predictions)]
