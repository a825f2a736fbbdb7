"""A recorded training, run again: in a fresh copy, with the same inputs, in bounded time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from countersign import Client, CountersignError, digest_bytes, digest_file
from countersign.cli import main
from countersign.reproduce import reproduce
from countersign.training_record import FORMAT, read_record, record_training
from countersign.types import Version
from governance.evidence_content import check_content
from tests.client.conftest import Office

TRAIN = """
import json, os, sys
from pathlib import Path
rows = Path("data.csv").read_text().split()
score = sum(map(float, rows)) / len(rows)
Path("model.json").write_text(json.dumps({"score": score}))
Path("metrics.json").write_text(json.dumps({"auc": score + float(os.environ.get("SHIFT", "0")), "rows": len(rows)}))
print("trained on", len(rows), "rows")
"""


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=Cleo", "-c", "user.email=cleo@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a training script, its data and what it gave."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "data.csv").write_text("0.5\n0.75\n1.0\n")
    subprocess.run([sys.executable, "train.py"], cwd=folder, check=True, capture_output=True)
    return folder


def record(project: Path, **changes: Any) -> Any:
    given = {
        "command": [sys.executable, "train.py"],
        "metrics_file": "metrics.json",
        "inputs": ["data.csv"],
        "outputs": ["model.json"],
        "tolerances": {"auc": {"absolute": 0.01}},
        "environment": ["SHIFT"],
        "seed": 7,
    }
    return record_training(project / "countersign-training.json", **given | changes)


@pytest.fixture(autouse=True)
def shift(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("SHIFT", "0")
    return monkeypatch


def test_record_holds_digests_metrics_and_no_values_of_variables(project: Path) -> None:
    made = record(project)
    written = json.loads(made.path.read_text())

    assert written["format"] == FORMAT
    assert written["metrics"] == {"auc": 0.75, "rows": 3}
    assert written["inputs"] == {"data.csv": digest_file(project / "data.csv")}
    assert written["environment"] == ["SHIFT"]
    assert read_record(made.path) == made


def test_same_metrics_come_out_of_a_fresh_copy(project: Path, tmp_path: Path) -> None:
    made = record(project)
    (project / "metrics.json").write_text('{"auc": 0, "rows": 0}')  # an old result is not read
    done = reproduce(made, times=2, logs=tmp_path / "logs")

    assert done.is_reproduced
    assert [check.again for check in done.checks] == [(0.75, 0.75), (3.0, 3.0)]
    assert [run.log.read_text() for run in done.runs] == ["trained on 3 rows\n"] * 2
    assert [dict(run.outputs) for run in done.runs] == [{"model.json": digest_file(project / "model.json")}] * 2
    assert (project / "metrics.json").read_text() == '{"auc": 0, "rows": 0}'


def test_report_is_what_the_portal_takes_and_names_neither_machine_nor_user(project: Path, tmp_path: Path) -> None:
    import getpass
    import platform

    made = record(project, command=["python3", "train.py"])
    report = reproduce(made, logs=tmp_path / "logs").report

    assert check_content("reproduction", report) == report
    assert report["record_digest"] == digest_bytes(made.path.read_bytes())
    assert report["runs"][0]["log_digest"] == digest_bytes(b"trained on 3 rows\n")
    assert report["platform"]["python"].startswith(platform.python_implementation())
    told = json.dumps(report["platform"] | {"command": report["command"]})
    assert platform.node() not in told
    assert getpass.getuser() not in told


@pytest.mark.parametrize(("given", "agrees"), [("0.01", True), ("-0.01", True), ("0.0101", False)])
def test_tolerance_decides(given: str, agrees: bool, project: Path, tmp_path: Path, shift: Any) -> None:
    shift.setenv("SHIFT", given)
    done = reproduce(record(project), logs=tmp_path / "logs")

    assert done.is_reproduced is agrees
    assert {check.name: check.is_reproduced for check in done.checks} == {"auc": agrees, "rows": True}


def test_without_a_tolerance_it_must_be_equal(project: Path, tmp_path: Path, shift: Any) -> None:
    shift.setenv("SHIFT", "1e-12")

    assert not reproduce(record(project, tolerances={}), logs=tmp_path / "logs").is_reproduced


def test_nothing_of_the_callers_environment_reaches_it_but_what_is_named(
    project: Path, tmp_path: Path, shift: Any
) -> None:
    shift.setenv("SECRET_OF_MINE", "swordfish")
    (project / "train.py").write_text(TRAIN + "print(sorted(os.environ))\n")
    (run,) = reproduce(record(project), logs=tmp_path / "logs").runs

    assert "SHIFT" in run.log.read_text()
    assert "SECRET_OF_MINE" not in run.log.read_text()


@pytest.mark.parametrize(
    ("more", "words", "code"),
    [
        ("\nsys.exit(3)", "it ended with exit code 3", 3),
        ("\nos.kill(os.getpid(), 9)", "ended by signal 9", -9),
        ("\nos.remove('metrics.json')", "it ended, but there is no metrics.json.", 0),
        ("\nPath('metrics.json').write_text('{\"auc\": NaN}')", "NaN is no finite number", 0),
        ("\nPath('metrics.json').write_text('[1]')", "must be a JSON object", 0),
        ("\nPath('metrics.json').write_text('{\"auc\": \"0.75\"}')", "“auc” is no finite number", 0),
        ("\nimport time; time.sleep(600)", "stopped after 1 s", None),
    ],
)
def test_run_that_gives_no_metrics_is_told(
    more: str, words: str, code: int | None, project: Path, tmp_path: Path
) -> None:
    made = record(project, timeout=1)
    (project / "train.py").write_text(TRAIN + more)
    started = time.monotonic()
    done = reproduce(made, logs=tmp_path / "logs")
    (run,) = done.runs

    assert not done.is_reproduced
    assert words in run.failure
    assert (run.exit_code, dict(run.metrics)) == (code, {})
    assert time.monotonic() - started < 30
    assert check_content("reproduction", done.report)["runs"][0]["failure"] == run.failure


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
def test_what_the_training_left_running_is_ended_with_it(project: Path, tmp_path: Path) -> None:
    told = tmp_path / "pid"
    child = f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    (project / "train.py").write_text(
        TRAIN + f"import subprocess, time\nsubprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"while not os.path.exists({str(told)!r}) or not open({str(told)!r}).read(): time.sleep(0.02)\n"
    )
    assert reproduce(record(project), logs=tmp_path / "logs").is_reproduced
    status = Path(f"/proc/{told.read_text()}/stat")

    assert not status.exists() or status.read_text().split()[2] == "Z"


def test_changed_input_is_named_before_anything_runs(project: Path, tmp_path: Path) -> None:
    made = record(project)
    (project / "data.csv").write_text("1.0\n")

    with pytest.raises(CountersignError, match="The input “data.csv” has changed") as caught:
        reproduce(made, logs=tmp_path / "logs")
    assert caught.value.code == "changed_input"
    (project / "data.csv").unlink()
    with pytest.raises(CountersignError, match="is not there"):
        reproduce(made, logs=tmp_path / "logs")


def test_variable_or_program_that_is_missing_is_named(project: Path, tmp_path: Path, shift: Any) -> None:
    with pytest.raises(CountersignError, match="There is no program “train-it-all”"):
        reproduce(record(project, command=["train-it-all"]), logs=tmp_path / "logs")
    shift.delenv("SHIFT")
    with pytest.raises(CountersignError, match="needs the variable SHIFT"):
        reproduce(record(project), logs=tmp_path / "logs")


# --- Git ---------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(project: Path) -> Path:
    """The project under git; its data are not."""
    (project / ".gitignore").write_text("data.csv\nmetrics.json\nmodel.json\n")
    git(project, "init", "-q")
    git(project, "add", "train.py", ".gitignore")
    git(project, "commit", "-q", "-m", "Training")
    return project


def test_recorded_revision_is_run_whatever_has_changed_since(repository: Path, tmp_path: Path) -> None:
    made = record(repository)
    first = git(repository, "rev-parse", "HEAD")
    assert made.code_revision == first
    (repository / "train.py").write_text(TRAIN.replace("score +", "1 +"))
    git(repository, "commit", "-q", "-am", "Better")
    (repository / "train.py").write_text("raise SystemExit(9)")

    done = reproduce(made, logs=tmp_path / "logs")
    assert (done.is_reproduced, done.revision, done.is_clean) == (True, first, True)
    now = reproduce(made, logs=tmp_path / "logs", working_tree=True)
    assert (now.is_reproduced, now.revision != first, now.is_clean) == (False, True, False)
    assert git(repository, "worktree", "list").count("\n") == 0  # nothing is left behind


def test_record_in_a_subfolder_of_the_repository_runs_there(repository: Path, tmp_path: Path) -> None:
    part = repository / "part"
    part.mkdir()
    for name in ("train.py", "data.csv", "metrics.json"):
        (part / name).write_bytes((repository / name).read_bytes())
    git(repository, "add", "part/train.py")
    git(repository, "commit", "-q", "-m", "Part")

    assert reproduce(record(part), logs=tmp_path / "logs").is_reproduced


def test_revision_that_git_does_not_hold_is_named(repository: Path, tmp_path: Path) -> None:
    for revision in ("0" * 40, "--upload-pack=touch"):
        with pytest.raises(CountersignError, match="does not hold the recorded revision"):
            reproduce(record(repository, code_revision=revision), logs=tmp_path / "logs")


def test_link_in_the_repository_is_not_written_through(repository: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_bytes((repository / "data.csv").read_bytes())
    (repository / "data.csv").unlink()
    (repository / "data.csv").symlink_to(elsewhere)
    git(repository, "add", "-f", "data.csv")
    git(repository, "commit", "-q", "-m", "Data by a link")
    made = record(repository)

    assert reproduce(made, logs=tmp_path / "logs").is_reproduced
    # Since then the input lies in the work tree itself, and the link of the recorded revision leads elsewhere.
    (repository / "data.csv").unlink()
    (repository / "data.csv").write_bytes(elsewhere.read_bytes())
    elsewhere.write_text("not to be written over\n")
    assert reproduce(made, logs=tmp_path / "logs").is_reproduced
    assert elsewhere.read_text() == "not to be written over\n"


# --- The record's own shape ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "x"}, "with “format”"),
        ({"comand": []}, "unknown key “comand”"),
        ({"command": "python train.py"}, "“command” must be a list of texts"),
        ({"command": []}, "“command” must be a list of words"),
        ({"metrics": {"auc": "0.7"}}, "“metrics.auc” must be a finite number"),
        ({"metrics": {"auc": True}}, "“metrics.auc” must be a finite number"),
        ({"metrics": {"auc": 10**400}}, "“metrics.auc” must be a finite number"),
        ({"tolerances": {"f1": {"absolute": 1}}}, "names “f1”, which is not among the metrics"),
        ({"tolerances": {"auc": 0.1}}, "“tolerances.auc” must hold"),
        ({"tolerances": {"auc": {"absolute": -1}}}, "must not be negative"),
        ({"inputs": {"data.csv": "abc"}}, "the digest of the input “data.csv”"),
        ({"inputs": {"/etc/hostname": "sha256:" + "0" * 64}}, "must be a relative path"),
        ({"inputs": {"../data.csv": "sha256:" + "0" * 64}}, "must be a relative path"),
        ({"outputs": ["../../model.json"]}, "must be a relative path"),
        ({"metrics_file": "C:/metrics.json"}, "must be a relative path"),
        ({"directory": "/somewhere"}, "must be a relative path"),
        ({"timeout": 0}, "“timeout”"),
        ({"seed": 1.5}, "“seed”"),
    ],
)
def test_bad_record_is_refused_by_its_key(change: dict[str, Any], words: str, project: Path) -> None:
    made = record(project)
    made.path.write_text(json.dumps(json.loads(made.path.read_text()) | change))

    with pytest.raises(CountersignError) as caught:
        read_record(made.path)
    assert words in caught.value.detail


def test_text_that_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    for text in ("{", '{"metrics": {"auc": NaN}}', "[" * 100_000):
        path.write_text(text)
        with pytest.raises(CountersignError, match="is not JSON"):
            read_record(path)


# --- The command line ----------------------------------------------------------------------------------------


def call(*arguments: object) -> Any:
    return CliRunner().invoke(main, [str(item) for item in arguments], env={"COLUMNS": "200"})


def test_commands_record_and_reproduce(project: Path, tmp_path: Path, shift: Any) -> None:
    file, logs = project / "countersign-training.json", tmp_path / "logs"
    given = ("--metrics", "metrics.json", "--input", "data.csv", "--absolute", "auc=0.01", "--variable", "SHIFT")
    recorded = call("record", "--record", file, *given, "--", sys.executable, "train.py")
    assert (recorded.exit_code, "2 metrics, 1 inputs" in recorded.output) == (0, True)

    same = call("reproduce", file, "--times", 2, "--logs", logs, "--out", tmp_path / "report.json")
    assert (same.exit_code, "came out again" in same.output) == (0, True)
    assert json.loads((tmp_path / "report.json").read_text())["runs"][1]["metrics"] == {"auc": 0.75, "rows": 3.0}

    shift.setenv("SHIFT", "0.5")
    other = call("reproduce", file, "--logs", logs)
    assert (other.exit_code, "not reproduced" in other.output) == (1, True)
    (project / "data.csv").write_text("2\n")
    assert call("reproduce", file, "--logs", logs).exit_code == 2


def test_commands_say_what_is_wrong(project: Path, tmp_path: Path) -> None:
    bad = call("record", "--metrics", "metrics.json", "--absolute", "auc", "--", "python")
    alone = call("reproduce", project / "train.py", "--submit")
    broken = call("reproduce", project / "train.py")

    assert (bad.exit_code, "“auc” is no tolerance" in bad.output) == (2, True)
    assert (alone.exit_code, "go together" in alone.output) == (2, True)
    assert (broken.exit_code, "is not JSON" in broken.output) == (2, True)


def test_log_of_a_failed_run_is_shown(project: Path, tmp_path: Path) -> None:
    made = record(project)
    (project / "train.py").write_text("raise RuntimeError('no such column: age')")
    failed = call("reproduce", made.path, "--logs", tmp_path / "logs")

    assert failed.exit_code == 1
    assert "no such column: age" in failed.output
    assert "it ended with exit code 1" in failed.output


def test_submitted_report_is_compared_with_the_metrics_on_record(
    office: Office, new_version: Callable[[], Version], cleo: Client, project: Path, tmp_path: Path, shift: Any
) -> None:
    version, made = new_version(), record(project)
    known = {"COUNTERSIGN_URL": office.url, "COUNTERSIGN_TOKEN": office.token("cleo"), "COLUMNS": "200"}

    def submit() -> Any:
        given = ("reproduce", made.path, "--logs", tmp_path / "logs", "--submit", "--version", version.id)
        return CliRunner().invoke(main, [str(item) for item in given], env=known)

    nothing = submit()
    assert (nothing.exit_code, "inconclusive" in nothing.output) == (1, True)

    cleo.submit_metrics(version, [{"name": "auc", "value": 0.76}, {"name": "rows", "value": 3}])
    again = submit()
    assert (again.exit_code, "metrics on record: reproduced" in again.output) == (0, True)

    # What the record states is not what counts: here the training gives what it states, but not what is on record.
    cleo.submit_metrics(version, [{"name": "auc", "value": 0.9}], title="Better")
    other = submit()
    assert (other.exit_code, "metrics on record: not reproduced" in other.output) == (1, True)
    newest = cleo.evaluation(cleo.evaluations(version)[0].id)
    assert {item["metric"]: item["value"] for item in newest.result["measures"]}["reproduced_share"] == 0.5
