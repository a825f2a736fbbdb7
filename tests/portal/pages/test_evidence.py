"""Evidence in the browser: every kind's form, the item's page, the download."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from governance.evidence_content import NEEDS_FILE
from governance.models import Evidence, EvidenceKind
from portal.pages.forms.evidence import FORMS
from portal.pages.views.evidence import DESCRIPTIONS
from tests import cast
from tests.portal.pages.browsing import browse, text_of
from tests.reproductions import REPORT, make_report, make_run

NO_ROWS = {"form-TOTAL_FORMS": "0", "form-INITIAL_FORMS": "0"}
COMMON = {"title": "An item", "observed_at": "2026-01-05T09:30", "description": "d", **NO_ROWS}
REVIEW = {"reviewer": "Sofia Lindgren", "outcome": "passed", "summary": "Nothing found."}
LOAD_TEST = {"requests": "1000", "p50_ms": "20", "p95_ms": "90", "p99_ms": "150", "error_rate": "0.001"}
LOAD_VALUES = {"requests": 1000, "p50_ms": 20, "p95_ms": 90, "p99_ms": 150, "error_rate": 0.001}
AB_RESULT = {"metric": "calls", "control_n": "10", "control_mean": "0.2", "treatment_n": "10", "treatment_mean": "0.3"}
METRICS = {
    "form-TOTAL_FORMS": "2",
    "form-0-name": "accuracy",
    "form-0-value": "0.95",
    "form-0-population": "overall",
    "form-0-dataset_role": "test",
    "form-1-name": "",
    "form-1-value": "",
    "form-1-population": "overall",
    "form-1-dataset_role": "test",
}


def post(client: Any, version: Any, kind: str, **given: Any) -> Any:
    return client.post(f"/versions/{version.pk}/evidence/new/?kind={kind}", {"kind": kind, **COMMON, **given})


def file_of(content: bytes = b"# Card\n", name: str = "card.md") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def test_every_kind_has_a_form_and_a_description() -> None:
    assert set(FORMS) == set(EvidenceKind.values) == set(DESCRIPTIONS)


def test_kinds_come_with_what_the_policy_needs_first(version, developer) -> None:
    page = text_of(browse(developer).get(f"/versions/{version.pk}/evidence/new/"))

    assert page.index("Privacy review") < page.index("Load test")
    assert page.count(">needed<") == 7


@pytest.mark.parametrize("kind", sorted(EvidenceKind.values))
def test_every_kind_is_submitted_by_its_form(kind, version, developer) -> None:
    content: dict[str, Any] = {"load_test": LOAD_TEST, "ab_result": AB_RESULT, "metrics": METRICS}.get(kind, {})
    if kind.endswith("_review"):
        content = REVIEW
    if kind == "reproduction":
        content = {"document": json.dumps(REPORT)}
    if kind in NEEDS_FILE:
        content = {"file": file_of()}
    if kind in {"cells", "model_document"}:
        content = {"file": file_of(b"{}", "document.json")}
    if kind == "test_report":
        content = {"file": file_of(cast.JUNIT, "junit.xml")}
    requirement = version.model.requirements.first()
    answer = post(browse(developer), version, kind, **content, requirements=[requirement.pk])
    item = Evidence.objects.get()

    assert (answer.status_code, answer["Location"]) == (302, f"/versions/{version.pk}/?tab=evidence")
    assert (item.kind, item.title, f"{item.observed_at:%Y-%m-%d %H:%M %Z}") == (kind, "An item", "2026-01-05 09:30 UTC")
    assert list(item.requirements.all()) == [requirement]


def test_file_is_known_by_its_digest_and_downloaded_as_it_came(version, developer, auditor) -> None:
    content = b"<script>alert(1)</script>"
    post(browse(developer), version, "document", file=file_of(content, "card.html"))
    item = Evidence.objects.get()
    answer: Any = browse(auditor).get(f"/evidence/{item.pk}/file")

    assert item.digest == "sha256:" + hashlib.sha256(content).hexdigest()
    assert b"".join(answer.streaming_content) == content
    assert answer["Content-Disposition"] == 'attachment; filename="card.html"'
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_content_without_a_file_has_nothing_to_download(version, developer) -> None:
    item = cast.submit(version, "security_review", by=developer, content=cast.REVIEW)

    assert browse(developer).get(f"/evidence/{item.pk}/file").status_code == 404


def test_page_shows_digest_both_clocks_and_what_supersedes_it(version, developer, auditor) -> None:
    old = cast.submit(version, "document", by=developer, title="Card", file=[b"1"], file_name="card.md")
    new = cast.submit(version, "document", by=developer, title="Card 2", file=[b"2"], file_name="c.md", supersedes=old)
    client = browse(auditor)
    page = text_of(client.get(f"/evidence/{old.pk}/"))

    for words in (old.digest, "Observed", "Received", "Dana Whitfield", "supersedes it", f'href="/evidence/{new.pk}/"'):
        assert words in page
    assert f'href="/evidence/{old.pk}/"' in text_of(client.get(f"/evidence/{new.pk}/"))


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("metrics", {"metrics": [{"name": "accuracy", "value": 0.95}]}, "Claimed metrics"),
        ("security_review", cast.REVIEW, "Nothing found."),
        (
            "load_test",
            {"values": LOAD_VALUES},
            "p95_ms",
        ),
        ("load_test", {"values": {**LOAD_VALUES, "items": 3, "values": 4}}, "items"),
        ("reproduction", REPORT, "train.py"),
        ("reproduction", make_report(runs=[make_run(items=0.25), make_run(items=0.5)]), "0.25 – 0.5"),
        ("reproduction", make_report(tolerances={"accuracy": {"relative": 1e-9}}), "± 1e−07 %"),
        ("reproduction", make_report(tolerances={"accuracy": {"absolute": 0}}), "exactly equal"),
        ("reproduction", make_report(runs=[make_run() | {"exit_code": 3}]), "exit code 3"),
    ],
)
def test_page_shows_structured_content(kind, content, words, version, developer) -> None:
    item = cast.submit(version, kind, by=developer, content=content)

    assert words in text_of(browse(developer).get(f"/evidence/{item.pk}/"))


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("document", {}, "This field is required"),
        ("document", {"file": file_of(b"")}, "empty"),
        ("predictions", {"file": file_of(b"\x89PNG\r\n", "photo.png")}, "This is a PNG picture."),
        ("document", {"file": file_of(), "title": ""}, "This field is required"),
        ("document", {"file": file_of(), "observed_at": "2099-01-01T00:00"}, "lies in the future"),
        ("test_report", {"file": file_of(b"<html/>")}, "begins with"),
        ("load_test", LOAD_TEST | {"error_rate": "7"}, "between 0 and 1"),
        ("metrics", METRICS | {"form-0-value": "high"}, "Enter a number"),
        ("metrics", {"form-TOTAL_FORMS": "0"}, "must be a list of 1"),
        ("security_review", REVIEW | {"outcome": "fine"}, "Select a valid choice"),
        ("reproduction", {"document": "{"}, "this is not JSON"),
        ("reproduction", {"document": "[]"}, "A report is a JSON object"),
        ("reproduction", {"document": "{}"}, "must be “countersign/reproduction/1”"),
        ("reproduction", {"document": json.dumps(make_report(runs=[]))}, "at least one run"),
    ],
)
def test_bad_evidence_is_refused_with_its_reason_and_keeps_what_was_typed(
    kind, given, words, version, developer
) -> None:
    answer = post(browse(developer), version, kind, **{"description": "Typed before.", **given})

    assert answer.status_code == 400
    assert words in text_of(answer)
    assert "Typed before." in text_of(answer)
    assert Evidence.objects.count() == 0


def test_too_large_file_is_refused(version, developer, settings) -> None:
    settings.COUNTERSIGN_UPLOAD_LIMIT = 10
    answer = post(browse(developer), version, "file", file=file_of(b"x" * 11))

    assert answer.status_code == 413
    assert "larger than the limit of 10 bytes" in text_of(answer)


def test_full_store_says_so(version, developer, monkeypatch) -> None:
    def refuse(*_given: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    answer = post(browse(developer), version, "file", file=file_of())

    assert answer.status_code == 507
    assert "The evidence store is full" in text_of(answer)


def test_upload_by_htmx_leaves_the_page_as_a_whole(version, developer) -> None:
    answer = browse(developer).post(
        f"/versions/{version.pk}/evidence/new/?kind=file",
        {"kind": "file", **COMMON, "file": file_of()},
        headers={"HX-Request": "true"},
    )

    assert answer.status_code == 200
    assert answer["HX-Redirect"] == f"/versions/{version.pk}/?tab=evidence"


def test_another_row_of_metrics_keeps_the_first(version, developer) -> None:
    answer = post(browse(developer), version, "metrics", **METRICS, add_row="1")

    assert answer.status_code == 200
    assert 'value="0.95"' in text_of(answer)
    assert 'name="form-2-name"' in text_of(answer)


def test_added_row_left_empty_counts_for_nothing(version, developer) -> None:
    """It begins as every other empty row does, on test data, and may be left so."""
    drawn = post(browse(developer), version, "metrics", **METRICS, add_row="1").context["form"].rows[2]
    added = {field.html_name: field.value() or "" for field in drawn}
    answer = post(browse(developer), version, "metrics", **METRICS | added | {"form-TOTAL_FORMS": "3"})

    assert list(added.values()) == ["", "", "overall", "test"]
    assert answer.status_code == 302
    assert len(Evidence.objects.get().content["metrics"]) == 1


def test_reader_may_not_submit(version, auditor) -> None:
    answer = post(browse(auditor), version, "file", file=file_of())

    assert answer.status_code == 403
    assert Evidence.objects.count() == 0
    assert "evidence/new/" not in text_of(browse(auditor).get(f"/versions/{version.pk}/?tab=evidence"))


def test_requirement_of_another_model_is_refused(version, developer, project) -> None:
    other = cast.register_model(project, developer, name="Other").requirements.get(key="R-1")
    answer = post(browse(developer), version, "file", file=file_of(), requirements=[other.pk])

    assert answer.status_code == 400
    assert Evidence.objects.count() == 0
