"""What waits for whom. The hint is compared with what the gate says of the same dossier."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.actions import catalog, evaluations, people, promotion, reports, requirements, submission
from governance.dossier import collect
from governance.findings import FindingStatus
from governance.gate import judge
from governance.models import ComplianceReport, Evaluation, ModelVersion, User
from governance.permissions import SIGNING, duties_are_separate, roles_of
from portal.pages.waiting import list_waiting
from tests import cast


def titles(user: User, action: str) -> list[str]:
    return [item.title for item in list_waiting(user) if item.action == action]


def gate_wants(user: User, version: ModelVersion) -> bool:
    """Whether the gate has an empty slot for this person, by the full dossier."""
    dossier = collect(version)
    roles = roles_of(user, version.model.project) & SIGNING
    empty = [
        finding.key.split(":")[1]
        for finding in judge(dossier).findings
        if finding.key.startswith("sign_off:") and finding.status != FindingStatus.MET
    ]
    has_signed = any(item.is_current and item.signer_person_key == user.person_key for item in dossier.sign_offs)
    separate = duties_are_separate(user, dossier.contributor_person_keys)
    return version.state == "IN_REVIEW" and separate and not has_signed and bool(roles & set(empty))


def assert_agrees(users: list[User], version: ModelVersion) -> None:
    version.refresh_from_db()
    for user in users:
        assert (titles(user, "Read and sign") == [str(version)]) == gate_wants(user, version), user


def test_version_in_review_waits_for_each_empty_role(
    ready_version, validator, compliance, approver, developer, auditor
):
    people = [validator, compliance, approver, developer, auditor]
    assert_agrees(people, ready_version)
    assert [titles(user, "Read and sign") != [] for user in people] == [True, True, True, False, False]

    cast.sign(ready_version, validator, "validator")

    assert_agrees(people, ready_version)
    assert titles(validator, "Read and sign") == []


def test_signature_over_an_older_dossier_waits_again(ready_version, validator, compliance, approver, developer):
    cast.sign(ready_version, validator, "validator")
    cast.submit(ready_version, "document", by=developer, file=[b"more"], file_name="more.md")

    assert titles(validator, "Read and sign") == [str(ready_version)]
    assert_agrees([validator, compliance, approver], ready_version)


def test_change_of_the_model_makes_a_signature_wait_again(ready_version, validator, developer):
    cast.sign(ready_version, validator, "validator")
    catalog.describe_model(ready_version.model, intended_use="Something else.", actor=cast.acting(developer))

    assert titles(validator, "Read and sign") == [str(ready_version)]
    assert_agrees([validator], ready_version)


def test_other_version_of_the_model_changes_nothing(ready_version, validator, developer):
    cast.sign(ready_version, validator, "validator")
    cast.register_version(ready_version.model, developer)

    assert titles(validator, "Read and sign") == []
    assert_agrees([validator], ready_version)


@pytest.mark.parametrize("touch", ["evidence", "requirement", "dataset"])
def test_contributor_is_not_asked_to_sign(touch, model_with_go, developer, validator, organisation_administrator):
    people.grant_role(
        model_with_go.project, user=validator, role="developer", actor=cast.acting(organisation_administrator)
    )
    maker = validator if touch == "dataset" else developer
    version = cast.register_version(model_with_go, maker)
    cast.evaluate(version, cast.submit_all_evidence(version, developer=developer), by=developer)
    if touch == "evidence":
        cast.submit(version, "document", by=validator, file=[b"x"], file_name="x.md")
    if touch == "requirement":
        requirements.write_requirement(version.model, title="T", statement="S", actor=cast.acting(validator))
    version = submission.submit_version(version, actor=cast.acting(developer))

    assert titles(validator, "Read and sign") == []
    assert_agrees([validator], version)


def test_second_login_of_a_contributor_is_not_asked(ready_version, validator, developer):
    User.objects.filter(pk=validator.pk).update(person_key=developer.person_key)
    validator.refresh_from_db()

    assert titles(validator, "Read and sign") == []
    assert_agrees([validator], ready_version)


def test_person_with_two_roles_is_asked_once(ready_version, validator, compliance, organisation_administrator):
    people.grant_role(
        ready_version.model.project, user=validator, role="approver", actor=cast.acting(organisation_administrator)
    )
    [waiting] = [item for item in list_waiting(validator) if item.action == "Read and sign"]
    assert waiting.text == "Waits for your signature as validator or approver."

    cast.sign(ready_version, validator, "validator")
    assert titles(validator, "Read and sign") == []


def test_approved_version_waits_for_its_approver_alone(ready_version, signers, approver, validator, developer):
    cast.sign_by_all(ready_version, signers)

    assert titles(approver, "Promote") == [str(ready_version)]
    assert titles(validator, "Promote") == []
    assert titles(developer, "Promote") == []
    digest = collect(ready_version).digest
    promotion.promote(
        ready_version,
        environment="production",
        dossier_digest=digest,
        password=cast.PASSWORD,
        actor=cast.acting(approver),
    )
    assert list_waiting(approver) == []


def test_undecided_proof_of_concept_waits_for_those_who_may_decide(model, developer, approver, validator, stranger):
    requirements.write_proof_of_concept(model, problem_statement="Why.", actor=cast.acting(developer))

    assert titles(approver, "Decide") == [model.name]
    assert [titles(user, "Decide") for user in (developer, validator, stranger)] == [[], [], []]


def test_own_versions_wait_until_they_have_a_successor(ready_version, validator, developer):
    assert [item.title for item in list_waiting(developer)] == []

    cast.sign(ready_version, validator, "validator", "request_changes")
    [returned] = list_waiting(developer)
    assert (returned.title, returned.text, returned.tone) == (
        str(ready_version),
        "Came back with a request for changes.",
        "warn",
    )

    draft = cast.register_version(ready_version.model, developer)
    assert [item.title for item in list_waiting(developer)] == [str(draft)]


def test_rejected_version_waits_for_its_author(ready_version, validator, developer):
    cast.sign(ready_version, validator, "validator", "reject")

    assert [item.text for item in list_waiting(developer)] == ["Was rejected. A correction is a new version."]


def test_own_work_under_way_and_failed_waits_urgent_first(version, developer, auditor):
    submitted = cast.submit(version, "predictions", by=developer, file=[cast.make_predictions()], file_name="p.csv")
    evaluations.request_evaluation(
        version, kind="bias_audit", evidence=submitted, spec=cast.PREDICTIONS_SPEC, actor=cast.acting(developer)
    )
    report = reports.request_report(version, actor=cast.acting(developer))
    report_of_other = reports.request_report(version, actor=cast.acting(auditor))
    ComplianceReport.objects.filter(pk=report_of_other.pk).delete()
    ComplianceReport.objects.filter(pk=report.pk).update(
        status="FAILED", failure="The store is full.\nDetails", finished_at=report.requested_at
    )

    found = [(item.text, item.tone) for item in list_waiting(developer)]

    assert found == [
        ("Failed: The store is full.", "bad"),
        ("Is a draft. See what the gate still asks for.", "neutral"),
        ("Waits for a worker.", "info"),
    ]


def test_failure_that_was_tried_again_waits_no_more(version, developer):
    first = reports.request_report(version, actor=cast.acting(developer))
    ComplianceReport.objects.filter(pk=first.pk).update(status="FAILED", finished_at=first.requested_at)
    reports.request_report(version, actor=cast.acting(developer))

    assert [item.text for item in list_waiting(developer) if item.action in ("See why", "Watch")] == [
        "Waits for a worker."
    ]


def test_nothing_of_another_project_waits_for_a_stranger(ready_version, stranger):
    assert list_waiting(stranger) == []


def test_queries_do_not_grow_with_what_waits(model_with_go, developer, validator, approver, administrator):
    def count(user: User) -> int:
        with CaptureQueriesContext(connection) as captured:
            list_waiting(user)
        return len(captured)

    def add(name: str) -> None:
        other = cast.register_model(model_with_go.project, developer, name)
        requirements.write_proof_of_concept(other, problem_statement="Why.", actor=cast.acting(developer))
        reports.request_report(cast.register_version(other, developer), actor=cast.acting(developer))
        Evaluation.objects.filter(version__model=other).update(status="QUEUED")

    cast.make_ready_version(model_with_go, developer=developer)
    add("One")
    with_one = [count(user) for user in (developer, validator, approver)]
    second = cast.make_ready_version(model_with_go, developer=developer)
    cast.sign(second, validator, "validator")
    add("Two")
    add("Three")

    assert [count(user) for user in (developer, validator, approver)] == with_one
    assert max(with_one) <= 16
