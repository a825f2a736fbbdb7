"""What a sandboxed child can be asked to do. Adding a kind is a line in `JOBS`.

A job is a function `run(paths, spec, progress)`: paths of the inputs by role, the specification, and a function to be
told (share done, what is being done). It returns a JSON-ready document and raises BadInput about what it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

Paths = Mapping[str, Path]
Progress = Callable[[float, str], None]
Job = Callable[[Paths, Mapping[str, Any], Progress], dict[str, Any]]

EVIDENCE = "evidence"
"""The role of the file that is evaluated; the others are named by what they are read for."""


def _run_bias_audit(paths: Paths, spec: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    from audits.bias.audit import run_bias_audit

    return run_bias_audit(paths[EVIDENCE], spec, progress=progress)


def _run_explanation(paths: Paths, spec: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    from audits.explanations.explain import run_explanation

    return run_explanation(paths[EVIDENCE], spec, predictions=paths.get("predictions"), progress=progress)


JOBS: dict[str, Job | str] = {
    "bias_audit": _run_bias_audit,
    "explanation": _run_explanation,
    "self_test": "audits.sandbox.probes:run_self_test",
    "probe": "audits.sandbox.probes:run_probe",
}
"""Kind of job -> a function, or "module:function" where the function has the shape above."""


def find_job(kind: str) -> Job:
    """Return the function of a kind. Raises KeyError for a kind that nobody registered."""
    job = JOBS[kind]
    if not isinstance(job, str):
        return job
    module, _, name = job.partition(":")
    found: Job = getattr(import_module(module), name)
    return found
