"""The runner: what becomes of an evaluation, whatever is in the file and whoever dies."""

from __future__ import annotations

import functools
import json
from datetime import timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.utils import timezone

from governance import leases, runner, store, tasks
from governance.actions import evaluations
from governance.canonical import sha256_hex
from governance.dossier import collect
from governance.exceptions import InvalidInput
from governance.gate import judge
from governance.models import AuditLogEntry, Evaluation, WorkStatus
from tests import cast
from tests.audits.portable.paper import make_paper
from tests.audits.samples import find_devset, needs_devset
from tests.governance.running import ATTRIBUTIONS, GOOD, list_entries, request, run


@pytest.mark.sandboxed
def test_success_is_recorded_with_its_digest_and_logged_once(version, developer):
    done = run(request(version, developer, GOOD))
    assert (done.status, done.failure, done.lease_owner, done.progress) == (WorkStatus.SUCCEEDED, "", "", "")
    assert done.result_digest == sha256_hex(done.result.encode())
    accuracy = {m["population"]: m["value"] for m in json.loads(done.result)["measures"] if m["metric"] == "accuracy"}
    assert accuracy["overall"] == 0.95
    (entry,) = list_entries("evaluation.completed")
    body = cast.read_body(entry)
    assert (body["data"]["result_digest"], body["data"]["attempt"]) == (done.result_digest, 1)
    assert (body["actor"]["login"], body["actor"]["authentication"]) == ("system", "system")
    assert body["subject"] == {"kind": "evaluation", "id": done.pk, "label": "Bias audit", "digest": done.result_digest}


def test_second_ring_does_nothing(version, developer):
    evaluation = request(version, developer, GOOD)
    run(evaluation)
    tasks.run_evaluation(evaluation.pk)
    assert runner.run(evaluation.pk) is False
    assert runner.run(0) is False
    assert len(list_entries("evaluation.completed")) == 1
    evaluation.refresh_from_db()
    assert evaluation.attempts == 1


WRONG_FILES = {
    "no rows": (GOOD.split("\n")[0] + "\n", "the table has a header but no rows"),
    "missing column": (GOOD.replace("sex", "gender", 1), "column 'sex': not in the file; its columns are 'row_id'"),
    "column twice": (GOOD.replace("row_id,sex", "sex,sex", 1), "column 'sex': the header names this column twice"),
    "third label": (GOOD.replace("\n3,female,1", "\n3,female,2"), "has 3: '0', '1', '2'"),
    "empty label": (GOOD.replace("\n3,female,1", "\n3,female,"), "column 'y_true', row 4, line 5: the label is empty"),
    "short row": (GOOD.replace("\n5,female,0,0", "\n5,female"), "row 6, line 7: has 2 cells, the header has 4"),
    "id twice": (GOOD.replace("\n6,", "\n5,"), "column 'row_id', row 7, line 8: every row needs an id of its own"),
    "latin-1": (GOOD.encode().replace(b"female", b"fem\xe9le"), "line 3: not UTF-8 text: byte 41"),
    "open quote": (GOOD.replace("\n3,female", '\n3,"female'), "row 4, line 41: cannot be split into cells"),
    "not parquet": (b"PAR1" + b"x" * 50, "the file starts like Parquet but cannot be read"),
    "decomposed": (GOOD.replace("\n3,female,1", "\n3,female,e\u0301"), "has 3: '0', '1', '\u00e9'"),
    "right to left": (GOOD.replace("sex", "s\u202eex", 1), "column 'sex': not in the file"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_wrong_file_ends_failed_naming_the_place_and_the_next_one_works(version, developer, name):
    text, words = WRONG_FILES[name]
    failed = run(request(version, developer, text))
    assert failed.status == WorkStatus.FAILED
    assert words in failed.failure
    assert (failed.result, failed.result_digest, failed.lease_owner) == ("", "", "")
    (entry,) = list_entries("evaluation.failed")
    assert cast.read_body(entry)["reason"] == failed.failure
    assert run(request(version, developer, GOOD)).status == WorkStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("\n3,female", "\n3,fe\0male"), "This is something else"),
        (GOOD.encode("utf-16"), "This is UTF-16 text"),
        (b"\x80\x04\x95" + b"x" * 50, "This is a pickle, which is never opened"),
    ],
)
def test_what_is_no_table_is_refused_when_it_is_submitted(version, developer, text, words):
    with pytest.raises(InvalidInput, match=words):
        request(version, developer, text)
    assert not version.evidence.exists()


def test_failure_closes_the_gate_with_its_words(version, developer):
    run(request(version, developer, GOOD))
    run(request(version, developer, WRONG_FILES["missing column"][0]))
    found = {finding.key: finding for finding in judge(collect(version)).findings}
    assert found["evaluation:bias_audit:test"].status == "NOT_MET"
    assert "column 'sex': not in the file" in found["evaluation:bias_audit:test"].detail
    assert found["criterion:R-1.1"].status == "MISSING"


@needs_devset
@pytest.mark.sandboxed
@pytest.mark.parametrize("name", ["opens_marker.pkl", "object_array.npy", "operator_call.skops"])
@pytest.mark.parametrize("kind", ["bias_audit", "explanation"])
def test_hostile_file_is_refused_and_runs_nothing(version, developer, tmp_path, monkeypatch, name, kind):
    monkeypatch.chdir(tmp_path)
    text = (find_devset() / "artifacts" / "hostile" / name).read_bytes()
    with pytest.raises(InvalidInput, match="must be a table"):
        request(version, developer, text, kind=kind)
    assert list(tmp_path.glob("MARKER*")) == []


@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_file_that_is_no_longer_what_was_submitted_is_not_evaluated(version, developer, harm):
    evaluation = request(version, developer, GOOD + "\n" * (harm == "missing"))
    place = store.path_of(evaluation.evidence.digest)
    place.chmod(0o640)
    if harm == "changed":
        place.write_text(GOOD.replace("\n3,female,1", "\n3,female,0"))
    else:
        place.unlink()
    failed = run(evaluation)
    words = {"changed": "its bytes were changed", "missing": "is missing from the evidence store"}[harm]
    assert (failed.status, words in failed.failure) == (WorkStatus.FAILED, True)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("secret /path of the operator"), "An unexpected error stopped this evaluation"),
        (MemoryError(), "An unexpected error stopped this evaluation"),
        (SoftTimeLimitExceeded(), "It took longer than a worker may spend on one evaluation."),
    ],
)
def test_unforeseen_error_ends_failed_without_details(version, developer, monkeypatch, error, words):
    evaluation = request(version, developer, GOOD)

    def fail(*_args):
        raise error

    monkeypatch.setattr(runner, "_compute", fail)
    failed = run(evaluation)
    assert failed.status == WorkStatus.FAILED
    assert failed.failure.startswith(words)
    assert "secret" not in failed.failure


# --- Workers that die ----------------------------------------------------------------------------------------


def let_worker_die(evaluation: Evaluation) -> Evaluation:
    """Claim the row and never be heard of again."""
    held = leases.claim(Evaluation, evaluation.pk)
    assert held is not None
    Evaluation.objects.filter(pk=evaluation.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    return held


def test_work_of_a_dead_worker_is_taken_over_and_finished_once(version, developer):
    evaluation = request(version, developer, GOOD)
    let_worker_die(evaluation)
    assert run(evaluation).attempts == 2
    (entry,) = list_entries("evaluation.completed")
    assert cast.read_body(entry)["data"]["attempt"] == 2


def test_work_in_hand_is_left_alone(version, developer):
    evaluation = request(version, developer, GOOD)
    leases.claim(Evaluation, evaluation.pk)
    assert runner.run(evaluation.pk) is False
    assert list_entries("evaluation.completed") == []


@pytest.mark.parametrize("text", [GOOD, WRONG_FILES["missing column"][0]], ids=["success", "failure"])
def test_late_twin_ends_quietly_and_changes_nothing(version, developer, text, monkeypatch, caplog):
    """The first worker is taken for dead while it computes; the second has finished when the first comes back."""
    evaluation = request(version, developer, text)
    compute = runner._compute

    def compute_slowly(held):
        if held.attempts == 1:
            Evaluation.objects.filter(pk=held.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
            assert runner.run(held.pk) is True
        return compute(held)

    monkeypatch.setattr(runner, "_compute", compute_slowly)
    done = run(evaluation)
    assert (done.attempts, done.is_finished) == (2, True)
    entries = AuditLogEntry.objects.filter(type__in=["evaluation.completed", "evaluation.failed"])
    assert [cast.read_body(entry)["data"]["attempt"] for entry in entries] == [2]
    assert "was taken over by another worker" in caplog.text


def test_work_that_kills_its_worker_is_given_up(version, developer):
    evaluation = request(version, developer, GOOD)
    for _ in range(leases.MOST_ATTEMPTS):
        let_worker_die(evaluation)
    failed = run(evaluation)
    assert (failed.status, failed.attempts) == (WorkStatus.FAILED, leases.MOST_ATTEMPTS + 1)
    assert failed.failure == "Given up: the worker died 3 times while computing this."
    assert len(list_entries("evaluation.failed")) == 1


# --- Explanations --------------------------------------------------------------------------------------------


def test_explanation_that_adds_up_is_met(version, developer):
    done = run(request(version, developer, cast.make_attributions(100).decode(), kind="explanation"))
    statement = json.loads(done.result)["statement"]
    assert statement == "computed by submitter, additivity verified on 100 of 100 rows"
    found = {finding.key: finding for finding in judge(collect(version)).findings}
    assert found["evaluation:explanation:test"].status == "MET"


@pytest.mark.parametrize("wrong", [1, 40])
def test_explanation_that_does_not_add_up_succeeds_and_closes_the_gate(version, developer, wrong):
    """The check was made and its answer is on record: that is success. The answer is no: that closes."""
    header, *rows = ATTRIBUTIONS.splitlines()
    moved = [row.replace(",0.5,", ",0.6,", 1) for row in rows[:wrong]]
    done = run(request(version, developer, "\n".join([header, *moved, *rows[wrong:]]), kind="explanation"))
    assert done.status == WorkStatus.SUCCEEDED
    statement = json.loads(done.result)["statement"]
    assert statement == f"computed by submitter, additivity verified on {40 - wrong} of 40 rows"
    finding = next(item for item in judge(collect(version)).findings if item.key == "evaluation:explanation:test")
    assert finding.status == "NOT_MET"
    assert finding.detail == "The submitted values do not add up to the model's output on every row."


def request_recomputation(version, developer, predictions: str, **spec) -> Evaluation:
    """An explanation of the paper tree (11 left of x = 0.5, else 13 or 17), with its rows and predictions."""
    document = json.dumps(make_paper()).encode()
    submit = functools.partial(cast.submit, version, by=developer)
    model = submit("model_document", file=[document], file_name="model.json")
    rows = submit("table", file=[b"id,x,y\np1,0.5,9\np2,0.6,2\np3,0.6,3\n"], file_name="rows.csv")
    told = submit("predictions", file=[f"id,points\n{predictions}".encode()], file_name="predictions.csv")
    return evaluations.request_evaluation(
        version,
        kind="explanation",
        evidence=model,
        spec={"columns": {"id": "id", "y_score": "points"}} | spec,
        inputs={"data": rows, "predictions": told},
        actor=cast.acting(developer),
    )


@pytest.mark.sandboxed
def test_model_document_is_explained_by_the_portal_behind_walls(version, developer):
    done = run(request_recomputation(version, developer, "p3,17\np1,11\np2,13\n"))
    result = json.loads(done.result or "{}")
    assert done.failure == ""
    assert result["statement"] == "recomputed by the portal; predictions equal to the submitted ones on 3 of 3 rows"
    assert [found["feature"] for found in result["importance"]] == ["x", "y"]


def test_model_document_that_does_not_predict_what_was_submitted_fails_with_the_row(version, developer):
    done = run(request_recomputation(version, developer, "p3,17\np1,11\np2,14\n"))
    assert done.status == WorkStatus.FAILED
    assert "column 'points', row 2: the model document gives 13, submitted was 14 (id p2)" in done.failure


def test_model_document_needs_rows_and_a_specification_of_its_own(version, developer):
    with pytest.raises(InvalidInput, match="key “explained”"):
        request_recomputation(version, developer, "p1,11\n", explained="both")
    model = cast.submit(
        version, "model_document", by=developer, file=[json.dumps(make_paper()).encode()], file_name="m"
    )
    with pytest.raises(InvalidInput, match="needs the input “data”"):
        evaluations.request_evaluation(
            version, kind="explanation", evidence=model, spec={}, actor=cast.acting(developer)
        )


# --- The sweep -----------------------------------------------------------------------------------------------


@pytest.fixture
def rung(monkeypatch) -> list[int]:
    """The ids rung for, in order; nobody answers."""
    heard: list[int] = []
    monkeypatch.setattr(tasks.run_evaluation, "delay", heard.append)
    return heard


@pytest.fixture
def clock(monkeypatch):
    """A clock that only a test moves."""

    class Clock:
        now = timezone.now()

        def move(self, **by: float) -> None:
            self.now += timedelta(**by)

    made = Clock()
    monkeypatch.setattr("governance.tasks.timezone.now", lambda: made.now)
    return made


def test_sweep_rings_for_what_was_left_and_more_and_more_rarely(version, developer, rung, clock):
    evaluation = request(version, developer, GOOD)
    sweep, times = tasks.Sweep(), []
    for second in range(0, 3600, 5):
        if sweep.ring():
            times.append(second)
        clock.move(seconds=5)
    assert rung == [evaluation.pk] * len(times)
    assert times[0] <= 10
    assert [later - earlier for earlier, later in zip(times, times[1:], strict=False)][:7] == [
        5,
        10,
        20,
        40,
        80,
        160,
        300,
    ]
    assert len(times) < 20


def test_sweep_rings_at_once_for_a_dead_workers_row_however_long_it_waited(version, developer, rung, clock):
    evaluation = request(version, developer, GOOD)
    sweep = tasks.Sweep()
    for _ in range(200):
        clock.move(seconds=5)
        sweep.ring()
    before = len(rung)
    leases.claim(Evaluation, evaluation.pk)
    clock.move(seconds=31)
    assert sweep.ring() == 1
    assert len(rung) == before + 1


def test_sweep_leaves_work_in_hand_and_finished_work_alone(version, developer, rung, clock):
    done, held = request(version, developer, GOOD), request(version, developer, GOOD)
    run(done)
    leases.claim(Evaluation, held.pk)
    clock.move(seconds=20)
    assert tasks.Sweep().ring() == 0
    assert rung == []


def test_sweep_of_nothing_rings_for_nothing(db, rung):
    assert tasks.Sweep().ring() == 0
