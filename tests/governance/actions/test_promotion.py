"""Promotion: judged again, hashed again, once."""

from __future__ import annotations

import json
import threading

import pytest
from django.db import IntegrityError, connections, transaction

from governance import store
from governance.actions import people, promotion
from governance.actors import API_TOKEN, Actor
from governance.dossier import collect
from governance.exceptions import (
    GateClosed,
    GovernanceError,
    IntegrityBroken,
    NotPermitted,
    ReauthenticationFailed,
    StaleReading,
    TransitionNotAllowed,
)
from governance.lifecycle import State
from governance.models import AuditLogEntry, ModelVersion, Release, SignOff
from tests import cast
from tests.guards import behind_the_guards


@pytest.fixture
def approved_version(ready_version, signers) -> ModelVersion:
    cast.sign_by_all(ready_version, signers)
    ready_version.refresh_from_db()
    assert ready_version.state == State.APPROVED
    return ready_version


def promote(version, user, **given):
    given.setdefault("environment", "production")
    given.setdefault("dossier_digest", collect(version).digest)
    given.setdefault("password", cast.PASSWORD)
    given.setdefault("actor", cast.acting(user))
    return promotion.promote(version, **given)


def test_promote_releases_with_digest_statement_and_entry(approved_version, approver):
    release = promote(approved_version, approver)
    approved_version.refresh_from_db()
    assert approved_version.state == State.RELEASED
    statement = json.loads(release.statement)
    assert statement["subject"] == [{"name": "model.bin", "digest": {"sha256": "a" * 64}}]
    assert statement["predicate"]["dossier"] == release.dossier_id
    assert {item["role"] for item in statement["predicate"]["signOffs"]} == {"validator", "compliance", "approver"}
    assert AuditLogEntry.objects.get(index=release.log_index).type == "version.promoted"


def test_promote_ends_the_former_release(approved_version, approver, model_with_go, developer, signers):
    former = promote(approved_version, approver)
    newer = cast.make_ready_version(model_with_go, developer=developer)
    cast.sign_by_all(newer, signers)
    promote(newer, approver)
    former.refresh_from_db()
    approved_version.refresh_from_db()
    assert former.end_reason == "Superseded by version 2."
    assert approved_version.state == State.RETIRED
    assert Release.objects.live().get().version == newer


def test_promote_before_approval_is_not_now(ready_version, approver):
    with pytest.raises(TransitionNotAllowed):
        promote(ready_version, approver)


def test_b05_stored_file_swapped_after_approval(approved_version, approver):
    item = approved_version.evidence.get(kind="validation_report")
    path = store.path_of(item.digest)
    text = path.read_bytes()
    path.chmod(0o640)
    path.write_bytes(text.replace(b"agreed", b"argued"))
    with pytest.raises(IntegrityBroken, match="bytes were changed"):
        promote(approved_version, approver)
    path.write_bytes(text)
    assert Release.objects.count() == 0


def test_b05_evidence_row_swapped_by_orm_after_approval(approved_version, approver):
    seen = collect(approved_version).digest
    approved_version.evidence.filter(kind="metrics").update(content={"metrics": []})
    with pytest.raises(StaleReading):
        promote(approved_version, approver, dossier_digest=seen)
    with pytest.raises(GateClosed) as caught:
        promote(approved_version, approver)
    assert {finding.key for finding in caught.value.findings if finding.status != "STALE"} == {"records:log"}


def test_b10_state_set_by_orm_does_not_open_the_gate(ready_version, approver):
    ModelVersion.objects.filter(pk=ready_version.pk).update(state=State.APPROVED)
    with pytest.raises(GateClosed) as caught:
        promote(ready_version, approver)
    assert {finding.area for finding in caught.value.findings} == {"sign_offs"}


def test_b14_sign_offs_moved_to_another_version_do_not_open_the_gate(
    approved_version, approver, model_with_go, developer
):
    other = cast.make_ready_version(model_with_go, developer=developer)
    with behind_the_guards():
        SignOff.objects.filter(version=approved_version).update(version=other)
    ModelVersion.objects.filter(pk=other.pk).update(state=State.APPROVED)
    with pytest.raises(GateClosed) as caught:
        promote(other, approver)
    assert {finding.status for finding in caught.value.findings} == {"STALE"}


def test_b17_token_never_promotes(approved_version, approver):
    actor = Actor(approver, API_TOKEN, scopes=frozenset({"read", "submit", "report", "administer"}))
    with pytest.raises(NotPermitted) as caught:
        promote(approved_version, approver, actor=actor)
    assert caught.value.code == "person_needed"


def test_b18_wrong_password_promotes_nothing(approved_version, approver):
    with pytest.raises(ReauthenticationFailed):
        promote(approved_version, approver, password="wrong")
    assert Release.objects.count() == 0


def test_contributor_never_promotes(approved_version, developer, organisation_administrator):
    people.grant_role(
        approved_version.model.project, user=developer, role="approver", actor=cast.acting(organisation_administrator)
    )
    with pytest.raises(NotPermitted) as caught:
        promote(approved_version, developer)
    assert caught.value.code == "duties_not_separate"


def test_database_refuses_a_second_live_release(approved_version, approver):
    release = promote(approved_version, approver)
    release.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        release.save(force_insert=True)


def test_retire_ends_the_release_with_its_reason(approved_version, approver):
    promote(approved_version, approver)
    promotion.retire_version(approved_version, reason="The clinic closed.", actor=cast.acting(approver))
    release = Release.objects.get()
    assert (release.end_reason, release.version.state) == ("The clinic closed.", State.RETIRED)


@pytest.mark.django_db(transaction=True)
def test_b16_promoted_twice_at_once_has_one_winner(approved_version, approver):
    digest = collect(approved_version).digest
    barrier, outcomes = threading.Barrier(8), []

    def race() -> None:
        try:
            barrier.wait()
            promote(approved_version, approver, dossier_digest=digest)
            outcomes.append("released")
        except GovernanceError as error:
            outcomes.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["released"] + ["transition_not_allowed"] * 7
    assert Release.objects.count() == 1
    assert AuditLogEntry.objects.filter(type="version.promoted").count() == 1
