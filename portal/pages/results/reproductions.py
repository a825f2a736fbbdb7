"""A training that was run again: what was submitted about it, and what the comparison found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

TONES = {"reproduced": "good", "reproduced in part": "warn", "not reproduced": "bad", "inconclusive": "warn"}
VERDICTS = {
    "reproduced": gettext_lazy("Reproduced"),
    "reproduced in part": gettext_lazy("Reproduced in part"),
    "not reproduced": gettext_lazy("Not reproduced"),
    "inconclusive": gettext_lazy("Inconclusive"),
}
DECLARED_BY = {
    "request": gettext_lazy("by whoever asked"),
    "report": gettext_lazy("in the training record"),
    "nobody": gettext_lazy("by nobody"),
}


@dataclass(frozen=True)
class RerunMetric:
    """What the training record states of a metric, and the least and most that the runs gave."""

    name: str
    recorded: str
    tolerance: str
    rerun: str
    runs: int


def write_number(value: float | None) -> str:
    """Six digits that count, whatever the size: tolerances and deviations may be tiny. Empty where there is none."""
    return "" if value is None else f"{value:.6g}".replace("-", "\N{MINUS SIGN}")


def write_tolerance(tolerance: dict[str, float] | None) -> str:
    """A declared tolerance in words."""
    if tolerance is None:
        return _("none declared")
    absolute, relative = tolerance.get("absolute", 0), tolerance.get("relative", 0)
    parts = [f"\N{PLUS-MINUS SIGN} {write_number(absolute)}"] if absolute else []
    parts += [f"\N{PLUS-MINUS SIGN} {write_number(100 * relative)} %"] if relative else []
    return _(" or ").join(parts) or _("exactly equal")


def write_range(values: list[float]) -> str:
    """The least and the largest, or the one that all of them are."""
    texts = list(dict.fromkeys([write_number(min(values)), write_number(max(values))])) if values else []
    return " \N{EN DASH} ".join(texts)


def list_rerun_metrics(content: dict[str, Any]) -> list[RerunMetric]:
    """The metrics of submitted evidence, by name. Nothing is compared here: that is an evaluation's work."""
    recorded, tolerances, runs = content["recorded"], content["tolerances"], content["runs"]
    names = {*recorded, *(name for run in runs for name in run["metrics"])}
    rows = []
    for name in sorted(names):
        given = [run["metrics"][name] for run in runs if name in run["metrics"]]
        recorded_text, tolerance = write_number(recorded.get(name)), write_tolerance(tolerances.get(name))
        rows.append(RerunMetric(name, recorded_text, tolerance, write_range(given), len(given)))
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


@dataclass(frozen=True)
class ComparedMetric:
    """One metric of a finished comparison, ready to be read. ``tone`` is good, bad or warn."""

    name: str
    verdict: str
    tone: str
    on_record: str
    again: str
    runs: int
    tolerance: str
    declared_by: str
    deviation: str
    reason: str


def present_reproduction(result: dict[str, Any]) -> dict[str, Any]:
    """What the page of a finished reproduction shows."""
    share: dict[str, Any] = next((item for item in result["measures"] if item["metric"] == "reproduced_share"), {})
    held = sum(item["verdict"] == "reproduced" for item in result["metrics"])
    return {
        "tone": TONES[result["verdict"]],
        "verdict": VERDICTS[result["verdict"]],
        "held": held,
        "wanted": len(result["metrics"]) + len(result["not_asked"]),
        "why": share.get("reason") or "",
        "compared": [_read_compared(item) for item in result["metrics"]],
    }


def _read_compared(item: dict[str, Any]) -> ComparedMetric:
    return ComparedMetric(
        name=item["name"],
        verdict=str(VERDICTS[item["verdict"]]),
        tone=TONES[item["verdict"]],
        on_record=write_range(item["on_record"]),
        again=write_range(item["again"]),
        runs=len(item["again"]),
        tolerance=write_tolerance(item["tolerance"]),
        declared_by=str(DECLARED_BY[item["tolerance"]["declared_by"]]),
        deviation=write_number(item["deviation"]),
        reason=item["reason"] or "",
    )
