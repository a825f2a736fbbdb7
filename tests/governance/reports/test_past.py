"""The report of a past day: asked for, printed, and checked by the verifier's own eyes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.template.loader import render_to_string

from countersign import report_verifier
from governance import store
from governance.actions import reports
from governance.exceptions import InvalidInput, NotPermitted
from governance.models import AuditLogEntry, ComplianceReport, Release, ReportKind, WorkStatus
from governance.reports import past, press
from governance.signer import sign_once
from governance.signer_files import read_vkey
from tests import cast
from tests.governance.log_history import History


def test_what_is_printed_of_a_past_day(history: History) -> None:
    """Everything but the PDF itself: the report of the moment before the live release shows the former one."""
    moment = history.live.started_at - timedelta(microseconds=1)
    asked = reports.request_report(
        history.project, kind=ReportKind.AS_OF, as_of=moment, actor=cast.acting(history.people["auditor"])
    )
    state = past.read_past_of(ComplianceReport.objects.get(pk=asked.pk))
    context, proof = past.build_context(state, sign_once())
    page = render_to_string("reports/as_of.html", context)
    (release,) = state.document["releases"]
    assert release["id"] == history.former.pk
    assert str(history.live.version) not in [item["version"] for item in state.document["releases"]]
    assert state.log.root.hex() in page
    assert "What the log does not hold" in page
    assert proof.name == "as_of-proof.json"
    for table in context["tables"]:
        assert table.title in page
        assert all(len(row) == len(table.header) + 1 for row in table.rows), table.title


@pytest.mark.parametrize("days", [-400, 1])
def test_a_day_that_the_log_cannot_tell_of_is_refused(history: History, days: int) -> None:
    actor = cast.acting(history.people["auditor"])
    with pytest.raises(InvalidInput) as refused:
        reports.request_report(
            history.live.version, kind="as_of", as_of=datetime.now(UTC) + timedelta(days=days), actor=actor
        )
    assert refused.value.field == "as_of"


def test_a_day_is_named_by_this_kind_alone_and_with_a_time_zone(history: History) -> None:
    actor, version = cast.acting(history.people["auditor"]), history.live.version
    now = datetime.now(UTC) - timedelta(microseconds=1)
    for kind, moment in (("as_of", None), ("release_dossier", now), ("as_of", now.replace(tzinfo=None))):
        with pytest.raises(InvalidInput):
            reports.request_report(version, kind=kind, as_of=moment, actor=actor)
    before = AuditLogEntry.objects.about("version", version.pk).earliest("index").at - timedelta(microseconds=1)
    with pytest.raises(InvalidInput, match="nothing of this version"):
        reports.request_report(version, kind="as_of", as_of=before, actor=actor)


def test_only_members_ask(history: History) -> None:
    stranger = cast.make_person("stranger", "Stran Ger", by=history.root)
    with pytest.raises(NotPermitted):
        reports.request_report(
            history.project, kind="as_of", as_of=Release.objects.earliest("pk").started_at, actor=cast.acting(stranger)
        )


@pytest.mark.signer
@pytest.mark.filterwarnings("ignore:.*sRGB2014.icc:pytest.PytestUnraisableExceptionWarning")
def test_the_issued_file_proves_its_past_offline(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the request to the verifier, with nothing between but the file and a key of the log."""
    monkeypatch.setattr("governance.reports.report_signing.time.sleep", lambda _seconds: sign_once())
    moment = history.live.started_at - timedelta(microseconds=1)
    asked = reports.request_report(
        history.live.version, kind="as_of", as_of=moment, actor=cast.acting(history.people["auditor"])
    )
    sign_once()
    assert press.render(asked.pk) is True
    asked.refresh_from_db()
    assert (asked.status, asked.failure) == (WorkStatus.SUCCEEDED, "")
    assert asked.file_id is not None
    with store.open_file(asked.file_id) as file:
        pdf = file.read()
    key = read_vkey()
    assert key is not None
    verdict = report_verifier.verify_report(pdf, [key])
    assert verdict, verdict.message
    assert "is the beginning of the one that was signed" in verdict.message
    place = pdf.index(b"as_of-proof.json")
    assert not report_verifier.verify_report(pdf[:place] + b"x" + pdf[place + 1 :], [key])
