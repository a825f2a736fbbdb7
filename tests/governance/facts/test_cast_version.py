"""The facts of the cast's version in review: read as far as it has come."""

from __future__ import annotations

import pytest

from governance.facts import read_facts_of
from governance.models import ModelVersion


def test_cast_version_in_review_is_read(ready_version: ModelVersion):
    found = read_facts_of(ready_version)
    assert found["evaluation.results"].value["accuracy, test data"] == pytest.approx(
        {"value": 0.95, "low": 0.924036, "high": 0.967403, "n": 400}, abs=1e-6
    )
    assert found["bias_audit.sex_table"].value == {
        "female": {"n": 200, "selected": 100, "selection_rate": 0.5, "impact_ratio": pytest.approx(5 / 6)},
        "male": {"n": 200, "selected": 120, "selection_rate": 0.6, "impact_ratio": 1.0},
    }
    assert found["requirement.trace"].value["R-1"].startswith("R-1.1 MET: Measured 0.95")
    assert found["evaluation.thresholds"].value[0] == "R-1.1: accuracy of overall at least 0.8 on test data (must)"
    assert "explanation.reason_codes" not in found  # no threshold was named
    assert "approval.release" not in found
    assert "bias_audit.race_table" not in found
    assert "dataset.provenance" not in found  # nobody said where the data came from
