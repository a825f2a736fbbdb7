"""What the structured kinds of evidence must hold. The checked content is what criteria and claims are read from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from governance.exceptions import InvalidInput
from governance.models import DatasetRole, EvidenceKind
from governance.text import clean_name, clean_text

LOAD_TEST_VALUES = ("requests", "p50_ms", "p95_ms", "p99_ms", "error_rate")
AB_VALUES = ("control_n", "control_mean", "treatment_n", "treatment_mean")
OUTCOMES = ("passed", "passed_with_findings", "failed")
MOST_METRICS = 1_000
LARGEST = 10**15
NEEDS_FILE = frozenset(
    {
        EvidenceKind.PREDICTIONS,
        EvidenceKind.CELLS,
        EvidenceKind.ATTRIBUTIONS,
        EvidenceKind.MODEL_DOCUMENT,
        EvidenceKind.ONNX_MODEL,
        EvidenceKind.TABLE,
        EvidenceKind.DOCUMENT,
        EvidenceKind.VALIDATION_REPORT,
        EvidenceKind.TEST_REPORT,
        EvidenceKind.FILE,
    }
)
TEXT_LIMIT = 8 << 20


def check_content(kind: str, content: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the content in the form that is recorded, or raise ``InvalidInput`` naming what is wrong."""
    reader = READERS.get(kind)
    if reader is None:
        if content:
            raise InvalidInput(f"Evidence of kind “{kind}” carries a file, not content.", field="content")
        return None
    if not isinstance(content, Mapping):
        raise InvalidInput(f"Evidence of kind “{kind}” needs its content as an object.", field="content")
    return reader(content)


def _read_metrics(content: Mapping[str, Any]) -> dict[str, Any]:
    metrics = content.get("metrics")
    if not isinstance(metrics, list) or not metrics or len(metrics) > MOST_METRICS:
        raise InvalidInput(f"“metrics” must be a list of 1 to {MOST_METRICS:,} entries.", field="content.metrics")
    seen: set[tuple[str, str, str]] = set()
    read = []
    for number, item in enumerate(metrics):
        where = f"content.metrics[{number}]"
        if not isinstance(item, Mapping):
            raise InvalidInput(f"{where} must be an object with name and value.", field=where)
        role = item.get("dataset_role", DatasetRole.TEST.value)
        if role not in DatasetRole.values:
            raise InvalidInput(f"{where}: dataset_role must be one of {', '.join(DatasetRole.values)}.", field=where)
        name = clean_name(_text(item, "name", where), f"{where}.name", limit=100)
        population = clean_name(_text(item, "population", where, "overall"), f"{where}.population", limit=200)
        if (name, population, role) in seen:
            raise InvalidInput(f"{where}: {name} of {population} on {role} data is given twice.", field=where)
        seen.add((name, population, role))
        value = _number(item.get("value"), f"{where}.value")
        read.append({"name": name, "value": value, "population": population, "dataset_role": role})
    return {"metrics": read}


def _read_values(needed: tuple[str, ...]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    def read(content: Mapping[str, Any]) -> dict[str, Any]:
        values = content.get("values")
        if not isinstance(values, Mapping):
            raise InvalidInput(f"“values” must be an object with {', '.join(needed)}.", field="content.values")
        if len(values) > MOST_METRICS:
            raise InvalidInput(f"“values” may have at most {MOST_METRICS:,} entries.", field="content.values")
        missing = [name for name in needed if name not in values]
        if missing:
            raise InvalidInput(f"“values” lacks {', '.join(missing)}.", field="content.values")
        numbers = {
            clean_name(str(name), "content.values", limit=100): _number(value, f"content.values.{name}")
            for name, value in values.items()
        }
        return {
            "values": numbers,
            "description": clean_text(_text(content, "description"), "content.description"),
        }

    return read


def _read_load_test(content: Mapping[str, Any]) -> dict[str, Any]:
    read = _read_values(LOAD_TEST_VALUES)(content)
    values = read["values"]
    if values["requests"] < 1 or not 0 <= values["error_rate"] <= 1:
        raise InvalidInput("“requests” must be positive and “error_rate” between 0 and 1.", field="content.values")
    if not 0 <= values["p50_ms"] <= values["p95_ms"] <= values["p99_ms"]:
        raise InvalidInput("The percentiles must not fall: p50_ms, p95_ms, p99_ms.", field="content.values")
    return read


def _read_ab_result(content: Mapping[str, Any]) -> dict[str, Any]:
    read = _read_values(AB_VALUES)(content)
    values = read["values"]
    if min(values["control_n"], values["treatment_n"]) < 1:
        raise InvalidInput("Both arms need at least one subject.", field="content.values")
    # The difference is computed here, so that it cannot contradict the arms.
    values["difference"] = values["treatment_mean"] - values["control_mean"]
    read["metric"] = clean_name(_text(content, "metric"), "content.metric", limit=100)
    return read


def _read_review(content: Mapping[str, Any]) -> dict[str, Any]:
    outcome = content.get("outcome")
    if outcome not in OUTCOMES:
        raise InvalidInput(f"“outcome” must be one of {', '.join(OUTCOMES)}.", field="content.outcome")
    return {
        "outcome": outcome,
        "reviewer": clean_name(_text(content, "reviewer"), "content.reviewer", limit=200),
        "summary": clean_text(_text(content, "summary"), "content.summary", required=True),
    }


def _text(content: Mapping[str, Any], key: str, where: str = "content", default: str = "") -> str:
    value = content.get(key, default)
    if not isinstance(value, str):
        raise InvalidInput(f"“{where}.{key}” must be a text.", field=f"{where}.{key}")
    return value


def _number(value: Any, where: str) -> float:
    """A finite number below 10^15. Larger ones come back from some databases as whole numbers that JSON cannot hold."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST < value < LARGEST:
        raise InvalidInput(f"“{where}” must be a finite number below 10^15.", field=where)
    return float(value)


READERS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    EvidenceKind.METRICS: _read_metrics,
    EvidenceKind.LOAD_TEST: _read_load_test,
    EvidenceKind.AB_RESULT: _read_ab_result,
    EvidenceKind.SECURITY_REVIEW: _read_review,
    EvidenceKind.PRIVACY_REVIEW: _read_review,
}


def read_junit(file: BinaryIO) -> dict[str, Any]:
    """Count the outcomes in a JUnit XML report. External entities and entity expansion are refused, never followed."""
    from defusedxml import DefusedXmlException, ElementTree

    text = file.read(TEXT_LIMIT + 1)
    if len(text) > TEXT_LIMIT:
        raise InvalidInput(f"A JUnit report may have at most {TEXT_LIMIT:,} bytes.", field="file")
    try:
        root = ElementTree.fromstring(text, forbid_dtd=True)
    except DefusedXmlException:
        raise InvalidInput("The report contains a DTD or entities, which are never followed.", field="file") from None
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the last two: an encoding nobody knows
        raise InvalidInput(f"The report is not well-formed XML: {error}.", field="file") from None
    if root.tag not in {"testsuites", "testsuite"}:
        raise InvalidInput(f"A JUnit report begins with <testsuites>, not <{root.tag[:100]}>.", field="file")
    counts = dict.fromkeys(("tests", "failures", "errors", "skipped", "passed"), 0)
    for case in root.iter("testcase"):
        counts["tests"] += 1
        tags = {child.tag for child in case}
        kind = next((name for tag, name in OUTCOME_TAGS if tag in tags), "passed")
        counts[kind] += 1
    if not counts["tests"]:
        raise InvalidInput("The report holds no test case.", field="file")
    return {"values": {name: float(count) for name, count in counts.items()}}


OUTCOME_TAGS = (("error", "errors"), ("failure", "failures"), ("skipped", "skipped"))
