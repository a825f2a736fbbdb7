"""Every dimension against numbers a person can count."""

from __future__ import annotations

import pytest

from audits.errors import BadInput
from audits.intervals import Z_95, wilson
from tests.audits.quality.samples import column, find, profile_text, value

# Five rows: the fourth repeats the second, the fifth has no id and no city.
PEOPLE = "id,age,city,zip\n1,30,Bern,3000\n2,41,Basel,4000\n3,abc,Bern,3000\n2,41,Basel,4000\n,NA,,4000\n"


def test_completeness_counts_empty_cells_and_declared_tokens(tmp_path):
    result = profile_text(tmp_path, PEOPLE)
    assert value(result, "completeness") == 18 / 20
    assert value(result, "completeness", "column=city") == 4 / 5
    assert value(result, "complete_rows") == 4 / 5
    result = profile_text(tmp_path, PEOPLE, missing=["NA"])
    assert value(result, "completeness") == 17 / 20
    assert value(result, "completeness", "column=age") == 4 / 5
    result = profile_text(tmp_path, PEOPLE, columns={"age": {"missing": ["NA", "abc"], "required": True}})
    assert value(result, "completeness", "column=age") == 3 / 5
    assert value(result, "complete_rows") == 3 / 5


def test_required_column_that_is_absent_has_no_cell(tmp_path):
    result = profile_text(tmp_path, PEOPLE, columns={"phone_type": {"required": True}})
    assert value(result, "completeness") == 18 / 25
    assert value(result, "completeness", "column=phone_type") == 0
    assert value(result, "complete_rows") == 0
    assert value(result, "schema_conformity") == 0
    assert result["schema"]["absent"] == ["phone_type"]


def test_schema_is_what_was_declared(tmp_path):
    columns = {"id": {"type": "integer"}, "age": {"type": "integer"}, "city": {}}
    result = profile_text(tmp_path, PEOPLE, columns=columns)
    assert value(result, "schema_conformity") == 2 / 3
    assert result["schema"]["not_of_declared_type"] == ["age"]
    closed = profile_text(tmp_path, PEOPLE, columns=columns, closed=True)
    assert value(closed, "schema_conformity") == 2 / 4
    assert closed["schema"]["not_declared"] == ["zip"]
    assert find(profile_text(tmp_path, PEOPLE), "schema_conformity")["reason"] == "no column is declared"


def test_types_are_found(tmp_path):
    header = "integer,number,code,boolean,date,timestamp,category,empty,nan"
    rows = ["1,1.5,007,true,2024-02-29,2024-01-01T10:00:00,a,,nan", "-2,1e3,010,FALSE,2024-03-01,2024-01-02 11:30,b,,1"]
    result = profile_text(tmp_path, "\n".join([header, *rows]) + "\n", minimum_published_count=1)
    found = {item["name"]: item["type"] for item in result["columns"]}
    assert found == {
        **{name: name for name in header.split(",")},
        "code": "category",
        "nan": "category",
    }
    assert column(result, "code")["leading_zeros"] == 2
    assert column(result, "nan")["present"] == 2


@pytest.mark.parametrize("cell", ["1_000", " 1", "0x10", "inf", "1e999", "1,5", "--1", "1e", "2024-13-01", "2024-1-5"])
def test_what_programs_read_differently_is_no_number_and_no_date(tmp_path, cell):
    result = profile_text(
        tmp_path, f'a;b\n"{cell}";x\n', columns={"a": {"type": "number"}}, delimiter=";", minimum_published_count=1
    )
    assert column(result, "a")["type"] == "category"
    assert value(result, "validity", "column=a") == 0


def test_validity_names_the_check_that_failed(tmp_path):
    text = "age,code,kind,born\n30,AB1,x,2000-01-01\n-1,ab1,y,1890-01-01\n1.5,CD2,z,2000-02-30\nold,,x,\n"
    columns = {
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "code": {"pattern": "[A-Z]{2}[0-9]"},
        "kind": {"values": ["x", "y"]},
        "born": {"type": "date", "minimum": "1900-01-01"},
    }
    result = profile_text(tmp_path, text, columns=columns)
    assert column(result, "age")["validity"] == {"checked": 4, "passed": 1, "failed": {"type": 2, "range": 2}}
    assert column(result, "code")["validity"] == {"checked": 3, "passed": 2, "failed": {"pattern": 1}}
    assert column(result, "kind")["validity"] == {"checked": 4, "passed": 3, "failed": {"values": 1}}
    assert column(result, "born")["validity"] == {"checked": 3, "passed": 1, "failed": {"type": 1, "range": 2}}
    assert value(result, "validity") == 7 / 14


def test_dates_are_read_as_declared(tmp_path):
    text = "on\n31.12.2023\n1.2.2024\n2024-02-03\n"
    columns = {"on": {"type": "date", "date_format": "%d.%m.%Y", "maximum": "2024-01-31"}}
    result = profile_text(tmp_path, text, columns=columns)
    assert column(result, "on")["validity"] == {"checked": 3, "passed": 1, "failed": {"type": 1, "range": 2}}
    assert column(result, "on")["dates"] == {"count": 2, "earliest": "2023-12-31", "latest": "2024-02-01"}


def test_keys_and_repeated_rows(tmp_path):
    result = profile_text(tmp_path, PEOPLE, key=["id"])
    assert value(result, "key_uniqueness") == 3 / 5
    assert value(result, "duplicate_rows") == 1 / 5
    assert value(result, "duplicate_content") == 0
    assert result["uniqueness"]["key"] == {"rows": 4, "distinct": 3, "repeated": 1, "groups": 1, "largest_group": 2}
    again = profile_text(tmp_path, PEOPLE + "7,30,Bern,3000\n8,30,Bern,3000\n", key=["id"])
    assert value(again, "duplicate_content") == 2 / 7
    assert value(again, "duplicate_rows") == 1 / 7
    assert find(profile_text(tmp_path, PEOPLE), "key_uniqueness")["reason"] == "no key is declared"


def test_rows_that_only_look_alike_when_joined_are_different(tmp_path):
    result = profile_text(tmp_path, "a,b\n1:2,3\n1,2:3\n,12\n12,\n")
    assert value(result, "duplicate_rows") == 0


def test_rules_count_the_rows_they_apply_to(tmp_path):
    text = (
        "start,end,low,high,married,spouse\n2024-01-02,2024-01-01,9,10,yes,\n"
        "2024-01-01,2024-01-05,3,2,yes,1\n,2024-01-01,x,2,no,1\n"
    )
    rules = [
        {"name": "order", "compare": ["start", "<=", "end"]},
        {"name": "numbers", "compare": ["low", "<", "high"]},
        {"name": "at least 3", "compare": ["high", ">=", 3]},
        {"name": "spouse", "when": {"column": "married", "values": ["yes"]}, "present": "spouse"},
        {"name": "alone", "when": {"column": "married", "values": ["no"]}, "absent": "spouse"},
        {"name": "never", "when": {"column": "married", "values": ["?"]}, "absent": "spouse"},
    ]
    result = profile_text(tmp_path, text, rules=rules, columns={"low": {"type": "number"}})
    counted = {rule["name"]: (rule["passes"], rule["applies"], rule["compared_as"]) for rule in result["rules"]}
    assert counted == {
        "order": (1, 2, "dates"),
        "numbers": (1, 2, "numbers"),
        "at least 3": (1, 3, "numbers"),
        "spouse": (1, 2, None),
        "alone": (0, 1, None),
        "never": (0, 0, None),
    }
    assert value(result, "consistency") == 4 / 10
    assert value(result, "consistency", "rule=order") == 1 / 2
    assert find(result, "consistency", "rule=never")["reason"] == "the rule applies to no row"


def test_dependency_keeps_the_most_frequent_value(tmp_path):
    text = "zip,city\n1,a\n1,a\n1,b\n2,c\n2,c\n3,\n,d\n"
    result = profile_text(tmp_path, text, rules=[{"name": "one city", "depends": "city", "on": ["zip"]}])
    assert value(result, "consistency", "rule=one city") == 4 / 5


def test_number_is_not_compared_with_words(tmp_path):
    with pytest.raises(BadInput, match="does not hold numbers"):
        profile_text(tmp_path, "a\nx\n", rules=[{"compare": ["a", ">", 1]}])


def test_label_consistency(tmp_path):
    text = "id,x,y\n1,a,0\n2,a,0\n3,b,0\n4,b,1\n5,c,1\n"
    result = profile_text(tmp_path, text, key=["id"], label="y")
    assert value(result, "label_consistency") == 1 / 2
    assert find(profile_text(tmp_path, "x,y\na,0\nb,1\n", label="y"), "label_consistency")["value"] is None


def test_timeliness(tmp_path):
    text = "on\n2024-01-01\n2024-01-01\n2024-01-11\n2024-01-12T23:00:00\n2024-01-20\n2024-02-05\n\n"
    time = {"column": "on", "observed_at": "2024-01-31", "maximum_age_days": 20}
    result = profile_text(tmp_path, text.replace("\n\n", '\n""\n'), time=time)
    # Ages 30, 30, 20, 19, 11 and -5; the empty cell has none.
    assert value(result, "timeliness") == 3 / 6
    assert value(result, "median_age_days") == 19.5
    assert value(result, "p95_age_days") == 30
    assert value(result, "future_rows") == 1 / 6
    assert value(result, "largest_gap_days") == 16
    shown = result["timeliness"]
    assert (shown["largest_gap_after"], shown["days_with_rows"], shown["undated"]) == ("2024-01-20", 5, 1)
    no_limit = profile_text(tmp_path, "on\n2024-01-01\n", time={"column": "on", "observed_at": "2024-01-31"})
    assert find(no_limit, "timeliness")["reason"] == "no limit is stated"
    assert find(no_limit, "largest_gap_days")["value"] is None


def test_rows_without_a_readable_date_leave_timeliness_open(tmp_path):
    time = {"column": "on", "observed_at": "2024-03-01", "maximum_age_days": 90}
    wanted = [{"metric": "timeliness", "population": "overall", "comparator": "at_least", "threshold": 0.95}]
    junk = profile_text(tmp_path, "on\n2024-02-20\n" + "junk\n" * 99, time=time, expectations=wanted)
    found = find(junk, "timeliness")
    assert (found["value"], found["low"], found["high"]) == (1.0, 0.01, 1.0)
    assert junk["verdicts"][0]["verdict"] == "inconclusive"
    assert "99 of 100 rows have no date that can be read" in next(
        note["text"] for note in junk["notes"] if note["code"] == "undated"
    )
    future = find(junk, "future_rows")
    assert (future["value"], future["low"], future["high"]) == (0.0, 0.0, 0.99)
    ages = find(junk, "p95_age_days")
    assert (ages["low"], ages["high"]) == (None, None)
    assert "no date that can be read" in ages["reason"]
    few = profile_text(tmp_path, "on\n" + "2024-02-20\n" * 99 + '""\n', time=time, expectations=wanted)
    assert few["verdicts"][0]["verdict"] == "met"
    assert (find(few, "median_age_days")["low"], find(few, "median_age_days")["high"]) == (10.0, 10.0)


def test_class_balance(tmp_path):
    text = "y\n" + "a\n" * 6 + "b\n" * 3 + "c\n" + '""\n'
    result = profile_text(tmp_path, text, label="y", minimum_published_count=2)
    assert value(result, "minority_share") == 1 / 10
    assert value(result, "class_ratio") == 1 / 6
    assert [item["label"] for item in result["class_balance"]["counts"]] == ["a", "b"]
    assert result["class_balance"]["below_minimum_count"] == {"classes": 1, "rows": 1}
    alone = profile_text(tmp_path, "y\na\na\n", label="y")
    assert find(alone, "class_ratio")["reason"] == "there is only one class"


def test_representation(tmp_path):
    text = "sex\n" + "f\n" * 30 + "m\n" * 70 + '""\n' * 5
    result = profile_text(tmp_path, text, sensitive=["sex"], population={"sex": {"f": 0.5, "m": 0.5}})
    found = find(result, "representation_ratio", "sex=f")
    low, high, _ = wilson(30, 100, Z_95)
    assert (found["value"], found["low"], found["high"], found["n"]) == (0.6, low / 0.5, high / 0.5, 100)
    distance = find(result, "representation_distance", "by sex")
    assert distance["value"] == pytest.approx(0.2)
    assert 0 < distance["low"] < 0.2 < distance["high"] < 0.35
    shown = result["representation"][0]
    assert shown["chi_square"] == pytest.approx(16.0)
    assert find(result, "representation_p_value", "by sex")["value"] == pytest.approx(6.334e-5, rel=1e-3)
    assert shown["missing"] == 5


def test_groups_the_population_lacks_and_groups_without_rows(tmp_path):
    text = "sex\n" + "f\n" * 30 + "x\n" * 10
    result = profile_text(tmp_path, text, sensitive=["sex"], population={"sex": {"f": 0.5, "m": 0.5}})
    assert value(result, "representation_ratio", "sex=m") == 0
    assert value(result, "representation_distance", "by sex") == pytest.approx((0.25 + 0.5 + 0.25) / 2)
    assert "the population does not declare" in find(result, "representation_p_value", "by sex")["reason"]
    codes = {note["code"] for note in result["notes"]}
    assert {"absent_group", "unknown_group"} <= codes


def test_binned_ages_are_groups(tmp_path):
    text = "age\n29\n30\n44\n45\nold\n"
    sensitive = [{"column": "age", "bins": [30, 45]}]
    shares = {"age": {"<30": 0.25, "30-45": 0.5, ">=45": 0.25}}
    result = profile_text(tmp_path, text, sensitive=sensitive, population=shares)
    assert [group["rows"] for group in result["representation"][0]["groups"]] == [1, 2, 1]
    assert value(result, "representation_distance", "by age") == 0
    assert result["representation"][0]["missing"] == 1


def test_distance_of_a_fair_sample_does_not_exclude_zero(tmp_path):
    text = "sex\n" + "f\n" * 48 + "m\n" * 52
    result = profile_text(tmp_path, text, sensitive=["sex"], population={"sex": {"f": 0.5, "m": 0.5}})
    assert find(result, "representation_distance", "by sex")["low"] == 0


def test_outliers_by_hand(tmp_path):
    numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 100]
    result = profile_text(tmp_path, "x\n" + "\n".join(map(str, numbers)) + "\n")
    # Q1 3.25, Q3 7.75, fences -3.5 and 14.5; median 5.5, MAD 2.5: 0.6745 * 94.5 / 2.5 > 3.5.
    assert value(result, "outliers", "column=x") == 1 / 10
    assert value(result, "robust_outliers", "column=x") == 1 / 10
    shown = column(result, "x")["numbers"]
    assert shown["outliers"]["fences"] == [-3.5, 14.5]
    assert (shown["minimum"], shown["maximum"], shown["mean"]) == (1, 100, 14.5)
    flat = profile_text(tmp_path, "x\n" + "1\n" * 9 + "5\n")
    assert "interquartile range is 0" in find(flat, "outliers", "column=x")["reason"]


def test_rare_values_are_counted_not_listed(tmp_path):
    text = "town\n" + "Bern\n" * 12 + "Basel\n" * 3 + "Chur\n"
    shown = column(profile_text(tmp_path, text), "town")["categories"]
    assert shown["top"] == [{"value": "Bern", "count": 12}]
    assert (shown["others"], shown["below_minimum_count"]) == ({"values": 2, "rows": 4}, 2)


def test_expectations_have_verdicts_and_the_file_is_bound(tmp_path):
    expectations = [
        {"metric": "completeness", "population": "overall", "comparator": "at_least", "threshold": 0.9},
        {"metric": "duplicate_rows", "population": "overall", "comparator": "at_most", "threshold": 0.1},
        {"metric": "leakage", "population": "overall", "comparator": "at_most", "threshold": 0},
        {"metric": "completeness", "population": "column=aeg", "comparator": "at_most", "threshold": 0},
    ]
    result = profile_text(tmp_path, PEOPLE, expectations=expectations)
    assert [verdict["verdict"] for verdict in result["verdicts"]] == ["met", "not met", "inconclusive", "inconclusive"]
    assert "no training data are given" in result["verdicts"][2]["reason"]
    assert "did you mean 'column=age'?" in result["verdicts"][3]["reason"]
    digest = result["data"]["sha256"]
    bound = profile_text(tmp_path, PEOPLE, expectations=expectations, dataset_digest=f"sha256:{digest}")
    assert bound["binding"]["matches"] is True
    assert bound["verdicts"][0]["verdict"] == "met"
    other = profile_text(tmp_path, PEOPLE, expectations=expectations, dataset_digest="0" * 64)
    assert other["binding"]["matches"] is False
    assert {verdict["verdict"] for verdict in other["verdicts"]} == {"inconclusive"}
    assert (value(bound, "dataset_match"), value(other, "dataset_match")) == (1, 0)
    assert find(other, "dataset_match")["reason"] is None
    assert other["notes"][0]["code"] == "other_file"
