"""What a report may not carry out of the portal: the rows of single people."""

from __future__ import annotations

import json

import pytest

from governance.dossier import collect
from governance.gate import judge
from governance.models import Evaluation, EvaluationKind
from governance.reports.release_dossier import build_context
from tests import cast

pytestmark = pytest.mark.django_db


def test_explanation_prints_no_chart_of_a_single_row(model_with_go, developer):
    version = cast.make_ready_version(model_with_go, developer=developer)
    whole = json.loads(Evaluation.objects.get(version=version, kind=EvaluationKind.EXPLANATION).result)
    dossier = collect(version)
    (explanation,) = build_context(dossier, judge(dossier), None)["explanations"]
    assert len(whole["local"]) > 0
    assert [figure.title for figure in explanation.figures] == [
        "Importance of the features",
        "Effect of each feature, row by row",
    ]
