"""A model under conditions: its predictions, condition by condition, in one table that a bias audit reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from countersign.errors import CountersignError
from countersign.stress.catalogue import BASELINE, Condition
from countersign.stress.disturbing import count_rows, disturb_image, disturb_rows, take_rows
from countersign.stress.prediction_rows import NAMES, FileSink, MemorySink, PredictionRows, Sink
from countersign.stress.randomness import Integers

Predict = Callable[[Any], Any]
Progress = Callable[[int, int, str], None]
"""Called with (rows predicted, rows in all, name of the condition)."""
MISSING = ("NAType", "NaTType")  # of pandas, which need not be there
EVERYBODY = "everybody"


@dataclass(frozen=True)
class Plan:
    """What is run: data with its rows' ids, labels and groups as texts, and the conditions they are brought into."""

    predict: Predict
    score: Predict | None
    data: Any
    conditions: tuple[Condition, ...]
    told: Mapping[str, Sequence[str]]
    """row_id, y_true and the sensitive features of every row."""
    seed: int
    batch_size: int

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns of the prediction file."""
        predicted = ("y_pred", "y_score") if self.score is not None else ("y_pred",)
        sensitive = (name for name in self.told if name not in NAMES)
        return ("row_id", "condition", "y_true", *predicted, *sensitive)


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
    out: str | os.PathLike[str] | None = None,
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
        Name -> one group for each row; by them the audit tells for whom a condition costs most. Where there are none,
        everybody is one group, because an audit needs one.
    score : callable, optional
        Takes a batch and returns one score for each row.
    seed : int
        The same seed gives the same disturbed data on every platform.
    skip_failures : bool
        Go on where ``predict`` raises under a condition, and tell it in ``failures``; without, raise.
    out : path, optional
        Write the rows to this CSV file as they come and keep none of them: then memory holds the data, one disturbed
        copy of a table or one batch of images, and nothing that grows with the number of conditions.

    Raises
    ------
    CountersignError
        ``bad_condition``, ``bad_image``; ``predict_failed`` naming the condition; ``bad_predictions`` for an answer of
        the wrong length, or one that is missing or not finite.
    """
    clash = sorted(set(NAMES) & set(sensitive or ()))
    if clash:
        raise CountersignError("bad_table", None, f"A sensitive feature may not be called “{clash[0]}”.")
    told = {"row_id": ids, "y_true": y_true, **(sensitive or {EVERYBODY: ["all"] * count_rows(data)})}
    _check(data, told, conditions, batch_size)
    texts = {name: [write_value(value) for value in values] for name, values in told.items()}
    plan = Plan(predict, score, data, tuple(conditions), texts, seed, batch_size)
    if out is None:
        kept = MemorySink(plan.names)
        counts, failures = _run(plan, kept, skip_failures, progress)
        return PredictionRows(plan.names, plan.conditions, counts, failures, seed, kept=kept.columns)
    with FileSink(Path(out), plan.names) as sink:
        counts, failures = _run(plan, sink, skip_failures, progress)
    return PredictionRows(plan.names, plan.conditions, counts, failures, seed, path=Path(out))


def _run(
    plan: Plan, sink: Sink, skip_failures: bool, progress: Progress | None
) -> tuple[dict[str, int], dict[str, str]]:
    """Predict condition by condition; return the rows of each, and why there are none under some."""
    counts: dict[str, int] = {}
    failures: dict[str, str] = {}
    done, total = 0, count_rows(plan.data) * (len(plan.conditions) + 1)
    for condition in (None, *plan.conditions):
        name = BASELINE if condition is None else condition.name
        sink.mark()
        try:
            for batch in _predict_under(plan, condition):
                sink.write(batch)
                counts[name] = counts.get(name, 0) + len(batch["row_id"])
                done += len(batch["row_id"])
                if progress is not None:
                    progress(done, max(done, total), name)
        except CountersignError as error:
            if error.code != "predict_failed" or condition is None or not skip_failures:
                raise
            sink.go_back()
            counts.pop(name, None)
            failures[name] = error.detail
    return counts, failures


def _check(data: Any, told: Mapping[str, Sequence[Any]], conditions: Sequence[Condition], batch_size: int) -> None:
    count = count_rows(data)
    if not count:
        raise CountersignError("bad_table", None, "There are no rows.")
    if batch_size < 1:
        raise CountersignError("bad_table", None, "batch_size must be at least 1.")
    for name, values in told.items():
        if len(values) != count:
            called = "ids" if name == "row_id" else name
            raise CountersignError("bad_table", None, f"“{called}” has {len(values):,} values for {count:,} rows.")
    if len({str(value) for value in told["row_id"]}) < count:
        raise CountersignError("bad_table", None, "An id is given twice; it has to tell the rows apart.")
    names = [BASELINE, *(condition.name for condition in conditions)]
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
    places = index.tolist()
    columns = {column: [values[place] for place in places] for column, values in plan.told.items()}
    columns["condition"] = [name] * len(places)
    columns["y_pred"] = _ask(plan.predict, batch, len(places), name)
    if plan.score is not None:
        columns["y_score"] = _ask(plan.score, batch, len(places), name)
    return columns


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
