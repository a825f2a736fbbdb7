"""What a recomputed explanation says of itself: of what, by which method, against what, on which rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audits.portable.attribute import Question, choose_method
from audits.portable.document import PortableModel
from audits.portable.permutations import count_pairs, draw_orders
from audits.portable.rows import ModelRows
from audits.portable.sampling import Sample
from audits.portable.spec import RecomputeSpec
from audits.portable.submitted import Submitted
from audits.portable.tree_shap import Attribution


def name_reference(stands_in: Mapping[str, Any]) -> str:
    """Return in words what the attributions compare with."""
    if stands_in["kind"] == "cover":
        return "the training rows, as the trees remember them"
    count = f"{stands_in['rows']:,}"
    if stands_in["of_rows"] != stands_in["rows"]:
        count += f" of {stands_in['of_rows']:,}"
    return f"{count} rows of {stands_in['table']} (sha256 {stands_in['sha256']})"


def describe_recomputation(
    model: PortableModel,
    question: Question,
    stands_in: dict[str, Any],
    spec: RecomputeSpec,
    differences: dict[str, float],
    rows: ModelRows,
    submitted: Submitted,
) -> dict[str, Any]:
    """Return what was recomputed, and the sentence that says so."""
    count = len(rows.ids)
    compared = (
        f"predictions equal to the submitted ones on {count:,} of {count:,} rows"
        if differences
        else "no submitted predictions to compare with"
    )
    scale = "margin" if question.on_margin else "prediction"
    name = (model.classes or model.outputs)[question.place]
    return {
        "statement": f"recomputed by the portal; {compared}",
        "computed_by": "portal",
        "said_by_submitter": {f"model_{key}": text for key, text in model.made_by.items()},
        "model": {
            "sha256": model.sha256,
            "kind": model.kind,
            "task": model.task,
            "link": model.link,
            "made_by": dict(model.made_by),
        },
        "recomputation": {
            "explained": scale,
            "of": name,
            "features": spec.features,
            "method": choose_method(model, question),
            "absent": stands_in,
            "rows_compared": count if differences else 0,
            "compared_with": None if not differences else "predictions" if submitted.file else "data",
            "compared": {role: {"largest_difference": value} for role, value in differences.items()},
            "tolerance": spec.tolerance,
        },
    }


def note_estimate(result: dict[str, Any], model: PortableModel, question: Question, attribution: Attribution) -> None:
    """Say of SHAP values by orders of the features how many orders there were, and how sure that leaves them."""
    if choose_method(model, question) != "permutations" or question.background is None:
        return
    count = count_pairs(model, question.players, question.background.shape[1])
    orders = len(draw_orders(question.players, question.seed, count))
    found: dict[str, Any] = {"orders": orders, "all_orders": attribution.noise is None, "standard_errors": None}
    result["recomputation"]["estimate"] = found
    if attribution.noise is None:
        return
    errors = dict(zip(question.names, map(float, attribution.noise), strict=True))
    worst = max(errors, key=lambda name: errors[name])
    found |= {"standard_errors": errors, "worst_feature": worst}
    result["statement"] += f"; SHAP values estimated from {orders} orders of the features"
    text = (
        f"The SHAP values are estimates from {orders} orders of {question.players} features, not exact. The standard "
        f"error of one row's value is at most {errors[worst]:.2g} ({worst}, root mean square over the rows). Base and "
        "values add up whatever the orders: that a row adds up says nothing of this error. It is part of the intervals "
        "of importance."
    )
    result["notes"].append({"code": "estimated", "text": text, "population": None})


def describe_sample(
    question: Question, sample: Sample, rows: ModelRows, most: int, spec: RecomputeSpec
) -> dict[str, Any]:
    """Return how the rows were chosen, and how uncertain they leave the worst importance."""
    explained, total = len(sample.rows), len(rows.ids)
    reason = None
    if sample.uncertainty is None:
        reason = "no feature has an importance whose uncertainty could be told"
    elif sample.uncertainty > spec.precision:
        reason = "every row is explained" if explained == total else f"at most {most:,} rows are explained"
    return {
        "rows": total,
        "explained_rows": explained,
        "method": "every row" if explained == total else "systematic along the sorted outputs, seeded",
        "precision": spec.precision,
        "worst_feature": None if sample.worst is None else question.names[sample.worst],
        "relative_uncertainty": sample.uncertainty,
        "reason": reason,
    }
