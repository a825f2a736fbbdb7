"""Damaged tables: a profile or a refusal that says why, in the sandbox; no child dies of one."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.audits.samples import write_parquet
from tests.audits.test_mutations import TABLE, evaluate_all, mutate

SPEC: dict[str, Any] = {
    "columns": {"score": {"type": "number", "minimum": 0, "maximum": 1}, "group": {"values": ["a", "b"]}},
    "label": "y_true",
    "sensitive": ["group"],
    "population": {"group": {"a": 0.5, "b": 0.5}},
    "rules": [{"compare": ["y_pred", "<=", "weight"]}, {"depends": "y_true", "on": ["group"]}],
    "time": {"column": "id", "observed_at": "2024-01-01"},
}
COUNT = 25


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_damaged_tables_are_refused_or_profiled(tmp_path, kind):
    outcomes = profile_damaged(tmp_path, kind, COUNT)
    assert outcomes.count("result") > 0
    assert any(outcome != "result" for outcome in outcomes)


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_thousands_of_damaged_tables_are_refused_or_profiled(tmp_path, kind):
    profile_damaged(tmp_path, kind, 1_000)


def profile_damaged(folder, kind, count):
    """Return the outcomes; fails where a child died or a refusal says nothing."""
    content = TABLE
    if kind == "parquet":
        query = "SELECT range AS id, 'ab'[range % 2 + 1] AS \"group\", range % 3 % 2 AS y_true, range % 2 AS y_pred, "
        query += "range / 40 AS score, 1.5 AS weight FROM range(40)"
        content = write_parquet(folder / "small.parquet", query).read_bytes()
    generator = random.Random(7)
    outcomes = evaluate_all(folder, "data_quality", SPEC, [mutate(content, generator) for _ in range(count)])
    died = [outcome for outcome in outcomes if outcome.startswith("child died")]
    assert not died, died[:3]
    assert all(outcome for outcome in outcomes)
    return outcomes
