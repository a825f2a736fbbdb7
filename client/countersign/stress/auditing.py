"""From predictions under conditions to an audit: the specification, the manifest, and their way to the portal."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from countersign.client import Client
from countersign.stress.catalogue import BASELINE
from countersign.stress.prediction_rows import PredictionRows
from countersign.types import Evaluation, Evidence, Version

MANIFEST_FORMAT = "countersign/conditions/1"


def make_spec(
    rows: PredictionRows,
    *,
    task: str,
    positive_label: Any = None,
    labels: Sequence[Any] | None = None,
    criteria: Sequence[Mapping[str, Any]] = (),
    **options: Any,
) -> dict[str, Any]:
    """Return the specification of the audit of these rows, for the portal and for ``python -m audits bias``.

    Parameters
    ----------
    task : str
        binary, multiclass or regression.
    positive_label, labels : optional
        Which label counts as positive (binary); the classes in order (multiclass).
    criteria : sequence of mapping
        Such as ``{"metric": "accuracy_loss", "population": "condition=motion_blur:3", "comparator": "at_most",
        "threshold": 0.05}`` or ``{"metric": "worst_accuracy_loss", ...}`` of “overall”.
    options
        Further keys of the specification, such as ``minimum_group_size``, ``metrics``, ``intervals``.
    """
    columns = {"y_true": "y_true", "y_pred": "y_pred", "cluster": "row_id", "condition": "condition"}
    if "y_score" in rows.names:
        columns["y_score"] = "y_score"
    spec: dict[str, Any] = {
        "task": task,
        "columns": columns,
        "baseline_condition": BASELINE,
        "sensitive": list(rows.sensitive),
        "seed": rows.seed,
    }
    if positive_label is not None:
        spec["positive_label"] = str(positive_label)
    if labels is not None:
        spec["labels"] = [str(label) for label in labels]
    if criteria:
        spec["criteria"] = [dict(item) for item in criteria]
    return spec | options


def make_manifest(rows: PredictionRows) -> dict[str, Any]:
    """Return what was done to the data: every condition with parameter and source, the seed, and versions."""
    return {
        "format": MANIFEST_FORMAT,
        "baseline_condition": BASELINE,
        "seed": rows.seed,
        "rows": len(rows),
        "conditions": [condition.to_json() for condition in rows.conditions],
        "failures": dict(rows.failures),
        "versions": {"countersign": _version("countersign"), "numpy": np.__version__, "pillow": _version("pillow")},
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def write_files(
    rows: PredictionRows, folder: str | os.PathLike[str], spec: Mapping[str, Any]
) -> tuple[Path, Path, Path]:
    """Write predictions.csv, spec.json and conditions.json to a folder, and return their paths."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    predictions = rows.write_csv(target / "predictions.csv")
    paths = predictions, target / "spec.json", target / "conditions.json"
    for path, document in ((paths[1], dict(spec) | {"file": predictions.name}), (paths[2], make_manifest(rows))):
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return paths


def submit_conditions(
    portal: Client,
    version: Version,
    rows: PredictionRows,
    spec: Mapping[str, Any],
    folder: str | os.PathLike[str],
    *,
    title: str = "Predictions under conditions",
    dataset_role: str = "test",
    once: bool = False,
) -> tuple[Evidence, Evaluation]:
    """Write the files, submit predictions and manifest as evidence, and ask for the audit. See ``wait_for``.

    ``once``: what is recorded under this title is used instead of being submitted again.
    """
    predictions, _, manifest = write_files(rows, folder, spec)
    what = f"{len(rows.conditions)} conditions and the undisturbed data, seed {rows.seed}."
    evidence = portal.submit_predictions(version, predictions, title=title, description=what, once=once)
    portal.submit_document(version, manifest, title=f"{title}: what was done", once=once)
    asked = portal.request_bias_audit(version, evidence, dict(spec), dataset_role=dataset_role)
    return evidence, asked
