"""Facts about explanations: how they were made, what they say of all decisions and of single ones, how they held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from governance.facts.reading import Measured, Reading
from governance.frameworks.recorded import Recorded, Strength
from governance.models import EvaluationKind

MOST_REASONS = "4"
"""The laboratory gives no more reasons than these for one decision."""


def read(reading: Reading) -> Iterator[Recorded]:
    for one in reading.measured(EvaluationKind.EXPLANATION)[:1]:
        yield from _read_method(reading, one)
        importance = {
            item["feature"]: {"mean_absolute_value": item["mean_abs"], "share": item["share"]}
            for item in one.result["importance"]
        }
        yield reading.of_evaluation("explanation.global", importance, one)
        if one.result["local"]:
            told = {item["role"]: f"{len(item['contributions'])} features" for item in one.result["local"]}
            yield reading.of_evaluation("explanation.local", {"decisions_taken_apart": len(told), **told}, one)
        yield reading.of_evaluation("explanation.checks", _tell_checks(one), one)
        if one.result.get("reasons"):
            yield reading.of_evaluation("explanation.reason_codes", _tell_reasons(one), one)


def _read_method(reading: Reading, one: Measured) -> Iterator[Recorded]:
    """How it was computed: by the portal itself, or by whoever submitted the values and says so."""
    made, said = one.result.get("recomputation"), one.result["said_by_submitter"]
    if made:
        told = {
            "method": made["method"],
            "background": _say_background(made["absent"]),
            "output_space": f"{made['explained']} of {made['of']}",
        }
        strength = Strength.MACHINE
    else:
        told = {
            "method": said.get("explainer", ""),
            "background": said.get("background", ""),
            "output_space": said.get("output", ""),
        }
        strength = Strength.STATEMENT
    if told["method"]:
        known = {name: text for name, text in told.items() if text}
        known["seed"] = str(one.result["passport"]["seed"])
        yield reading.of_evaluation("explanation.method", known, one, strength=strength)


def _say_background(absent: dict[str, Any]) -> str:
    if absent["kind"] == "cover":
        return "the training rows, as the trees remember them"
    return f"{absent['rows']:,} rows of {absent['table']}"


def _tell_checks(one: Measured) -> dict[str, str]:
    result = one.result
    adding = f"{result['additive_rows']:,} of {result['rows']:,}"
    told = {"additivity": f"{adding} rows add up, tolerance {result['tolerance']:g}"}
    stability = result.get("stability")
    if stability and stability["value"] is not None:
        told["stability"] = f"rank correlation {stability['value']:.3f} over resampled rows"
    held = _say_faithfulness(one)
    return told | ({"faithfulness": held} if held else {})


def _say_faithfulness(one: Measured) -> str:
    """What ties the explanation to the model: its predictions again, or the outputs that were submitted with it."""
    made = one.result.get("recomputation")
    if made and made["rows_compared"]:
        return f"recomputed from the model; its predictions equal the submitted ones on {made['rows_compared']:,} rows"
    if not made and one.row.spec.get("prediction_output"):
        return f"outputs equal the submitted predictions on {one.result['rows']:,} rows"
    permuted = one.result.get("permutation")
    if permuted and permuted["value"] is not None:
        return f"rank correlation {permuted['value']:.3f} with permutation importance"
    return ""


def _tell_reasons(one: Measured) -> dict[str, str]:
    reasons = one.result["reasons"]
    told = {
        "max_reasons": MOST_REASONS,
        "ranking_rule": f"by the size of the contribution towards the adverse side, against {reasons['reference']}",
    }
    statements = one.row.spec.get("statements", {})
    if statements:
        told["feature_map"] = "; ".join(f"{feature}: {text}" for feature, text in sorted(statements.items()))
    return told
