"""What single addresses answer: downloads, the pipeline's question, the log, refusals with reasons."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from countersign.verifier import Outcome, verify_receipt
from governance import store
from governance.models import AuditLogEntry, ComplianceReport, ModelVersion, User
from tests import cast
from tests.portal.api.calling import answered, as_person, as_program, refused
from tests.portal.api.conftest import Scene


def test_a_download_is_never_shown_by_the_browser(version: ModelVersion, developer: User) -> None:
    page = b"<!doctype html><script>alert(1)</script>"
    submitted = cast.submit(version, "document", by=developer, file=[page], file_name='Über "uns".html')
    sent = as_program(developer, scopes=("read",)).get(f"evidence/{submitted.pk}/file")
    assert sent.getvalue() == page
    assert sent.headers["Content-Type"] == "application/octet-stream"
    assert sent.headers["Content-Disposition"].startswith("attachment; filename*=utf-8''%C3%9Cber%20%22uns%22.html")
    assert sent.headers["X-Content-Type-Options"] == "nosniff"
    assert sent.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert sent.headers["ETag"] == f'"{submitted.digest}"'


def test_a_missing_stored_file_is_said_plainly(version: ModelVersion, developer: User) -> None:
    submitted = cast.submit(version, "document", by=developer, file=[b"gone soon"], file_name="a.txt")
    store.path_of(submitted.digest).unlink()
    problem = refused(as_person(developer).get(f"evidence/{submitted.pk}/file"), 409, "integrity_broken")
    assert submitted.digest in problem["detail"]


def test_an_issued_report_comes_with_a_receipt_that_verifies(
    scene: Scene, issued_report: ComplianceReport, auditor: User
) -> None:
    program = as_program(auditor, scopes=("read",))
    pdf = program.get(f"reports/{issued_report.pk}/file").getvalue()
    receipt = answered(program.get(f"reports/{issued_report.pk}/receipt"))
    assert receipt["document_digest"] == "sha256:" + hashlib.sha256(pdf).hexdigest()
    key = program.get("log/key").content.decode().strip()
    verdict = verify_receipt(pdf, receipt, [key])
    assert verdict.outcome == Outcome.GOOD, verdict.message
    assert verify_receipt(pdf + b" ", receipt, [key]).outcome == Outcome.TAMPERED
    note = program.get("log/checkpoint")
    assert note.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert note.content.decode() == receipt["checkpoint"]


def test_a_log_entry_carries_its_proof_once_it_is_sealed(scene: Scene, auditor: User, developer: User) -> None:
    person = as_person(auditor)
    entry = answered(person.get(scene.address("log/entries/{entry}")))
    assert (entry["type"], entry["subject"]["kind"]) == ("version.promoted", "release")
    assert base64.b64decode(entry["receipt"]["entry"]["body"]) == bytes(
        AuditLogEntry.objects.get(pk=entry["index"]).body
    )
    assert json.loads(base64.b64decode(entry["receipt"]["entry"]["body"])) == entry["body"]
    cast.submit(scene.draft, "metrics", by=developer, content={"metrics": [{"name": "accuracy", "value": 1}]})
    newest = answered(person.get("log/entries?limit=1"))["results"][0]
    assert answered(person.get(f"log/entries/{newest['index']}"))["receipt"] is None


def test_an_attestation_names_what_was_promoted(scene: Scene, auditor: User) -> None:
    bundle = answered(as_person(auditor).get(scene.address("releases/{release}/attestation")))
    statement = json.loads(base64.b64decode(bundle["envelope"]["payload"]))
    assert statement["subject"] == [{"name": "model.bin", "digest": {"sha256": cast.ARTIFACT.removeprefix("sha256:")}}]
    assert bundle["receipt"]["document_digest"] == statement["predicate"]["dossier"]


GATE_QUESTIONS: list[tuple[str, int, str | None]] = [
    ("model={model}&version=1", 200, "released"),
    ("model=Readmission triage&version=1&environment=production", 200, "released"),
    ("model={model}&version=1&environment=staging", 200, "not_released"),
    ("model={model}&version=2", 200, "not_released"),
    ("model={model}&version=99", 200, "unknown_version"),
    ("digest=" + cast.ARTIFACT, 200, "released"),
    ("digest=" + cast.ARTIFACT.removeprefix("sha256:").upper(), 200, "released"),
    ("digest=sha256:" + "0" * 64, 200, "unknown_artifact"),
    ("digest=x", 200, "unknown_artifact"),
    ("model=0&version=1", 404, None),
    ("model=Nothing&version=1", 404, None),
    ("", 400, None),
    ("model={model}", 400, None),
    ("version=1", 400, None),
    ("model={model}&version=1&digest=x", 400, None),
    ("model={model}&version=one", 400, None),
]


@pytest.mark.parametrize("program_scopes", [("read",)])
def test_the_gate_allows_only_what_is_released(scene: Scene, auditor: User, program_scopes: tuple[str, ...]) -> None:
    program = as_program(auditor, scopes=program_scopes)
    for question, status, code in GATE_QUESTIONS:
        response = program.get("gate?" + scene.address(question).replace(" ", "%20"))
        answer = answered(response, status)
        if code is not None:
            assert (answer["code"], answer["allowed"]) == (code, code == "released"), question
            assert (answer["version"] is None) == code.startswith("unknown"), question


def test_the_gate_says_what_is_missing_and_forgets_what_is_retired(scene: Scene, approver: User, auditor: User) -> None:
    program = as_program(auditor)
    closed = answered(program.get(scene.address("gate?model={model}&version=3")))
    missing = {finding["key"] for finding in closed["gate"]["findings"] if not finding["opens"]}
    assert {"evidence:metrics", "evaluation:bias_audit:test", "sign_off:validator:0"} <= missing, sorted(missing)
    answered(as_person(approver).post(scene.address("model-versions/{version}/retire"), {"reason": "Old."}))
    gone = answered(program.get("gate?digest=" + cast.ARTIFACT))
    assert (gone["allowed"], gone["release"]) == (False, None)


def test_a_stranger_learns_nothing_at_the_gate(scene: Scene, stranger: User) -> None:
    program = as_program(stranger)
    known = answered(program.get("gate?digest=" + cast.ARTIFACT))
    unknown = answered(program.get("gate?digest=sha256:" + "0" * 64))
    assert known == unknown


def test_a_closed_gate_answers_its_findings(
    ready_version: ModelVersion, validator: User, signers: list[tuple[User, str]], developer: User
) -> None:
    cast.submit(ready_version, "security_review", by=developer, content=cast.REVIEW | {"outcome": "failed"})
    digest = answered(as_person(validator).get(f"model-versions/{ready_version.pk}/dossier"))["digest"]
    vote: dict[str, Any] = {"role": "validator", "decision": "approve", "meaning": "m", "password": cast.PASSWORD}
    path = f"model-versions/{ready_version.pk}/sign-offs"
    problem = refused(as_person(validator).post(path, vote | {"dossier_digest": digest}), 409, "gate_closed")
    assert [(finding["key"], finding["status"]) for finding in problem["findings"]] == [
        ("evidence:security_review", "NOT_MET")
    ]
    stale = refused(as_person(validator).post(path, vote | {"dossier_digest": "sha256:old"}), 409, "dossier_changed")
    assert stale["field"] == "dossier_digest"


def test_the_laboratory_s_vocabulary_is_listed(auditor: User) -> None:
    listed = answered(as_program(auditor).get("metrics"))["results"]
    names = [metric["name"] for metric in listed]
    assert {"accuracy", "selection_rate", "demographic_parity_difference", "equalized_odds_ratio"} <= set(names)
    assert len(names) == len(set(names))
    assert all(metric["definition"] and metric["title"] and metric["direction"] for metric in listed)


def test_what_does_not_fit_into_the_log_is_refused(version: ModelVersion, developer: User) -> None:
    artifacts = [{"name": f"{number:0200d}", "digest": f"sha256:{number:064x}"} for number in range(1_000)]
    program = as_program(developer)
    entries = AuditLogEntry.objects.count()
    response = program.post(f"models/{version.model_id}/versions", {"artifacts": artifacts})
    assert "one entry of the audit log" in refused(response, 400, "invalid_input")["detail"]
    assert (AuditLogEntry.objects.count(), ModelVersion.objects.count()) == (entries, 1)
