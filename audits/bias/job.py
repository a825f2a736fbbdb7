"""The bias audit as a job: files by role, predictions or counted cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from audits.bias.audit import audit_cells, run_bias_audit
from audits.bias.record import digest_file, versions
from audits.counting.cells import Cells
from audits.errors import BadInput
from audits.json_files import read_json
from audits.spec import AuditSpec, check_spec

PEEK = 4_096
COUNTED_ELSEWHERE = (
    "The rows were counted by the submitter. Everything here was computed from those counts; they themselves could not "
    "be counted again."
)


def run_bias_audit_job(
    paths: Mapping[str, Path], spec: Mapping[str, Any], progress: Callable[[float, str], None]
) -> dict[str, Any]:
    """Audit what was handed in.

    Parameters
    ----------
    paths : mapping
        `evidence`: the predictions, or a cells document. `sensitive_file`, optional: the separate
        file with sensitive values.
    spec : mapping
        The JSON document checked by `spec.check_spec`.
    progress : callable
        Called with (share done, what is being done).

    Raises
    ------
    BadInput
        Naming the key, column, row or limit.
    """
    evidence = paths["evidence"]
    if not looks_like_cells(evidence):
        return run_bias_audit(evidence, spec, sensitive=paths.get("sensitive_file"), progress=progress)
    checked = check_spec(dict(spec))
    progress(0.0, "reading the cells")
    cells = read_cells(evidence)
    check_cells(cells, checked)
    document = audit_cells(cells, checked, describe_cells(evidence, checked.seed), progress=progress)
    document["notes"].insert(0, {"code": "counted_elsewhere", "text": COUNTED_ELSEWHERE, "population": None})
    return document


def looks_like_cells(path: Path) -> bool:
    """Tell whether a file begins like a JSON document, which a table never does; of such only cells are audited."""
    with path.open("rb") as stream:
        start = stream.read(PEEK)
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def read_cells(path: Path) -> Cells:
    """Read a cells document; BadInput says what is wrong with it."""
    try:
        document = read_json(path)
    except BadInput as error:
        raise BadInput(f"the cells document: {error}") from None
    return Cells.from_json(document)


def describe_cells(path: Path, seed: int) -> dict[str, Any]:
    """Return the passport of a result that was computed from a cells document."""
    return {
        "seed": seed,
        "versions": versions(),
        "input": {"sha256": digest_file(path), "bytes": path.stat().st_size, "kind": "cells"},
        "delimiter": None,
        "encoding": None,
    }


def check_cells(cells: Cells, spec: AuditSpec) -> None:
    """Check that counted cells are about what a specification asks for.

    Raises
    ------
    BadInput
        Naming the key in which they differ.
    """
    pairs = {
        "task": (cells.task, spec.task),
        "sensitive": (list(cells.sensitive_features), list(spec.sensitive)),
        "positive_label": (cells.positive_label, spec.positive_label),
        "columns.condition": (cells.condition, spec.columns.get("condition")),
        "columns.weight": (cells.weighted, "weight" in spec.columns),
    }
    for key, (found, wanted) in pairs.items():
        if found != wanted:
            raise BadInput(f"the cells were counted with {found!r}, the specification says {wanted!r}", column=key)
    if "cluster" in spec.columns and cells.clusters is None:
        raise BadInput(
            "cells documents hold no clusters, and intervals without them would be too narrow; audit the rows, or "
            "leave the cluster column out of the specification",
            column="columns.cluster",
        )
