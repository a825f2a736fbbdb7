"""The bias audit's form: every field reaches the specification, and a whole document takes its place."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from governance import runner
from governance.models import Evaluation
from tests import cast
from tests.portal.pages.browsing import browse, text_of
from tests.portal.pages.test_evaluations import audit_post


@pytest.fixture
def predictions(version, developer) -> Any:
    return cast.submit(version, "predictions", by=developer, file=[cast.make_predictions()], file_name="p.csv")


def ask(version: Any, developer: Any, given: dict[str, Any]) -> Any:
    return browse(developer).post(f"/versions/{version.pk}/evaluations/new/", given)


WHOLE_SPEC = {
    "task": "binary",
    "columns": {
        "y_true": "y_true",
        "y_pred": "y_pred",
        "y_score": "score",
        "id": "row_id",
        "condition": "camera",
        "cluster": "person",
    },
    "positive_label": "1",
    "sensitive": ["sex", {"column": "age", "bins": [30.0, 45.5], "from": "sensitive_file"}],
    "sensitive_file": {"id": "row_id"},
    "reference": {"sex": "male"},
    "declared_groups": {"sex": ["female", "male"]},
    "proxies": ["zip", "job"],
    "scoring": True,
    "exclude_under_two_percent": True,
    "advice": True,
    "criteria": [{"metric": "accuracy", "population": "overall", "comparator": "at_least", "threshold": 0.8}],
    "minimum_group_size": 20,
    "intervals": {"draws": 200, "level": 0.95},
    "seed": 7,
    "missing": "own_group",
    "baseline_condition": "none",
}


def test_every_field_reaches_the_specification(version, predictions, developer) -> None:
    joined = cast.submit(version, "table", by=developer, file=[b"row_id,age\n1,30\n"], file_name="t.csv")
    given = audit_post(
        version,
        predictions,
        y_score="score",
        condition="camera",
        baseline_condition="none",
        cluster="person",
        sensitive="sex, age",
        bins="age: 30, 45.5\n\n",
        reference="sex: male",
        declared_groups="sex: female, male",
        missing="own_group",
        sensitive_file=joined.pk,
        sensitive_file_id="row_id",
        joined="age",
        proxies="zip, job",
        scoring="on",
        exclude_under_two_percent="on",
        advice="on",
        **{
            "form-TOTAL_FORMS": "2",
            "form-INITIAL_FORMS": "0",
            "form-0-metric": "accuracy",
            "form-0-population": "overall",
            "form-0-comparator": "at_least",
            "form-0-threshold": "0.8",
            "form-1-population": "overall",
            "form-1-comparator": "at_least",
        },
    )
    assert ask(version, developer, given).status_code == 302
    made = Evaluation.objects.get()
    assert made.spec == WHOLE_SPEC
    assert [(item.role, item.evidence) for item in made.inputs.all()] == [("sensitive_file", joined)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"task": "regression"}, {"task": "regression", "columns": {"y_true": "y_true", "y_pred": "y_pred"}}),
        ({"task": "multiclass", "labels": "low, mid, high"}, {"labels": ["low", "mid", "high"]}),
        ({"task": "ranking", "y_pred": "", "y_score": "s", "top_k": "10"}, {"top_k": 10}),
        ({"task": "ranking", "y_pred": "", "y_score": "s", "top_k": "0.1"}, {"top_k": 0.1}),
        ({"task": "scoring", "y_pred": "", "y_true": "", "y_score": "s"}, {"columns": {"y_score": "s"}}),
    ],
)
def test_every_task_can_be_asked_for(changes, expected, version, predictions, developer) -> None:
    given = audit_post(version, predictions, **({"id": ""} | changes))
    answer = ask(version, developer, given)
    assert answer.status_code == 302, text_of(answer)
    spec = Evaluation.objects.get().spec
    assert {name: spec[name] for name in expected} == expected


def test_whole_document_takes_the_place_of_the_fields(version, predictions, developer) -> None:
    document = cast.PREDICTIONS_SPEC | {"seed": 41}
    given = audit_post(version, predictions, document=json.dumps(document), sensitive="", y_true="ignored")
    assert ask(version, developer, given).status_code == 302
    assert Evaluation.objects.get().spec == document


def test_browser_demands_no_field_whose_place_the_document_takes(version, predictions, developer) -> None:
    page = text_of(browse(developer).get(f"/versions/{version.pk}/evaluations/new/?kind=bias_audit"))
    (field,) = re.findall(r'<input[^>]*name="sensitive"[^>]*>', page)
    assert "required" not in field


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"document": "{"}, "this is not JSON"),
        ({"document": '{"title": "\\ud800"}'}, "This cannot be read"),
        ({"document": '{"title": "\\u0000"}'}, "This cannot be read"),
        ({"document": '{"task": "binary", "task": "ranking"}'}, "This cannot be read"),
        ({"document": '{"seed": 12345678901234567890}'}, "This cannot be read"),
        ({"document": '{"seed": 1e400}'}, "This cannot be read"),
        ({"document": '{"seed": NaN}'}, "This cannot be read"),
        ({"document": '{"case": ' + "[" * 3_000 + "]" * 3_000 + "}"}, "This cannot be read"),
        ({"document": "[1]"}, "A specification is a JSON object"),
        ({"document": '{"task": "binary", "guess": 1}'}, "The specification is not usable"),
        ({"bins": "age 30"}, "Line 1 needs a name, a colon and values."),
        ({"bins": "sex: 1\nage: thirty"}, "Line 2: expected numbers."),
        ({"top_k": "many"}, "Give a number of rows"),
    ],
)
def test_what_cannot_be_read_is_told_at_its_field(changes, words, version, predictions, developer) -> None:
    answer = ask(version, developer, audit_post(version, predictions, **changes))
    assert (answer.status_code, Evaluation.objects.count()) == (400, 0)
    assert words in text_of(answer)


def make_conditions() -> bytes:
    """200 rows twice, undisturbed and blurred; blurring turns every tenth prediction of a woman."""
    rows = ["row_id,condition,sex,zip,y_true,y_pred,score"]
    for condition in ("none", "blur"):
        for number in range(200):
            sex = "female" if number % 2 else "male"
            label = number % 3 == 0
            turned = condition == "blur" and sex == "female" and number % 5 == 1
            predicted = label != turned
            score = 0.9 if predicted else 0.1
            rows.append(f"{number},{condition},{sex},{number % 4},{label:d},{predicted:d},{score}")
    return "\n".join(rows).encode()


def test_losses_proxies_and_advice_are_read_on_the_page(version, developer) -> None:
    evidence = cast.submit(version, "predictions", by=developer, file=[make_conditions()], file_name="p.csv")
    document = {
        "task": "binary",
        "columns": {
            "y_true": "y_true",
            "y_pred": "y_pred",
            "y_score": "score",
            "condition": "condition",
            "cluster": "row_id",
        },
        "positive_label": "1",
        "sensitive": ["sex"],
        "baseline_condition": "none",
        "proxies": ["zip"],
        "advice": True,
        "criteria": [
            {"metric": "accuracy_loss", "population": "condition=blur", "comparator": "at_most", "threshold": 0.5},
            {"metric": "accuracy", "population": "overall", "comparator": "at_least", "threshold": 0.99},
        ],
    }
    client = browse(developer)
    ask(version, developer, audit_post(version, evidence, document=json.dumps(document)))
    evaluation = Evaluation.objects.get()
    runner.run(evaluation.pk)
    evaluation.refresh_from_db()
    assert evaluation.failure == ""
    page = text_of(client.get(f"/evaluations/{evaluation.pk}/"))
    for words in (
        "Losses under conditions",
        "Who loses most",
        "sex=female",
        "Possible proxies",
        "What other thresholds would give",
        "nothing of this was applied",
        "Criteria of this specification",
    ):
        assert words in page
    assert {row["verdict"] for row in json.loads(evaluation.result)["verdicts"]} >= {"met"}


def run_document(version: Any, developer: Any, content: bytes, document: dict[str, Any]) -> str:
    evidence = cast.submit(version, "predictions", by=developer, file=[content], file_name="p.csv")
    ask(version, developer, audit_post(version, evidence, document=json.dumps(document)))
    evaluation = Evaluation.objects.get()
    runner.run(evaluation.pk)
    evaluation.refresh_from_db()
    assert evaluation.failure == ""
    return text_of(browse(developer).get(f"/evaluations/{evaluation.pk}/"))


def test_several_classes_are_read_each_against_the_rest(version, developer) -> None:
    rows = ["group,y,p"]
    rows += [
        f"{'ab'[n % 2]},{['low', 'mid', 'high'][n % 3]},{['low', 'mid', 'high'][(n // 4) % 3]}" for n in range(180)
    ]
    document = {
        "task": "multiclass",
        "columns": {"y_true": "y", "y_pred": "p"},
        "labels": ["low", "mid", "high"],
        "sensitive": ["group"],
    }
    page = run_document(version, developer, "\n".join(rows).encode(), document)
    for words in ("Each class against the rest, by group", "Confusion of the classes", "Balanced accuracy", "group=a"):
        assert words in page


def test_regression_is_read_by_its_errors(version, developer) -> None:
    rows = ["group,y,p"] + [f"{'ab'[n % 2]},{n % 7},{n % 7 + (n % 5) / 10}" for n in range(120)]
    document = {"task": "regression", "columns": {"y_true": "y", "y_pred": "p"}, "sensitive": ["group"]}
    page = run_document(version, developer, "\n".join(rows).encode(), document)
    for words in ("Errors by group", "Mean error", "Mean absolute error, difference"):
        assert words in page


def test_scores_without_decisions_are_read_with_scoring_rates_and_curves(version, developer) -> None:
    rows = ["group,y,s"] + [f"{'ab'[n % 2]},{n % 3 % 2},{(n * 37 % 100) / 100}" for n in range(200)]
    document = {
        "task": "scoring",
        "columns": {"y_true": "y", "y_score": "s"},
        "positive_label": "1",
        "sensitive": ["group"],
    }
    page = run_document(version, developer, "\n".join(rows).encode(), document)
    for words in ("Scoring rates by group", "Reliability by group", "ROC by group", "Mean score"):
        assert words in page
