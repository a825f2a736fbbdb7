"""verify_log compares every table with the log: what was changed in a row is found with the entry that recorded it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from governance import store
from governance.actions import people
from governance.canonical import canonical_digest
from governance.log_verification import verify_files
from governance.models import EvaluationInput, Remark, SecondFactor, StoredFile, User
from tests import cast
from tests.governance.log_history import History
from tests.governance.tampering import check, read_entry, run_sql
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db


def subject_of(index: int, related: str | None) -> int:
    body = read_entry(index)
    things = [body["subject"]] if related is None else [one for one in body["related"] if one["kind"] == related]
    return int(things[0]["id"])


LATER = timezone.now() + timedelta(days=170)
LONG_AGO = timezone.now() - timedelta(days=30)
# table, type of the entry that must be named, how the entry names the row, what is written into the row
ROW_CHANGES: list[tuple[str, str, str | None, dict[str, Any]]] = [
    ("signoff", "sign_off.given", None, {"decision": "reject"}),
    ("signoff", "sign_off.given", None, {"role": "approver"}),
    ("signoff", "sign_off.given", None, {"meaning": "I have seen nothing."}),
    ("signoff", "sign_off.given", None, {"reason": "No reason."}),
    ("signoff", "sign_off.given", None, {"signer_id": 1}),
    ("signoff", "sign_off.given", None, {"signer_name": "Somebody Else"}),
    ("signoff", "sign_off.given", None, {"signed_at": LONG_AGO}),
    ("signoff", "sign_off.given", None, {"log_index": 3}),
    ("waiver", "waiver.granted", None, {"expires_at": LATER}),
    ("waiver", "waiver.granted", None, {"finding_key": "evidence:predictions"}),
    ("waiver", "waiver.granted", None, {"granted_by_id": 1}),
    ("release", "version.promoted", None, {"environment": "staging"}),
    ("release", "version.promoted", None, {"statement": "{}"}),
    ("release", "version.promoted", None, {"envelope": "{}"}),
    ("release", "version.promoted", None, {"promoted_by_id": 1}),
    ("release", "version.promoted", None, {"started_at": LONG_AGO}),
    ("evidence", "evidence.submitted", None, {"kind": "document"}),
    ("evidence", "evidence.submitted", None, {"title": "Better predictions"}),
    ("evidence", "evidence.submitted", None, {"observed_at": LONG_AGO}),
    ("evidence", "evidence.submitted", None, {"received_at": LONG_AGO}),
    ("evidence", "evidence.submitted", None, {"submitted_by_id": 1}),
    ("evaluation", "evaluation.completed", None, {"result": '{"measures": []}'}),
    ("evaluation", "evaluation.completed", None, {"result_digest": "sha256:" + "0" * 64}),
    ("evaluation", "evaluation.completed", None, {"status": "FAILED"}),
    ("evaluation", "evaluation.failed", None, {"failure": "It was the weather."}),
    ("evaluation", "evaluation.requested", None, {"spec": '{"task": "other"}'}),
    ("evaluation", "evaluation.requested", None, {"dataset_role": "training"}),
    ("datasetversion", "dataset_version.registered", None, {"digest": "sha256:" + "1" * 64}),
    ("datasetversion", "dataset_version.registered", None, {"row_count": 1}),
    ("dataset", "dataset.registered", None, {"name": "Other data"}),
    ("datasetuse", "dataset_use.declared", None, {"role": "validation"}),
    ("registeredmodel", "model.tiered", None, {"risk_tier": "high"}),
    ("registeredmodel", "model.tiered", None, {"revision": 1}),
    ("registeredmodel", "model.registered", None, {"owner_id": 1}),
    ("modelversion", "version.registered", None, {"created_by_id": 1}),
    ("modelversion", "version.registered", None, {"number": 77}),
    ("requirement", "requirement.withdrawn", None, {"withdrawn_at": None}),
    ("proofofconcept", "proof_of_concept.decided", None, {"decision": "no_go"}),
    ("proofofconcept", "proof_of_concept.decided", None, {"decided_by_id": 1}),
    ("membership", "membership.granted", "membership", {"role": "approver"}),
    ("membership", "membership.ended", "membership", {"ended_at": None}),
    ("user", "user.created", None, {"is_organisation_administrator": False}),
    ("user", "user.created", None, {"person_key": "another human"}),
    ("user", "user.created", None, {"full_name": "Somebody Else"}),
    ("user", "user.created", None, {"username": "somebody"}),
    ("user", "user.created", None, {"password": "a hash that an intruder knows the password of"}),
    ("user", "user.closed", None, {"is_active": True}),
    ("apitoken", "token.created", None, {"scopes": '["administer"]'}),
    ("apitoken", "token.created", None, {"expires_at": LATER}),
    ("apitoken", "token.created", None, {"secret_digest": "0" * 64}),
    ("apitoken", "token.revoked", None, {"revoked_at": None}),
    ("secondfactor", "user.second_factor_added", None, {"material": "another key"}),
    ("secondfactor", "user.second_factor_added", None, {"user_id": 1}),
    ("secondfactor", "user.second_factor_removed", None, {"removed_at": None}),
    ("remark", "remark.written", None, {"text": "Badly described."}),
    ("remark", "remark.written", None, {"item_key": "policy"}),
    ("remark", "remark.written", None, {"author_id": 1}),
    ("remark", "remark.written", None, {"written_at": LONG_AGO}),
    ("remark", "question.resolved", None, {"resolved_at": None}),
    ("remark", "question.resolved", None, {"resolved_by_id": 1}),
    ("remark", "question.resolved", None, {"resolution": "No thanks."}),
    ("requirementtemplate", "template.written", None, {"text": "- title: Nothing\n  statement: Nothing."}),
    ("frameworkedition", "framework.loaded", None, {"text": "catalogue: 1"}),
    ("frameworkedition", "framework.loaded", None, {"number": 9}),
    ("frameworkedition", "framework.withdrawn", None, {"withdrawn_by_id": None}),
    ("answer", "dossier.answered", None, {"value": '"An oracle."'}),
    ("answer", "dossier.answered", None, {"fact": "risk.method"}),
    ("answer", "dossier.answered", None, {"answered_by_id": 1}),
    ("answer", "dossier.answered", None, {"answered_at": LONG_AGO}),
    ("answer", "answer.recorded", None, {"version_id": None}),
    ("factsignature", "fact.signed", None, {"digest": "sha256:" + "0" * 64}),
    ("factsignature", "fact.signed", None, {"meaning": "I have seen nothing."}),
    ("factsignature", "fact.signed", None, {"signer_name": "Somebody Else"}),
    ("controlruling", "control.ruled", None, {"expires_at": LATER}),
    ("controlruling", "control.ruled", None, {"control": "H-2"}),
    ("controlruling", "control.ruled", None, {"reason": "No reason."}),
    ("compliancereport", "report.requested", None, {"framework": "nyc-ll144"}),
    ("compliancereport", "report.issued", None, {"document_digest": "sha256:" + "0" * 64}),
    ("compliancereport", "report.issued", None, {"status": "FAILED"}),
    ("compliancereport", "report.issued", None, {"log_index": 1}),
]


@pytest.mark.parametrize(
    ("table", "type", "related", "change"),
    ROW_CHANGES,
    ids=[f"{table}-{next(iter(change))}" for table, _type, _related, change in ROW_CHANGES],
)
def test_changed_row_is_found_with_the_entry_that_recorded_it(
    history: History, table: str, type: str, related: str | None, change: dict[str, Any]
) -> None:
    index = history.index_of(type)
    ((column, value),) = change.items()
    run_sql(f"UPDATE governance_{table} SET {column} = %s WHERE id = %s", value, subject_of(index, related))  # noqa: S608
    found = check()
    assert {problem.index for problem in found.problems} == {index}, found.problems


DELETED_ROWS = [
    ("signoff", "sign_off.given", None),
    ("waiver", "waiver.granted", None),
    ("release", "version.promoted", None),
    ("evaluation", "evaluation.requested", None),
    ("datasetuse", "dataset_use.declared", None),
    ("requirement", "requirement.written", None),
    ("membership", "membership.granted", "membership"),
    ("apitoken", "token.created", None),
    ("answer", "dossier.answered", None),
    ("controlruling", "control.ruled", None),
    ("factsignature", "fact.signed", None),
]


@pytest.mark.parametrize(("table", "type", "related"), DELETED_ROWS, ids=[row[0] for row in DELETED_ROWS])
def test_deleted_row_is_found_with_the_entry_that_recorded_it(
    history: History, table: str, type: str, related: str | None
) -> None:
    key = subject_of(history.index_of(type), related)
    run_sql(f"DELETE FROM governance_{table} WHERE id = %s", key)  # noqa: S608
    assert any("gone from its table" in problem.what for problem in check().problems)


def test_row_that_no_entry_records_is_found(history: History) -> None:
    """An old approval copied to another version, by SQL."""
    columns = "dossier_id, signer_name, role, meaning, reason, authentication, signed_at, log_index, signer_id"
    run_sql(
        f"INSERT INTO governance_signoff (decision, version_id, {columns}) SELECT 'reject', %s, {columns} "  # noqa: S608
        "FROM governance_signoff ORDER BY id LIMIT 1",
        history.open_version.pk,
    )
    found = check()
    assert found.first_index == history.index_of("sign_off.given")
    assert "no entry records it" in found.problems[0].what


def test_role_that_nobody_granted_is_found(history: History) -> None:
    auditor = history.people["auditor"]
    auditor.memberships.create(project=history.project, role="approver", granted_by=history.root)
    assert [problem.what.split(" ", 2)[2] for problem in check().problems] == [
        "stands in its table, but no entry records it"
    ]


def test_state_set_by_orm_is_found_with_the_entry_that_moved_it_last(history: History) -> None:
    version = history.open_version
    type(version).objects.filter(pk=version.pk).update(state="APPROVED")
    problem = check().problems[0]
    assert problem.index == history.index_of("version.submitted", last=True)
    assert problem.what == f"version {version.pk}: its state is APPROVED, recorded is IN_REVIEW"


def test_lowered_threshold_is_found(history: History) -> None:
    for key in ("R-1", "R-3"):  # one written by hand, one from the template
        requirement = history.model.requirements.get(key=key)
        with transaction.atomic():
            requirement.criteria.update(threshold="0.1")
            found = check()
            transaction.set_rollback(True)
        assert [problem.what for problem in found.problems] == [
            f"requirement {requirement.pk}: its text or its criteria are not the recorded ones"
        ]
        assert "requirement" in read_entry(found.first_index or 0)["type"]


def test_deleted_criterion_is_found(history: History) -> None:
    requirement = history.model.requirements.get(key="R-1")
    requirement.criteria.all().delete()
    assert check().first_index == history.index_of("requirement.written") + 5


def test_swapped_file_is_found(history: History) -> None:
    index = history.index_of("evidence.submitted")
    other = StoredFile.objects.exclude(evidence=subject_of(index, None))[0]
    run_sql("UPDATE governance_evidence SET file_id = %s WHERE id = %s", other.digest, subject_of(index, None))
    assert {problem.index for problem in check().problems} == {index}


def test_changed_content_is_found_with_and_without_a_new_digest(history: History) -> None:
    evidence = history.live.version.evidence.get(kind="metrics")
    content = {"metrics": [{"name": "accuracy", "value": 0.99, "population": "overall", "dataset_role": "test"}]}
    for change in ({"content": content}, {"content": content, "content_digest": canonical_digest(content)}):
        with transaction.atomic():
            type(evidence).objects.filter(pk=evidence.pk).update(**change)
            found = check()
            transaction.set_rollback(True)
        assert {problem.index for problem in found.problems} == {evidence.log_index}


def test_content_with_numbers_that_databases_write_in_their_own_way_is_whole(history: History) -> None:
    values = [999999999999999.0, 1e-7, 5e-324, 0.1, 3.0, -0.0]
    metrics = [{"name": f"metric {number}", "value": value} for number, value in enumerate(values)]
    cast.submit(history.open_version, "metrics", by=history.people["developer"], content={"metrics": metrics})
    assert check().problems == ()


def test_offer_for_another_requirement_is_found(history: History) -> None:
    evidence = history.live.version.evidence.filter(requirements__isnull=False).get()
    evidence.requirements.clear()
    assert {problem.index for problem in check().problems} == {evidence.log_index}


def test_removed_derivation_is_found(history: History) -> None:
    derived = history.live.version.dataset_uses.get(role="test").dataset_version
    derived.derivations.all().delete()
    (problem,) = check().problems
    assert problem.what == f"dataset version {derived.pk}: it is derived from other dataset versions than recorded"


def test_changed_artifact_is_found(history: History) -> None:
    history.live.version.artifacts.update(digest="sha256:" + "b" * 64)
    (problem,) = check().problems
    assert problem.what == f"version {history.live.version.pk}: its artifacts are not the recorded ones"


def test_changed_dossier_text_is_found_with_the_entry_that_names_it(history: History) -> None:
    snapshot = history.live.dossier
    with behind_the_guards():
        type(snapshot).objects.filter(pk=snapshot.pk).update(document=snapshot.document.replace("low", "LOW"))
    (problem,) = check().problems
    assert problem.what == f"the kept text of dossier {snapshot.pk} no longer has that digest"
    assert read_entry(problem.index or 0)["data"]["dossier"] == snapshot.pk


def test_release_reopened_or_ended_by_sql_is_found(history: History) -> None:
    with transaction.atomic():
        run_sql("UPDATE governance_release SET ended_at = NULL, environment = 'x' WHERE id = %s", history.former.pk)
        reopened = check()
        transaction.set_rollback(True)
    assert f"release {history.former.pk} was ended here and is marked as live" in {
        problem.what for problem in reopened.problems
    }
    type(history.live).objects.filter(pk=history.live.pk).update(ended_at=timezone.now())
    (problem,) = check().problems
    assert (problem.index, problem.what) == (
        history.live.log_index,
        f"release {history.live.pk} is marked as ended, but no entry ends it",
    )


def test_envelope_of_another_release_is_found(history: History) -> None:
    with behind_the_guards():
        type(history.live).objects.filter(pk=history.live.pk).update(envelope=history.former.envelope)
    (problem,) = check().problems
    assert problem.index == history.live.log_index
    assert problem.what == f"release {history.live.pk}: its envelope carries another statement"


def test_administrator_made_by_orm_is_found(history: History) -> None:
    auditor = history.people["auditor"]
    type(auditor).objects.filter(pk=auditor.pk).update(is_organisation_administrator=True)
    (problem,) = check().problems
    assert problem.what == f"user {auditor.pk} is an organisation administrator, but the log says otherwise"
    assert read_entry(problem.index or 0)["subject"]["id"] == auditor.pk


def test_former_password_put_back_is_found_with_the_entry_that_changed_it(history: History) -> None:
    before = User.objects.get(pk=history.root.pk)
    people.change_password(password=cast.PASSWORD, new_password="Nine tall cranes!", actor=cast.acting(before))
    assert check().problems == ()
    assert User.objects.get(pk=before.pk).check_password("Nine tall cranes!")
    User.objects.filter(pk=before.pk).update(password=before.password)
    (problem,) = check().problems
    assert (problem.index, "password" in problem.what) == (history.index_of("user.password_changed", last=True), True)


def test_entry_without_its_data_is_named_and_stops_nothing(history: History) -> None:
    """What append would write for an entry that somebody made up."""
    from governance import auditlog
    from governance.auditlog import Subject

    with transaction.atomic():
        entry = auditlog.append(
            "sign_off.given",
            actor=cast.acting(history.root),
            subject=Subject("sign_off", history.live.version.sign_offs.all()[0].pk, "made up"),
            project=None,
        )
    problems = check().problems
    assert [problem.index for problem in problems] == [entry.index, entry.index]


def test_further_inputs_are_compared_with_the_log(history: History) -> None:
    audit = history.live.version.evaluations.filter(status="SUCCEEDED")[0]
    with transaction.atomic():
        EvaluationInput.objects.create(evaluation=audit, role="sensitive_file", evidence=audit.evidence)
        problems = [problem.what for problem in check().problems]
        transaction.set_rollback(True)
    assert [what for what in problems if "other inputs than recorded" in what]
    assert check().problems == ()


# --- Files --------------------------------------------------------------------------------------


def test_stored_files_are_read_again(history: History) -> None:
    assert verify_files() == ()


@pytest.mark.parametrize("damage", ["flip", "remove", "lengthen"])
def test_damaged_file_is_found_with_its_entry(history: History, damage: str) -> None:
    evidence = history.live.version.evidence.filter(kind="predictions").order_by("-pk")[0]
    assert evidence.file is not None
    path = store.path_of(evidence.file.digest)
    before = path.read_bytes()
    path.chmod(0o600)
    try:
        if damage == "remove":
            path.unlink()
        else:
            path.write_bytes(b"x" + before[1:] if damage == "flip" else before + b"x")
        problems = verify_files()
    finally:
        path.write_bytes(before)
    first = type(evidence).objects.filter(file=evidence.file).aggregate(Min("log_index"))["log_index__min"]
    assert [problem.index for problem in problems] == [first]
    assert evidence.file.digest in problems[0].what


def test_question_marked_as_resolved_without_an_entry_is_found(history: History) -> None:
    asked = history.open_version.remarks.open_questions().get()
    with behind_the_guards():
        Remark.objects.filter(pk=asked.pk).update(resolved_at=timezone.now(), resolved_by=history.root)
    assert [problem.index for problem in check().problems] == [asked.log_index]


def test_mention_that_nobody_wrote_is_found(history: History) -> None:
    asked = history.open_version.remarks.open_questions().get()
    Remark.mentions.through.objects.create(remark_id=asked.pk, user_id=history.root.pk)
    assert [problem.index for problem in check().problems] == [asked.log_index]


def test_second_factor_marked_as_removed_without_an_entry_is_found(history: History) -> None:
    SecondFactor.objects.filter(removed_at=None).update(removed_at=timezone.now())
    assert [problem.what for problem in check().problems] == [
        f"second factor {SecondFactor.objects.earliest('pk').pk} is marked as removed, but no entry removes it"
    ]
