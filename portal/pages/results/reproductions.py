"""A training that was run again: what was submitted about it, and what the comparison found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RerunMetric:
    """What the training record states of a metric, and the least and most that the runs gave."""

    name: str
    recorded: float | None
    absolute: float | None
    relative: float | None
    low: float | None
    high: float | None
    runs: int


def list_rerun_metrics(content: dict[str, Any]) -> list[RerunMetric]:
    """The metrics of submitted evidence, by name. Nothing is compared here: that is an evaluation's work."""
    recorded, tolerances, runs = content["recorded"], content["tolerances"], content["runs"]
    names = {*recorded, *(name for run in runs for name in run["metrics"])}
    rows = []
    for name in sorted(names):
        given = [run["metrics"][name] for run in runs if name in run["metrics"]]
        tolerance = tolerances.get(name, {})
        rows.append(
            RerunMetric(
                name=name,
                recorded=recorded.get(name),
                absolute=tolerance.get("absolute"),
                relative=tolerance.get("relative"),
                low=min(given, default=None),
                high=max(given, default=None),
                runs=len(given),
            )
        )
    return rows


def present_rerun(content: dict[str, Any]) -> dict[str, Any]:
    """What the page of submitted evidence shows. Pairs, because a name such as “items” would stand in the way."""
    return {
        "metrics": list_rerun_metrics(content),
        "runs": content["runs"],
        "command": " ".join(content["command"]),
        "environment": ", ".join(content["environment"]),
        "seed": content["seed"],
        "inputs": content["inputs"],
        "code": content["code"],
        "platform": list(content["platform"].items()),
        "record_digest": content["record_digest"],
    }
