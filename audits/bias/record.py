"""Results as JSON: no NaN, every null with its reason, every number with its passport."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

from audits.bias.measures import measures
from audits.bias.record_groups import describe_shape, group_to_json, grouping_to_json
from audits.bias.results import BiasAudit
from audits.counting.cells import Cells
from audits.counting.scores import SMALLEST_PROBABILITY
from audits.populations import name_group
from audits.spec import AuditSpec
from audits.tables.frames import TableFile

FORMAT = "countersign/bias-audit/1"
LIBRARIES = ("numpy", "pandas", "duckdb", "fairlearn", "scikit-learn")


def versions(libraries: tuple[str, ...] = LIBRARIES) -> dict[str, str]:
    """Return the version of Python and of the libraries, without importing them."""
    found = {"python": python_version()}
    for name in libraries:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def describe_run(file: TableFile, seed: int) -> dict[str, Any]:
    """Return the passport of a result: what went in and what computed it."""
    source: dict[str, Any] = {"sha256": file.sha256, "bytes": file.size, "kind": file.kind}
    if len(file.parts) > 1:
        source["parts"] = file.describe()
    if file.sensitive is not None:
        source["sensitive_file"] = file.sensitive.describe()[0]
    return {
        "seed": seed,
        "versions": versions(),
        "input": source,
        "delimiter": file.delimiter,
        "encoding": file.encoding,
    }


def to_json(audit: BiasAudit, cells: Cells, spec: AuditSpec, run: dict[str, Any]) -> dict[str, Any]:
    """Return a bias audit as a JSON-ready document.

    It has the keys of `fairness-expected/1` with the same names for the combination of all
    sensitive features, `groupings` with the same for each feature alone and every combination,
    intervals and reasons beside the numbers, the flat `measures`, and the cells themselves.
    """
    shape = describe_shape(cells)
    document: dict[str, Any] = {
        "format": FORMAT,
        "task": spec.task,
        "data": {
            "sha256": run["input"]["sha256"],
            "rows": cells.rows_read,
            "columns": dict(spec.columns),
            "delimiter": run["delimiter"],
            "encoding": run["encoding"],
        },
        "sensitive": list(audit.sensitive_features),
        "missing_token": "",
        "missing_policy": spec.missing or "none",
        "rows_with_missing_sensitive_value": cells.rows_missing,
        "rows_used": cells.rows_used,
        **_describe_labels(cells),
        "overall": group_to_json(audit, shape),
        **grouping_to_json(audit, len(audit.groupings) - 1, shape),
        "groupings": [
            {"sensitive": list(grouping.features), **grouping_to_json(audit, place, shape)}
            for place, grouping in enumerate(audit.groupings)
        ],
        **_describe_scores(audit, cells, spec),
        "rows_left_out": [{"reason": part.reason, "rows": part.rows} for part in cells.left_out],
        "local_law_144": _describe_rule(audit, cells, spec),
        "notes": [note._asdict() for note in audit.notes],
        "measures": [measure.to_json() for measure in measures(audit)],
        "cells": cells.to_json(),
        "passport": {
            **{key: run[key] for key in ("seed", "versions", "input")},
            "rows_read": cells.rows_read,
            "rows_used": cells.rows_used,
            "minimum_group_size": audit.minimum_group_size,
            "intervals": {"level": audit.level, "draws": audit.draws},
        },
    }
    return document


def _describe_rule(audit: BiasAudit, cells: Cells, spec: AuditSpec) -> dict[str, Any]:
    """Return the choices the New York rule leaves open, as they were made here, and the unknown."""
    small = [
        name_group(grouping.features, ratio.group)
        for grouping in audit.groupings
        for ratio in (grouping.impact_ratios or grouping.scoring)
        if ratio.is_under_two_percent
    ]
    return {
        "source": "6 RCNY 5-300 to 5-304",
        "rows_of_unknown_category": cells.rows_missing,
        "unknown_rows": {"exclude": "left out of every table", "own_group": "shown as groups of their own"}.get(
            spec.missing or "", "there are none"
        ),
        "median_of": "all used rows",
        "groups_under_two_percent": small,
        "groups_under_two_percent_left_out_of_ratios": spec.exclude_under_two_percent,
        "share_of": "rows used in the calculation",
    }


def _describe_labels(cells: Cells) -> dict[str, Any]:
    """Return what the labels mean: the positive one of two, or the classes in their order."""
    if cells.task == "multiclass":
        return {"labels": list(cells.classes)}
    return {"positive_label": cells.positive_label} if cells.positive_label else {}


def _describe_scores(audit: BiasAudit, cells: Cells, spec: AuditSpec) -> dict[str, Any]:
    """Return how exact what was read from scores is, and how calibration was binned."""
    if cells.scores is None:
        return {}
    resolution = cells.scores.resolution
    found: dict[str, Any] = {
        "are_probabilities": cells.scores.are_probabilities,
        "resolution": resolution,
        "exact": resolution == 0,
    }
    if resolution and audit.overall.scores is not None:
        found["bounds"] = {"mean_score": resolution / 2, "auc": audit.overall.scores.auc_bound}
    if cells.scores.has_labels and cells.scores.are_probabilities:
        found["calibration"] = {"bins": spec.calibration_bins, "strategy": spec.calibration_strategy}
        found["log_loss_clipped_at"] = SMALLEST_PROBABILITY
    return {"scores": found}
