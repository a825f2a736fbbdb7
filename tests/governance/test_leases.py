"""Leases: one worker at a time, and a late twin writes nothing."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.db import DatabaseError, connections, transaction
from django.utils import timezone

from governance import leases
from governance.actions import evaluations, reports
from governance.models import ComplianceReport, Evaluation, WorkStatus
from tests import cast


def make_evaluation(version, developer) -> Evaluation:
    item = cast.submit(version, "predictions", by=developer, file=[cast.make_predictions(40)], file_name="p.csv")
    return evaluations.request_evaluation(
        version, kind="bias_audit", evidence=item, spec=cast.PREDICTIONS_SPEC, actor=cast.acting(developer)
    )


@pytest.fixture
def queued(version, developer) -> Evaluation:
    return make_evaluation(version, developer)


def let_lease_run_out(work: Evaluation) -> None:
    type(work)._default_manager.filter(pk=work.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_claim_takes_a_waiting_row_for_the_length_of_a_lease(queued, settings):
    settings.COUNTERSIGN_LEASE_SECONDS = 7
    before = timezone.now()
    held = leases.claim(Evaluation, queued.pk)
    assert held is not None
    assert (held.status, held.attempts, len(held.lease_owner)) == (WorkStatus.RUNNING, 1, 32)
    assert timedelta(seconds=7) <= held.lease_until - before < timedelta(seconds=17)


def test_claim_of_two_is_won_by_one(queued):
    assert leases.claim(Evaluation, queued.pk) is not None
    assert leases.claim(Evaluation, queued.pk) is None


@pytest.mark.parametrize("status", [WorkStatus.SUCCEEDED, WorkStatus.FAILED])
def test_claim_of_finished_work_is_nothing(queued, status):
    Evaluation.objects.filter(pk=queued.pk).update(status=status, result_digest="sha256:x")
    assert leases.claim(Evaluation, queued.pk) is None


def test_claim_of_no_row_is_nothing(db):
    assert leases.claim(Evaluation, 0) is None
    assert leases.claim(ComplianceReport, 10**9) is None


def test_row_is_waiting_again_only_when_its_lease_ran_out(queued):
    def waiting() -> list[int]:
        return list(Evaluation.waiting(now=timezone.now()).values_list("pk", flat=True))

    assert waiting() == [queued.pk]
    leases.claim(Evaluation, queued.pk)
    assert waiting() == []
    let_lease_run_out(queued)
    assert waiting() == [queued.pk]


def test_claim_after_the_lease_counts_another_attempt_under_another_name(queued):
    first = leases.claim(Evaluation, queued.pk)
    let_lease_run_out(queued)
    second = leases.claim(Evaluation, queued.pk)
    assert (first.attempts, second.attempts) == (1, 2)
    assert first.lease_owner != second.lease_owner


def test_late_twin_writes_nothing(queued):
    late = leases.claim(Evaluation, queued.pk)
    let_lease_run_out(queued)
    current = leases.claim(Evaluation, queued.pk)
    leases.tell_progress(late, "late")
    with pytest.raises(leases.LeaseLost):
        leases.finish(late, status=WorkStatus.SUCCEEDED, result="{}", result_digest="sha256:late")
    queued.refresh_from_db()
    assert (queued.status, queued.result, queued.progress) == (WorkStatus.RUNNING, "", "")
    leases.finish(current, status=WorkStatus.SUCCEEDED, result="[]", result_digest="sha256:current")
    queued.refresh_from_db()
    assert (queued.result_digest, queued.lease_owner, queued.lease_until) == ("sha256:current", "", None)
    with pytest.raises(leases.LeaseLost):
        leases.finish(current, status=WorkStatus.FAILED)


def test_finish_tells_the_time_and_the_object(queued):
    held = leases.claim(Evaluation, queued.pk)
    leases.finish(held, status=WorkStatus.FAILED, failure="Broken.")
    assert (held.status, held.failure) == (WorkStatus.FAILED, "Broken.")
    held.refresh_from_db()
    assert held.started_at <= held.finished_at


def test_progress_is_shortened_to_its_column(queued):
    held = leases.claim(Evaluation, queued.pk)
    leases.tell_progress(held, "x" * 300)
    held.refresh_from_db()
    assert held.progress == "x" * 200


def test_reports_are_leased_alike(version, auditor):
    report = reports.request_report(version, actor=cast.acting(auditor))
    assert leases.claim(ComplianceReport, report.pk).attempts == 1
    assert leases.claim(ComplianceReport, report.pk) is None


@pytest.mark.django_db(transaction=True)
def test_lease_is_kept_alive_while_the_work_lasts_and_not_longer(queued, settings):
    settings.COUNTERSIGN_LEASE_SECONDS = 1.5
    held = leases.claim(Evaluation, queued.pk)
    with leases.kept_alive(held):
        time.sleep(2.5)
        assert leases.claim(Evaluation, queued.pk) is None
        queued.refresh_from_db()
        assert queued.lease_until > timezone.now()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("lease-")] == []
    time.sleep(1.6)
    assert leases.claim(Evaluation, queued.pk).attempts == 2


@pytest.mark.django_db(transaction=True)
def test_renewal_that_fails_once_is_tried_again(queued, settings, monkeypatch, caplog):
    settings.COUNTERSIGN_LEASE_SECONDS = 1.5
    held = leases.claim(Evaluation, queued.pk)
    hold, calls = leases.hold, []

    def fail_once(work):
        calls.append(work.pk)
        if len(calls) == 1:
            raise DatabaseError("the database is away")
        return hold(work)

    monkeypatch.setattr(leases, "hold", fail_once)
    with leases.kept_alive(held):
        time.sleep(1.8)
    queued.refresh_from_db()
    assert queued.lease_until > held.lease_until
    assert "could not be renewed: the database is away" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_claimed_by_many_at_once_has_one_winner(queued):
    barrier, won = threading.Barrier(6), []

    def race() -> None:
        barrier.wait()
        try:
            won.append(leases.claim(Evaluation, queued.pk) is not None)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=race) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 5 + [True]
    queued.refresh_from_db()
    assert queued.attempts == 1


def test_lost_lease_takes_the_whole_transaction_back(queued):
    late = leases.claim(Evaluation, queued.pk)
    let_lease_run_out(queued)
    leases.claim(Evaluation, queued.pk)

    def write_half_and_finish() -> None:
        with transaction.atomic():
            Evaluation.objects.filter(pk=queued.pk).update(failure="half")
            leases.finish(late, status=WorkStatus.FAILED)

    with pytest.raises(leases.LeaseLost):
        write_half_and_finish()
    queued.refresh_from_db()
    assert queued.failure == ""
