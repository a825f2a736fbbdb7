"""What structured evidence must hold, and what is said when it does not."""

from __future__ import annotations

import io
import time

import pytest

from governance.canonical import canonical_digest
from governance.evidence_content import (
    LARGEST,
    MOST_METRICS,
    NEEDS_FILE,
    READERS,
    TEXT_LIMIT,
    check_content,
    read_junit,
)
from governance.exceptions import InvalidInput
from governance.models import EvidenceKind
from tests.audits.samples import find_devset, needs_devset
from tests.reproductions import DIGEST, make_report, make_run

LOAD = {"requests": 100, "p50_ms": 1, "p95_ms": 2.5, "p99_ms": 2.5, "error_rate": 0}
ARMS = {"control_n": 10, "control_mean": 0.5, "treatment_n": 12, "treatment_mean": 0.75}


def metrics(*items):
    return {"metrics": list(items)}


def refuse(kind, content) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        check_content(kind, content)
    return caught.value


def test_every_kind_holds_a_file_or_content_and_not_neither():
    assert NEEDS_FILE | set(READERS) == set(EvidenceKind)
    assert NEEDS_FILE & set(READERS) == set()


def test_metrics_are_recorded_with_their_defaults_spelled_out():
    item = {"name": " accuracy ", "value": 1}
    assert check_content("metrics", metrics(item)) == {
        "metrics": [{"name": "accuracy", "value": 1.0, "population": "overall", "dataset_role": "test"}]
    }


def test_metrics_of_the_same_name_differ_by_population_or_role():
    given = metrics(
        {"name": "tpr", "value": 0.5},
        {"name": "tpr", "value": 0.5, "population": "sex=female"},
        {"name": "tpr", "value": 0.5, "dataset_role": "validation"},
    )
    assert len(check_content("metrics", given)["metrics"]) == 3


@pytest.mark.parametrize(
    ("content", "field", "words"),
    [
        (None, "content", "needs its content as an object"),
        ([], "content", "needs its content as an object"),
        ("accuracy", "content", "needs its content as an object"),
        ({}, "content.metrics", "a list of 1 to 1,000 entries"),
        (metrics(), "content.metrics", "a list of 1 to 1,000 entries"),
        ({"metrics": {"accuracy": 1}}, "content.metrics", "a list of 1 to 1,000 entries"),
        (metrics(*[{"name": "a", "value": 1}] * (MOST_METRICS + 1)), "content.metrics", "a list of 1 to 1,000"),
        (metrics("accuracy"), "content.metrics[0]", "must be an object with name and value"),
        (metrics({"value": 1}), "content.metrics[0].name", "must not be empty"),
        (metrics({"name": 7, "value": 1}), "content.metrics[0].name", "must be a text"),
        (metrics({"name": {}, "value": 1}), "content.metrics[0].name", "must be a text"),
        (metrics({"name": "a" * 101, "value": 1}), "content.metrics[0].name", "longer than 100 characters"),
        (metrics({"name": "a\u202eb", "value": 1}), "content.metrics[0].name", "hidden character U+202E"),
        (metrics({"name": "a", "value": 1, "population": 3}), "content.metrics[0].population", "must be a text"),
        (metrics({"name": "a"}), "content.metrics[0].value", "a finite number"),
        (metrics({"name": "a", "value": "0.9"}), "content.metrics[0].value", "a finite number"),
        (metrics({"name": "a", "value": True}), "content.metrics[0].value", "a finite number"),
        (metrics({"name": "a", "value": float("nan")}), "content.metrics[0].value", "a finite number"),
        (metrics({"name": "a", "value": float("inf")}), "content.metrics[0].value", "a finite number"),
        (metrics({"name": "a", "value": 10**400}), "content.metrics[0].value", "a finite number"),
        (metrics({"name": "a", "value": 1e15}), "content.metrics[0].value", "below 10^15"),
        (metrics({"name": "a", "value": 1, "dataset_role": "live"}), "content.metrics[0]", "training, validation"),
        (metrics({"name": "a", "value": 1}, {"name": "a", "value": 1}), "content.metrics[1]", "is given twice"),
        (metrics({"name": "a", "value": 1}, {"name": "a ", "value": 2}), "content.metrics[1]", "a of overall on test"),
        (metrics({"name": "\u00e9", "value": 1}, {"name": "e\u0301", "value": 2}), "content.metrics[1]", "given twice"),
    ],
)
def test_metrics_name_what_is_wrong_and_where(content, field, words):
    error = refuse("metrics", content)
    assert error.field == field
    assert words in error.message


@pytest.mark.parametrize("value", [0, -0.0, 5e-324, 0.1, -1, 999_999_999_999_999, -float(LARGEST) / 2, 123456789.125])
def test_metrics_keep_a_number_exactly_and_have_a_digest(value):
    kept = check_content("metrics", metrics({"name": "a", "value": value}))
    assert kept["metrics"][0]["value"] == value
    assert isinstance(kept["metrics"][0]["value"], float)
    assert canonical_digest(kept).startswith("sha256:")


def test_load_test_is_kept_with_further_values():
    kept = check_content("load_test", {"values": {**LOAD, "cpu": 0.4}, "description": " Ten minutes. "})
    assert kept == {"values": {**LOAD, "cpu": 0.4}, "description": "Ten minutes."}


@pytest.mark.parametrize("name", sorted(LOAD))
def test_load_test_needs_every_value(name):
    assert refuse("load_test", {"values": {k: v for k, v in LOAD.items() if k != name}}).message == (
        f"“values” lacks {name}."
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"requests": 0}, "“requests” must be positive"),
        ({"error_rate": 1.01}, "“error_rate” between 0 and 1"),
        ({"error_rate": -0.01}, "“error_rate” between 0 and 1"),
        ({"p50_ms": 3}, "percentiles must not fall"),
        ({"p95_ms": 2.6}, "percentiles must not fall"),
        ({"p50_ms": -1}, "percentiles must not fall"),
        ({"p50_ms": float("nan")}, "“content.values.p50_ms” must be a finite number"),
        ({f"extra_{n}": 1 for n in range(1000)}, "at most 1,000 entries"),
    ],
)
def test_load_test_that_contradicts_itself_is_refused(change, words):
    assert words in refuse("load_test", {"values": LOAD | change}).message


@pytest.mark.parametrize("kind", ["load_test", "ab_result"])
@pytest.mark.parametrize("values", [None, [], "p50", 3])
def test_values_must_be_an_object(kind, values):
    assert refuse(kind, {"values": values}).field == "content.values"


def test_ab_result_computes_the_difference_whatever_was_claimed():
    kept = check_content("ab_result", {"metric": "conversion", "values": ARMS | {"difference": 99}})
    assert kept["values"]["difference"] == 0.25
    assert kept["metric"] == "conversion"


@pytest.mark.parametrize("arm", ["control_n", "treatment_n"])
def test_ab_result_with_an_empty_arm_is_refused(arm):
    message = refuse("ab_result", {"metric": "m", "values": ARMS | {arm: 0}}).message
    assert message == "Both arms need at least one subject."


def test_ab_result_needs_its_metric():
    assert refuse("ab_result", {"values": ARMS}).field == "content.metric"


@pytest.mark.parametrize("kind", ["security_review", "privacy_review"])
def test_review_is_kept_as_three_texts(kind):
    given = {"outcome": "passed_with_findings", "reviewer": "Sofia", "summary": "Two.\r\nSmall.", "passed": True}
    assert check_content(kind, given) == {
        "outcome": "passed_with_findings",
        "reviewer": "Sofia",
        "summary": "Two.\nSmall.",
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"outcome": "PASSED"}, "content.outcome"),
        ({"outcome": True}, "content.outcome"),
        ({"outcome": None}, "content.outcome"),
        ({"reviewer": " "}, "content.reviewer"),
        ({"reviewer": 5}, "content.reviewer"),
        ({"summary": ""}, "content.summary"),
        ({"summary": ["fine"]}, "content.summary"),
        ({"summary": "a\x00b"}, "content.summary"),
        ({"summary": "x" * 20_001}, "content.summary"),
    ],
)
def test_review_names_what_is_wrong(change, field):
    assert refuse("security_review", {"outcome": "passed", "reviewer": "S", "summary": "s"} | change).field == field


@pytest.mark.parametrize("kind", sorted(NEEDS_FILE))
def test_kinds_that_carry_a_file_take_no_content(kind):
    assert check_content(kind, None) is None
    assert check_content(kind, {}) is None
    assert refuse(kind, {"values": {"tests": 1}}).message == f"Evidence of kind “{kind}” carries a file, not content."


# --- Reproductions --------------------------------------------------------------------------------------


def test_reproduction_keeps_what_was_measured_and_no_verdict():
    kept = check_content("reproduction", make_report(passed=True, verdict="reproduced"))

    assert kept == make_report(
        tolerances={"accuracy": {"absolute": 0.01, "relative": 0.0}},
    )


def test_reproduction_may_hold_a_run_that_failed():
    failed = make_run() | {"exit_code": None, "failure": "stopped after 60 s"}

    assert check_content("reproduction", make_report(runs=[failed]))["runs"][0]["failure"] == "stopped after 60 s"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"format": "countersign/reproduction/2"}, "content.format"),
        ({"record_digest": "5" * 64}, "content.record_digest"),
        ({"command": "python train.py"}, "content.command"),
        ({"command": []}, "content.command"),
        ({"command": ["python", 3]}, "content.command[1]"),
        ({"command": ["a\x00b"]}, "content.command[0]"),
        ({"environment": [{"PATH": "/bin"}]}, "content.environment[0]"),
        ({"seed": 1.5}, "content.seed"),
        ({"seed": True}, "content.seed"),
        ({"seed": 10**400}, "content.seed"),
        ({"recorded": {"accuracy": float("nan")}}, "content.recorded.accuracy"),
        ({"recorded": None}, "content.recorded"),
        ({"tolerances": []}, "content.tolerances"),
        ({"tolerances": {"accuracy": 0.1}}, "content.tolerances.accuracy"),
        ({"tolerances": {"accuracy": {}}}, "content.tolerances.accuracy"),
        ({"tolerances": {"accuracy": {"absolute": -1}}}, "content.tolerances.accuracy"),
        ({"tolerances": {"accuracy": {"absolute": 1, "percent": 2}}}, "content.tolerances.accuracy"),
        ({"tolerances": {"accuracy": {"relative": float("inf")}}}, "content.tolerances.accuracy.relative"),
        ({"inputs": [{"name": "a.csv", "digest": "md5"}]}, "content.inputs[0].digest"),
        ({"inputs": [DIGEST]}, "content.inputs[0]"),
        ({"runs": {}}, "content.runs"),
        ({"runs": []}, "content.runs"),
        ({"runs": [make_run()] * 101}, "content.runs"),
        ({"runs": [7]}, "content.runs[0]"),
        ({"runs": [make_run(accuracy=float("nan"))]}, "content.runs[0].metrics.accuracy"),
        ({"runs": [make_run(accuracy=True)]}, "content.runs[0].metrics.accuracy"),
        ({"runs": [make_run() | {"seconds": -1}]}, "content.runs[0].seconds"),
        ({"runs": [make_run() | {"exit_code": "0"}]}, "content.runs[0].exit_code"),
        ({"runs": [make_run() | {"log_digest": ""}]}, "content.runs[0].log_digest"),
        ({"code": {"is_clean": "yes"}}, "content.code.is_clean"),
        ({"code": {"revision": 4}}, "content.code.revision"),
        ({"platform": {"python": 3}}, "content.platform.python"),
        ({"platform": {"python": "x" * 201}}, "content.platform.python"),
    ],
)
def test_reproduction_names_what_is_wrong(change, field):
    assert refuse("reproduction", make_report(**change)).field == field


# --- JUnit ---------------------------------------------------------------------------------------------


def count(text: str | bytes) -> dict[str, float]:
    return read_junit(io.BytesIO(text.encode() if isinstance(text, str) else text))["values"]


def test_junit_counts_each_case_once_by_its_worst_outcome():
    text = """<testsuites><testsuite><testcase/><testcase><failure/></testcase><testcase><error/><failure/></testcase>
    <testcase><skipped/></testcase><testsuite><testcase><system-out/></testcase></testsuite></testsuite></testsuites>"""
    assert count(text) == {"tests": 5, "failures": 1, "errors": 1, "skipped": 1, "passed": 2}


def test_junit_does_not_believe_the_counts_it_is_told():
    assert count('<testsuite tests="9" failures="0"><testcase><failure/></testcase></testsuite>')["failures"] == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not well-formed XML"),
        ("PASSED", "not well-formed XML"),
        ("<testsuite>", "not well-formed XML"),
        (b"\x00\x01", "not well-formed XML"),
        ("<testsuite/>", "holds no test case"),
        ("<html><testcase/></html>", "begins with <testsuites>, not <html>"),
        (f"<{'a' * 9000}/>", f"not <{'a' * 100}>"),
        ('<?xml version="1.0" encoding="big5"?><testsuite/>', "not well-formed XML"),
        ('<?xml version="1.0" encoding="nonsense"?><testsuite/>', "not well-formed XML"),
        ("<!DOCTYPE t><testsuite><testcase/></testsuite>", "DTD or entities, which are never followed"),
        (
            '<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/hostname">]><testsuite><testcase>&x;</testcase></testsuite>',
            "DTD or entities, which are never followed",
        ),
        (
            '<!DOCTYPE t [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><testsuite><testcase>&b;</testcase></testsuite>',
            "DTD or entities, which are never followed",
        ),
        ("<testsuite>&x;<testcase/></testsuite>", "not well-formed XML"),
    ],
)
def test_junit_that_cannot_be_counted_is_refused(text, words):
    with pytest.raises(InvalidInput) as caught:
        count(text)
    assert words in caught.value.message
    assert caught.value.field == "file"
    assert len(caught.value.message) < 300


@needs_devset
def test_junit_of_the_developer_set_with_an_external_entity_is_refused():
    text = (find_devset() / "artifacts" / "hostile" / "external_entity_junit.xml").read_bytes()
    with pytest.raises(InvalidInput, match="never followed"):
        count(text)


@needs_devset
def test_junit_of_a_real_run_is_counted():
    text = (find_devset() / "artifacts" / "pytest_junit.xml").read_bytes()
    assert count(text) == {"tests": 6, "failures": 1, "errors": 0, "skipped": 2, "passed": 3}


def test_junit_over_the_limit_is_refused_and_one_at_it_is_read():
    frame = b"<testsuite><testcase/>%s</testsuite>"
    filling = TEXT_LIMIT - len(frame) + 2
    assert count(frame % (b" " * filling))["tests"] == 1
    with pytest.raises(InvalidInput, match="at most 8,388,608 bytes"):
        count(frame % (b" " * (filling + 1)))


def test_junit_nested_as_deep_as_the_limit_allows_is_read_in_seconds():
    depth = 500_000
    started = time.monotonic()
    assert count(b"<testsuite>" + b"<a>" * depth + b"</a>" * depth + b"<testcase/></testsuite>")["passed"] == 1
    assert time.monotonic() - started < 30
