"""What the structured kinds of evidence must hold. The checked content is what criteria and claims are read from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from governance.exceptions import InvalidInput
from governance.models import DatasetRole, EvidenceKind
from governance.text import clean_digest, clean_name, clean_text

LOAD_TEST_VALUES = ("requests", "p50_ms", "p95_ms", "p99_ms", "error_rate")
AB_VALUES = ("control_n", "control_mean", "treatment_n", "treatment_mean")
OUTCOMES = ("passed", "passed_with_findings", "failed")
MOST_METRICS = 1_000
MOST_RUNS = 100
MOST_WORDS = 200
REPRODUCTION_FORMAT = "countersign/reproduction/1"
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


def _read_reproduction(content: Mapping[str, Any]) -> dict[str, Any]:
    """What ``countersign reproduce`` reports. Whether it agrees is decided by an evaluation, so no verdict is kept."""
    if content.get("format") != REPRODUCTION_FORMAT:
        raise InvalidInput(f"“content.format” must be “{REPRODUCTION_FORMAT}”.", field="content.format")
    runs = _list(content, "runs", most=MOST_RUNS)
    if not runs:
        raise InvalidInput("“content.runs” must hold at least one run.", field="content.runs")
    tolerances = _object(content, "tolerances")
    return {
        "format": REPRODUCTION_FORMAT,
        "record_digest": _digest(content, "record_digest", "content"),
        "command": _command(content),
        "environment": [
            clean_name(_str(name, f"content.environment[{number}]"), f"content.environment[{number}]", limit=100)
            for number, name in enumerate(_list(content, "environment", most=MOST_WORDS))
        ],
        "seed": _whole(content, "seed", "content"),
        "recorded": _numbers(content, "recorded", "content"),
        "tolerances": {
            clean_name(str(name), "content.tolerances", limit=100): _tolerance(item, f"content.tolerances.{name}")
            for name, item in tolerances.items()
        },
        "inputs": _files(content, "inputs", "content"),
        "runs": [_run(item, f"content.runs[{number}]") for number, item in enumerate(runs)],
        "code": _code(_object(content, "code")),
        "platform": {
            clean_name(str(name), "content.platform", limit=100): clean_text(
                _str(value, f"content.platform.{name}"), f"content.platform.{name}", limit=200
            )
            for name, value in _object(content, "platform").items()
        },
    }


def _command(content: Mapping[str, Any]) -> list[str]:
    words = _list(content, "command", most=MOST_WORDS)
    if not words:
        raise InvalidInput("“content.command” must be a list of words.", field="content.command")
    return [
        clean_text(_str(word, f"content.command[{number}]"), f"content.command[{number}]", limit=2_000)
        for number, word in enumerate(words)
    ]


def _run(item: Any, where: str) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise InvalidInput(f"“{where}” must be an object.", field=where)
    seconds = _number(item.get("seconds"), f"{where}.seconds")
    if seconds < 0:
        raise InvalidInput(f"“{where}.seconds” must not be negative.", field=f"{where}.seconds")
    return {
        "metrics": _numbers(item, "metrics", where),
        "seconds": seconds,
        "exit_code": _whole(item, "exit_code", where),
        "failure": clean_text(_text(item, "failure", where), f"{where}.failure", limit=500),
        "log_digest": _digest(item, "log_digest", where),
        "outputs": _files(item, "outputs", where),
    }


def _tolerance(item: Any, where: str) -> dict[str, float]:
    given = item if isinstance(item, Mapping) else {}
    read = {name: _number(given.get(name, 0), f"{where}.{name}") for name in ("absolute", "relative")}
    if not given or min(read.values()) < 0 or set(given) - set(read):
        raise InvalidInput(f"“{where}” must hold absolute or relative, not negative.", field=where)
    return read


def _code(given: Mapping[str, Any]) -> dict[str, Any]:
    is_clean = given.get("is_clean")
    if not (is_clean is None or isinstance(is_clean, bool)):
        raise InvalidInput("“content.code.is_clean” must be true, false or null.", field="content.code.is_clean")
    texts = {
        name: clean_text(_text(given, name, "content.code"), f"content.code.{name}", limit=200)
        for name in ("revision", "recorded_revision")
    }
    return texts | {"is_clean": is_clean}


def _files(content: Mapping[str, Any], key: str, where: str) -> list[dict[str, str]]:
    """Files by name and digest."""
    read = []
    for number, item in enumerate(_list(content, key, most=MOST_METRICS, where=where)):
        place = f"{where}.{key}[{number}]"
        if not isinstance(item, Mapping):
            raise InvalidInput(f"“{place}” must be an object with name and digest.", field=place)
        name = clean_name(_text(item, "name", place), f"{place}.name", limit=500)
        read.append({"name": name, "digest": _digest(item, "digest", place)})
    return read


def _numbers(content: Mapping[str, Any], key: str, where: str) -> dict[str, float]:
    values = content.get(key)
    if not isinstance(values, Mapping) or len(values) > MOST_METRICS:
        most = f"at most {MOST_METRICS:,} numbers"
        raise InvalidInput(f"“{where}.{key}” must be an object of {most}.", field=f"{where}.{key}")
    return {
        clean_name(str(name), f"{where}.{key}", limit=100): _number(value, f"{where}.{key}.{name}")
        for name, value in values.items()
    }


def _digest(item: Mapping[str, Any], key: str, where: str) -> str:
    return clean_digest(_text(item, key, where), f"{where}.{key}")


def _whole(item: Mapping[str, Any], key: str, where: str) -> int | None:
    value = item.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not -LARGEST < value < LARGEST:
        raise InvalidInput(f"“{where}.{key}” must be a whole number or null.", field=f"{where}.{key}")
    return value


def _list(content: Mapping[str, Any], key: str, *, most: int, where: str = "content") -> list[Any]:
    value = content.get(key, [])
    if not isinstance(value, list) or len(value) > most:
        raise InvalidInput(f"“{where}.{key}” must be a list of at most {most:,}.", field=f"{where}.{key}")
    return value


def _object(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key, {})
    if not isinstance(value, Mapping) or len(value) > MOST_METRICS:
        raise InvalidInput(f"“content.{key}” must be an object of at most {MOST_METRICS:,}.", field=f"content.{key}")
    return value


def _str(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"“{where}” must be a text.", field=where)
    return value


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
    EvidenceKind.REPRODUCTION: _read_reproduction,
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
