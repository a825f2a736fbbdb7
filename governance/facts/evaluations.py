"""Facts about tests: what was measured of whom, on which data, and what the tests do not show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from governance.dossier_items import Measure
from governance.facts.reading import Measured, Reading
from governance.frameworks.recorded import Recorded
from governance.leading_metrics import leading_metrics
from governance.models import EvaluationKind, EvidenceKind

OVERALL = "overall"
REVIEWS = {
    EvidenceKind.SECURITY_REVIEW: "evaluation.security",
    EvidenceKind.PRIVACY_REVIEW: "evaluation.privacy",
}


def read(reading: Reading) -> Iterator[Recorded]:
    audits = reading.tested(EvaluationKind.BIAS_AUDIT)
    if audits:
        yield from _read_audits(reading, audits)
    else:
        yield from _read_claims(reading)
    yield from _read_reviews(reading)
    for item in reading.evidence(EvidenceKind.TEST_REPORT)[:1]:
        counts = (item.content or {}).get("values", {})
        told = ", ".join(f"{count:.0f} {name}" for name, count in counts.items())
        yield reading.of_evidence("evaluation.test_log", f"{item.title}: {told}" if told else item.title, item)
    for item in reading.evidence(EvidenceKind.AB_RESULT)[:1]:
        content = item.content or {}
        told_live = {"metric": content.get("metric"), **content.get("values", {})}
        yield reading.of_evidence("evaluation.in_context", told_live, item)
    limits = list(_tell_limits(reading))
    if limits:
        one = next(one for kind in EvaluationKind for one in reading.measured(kind))
        yield reading.of_evaluation("evaluation.limits", limits, one)


def _read_audits(reading: Reading, audits: list[Measured]) -> Iterator[Recorded]:
    first = audits[0]
    overall = {
        f"{measure.metric}, {one.item.dataset_role} data": say_measure(measure)
        for one in audits
        for measure in _leading(one)
        if measure.population == OVERALL
    }
    yield reading.of_evaluation("evaluation.results", overall, first)
    names = dict.fromkeys(name for one in audits for name in leading_metrics(one.result))
    yield reading.of_evaluation("evaluation.metrics", list(names), first)
    yield reading.of_evaluation("evaluation.subgroup_results", _tell_groups(_leading(first)), first)
    for one in audits:
        if "robustness" in one.result:
            yield reading.of_evaluation("evaluation.robustness", _tell_losses(one), one)
            return


def _leading(one: Measured) -> list[Measure]:
    names = set(leading_metrics(one.result))
    return [measure for measure in one.item.measures if measure.metric in names and measure.value is not None]


def say_measure(measure: Measure) -> dict[str, Any]:
    """A measured number with its limits and its sample."""
    told: dict[str, Any] = {"value": measure.value, "low": measure.low, "high": measure.high, "n": measure.n}
    return told | ({"note": measure.reason} if measure.reason else {})


def _tell_groups(measures: Iterable[Measure]) -> dict[str, dict[str, Any]]:
    """Group -> its size and its leading numbers, each with its limits."""
    told: dict[str, dict[str, Any]] = {}
    for measure in measures:
        if measure.population != OVERALL and not measure.population.startswith("by "):
            told.setdefault(measure.population, {})[measure.metric] = say_measure(measure)
    return told


def _tell_losses(one: Measured) -> dict[str, Any]:
    """Condition -> how many rows were tried under it, and what was lost of each metric overall."""
    robustness = one.result["robustness"]
    told: dict[str, Any] = {item["condition"]: {"rows": item["rows"]} for item in robustness["conditions"]}
    names = {f"{name}_{kind}" for name in leading_metrics(one.result) for kind in ("loss", "change")}
    column = one.result["data"]["columns"]["condition"]
    for measure in one.item.measures:
        name, _equals, condition = measure.population.partition("=")
        if measure.metric in names and name == column and condition in told and measure.value is not None:
            told[condition][measure.metric] = say_measure(measure)
    return told


def _read_claims(reading: Reading) -> Iterator[Recorded]:
    """Numbers that the submitter states, where nothing was measured here."""
    for item in reading.evidence(EvidenceKind.METRICS)[:1]:
        metrics = (item.content or {}).get("metrics", [])
        told = {f"{one['name']} of {one['population']}, {one['dataset_role']} data": one["value"] for one in metrics}
        yield reading.of_evidence("evaluation.results", told, item)
        yield reading.of_evidence("evaluation.metrics", list(dict.fromkeys(one["name"] for one in metrics)), item)


def _read_reviews(reading: Reading) -> Iterator[Recorded]:
    for kind, fact in REVIEWS.items():
        for item in reading.evidence(kind)[:1]:
            yield reading.of_evidence(fact, dict(item.content or {}), item)


def _tell_limits(reading: Reading) -> Iterator[str]:
    """What the laboratory itself says its numbers do not show."""
    seen: set[str] = set()
    for kind in EvaluationKind:
        for one in reading.measured(kind):
            for note in one.result.get("notes", ()):
                if note["text"] not in seen:
                    seen.add(note["text"])
                    yield f"{one.title}: {note['text']}"
