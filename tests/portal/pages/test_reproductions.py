"""A reproduction in the browser: asked for, read, and closed to strangers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from governance import runner
from governance.models import Evaluation
from tests import cast
from tests.portal.pages.browsing import browse, text_of
from tests.reproductions import make_report, make_run


def ask(client: Any, version: Any, evidence: Any, **given: Any) -> Any:
    data = version.dataset_uses.get(role="test").dataset_version_id
    posted = {"kind": "reproduction", "evidence": evidence.pk, "dataset_version": f"test:{data}", **given}
    return client.post(f"/versions/{version.pk}/evaluations/new/", posted)


def submit(version: Any, by: Any, value: float | None = 0.95, **changes: Any) -> Any:
    if value is not None:
        cast.submit(version, "metrics", by=by, content={"metrics": [{"name": "accuracy", "value": value}]})
    return cast.submit(version, "reproduction", by=by, content=make_report(**changes))


def read(client: Any, version: Any, evidence: Any, **given: Any) -> str:
    assert ask(client, version, evidence, **given).status_code == 302
    evaluation = Evaluation.objects.get()
    assert runner.run(evaluation.pk)
    evaluation.refresh_from_db()
    assert evaluation.failure == ""
    return text_of(client.get(f"/evaluations/{evaluation.pk}/"))


def test_form_offers_the_report_first_where_none_is_submitted(version, developer) -> None:
    page = text_of(browse(developer).get(f"/versions/{version.pk}/evaluations/new/?kind=reproduction"))

    assert "A training run again is needed first" in page
    assert "?kind=reproduction" in page


def test_reproduced_metrics_are_read_with_their_tolerance(version, developer) -> None:
    page = read(browse(developer), version, submit(version, developer))

    for words in (
        "1 of 1 metrics on record came out again within the tolerance",
        "0.948",
        "± 0.01",
        "declared in the training record",
        "not declared for this version",
        "in 0 of 1 runs",
        "The person who submitted the metrics also ran the training again.",
    ):
        assert words in page


def test_what_is_not_reproduced_is_told_with_its_deviation(version, developer) -> None:
    page = read(browse(developer), version, submit(version, developer, value=0.9))

    for words in ("Not reproduced", "0 of 1 metrics", "0.048", "outside the tolerance"):
        assert words in page


def test_nothing_on_record_is_inconclusive_and_says_what_to_do(version, developer) -> None:
    page = read(browse(developer), version, submit(version, developer, value=None))

    for words in ("Inconclusive", "no metric is on record", "Submit the metrics of this version as evidence"):
        assert words in page


def test_tolerance_of_the_form_is_for_metrics_without_one(version, developer) -> None:
    evidence = submit(version, developer, tolerances={}, runs=[make_run(accuracy=0.94)])
    page = read(browse(developer), version, evidence, metrics="accuracy", relative="0.02")

    assert Evaluation.objects.get().spec == {"metrics": ["accuracy"], "tolerance": {"relative": 0.02}}
    assert "± 2 %" in page
    assert "declared by whoever asked" in page


def test_what_was_not_asked_for_is_said_and_counted(version, developer) -> None:
    evidence = submit(version, developer)
    content = {"metrics": [{"name": "f1", "value": 0.5}, {"name": "auc", "value": 0.7}]}
    cast.submit(version, "metrics", by=developer, content=content)
    page = read(browse(developer), version, evidence, metrics="accuracy")

    for words in ("Reproduced in part", "1 of 3 metrics on record", "not asked for, so not compared: auc, f1"):
        assert words in page


def test_byte_for_byte_artifact_is_said(version, developer) -> None:
    run = make_run(accuracy=0.95) | {"outputs": [{"name": "out/model.bin", "digest": cast.ARTIFACT}]}

    assert "byte for byte the artifact model.bin" in read(
        browse(developer), version, submit(version, developer, runs=[run])
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"absolute": "-1"}, "greater than or equal to 0"),
        ({"absolute": "little"}, "Enter a number"),
        ({"metrics": "accuracy, accuracy"}, "listed twice"),
        ({"document": json.dumps({"tolerance": 1})}, "must be an object with absolute, relative"),
    ],
)
def test_bad_request_is_refused_with_its_reason(given, words, version, developer) -> None:
    answer = ask(browse(developer), version, submit(version, developer), **given)

    assert answer.status_code == 400
    assert words in text_of(answer)
    assert Evaluation.objects.count() == 0


def test_stranger_finds_nothing(version, developer, stranger) -> None:
    evidence = submit(version, developer)
    read(browse(developer), version, evidence)
    client = browse(stranger)

    for path in (f"/evaluations/{Evaluation.objects.get().pk}/", f"/evidence/{evidence.pk}/"):
        assert client.get(path).status_code == 404
    assert ask(client, version, evidence).status_code == 404
