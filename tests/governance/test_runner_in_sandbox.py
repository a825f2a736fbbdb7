"""The runner and its sandbox: limits, cancelling, what is handed in, and what is run only where it is wanted."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from django.utils import timezone

from audits.sandbox.failures import SandboxFailure, SandboxUnavailable
from governance import leases, runner, store
from governance.actions import catalog, evaluations, lineage
from governance.exceptions import InvalidInput
from governance.models import Evaluation, WorkStatus
from tests import cast
from tests.audits.samples import find_devset, needs_devset
from tests.governance.running import ATTRIBUTIONS, GOOD, list_entries, request, run

# --- The sandbox ---------------------------------------------------------------------------------------------


def fail_with(monkeypatch, error):
    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(runner, "run_job", fail)


def test_limit_of_the_sandbox_is_told_and_the_operator_sees_the_rest(version, developer, monkeypatch, caplog):
    evaluation = request(version, developer, GOOD)
    fail_with(monkeypatch, SandboxFailure("memory", "It needed more memory than the limit.", detail="'at 0x7f'"))
    failed = run(evaluation)
    assert (failed.status, failed.failure) == (WorkStatus.FAILED, "It needed more memory than the limit.")
    assert "at 0x7f" in caplog.text


def test_without_a_sandbox_nothing_is_computed_and_the_pages_say_so(
    version, developer, monkeypatch, settings, tmp_path
):
    evaluation = request(version, developer, GOOD)
    settings.COUNTERSIGN_DATA, kept = tmp_path, settings.COUNTERSIGN_DATA
    (tmp_path / "evidence").symlink_to(Path(kept) / "evidence")
    fail_with(monkeypatch, SandboxUnavailable("bwrap is not installed. Run: apt-get install bubblewrap"))
    failed = run(evaluation)
    assert failed.status == WorkStatus.FAILED
    assert failed.failure.startswith(
        "Nothing was computed: uploads are read in a sandbox only. bwrap is not installed."
    )
    assert runner.find_sandbox_trouble() == "bwrap is not installed. Run: apt-get install bubblewrap"
    assert runner.try_sandbox() == runner.find_sandbox_trouble() == ""


def test_limits_are_the_operators(version, developer, monkeypatch, settings):
    settings.COUNTERSIGN_SANDBOX_SECONDS, settings.COUNTERSIGN_SANDBOX_MEMORY = 7, 1500
    given = {}
    monkeypatch.setattr(runner, "run_job", lambda *_args, **options: given.update(options) or {"measures": []})
    run(request(version, developer, GOOD))
    assert (given["limits"].seconds, given["limits"].memory) == (7, 1500 << 20)


@pytest.mark.sandboxed
def test_hung_child_is_stopped_and_the_next_evaluation_works(version, developer, monkeypatch, settings):
    settings.COUNTERSIGN_SANDBOX_SECONDS = 1
    evaluation = request(version, developer, GOOD)
    monkeypatch.setitem(runner.JOBS_FOR, ("bias_audit", "predictions"), "probe")
    Evaluation.objects.filter(pk=evaluation.pk).update(spec={"name": "hang"})
    failed = run(evaluation)
    assert failed.failure == "It was stopped after 1 s, the limit. Ask for less at once."
    Evaluation.objects.filter(pk=evaluation.pk).update(spec={"name": "crash"}, status=WorkStatus.QUEUED)
    assert "crashed (SIGSEGV) inside its sandbox" in run(evaluation).failure
    monkeypatch.undo()
    settings.COUNTERSIGN_SANDBOX_SECONDS = 60
    assert run(request(version, developer, GOOD)).status == WorkStatus.SUCCEEDED
    assert store.path_of(evaluation.evidence.digest).exists()


def test_explanation_is_handed_what_the_former_version_said(version, developer, monkeypatch):
    first = run(request(version, developer, ATTRIBUTIONS, kind="explanation"))
    child = catalog.register_version(version.model, parent=version, actor=cast.acting(developer))
    used = version.dataset_uses.get(role="test").dataset_version
    lineage.declare_dataset_use(child, dataset_version=used, role="test", actor=cast.acting(developer))
    read = {}

    def note(_kind, inputs, _spec, **_options):
        read.update({role: path.read_bytes() for role, path in inputs.items()})
        return {"measures": []}

    monkeypatch.setattr(runner, "run_job", note)
    run(request(child, developer, ATTRIBUTIONS, kind="explanation"))
    assert read["former"].decode() == first.result
    assert read["evidence"].decode() == ATTRIBUTIONS


# --- Cancelling ------------------------------------------------------------------------------------------------


@pytest.mark.sandboxed
def test_cancelled_evaluation_stops_within_two_seconds_and_writes_nothing(version, developer, monkeypatch, caplog):
    evaluation = request(version, developer, GOOD)
    monkeypatch.setitem(runner.JOBS_FOR, ("bias_audit", "predictions"), "probe")
    Evaluation.objects.filter(pk=evaluation.pk).update(spec={"name": "hang"})
    started = time.monotonic()
    ask = leases.hold

    def cancel_after_a_while(work):
        if time.monotonic() > started + 1 and not work.is_finished:
            evaluations.cancel_evaluation(evaluation, actor=cast.acting(developer))
            work.status = WorkStatus.CANCELLED
        return ask(work)

    monkeypatch.setattr(leases, "hold", cancel_after_a_while)
    with caplog.at_level("INFO", logger="governance.runner"):
        cancelled = run(evaluation)
    assert time.monotonic() - started < 4
    assert (cancelled.status, cancelled.result, cancelled.failure) == (WorkStatus.CANCELLED, "", "")
    assert "was cancelled while it ran" in caplog.text
    assert [len(list_entries(f"evaluation.{end}")) for end in ("cancelled", "completed", "failed")] == [1, 0, 0]


def test_cancelled_while_waiting_is_never_run(version, developer):
    evaluation = request(version, developer, GOOD)
    evaluations.cancel_evaluation(evaluation, actor=cast.acting(developer))
    assert runner.run(evaluation.pk) is False
    assert Evaluation.waiting(now=timezone.now()).count() == 0


def test_result_that_comes_after_the_cancellation_is_dropped(version, developer, monkeypatch):
    evaluation = request(version, developer, GOOD)

    def finish_late(*_args, **_options):
        evaluations.cancel_evaluation(evaluation, actor=cast.acting(developer))
        return {"measures": []}

    monkeypatch.setattr(runner, "run_job", finish_late)
    assert run(evaluation).status == WorkStatus.CANCELLED
    assert list_entries("evaluation.completed") == []


# --- ONNX ------------------------------------------------------------------------------------------------------


def request_onnx(version, developer, content: bytes, table: bytes) -> Evaluation:
    model = cast.submit(version, "onnx_model", by=developer, file=[content], file_name="model.onnx")
    rows = cast.submit(version, "table", by=developer, file=[table], file_name="rows.csv")
    spec = {"columns": {"id": "id"}, "features": ["a", "b", "c"], "output": "probabilities", "output_column": 1}
    return evaluations.request_evaluation(
        version, kind="explanation", evidence=model, spec=spec, inputs={"data": rows}, actor=cast.acting(developer)
    )


def test_onnx_is_not_run_unless_the_operator_turns_it_on(version, developer, settings):
    with pytest.raises(InvalidInput, match="has not turned that on"):
        request_onnx(version, developer, b"x", b"id,a,b,c\n1,1,1,1\n")
    settings.COUNTERSIGN_ONNX = True
    evaluation = request_onnx(version, developer, b"y", b"id,a,b,c\n1,1,1,2\n")
    settings.COUNTERSIGN_ONNX = False
    assert "has not turned that on" in run(evaluation).failure


@needs_devset
@pytest.mark.sandboxed
def test_onnx_model_is_explained_in_the_sandbox(version, developer, settings):
    settings.COUNTERSIGN_ONNX = True
    content = (find_devset() / "artifacts" / "lsac_logreg.onnx").read_bytes()
    rows = "".join(f"{n},{30 + n % 12},{2 + n % 20 / 10},{n % 7 / 3 - 1}\n" for n in range(60))
    done = run(request_onnx(version, developer, content, f"id,a,b,c\n{rows}".encode()))
    assert done.status == WorkStatus.SUCCEEDED, done.failure
    statement = "recomputed by the portal from an ONNX model (model-agnostic, 60 rows)"
    assert json.loads(done.result)["statement"] == statement
