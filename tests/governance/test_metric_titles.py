"""Titles of metrics: people read words, and they are the laboratory's."""

from __future__ import annotations

from governance import runner
from governance.metric_titles import title_of_metric


def test_every_metric_of_the_laboratory_has_the_laboratorys_title() -> None:
    known = runner.vocabulary()

    assert [title_of_metric(item["name"]) for item in known] == [item["title"] for item in known]


def test_reported_numbers_have_titles() -> None:
    assert title_of_metric("test_report.failures") == "Failing tests"
    assert title_of_metric("load_test.p95_ms") == "95th percentile of answers (ms)"


def test_unknown_metric_is_read_as_it_is_called() -> None:
    assert title_of_metric("calls_per_hour") == "calls per hour"
