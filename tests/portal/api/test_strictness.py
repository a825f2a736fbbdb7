"""Every door for bodies answers what it cannot read in one way with a precise 4xx, and leaves no trace."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from governance.models import AuditLogEntry, Evidence, ModelVersion, Project, RegisteredModel, StoredFile, User
from tests.portal.api.calling import Caller, answered, as_program, refused

NOW = "2026-01-02T03:04:05Z"


def trace() -> tuple[int, ...]:
    tables = (AuditLogEntry, RegisteredModel, Evidence, StoredFile)
    return tuple(table.objects.count() for table in tables)


@pytest.fixture
def program(developer: User) -> Caller:
    return as_program(developer)


BODIES: dict[str, bytes] = {
    "nothing": b" ",
    "no JSON": b"{name: x}",
    "half": b'{"name": "x"',
    "two documents": b'{"name": "x"} {}',
    "depth of 100,000": b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "depth of 100,000, unclosed": b"[" * 100_000,
    "doubled key": b'{"name": "x", "name": "y"}',
    "doubled key below": b'{"name": "x", "owner": {"a": 1, "a": 2}}',
    "byte order mark": b'\xef\xbb\xbf{"name": "x"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "Latin-1": '{"name": "ü"}'.encode("latin-1"),
    "NaN": b'{"name": NaN}',
    "infinity": b'{"name": -Infinity}',
    "1e999": b'{"name": 1e999}',
    "a large integer": b'{"name": 1234567890123456}',
    "half a surrogate pair": b'{"name": "\\ud800"}',
    "NUL": b'{"name": "\\u0000"}',
    "raw control character": b'{"name": "a\x01b"}',
    "a list": b'[{"name": "x"}]',
    "a text": b'"name"',
    "null": b"null",
    "60,000 values": b'{"name": [' + b"1," * 60_000 + b"1]}",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_what_is_not_strict_json_is_refused(program: Caller, project: Project, body: bytes) -> None:
    before = trace()
    response = program.post("models", body)
    assert response.status_code == 400, response.content
    assert json.loads(response.content)["code"] in {"malformed_body", "invalid_input"}
    assert trace() == before


FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"nmae": "x"}, "nmae"),
    ({"name": 5}, "name"),
    ({"name": True}, "name"),
    ({"name": None}, "name"),
    ({"name": ["x"]}, "name"),
    ({"name": ""}, "name"),
    ({"name": "a\u202eb"}, "name"),
    ({"name": "x" * 121}, "name"),
    ({"project": "1"}, "project"),
    ({"project": 1.0}, "project"),
    ({"project": True}, "project"),
    ({"project": 999_999}, "project"),
    ({"project": -1}, "project"),
    ({"owner": "nobody"}, "owner"),
    ({"owner": 5}, "owner"),
    ({"description": "x" * 20_001}, "description"),
]


@pytest.mark.parametrize(("change", "field"), FIELDS, ids=[str(change)[:40] for change, _ in FIELDS])
def test_a_field_that_cannot_be_recorded_is_named(
    program: Caller, project: Project, change: dict[str, Any], field: str
) -> None:
    before = trace()
    given = {"project": project.pk, "name": "Second"} | change
    assert refused(program.post("models", given), 400, "invalid_input")["field"] == field
    assert trace() == before


NESTED: list[tuple[str, str, dict[str, Any], str]] = [
    ("POST", "models/{model}/versions", {"artifacts": [{"name": "a", "digest": "sha256:x"}]}, "artifacts.digest"),
    ("POST", "models/{model}/versions", {"artifacts": [{"name": "a", "digets": "x"}]}, "artifacts[0].digets"),
    ("POST", "models/{model}/versions", {"artifacts": [{"name": "a"}]}, "artifacts[0].digest"),
    ("POST", "models/{model}/versions", {"artifacts": {"name": "a"}}, "artifacts"),
    (
        "POST",
        "models/{model}/requirements",
        {"title": "t", "statement": "s", "criteria": [{"metric": "m", "comparator": "over", "threshold": 1}]},
        "criteria[0].comparator",
    ),
    (
        "POST",
        "models/{model}/requirements",
        {"title": "t", "statement": "s", "criteria": [{"metric": "m", "comparator": "at_least", "threshold": True}]},
        "criteria[0].threshold",
    ),
    (
        "POST",
        "models/{model}/requirements",
        {
            "title": "t",
            "statement": "s",
            "criteria": [{"metric": "m", "comparator": "at_least", "threshold": "1e999999"}],
        },
        "criteria",
    ),
    ("PATCH", "models/{model}", {"risk_tier": "low"}, "risk_tier"),
    ("POST", "model-versions/{version}/submit", {"force": True}, "force"),
]


@pytest.mark.parametrize(("method", "path", "body", "field"), NESTED, ids=[item[3] for item in NESTED])
def test_a_fault_inside_is_named_with_its_path(
    program: Caller, version: ModelVersion, method: str, path: str, body: dict[str, Any], field: str
) -> None:
    before = trace()
    response = program.send(method, path.format(model=version.model_id, version=version.pk), body)
    assert refused(response, 400, "invalid_input")["field"] == field
    assert trace() == before


MOMENTS = ["2026-01-02T03:04:05", "2026-01-02", "yesterday", 1767323045, None, "2026-13-01T00:00:00Z"]
MOMENTS += ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2999-01-01T00:00:00Z"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_moment_needs_its_time_zone_and_a_place_in_the_past(
    program: Caller, version: ModelVersion, moment: object
) -> None:
    before = trace()
    given = {"kind": "metrics", "title": "t", "observed_at": moment, "content": {"metrics": []}}
    response = program.post(f"model-versions/{version.pk}/evidence", given)
    assert refused(response, 400, "invalid_input")["field"] in {"observed_at", "content.metrics"}
    assert trace() == before


TYPES = ["text/plain", "application/x-www-form-urlencoded", "application/yaml", "", "x" * 5_000]
TYPES += ["application/json; charset=utf-7", "application/json; charset=utf-16", "application/json; charset=bz2"]
TYPES += ["multipart/form-data; boundary=x"]


@pytest.mark.parametrize("content_type", TYPES)
def test_other_content_types_are_refused(program: Caller, project: Project, content_type: str) -> None:
    response = program.post("models", b'{"name": "x"}', content_type=content_type)
    assert refused(response, 415, "unsupported_media_type")["detail"] != ""


def test_a_body_over_the_limit_is_refused_before_it_is_read(program: Caller, project: Project) -> None:
    refused(program.post("models", b'{"name": "' + b"x" * 2_500_000 + b'"}'), 413, "too_large")


def test_a_body_of_unannounced_length_is_refused(program: Caller, project: Project) -> None:
    refused(program.post("models", transfer_encoding="chunked"), 411, "length_required")


# --- Uploads ----------------------------------------------------------------------------------


def a_file(data: bytes = b"# Agreed", name: str = "report.md") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def test_an_upload_takes_its_fields_as_one_document_or_one_by_one(
    program: Caller, version: ModelVersion, developer: User
) -> None:
    path = f"model-versions/{version.pk}/evidence"
    requirement = version.model.requirements.earliest("pk").pk
    fields = {"kind": "validation_report", "title": "Agreed", "observed_at": NOW}
    first = answered(program.upload(path, {"file": a_file(), **fields, "requirements": f"[{requirement}]"}), 201)
    document = json.dumps(fields | {"requirements": [requirement], "supersedes": first["id"]})
    second = answered(program.upload(path, {"file": a_file(b"# Again"), "metadata": document}), 201)
    assert (first["requirements"], second["requirements"], second["supersedes"]) == (
        [requirement],
        [requirement],
        first["id"],
    )
    assert first["file"] == {
        "name": "report.md",
        "size": 8,
        "digest": first["digest"],
        "media_type": "text/markdown",
    }
    assert answered(program.get(f"evidence/{first['id']}"))["superseded_by"] == second["id"]


UPLOADS: dict[str, tuple[dict[str, Any], str]] = {
    "no file": ({"file": None}, "file"),
    "an empty file": ({"file": a_file(b"")}, "file"),
    "two files": ({"file": [a_file(), a_file()]}, "file"),
    "another file": ({"picture": a_file()}, "picture"),
    "an unknown field": ({"colour": "red"}, "colour"),
    "a doubled field": ({"title": ["a", "b"]}, "title"),
    "bytes that are not UTF-8": ({"title": b"\xff\xfe"}, "title"),
    "JSON that is none": ({"requirements": "[1"}, ""),
    "a doubled key": ({"content": '{"a": 1, "a": 2}'}, ""),
    "text for a list": ({"requirements": '"1"'}, "requirements"),
    "content for a file": ({"content": '{"a": 1}'}, "content"),
    "both ways at once": ({"metadata": "{}"}, "metadata"),
    "a naive time": ({"observed_at": "2026-01-02T03:04:05"}, "observed_at"),
}


@pytest.mark.parametrize(("change", "field"), UPLOADS.values(), ids=UPLOADS.keys())
def test_a_doubtful_upload_is_refused(
    program: Caller, version: ModelVersion, change: dict[str, Any], field: str
) -> None:
    fields = {"kind": "validation_report", "title": "t", "observed_at": NOW, "file": a_file()} | change
    for item in fields.values():
        if hasattr(item, "seek"):
            item.seek(0)
    before = AuditLogEntry.objects.count(), Evidence.objects.count()
    response = program.upload(
        f"model-versions/{version.pk}/evidence", {name: value for name, value in fields.items() if value is not None}
    )
    assert response.status_code == 400, response.content
    assert json.loads(response.content).get("field", "") == field
    assert (AuditLogEntry.objects.count(), Evidence.objects.count()) == before


def test_an_oversized_upload_leaves_nothing(
    program: Caller, version: ModelVersion, settings: Settings, tmp_path: Any
) -> None:
    settings.COUNTERSIGN_UPLOAD_LIMIT = 1_000
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    before = trace()
    path = f"model-versions/{version.pk}/evidence"
    fields = {"kind": "validation_report", "title": "t", "observed_at": NOW}
    problem = refused(program.upload(path, {**fields, "file": a_file(b"x" * 1_001)}), 413, "too_large")
    assert "1,000 bytes" in problem["detail"]
    refused(program.upload(path, {**fields, "file": a_file(b"x" * 2_000_000)}), 413, "too_large")
    assert trace() == before
    assert list(tmp_path.iterdir()) == []


def test_an_upload_cut_off_is_refused(program: Caller, version: ModelVersion) -> None:
    whole = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf of it'
    path = f"model-versions/{version.pk}/evidence"
    response = program.post(path, whole, content_type="multipart/form-data; boundary=cut")
    assert response.status_code == 400, response.content
    assert Evidence.objects.count() == 0


@pytest.mark.parametrize("limit", ["-1", "0", "201", "x", "1e2", "١", "9" * 30, ""])
def test_a_limit_out_of_range_is_refused(program: Caller, limit: str) -> None:
    assert refused(program.get(f"models?limit={limit}"), 400, "invalid_input")["field"] == "limit"


@pytest.mark.parametrize("cursor", ["", "x", "YmVmb3JlOg", "YmVmb3JlOi0x", "%00", "é", "YmVmb3JlOjE" + "A" * 400])
def test_a_cursor_that_is_none_is_refused(program: Caller, cursor: str) -> None:
    assert refused(program.get(f"models?cursor={cursor}"), 400, "invalid_input")["field"] == "cursor"


@pytest.mark.parametrize(
    "query", ["projct=1", "project=1&project=2", "project=x", "risk_tier=huge", "name=" + "x" * 201]
)
def test_a_filter_that_is_none_is_refused(program: Caller, query: str) -> None:
    assert refused(program.get(f"models?{query}"), 400, "invalid_input")["field"] == query.split("=")[0]


def test_a_write_takes_no_query(program: Caller, project: Project) -> None:
    refused(program.post("models?dry_run=true", {"project": project.pk, "name": "x"}), 400, "invalid_input")
