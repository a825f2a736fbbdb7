"""Small tables for the tests of the data-quality profile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audits.quality.profile import run_quality
from tests.audits.samples import write

Result = dict[str, Any]


def profile_text(folder: Path, content: str, others: Mapping[str, str] | None = None, **spec: Any) -> Result:
    """Profile the content of a CSV file as the keys of a specification say."""
    paths = {role: write(folder / f"{role}.csv", text) for role, text in (others or {}).items()}
    return run_quality(write(folder / "table.csv", content), spec, others=paths)


def find(result: Result, metric: str, population: str = "overall") -> dict[str, Any]:
    """Return one measure of a result."""
    (found,) = [item for item in result["measures"] if (item["metric"], item["population"]) == (metric, population)]
    return found


def value(result: Result, metric: str, population: str = "overall") -> float | None:
    """Return the value of one measure."""
    return find(result, metric, population)["value"]


def column(result: Result, name: str) -> dict[str, Any]:
    """Return the profile of one column."""
    return next(item for item in result["columns"] if item["name"] == name)
