"""A dry run judges what runs today by another policy, and changes nothing."""

from __future__ import annotations

import pytest

from governance.actions import promotion
from governance.actions.submission import submit_version
from governance.dossier import collect
from governance.dry_run import dry_run
from governance.exceptions import InvalidInput
from governance.models import AuditLogEntry, DossierSnapshot, PolicyText, Release
from governance.policy import policy_for
from tests import cast
from tests.governance.policy_texts import adopt, next_text, propose
from tests.guards import behind_the_guards

pytestmark = pytest.mark.django_db


@pytest.fixture
def release(signers, administrator, ready_version, approver) -> Release:
    cast.sign_by_all(ready_version, signers)
    return promotion.promote(
        ready_version,
        environment="production",
        dossier_digest=collect(ready_version).digest,
        password=cast.PASSWORD,
        actor=cast.acting(approver),
    )


def keys(findings) -> list[str]:
    return [finding.key for finding in findings]


def test_policy_in_force_closes_nothing(release, project):
    (found,) = dry_run(policy_for("high"), project)
    assert (found.release, found.closing, found.new, found.would_fail) == (release, (), (), False)


def test_sign_offs_count_as_they_were_given(release, project):
    """They are over the digest of a dossier that names another policy: their people and roles are what is judged."""
    (found,) = dry_run(next_text(2, ("sign_offs: 90", "sign_offs: 89")), project)
    assert found.closing == ()


@pytest.mark.parametrize(
    ("change", "closing"),
    [
        (("evidence: [metrics,", "evidence: [load_test, metrics,"), ["evidence:load_test"]),
        (("{role: approver, count: 1}", "{role: approver, count: 2}"), ["sign_off:approver:3"]),
        (
            ("  - {kind: explanation, dataset_role: test}", "  - {kind: data_quality, dataset_role: training}"),
            ["evaluation:data_quality:training"],
        ),
    ],
)
def test_what_would_close_is_named(release, project, change, closing):
    (found,) = dry_run(next_text(2, change), project)
    assert keys(found.closing) == keys(found.new) == closing


def test_dry_run_writes_nothing(release, project, django_assert_max_num_queries):
    before = (AuditLogEntry.objects.count(), DossierSnapshot.objects.count())
    dry_run(next_text(2, ("{role: approver, count: 1}", "{role: approver, count: 2}")), project)
    assert (AuditLogEntry.objects.count(), DossierSnapshot.objects.count()) == before


def test_other_tiers_and_environments_and_ended_releases_are_left_out(release, project):
    assert dry_run(policy_for("medium"), project) == []
    assert dry_run(next_text(1, ("environment: production", "environment: staging")), project) == []
    Release.objects.update(ended_at=release.started_at)
    assert dry_run(policy_for("high"), project) == []


def test_degenerate_text_is_refused(release, project):
    with pytest.raises(InvalidInput):
        dry_run("sign_offs: []", project)


def test_adoption_leaves_what_runs_alone(release, project, compliance, administrator):
    """A released version is bound to the words it was submitted under; the stricter policy is for what comes."""
    before = collect(release.version).digest
    adopt(propose(project, ("evidence: [metrics,", "evidence: [load_test, metrics,"), by=compliance), by=administrator)
    assert collect(release.version).digest == before
    assert Release.objects.live().get() == release


def test_release_that_is_under_review_for_a_further_environment_is_judged_by_its_own(
    release, project, compliance, administrator, developer
):
    adopt(propose(project, by=compliance, environment="edge"), by=administrator)
    submit_version(release.version, environment="edge", actor=cast.acting(developer))
    (found,) = dry_run(policy_for("high"), project)
    assert (found.release, found.closing, found.new) == (release, (), ())


def test_release_whose_record_is_broken_would_fail(release, project):
    with behind_the_guards():
        PolicyText.objects.filter(pk=release.version.policy_digest).update(text="x")
    (found,) = dry_run(policy_for("high"), project)
    assert keys(found.closing) == ["records:unreadable"]
    assert found.would_fail
    assert found.new == ()
