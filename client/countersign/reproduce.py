"""A recorded training, run again in a fresh working copy: does it give the same metrics?

Where the record lies in a git work tree, the fresh copy is the recorded revision checked out anew, so that nothing
uncommitted takes part; elsewhere it is a copy of the record's folder without what the training writes. Input files are
copied into it and their digests checked there. Every run begins with a copy of its own.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from countersign.errors import CountersignError
from countersign.files import digest_file
from countersign.git import copy_revision, find_root, read_revision
from countersign.training_record import Tolerance, TrainingRecord, read_metrics

FORMAT = "countersign/reproduction/1"
# What a program needs to start at all. Nothing else of the caller's environment reaches it, unless the record names it.
PASSED_ON = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV", "CONDA_PREFIX"),
    *("LD_LIBRARY_PATH", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA", "LOCALAPPDATA"),
)
NEVER_COPIED = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "venv")
LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "xgboost", "lightgbm", "torch", "tensorflow")
ASK_PYTHON = """
import json, platform
from importlib import metadata
found = {"python": platform.python_implementation() + " " + platform.python_version()}
for name in %r:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""
SHOWN_LOG = 20
GRACE = 5.0

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """One run. ``failure`` says in words why it gave no metrics; ``log`` is the file with all it printed."""

    metrics: Mapping[str, float]
    seconds: float
    exit_code: int | None
    failure: str
    log: Path
    outputs: Mapping[str, str]

    @property
    def ended_well(self) -> bool:
        return self.exit_code == 0 and not self.failure


@dataclass(frozen=True)
class MetricCheck:
    """One recorded metric beside what the runs gave. ``deviation`` is None where a run did not give it."""

    name: str
    recorded: float
    again: tuple[float, ...]
    tolerance: Tolerance
    deviation: float | None
    is_reproduced: bool


@dataclass(frozen=True)
class Reproduction:
    """What came out. ``report`` is the document that ``countersign reproduce --submit`` sends."""

    record: TrainingRecord
    runs: tuple[Run, ...]
    checks: tuple[MetricCheck, ...]
    revision: str
    is_clean: bool | None
    platform: Mapping[str, str]

    @property
    def is_reproduced(self) -> bool:
        """Every run ended well and gave every recorded metric within its tolerance."""
        return all(run.ended_well for run in self.runs) and all(check.is_reproduced for check in self.checks)

    @property
    def report(self) -> dict[str, Any]:
        """Return the evidence: facts only. Whether it is reproduced, the portal decides from what it has on record."""
        record = self.record
        return {
            "format": FORMAT,
            "record_digest": record.digest,
            "command": list(record.command),
            "environment": list(record.environment),
            "seed": record.seed,
            "recorded": dict(record.metrics),
            "tolerances": {
                name: {"absolute": item.absolute, "relative": item.relative} for name, item in record.tolerances.items()
            },
            "inputs": [{"name": name, "digest": digest} for name, digest in record.inputs.items()],
            "runs": [
                {
                    "metrics": dict(run.metrics),
                    "seconds": round(run.seconds, 3),
                    "exit_code": run.exit_code,
                    "failure": run.failure,
                    "log_digest": digest_file(run.log),
                    "outputs": [{"name": name, "digest": digest} for name, digest in run.outputs.items()],
                }
                for run in self.runs
            ],
            "code": {
                "revision": self.revision,
                "recorded_revision": record.code_revision,
                "is_clean": self.is_clean,
            },
            "platform": dict(self.platform),
        }


def reproduce(
    record: TrainingRecord,
    *,
    times: int = 1,
    logs: str | os.PathLike[str] = "countersign-reproduction",
    working_tree: bool = False,
    tell: Tell | None = None,
) -> Reproduction:
    """Run a recorded training again, ``times`` times, and compare its metrics with the recorded ones.

    Parameters
    ----------
    record : TrainingRecord
        From ``countersign.training_record.read_record``.
    logs : path
        The folder in which the log of every run is kept, as ``run-1.log`` and so on.
    working_tree : bool
        Run a copy of the files as they are now, also where git has the recorded revision.
    tell : callable, optional
        Called with what is being done.

    Raises
    ------
    CountersignError
        Before anything is run: an input that is missing or has another digest (``changed_input``), an environment
        variable that is not set, a program that is not found, a revision that git does not hold. What happens while the
        training runs is no error but a run with its ``failure``.
    """
    tell = tell or (lambda text: None)
    check_inputs(record)
    environment = _environment(record)
    folder = Path(logs)
    folder.mkdir(parents=True, exist_ok=True)
    runs: list[Run] = []
    code: tuple[str, bool | None] = ("", None)
    for number in range(1, times + 1):
        tell(f"run {number} of {times}: making a fresh copy")
        with fresh_copy(record, working_tree=working_tree) as (workplace, revision, is_clean):
            code = (revision, is_clean)
            tell(f"run {number} of {times}: {record.command[0]} is running")
            runs.append(_run(record, workplace, environment, folder / f"run-{number}.log"))
    return Reproduction(record, tuple(runs), compare(record, runs), *code, describe_platform(record, environment))


def check_inputs(record: TrainingRecord) -> None:
    """Raise ``CountersignError`` (``changed_input``) unless every input file has its recorded digest."""
    for name, digest in record.inputs.items():
        _check_input(record.folder / name, name, digest)


def _check_input(path: Path, name: str, digest: str) -> None:
    if not path.is_file():
        raise CountersignError("changed_input", None, f"The input “{name}” is not there: {path}.")
    found = digest_file(path)
    if found != digest:
        raise CountersignError("changed_input", None, f"The input “{name}” has changed: it was {digest}, now {found}.")


def _environment(record: TrainingRecord) -> dict[str, str]:
    missing = [name for name in record.environment if name not in os.environ]
    if missing:
        raise CountersignError("no_variable", None, f"The training needs the variable {missing[0]}: set it.")
    passed = {name: os.environ[name] for name in (*PASSED_ON, *record.environment) if name in os.environ}
    program = record.command[0]
    if "/" not in program and shutil.which(program, path=passed.get("PATH")) is None:
        raise CountersignError("no_program", None, f"There is no program “{program}” on PATH.")
    return passed


@contextmanager
def fresh_copy(record: TrainingRecord, *, working_tree: bool) -> Iterator[tuple[Path, str, bool | None]]:
    """Yield (the folder to run in, the code's commit, whether it is exactly that commit), and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="countersign-", ignore_cleanup_errors=True) as temporary:
        copy = Path(temporary) / "copy"
        origin = record.path.parent.resolve()
        root = None if working_tree else find_root(origin)
        is_clean: bool | None
        if root is not None:
            revision, is_clean = copy_revision(root, record.code_revision or "HEAD", copy), True
            workplace = copy / origin.relative_to(root) / record.directory
        else:
            shutil.copytree(origin, copy, ignore=NEVER_COPIED)
            revision, is_clean = read_revision(origin)
            workplace = copy / record.directory
        if not workplace.is_dir():
            raise CountersignError("no_directory", None, f"“{record.directory}” is not in the copy of the code.")
        for name in (record.metrics_file, *record.outputs):
            (workplace / name).unlink(missing_ok=True)  # an old result must not pass for a new one
        for name, digest in record.inputs.items():
            _bring(record.folder / name, workplace / name)
            _check_input(workplace / name, name, digest)
        yield workplace, revision, is_clean


def _bring(source: Path, target: Path) -> None:
    """Copy an input to its place, never through a link that is there: it may lead out of the copy."""
    if target.exists() and target.samefile(source):
        return  # a link in the repository leads to the input itself
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    shutil.copyfile(source, target)


def _run(record: TrainingRecord, workplace: Path, environment: Mapping[str, str], log: Path) -> Run:
    started = time.monotonic()
    with log.open("wb") as stream:
        exit_code, failure = _execute(record, workplace, environment, stream)
    seconds = time.monotonic() - started
    metrics: dict[str, float] = {}
    if not failure:
        try:
            metrics = read_metrics(workplace / record.metrics_file)
        except CountersignError as error:
            failure = f"it ended, but {error.detail[0].lower()}{error.detail[1:]}"
    outputs = {name: digest_file(workplace / name) for name in record.outputs if (workplace / name).is_file()}
    return Run(metrics, seconds, exit_code, failure, log, outputs)


def _execute(
    record: TrainingRecord, workplace: Path, environment: Mapping[str, str], log: BinaryIO
) -> tuple[int | None, str]:
    """Return (exit code, why it failed in words or nothing). All that it started is ended with it."""
    try:
        process = subprocess.Popen(
            record.command,
            cwd=workplace,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return None, f"it could not be started: {error.strerror}"
    try:
        code = process.wait(timeout=record.timeout)
    except subprocess.TimeoutExpired:
        return None, f"stopped after {record.timeout:g} s"
    finally:
        _end(process)
    if code < 0:
        return code, f"ended by signal {-code}"
    return code, f"it ended with exit code {code}" if code else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and, where there are process groups, whatever it has left behind."""
    if hasattr(os, "killpg"):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
            except (ProcessLookupError, PermissionError):
                break
            try:
                process.wait(timeout=GRACE)
            except subprocess.TimeoutExpired:
                pass
    elif process.poll() is None:
        process.kill()
    process.wait()


def compare(record: TrainingRecord, runs: Sequence[Run]) -> tuple[MetricCheck, ...]:
    """Compare every recorded metric with every run, exactly on the decimals as they are written."""
    tolerances = record.tolerances
    return tuple(
        _compare(name, value, tolerances.get(name, Tolerance()), runs) for name, value in sorted(record.metrics.items())
    )


def _compare(name: str, recorded: float, tolerance: Tolerance, runs: Sequence[Run]) -> MetricCheck:
    again = tuple(run.metrics[name] for run in runs if name in run.metrics)
    exact = _exact(recorded)
    allowed = max(_exact(tolerance.absolute), _exact(tolerance.relative) * abs(exact))
    distances = [abs(_exact(value) - exact) for value in again]
    is_whole = bool(runs) and len(again) == len(runs)
    return MetricCheck(
        name=name,
        recorded=recorded,
        again=again,
        tolerance=tolerance,
        deviation=float(max(distances)) if is_whole else None,
        is_reproduced=is_whole and max(distances) <= allowed,
    )


def _exact(value: float) -> Fraction:
    return Fraction(repr(float(value)))


def describe_platform(record: TrainingRecord, environment: Mapping[str, str]) -> dict[str, str]:
    """Return facts about the machine that may explain a difference, and none that name it or its user."""
    facts = {
        "system": f"{platform.system()} {platform.release()}"[:200],
        "machine": platform.machine(),
        "processors": str(os.cpu_count() or "unknown"),
    }
    return facts | _ask_python(record.command[0], environment)


def _ask_python(program: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The interpreter that trains says what it is, where the command begins with one."""
    if "python" not in Path(program).name:
        return {}
    try:
        done = subprocess.run(
            [program, "-c", ASK_PYTHON % (LIBRARIES,)],
            capture_output=True,
            check=True,
            timeout=60,
            env=dict(environment),
        )
        return {str(name): str(value)[:200] for name, value in json.loads(done.stdout).items()}
    except (OSError, subprocess.SubprocessError, ValueError):
        return {"python": "unknown"}


def last_lines(log: Path, count: int = SHOWN_LOG) -> str:
    """Return the end of a log, whatever its encoding."""
    with log.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - (1 << 16)))
        text = stream.read().decode("utf-8", errors="replace")
    return "\n".join(text.splitlines()[-count:])
