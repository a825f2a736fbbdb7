"""The dossier: the same while nothing changes, another with every change, and cheap to read at any size."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from governance.actions import catalog, evaluations, lineage, people, reports, requirements, submission, waivers
from governance.canonical import canonical_bytes, sha256_hex
from governance.dossier import collect, keep
from governance.gate import judge
from governance.models import (
    DatasetVersion,
    Derivation,
    DossierSnapshot,
    Evidence,
    Membership,
    ModelVersion,
    Requirement,
    User,
)
from tests import cast


def reread(version: ModelVersion) -> ModelVersion:
    return ModelVersion.objects.get(pk=version.pk)


def count_queries(version: ModelVersion) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        judge(collect(version))
    return len(seen)


# --- The digest --------------------------------------------------------------------------------------------


def test_digest_stays_while_nothing_changes(ready_version):
    first = collect(ready_version)
    for _ in range(3):
        again = collect(reread(ready_version))
        assert (again.digest, again.document) == (first.digest, first.document)


def test_digest_is_that_of_the_canonical_document(ready_version):
    dossier = collect(ready_version)
    assert dossier.digest == sha256_hex(canonical_bytes(dossier.document))
    kept = keep(dossier)
    assert (kept.digest, sha256_hex(kept.document.encode())) == (dossier.digest, dossier.digest)
    keep(collect(ready_version))
    assert DossierSnapshot.objects.count() == 1


def test_digest_does_not_cover_what_signs_it(ready_version, signers, organisation_administrator):
    before = collect(ready_version).digest
    cast.sign_by_all(ready_version, signers)
    assert collect(reread(ready_version)).state == "APPROVED"
    people.end_role(Membership.objects.get(user=signers[0][0]), actor=cast.acting(organisation_administrator))
    assert collect(ready_version).digest == before


def test_digest_does_not_cover_the_language(ready_version):
    before = collect(ready_version).digest
    with translation.override("de"):
        assert collect(ready_version).digest == before


Change = Callable[[ModelVersion, User], object]
NOW = datetime(2026, 11, 1, tzinfo=UTC)
REVIEW = {"outcome": "passed", "reviewer": "S", "summary": "s"}


def describe(version, user):
    catalog.describe_model(version.model, intended_use="Another.", actor=cast.acting(user))


def set_tier(version, user):
    cast.assess(version.model, "high", by=user)


def lower_tier(version, user):
    cast.assess(version.model, "low", by=user)


def write_requirement(version, user):
    requirements.write_requirement(version.model, title="Calm", statement="It is calm.", actor=cast.acting(user))


def edit_requirement(version, user):
    row = version.model.requirements.first()
    requirements.edit_requirement(row, title=row.title, statement="Otherwise.", actor=cast.acting(user))


def edit_criterion(version, user):
    row = version.model.requirements.first()
    criterion = {"metric": "accuracy", "comparator": "at_least", "threshold": "0.7"}
    requirements.edit_requirement(
        row, title=row.title, statement=row.statement, criteria=[criterion], actor=cast.acting(user)
    )


def withdraw_requirement(version, user):
    requirements.withdraw_requirement(version.model.requirements.first(), reason="Double.", actor=cast.acting(user))


def declare_use(version, user):
    used = version.dataset_uses.first().dataset_version
    lineage.declare_dataset_use(version, dataset_version=used, role="validation", actor=cast.acting(user))


def submit_evidence(version, user):
    cast.submit(version, "security_review", by=user, content=REVIEW, title="Second look")


def supersede_evidence(version, user):
    old = version.evidence.get(kind="privacy_review")
    cast.submit(version, "privacy_review", by=user, content=REVIEW, title="Corrected", supersedes=old)


def request_evaluation(version, user):
    evaluations.request_evaluation(
        version,
        kind="bias_audit",
        evidence=version.evidence.get(kind="predictions"),
        spec=cast.PREDICTIONS_SPEC,
        actor=cast.acting(user),
    )


def rewrite_poc(version, user):
    requirements.write_proof_of_concept(version.model, problem_statement="Another.", actor=cast.acting(user))


CHANGES: list[tuple[Change, set[str]]] = [
    (describe, {"model"}),
    (set_tier, {"model"}),
    (lower_tier, {"model", "policy"}),
    (write_requirement, {"requirements: Calm (new)"}),
    (edit_requirement, {"requirements: Right often enough (changed)"}),
    (edit_criterion, {"requirements: Right often enough (changed)"}),
    (withdraw_requirement, {"requirements: Right often enough (removed)"}),
    (declare_use, {"datasets: Readmission triage data 1 (new)"}),
    (submit_evidence, {"evidence: Second look (new)"}),
    (supersede_evidence, {"evidence: Corrected (new)", "evidence: Privacy review (removed)"}),
    (request_evaluation, {"evaluations: bias audit (new)", "evaluations: bias audit (removed)"}),
    (rewrite_poc, {"proof of concept"}),
]


@pytest.mark.parametrize(("change", "named"), CHANGES, ids=[change.__name__ for change, _named in CHANGES])
def test_every_change_alters_the_digest_and_is_named_to_who_signed(ready_version, developer, validator, change, named):
    cast.sign(ready_version, validator, "validator")
    before = collect(ready_version)
    assert before.sign_offs[0].is_current
    assert before.sign_offs[0].changed == ()
    change(ready_version, developer)
    after = collect(reread(ready_version))
    assert after.digest != before.digest
    (signed,) = after.sign_offs
    assert not signed.is_current
    assert {item for item in signed.changed if not item.startswith("contributors")} == named


def test_waiver_alters_the_digest_and_is_named(model_with_go, developer, compliance):
    version = cast.register_version(model_with_go, developer)
    before = collect(version)
    waivers.grant_waiver(
        version,
        finding_key="evidence:privacy_review",
        reason="Due.",
        expires_at=datetime.now(UTC) + timedelta(days=5),
        password=cast.PASSWORD,
        actor=cast.acting(compliance),
    )
    after = collect(version)
    assert after.digest != before.digest
    assert [item.finding_key for item in after.waivers] == ["evidence:privacy_review"]
    assert [item.name for item in after.contributors] == ["Dana Whitfield", "Adele Brandt", "Carla Mendes"]


COLUMNS = [
    (Evidence, {"title": "Other"}),
    (Evidence, {"observed_at": NOW}),
    (Evidence, {"content": {"metrics": []}}),
    (Requirement, {"statement": "Other"}),
    (DatasetVersion, {"row_count": 1}),
    (DatasetVersion, {"digest": "sha256:" + "e" * 64}),
    (DatasetVersion, {"sensitive_columns": ["age"]}),
    (Derivation, {"description": "Otherwise"}),
    (ModelVersion, {"notes": "Other"}),
    (ModelVersion, {"training_code": "git:other"}),
]


@pytest.mark.parametrize(("table", "values"), COLUMNS, ids=lambda value: getattr(value, "__name__", str(value)))
def test_change_behind_the_actions_alters_the_digest(ready_version, table, values):
    before = collect(ready_version).digest
    row = table.objects.filter(**({"kind": "metrics"} if table is Evidence else {})).order_by("pk").first()
    table.objects.filter(pk=row.pk).update(**values)
    assert collect(reread(ready_version)).digest != before


def test_change_of_another_version_or_model_changes_nothing(ready_version, developer, project):
    before = collect(ready_version).digest
    other = cast.register_version(ready_version.model, developer)
    cast.submit_all_evidence(other, developer=developer)
    cast.register_version(cast.register_model(project, developer, "Another"), developer)
    assert collect(ready_version).digest == before


# --- Contributors ------------------------------------------------------------------------------------------


def names(version) -> list[str]:
    return [item.name for item in collect(version).contributors]


@pytest.fixture
def second(project, organisation_administrator) -> User:
    """Another developer, who has done nothing yet."""
    return cast.make_member("dora", "Dora Second", project, "developer", by=organisation_administrator)


@pytest.mark.parametrize("change", [change for change, _named in CHANGES], ids=lambda change: change.__name__)
def test_whoever_changes_anything_is_a_contributor(ready_version, second, change):
    assert names(ready_version) == ["Dana Whitfield", "Adele Brandt"]
    change(ready_version, second)
    assert "Dora Second" in names(ready_version)
    assert second.person_key in collect(ready_version).contributor_person_keys


def test_contributors_are_named_with_what_they_did(version, second):
    submit_evidence(version, second)
    by_name = {item.name: item.contributions for item in collect(version).contributors}
    assert by_name["Dora Second"] == ("evidence.submitted",)
    assert set(by_name["Dana Whitfield"]) == {
        "dataset.registered",
        "dataset_use.declared",
        "dataset_version.registered",
        "model.registered",
        "requirement.written",
        "version.registered",
    }


def test_reading_signing_and_reporting_contribute_nothing(ready_version, signers, auditor):
    before = names(ready_version)
    cast.sign_by_all(ready_version, signers)
    reports.request_report(ready_version, actor=cast.acting(auditor))
    assert names(ready_version) == before


def test_work_on_another_version_of_the_model_is_no_touch_of_this_one(ready_version, second):
    other = cast.register_version(ready_version.model, second)
    submit_evidence(other, second)
    assert "Dora Second" not in names(ready_version)
    assert names(other) == ["Dana Whitfield", "Adele Brandt", "Dora Second"]


def test_whoever_registered_the_data_contributed_and_who_derived_something_else_from_it_did_not(
    version, developer, second, organisation_administrator, project
):
    """Also the dataset itself, with its source and its class of personal data, and what it was derived from."""
    third = cast.make_member("dirk", "Dirk Third", project, "developer", by=organisation_administrator)
    bystander = cast.make_member("dina", "Dina Bystander", project, "developer", by=organisation_administrator)
    dataset = lineage.register_dataset(project, name="Visits", personal_data="none", actor=cast.acting(second))
    raw = lineage.register_dataset_version(dataset, digest="sha256:" + "1" * 64, row_count=9, actor=cast.acting(third))
    lineage.register_dataset_version(
        dataset, digest="sha256:" + "2" * 64, row_count=9, derived_from=[(raw, "")], actor=cast.acting(bystander)
    )
    used = lineage.register_dataset_version(
        version.dataset_uses.first().dataset_version.dataset,
        digest="sha256:" + "3" * 64,
        row_count=9,
        derived_from=[(raw, "")],
        actor=cast.acting(developer),
    )
    assert names(version) == ["Dana Whitfield"]
    lineage.declare_dataset_use(version, dataset_version=used, role="validation", actor=cast.acting(developer))
    by_name = {item.name: item.contributions for item in collect(version).contributors}
    assert by_name.keys() == {"Dana Whitfield", "Dora Second", "Dirk Third"}
    assert by_name["Dora Second"] == ("dataset.registered",)
    assert by_name["Dirk Third"] == ("dataset_version.registered",)


def test_whoever_wrote_the_template_wrote_the_criteria_made_from_it(
    version, project, developer, second, organisation_administrator
):
    """What is written after the requirements were made, or for another tier, did not reach them."""
    member = {
        name: cast.make_member(name, f"{name} Compliance", project, "compliance", by=organisation_administrator)
        for name in ("before", "later", "elsewhere")
    }
    text = "- {title: Fair, statement: Be fair., criteria: [{metric: accuracy, comparator: at_least, threshold: 0}]}"
    tier = version.model.risk_tier
    other = "low" if tier != "low" else "high"
    people.write_template(project, risk_tier=tier, text=text, actor=cast.acting(member["before"]))
    people.write_template(project, risk_tier=other, text=text, actor=cast.acting(member["elsewhere"]))
    requirements.generate_requirements(version.model, actor=cast.acting(developer))
    people.write_template(project, risk_tier=tier, text=text, actor=cast.acting(member["later"]))
    by_name = {item.name: item.contributions for item in collect(version).contributors}
    assert by_name.keys() == {"Dana Whitfield", "before Compliance"}
    assert by_name["before Compliance"] == ("template.written",)


def test_closed_and_renamed_people_stay_contributors(version, developer, organisation_administrator):
    people.close_user(developer, reason="Left.", actor=cast.acting(organisation_administrator))
    assert names(version) == ["Dana Whitfield"]
    assert developer.person_key in collect(version).contributor_person_keys


# --- Cost --------------------------------------------------------------------------------------------------


def grow(version: ModelVersion, developer: User, times: int) -> None:
    """Add ``times`` of everything that a dossier lists."""
    actor = cast.acting(developer)
    dataset = version.dataset_uses.first().dataset_version.dataset
    for number in range(times):
        write_requirement(version, developer)
        cast.submit_all_evidence(version, developer=developer)
        made = lineage.register_dataset_version(
            dataset, digest=f"sha256:{number + 5000:064x}", row_count=1, actor=actor,
            derived_from=[(version.dataset_uses.first().dataset_version, "again")],
        )  # fmt: skip
        lineage.declare_dataset_use(version, dataset_version=made, role="validation", actor=actor)
        catalog.register_version(version.model, actor=actor)


def test_queries_do_not_grow_with_what_is_recorded(model_with_go, developer, signers):
    few = cast.make_ready_version(model_with_go, developer=developer)
    cast.sign(few, *signers[0])
    expected = count_queries(few)
    many = cast.make_ready_version(model_with_go, developer=developer)
    grow(many, developer, 3)
    for user, role in signers:
        cast.sign(many, user, role, "request_changes" if role == "approver" else "approve")
    submission.submit_version(many, actor=cast.acting(developer))
    assert count_queries(many) == expected
    assert count_queries(few) == expected


def test_queries_with_fifty_items_of_evidence_and_with_one_are_the_same(version, developer, project):
    other = cast.register_version(cast.register_model(project, developer, "Another"), developer)
    cast.submit(other, "file", by=developer, file=[b"one"], file_name="a.txt")
    expected = count_queries(other)
    for number in range(50):
        cast.submit(version, "file", by=developer, file=[b"%d" % number], file_name="a.txt")
    assert len(collect(version).evidence) == 50
    assert count_queries(version) == expected


def test_queries_of_a_version_with_nothing_are_few(project, developer):
    bare = catalog.register_version(
        catalog.register_model(project, name="Bare", actor=cast.acting(developer)), actor=cast.acting(developer)
    )
    assert count_queries(bare) <= 27
    assert collect(bare).datasets == collect(bare).evidence == collect(bare).sign_offs == ()


def test_depth_of_lineage_costs_no_queries(version, developer):
    expected = count_queries(version)
    dataset = version.dataset_uses.first().dataset_version.dataset
    current = version.dataset_uses.get(role="training").dataset_version
    for number in range(30):
        current = lineage.register_dataset_version(
            dataset,
            digest=f"sha256:{number + 9000:064x}",
            row_count=1,
            derived_from=[(current, f"step {number}")],
            actor=cast.acting(developer),
        )
    lineage.declare_dataset_use(version, dataset_version=current, role="validation", actor=cast.acting(developer))
    assert len(collect(version).derivations) == 31
    assert count_queries(version) == expected


def test_lineage_that_someone_bent_into_a_circle_is_read_once(version):
    """No action can make one: a version's sources are named when it is made. The table could hold it."""
    raw, test = (version.dataset_uses.get(role=role).dataset_version for role in ("training", "test"))
    Derivation.objects.create(derived=raw, source=test, description="the wrong way round")
    dossier = collect(version)
    assert sorted((item.derived_id, item.source_id) for item in dossier.derivations) == [
        (raw.pk, test.pk),
        (test.pk, raw.pk),
    ]


def test_document_is_plain_json(ready_version):
    document = collect(ready_version).document
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["format"] == "countersign/dossier/1"
