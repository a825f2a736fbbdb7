"""How evaluations are read for a dossier: what was measured, by which choices, and what of it settles anything."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from governance.dossier_items import EvaluationInputItem, EvaluationItem, Measure
from governance.evaluation_settings import (
    LARGEST_WHOLE,
    find_gap,
    find_small_explanation,
    read_left_out,
    read_settings,
)
from governance.measure_shares import count_shares
from governance.models import Evaluation, EvaluationKind, ModelVersion, WorkStatus

LEVEL = 0.95
"""The confidence level at which criteria are judged."""
ADDITIVITY = frozenset({"additive_share", "additivity_error"})


def read_evaluations(version: ModelVersion) -> tuple[EvaluationItem, ...]:
    """The newest evaluation of each kind and role counts, whatever became of it: an unwelcome result is not outlived
    by the welcome one before it, and a request that has not finished is not yet a result."""
    rows = (
        version.evaluations.select_related("dataset_version__dataset", "evidence", "requested_by")
        .prefetch_related("inputs__evidence")
        .order_by("kind", "dataset_role", "-pk")
    )
    newest: dict[tuple[str, str], Evaluation] = {}
    for row in rows:
        newest.setdefault((row.kind, row.dataset_role), row)
    return tuple(_evaluation_item(row) for row in newest.values())


def _evaluation_item(row: Evaluation) -> EvaluationItem:
    result = read_result(row)
    return EvaluationItem(
        row.pk,
        row.kind,
        row.status,
        row.dataset_role,
        str(row.dataset_version),
        row.dataset_version.digest,
        row.evidence_id,
        row.evidence.digest,
        row.result_digest,
        row.failure,
        row.requested_by.get_full_name(),
        tuple(read_inputs(row)),
        tuple(read_measures(row)),
        settings=read_settings(row.spec, result),
        left_out=read_left_out(result),
        gap=read_gap(row, result),
        dataset_rows=row.dataset_version.row_count,
        minimum_group_size=result.get("passport", {}).get("minimum_group_size"),
    )


def read_result(evaluation: Evaluation) -> dict[str, Any]:
    """The laboratory's result document; empty while there is none."""
    found: dict[str, Any] = json.loads(evaluation.result) if evaluation.status == WorkStatus.SUCCEEDED else {}
    return found


def read_inputs(evaluation: Evaluation) -> list[EvaluationInputItem]:
    """Further evidence that was read: what was named for it, and the metric sets a reproduction was compared with."""
    named = [EvaluationInputItem(item.role, item.evidence_id, item.evidence.digest) for item in evaluation.inputs.all()]
    if evaluation.kind != EvaluationKind.REPRODUCTION or evaluation.status != WorkStatus.SUCCEEDED:
        return named
    compared = read_result(evaluation)["read"]
    return named + [EvaluationInputItem("metrics", item["evidence"], item["digest"]) for item in compared]


def read_gap(evaluation: Evaluation, result: dict[str, Any]) -> str:
    """Why the numbers of a finished evaluation do not speak of its dataset version; nothing where they do."""
    if not result:
        return ""
    used = evaluation.dataset_version
    return find_gap(evaluation.kind, result, used.row_count, str(used))


def read_measures(evaluation: Evaluation) -> list[Measure]:
    """What was measured. A number that speaks of other rows than the dataset version's is shown and settles nothing."""
    result = read_result(evaluation)
    if not result:
        return []
    level = (result.get("passport", {}).get("intervals") or {}).get("level", LEVEL)
    gap = read_gap(evaluation, result)
    shares = count_shares(result) if evaluation.kind == EvaluationKind.BIAS_AUDIT else {}
    found = []
    for item in result["measures"]:
        part, whole = shares.get((item["metric"], item["population"]), (None, None))
        measure = _at_full_level(_read_measure(item, part, whole), level)
        why = gap or _find_doubt(measure, evaluation)
        found.append(replace(measure, reason=measure.reason or why) if why else measure)
    return found


def _read_measure(item: dict[str, Any], part: int | None, whole: int | None) -> Measure:
    """A measure in numbers that a dossier can hold: whatever a result says, its version must stay readable."""
    if 0 <= item["n"] <= LARGEST_WHOLE:
        numbers = {name: None if item[name] is None else float(item[name]) for name in ("value", "low", "high")}
        return Measure(**(item | numbers), part=part, whole=whole)
    why = "more rows than can be recorded are counted"
    return Measure(item["metric"], item["population"], None, None, None, LARGEST_WHOLE, why)


def _find_doubt(measure: Measure, evaluation: Evaluation) -> str:
    """Why a measure of its kind settles nothing here."""
    if measure.metric in ADDITIVITY:
        return find_small_explanation(evaluation.kind, measure.n, evaluation.dataset_version.row_count)
    return ""


def _at_full_level(measure: Measure, level: float) -> Measure:
    """Whoever asks for an evaluation chooses its confidence level. A lower one makes intervals narrow, and narrow ones
    would meet criteria: such a measure is shown and settles nothing."""
    if level >= LEVEL or measure.low == measure.high:
        return measure
    why = f"its interval holds with {level:.0%} only; {LEVEL:.0%} are needed"
    return replace(measure, reason=measure.reason or why)
