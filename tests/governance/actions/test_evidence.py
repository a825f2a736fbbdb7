"""Submitting evidence: what is recorded, what is refused, and that a refusal leaves nothing."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from governance import store
from governance.actions import catalog, evidence, promotion, requirements
from governance.canonical import canonical_digest
from governance.dossier import collect
from governance.exceptions import InvalidInput, NotPermitted, StoreUnavailable, TooLarge, TransitionNotAllowed
from governance.gate import judge
from governance.models import AuditLogEntry, Evidence, StoredFile
from tests import cast
from tests.audits.samples import find_devset, needs_devset

METRICS = {"metrics": [{"name": "accuracy", "value": 0.9}]}
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - a time without a zone is the case


@pytest.fixture(autouse=True)
def evidence_folder(tmp_path: Path, settings) -> Path:
    settings.COUNTERSIGN_DATA = tmp_path
    return tmp_path / "evidence"


def count_everything(folder: Path) -> tuple[int, int, int, list[str]]:
    files = sorted(path.name for path in folder.rglob("*") if path.is_file())
    return Evidence.objects.count(), StoredFile.objects.count(), AuditLogEntry.objects.count(), files


def test_submit_file_records_digest_size_name_and_both_times(version, developer):
    observed = datetime(2026, 11, 20, 10, 0, tzinfo=timezone(timedelta(hours=1)))
    before = datetime.now(UTC)
    item = evidence.submit_evidence(
        version,
        kind="document",
        title=" Model card ",
        description="About it.",
        observed_at=observed,
        file=[b"# Card", b"\n"],
        file_name="card.html",
        actor=cast.acting(developer),
    )
    item.refresh_from_db()
    assert (item.title, item.file_name, item.media_type, item.content) == ("Model card", "card.html", "text/html", None)
    assert (item.file.size, item.digest) == (7, item.file_id)
    assert item.observed_at == datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    assert timedelta(0) <= item.received_at - before < timedelta(minutes=1)
    with store.open_file(item.digest) as file:
        assert file.read() == b"# Card\n"
    body = cast.read_body(AuditLogEntry.objects.get(index=item.log_index))
    assert (body["type"], body["data"]["digest"], body["data"]["size"]) == ("evidence.submitted", item.digest, 7)
    assert body["subject"]["digest"] == item.digest


def test_submit_content_is_known_by_its_canonical_digest(version, developer):
    item = cast.submit(version, "metrics", by=developer, content=METRICS)
    item.refresh_from_db()
    assert item.content["metrics"][0]["value"] == 0.9
    assert item.digest == item.content_digest == canonical_digest(item.content)
    assert item.file is None


@pytest.mark.parametrize("value", [0.1, 1e-7, 999_999_999_999_999, -0.0, 5e-324, 1 / 3, 100.0])
def test_content_read_back_from_the_database_has_the_same_digest(version, developer, value):
    """Databases write numbers in their own way; the digest must not notice."""
    item = cast.submit(version, "metrics", by=developer, content={"metrics": [{"name": "a", "value": value}]})
    item.refresh_from_db()
    assert item.content["metrics"][0]["value"] == value
    assert canonical_digest(item.content) == item.content_digest
    assert collect(version).digest == collect(version).digest


def test_test_report_is_counted_and_kept(version, developer):
    item = cast.submit(version, "test_report", by=developer, file=[cast.JUNIT], file_name="junit.xml")
    assert item.content["values"] == {"tests": 2.0, "failures": 0.0, "errors": 0.0, "skipped": 0.0, "passed": 2.0}
    assert item.digest == item.file_id
    store.check(item.digest)


def refuse(version, folder, *, by, error=InvalidInput, **given):
    """Submit and be refused, leaving rows, log and folder as they were."""
    given = {"kind": "file", "title": "T", "observed_at": datetime.now(UTC), "actor": cast.acting(by)} | given
    before = count_everything(folder)
    with pytest.raises(error) as caught:
        evidence.submit_evidence(version, **given)
    assert count_everything(folder) == before
    return caught.value


FILE = {"file": [b"abc"], "file_name": "a.txt"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "pickle"} | FILE, "kind"),
        ({"kind": ""} | FILE, "kind"),
        ({"title": " "} | FILE, "title"),
        ({"title": "x" * 201} | FILE, "title"),
        ({"title": "a\x00b"} | FILE, "title"),
        ({"description": "a\x07b"} | FILE, "description"),
        ({}, "file"),
        ({"kind": "predictions"}, "file"),
        ({"file": [], "file_name": "a"}, "file"),
        ({"file": [b"", b""], "file_name": "a"}, "file"),
        ({"file": [b"x"]}, "file_name"),
        ({"file": [b"x"], "file_name": "x" * 201}, "file_name"),
        ({"file": [b"x"], "file_name": "a\nb"}, "file_name"),
        ({"file": [b"x"], "file_name": "invoice\u202efdp.exe"}, "file_name"),
        ({"content": METRICS} | FILE, "content"),
        ({"kind": "metrics"}, "content"),
        ({"kind": "test_report", "file": [b"not xml"], "file_name": "a.xml"}, "file"),
        ({"kind": "test_report", "file": [b"<html/>"], "file_name": "a.xml"}, "file"),
        ({"observed_at": NAIVE} | FILE, "observed_at"),
    ],
)
def test_submit_refuses_naming_the_field_and_leaves_nothing(version, developer, evidence_folder, given, field):
    assert refuse(version, evidence_folder, by=developer, **given).field == field


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..", "a/b\\c", "C:\\x", "-rf", "sha256:" + "a" * 64, "."]
)
def test_file_name_is_kept_as_a_name_and_never_used_as_a_path(version, developer, evidence_folder, name):
    item = cast.submit(version, "file", by=developer, file=[b"abc"], file_name=name)
    assert item.file_name == name
    digest = item.digest.removeprefix("sha256:")
    assert [str(path.relative_to(evidence_folder)) for path in evidence_folder.rglob("*") if path.is_file()] == [
        f"{digest[:2]}/{digest}"
    ]


def test_observed_in_the_future_is_refused_but_clocks_may_differ(version, developer, evidence_folder):
    late = datetime.now(UTC) + timedelta(minutes=6)
    assert refuse(version, evidence_folder, by=developer, observed_at=late, **FILE).message == (
        "“observed_at” lies in the future."
    )
    near = datetime.now(UTC) + timedelta(minutes=4)
    assert cast.submit(version, "metrics", by=developer, content=METRICS, observed_at=near).observed_at == near


def test_observed_long_ago_is_recorded_and_stale_at_the_gate(version, developer):
    long_ago = datetime(1999, 12, 31, tzinfo=UTC)
    cast.submit(version, "metrics", by=developer, content=METRICS, observed_at=long_ago)
    found = {finding.key: finding.status for finding in judge(collect(version)).findings}
    assert found["evidence:metrics"] == "STALE"


def test_too_large_leaves_nothing(version, developer, evidence_folder, settings):
    settings.COUNTERSIGN_UPLOAD_LIMIT = 5
    assert (
        refuse(version, evidence_folder, by=developer, error=TooLarge, file=[b"abcdef"], file_name="a").field == "file"
    )
    assert cast.submit(version, "file", by=developer, file=[b"abcde"], file_name="a").file.size == 5


def test_full_disk_is_said_and_leaves_nothing(version, developer, evidence_folder, monkeypatch):
    def fail(*_args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    error = refuse(version, evidence_folder, by=developer, error=StoreUnavailable, **FILE)
    assert error.message == "The evidence store is full. Nothing was recorded; free space and send it again."


def test_submit_by_the_wrong_people_never_touches_the_store(version, stranger, auditor, approver, evidence_folder):
    for user in (stranger, auditor, approver):
        refuse(version, evidence_folder, by=user, error=NotPermitted, **FILE)


def test_submit_to_a_closed_version_leaves_nothing(version, developer, approver, evidence_folder):
    promotion.retire_version(version, reason="No.", actor=cast.acting(approver))
    version.refresh_from_db()
    refuse(version, evidence_folder, by=developer, error=TransitionNotAllowed, **FILE)


# --- Requirements and superseding ------------------------------------------------------------------------


def test_evidence_is_offered_for_requirements(version, developer):
    first = version.model.requirements.first()
    item = cast.submit(version, "metrics", by=developer, content=METRICS, requirements=[first])
    assert collect(version).requirements[0].evidence_ids == (item.pk,)
    assert cast.read_body(AuditLogEntry.objects.get(index=item.log_index))["data"]["requirements"] == ["R-1"]


def test_requirement_of_another_model_is_refused(version, developer, project, evidence_folder):
    other = cast.register_model(project, developer, "Another")
    error = refuse(version, evidence_folder, by=developer, requirements=[other.requirements.first()], **FILE)
    assert (error.field, error.message) == ("requirements", "R-1 is no requirement of this model now.")


def test_withdrawn_requirement_is_refused(version, developer, evidence_folder):
    gone = requirements.withdraw_requirement(
        version.model.requirements.first(), reason="Double.", actor=cast.acting(developer)
    )
    assert refuse(version, evidence_folder, by=developer, requirements=[gone], **FILE).field == "requirements"


def submit_metrics(version, developer, **given) -> Evidence:
    return cast.submit(version, "metrics", by=developer, content=METRICS, **given)


def test_superseded_evidence_stays_and_counts_no_more(version, developer):
    first = submit_metrics(version, developer)
    second = submit_metrics(version, developer, supersedes=first)
    third = submit_metrics(version, developer, supersedes=second)
    assert [item.id for item in collect(version).evidence] == [third.pk]
    assert Evidence.objects.count() == 3
    assert collect(version).evidence[0].supersedes_id == second.pk


def test_evidence_is_superseded_once(version, developer, evidence_folder):
    first = submit_metrics(version, developer)
    submit_metrics(version, developer, supersedes=first)
    error = refuse(version, evidence_folder, by=developer, kind="metrics", content=METRICS, supersedes=first)
    assert error.message == "That evidence is superseded already; supersede its successor."


def test_evidence_of_another_kind_or_version_is_not_superseded(version, developer, evidence_folder):
    first = submit_metrics(version, developer)
    other = catalog.register_version(version.model, actor=cast.acting(developer))
    for place, given in ((version, FILE), (other, {"kind": "metrics", "content": METRICS})):
        error = refuse(place, evidence_folder, by=developer, supersedes=first, **given)
        assert error.message == "Evidence supersedes only evidence of its own kind and version."


def test_database_refuses_two_successors_and_evidence_of_nothing(version, developer):
    first = submit_metrics(version, developer)
    second = submit_metrics(version, developer, supersedes=first)
    second.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        second.save(force_insert=True)
    second.supersedes, second.content = None, None
    with pytest.raises(IntegrityError), transaction.atomic():
        second.save(force_insert=True)


# --- Files that run code when they are opened --------------------------------------------------------------


@needs_devset
@pytest.mark.parametrize("name", ["opens_marker.pkl", "object_array.npy", "operator_call.skops"])
@pytest.mark.parametrize("kind", ["file", "predictions", "attributions", "document"])
def test_hostile_file_is_kept_as_bytes_and_never_opened(version, developer, tmp_path, monkeypatch, name, kind):
    """The developer set's files write MARKER_... into the working directory when anything runs them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("governance.actions.evidence.check_readable", lambda kind, file: None)  # no table may be one
    text = (find_devset() / "artifacts" / "hostile" / name).read_bytes()
    item = cast.submit(version, kind, by=developer, file=[text], file_name=name)
    store.check(item.digest)
    collect(version)
    assert list(tmp_path.glob("MARKER*")) == []
