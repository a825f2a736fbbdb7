"""The main errand through the API alone: register, submit, audit, sign, promote, ask the gate."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from governance import runner
from governance.models import Evaluation, Project, User
from governance.signer import sign_once
from tests import cast
from tests.portal.api.calling import Caller, answered, as_person, as_program, refused


def test_a_version_goes_from_registration_to_release(
    project: Project,
    developer: User,
    administrator: User,
    signers: list[tuple[User, str]],
    settings: Settings,
    tmp_path: Path,
) -> None:
    settings.COUNTERSIGN_DATA = tmp_path  # a log of its own needs a signer of its own
    (tmp_path / "keys").mkdir(mode=0o700)
    program = as_program(developer)
    model = register_model(program, project)
    decide(program, as_person(administrator), model)
    version = register_version(program, project, model)
    submit_evidence(program, version)
    answered(program.post(f"model-versions/{version}/submit"))
    gate = answered(program.get(f"model-versions/{version}/gate"))
    assert (gate["is_ready_to_sign"], gate["is_open"]) == (True, False)

    for signer, role in signers:
        dossier = answered(as_person(signer).get(f"model-versions/{version}/dossier"))
        given = {"role": role, "decision": "approve", "meaning": "I agree.", "password": cast.PASSWORD}
        vote = given | {"dossier_digest": dossier["digest"]}
        answered(as_person(signer).post(f"model-versions/{version}/sign-offs", vote), 201)
    approver = as_person(signers[-1][0])
    asked = {"environment": "production", "dossier_digest": dossier["digest"], "password": cast.PASSWORD}
    release = answered(approver.post(f"model-versions/{version}/promote", asked), 201)
    assert (release["is_live"], release["version"]["state"]) == (True, "RELEASED")

    question = f"gate?digest={cast.ARTIFACT}&environment=production"
    waiting = answered(program.get(question))
    assert (waiting["allowed"], waiting["code"]) == (False, "pending_seal")
    refused(program.get(f"releases/{release['id']}/attestation"), 409, "not_sealed")
    sign_once()
    allowed = answered(program.get(question))
    assert (allowed["allowed"], allowed["code"], allowed["version"]["id"]) == (True, "released", version)
    assert {finding["status"] for finding in allowed["gate"]["findings"]} == {"MET"}
    report = answered(program.post(f"model-versions/{version}/reports", {}), 201)
    assert (report["status"], report["file"]) == ("QUEUED", None)


def register_model(program: Caller, project: Project) -> int:
    given = {"project": project.pk, "name": "Triage", "intended_use": "Order calls.", "affected_people": "Patients."}
    model: int = answered(program.post("models", given), 201)["id"]
    criterion = {"metric": "accuracy", "comparator": "at_least", "threshold": 0.8}
    requirement = {"title": "Right often", "statement": "It is right often enough.", "criteria": [criterion]}
    answered(program.post(f"models/{model}/requirements", requirement), 201)
    return model


def decide(program: Caller, administrator: Caller, model: int) -> None:
    path = f"models/{model}/proof-of-concept"
    answered(program.put(path, {"problem_statement": "Too many come back."}))
    answered(administrator.post(f"{path}/decision", {"decision": "go", "reason": "Useful."}))


def register_version(program: Caller, project: Project, model: int) -> int:
    artifacts = [{"name": "model.bin", "digest": cast.ARTIFACT, "size": 1234}]
    version: int = answered(program.post(f"models/{model}/versions", {"artifacts": artifacts}), 201)["id"]
    dataset = {"project": project.pk, "name": "Study", "personal_data": "pseudonymous"}
    dataset_id = answered(program.post("datasets", dataset), 201)["id"]
    for number, role in enumerate(("training", "test")):
        contents = {"digest": f"sha256:{number:064x}", "row_count": 400}
        frozen = answered(program.post(f"datasets/{dataset_id}/versions", contents), 201)["id"]
        use = {"dataset_version": frozen, "role": role}
        answered(program.post(f"model-versions/{version}/dataset-uses", use), 201)
    return version


def submit_evidence(program: Caller, version: int) -> None:
    path = f"model-versions/{version}/evidence"
    now = datetime.now(UTC).isoformat()
    files = {
        "predictions": cast.make_predictions(),
        "attributions": cast.make_attributions(),
        "validation_report": b"# Agreed\n",
        "test_report": cast.JUNIT,
    }
    submitted: dict[str, dict[str, Any]] = {}
    for kind, data in files.items():
        fields = {"kind": kind, "title": kind, "observed_at": now, "file": SimpleUploadedFile(f"{kind}.csv", data)}
        submitted[kind] = answered(program.upload(path, fields), 201)
        assert submitted[kind]["digest"] == "sha256:" + hashlib.sha256(data).hexdigest()
        sent = program.get(f"evidence/{submitted[kind]['id']}/file")
        assert sent.getvalue() == data
    contents = {
        "metrics": {"metrics": [{"name": "accuracy", "value": 0.95}]},
        "security_review": cast.REVIEW,
        "privacy_review": cast.REVIEW,
    }
    for kind, content in contents.items():
        given = {"kind": kind, "title": kind, "observed_at": now, "content": content}
        answered(program.post(path, given), 201)
    for kind, evidence, spec in (
        ("bias_audit", "predictions", cast.PREDICTIONS_SPEC),
        ("explanation", "attributions", cast.ATTRIBUTIONS_SPEC),
    ):
        asked = {"kind": kind, "evidence": submitted[evidence]["id"], "spec": spec}
        evaluation = answered(program.post(f"model-versions/{version}/evaluations", asked), 201)
        assert evaluation["status"] == "QUEUED"
        runner.run(evaluation["id"])
        done = answered(program.get(f"evaluations/{evaluation['id']}"))
        assert (done["status"], done["failure"]) == ("SUCCEEDED", "")
        exact = program.get(f"evaluations/{evaluation['id']}/result").content
        assert "sha256:" + hashlib.sha256(exact).hexdigest() == done["result_digest"]
    assert Evaluation.objects.count() == 2
