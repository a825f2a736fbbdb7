"""What a sandboxed child can be asked to do. Adding a kind is a line in `JOBS`.

A job is a function `run(paths, spec, progress)`: paths of the inputs by role, the specification, and a function to be
told (share done, what is being done). It returns a JSON-ready document and raises BadInput about what it was given.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from audits.errors import BadInput

Paths = Mapping[str, Path]
Progress = Callable[[float, str], None]
Job = Callable[[Paths, Mapping[str, Any], Progress], dict[str, Any]]

EVIDENCE = "evidence"
"""The role of the file that is evaluated; the others are named by what they are read for."""


def _run_explanation(paths: Paths, spec: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    from audits.explanations.explain import run_explanation

    return run_explanation(
        paths[EVIDENCE],
        spec,
        predictions=paths.get("predictions"),
        former=paths.get("former"),
        progress=progress,
    )


def run_batch(paths: Paths, spec: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Do one kind of job on many contents in one child: an import of the numerical libraries for all of them.

    The evidence is the contents one after the other; `spec` holds their "sizes", and "kind" and "spec" of the job.
    Returns {"outcomes": [...]}: "result", or why it was refused. Any other error ends the whole batch.
    """
    job, outcomes = find_job(spec["kind"]), []
    place = Path("/tmp/content")  # noqa: S108 - the child's own
    with paths[EVIDENCE].open("rb") as contents:
        for number, size in enumerate(spec["sizes"]):
            progress(number / len(spec["sizes"]), str(number))
            place.write_bytes(contents.read(size))
            try:
                json.dumps(job({**paths, EVIDENCE: place}, spec["spec"], _tell_nobody), allow_nan=False)
                outcomes.append("result")
            except BadInput as error:
                outcomes.append(str(error))
    return {"outcomes": outcomes}


def _tell_nobody(share: float, step: str) -> None:
    """The batch tells of itself."""


JOBS: dict[str, Job | str] = {
    "bias_audit": "audits.bias.job:run_bias_audit_job",
    "explanation": _run_explanation,
    "recomputed_explanation": "audits.portable.recompute:run_recomputed_explanation",
    "onnx_explanation": "audits.onnx_models.explain:run_onnx_explanation",
    "data_quality": "audits.quality.profile:run_quality_job",
    "printing": "audits.printing.job:run_printing",
    "batch": run_batch,
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
