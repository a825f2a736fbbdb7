"""A data-quality profile in the browser: asked for by short lines, read, and closed to strangers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from governance import runner
from governance.models import Evaluation
from portal.pages.forms.quality_lines import guess_type, read_column, read_rule, read_shares
from portal.pages.results.data_quality import write_share
from tests import cast
from tests.portal.pages.browsing import browse, text_of
from tests.quality_data import declare_table, find_measure, make_table

TABLE = make_table()
LINES = {
    "columns": "id, integer\nage, integer, required, 18 to 120\nentered, date",
    "key": "id",
    "label": "y",
    "sensitive": "sex",
    "population": "sex: female 0.5, male 0.5",
    "rules": "entered <= left\nsex present if y = 1\nid -> sex",
    "time_column": "entered",
    "observed_at": "2024-03-01",
    "maximum_age_days": "45",
    "minimum_published_count": "10",
}


@pytest.fixture
def recorded(version, developer) -> Any:
    return declare_table(version, TABLE, by=developer)


@pytest.fixture
def table(version, developer) -> Any:
    return cast.submit(version, "table", by=developer, file=[TABLE], file_name="calls.csv")


def ask(client: Any, version: Any, table: Any, recorded: Any, **given: Any) -> Any:
    posted = {"kind": "data_quality", "evidence": table.pk, "dataset_version": f"validation:{recorded.pk}", **LINES}
    return client.post(f"/versions/{version.pk}/evaluations/new/", posted | given)


def make(client: Any, version: Any, table: Any, recorded: Any, **given: Any) -> Evaluation:
    answer = ask(client, version, table, recorded, **given)
    assert answer.status_code == 302, text_of(answer)
    evaluation = Evaluation.objects.first()
    assert runner.run(evaluation.pk)
    evaluation.refresh_from_db()
    assert evaluation.failure == ""
    return evaluation


def test_form_is_filled_in_from_the_dataset_version(version, developer, recorded, table) -> None:
    page = text_of(browse(developer).get(f"/versions/{version.pk}/evaluations/new/?kind=data_quality"))

    assert "Ask for a data-quality profile" in page
    assert 'name="sensitive" value="sex"' in page
    assert 'name="training"' in page


def test_table_is_needed_first(version, developer) -> None:
    page = text_of(browse(developer).get(f"/versions/{version.pk}/evaluations/new/?kind=data_quality"))

    assert "A table is needed first" in page
    assert "?kind=table" in page


def test_profile_is_asked_for_and_read(version, developer, recorded, table) -> None:
    training = cast.submit(version, "table", by=developer, file=[make_table(30, 100)], file_name="train.csv")
    expected = {
        "form-TOTAL_FORMS": "2",
        "form-INITIAL_FORMS": "0",
        "form-0-metric": "completeness",
        "form-0-population": "overall",
        "form-0-comparator": "at_least",
        "form-0-threshold": "0.99",
        "form-1-metric": "leakage",
        "form-1-population": "overall",
        "form-1-comparator": "at_most",
        "form-1-threshold": "0",
    }
    client = browse(developer)
    evaluation = make(client, version, table, recorded, training=training.pk, **expected)
    result = json.loads(evaluation.result)
    page = text_of(client.get(f"/evaluations/{evaluation.pk}/"))

    assert find_measure(result, "leakage")["value"] == 20 / 120
    assert find_measure(result, "validity")["value"] == (120 + 118 + 120) / (120 + 119 + 120)
    assert find_measure(result, "timeliness")["value"] == 52 / 120
    for words in (
        "This is the declared dataset version",
        "20 of 120 rows also stand among the 30 training rows",
        "entered &lt;= left",
        "Share of population",
        "contact, e-mail address",
        "Chi-square test against the population",
        "Completeness",
        "Not met",
        "exact, whole file",
        "ISO/IEC 25012",
    ):
        assert words in page
    assert "person7@" not in page
    assert "person7@" not in evaluation.result


def test_other_file_is_said_plainly_and_meets_nothing(version, developer, recorded) -> None:
    other = cast.submit(version, "table", by=developer, file=[make_table(60)], file_name="other.csv")
    client = browse(developer)
    evaluation = make(client, version, other, recorded)
    page = text_of(client.get(f"/evaluations/{evaluation.pk}/"))

    assert "This is not the declared dataset version" in page
    assert "leakage from training <span" in page
    assert "not assessed: " not in page
    assert "No row repeats another." in page
    assert find_measure(json.loads(evaluation.result), "completeness")["reason"] is not None


def test_digest_that_the_request_claims_counts_for_nothing(version, developer, recorded) -> None:
    other = make_table(60)
    evidence = cast.submit(version, "table", by=developer, file=[other], file_name="other.csv")
    document = json.dumps({"dataset_digest": evidence.digest})
    evaluation = make(browse(developer), version, evidence, recorded, document=document)

    assert json.loads(evaluation.result)["binding"]["matches"] is False


def test_bad_table_ends_failed_with_its_place(version, developer, recorded) -> None:
    wrong = cast.submit(version, "table", by=developer, file=[b"id,sex\n1\n"], file_name="t.csv")
    client = browse(developer)
    ask(client, version, wrong, recorded, document=json.dumps({"key": ["id"]}))
    evaluation = Evaluation.objects.get()
    runner.run(evaluation.pk)

    assert "has 1 cells, the header has 2" in text_of(client.get(f"/evaluations/{evaluation.pk}/"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"columns": "age, integr"}, "neither a type"),
        ({"columns": "age, integer\n, text"}, "Line 2: a column needs a name"),
        ({"rules": "whatever"}, "Line 1: write start &lt;= end"),
        ({"population": "sex female"}, "Line 1: write sex: female 0.51"),
        ({"population": "sex: female 0.5, male 0.3"}, "add up to 0.8"),
        ({"observed_at": ""}, "on which day the ages are counted"),
        ({"columns": "age, text, 1 to 2"}, "has no range"),
        ({"document": '{"colums": {}}'}, "did you mean"),
    ],
)
def test_bad_request_is_refused_and_keeps_what_was_typed(given, words, version, developer, recorded, table) -> None:
    answer = ask(browse(developer), version, table, recorded, key="typed_key", **given)

    assert answer.status_code == 400
    assert words in text_of(answer)
    assert 'value="typed_key"' in text_of(answer)
    assert Evaluation.objects.count() == 0


def test_source_needs_its_key(version, developer, recorded, table) -> None:
    answer = ask(browse(developer), version, table, recorded, source=table.pk)

    assert answer.status_code == 400
    assert text_of(answer).count("joined by its key") == 4  # at both fields, and in the summary above the form


def test_accuracy_against_a_source(version, developer, recorded, table) -> None:
    source = cast.submit(version, "table", by=developer, file=[make_table(60)], file_name="register.csv")
    client = browse(developer)
    evaluation = make(client, version, table, recorded, source=source.pk, source_key="id", source_columns="age, sex")

    assert find_measure(json.loads(evaluation.result), "source_coverage")["value"] == 0.5
    assert "60 of 120 rows were found by their key" in text_of(client.get(f"/evaluations/{evaluation.pk}/"))


def test_stranger_and_reader(version, developer, stranger, auditor, recorded, table) -> None:
    evaluation = make(browse(developer), version, table, recorded)

    assert browse(stranger).get(f"/evaluations/{evaluation.pk}/").status_code == 404
    assert ask(browse(stranger), version, table, recorded).status_code == 404
    assert browse(auditor).get(f"/evaluations/{evaluation.pk}/").status_code == 200
    assert ask(browse(auditor), version, table, recorded).status_code == 403


def test_short_lines_are_read() -> None:
    assert read_column("age, integer, required, 18 to 120") == (
        "age",
        {"type": "integer", "required": True, "minimum": 18.0, "maximum": 120.0},
    )
    assert read_column("on, date, 2020-01-01 to 2024-01-01")[1]["minimum"] == "2020-01-01"
    assert read_rule("a b <= c d") == {"compare": ["a b", "<=", "c d"]}
    assert read_rule("age >= 18") == {"compare": ["age", ">=", 18.0]}
    assert read_rule("zip, land -> city") == {"depends": "city", "on": ["zip", "land"]}
    assert read_rule("x present if y = 1, 2") == {"when": {"column": "y", "values": ["1", "2"]}, "present": "x"}
    assert read_rule("x absent if y") == {"when": {"column": "y"}, "absent": "x"}
    assert read_shares("sex: not said 0.1, female 0.9") == ("sex", {"not said": 0.1, "female": 0.9})
    assert [guess_type(word) for word in ("int64", "Float", "datetime64[ns]", "VARCHAR", "blob")] == [
        "integer",
        "number",
        "timestamp",
        "text",
        "",
    ]


def test_shares_never_hide_a_gap() -> None:
    assert [write_share(share) for share in (1, 0, 0.5, 0.99996, 0.9999999, 0.00001, None)] == [
        "100.0 %",
        "0.0 %",
        "50.0 %",
        "99.9960 %",
        "< 100 %",
        "0.0010 %",
        "–",
    ]
