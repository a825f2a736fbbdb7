"""Every binary case of the developer set, to 1e-9."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from audits.bias.audit import run_bias_audit
from tests.audits.samples import find_devset, list_cases, needs_devset

NAMES = {"format", "case", "title"}


def list_differences(expected: Any, found: Any, path: str = "") -> Iterator[str]:
    """Yield the places where a result lacks or contradicts an expected number."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in expected.keys() - (found.keys() | (NAMES if not path else set())):
            yield f"{path}/{key} is missing"
        for key in expected.keys() & found.keys() - (NAMES if not path else set()):
            yield from list_differences(expected[key], found[key], f"{path}/{key}")
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for place, pair in enumerate(zip(expected, found, strict=True)):
            yield from list_differences(*pair, f"{path}[{place}]")
    elif not is_equal(expected, found):
        yield f"{path}: {found!r} instead of {expected!r}"


def is_equal(expected: Any, found: Any) -> bool:
    """Tell whether two values agree: numbers to 1e-9, everything else exactly."""
    if isinstance(expected, float) and isinstance(found, (int, float)):
        return abs(expected - found) <= 1e-9
    return bool(expected == found)


@needs_devset
@pytest.mark.parametrize("case", list_cases(), ids=lambda case: case["case"])
def test_run_bias_audit_gives_the_expected_numbers(case: dict[str, Any]) -> None:
    found = run_bias_audit(find_devset() / case["file"], case)
    found["data"]["file"] = case["file"]  # the laboratory never learns the name
    path = find_devset() / "expected" / f"{case['case']}.json"
    expected = json.loads(path.read_text("utf-8"))
    assert list(list_differences(expected, found)) == []
    extra = "disparities_if_undefined_counts_as_zero"
    assert (extra in found) == (extra in expected)
    json.dumps(found, allow_nan=False)


@needs_devset
@pytest.mark.parametrize(
    ("case", "file"),
    [("adult_sex_x_race", "adult.parquet"), ("edge_missing_two_features", "edge_missing_sensitive.parquet")],
)
def test_run_bias_audit_gives_the_same_numbers_for_parquet(case: str, file: str) -> None:
    spec = next(found for found in list_cases() if found["case"] == case)
    found = run_bias_audit(find_devset() / "artifacts" / file, spec)
    text = run_bias_audit(find_devset() / spec["file"], spec)
    for key in ("overall", "by_group", "disparities", "groupings", "measures", "cells"):
        assert found[key] == text[key]


def test_list_differences_sees_a_changed_number() -> None:
    expected = {"overall": {"tpr": 0.5, "n": 3}, "groups": [None], "spread": {}}
    assert list(list_differences(expected, expected)) == []
    found = {"overall": {"tpr": 0.5 + 2e-9, "n": 4}, "groups": [0.0]}
    assert len(list(list_differences(expected, found))) == 4
