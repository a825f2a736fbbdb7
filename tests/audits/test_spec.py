from __future__ import annotations

from typing import Any

import pytest

from audits.errors import BadInput
from audits.spec import AuditSpec, check_spec
from tests.audits.samples import SPEC, list_cases, needs_devset

LABEL_METRICS = (
    "selection_rate", "base_rate", "tpr", "fnr", "fpr", "tnr", "precision", "npv", "accuracy", "f1",
    "balanced_accuracy",
)  # fmt: skip
SCORED = {"y_true": "y_true", "y_pred": "y_pred", "y_score": "y_score"}


def test_check_spec_fills_in_what_is_not_said() -> None:
    assert check_spec(SPEC) == AuditSpec(
        task="binary",
        columns={"y_true": "y_true", "y_pred": "y_pred"},
        positive_label="1",
        sensitive=("group",),
        metrics=LABEL_METRICS,
    )


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
        sensitive=("group",),
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


@needs_devset
def test_check_spec_accepts_every_binary_case_of_the_developer_set() -> None:
    assert len([check_spec(case) for case in list_cases()]) == 32


BAD_SPECS: list[tuple[str, dict[str, Any], str | None, str]] = [
    ("unknown key", {"positive_labl": "1"}, "positive_labl", "did you mean 'positive_label'?"),
    ("task", {"task": "multiclass"}, "task", "cannot be audited yet"),
    ("task type", {"task": 3}, "task", "must be 'binary'"),
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
    ("delimiter", {"delimiter": "|"}, "delimiter", "must be one of"),
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
