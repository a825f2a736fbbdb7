from __future__ import annotations

import json
from typing import Any

import pytest

from audits.errors import BadInput
from audits.spec import (
    AuditSpec,
    Criterion,
    ProxyColumn,
    SensitiveFeature,
    SensitiveFile,
    check_spec,
    list_available_metrics,
    name_bins,
)
from tests.audits.samples import SPEC, find_devset, needs_devset

SCORE_ONLY = {"y_score": "s"}
JOINED = [{"column": "race", "from": "sensitive_file"}]
FROM_FILE = {"columns": {"y_true": "y", "y_pred": "p", "id": "i"}, "sensitive": JOINED}
AGES = {"sensitive": [{"column": "age", "bins": [30, 60]}]}
CRITERION = {"metric": "tpr", "population": "overall", "comparator": "at_least", "threshold": 0.5}
AGE = {"column": "age", "bins": [30]}
SCORED = {"y_true": "y_true", "y_pred": "y_pred", "y_score": "y_score"}


def test_check_spec_fills_in_what_is_not_said() -> None:
    assert check_spec(SPEC) == AuditSpec(
        task="binary",
        columns={"y_true": "y_true", "y_pred": "y_pred"},
        positive_label="1",
        features=(SensitiveFeature("group"),),
        metrics=list_available_metrics("binary", SPEC["columns"]),
    )


def test_what_can_be_measured_depends_on_the_columns() -> None:
    labels, scored = check_spec(SPEC).metrics, check_spec({**SPEC, "columns": SCORED}).metrics
    assert {"selection_rate", "tpr", "f1"} <= set(labels)
    assert {"auc", "mean_score"} == {"auc", "mean_score"} & set(scored) - set(labels)


def test_check_spec_reads_every_key() -> None:
    spec = check_spec(
        {
            **SPEC,
            "columns": SCORED,
            "labels": ["0", "1"],
            "missing": "own_group",
            "reference": {"group": "a"},
            "delimiter": ";",
            "encoding": "utf-8-sig",
            "scoring": True,
            "score_range": [0, 1],
            "metrics": ["auc", "tpr"],
            "minimum_group_size": 5,
            "intervals": {"draws": 500, "level": 0.9},
            "seed": 7,
        }
    )
    assert spec == AuditSpec(
        task="binary",
        columns=SCORED,
        positive_label="1",
        features=(SensitiveFeature("group"),),
        labels=("0", "1"),
        missing="own_group",
        reference={"group": "a"},
        delimiter=";",
        encoding="utf-8-sig",
        scoring=True,
        score_range=(0.0, 1.0),
        metrics=("tpr", "auc"),
        minimum_group_size=5,
        draws=500,
        level=0.9,
        seed=7,
    )


def test_check_spec_reads_every_further_key() -> None:
    spec = check_spec(
        {
            "file": ["a.csv", "b.csv"],
            "task": "ranking",
            "columns": {"y_score": "s", "id": "i", "cluster": "q", "query": "q", "condition": "noise"},
            "sensitive": ["sex", {"column": "age", "bins": [30, 60]}, {"column": "race", "from": "sensitive_file"}],
            "sensitive_file": {"file": "people.csv", "id": "person", "unmatched": "exclude"},
            "declared_groups": {"sex": ["f", "m"], "age": ["<30"]},
            "reference": {"age": "30-60"},
            "top_k": 0.1,
            "criteria": [{**CRITERION, "name": "Good enough"}],
            "minimum_published_count": 5,
            "tests": {"correction": "benjamini-hochberg"},
            "calibration": {"bins": 5, "strategy": "quantile"},
            "exclude_under_two_percent": True,
            "advice": True,
            "proxies": ["zip", {"column": "income", "bins": [1000]}],
            "baseline_condition": "none",
        }
    )
    assert spec.features == (
        SensitiveFeature("sex"),
        SensitiveFeature("age", (30.0, 60.0)),
        SensitiveFeature("race", source="sensitive_file"),
    )
    assert (spec.sensitive, spec.joined) == (("sex", "age", "race"), spec.features[2:])
    assert spec.used_columns == ("s", "i", "q", "noise", "sex", "age", "zip", "income")
    assert spec.sensitive_file == SensitiveFile("person", "people.csv", "exclude")
    assert (spec.files, spec.top_k, spec.positive_label) == (("a.csv", "b.csv"), 0.1, "")
    assert spec.declared_groups == {"sex": ("f", "m"), "age": ("<30",)}
    assert spec.criteria == (Criterion("tpr", "overall", "at_least", 0.5, "Good enough"),)
    assert (spec.minimum_published_count, spec.correction) == (5, "benjamini-hochberg")
    assert (spec.calibration_bins, spec.calibration_strategy) == (5, "quantile")
    assert (spec.exclude_under_two_percent, spec.advice, spec.baseline_condition) == (True, True, "none")
    assert spec.proxies == (ProxyColumn("zip"), ProxyColumn("income", (1000.0,)))


def test_scores_alone_are_a_task() -> None:
    spec = check_spec({"task": "scoring", "columns": SCORE_ONLY, "sensitive": ["group"]})
    assert spec.scoring
    assert "mean_score" in spec.metrics
    assert "auc" not in spec.metrics


@pytest.mark.parametrize(
    ("bins", "names"),
    [
        ([0.5], ("<0.5", ">=0.5")),
        ([-1.5, 0, 2], ("<-1.5", "-1.5 to 0", "0-2", ">=2")),
        ([1e6, 2.5e6], ("<1000000", "1000000-2500000", ">=2500000")),
    ],
)
def test_name_bins(bins: list[float], names: tuple[str, ...]) -> None:
    assert name_bins(bins) == names


@needs_devset
def test_check_spec_accepts_every_case_of_the_developer_set() -> None:
    cases = json.loads((find_devset() / "cases.json").read_text("utf-8"))
    assert len([check_spec(case) for case in cases]) == 36


BAD_SPECS: list[tuple[str, dict[str, Any], str | None, str]] = [
    ("unknown key", {"positive_labl": "1"}, "positive_labl", "did you mean 'positive_label'?"),
    ("task", {"task": "clustering"}, "task", "must be one of 'binary', 'multiclass'"),
    ("task type", {"task": 3}, "task", "must be one of 'binary'"),
    ("no score", {"task": "scoring", "columns": {"y_true": "y"}}, "columns.y_score", "with the scores"),
    ("role of another task", {"task": "regression", "columns": SCORED}, "columns.y_score", "is not used by the task"),
    ("query", {"columns": {"y_true": "y", "y_pred": "p", "query": "q"}}, "columns.query", "is not used by the task"),
    ("label of a regression", {"task": "regression"}, "positive_label", "has no positive label"),
    ("label of scores", {"task": "scoring", "columns": {"y_score": "s"}}, "positive_label", "has no positive label"),
    ("one class", {"task": "multiclass", "labels": ["a"], "positive_label": None}, "labels", "2 to 100"),
    ("labels of a regression", {"task": "regression", "labels": ["0", "1"]}, "labels", "has no labels"),
    ("top k missing", {"task": "ranking", "columns": SCORE_ONLY, "positive_label": None}, "top_k", "how many"),
    ("top k elsewhere", {"top_k": 3}, "top_k", "is for the task ranking"),
    (
        "top k share",
        {"task": "ranking", "columns": SCORE_ONLY, "positive_label": None, "top_k": 1.5},
        "top_k",
        "between 0 and 1",
    ),
    (
        "top k zero",
        {"task": "ranking", "columns": SCORE_ONLY, "positive_label": None, "top_k": 0},
        "top_k",
        "whole number from 1",
    ),
    ("feature key", {"sensitive": [{"name": "age"}]}, "sensitive", "unknown key 'name'"),
    ("bins fall", {"sensitive": [{"column": "age", "bins": [30, 20]}]}, "sensitive.bins", "must rise"),
    ("bins text", {"sensitive": [{"column": "age", "bins": ["30"]}]}, "sensitive.bins", "must be a number"),
    ("bins empty", {"sensitive": [{"column": "age", "bins": []}]}, "sensitive.bins", "must list 1 to 100"),
    ("from", {"sensitive": [{"column": "a", "from": "web"}]}, "sensitive.from", "'predictions', 'sensitive_file'"),
    ("no file", {"sensitive": JOINED}, "sensitive_file", "describe it"),
    ("no id", {"sensitive": JOINED, "sensitive_file": {"id": "p"}}, "columns.id", "name columns.id"),
    ("file for nothing", {"sensitive_file": {"id": "p"}}, "sensitive_file", "no sensitive column comes from it"),
    (
        "unmatched",
        {**FROM_FILE, "sensitive_file": {"id": "p", "unmatched": "drop"}},
        "sensitive_file.unmatched",
        "must be one of 'exclude'",
    ),
    ("file list", {"file": []}, "file", "1 to 10,000"),
    ("file twice", {"file": ["a.csv", "a.csv"]}, "file", "listed twice"),
    ("binned reference", {**AGES, "reference": {"age": "30"}}, "reference.age", "they make '<30', '30-60', '>=60'"),
    ("binned group", {**AGES, "declared_groups": {"age": ["old"]}}, "declared_groups.age", "not a group"),
    ("declared type", {"declared_groups": ["a"]}, "declared_groups", "must map"),
    ("declared nothing", {"declared_groups": {"group": []}}, "declared_groups.group", "1 to 1,000"),
    ("declared other", {"declared_groups": {"sex": ["f"]}}, "declared_groups.sex", "not one of the sensitive"),
    ("criteria type", {"criteria": {}}, "criteria", "must be a list"),
    ("criterion comparator", {"criteria": [{**CRITERION, "comparator": "<"}]}, "criteria[0].comparator", "'at_least'"),
    ("criterion metric", {"criteria": [{**CRITERION, "metric": 1}]}, "criteria[0].metric", "must be a text"),
    (
        *("misspelt metric", {"criteria": [{**CRITERION, "metric": "accuraccy"}]}),
        *("criteria[0].metric", "unknown metric 'accuraccy'; did you mean 'accuracy'?"),
    ),
    (
        *("misspelt feature", {"criteria": [{**CRITERION, "population": "gruop=a"}]}),
        *("criteria[0].population", "unknown feature 'gruop'; did you mean 'group'?"),
    ),
    (
        *("feature without a group", {"criteria": [{**CRITERION, "population": "group"}]}),
        *("criteria[0].population", "'group' is no population; write 'overall', a group such as 'group=...'"),
    ),
    (
        *("group that bins do not make", {"sensitive": [AGE], "criteria": [{**CRITERION, "population": "age=>30"}]}),
        *("criteria[0].population", "unknown group of age '>30'; did you mean '>=30'?"),
    ),
    (
        *("threshold beyond a rate", {"criteria": [{**CRITERION, "threshold": 7}]}),
        *("criteria[0].threshold", "lies between 0 and 1, so 7 decides nothing; write 0.7 for 70 %"),
    ),
    ("criterion threshold", {"criteria": [{**CRITERION, "threshold": "1"}]}, "criteria[0].threshold", "a number"),
    ("criterion key", {"criteria": [CRITERION, {"passed": True}]}, "criteria[1]", "unknown key 'passed'"),
    ("correction", {"tests": {"correction": "none"}}, "tests.correction", "'holm'"),
    ("tests", {"tests": "holm"}, "tests", "must be an object with correction"),
    ("calibration", {"calibration": {"bins": 1}}, "calibration.bins", "from 2 to 100"),
    ("strategy", {"calibration": {"strategy": "equal"}}, "calibration.strategy", "'uniform', 'quantile'"),
    ("published", {"minimum_published_count": 0}, "minimum_published_count", "from 1"),
    ("two percent", {"exclude_under_two_percent": 1}, "exclude_under_two_percent", "true or false"),
    ("advice", {"advice": "yes"}, "advice", "true or false"),
    ("proxies", {"proxies": "zip"}, "proxies", "in a list"),
    ("proxy is sensitive", {"proxies": ["group"]}, "proxies", "is itself a sensitive column"),
    ("baseline", {"baseline_condition": "none"}, "baseline_condition", "needs a condition column"),
    (
        "metric of another task",
        {"task": "regression", "positive_label": None, "metrics": ["tpr"]},
        "metrics",
        "cannot be measured for the task regression",
    ),
    ("columns", {"columns": ["y_true"]}, "columns", "name the columns"),
    ("no prediction", {"columns": {"y_true": "y"}}, "columns.y_pred", "predicted labels"),
    ("role", {"columns": {"y_true": "y", "y_pred": "p", "sex": "s"}}, "columns.sex", "unknown role"),
    ("same column", {"columns": {"y_true": "y", "y_pred": "y"}}, "columns", "of its own"),
    ("empty column", {"columns": {"y_true": "", "y_pred": "p"}}, "columns.y_true", "not empty"),
    ("sensitive text", {"sensitive": "group"}, "sensitive", "in a list"),
    ("no sensitive", {"sensitive": []}, "sensitive", "name 1 to 8"),
    ("sensitive twice", {"sensitive": ["a", "a"]}, "sensitive", "named twice"),
    ("sensitive label", {"sensitive": ["y_true"]}, "sensitive", "already has another role"),
    ("number as label", {"positive_label": 1}, "positive_label", "must be a text"),
    ("bool as label", {"positive_label": True}, "positive_label", "must be a text"),
    ("no label", {"positive_label": None}, "positive_label", "must be a text"),
    ("label not listed", {"labels": ["yes", "no"]}, "positive_label", "must be one of"),
    ("three labels", {"labels": ["0", "1", "2"]}, "labels", "two labels"),
    ("same labels", {"labels": ["1", "1"]}, "labels", "must differ"),
    ("missing", {"missing": "drop"}, "missing", "'exclude', 'own_group'"),
    ("reference", {"reference": {"age": "old"}}, "reference.age", "not one of the sensitive"),
    ("reference type", {"reference": "a"}, "reference", "must map"),
    ("delimiter", {"delimiter": "/"}, "delimiter", "must be one of"),
    ("scoring", {"scoring": True}, "scoring", "need a score column"),
    ("score range", {"score_range": [0, 1]}, "score_range", "needs a score column"),
    ("range order", {"columns": SCORED, "score_range": [1, 0]}, "score_range", "must be below"),
    ("metric", {"metrics": ["recall"]}, "metrics", "unknown metric 'recall'"),
    ("metric without score", {"metrics": ["auc"]}, "metrics", "needs a score column"),
    ("group size", {"minimum_group_size": 0}, "minimum_group_size", "whole number from 1"),
    ("group size bool", {"minimum_group_size": True}, "minimum_group_size", "whole number"),
    ("draws", {"intervals": {"draws": 10}}, "intervals.draws", "from 200"),
    ("level", {"intervals": {"level": 95}}, "intervals.level", "between 0.5 and 0.999"),
    ("level nan", {"intervals": {"level": float("nan")}}, "intervals.level", "finite"),
    ("level huge", {"intervals": {"level": 10**400}}, "intervals.level", "finite"),
    ("intervals key", {"intervals": {"n": 5}}, "intervals", "draws and level"),
    ("seed", {"seed": -1}, "seed", "from 0"),
]


@pytest.mark.parametrize(
    ("changes", "column", "words"), [case[1:] for case in BAD_SPECS], ids=[case[0] for case in BAD_SPECS]
)
def test_check_spec_names_the_key_and_what_to_write(changes: dict[str, Any], column: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_spec({**SPEC, **changes})
    assert caught.value.column == column
    assert words in caught.value.message


@pytest.mark.parametrize("document", [None, [], "spec", 3])
def test_check_spec_refuses_what_is_not_an_object(document: object) -> None:
    with pytest.raises(BadInput, match="must be a JSON object"):
        check_spec(document)
