"""What was chosen for an evaluation and which rows it counted: signed with the dossier, said by the gate, decisive."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audits.metrics import SHARES, Counts
from governance import runner
from governance.actions import evaluations
from governance.dossier import collect
from governance.dossier_items import EvaluationItem
from governance.evaluation_settings import find_gap, read_settings
from governance.findings import Finding
from governance.gate import judge
from governance.measure_shares import SHARES as OURS
from governance.measure_shares import count_shares
from governance.models import Evaluation, ModelVersion, User
from tests import cast

pytestmark = pytest.mark.django_db
KEY = "evaluation:bias_audit:test"
CRITERION = "criterion:R-1.1"


def audit(
    version: ModelVersion, developer: User, content: bytes, *, kind: str = "predictions", **spec: Any
) -> EvaluationItem:
    """The newest bias audit as the dossier reads it, of a file submitted for it."""
    evidence = cast.submit(version, kind, by=developer, file=[content], file_name="rows")
    made = evaluations.request_evaluation(
        version,
        kind="bias_audit",
        evidence=evidence,
        spec=cast.PREDICTIONS_SPEC | spec,
        actor=cast.acting(developer),
    )
    runner.run(made.pk)
    made.refresh_from_db()
    assert made.status == "SUCCEEDED", made.failure
    return next(item for item in collect(version).evaluations if item.id == made.pk)


def find(version: ModelVersion, key: str) -> Finding:
    return next(finding for finding in judge(collect(version)).findings if finding.key == key)


def count(content: bytes) -> dict[str, Any]:
    """The cells of a prediction file, counted where it lives."""
    found: dict[tuple[str, int, int], int] = {}
    for line in content.decode().split()[1:]:
        _row, sex, truth, guess = line.split(",")
        key = (sex, int(truth), int(guess))
        found[key] = found.get(key, 0) + 1
    cells = [[[sex], y, p, n, float(n), float(n)] for (sex, y, p), n in sorted(found.items())]
    return {
        "format": "countersign/cells/2",
        "task": "binary",
        "sensitive_features": ["sex"],
        "condition": None,
        "classes": ["0", "1"],
        "positive_label": "1",
        "weighted": False,
        "rows_read": sum(found.values()),
        "rows_missing": 0,
        "left_out": [],
        "cells": cells,
    }


# --- What was chosen -------------------------------------------------------------------------------------------


def test_swapped_columns_are_signed_and_said(version, developer):
    """Precision and recall change places with the columns: nobody may sign that without seeing it."""
    plain = audit(version, developer, cast.make_predictions())
    before = collect(version)
    swapped = {"columns": {"y_true": "y_pred", "y_pred": "y_true"}, "positive_label": "0"}
    turned = audit(version, developer, cast.make_predictions(), **swapped)
    assert {item.name: item.value for item in plain.settings}["columns.y_true"] == "y_true"
    settings = {item.name: item.value for item in turned.settings}
    assert (settings["columns.y_true"], settings["positive_label"]) == ("y_pred", "0")
    assert "Read as y_true = y_pred, y_pred = y_true, positive = 0." in find(version, KEY).detail
    assert collect(version).digest != before.digest
    (signed,) = [item for item in collect(version).document["evaluations"] if item["id"] == turned.id]
    assert {"name": "columns.y_true", "value": "y_pred"} in signed["settings"]


def test_weights_and_rows_left_out_are_said(version, developer):
    lines = cast.make_predictions().decode().split()
    rows = [f"{line},{'' if n < 6 else 'x'},{n % 3}" for n, line in enumerate(lines[1:])]
    content = "\n".join([f"{lines[0]},site,w", *rows]).encode() + b"\n"
    columns = {"y_true": "y_true", "y_pred": "y_pred", "weight": "w"}
    item = audit(version, developer, content, columns=columns, sensitive=["sex", "site"], missing="exclude")
    assert [(part.rows, part.submitted) for part in item.left_out] == [(6, 400)]
    detail = find(version, KEY).detail
    assert "positive = 1, weighted by w, rows without a sensitive value left out." in detail
    assert "6 of 400 rows (1.5%) left out: a sensitive value is missing." in detail


def test_settings_hold_everything_that_has_an_effect_and_the_digest_of_the_whole():
    spec = {
        "title": "for people",
        "criteria": [{"metric": "tpr"}],
        "sensitive": ["sex", {"column": "age", "bins": [30, 45]}],
        "reference": {"sex": "male"},
        "minimum_group_size": 5,
        "intervals": {"level": 0.95, "draws": 200},
        "seed": 3,
        "outputs": list(range(1_000)),
    }
    found = {item.name: item.value for item in read_settings(spec, {})}
    assert set(found) == {
        *("sensitive", "reference.sex", "minimum_group_size", "intervals.level", "intervals.draws", "seed"),
        *("outputs", "specification"),
    }
    assert found["sensitive"] == 'sex, {"column": "age", "bins": [30, 45]}'
    assert len(found["outputs"]) == 200
    assert found["specification"].startswith("sha256:")
    assert len(read_settings({f"key {number}": 1 for number in range(1_000)}, {})) == 61


def test_tolerances_of_a_reproduction_are_settings():
    metrics = [{"name": "auc", "tolerance": {"absolute": 0.01, "relative": 0.0, "declared_by": "report"}}]
    result = {"format": "countersign/reproduction-result/1", "metrics": metrics}
    found = {item.name: item.value for item in read_settings({}, result)}
    assert found["tolerance of auc"] == "absolute 0.01, declared by report"


# --- Which rows were counted -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (202, "Predictions cover 202 of the 400 rows of Readmission triage data 1 v2."),
        (502, "There are 502 predictions for the 400 rows of Readmission triage data 1 v2."),
    ],
)
@pytest.mark.parametrize("kind", ["predictions", "cells"])
def test_other_rows_than_the_dataset_versions_settle_nothing(model_with_go, developer, rows, words, kind):
    version = cast.register_version(model_with_go, developer)
    content = cast.make_predictions(rows)
    if kind == "cells":
        content = json.dumps(count(content)).encode()
    columns = {"y_true": "y_true", "y_pred": "y_pred"}
    item = audit(version, developer, content, kind=kind, columns=columns)
    finding, criterion = find(version, KEY), find(version, CRITERION)
    assert (finding.status, finding.can_be_waived) == ("NOT_MET", True)
    assert finding.detail.startswith(words)
    assert criterion.status == "INCONCLUSIVE"
    assert item.gap in criterion.detail
    assert {measure.reason for measure in item.measures if measure.value is not None} != {None}
    assert ("counted by the submitter" in finding.detail) == (kind == "cells")


def test_all_rows_settle_and_rows_left_out_count_as_submitted(version, developer):
    content = cast.make_predictions().replace(b"0,male", b"0,")
    item = audit(version, developer, content, missing="exclude")
    assert item.gap == ""
    assert find(version, KEY).detail.startswith("Computed on all rows of Readmission triage data 1 v2 (400).")
    assert audit(version, developer, cast.make_predictions()).gap == ""
    assert find(version, CRITERION).status == "MET"


def under(rows: int, **conditions: int) -> dict[str, Any]:
    return {
        "data": {"rows": rows},
        "robustness": {"conditions": [{"condition": name, "rows": n} for name, n in conditions.items()]},
    }


def together(rows: int, **conditions: int) -> dict[str, Any]:
    cells = [[["a", name], 0, 0, n, float(n), float(n)] for name, n in conditions.items()]
    return {"data": {"rows": rows}, "cells": {"condition": "c", "cells": cells}}


@pytest.mark.parametrize(
    ("result", "gap"),
    [
        (under(800, clean=400, noise=400), ""),
        (under(400, clean=250, noise=150), "predictions cover 250 of the 400 rows of D v1 under the condition “clean”"),
        (under(800, clean=500, noise=300), "there are 500 predictions for the 400 rows of D v1 under the condition"),
        (under(800, clean=390, noise=400), ""),  # ten rows left out, of which condition is not known
        (under(790, clean=390, noise=395), "predictions cover 790 of the 800 rows of D v1 under its 2 conditions"),
        (together(400, summer=250, winter=150), ""),
        (together(800, summer=400, winter=400), ""),
        (together(800, summer=500, winter=300), "there are 500 predictions for the 400 rows"),
        (together(500, summer=250, winter=250), "predictions cover 250 of the 400 rows"),
    ],
)
def test_every_condition_holds_the_rows_of_the_dataset_version(result, gap):
    found = find_gap("bias_audit", result, 400, "D v1")
    assert found.startswith(gap)
    assert bool(found) == bool(gap)


def test_the_condition_is_said_with_every_criterion(version, developer):
    lines = cast.make_predictions().decode().split()
    rows = [f"{line},{condition}" for condition in ("clean", "noise") for line in lines[1:]]
    content = "\n".join([f"{lines[0]},c", *rows]).encode() + b"\n"
    columns = {"y_true": "y_true", "y_pred": "y_pred", "condition": "c"}
    item = audit(version, developer, content, columns=columns, baseline_condition="clean")
    assert item.gap == ""
    assert "under the condition “clean” of c" in find(version, CRITERION).detail.lower()
    assert "under the condition “clean” of c" in find(version, KEY).detail


# --- Explanations ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (cast.make_attributions(1), "only 1 of 400 rows are explained; at least 100 are needed"),
        (cast.make_attributions(99), "only 99 of 400 rows are explained"),
        (b"row_id,base_value,output,age\n" + b"".join(b"%d,0,0,0\n" % n for n in range(150)), "every explained row"),
    ],
)
def test_additivity_of_few_or_equal_rows_shows_nothing(version, developer, content, words):
    evidence = cast.submit(version, "attributions", by=developer, file=[content], file_name="a.csv")
    spec = {name: value for name, value in cast.ATTRIBUTIONS_SPEC.items() if name != "prediction_id"}
    made = evaluations.request_evaluation(
        version, kind="explanation", evidence=evidence, spec=spec, actor=cast.acting(developer)
    )
    runner.run(made.pk)
    made.refresh_from_db()
    assert made.status == "SUCCEEDED", made.failure
    (item,) = collect(version).evaluations
    (share,) = [measure for measure in item.measures if measure.metric == "additive_share"]
    assert share.value == 1.0
    assert words in (share.reason or "")


# --- Numbers that cannot be recorded ---------------------------------------------------------------------------


def test_whatever_a_result_says_its_version_stays_readable(version, developer):
    item = audit(version, developer, cast.make_predictions())
    kept = Evaluation.objects.get(pk=item.id)
    result = json.loads(kept.result)
    for measure in result["measures"]:
        measure["n"] = 2**63
    result["rows_left_out"] = [{"reason": "lost", "rows": 2**60}]
    Evaluation.objects.filter(pk=item.id).update(result=json.dumps(result))
    assert find(version, CRITERION).status == "INCONCLUSIVE"
    assert collect(version).digest.startswith("sha256:")


# --- Among how many rows ---------------------------------------------------------------------------------------


def test_shares_are_those_of_the_laboratory():
    counts = Counts(tp=2, fp=3, fn=5, tn=11)
    assert set(OURS) == set(SHARES)
    for metric, (part, whole) in OURS.items():
        found = tuple(sum(getattr(counts, name) for name in names) for names in (part, whole))
        assert found == (SHARES[metric].part(counts), SHARES[metric].whole(counts)), metric


def test_a_share_is_said_among_the_rows_it_is_counted_among(version, developer):
    item = audit(version, developer, cast.make_predictions())
    measures = {(measure.metric, measure.population): measure for measure in item.measures}
    rate = measures["tpr", "sex=female"]
    assert (rate.part, rate.whole, rate.n) == (100, 100, 200)
    assert measures["accuracy", "overall"].whole == 400
    weighted = {"overall": {"tp": 1, "fp": 2, "fn": 3, "tn": 4, "w_n": 7.5}, "groupings": []}
    assert count_shares(weighted)["tpr", "overall"] == (None, 4)
