from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from audits.bias.disparities import DISPARITIES, DisparityDefinition
from audits.metrics import METRICS, SHARES, Counts, Metric, divide
from audits.vocabulary import EXPLANATION_METRICS

DIRECTIONS = {"higher", "lower", "closer to 0", "closer to 1", "neither"}


def test_every_entry_of_the_vocabulary_is_documented() -> None:
    entries: list[tuple[str, Metric | DisparityDefinition]] = [
        *METRICS.items(),
        *EXPLANATION_METRICS.items(),
        *DISPARITIES.items(),
    ]
    for name, entry in entries:
        assert entry.name == name
        assert entry.direction in DIRECTIONS
        assert entry.definition.endswith(".")
        assert entry.title
        assert entry.source
    names = [name for name, _ in entries]
    assert len(names) == len(set(names))
    assert {need for entry in DISPARITIES.values() for need in entry.needs} <= set(METRICS)


def test_metrics_take_numbers_and_arrays() -> None:
    counts = Counts(np.array([3.0, 0.0]), np.array([1.0, 0.0]), np.array([2.0, 0.0]), np.array([4.0, 5.0]))
    for name, metric in METRICS.items():
        if metric.compute is None:
            continue
        several = metric.compute(counts)
        for place in range(2):
            single = metric.compute(
                Counts(*(float(part[place]) for part in (counts.tp, counts.fp, counts.fn, counts.tn)))
            )
            assert np.array_equal(several[place], single, equal_nan=True), name
    others = {name for name, metric in METRICS.items() if metric.compute is None}
    assert set(SHARES) == set(METRICS) - {"f1", "balanced_accuracy", "theil_index"} - others
    assert others == {name for name, metric in METRICS.items() if metric.needs in ("score", "error")}


def test_divide_by_nothing_is_not_a_number() -> None:
    assert np.isnan(divide(0.0, 0.0))
    assert divide(1, 4) == 0.25


@pytest.mark.parametrize(
    "module",
    [
        "errors",
        "metrics",
        "bias.disparities",
        "spec",
        "explanations.spec",
        "populations",
        "bias.measures",
        "bias.results",
        "bias.audit",
        "explanations.explain",
        "charts",
    ],
)
def test_the_vocabulary_imports_without_heavy_libraries(module: str) -> None:
    heavy = ["numpy", "pandas", "scipy", "sklearn", "fairlearn", "duckdb", "altair", "vl_convert", "shap", "django"]
    code = f"import sys, audits.{module}; print([name for name in {heavy!r} if name in sys.modules])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
