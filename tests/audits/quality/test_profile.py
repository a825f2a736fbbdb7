"""Profiles of whole files: real data against pandas, row order, file formats, size, bad input."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.errors import BadInput
from audits.quality import numbers, staging, values
from audits.quality.profile import run_quality
from audits.quality.vocabulary import QUALITY_METRICS
from tests.audits.quality.samples import column, profile_text, value
from tests.audits.samples import find_devset, needs_devset, write, write_parquet

ADULT = {
    "key": ["id"],
    "label": "y_true",
    "sensitive": ["sex", "race"],
    "columns": {"fnlwgt": {"type": "integer"}, "sex": {"values": ["Male", "Female"]}},
}


@pytest.fixture(scope="module")
def adult() -> dict[str, Any]:
    return run_quality(find_devset() / "predictions" / "adult.csv", ADULT)


@needs_devset
def test_adult_is_what_pandas_reads(adult):
    import pandas as pd

    path = find_devset() / "predictions" / "adult.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    assert adult["data"]["rows"] == len(frame)
    for name in frame.columns:
        shown, cells = column(adult, name), frame[name]
        assert shown["missing"] == cells.isna().sum()
        assert shown["distinct"]["value"] == cells.nunique()
    for name in ("fnlwgt", "y_score"):
        shown, series = column(adult, name)["numbers"], frame[name].astype(float)
        assert (shown["minimum"], shown["maximum"]) == (series.min(), series.max())
        assert shown["mean"] == pytest.approx(series.mean(), rel=1e-11)
        assert shown["standard_deviation"] == pytest.approx(series.std(), rel=1e-11)
        for share, found in shown["quantiles"]["values"].items():
            assert found == pytest.approx(series.quantile(float(share)), rel=1e-12)
        middle = series.median()
        assert shown["median_absolute_deviation"] == pytest.approx((series - middle).abs().median(), rel=1e-12)
        low, high = shown["outliers"]["fences"]
        assert value(adult, "outliers", f"column={name}") == ((series < low) | (series > high)).mean()
    top = column(adult, "native_country")["categories"]["top"]
    assert {item["value"]: item["count"] for item in top} == frame["native_country"].value_counts()[:20].to_dict()


@needs_devset
def test_adult_duplicates_and_groups_are_what_pandas_counts(adult):
    import pandas as pd

    path = find_devset() / "predictions" / "adult.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert value(adult, "duplicate_rows") == frame.duplicated().mean()
    assert value(adult, "duplicate_content") == frame.drop(columns="id").duplicated().mean()
    assert value(adult, "completeness") == (frame != "").to_numpy().mean()
    assert value(adult, "complete_rows") == (frame != "").all(axis=1).mean()
    counts = {group["group"]: group["rows"] for group in adult["representation"][1]["groups"]}
    assert counts == frame["race"].value_counts().to_dict()
    assert value(adult, "minority_share") == (frame["y_true"] == "1").mean()


@needs_devset
def test_parquet_with_real_nulls_gives_the_same_numbers(adult):
    other = run_quality(find_devset() / "artifacts" / "adult.parquet", ADULT)
    keep = ("completeness", "complete_rows", "key_uniqueness", "minority_share", "class_ratio")
    for name in keep:
        assert value(other, name) == value(adult, name)
    assert column(other, "fnlwgt")["numbers"] == column(adult, "fnlwgt")["numbers"]
    assert column(other, "sex")["categories"] == column(adult, "sex")["categories"]


def test_every_number_is_defined_and_strict_json(tmp_path):
    result = profile_text(tmp_path, "a,b\n1,x\n2,\n", sensitive=["b"], label="b", key=["a"])
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    for item in result["measures"]:
        assert item["metric"] in QUALITY_METRICS
        assert (item["value"] is None) == (item["reason"] is not None)
        if item["value"] is not None:
            assert item["low"] <= item["value"] <= item["high"]
    assert all(item["definition"] and item["source"] for item in result["dimensions"])


CELLS = st.sampled_from(["", "1", "2", "-3.5", "x", "y", "2024-01-31", "a b", "NA", "007", "é"])
TABLES = st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=12)
SHUFFLED = {
    "sensitive": ["b"],
    "label": "c",
    "minimum_published_count": 1,
    "rules": [{"depends": "b", "on": ["a"]}, {"compare": ["a", "<=", "b"]}],
    "time": {"column": "a", "observed_at": "2024-03-01"},
}


@settings(max_examples=12, deadline=None)
@given(TABLES, st.randoms(use_true_random=False))
def test_order_of_rows_changes_nothing(tmp_path_factory, rows, random_source):
    folder = tmp_path_factory.mktemp("order")
    shuffled = list(rows)
    random_source.shuffle(shuffled)
    results = []
    for order in (rows, shuffled):
        text = "a,b,c\n" + "".join(",".join(f'"{cell}"' if cell else '""' for cell in row) + "\n" for row in order)
        result = profile_text(folder, text, **SHUFFLED)
        for part in (result["data"], result["binding"], result["passport"]["input"]):
            part.pop("sha256", None), part.pop("found", None)
        results.append(result)
    assert results[0] == results[1]


def test_a_table_in_parts_is_the_same_table(tmp_path):
    rows = [f"{number},{number % 5},{'ab'[number % 2]}" for number in range(60)] + ["7,2,b"]
    spec = {"key": ["id"], "label": "k", "sensitive": ["k"], "rules": [{"depends": "k", "on": ["n"]}]}
    whole = run_quality(write(tmp_path / "whole.csv", "\n".join(["id,n,k", *rows]) + "\n"), spec)
    parts = [write(tmp_path / f"part{place}.csv", "\n".join(["id,n,k", *rows[place::3]]) + "\n") for place in range(3)]
    split = run_quality(parts, spec)
    for name in ("columns", "dimensions", "measures", "representation", "class_balance", "uniqueness", "rules"):
        assert split[name] == whole[name]


def test_large_text_is_copied_or_read_anew_with_the_same_result(tmp_path, monkeypatch):
    source = random.Random(3)
    rows = [f"{source.gauss(0, 9):.4f},{source.choice('abc')},{source.choice(['', '5'])}" for _ in range(3000)]
    text = "\n".join(["n,k,m", *rows]) + "\n"
    held = profile_text(tmp_path, text, label="k")
    monkeypatch.setattr(staging, "HELD_BYTES", 0)
    copied = profile_text(tmp_path, text, label="k")
    monkeypatch.setattr(staging, "ROOM", math.inf)
    anew = profile_text(tmp_path, text, label="k")
    assert held == copied == anew


def test_private_copy_is_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "HELD_BYTES", 0)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    seen: list[str] = []
    path = write(tmp_path / "table.csv", "a\n" + "1\n" * 100)

    def look(share: float, step: str) -> None:
        seen.extend(file.name for file in scratch.glob("*/*"))

    run_quality(path, {}, scratch=scratch, progress=look)
    assert "main.parquet" in seen
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("shape", ["normal", "two values", "long tail", "few"])
def test_quantiles_of_many_numbers_are_the_sorted_ones(tmp_path, monkeypatch, shape):
    source = random.Random(5)
    drawn = {
        "normal": [source.gauss(0, 1) for _ in range(4000)],
        "two values": [float(source.random() < 0.3) for _ in range(4000)],
        "long tail": [10.0 ** source.uniform(-9, 90) for _ in range(4000)],
        "few": [3.0, -1.0],
    }[shape]
    text = "x\n" + "".join(f"{number!r}\n" for number in drawn)
    whole = column(profile_text(tmp_path, text), "x")["numbers"]
    monkeypatch.setattr(numbers, "SORTED_AT_ONCE", 1 if shape == "few" else 300)
    counted = column(profile_text(tmp_path, text), "x")["numbers"]
    import numpy as np

    for share, found in counted["quantiles"]["values"].items():
        assert found == pytest.approx(np.quantile(drawn, float(share)), rel=1e-12)
    assert counted["outliers"] == whole["outliers"]
    assert counted["median_absolute_deviation"] == pytest.approx(whole["median_absolute_deviation"], rel=1e-12)


def test_many_distinct_values_are_estimated_with_an_interval(tmp_path, monkeypatch):
    text = "x\n" + "".join(f"v{number}\n" for number in range(20_000)) * 2
    monkeypatch.setattr(values, "COUNTED_AT_ONCE", 4_000)
    shown = column(profile_text(tmp_path, text), "x")["distinct"]
    assert shown["low"] < 20_000 < shown["high"]
    assert abs(shown["value"] / 20_000 - 1) < 0.15
    assert shown["method"].startswith("estimated")


def test_parquet_types_are_taken_as_they_are(tmp_path):
    path = write_parquet(
        tmp_path / "t.parquet",
        "SELECT range::DOUBLE AS whole, CASE WHEN range < 3 THEN range END AS holes, "
        "DATE '2024-01-01' + range::INT AS day, 'NaN'::DOUBLE AS odd, range % 2 = 0 AS flag, [range] AS list, "
        "range::DECIMAL(9, 2) AS money FROM range(40)",
    )
    columns = {"whole": {"type": "integer", "maximum": 39}, "day": {"type": "date"}, "money": {"type": "number"}}
    result = run_quality(path, {"columns": columns, "key": ["whole"]})
    found = {item["name"]: (item["type"], item["file_type"]) for item in result["columns"]}
    assert found["whole"] == ("integer", "DOUBLE")
    assert found["day"] == ("date", "DATE")
    assert found["odd"][0] == "category"
    assert found["flag"][0] == "boolean"
    assert column(result, "holes")["missing"] == 37
    assert value(result, "validity") == 1
    assert value(result, "key_uniqueness") == 1


def test_arrow_and_gzip_give_the_same_numbers(tmp_path):
    import gzip

    import pyarrow as pa
    from pyarrow import csv

    rows = [f"{number},{number % 5 or ''},{'ab'[number % 2]},2024-01-{number % 28 + 1:02}" for number in range(60)]
    text = "\n".join(["id,n,k,on", *rows]) + "\n"
    plain = write(tmp_path / "t.csv", text)
    packed = write(tmp_path / "t.csv.gz", gzip.compress(text.encode()))
    arrow = tmp_path / "t.arrow"
    table = csv.read_csv(plain)
    table = table.set_column(2, "k", table.column("k").dictionary_encode())
    with pa.OSFile(str(arrow), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    spec = {"key": ["id"], "sensitive": ["k"], "time": {"column": "on", "observed_at": "2024-03-01"}}
    results = [run_quality(path, spec, others={"training": path}) for path in (plain, packed, arrow)]
    assert results[0]["measures"] == results[1]["measures"] == results[2]["measures"]
    assert column(results[2], "n")["file_type"] == "BIGINT"


def test_wide_table(tmp_path):
    names = [f"f{number}" for number in range(200)]
    text = (
        ",".join(names)
        + "\n"
        + "".join(",".join(str(row * place % 7) for place in range(200)) + "\n" for row in range(50))
    )
    result = profile_text(tmp_path, text)
    assert len(result["columns"]) == 200
    assert value(result, "completeness") == 1
    assert column(result, "f3")["distinct"]["value"] == 7


@pytest.mark.parametrize(
    ("content", "spec", "words"),
    [
        ("", {}, "the file is empty"),
        ("a,b\n", {}, "a header but no rows"),
        ("a,a\n1,2\n", {}, "names this column twice"),
        ("a\n1\n", {"key": ["id"]}, "column 'id': not in the file"),
        ("a,b\n1\n", {}, "has 1 cells, the header has 2"),
        ('a,b\n"1,2\n', {}, "quotes"),
        (b"a\n\xff\n", {}, "not UTF-8"),
        ("a\nx\n", {"columns": {"a": {"pattern": "(?P<n>a)(?P=n)"}}}, "references"),
        ("a\nx\n", {"columns": {"a": {"pattern": r"\p{Nonsense}"}}}, "pattern"),
    ],
)
def test_bad_input_is_named(tmp_path, content, spec, words):
    with pytest.raises(BadInput, match=words):
        run_quality(write(tmp_path / "t.csv", content), spec)


def test_progress_is_told(tmp_path):
    told: list[float] = []
    run_quality(write(tmp_path / "t.csv", "a\n1\n"), {}, progress=lambda share, step: told.append(share))
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)


def test_nothing_is_opened_but_the_table(tmp_path):
    secret = write(tmp_path / "secret.csv", "a\n1\n")
    name = f"read_csv('{secret}')"
    path: Path = write(tmp_path / "t.csv", f'"{name}","x""y;--"\n1,2\n')
    result = run_quality(path, {"key": [name], "missing": ["'; DROP TABLE t; --"]})
    assert [item["name"] for item in result["columns"]] == [name, 'x"y;--']
