"""Checks of a model file before it is offered for release: tests as JUnit XML, and a small load test.

Both run here and now on the file that will be deployed; nothing in their reports is written by hand.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ElementTree, SubElement

from logistic_model import LogisticModel

from countersign import digest_file

if TYPE_CHECKING:
    import pandas
    from sklearn.pipeline import Pipeline

LOAD_TEST_CALLS = 5_000
TOLERANCE = 1e-9
EXTREME = 1e9


@dataclass(frozen=True)
class Subject:
    """A model file, the pipeline it was written from, and rows to try it on."""

    path: Path
    model: LogisticModel
    pipeline: Pipeline
    rows: pandas.DataFrame

    @classmethod
    def load(cls, path: Path, pipeline: Pipeline, rows: pandas.DataFrame) -> Subject:
        model = LogisticModel.load(path)
        return cls(path, model, pipeline, rows[list(model.features)])

    @property
    def records(self) -> list[Mapping[str, float]]:
        return list(self.rows.to_dict("records"))


def gives_the_same_risk_as_the_trained_pipeline(subject: Subject) -> None:
    expected = subject.pipeline.predict_proba(subject.rows.to_numpy())[:, 1]
    risks = [subject.model.risk(row) for row in subject.records]
    worst = max(abs(ours - theirs) for ours, theirs in zip(risks, expected, strict=True))
    assert worst <= TOLERANCE, f"the risks differ by up to {worst:g}"


def every_risk_is_a_probability(subject: Subject) -> None:
    assert all(0 <= subject.model.risk(row) <= 1 for row in subject.records)


def extreme_values_do_not_overflow(subject: Subject) -> None:
    for sign in (-1, 1):
        row = {
            name: sign * math.copysign(EXTREME, coefficient)
            for name, coefficient in zip(subject.model.features, subject.model.coefficients, strict=True)
        }
        assert 0 <= subject.model.risk(row) <= 1


def a_missing_feature_is_refused_by_name(subject: Subject) -> None:
    first = subject.model.features[0]
    row = {name: value for name, value in subject.records[0].items() if name != first}
    assert first in refusal(subject.model, row)


def not_a_number_is_refused(subject: Subject) -> None:
    first = subject.model.features[0]
    assert first in refusal(subject.model, {**subject.records[0], first: math.nan})


def flags_exactly_from_the_threshold_on(subject: Subject) -> None:
    for row in subject.records:
        assert subject.model.is_flagged(row) == (subject.model.risk(row) >= subject.model.flag_at)


def writing_it_again_gives_the_same_bytes(subject: Subject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert digest_file(subject.model.save(Path(folder) / "again.json")) == digest_file(subject.path)


CHECKS: tuple[Callable[[Subject], None], ...] = (
    gives_the_same_risk_as_the_trained_pipeline,
    every_risk_is_a_probability,
    extreme_values_do_not_overflow,
    a_missing_feature_is_refused_by_name,
    not_a_number_is_refused,
    flags_exactly_from_the_threshold_on,
    writing_it_again_gives_the_same_bytes,
)


def refusal(model: LogisticModel, row: Mapping[str, float]) -> str:
    """Return why the model refuses a row."""
    try:
        model.risk(row)
    except ValueError as error:
        return str(error)
    raise AssertionError("the row was not refused")


def run_checks(subject: Subject, target: Path, *, name: str) -> Path:
    """Run every check, whatever the others do, and write their JUnit report to ``target``."""
    suite = Element("testsuite", {"name": name, "timestamp": datetime.now(UTC).isoformat(timespec="seconds")})
    counts = {"tests": 0, "failures": 0, "errors": 0}
    for check in CHECKS:
        started = time.perf_counter()
        case = SubElement(suite, "testcase", {"classname": name, "name": check.__name__})
        try:
            check(subject)
        except Exception as error:
            tag = "failure" if isinstance(error, AssertionError) else "error"
            counts[f"{tag}s"] += 1
            SubElement(case, tag, {"message": str(error)}).text = traceback.format_exc()
        case.set("time", f"{time.perf_counter() - started:.4f}")
        counts["tests"] += 1
    suite.attrib.update({key: str(value) for key, value in counts.items()})
    root = Element("testsuites")
    root.append(suite)
    ElementTree(root).write(target, encoding="utf-8", xml_declaration=True)
    return target


def measure_load(subject: Subject, *, calls: int = LOAD_TEST_CALLS) -> dict[str, float]:
    """Time single predictions one after another, in this process: percentiles in milliseconds, and the error rate."""
    records = subject.records
    milliseconds: list[float] = []
    errors = 0
    for number in range(calls):
        started = time.perf_counter()
        try:
            subject.model.is_flagged(records[number % len(records)])
        except ValueError:
            errors += 1
        milliseconds.append((time.perf_counter() - started) * 1_000)
    percentiles = {f"p{part}_ms": find_percentile(milliseconds, part) for part in (50, 95, 99)}
    return {"requests": calls, "error_rate": errors / calls, **percentiles}


def find_percentile(values: Sequence[float], part: int) -> float:
    """Return a percentile, interpolated between the nearest values."""
    return statistics.quantiles(values, n=100, method="inclusive")[part - 1]
