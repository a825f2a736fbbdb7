"""Explanations as JSON and as flat measures."""

from __future__ import annotations

from typing import Any

from audits.bias.measures import Measure
from audits.bias.record import versions
from audits.bias.results import Estimate
from audits.explanations.results import Explanation, Importance, LocalExplanation, Miss
from audits.explanations.spec import ExplanationSpec
from audits.populations import OVERALL, name_group
from audits.tables.frames import TableFile

FORMAT = "countersign/explanation/2"
LIBRARIES = ("numpy", "duckdb")
ALL_EQUAL = "every explained row has the same values, so nothing shows that they come from a model"


def measures(result: Explanation) -> list[Measure]:
    """Return what criteria can be set on: additivity, and each feature's importance."""
    share = result.additive_rows / result.rows
    error = _relative_error(result)
    doubt = ALL_EQUAL if result.is_one_row_over_and_over else None
    found = [
        Measure("additive_share", OVERALL, share, share, share, result.rows, doubt),
        Measure("additivity_error", OVERALL, error, error, error, result.rows, doubt),
    ]
    reason = None if result.is_additive else "the attributions are not additive"
    for importance in result.importance:
        population = name_group(["feature"], [importance.feature])
        for name, estimate in (
            ("importance", importance.mean_abs),
            ("importance_share", importance.share),
        ):
            found.append(
                Measure(
                    metric=name,
                    population=population,
                    value=estimate.value,
                    low=estimate.low,
                    high=estimate.high,
                    n=result.rows,
                    reason=reason or estimate.reason,
                )
            )
    return found


def _relative_error(result: Explanation) -> float:
    """Return the worst row's error relative to its scale; a row of zeros has the scale 1."""
    worst = result.worst
    return worst.error / worst.allowed * result.tolerance if worst.allowed else worst.error


def to_json(
    result: Explanation, spec: ExplanationSpec, file: TableFile, predictions: TableFile | None
) -> dict[str, Any]:
    """Return an explanation as a JSON-ready document without NaN."""
    return {
        "format": FORMAT,
        "statement": _state(result, spec),
        "said_by_submitter": dict(spec.said),
        "features": list(result.features),
        "rows": result.rows,
        "additive_rows": result.additive_rows,
        "is_additive": result.is_additive,
        "tolerance": result.tolerance,
        "worst_row": _miss_to_json(result.worst),
        "first_misses": [_miss_to_json(miss) for miss in result.first_misses],
        "importance": [_importance_to_json(found) for found in result.importance],
        "importance_by_group": [
            {
                "population": name_group([group.feature], [group.value]),
                "feature": group.feature,
                "value": group.value,
                "n": group.n,
                "below_minimum_size": group.is_small,
                "mean_abs": dict(group.mean_abs),
            }
            for group in result.by_group
        ],
        "sample": dict(result.sample),
        "local": [_local_to_json(found) for found in result.local],
        "notes": [note._asdict() for note in result.notes],
        "measures": [measure.to_json() for measure in measures(result)],
        "passport": {
            "seed": spec.seed,
            "versions": versions(LIBRARIES),
            "input": {"sha256": file.sha256, "bytes": file.size, "kind": file.kind},
            "predictions": None if predictions is None else {"sha256": predictions.sha256},
            "rows_read": result.rows,
            "minimum_group_size": spec.minimum_group_size,
            "intervals": {"level": spec.level},
        },
    }


def _state(result: Explanation, spec: ExplanationSpec) -> str:
    verified = f"computed by submitter, additivity verified on {result.additive_rows:,} of {result.rows:,} rows"
    if spec.prediction_output is None:
        return verified
    return f"{verified}, output equal to the submitted prediction on {result.rows:,} of {result.rows:,} rows"


def _miss_to_json(miss: Miss) -> dict[str, Any]:
    return {"id": miss.id, "row": miss.row, "error": miss.error, "allowed": miss.allowed}


def _importance_to_json(found: Importance) -> dict[str, Any]:
    return {
        "feature": found.feature,
        "mean_abs": found.mean_abs.value,
        "interval": _limits(found.mean_abs),
        "share": found.share.value,
        "share_interval": _limits(found.share),
        "mean": found.mean,
        "correlation": found.correlation,
    }


def _limits(estimate: Estimate) -> dict[str, Any] | None:
    if estimate.low is None:
        return None
    return {"low": estimate.low, "high": estimate.high, "method": estimate.method}


def _local_to_json(found: LocalExplanation) -> dict[str, Any]:
    return {
        "role": found.role,
        "id": found.id,
        "base": found.base,
        "output": found.output,
        "contributions": [
            {"feature": feature, "shap": shap, "value": value} for feature, shap, value in found.contributions
        ],
        "rest": found.rest,
        "rest_count": found.rest_count,
    }
