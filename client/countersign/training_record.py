"""How a model was trained, in one small file: ``countersign-training.json``.

    {
      "format": "countersign/training/1",
      "command": ["python", "train.py", "--seed", "7"],
      "directory": ".",
      "environment": ["PYTHONHASHSEED"],
      "inputs": {"data/train.csv": "sha256:..."},
      "outputs": ["model.json"],
      "metrics_file": "metrics.json",
      "metrics": {"auc": 0.8312},
      "tolerances": {"auc": {"absolute": 0.002}},
      "seed": 7,
      "code_revision": "4e23972...",
      "timeout": 3600
    }

``directory`` is where the command runs, relative to this file; every other path is relative to ``directory``. The
command writes ``metrics_file``, a JSON object of names and finite numbers; ``metrics`` is what it gave when the model
was trained. A metric without a tolerance has to come out exactly equal. ``environment`` holds names only: values may be
secret, so they are taken from whoever runs it and never recorded. The command itself is recorded as it stands: keep
secrets out of it.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from countersign.errors import CountersignError
from countersign.files import digest_file
from countersign.git import read_revision

FORMAT = "countersign/training/1"
DEFAULT_NAME = "countersign-training.json"
DEFAULT_TIMEOUT = 3600.0
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
LARGEST_METRICS_FILE = 1 << 20
KEYS = (
    *("format", "command", "directory", "environment", "inputs", "outputs", "metrics_file", "metrics", "tolerances"),
    *("seed", "code_revision", "timeout"),
)
NEEDED = ("format", "command", "metrics_file", "metrics")


@dataclass(frozen=True)
class Tolerance:
    """How far a metric may lie from the recorded one: ``max(absolute, relative * |recorded|)``."""

    absolute: float = 0.0
    relative: float = 0.0


@dataclass(frozen=True)
class TrainingRecord:
    """A training as it was recorded; see this module's text. ``path`` is the file, ``digest`` its SHA-256."""

    path: Path
    digest: str
    command: tuple[str, ...]
    metrics_file: str
    metrics: Mapping[str, float]
    directory: str = "."
    environment: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    tolerances: Mapping[str, Tolerance] = field(default_factory=dict)
    seed: int | None = None
    code_revision: str = ""
    timeout: float = DEFAULT_TIMEOUT

    @property
    def folder(self) -> Path:
        """Where the command runs, in the place where the record lies."""
        return (self.path.parent / self.directory).resolve()


def record_training(
    path: str | os.PathLike[str],
    *,
    command: Sequence[str],
    metrics_file: str,
    directory: str = ".",
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    tolerances: Mapping[str, Mapping[str, float]] | None = None,
    environment: Sequence[str] = (),
    seed: int | None = None,
    code_revision: str | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> TrainingRecord:
    """Write down a training that has just ended: digests of its inputs, its metrics, the code's revision.

    Parameters
    ----------
    path : path
        The record to write; by custom ``countersign-training.json`` beside the code.
    command : sequence of str
        The command as a list of words, without a shell.
    metrics_file : str
        The JSON file of names and numbers that the command has written, relative to ``directory``.
    directory : str
        Where the command runs, relative to the record.
    inputs, outputs : sequence of str
        Files it reads, recorded by digest, and files it writes, whose digests a rerun reports.
    tolerances : mapping, optional
        Metric -> ``{"absolute": ...}`` or ``{"relative": ...}`` or both.
    environment : sequence of str
        Names of the environment variables it needs. Values are not recorded.
    code_revision : str, optional
        Default: the commit of the git work tree that holds the record, where there is one.

    Raises
    ------
    CountersignError
        ``bad_record`` naming what is missing, wrong or not finite.
    """
    target = Path(path).absolute()
    folder = (target.parent / directory).resolve()
    metrics = read_metrics(folder / metrics_file)
    found = code_revision if code_revision is not None else read_revision(folder)[0]
    document: dict[str, Any] = {
        "format": FORMAT,
        "command": list(command),
        "directory": directory,
        "environment": list(environment),
        "inputs": {name: _digest_of(folder, name) for name in inputs},
        "outputs": list(outputs),
        "metrics_file": metrics_file,
        "metrics": metrics,
        "tolerances": {name: dict(item) for name, item in (tolerances or {}).items()},
        "seed": seed,
        "code_revision": found,
        "timeout": timeout,
    }
    _check(document, target)
    target.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return read_record(target)


def _digest_of(folder: Path, name: str) -> str:
    try:
        return digest_file(folder / name)
    except OSError as error:
        raise CountersignError("bad_record", None, f"The input “{name}” cannot be read: {error.strerror}.") from None


def read_record(path: str | os.PathLike[str]) -> TrainingRecord:
    """Return a checked training record. Raises ``CountersignError`` (``bad_record``) that names what is wrong."""
    file = Path(path).absolute()
    text = file.read_bytes()
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CountersignError("bad_record", None, f"{path} is not JSON: {error}.") from None
    read = _check(document, file)
    return TrainingRecord(path=file, digest=digest_file(file), **read)


def _check(document: Any, file: Path) -> dict[str, Any]:
    """Return the fields of a record, checked."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _bad(file, f"it must be a JSON object with “format”: “{FORMAT}”")
    unknown = sorted(set(document) - set(KEYS))
    missing = [name for name in NEEDED if name not in document]
    if unknown or missing:
        what = f"unknown key “{unknown[0]}”" if unknown else f"“{missing[0]}” is missing"
        raise _bad(file, f"{what}; keys are {', '.join(KEYS)}")
    command = _texts(document["command"], "command", file)
    if not command:
        raise _bad(file, "“command” must be a list of words such as [“python”, “train.py”]")
    metrics = _numbers(document["metrics"], "metrics", file)
    tolerances = _object(document.get("tolerances", {}), "tolerances", file)
    strange = sorted(set(tolerances) - set(metrics))
    if strange:
        raise _bad(file, f"“tolerances” names “{strange[0]}”, which is not among the metrics")
    timeout, seed = document.get("timeout", DEFAULT_TIMEOUT), document.get("seed")
    if not _is_number(timeout) or not 0 < timeout <= 10**7:
        raise _bad(file, "“timeout” must be a number of seconds above 0")
    if not (seed is None or (isinstance(seed, int) and not isinstance(seed, bool))):
        raise _bad(file, "“seed” must be a whole number or null")
    return {
        "command": command,
        "directory": _relative(document.get("directory", "."), "directory", file),
        "environment": _texts(document.get("environment", []), "environment", file),
        "inputs": _inputs(document.get("inputs", {}), file),
        "outputs": tuple(
            _relative(name, "outputs", file) for name in _texts(document.get("outputs", []), "outputs", file)
        ),
        "metrics_file": _relative(document["metrics_file"], "metrics_file", file),
        "metrics": metrics,
        "tolerances": {name: _tolerance(item, name, file) for name, item in tolerances.items()},
        "seed": seed,
        "code_revision": _text(document.get("code_revision", ""), "code_revision", file),
        "timeout": float(timeout),
    }


def _tolerance(item: Any, name: str, file: Path) -> Tolerance:
    known = {"absolute", "relative"}
    if not isinstance(item, dict) or not item or set(item) - known or not all(map(_is_number, item.values())):
        raise _bad(file, f"“tolerances.{name}” must hold absolute or relative")
    if min(item.values()) < 0:
        raise _bad(file, f"“tolerances.{name}” must not be negative")
    return Tolerance(**{key: float(value) for key, value in item.items()})


def _inputs(value: Any, file: Path) -> dict[str, str]:
    inputs = _object(value, "inputs", file)
    for name, digest in inputs.items():
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            raise _bad(file, f"the digest of the input “{name}” must be “sha256:” and 64 hexadecimal digits")
    return {_relative(name, "inputs", file): digest for name, digest in inputs.items()}


def read_metrics(file: Path) -> dict[str, float]:
    """Return the finite numbers in a metrics file. Raises ``CountersignError`` (``bad_metrics``) naming what is not."""
    try:
        if file.stat().st_size > LARGEST_METRICS_FILE:
            raise CountersignError("bad_metrics", None, f"{file.name} is larger than {LARGEST_METRICS_FILE:,} bytes.")
        document = json.loads(file.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise CountersignError("bad_metrics", None, f"There is no {file.name}.") from None
    except (ValueError, RecursionError) as error:
        raise CountersignError("bad_metrics", None, f"{file.name} is not JSON of finite numbers: {error}.") from None
    if not isinstance(document, dict) or not document:
        raise CountersignError("bad_metrics", None, f"{file.name} must be a JSON object: name -> number.")
    for name, value in document.items():
        if not _is_number(value):
            raise CountersignError("bad_metrics", None, f"{file.name}: “{name}” is no finite number.")
    return {name: float(value) for name, value in document.items()}


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no finite number")


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def _numbers(value: Any, key: str, file: Path) -> dict[str, float]:
    found = _object(value, key, file)
    for name, number in found.items():
        if not _is_number(number):
            raise _bad(file, f"“{key}.{name}” must be a finite number")
    return {name: float(number) for name, number in found.items()}


def _object(value: Any, key: str, file: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _bad(file, f"“{key}” must be an object")
    return value


def _texts(value: Any, key: str, file: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and "\0" not in item for item in value):
        raise _bad(file, f"“{key}” must be a list of texts")
    return tuple(value)


def _text(value: Any, key: str, file: Path) -> str:
    if not isinstance(value, str):
        raise _bad(file, f"“{key}” must be a text")
    return value


def _relative(value: Any, key: str, file: Path) -> str:
    """A path below where it starts: what is reproduced may not depend on one machine, nor write over its files."""
    text = _text(value, key, file)
    path = PurePosixPath(text)
    if (
        not text
        or "\0" in text
        or "\\" in text
        or path.is_absolute()
        or ".." in path.parts
        or ":" in text.partition("/")[0]
    ):
        raise _bad(file, f"“{key}”: “{text}” must be a relative path with forward slashes and without “..”")
    return str(path)


def _bad(file: Path, what: str) -> CountersignError:
    return CountersignError("bad_record", None, f"{file.name}: {what}.")
