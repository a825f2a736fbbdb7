"""Asking for an evaluation, watching it, and reading its result or its failure."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from governance import runner
from governance.models import Evaluation
from tests import cast
from tests.audits.portable.paper import make_paper
from tests.portal.pages.browsing import browse, text_of


@pytest.fixture
def predictions(version, developer) -> Any:
    return cast.submit(version, "predictions", by=developer, file=[cast.make_predictions()], file_name="p.csv")


def audit_post(version: Any, predictions: Any, **changes: Any) -> dict[str, Any]:
    data = version.dataset_uses.get(role="test").dataset_version_id
    given = {
        "kind": "bias_audit",
        "evidence": predictions.pk,
        "dataset_version": f"test:{data}",
        "task": "binary",
        "y_true": "y_true",
        "y_pred": "y_pred",
        "id": "row_id",
        "positive_label": "1",
        "sensitive": "sex",
        "minimum_group_size": "20",
        "draws": "200",
        "seed": "7",
    }
    return given | changes


def test_audit_is_asked_for_watched_and_read(version, predictions, developer) -> None:
    client = browse(developer)
    answer = client.post(f"/versions/{version.pk}/evaluations/new/", audit_post(version, predictions))
    evaluation = Evaluation.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/evaluations/{evaluation.pk}/")

    waiting = text_of(client.get(f"/evaluations/{evaluation.pk}/"))
    assert f'hx-get="/evaluations/{evaluation.pk}/progress/"' in waiting
    assert "Waiting for a worker" in text_of(client.get(f"/evaluations/{evaluation.pk}/progress/"))

    runner.run(evaluation.pk)
    assert client.get(f"/evaluations/{evaluation.pk}/progress/")["HX-Refresh"] == "true"
    done = text_of(client.get(f"/evaluations/{evaluation.pk}/"))
    assert "/progress/" not in done
    for words in ("sex=female", "Passport", "versions fairlearn", "minimum group size", predictions.digest, "distinct"):
        assert words in done


def test_failure_is_told_plainly(version, developer) -> None:
    wrong = cast.submit(version, "predictions", by=developer, file=[b"a,b\n1,2\n"], file_name="p.csv")
    client = browse(developer)
    client.post(f"/versions/{version.pk}/evaluations/new/", audit_post(version, wrong))
    evaluation = Evaluation.objects.get()
    runner.run(evaluation.pk)
    page = text_of(client.get(f"/evaluations/{evaluation.pk}/"))

    assert "This evaluation failed" in page
    assert "y_true" in page
    assert "Nothing was measured." in page


def test_fairlearns_reading_stands_beside_ours_where_it_differs(version, developer) -> None:
    rows = ["row_id,sex,y_true,y_pred"]
    rows += [f"{n},male,{n % 2},{n % 2}" for n in range(60)]
    rows += [f"{n},female,0,{n % 2}" for n in range(60, 120)]
    evidence = cast.submit(version, "predictions", by=developer, file=["\n".join(rows).encode()], file_name="p.csv")
    client = browse(developer)
    client.post(f"/versions/{version.pk}/evaluations/new/", audit_post(version, evidence))
    evaluation = Evaluation.objects.get()
    runner.run(evaluation.pk)
    page = text_of(client.get(f"/evaluations/{evaluation.pk}/"))

    assert "As fairlearn reads it" in page
    assert "fairlearn takes it as 0" in page
    assert "undefined" in page


def test_small_group_is_marked(version, predictions, developer) -> None:
    client = browse(developer)
    client.post(f"/versions/{version.pk}/evaluations/new/", audit_post(version, predictions, minimum_group_size="300"))
    evaluation = Evaluation.objects.get()
    runner.run(evaluation.pk)

    assert text_of(client.get(f"/evaluations/{evaluation.pk}/")).count("too small to judge") == 2


def test_explanation_is_asked_for_and_verified(version, developer) -> None:
    evidence = cast.submit(version, "attributions", by=developer, file=[cast.make_attributions()], file_name="s.csv")
    data = version.dataset_uses.get(role="test").dataset_version_id
    client = browse(developer)
    given = {
        "kind": "explanation",
        "evidence": evidence.pk,
        "dataset_version": f"test:{data}",
        "id": "row_id",
        "output": "output",
        "base": "base_value",
        "threshold": "0.5",
        "explainer": "exact",
    }
    answer = client.post(f"/versions/{version.pk}/evaluations/new/", given)
    evaluation = Evaluation.objects.get()
    runner.run(evaluation.pk)
    page = text_of(client.get(f"/evaluations/{evaluation.pk}/"))

    assert answer.status_code == 302
    assert "additivity verified on 100 of 100 rows" in page
    assert "Said by the submitter" in page


def test_model_document_is_explained_from_its_own_fields(version, developer) -> None:
    submit = functools.partial(cast.submit, version, by=developer)
    model = submit("model_document", file=[json.dumps(make_paper()).encode()], file_name="model.json")
    rows = b"id,x,y,points\np1,0.5,9,11\np2,0.6,2,13\np3,0.6,3,17\n"
    table = submit("table", file=[rows], file_name="rows.csv")
    background = submit("table", title="Background", file=[rows], file_name="background.csv")
    data = version.dataset_uses.get(role="test").dataset_version_id
    client = browse(developer)
    given = {
        "kind": "explanation",
        "evidence": model.pk,
        "dataset_version": f"test:{data}",
        "id": "id",
        "output": "output",
        "y_score": "points",
        "of_class": "points",
        "explained": "margin",
        "data": table.pk,
        "background": background.pk,
    }
    answer = client.post(f"/versions/{version.pk}/evaluations/new/", given)
    evaluation = Evaluation.objects.get()
    runner.run(evaluation.pk)
    evaluation.refresh_from_db()

    assert answer.status_code == 302
    assert evaluation.spec == {"columns": {"id": "id", "y_score": "points"}, "class": "points", "explained": "margin"}
    assert json.loads(evaluation.result)["recomputation"]["absent"]["table"] == "background"
    page = text_of(client.get(f"/evaluations/{evaluation.pk}/"))
    assert "predictions equal to the submitted ones on 3 of 3 rows" in page.lower()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sensitive": ""}, "This field is required"),
        ({"y_true": "y_pred"}, "The specification is not usable"),
        ({"draws": "1"}, "greater than or equal to 200"),
        ({"evidence": "999999"}, "Select a valid choice"),
        ({"dataset_version": "test:999999"}, "Select a valid choice"),
    ],
)
def test_bad_request_is_refused_and_keeps_what_was_typed(changes, words, version, predictions, developer) -> None:
    given = audit_post(version, predictions, **({"positive_label": "Typed"} | changes))
    answer = browse(developer).post(f"/versions/{version.pk}/evaluations/new/", given)

    assert answer.status_code == 400
    assert words in text_of(answer)
    assert 'value="Typed"' in text_of(answer)
    assert Evaluation.objects.count() == 0


@pytest.mark.parametrize("kind", ["bias_audit", "explanation"])
def test_form_says_what_has_to_be_submitted_first(kind, version, developer) -> None:
    page = text_of(browse(developer).get(f"/versions/{version.pk}/evaluations/new/?kind={kind}"))

    assert "needed first" in page
    assert '<form class="form' not in page


def test_form_offers_the_declared_sensitive_columns(version, predictions, developer) -> None:
    page = text_of(browse(developer).get(f"/versions/{version.pk}/evaluations/new/"))

    assert 'name="sensitive" value="sex"' in page


def test_reader_may_not_ask(version, predictions, auditor) -> None:
    answer = browse(auditor).post(f"/versions/{version.pk}/evaluations/new/", audit_post(version, predictions))

    assert answer.status_code == 403
    assert Evaluation.objects.count() == 0


def test_older_evaluation_says_that_a_newer_one_counts(version, predictions, developer) -> None:
    client, address = browse(developer), f"/versions/{version.pk}/evaluations/new/"
    for _twice in range(2):
        client.post(address, audit_post(version, predictions))
    newer, older = Evaluation.objects.all()

    assert f'href="/evaluations/{newer.pk}/"' in text_of(client.get(f"/evaluations/{older.pk}/"))
    assert "newer evaluation" not in text_of(client.get(f"/evaluations/{newer.pk}/"))


def test_waiting_evaluation_has_a_button_that_cancels_it(version, predictions, developer) -> None:
    client = browse(developer)
    client.post(f"/versions/{version.pk}/evaluations/new/", audit_post(version, predictions))
    address = f"/evaluations/{Evaluation.objects.get().pk}/"
    assert f'action="{address}cancel/"' in text_of(client.get(address))
    assert client.get(f"{address}cancel/")["Location"] == address
    assert Evaluation.objects.get().status == "QUEUED"

    assert client.post(f"{address}cancel/")["Location"] == address
    page = text_of(client.get(address))
    assert "This evaluation was cancelled" in page
    assert "was cancelled." in page
    assert "/cancel/" not in page
    again = client.post(f"{address}cancel/")
    assert (again.status_code, "its outcome stands" in text_of(again)) == (409, True)


def test_reader_may_not_cancel(version, predictions, developer, auditor) -> None:
    browse(developer).post(f"/versions/{version.pk}/evaluations/new/", audit_post(version, predictions))
    address = f"/evaluations/{Evaluation.objects.get().pk}/"
    client = browse(auditor)
    assert "/cancel/" not in text_of(client.get(address))
    assert client.post(f"{address}cancel/").status_code == 403
    assert Evaluation.objects.get().status == "QUEUED"


def test_form_says_when_no_upload_can_be_evaluated(version, predictions, developer, settings, tmp_path) -> None:
    address = f"/versions/{version.pk}/evaluations/new/"
    settings.COUNTERSIGN_DATA = tmp_path
    assert "Nothing is evaluated at the moment" not in text_of(browse(developer).get(address))
    runner.note_sandbox("bwrap is not installed. Run: apt-get install bubblewrap")
    page = text_of(browse(developer).get(address))
    assert "Nothing is evaluated at the moment" in page
    assert "apt-get install bubblewrap" in page


def test_explanation_tells_whether_its_order_holds_and_why_rows_were_refused(version, developer) -> None:
    evidence = cast.submit(version, "attributions", by=developer, file=[cast.make_attributions()], file_name="s.csv")
    document = cast.ATTRIBUTIONS_SPEC | {
        "threshold": 0.5,
        "adverse": "lower",
        "protected": ["age"],
        "top": 2,
        "background": "everybody",
        "criteria": [
            {"metric": "protected_in_top", "population": "top 2", "comparator": "at_most", "threshold": 2},
        ],
    }
    client = browse(developer)
    data = version.dataset_uses.get(role="test").dataset_version_id
    given = {"kind": "explanation", "evidence": evidence.pk, "dataset_version": f"test:{data}"}
    assert (
        client.post(f"/versions/{version.pk}/evaluations/new/", given | {"document": json.dumps(document)}).status_code
        == 302
    )
    evaluation = Evaluation.objects.get()
    runner.run(evaluation.pk)
    evaluation.refresh_from_db()
    assert evaluation.failure == ""
    page = text_of(client.get(f"/evaluations/{evaluation.pk}/"))
    for words in (
        "Does the order hold?",
        "Resamples of the rows",
        "Reasons for adverse outcomes",
        "compared with everybody",
        "Criteria of this specification",
        "protected feature",
    ):
        assert words in page


def test_failed_newer_evaluation_is_told_on_the_one_it_displaced(version, predictions, developer) -> None:
    client = browse(developer)
    client.post(f"/versions/{version.pk}/evaluations/new/", audit_post(version, predictions))
    first = Evaluation.objects.get()
    runner.run(first.pk)
    client.post(f"/versions/{version.pk}/evaluations/new/", audit_post(version, predictions, y_true="nowhere"))
    newer = Evaluation.objects.exclude(pk=first.pk).get()
    assert "which is queued" in text_of(client.get(f"/evaluations/{first.pk}/"))
    runner.run(newer.pk)
    page = text_of(client.get(f"/evaluations/{first.pk}/"))
    assert "This one settles nothing any more" in page
    assert "which is failed. Ask for it again." in page
    assert "counts in the dossier" not in text_of(client.get(f"/evaluations/{newer.pk}/"))


def test_audit_of_other_rows_than_the_dataset_versions_says_so(version, developer) -> None:
    rows = cast.submit(version, "predictions", by=developer, file=[cast.make_predictions(202)], file_name="p.csv")
    client = browse(developer)
    client.post(f"/versions/{version.pk}/evaluations/new/", audit_post(version, rows))
    runner.run(Evaluation.objects.get().pk)
    page = text_of(client.get(f"/evaluations/{Evaluation.objects.get().pk}/"))
    assert "Predictions cover 202 of the 400 rows of" in page
    assert "These numbers settle no criterion." in page


def test_sign_page_says_how_the_numbers_were_made(validator, ready_version) -> None:
    page = text_of(browse(validator).get(f"/versions/{ready_version.pk}/sign/"))
    assert "How the numbers were made" in page
    assert "Read as y_true = y_true, y_pred = y_pred, positive = 1." in page
    assert "columns.y_true" in page
