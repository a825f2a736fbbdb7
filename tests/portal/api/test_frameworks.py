"""Frameworks by API: loaded, answered, covered; what only a person does, and what nobody does for another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.models import Answer, AuditLogEntry, FactSignature, FrameworkEdition, StoredFile
from tests import cast
from tests.governance.framework_texts import SMALL, load, load_shipped
from tests.portal.api.calling import answered, as_person, as_program, refused

pytestmark = pytest.mark.django_db


def of(version, end):
    return f"model-versions/{version.pk}/{end}"


def give(caller, version, fact="design.logic", value="A tree.", **more):
    return caller.post(of(version, "answers"), {"answers": [{"fact": fact, "value": value, **more}]})


def count_queries(caller, path):
    answered(caller.get(path))
    with CaptureQueriesContext(connection) as captured:
        caller.get(path)
    return len(captured)


# --- Frameworks ---------------------------------------------------------------------------------------------


def test_administrator_loads_corrects_and_withdraws(organisation_administrator, auditor):
    program = as_program(organisation_administrator)
    response = program.post("frameworks", {"text": SMALL})
    made = answered(response, 201)
    assert (made["key"], made["number"], made["control_count"]) == ("house-rules", 1, 2)
    assert response.headers["Location"].endswith("/api/v1/frameworks/house-rules")
    again = answered(program.post("frameworks", {"text": SMALL.replace("has voted", "voted")}), 201)
    assert again["number"] == 2
    whole = answered(as_program(auditor).get("frameworks/house-rules"))
    assert whole["digest"] == again["digest"]
    assert [item["id"] for item in whole["controls"]] == ["H-1", "H-2"]
    assert [item["key"] for item in answered(as_program(auditor).get("frameworks"))["results"]] == ["house-rules"]
    answered(program.post("frameworks/house-rules/withdraw", {"reason": "Over."}))
    assert as_program(auditor).get("frameworks/house-rules").status_code == 404


def test_fault_names_the_line_and_the_same_text_twice_is_refused(organisation_administrator):
    program = as_program(organisation_administrator)
    problem = refused(
        program.post("frameworks", {"text": SMALL.replace("level: must", "level: x")}), 400, "invalid_input"
    )
    assert (problem["line"], problem["field"]) == (18, "text")
    answered(program.post("frameworks", {"text": SMALL}), 201)
    refused(program.post("frameworks", {"text": SMALL}), 409, "duplicate")


def test_nobody_else_loads_one(administrator, compliance):
    for person in (administrator, compliance):
        refused(as_person(person).post("frameworks", {"text": SMALL}), 403, "not_permitted")
    assert not FrameworkEdition.objects.exists()


def test_list_asks_the_same_queries_however_many(auditor):
    caller = as_person(auditor)
    load(SMALL)
    before = count_queries(caller, "frameworks")
    load_shipped("nyc_ll144")
    load_shipped("us_mrm_sr_26_2")
    assert count_queries(caller, "frameworks") == before


# --- Coverage and answers -----------------------------------------------------------------------------------


def test_coverage_tells_gaps_and_what_answers_serve(version, developer, auditor):
    load(SMALL)
    load_shipped("eu_ai_act_high_risk")
    program = as_program(auditor)
    whole = answered(program.get(of(version, "coverage")))
    assert [item["controls"] for item in whole["frameworks"]] == [None, None]
    assert whole["asked"]["design.logic"] == ["House rules", "EU AI Act, high-risk systems"]
    assert "system.name" not in whole["asked"]
    answered(give(as_program(developer), version), 201)
    (one,) = answered(program.get(of(version, "coverage?framework=house-rules")))["frameworks"]
    assert (one["applies"], one["counts"]["met"]) == (True, 1)
    met = next(item for item in one["controls"] if item["state"] == "met")
    assert met["strength"] == "statement"
    need = met["needs"][1]
    assert (need["fact"], need["holds"], need["value"]) == ("design.logic", True, "A tree.")
    assert need["log_index"] == Answer.objects.get().log_index
    (narrowed, _other) = answered(program.get(of(version, "coverage?state=missing")))["frameworks"]
    assert narrowed["controls"] == []
    refused(program.get(of(version, "coverage?framework=nothing")), 404, "not_found")
    refused(program.get(of(version, "coverage?state=compliant")), 400, "invalid_input")


def test_coverage_asks_the_same_queries_however_much_stands(version, developer, auditor):
    load(SMALL)
    caller, program = as_person(auditor), as_program(developer)
    answered(give(program, version), 201)
    before = count_queries(caller, of(version, "coverage"))
    answers = count_queries(caller, of(version, "answers"))
    load_shipped("nyc_ll144")
    load_shipped("us_mrm_sr_26_2")
    for fact in ("design.method", "design.theory"):
        answered(give(program, version, fact), 201)
    assert count_queries(caller, of(version, "coverage")) == before
    assert count_queries(caller, of(version, "answers")) == answers


def test_answers_are_all_recorded_or_none(version, developer):
    program = as_program(developer)
    before = AuditLogEntry.objects.count()
    both: list[dict[str, object]] = [
        {"fact": "design.logic", "value": "A tree."},
        {"fact": "system.aedt", "value": "yes"},
    ]
    refused(program.post(of(version, "answers"), {"answers": both}), 400, "invalid_input")
    assert (Answer.objects.count(), AuditLogEntry.objects.count()) == (0, before)
    both[1]["value"] = True
    made = answered(program.post(of(version, "answers"), {"answers": both}), 201)["answers"]
    assert [item["value"] for item in made] == ["A tree.", True]
    assert AuditLogEntry.objects.count() == before + 2


def test_null_takes_an_answer_back(version, developer):
    program = as_program(developer)
    answered(give(program, version), 201)
    answered(give(program, version, value=None), 201)
    (row,) = answered(program.get(of(version, "answers?fact=design.logic")))["results"]
    assert row["value"] is None
    refused(program.post(of(version, "answers"), {"answers": [{"fact": "design.logic"}]}), 400, "invalid_input")


@pytest.mark.parametrize("value", [7, True, ["a"], {"a": "b"}, "", "\u202e", "x" * 5_001])
def test_what_the_fact_does_not_take_is_refused(version, developer, value):
    refused(give(as_program(developer), version, value=value), 400, "invalid_input")
    assert not Answer.objects.exists()


def test_evidence_of_elsewhere_shows_nothing_here(version, developer, stranger):
    other = cast.register_version(version.model, developer)
    beside = cast.submit(other, "document", by=developer, file=[b"x"], file_name="x.md")
    far_project = stranger.memberships.first().project
    far = cast.register_version(cast.register_model(far_project, stranger, name="Far"), stranger)
    hidden = cast.submit(far, "document", by=stranger, file=[b"y"], file_name="y.md")
    program = as_program(developer)
    refused(give(program, version, evidence=beside.pk), 400, "invalid_input")
    seen = refused(give(program, version, evidence=hidden.pk), 400, "invalid_input")["detail"]
    missing = refused(give(program, version, evidence=999_999), 400, "invalid_input")["detail"]
    assert seen == missing.replace("999999", str(hidden.pk))
    assert not Answer.objects.exists()


def test_whoever_may_not_answer_is_refused(version, auditor, developer):
    refused(give(as_person(auditor), version), 403, "not_permitted")
    refused(give(as_program(developer, scopes=("read",)), version), 403, "scope_missing")
    assert not Answer.objects.exists()


def test_answering_how_it_was_made_makes_a_contributor_who_signs_no_more(ready_version, validator):
    answered(give(as_person(validator), ready_version, "monitoring.plan", "Weekly."), 201)
    assert validator.get_full_name() not in contributors(ready_version, validator)
    answered(give(as_person(validator), ready_version), 201)
    assert validator.get_full_name() in contributors(ready_version, validator)


def contributors(version, person):
    document = answered(as_person(person).get(of(version, "dossier")))["document"]
    return [item["name"] for item in document["contributors"]]


def test_former_answer_is_confirmed(version, developer):
    program = as_program(developer)
    answered(give(program, version), 201)
    second = cast.register_version(version.model, developer)
    confirmed = answered(program.post(of(second, "answers/carry-over"), {"fact": "design.logic"}), 201)
    assert (confirmed["value"], confirmed["carried_from"]) == ("A tree.", Answer.objects.earliest("pk").pk)
    refused(program.post(of(second, "answers/carry-over"), {"fact": "design.theory"}), 400, "invalid_input")


# --- The organisation ---------------------------------------------------------------------------------------


def test_organisation_answers_with_a_document(organisation_administrator, auditor):
    caller = as_person(organisation_administrator)
    fields = {
        "metadata": '{"fact": "org.policy", "value": "In force since May."}',
        "file": SimpleUploadedFile("policy.pdf", b"%PDF-1.7"),
    }
    made = answered(caller.upload("organisation/answers", fields), 201)
    assert (made["version"], made["file_name"]) == (None, "policy.pdf")
    assert made["artefact"] == StoredFile.objects.get().digest
    (row,) = answered(as_program(auditor).get("organisation/answers?fact=org.policy"))["results"]
    assert row["id"] == made["id"]


def test_administrator_of_a_project_does_not_speak_for_the_organisation(administrator, version):
    refused(
        as_person(administrator).post("organisation/answers", {"fact": "org.roles", "value": "Ours."}),
        403,
        "not_permitted",
    )
    fields = {"metadata": '{"fact": "org.roles", "value": "x"}', "file": SimpleUploadedFile("a", b"left behind")}
    refused(as_person(administrator).upload("organisation/answers", fields), 403, "not_permitted")
    # Nor through a version.
    refused(give(as_person(administrator), version, "org.roles", "Ours."), 400, "invalid_input")
    assert not Answer.objects.exists()
    assert not StoredFile.objects.filter(size=len(b"left behind")).exists()


# --- Rulings and signatures ---------------------------------------------------------------------------------


def rule(caller, version, **changes):
    body = {"framework": "house-rules", "control": "H-1", "kind": "not_applicable", "reason": "No."}
    return caller.post(of(version, "rulings"), body | {"password": cast.PASSWORD} | changes)


def test_person_rules_and_a_wrong_password_does_not(version, compliance, approver):
    load(SMALL)
    refused(rule(as_person(compliance), version, password="guess"), 403, "reauthentication_failed")
    made = answered(rule(as_person(compliance), version), 201)
    assert (made["kind"], made["role"], made["ruled_by"]["username"]) == (
        "not_applicable",
        "compliance",
        compliance.username,
    )
    later = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    refused(rule(as_person(compliance), version, kind="waived", expires_at=later), 403, "not_permitted")
    answered(rule(as_person(approver), version, kind="waived", expires_at=later), 201)
    refused(rule(as_person(approver), version, kind="waived"), 400, "invalid_input")
    refused(rule(as_person(approver), version, control="H-9"), 400, "invalid_input")


def test_record_is_signed_by_the_digest_that_was_read(version, developer):
    fields = {"provider": "Northfield Hospital"}
    answered(give(as_program(developer), version, "conformity.declaration_fields", fields), 201)
    caller = as_person(developer)
    records = answered(caller.get(of(version, "signatures")))["records"]
    record = next(item for item in records if item["fact"] == "conformity.declaration")
    assert record["covers"] == [{"fact": "conformity.declaration_fields", "value": fields, "digest": ""}]
    body = {"fact": "conformity.declaration", "meaning": "declaration of conformity", "password": cast.PASSWORD}
    refused(caller.post(of(version, "signatures"), body | {"seen_digest": cast.ARTIFACT}), 409, "stale_reading")
    signed = answered(caller.post(of(version, "signatures"), body | {"seen_digest": record["digest"]}), 201)
    assert signed["signer_name"] == developer.get_full_name()
    answered(give(as_program(developer), version, "conformity.declaration_fields", fields | {"provider": "Else"}), 201)
    records = answered(caller.get(of(version, "signatures")))["records"]
    assert next(item for item in records if item["fact"] == "conformity.declaration")["signatures"] == []
    assert FactSignature.objects.count() == 1


def test_requirements_from_a_framework(version, developer, auditor):
    load_shipped("nyc_ll144")
    path = f"models/{version.model_id}/requirements/from-framework"
    refused(as_person(auditor).post(path, {"framework": "nyc-ll144"}), 403, "not_permitted")
    made = answered(as_program(developer).post(path, {"framework": "nyc-ll144"}), 201)["results"]
    assert len(made) == 4
    refused(as_program(developer).post(path, {"framework": "nyc-ll144"}), 409, "duplicate")
    refused(as_program(developer).post(path, {"framework": "nothing"}), 400, "invalid_input")


def test_released_version_keeps_what_was_signed(scene, developer):
    refused(give(as_program(developer), scene.version), 409, "transition_not_allowed")
    answered(give(as_program(developer), scene.version, "change.log", ["A hotfix."]), 201)
