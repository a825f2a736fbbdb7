"""The specification of a profile: what it accepts, and what each refusal names."""

from __future__ import annotations

import subprocess
import sys

import pytest

from audits.errors import BadInput
from audits.quality.spec import check_quality_spec

WHOLE = {
    "title": "Applicants",
    "file": "applicants.csv",
    "columns": {
        "age": {"type": "integer", "minimum": 18, "maximum": 120, "required": True},
        "plan": {"values": ["a", "b"], "role": "feature"},
        "since": {"type": "date", "minimum": "2000-01-01", "date_format": "%d.%m.%Y"},
    },
    "closed": True,
    "key": ["id"],
    "label": "y",
    "sensitive": ["sex", {"column": "age", "bins": [30, 45]}],
    "population": {"sex": {"f": 0.505, "m": 0.5}},
    "missing": ["NA"],
    "time": {"column": "since", "observed_at": "2024-06-30", "maximum_age_days": 365},
    "rules": [{"compare": ["age", ">=", 18]}],
    "source": {"file": "register.csv", "key": ["id"], "columns": ["age"]},
    "training": {"file": "train.csv", "columns": ["age"]},
    "expectations": [
        {"metric": "leakage", "population": "overall", "comparator": "at_most", "threshold": 0, "name": "No leakage"}
    ],
    "dataset_digest": "sha256:" + "a" * 64,
}


def test_whole_document_is_read():
    spec = check_quality_spec(WHOLE)
    assert spec.other_files == {"training": "train.csv", "source": "register.csv"}
    assert spec.files == ("applicants.csv",)
    assert set(spec.used_columns) == {"id", "sex", "age", "y", "since"}
    assert sum(spec.population["sex"].values()) == 1
    assert spec.dataset_digest == "a" * 64
    assert spec.rules[0].name == "age >= 18"
    assert spec.describe("nothing").type is None


def test_nothing_has_to_be_said():
    assert check_quality_spec({}).used_columns == ()


@pytest.mark.parametrize(
    ("key", "part", "words"),
    [
        ("colums", {}, "did you mean 'columns'"),
        ("columns", ["age"], "must map"),
        ("columns", {"age": {"type": "int"}}, "columns.age.type"),
        ("columns", {"age": {"typ": "integer"}}, "unknown key"),
        ("columns", {"age": {"type": "text", "minimum": 3}}, "has no range"),
        ("columns", {"age": {"minimum": 3, "maximum": 2}}, "above the maximum"),
        ("columns", {"age": {"minimum": True}}, "must be a number"),
        ("columns", {"d": {"type": "date", "minimum": 3}}, "must be a text"),
        ("columns", {"d": {"type": "date", "minimum": "1.1.2024"}}, "must be a date"),
        ("columns", {"d": {"type": "date", "date_format": "'); --"}}, "directives"),
        ("columns", {"d": {"date_format": "%d"}}, "is for columns with the type"),
        ("columns", {"a": {"pattern": "("}}, "not a regular expression"),
        ("columns", {"a": {"pattern": "(?=a)"}}, "looking around"),
        ("columns", {"a": {"pattern": "a" * 201}}, "at most 200"),
        ("columns", {"a": {"format": "zip"}}, "must be one of 'email'"),
        ("key", "id", "must be a list"),
        ("key", ["id", "id"], "listed twice"),
        ("sensitive", [{"column": "age", "from": "sensitive_file"}], "leave out from"),
        ("population", {"race": {"a": 0.5, "b": 0.5}}, "not one of the sensitive"),
        ("population", {"sex": {"f": 0.5, "m": 0.4}}, "add up to 0.9"),
        ("population", {"sex": {"f": 1.0, "m": 0.0}}, "above 0"),
        ("population", {"age": {"young": 0.5, "old": 0.5}}, "the bins make"),
        ("time", {"column": "since"}, "observed_at"),
        ("rules", [{"compare": ["a", "~", "b"]}], "compare"),
        ("rules", [{"compare": ["a", "<"]}], "must be like"),
        ("rules", [{"depends": "a", "on": ["a"]}], "always depends on itself"),
        ("rules", [{"when": {"column": "a"}}], "present or absent"),
        ("rules", [{"compare": ["a", "<", "b"], "depends": "a"}], "exactly one"),
        ("rules", [{"compare": ["a", "<", 1]}, {"compare": ["a", "<", 1]}], "two rules"),
        ("source", {"key": ["id"]}, "source.columns"),
        ("source", {"key": ["id"], "columns": [{"column": "a", "tolerance": -1}]}, "negative"),
        ("training", {"columns": []}, "training.columns"),
        ("expectations", [{"metric": "leakage"}], r"expectations\[0\]"),
        ("dataset_digest", "abc", "64 hexadecimal"),
        ("minimum_published_count", 0, "whole number"),
    ],
)
def test_refusal_names_key_and_remedy(key, part, words):
    with pytest.raises(BadInput, match=words):
        check_quality_spec(WHOLE | {key: part})


def test_web_process_imports_nothing_heavy():
    code = (
        "import sys, audits.quality.spec, audits.quality.vocabulary; "
        "print([name for name in ('duckdb', 'numpy', 'scipy', 'pandas', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
