"""A table against its source and against the training data."""

from __future__ import annotations

import pytest

from audits.errors import BadInput
from audits.intervals import Z_95, wilson
from audits.quality import keys
from tests.audits.quality.samples import find, profile_text, value

TABLE = "id,age,town\n1,30,Bern\n2,41,Basel\n3,52,Chur\n4,,Genf\n"
SOURCE = "id,years,town\n1,30.2,Bern\n2,45,Basel\n3,52,chur\n9,1,Zug\n4,7,Genf\n"
COMPARED = {"key": ["id"], "columns": [{"column": "age", "source": "years", "tolerance": 0.5}, "town"]}


def test_accuracy_is_exact_where_every_row_is_found(tmp_path):
    result = profile_text(tmp_path, TABLE, {"source": SOURCE}, source=COMPARED)
    overall = find(result, "accuracy_to_source")
    assert (overall["value"], overall["low"], overall["high"], overall["n"]) == (5 / 8, 5 / 8, 5 / 8, 8)
    assert value(result, "accuracy_to_source", "column=age") == 2 / 4
    assert value(result, "accuracy_to_source", "column=town") == 3 / 4
    assert value(result, "source_coverage") == 1


def test_accuracy_of_a_sample_has_wilson_limits_and_rows_are_clusters(tmp_path):
    rows = [f"{n},{n},{n}" for n in range(200)]
    wrong = [f"{n},{n},{n}" if n % 10 else f"{n},x,y" for n in range(100)]
    result = profile_text(
        tmp_path,
        "\n".join(["id,a,b", *rows]) + "\n",
        {"source": "\n".join(["id,a,b", *wrong]) + "\n"},
        source={"key": ["id"], "columns": ["a", "b"]},
    )
    by_column = find(result, "accuracy_to_source", "column=a")
    low, high, _ = wilson(90, 100, Z_95)
    assert (by_column["value"], by_column["low"], by_column["high"]) == (0.9, low, high)
    # Both cells of a row always agree or differ together: 200 cells are worth 100.
    overall = find(result, "accuracy_to_source")
    assert (overall["low"], overall["high"]) == (pytest.approx(low), pytest.approx(high))
    assert value(result, "source_coverage") == 0.5


def test_source_with_a_key_twice_is_refused(tmp_path):
    with pytest.raises(BadInput, match="1 keys on more than one row"):
        profile_text(tmp_path, TABLE, {"source": SOURCE + "1,2,x\n"}, source=COMPARED)


def test_nothing_in_common_is_undefined(tmp_path):
    result = profile_text(tmp_path, TABLE, {"source": "id,years,town\n77,1,x\n"}, source=COMPARED)
    assert find(result, "accuracy_to_source")["reason"] == "no row has a counterpart in the source"
    assert value(result, "source_coverage") == 0


def test_leakage_reads_numbers_as_numbers(tmp_path):
    table = "a,b\n1,x\n2,y\n-0.0,z\n9007199254740993,w\n"
    training = "a,b\n1.0,x\n2.5,y\n0,z\n9007199254740992,w\n"
    result = profile_text(tmp_path, table, {"training": training}, training={"columns": ["a", "b"]})
    assert value(result, "leakage") == 2 / 4


def test_leakage_counts_rows_with_the_same_content(tmp_path):
    training = "town,age,id,more\nBern,30,7,x\nBern,30,8,x\nBasel,41,2,x\nGenf,,5,x\n"
    result = profile_text(tmp_path, TABLE, {"training": training}, key=["id"])
    assert value(result, "leakage") == 3 / 4
    assert value(result, "key_leakage") == 1 / 4
    assert result["leakage"]["columns"] == ["age", "town"]
    town = profile_text(tmp_path, TABLE, {"training": training}, training={"columns": ["town"]})
    assert value(town, "leakage") == 3 / 4
    assert not [item for item in town["measures"] if item["metric"] == "key_leakage"]


@pytest.mark.parametrize(
    ("others", "spec", "words"),
    [
        ({"training": "a\n1\n"}, {}, "no column in common"),
        ({"training": "id,town\n1,x\n"}, {"training": {"columns": ["age"]}}, "training data"),
        ({}, {"training": {}}, "no such table was given"),
        ({"source": SOURCE}, {}, "name its key"),
        ({"source": "id,town\n1,x\n"}, {"source": COMPARED}, "in the source"),
        ({"model": "a\n"}, {}, "further tables are"),
    ],
)
def test_further_tables_that_do_not_fit_are_named(tmp_path, others, spec, words):
    with pytest.raises(BadInput, match=words):
        profile_text(tmp_path, TABLE, others, **spec)


def test_several_passes_count_the_same(tmp_path, monkeypatch):
    rows = [f"{n},{n % 7},{n % 3},{n % 2}" for n in range(300)] + ["1,1,1,1"] * 3
    text = "\n".join(["id,a,b,y", *rows]) + "\n"
    training = "\n".join(["id,a,b,y", *rows[::2]]) + "\n"
    source = "\n".join(["id,a,b,y", *rows[:100]]) + "\n"
    spec = {
        "key": ["id"],
        "label": "y",
        "rules": [{"depends": "b", "on": ["a"]}],
        "source": {"key": ["id"], "columns": ["a", "b"]},
    }
    whole = profile_text(tmp_path, text, {"training": training, "source": source}, **spec)
    monkeypatch.setattr(keys, "HELD_ROWS", 50)
    assert keys.count_passes(303) == 7
    parts = profile_text(tmp_path, text, {"training": training, "source": source}, **spec)
    assert parts == whole
