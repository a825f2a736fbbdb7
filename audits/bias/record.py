"""Results as JSON: no NaN, every null with its reason, every number with its passport."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

from audits.bias.measures import measures
from audits.bias.results import BiasAudit, Estimate, Group, Grouping, ImpactRatio, Sums
from audits.counting.cells import Cells
from audits.intervals import Z_95, katz_log, wilson
from audits.metrics import SHARES, Counts
from audits.populations import name_group
from audits.spec import AuditSpec
from audits.tables.frames import TableFile

FORMAT = "countersign/bias-audit/1"
LIBRARIES = ("numpy", "pandas", "duckdb", "fairlearn", "scikit-learn")
# The disparities every result lists under `disparities`; the others follow from `spread`.
NAMED = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
    "equalized_odds_difference",
    "equalized_odds_ratio",
    "equalized_odds_difference_mean",
    "predictive_parity_difference",
    "accuracy_difference",
    "fnr_difference",
    "auc_difference",
)


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
        "positive_label": cells.positive_label,
        "overall": _group_to_json(audit.overall, audit),
        **_grouping_to_json(audit.groupings[-1], audit),
        "groupings": [
            {"sensitive": list(grouping.features), **_grouping_to_json(grouping, audit)} for grouping in audit.groupings
        ],
        "rows_left_out": [{"reason": part.reason, "rows": part.rows} for part in cells.left_out],
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


def _group_to_json(group: Group, audit: BiasAudit) -> dict[str, Any]:
    counts = {name: int(value) for name, value in group.counts._asdict().items()}
    found: dict[str, Any] = {
        "n": group.n,
        "n_true_positive_label": counts["tp"] + counts["fn"],
        "n_selected": counts["tp"] + counts["fp"],
        **counts,
    }
    if audit.is_weighted:
        found |= {f"w_{name}": value for name, value in group.weights._asdict().items()}
        found["w_n"] = math.fsum(group.weights)
    found |= {name: estimate.value for name, estimate in group.estimates.items()}
    found["intervals"] = {
        name: _limits(estimate) for name, estimate in group.estimates.items() if estimate.low is not None
    }
    found["reasons"] = _reasons(group.estimates)
    found["below_minimum_size"] = group.is_small
    return found


def _grouping_to_json(grouping: Grouping, audit: BiasAudit) -> dict[str, Any]:
    features = grouping.features
    found: dict[str, Any] = {
        "by_group": [
            {
                "group": dict(zip(features, group.values, strict=True)),
                "population": name_group(features, group.values),
                **_group_to_json(group, audit),
                "undefined": list(group.undefined),
            }
            for group in grouping.groups
        ],
        "disparities": {name: grouping.disparities[name].value for name in NAMED if name in grouping.disparities},
        "disparity_intervals": {
            name: _limits(estimate) for name, estimate in grouping.disparities.items() if estimate.low is not None
        },
        "disparity_reasons": _reasons(grouping.disparities),
        "spread": {
            name: None
            if spread.lowest is None
            else {
                "min": spread.lowest,
                "max": spread.highest,
                "difference": spread.difference.value,
                "ratio": spread.ratio.value,
            }
            for name, spread in grouping.spread.items()
        },
    }
    if grouping.fairlearn_reading is not None:
        found["disparities_if_undefined_counts_as_zero"] = {
            name: grouping.fairlearn_reading[name] for name in NAMED if name in grouping.fairlearn_reading
        }
    found["impact_ratios"] = _impact_to_json(grouping, audit)
    if grouping.reference is not None:
        found["versus_reference"] = _reference_to_json(grouping)
    if grouping.scoring:
        found["scoring"] = _scoring_to_json(grouping, audit)
    return found


def _impact_to_json(grouping: Grouping, audit: BiasAudit) -> dict[str, Any]:
    features = grouping.features
    groups = {group.values: group for group in grouping.groups}
    base = groups[grouping.highest_groups[0]] if grouping.highest_groups else None
    rows = []
    for ratio in grouping.impact_ratios:
        row: dict[str, Any] = {
            "group": dict(zip(features, ratio.group, strict=True)),
            "selection_rate": ratio.selection_rate,
            "impact_ratio": ratio.estimate.value,
            "below_four_fifths": ratio.is_below_four_fifths,
            "share_of_rows": ratio.share_of_rows,
            "under_two_percent": ratio.is_under_two_percent,
            "interval": _limits(ratio.estimate) if ratio.estimate.low is not None else None,
            "reason": ratio.estimate.reason,
        }
        if not audit.is_weighted:
            row |= _closed_forms(ratio, groups[ratio.group], base)
        rows.append(row)
    return {
        "reference_groups": [dict(zip(features, values, strict=True)) for values in grouping.highest_groups],
        "groups": rows,
    }


def _closed_forms(ratio: ImpactRatio, group: Group, base: Group | None) -> dict[str, Any]:
    """Return the 95 % intervals every result states, whatever level was asked for."""
    counts = Counts(*group.counts)
    found: dict[str, Any] = {
        "wilson95_selection_rate": _wilson95("selection_rate", counts),
        "katz_log95_impact_ratio": None,
        "wilson95_tpr": _wilson95("tpr", counts),
        "wilson95_fpr": _wilson95("fpr", counts),
    }
    if base is not None and base is not group:
        katz = katz_log(*_selected(group.counts), *_selected(base.counts), Z_95)
        found["katz_log95_impact_ratio"] = None if katz is None else [katz.low, katz.high]
    return found


def _selected(counts: Sums) -> tuple[float, float]:
    return counts.tp + counts.fp, math.fsum(counts)


def _wilson95(name: str, counts: Counts) -> list[float] | None:
    whole = SHARES[name].whole(counts)
    return list(wilson(SHARES[name].part(counts), whole, Z_95)[:2]) if whole else None


def _reference_to_json(grouping: Grouping) -> dict[str, Any]:
    features = grouping.features
    return {
        "reference": dict(zip(features, grouping.reference or (), strict=True)),
        "groups": [
            {
                "group": dict(zip(features, values, strict=True)),
                **{name: estimate.value for name, estimate in estimates.items()},
                "intervals": {
                    name: _limits(estimate) for name, estimate in estimates.items() if estimate.low is not None
                },
                "reasons": _reasons(estimates),
            }
            for values, estimates in grouping.versus_reference.items()
        ],
    }


def _scoring_to_json(grouping: Grouping, audit: BiasAudit) -> dict[str, Any]:
    return {
        "median_score": audit.median_score,
        "rule": "share of the group with a score strictly above the median of all used rows",
        "groups": [
            {
                "group": dict(zip(grouping.features, rate.group, strict=True)),
                "scoring_rate": rate.rate,
                "impact_ratio": rate.impact_ratio,
            }
            for rate in grouping.scoring
        ],
    }


def _limits(estimate: Estimate) -> dict[str, Any]:
    return {"low": estimate.low, "high": estimate.high, "method": estimate.method}


def _reasons(estimates: Mapping[str, Estimate]) -> dict[str, str]:
    return {name: found.reason for name, found in estimates.items() if found.reason is not None}
