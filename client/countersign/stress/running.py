"""A model under conditions: its predictions, condition by condition, in one table that a bias audit reads."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from countersign.errors import CountersignError
from countersign.stress.catalogue import BASELINE, Condition
from countersign.stress.disturbing import count_rows, disturb_image, disturb_rows, take_rows
from countersign.stress.randomness import Integers

Predict = Callable[[Any], Any]
Progress = Callable[[int, int, str], None]
"""Called with (rows predicted, rows in all, name of the condition)."""
MISSING = ("NAType", "NaTType")  # of pandas, which need not be there
NAMES = ("row_id", "condition", "y_true", "y_pred", "y_score")


@dataclass(frozen=True)
class Plan:
    """What is run: data with its rows' ids, labels and groups, and the conditions they are brought into."""

    predict: Predict
    data: Any
    conditions: Sequence[Condition]
    ids: Sequence[Any]
    y_true: Sequence[Any]
    sensitive: Mapping[str, Sequence[Any]]
    score: Predict | None
    seed: int
    batch_size: int
    skip_failures: bool


@dataclass(frozen=True)
class PredictionRows:
    """Predictions under every condition. ``failures`` says under which the model could not predict, and why."""

    columns: dict[str, list[str]]
    conditions: tuple[Condition, ...]
    failures: dict[str, str]
    seed: int

    def __len__(self) -> int:
        return len(self.columns["row_id"])

    def write_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write the prediction file: one row for each row and condition. An empty cell is a missing value."""
        target = Path(path)
        with target.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.columns)
            writer.writerows(zip(*self.columns.values(), strict=True))
        return target


@dataclass
class _Collected:
    columns: dict[str, list[str]]
    failures: dict[str, str] = field(default_factory=dict)


def run_conditions(
    predict: Predict,
    data: Any,
    conditions: Sequence[Condition],
    *,
    ids: Sequence[Any],
    y_true: Sequence[Any],
    sensitive: Mapping[str, Sequence[Any]] | None = None,
    score: Predict | None = None,
    seed: int = 0,
    batch_size: int = 1_024,
    skip_failures: bool = False,
    progress: Progress | None = None,
) -> PredictionRows:
    """Run a model over its data undisturbed and under every condition.

    Parameters
    ----------
    predict : callable
        Takes a batch of the data (for images a list of arrays, for tables what was given, with fewer rows) and returns
        one label (for a regression one number) for each row.
    data : pandas.DataFrame, mapping of columns, or sequence of images
        Images may be a numpy array, a memory map, or any sequence that is read by slices; only a batch of them is held.
    conditions : sequence of Condition
        See ``parse_conditions`` and ``countersign stress --list``.
    ids, y_true : sequence
        The row's id (the person's, the part's: what stays the same under every condition) and its true label.
    sensitive : mapping, optional
        Name -> one group for each row; by them the audit tells for whom a condition costs most.
    score : callable, optional
        Takes a batch and returns one score for each row.
    seed : int
        The same seed gives the same disturbed data on every platform.
    skip_failures : bool
        Go on where ``predict`` raises under a condition, and tell it in ``failures``; without, raise.

    Raises
    ------
    CountersignError
        ``bad_condition``, ``bad_image``; ``predict_failed`` naming the condition; ``bad_predictions`` for an answer of
        the wrong length, or one that is missing or not finite.
    """
    plan = Plan(predict, data, tuple(conditions), ids, y_true, sensitive or {}, score, seed, batch_size, skip_failures)
    _check(plan)
    names = [name for name in NAMES if name != "y_score" or score is not None]
    found = _Collected({name: [] for name in (*names, *plan.sensitive)})
    done, total = 0, count_rows(data) * (len(plan.conditions) + 1)
    for condition in (None, *plan.conditions):
        name = BASELINE if condition is None else condition.name
        before = {column: len(values) for column, values in found.columns.items()}
        try:
            for batch in _predict_under(plan, condition):
                for column, values in batch.items():
                    found.columns[column] += values
                done += len(batch["row_id"])
                if progress is not None:
                    progress(done, max(done, total), name)
        except CountersignError as error:
            if error.code != "predict_failed" or condition is None or not skip_failures:
                raise
            for column, length in before.items():
                del found.columns[column][length:]
            found.failures[name] = error.detail
    return PredictionRows(found.columns, tuple(plan.conditions), found.failures, seed)


def _check(plan: Plan) -> None:
    count = count_rows(plan.data)
    if not count:
        raise CountersignError("bad_table", None, "There are no rows.")
    if plan.batch_size < 1:
        raise CountersignError("bad_table", None, "batch_size must be at least 1.")
    for name, values in (("ids", plan.ids), ("y_true", plan.y_true), *plan.sensitive.items()):
        if len(values) != count:
            raise CountersignError("bad_table", None, f"“{name}” has {len(values):,} values for {count:,} rows.")
    if len({str(value) for value in plan.ids}) < count:
        raise CountersignError("bad_table", None, "An id is given twice; it has to tell the rows apart.")
    clash = sorted(set(plan.sensitive) & set(NAMES))
    if clash:
        raise CountersignError("bad_table", None, f"A sensitive feature may not be called “{clash[0]}”.")
    names = [BASELINE, *(condition.name for condition in plan.conditions)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CountersignError("bad_condition", None, f"The condition “{twice[0]}” is given twice.")


def _predict_under(plan: Plan, condition: Condition | None) -> Iterator[dict[str, list[str]]]:
    """Yield the table's columns batch by batch."""
    if isinstance(plan.data, Mapping) or hasattr(plan.data, "iloc"):
        whole = disturb_rows(plan.data, condition, seed=plan.seed) if condition is not None else None
        data = plan.data if whole is None else whole.data
        index: Integers = np.arange(count_rows(data)) if whole is None else whole.index
        for start in range(0, len(index), plan.batch_size):
            part = slice(start, start + plan.batch_size)
            yield _read_batch(plan, take_rows(data, part), index[part], condition)
        return
    for start in range(0, count_rows(plan.data), plan.batch_size):
        images = plan.data[start : start + plan.batch_size]
        if condition is not None:
            images = [
                disturb_image(image, condition, seed=plan.seed, number=start + place)
                for place, image in enumerate(images)
            ]
        yield _read_batch(plan, list(images), np.arange(start, start + len(images)), condition)


def _read_batch(plan: Plan, batch: Any, index: Integers, condition: Condition | None) -> dict[str, list[str]]:
    name = BASELINE if condition is None else condition.name
    columns = {
        "row_id": _take(plan.ids, index),
        "condition": [name] * len(index),
        "y_true": _take(plan.y_true, index),
        "y_pred": _ask(plan.predict, batch, len(index), name),
    }
    if plan.score is not None:
        columns["y_score"] = _ask(plan.score, batch, len(index), name)
    return columns | {feature: _take(values, index) for feature, values in plan.sensitive.items()}


def _take(values: Sequence[Any], index: Integers) -> list[str]:
    places = values.iloc if hasattr(values, "iloc") else values
    return [write_value(places[int(place)]) for place in index]


def _ask(function: Predict, batch: Any, count: int, condition: str) -> list[str]:
    try:
        answer = np.asarray(function(batch))
    except Exception as error:
        what = f"{type(error).__name__}: {error}"[:500]
        raise CountersignError("predict_failed", None, f"The model fails under “{condition}”. {what}") from error
    if answer.shape not in {(count,), (count, 1)}:
        shape = " x ".join(map(str, answer.shape)) or "one number"
        raise CountersignError(
            "bad_predictions", None, f"Under “{condition}” the model answers {shape} for {count:,} rows; one for each."
        )
    found = [write_value(value) for value in answer.reshape(count)]
    if "" in found:
        raise CountersignError(
            "bad_predictions", None, f"Under “{condition}” the model answers nothing, or no finite number, for a row."
        )
    return found


def write_value(value: Any) -> str:
    """Return a label, score, id or group as the prediction file writes it; a missing one is empty.

    A whole number is written without a point, so that 1.0 and 1 are one label; every float so that it reads back equal.
    """
    plain = value.item() if isinstance(value, np.generic) else value
    if plain is None or type(plain).__name__ in MISSING:
        return ""
    if isinstance(plain, float):
        if not np.isfinite(plain):
            return ""
        return str(int(plain)) if plain.is_integer() and abs(plain) < 2**53 else repr(plain)
    return str(plain)
