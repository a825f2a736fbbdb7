"""Bringing rows and images into a condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countersign.errors import CountersignError
from countersign.stress.catalogue import Condition
from countersign.stress.levels import read_image, write_image
from countersign.stress.randomness import Integers, Stream

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Disturbed:
    """Rows under a condition: ``data`` of the type that was given, and which of the given rows they are."""

    data: Any
    index: Integers


def disturb_image(image: Any, condition: Condition, *, seed: int = 0, number: int = 0) -> NDArray[Any]:
    """Return an image under a condition.

    Parameters
    ----------
    image : array
        uint8, uint16, or floating point from 0 to 1; height x width, or height x width x channels.
    condition : Condition
        One of kind “image”.
    seed, number : int
        The seed, and the number of the image in its collection: each image gets randomness of its own, the same at
        every severity, so that severities differ in nothing else.

    Raises
    ------
    CountersignError
        ``bad_image``, or ``bad_condition`` for a condition of rows.
    """
    known = condition.definition
    if known.kind != "image":
        raise CountersignError("bad_condition", None, f"{condition.name} is a condition of rows, not of images.")
    stream = Stream(seed, known.name) if known.is_fixed else Stream(seed, known.name, number)
    return write_image(known.apply(read_image(image), condition.level, stream, condition.options), image)


def disturb_rows(data: Any, condition: Condition, *, seed: int = 0) -> Disturbed:
    """Return a table under a condition.

    Parameters
    ----------
    data : pandas.DataFrame, or mapping of column name to array
        The columns that the model reads. Numbers are disturbed as floating point; text, categories and truth values as
        texts.
    condition : Condition
        One that is not of kind “image”. Its option ``columns`` names the columns it is about; without it, all that
        suit.

    Raises
    ------
    CountersignError
        ``bad_condition`` where no column suits, or a named one is not there.
    """
    columns, known = read_columns(data), condition.definition
    count = len(next(iter(columns.values()))) if columns else 0
    everything = np.arange(count)
    if known.kind == "image":
        raise CountersignError("bad_condition", None, f"{condition.name} is a condition of images, not of rows.")
    if known.kind == "rows":
        index = known.apply(count, condition.level, Stream(seed, known.name), condition.options)
        if not len(index):
            raise CountersignError("bad_condition", None, f"{condition.name}: there is no such row.")
        return Disturbed(take_rows(data, index), index)
    changed = {}
    for name in choose_columns(columns, condition, seed):
        stream = Stream(seed, known.name, name)
        changed[name] = known.apply(columns[name], condition.level, stream, condition.options)
    return Disturbed(_replace(data, changed), everything)


def choose_columns(columns: Columns, condition: Condition, seed: int) -> Sequence[str]:
    """Return the names of the columns that a condition changes."""
    kind = condition.definition.kind
    named = condition.options.get("columns")
    missing = [name for name in named or () if name not in columns]
    if missing:
        raise CountersignError("bad_condition", None, f"{condition.name}: there is no column “{missing[0]}”.")
    suit = [
        name
        for name in (named or columns)
        if kind == "cells" or (columns[name].dtype.kind == "f") == (kind == "numbers")
    ]
    if not suit or (named and len(suit) < len(named)):
        what = {"numbers": "numbers", "texts": "text"}.get(kind, "anything")
        raise CountersignError("bad_condition", None, f"{condition.name} needs columns that hold {what}.")
    if condition.disturbance == "missing_columns":
        return [suit[place] for place in Stream(seed, condition.disturbance).permutation(len(suit))][
            : int(condition.level)
        ]
    return suit


def read_columns(data: Any) -> Columns:
    """Return a table's columns as arrays: float64 for numbers, objects for everything else."""
    names = list(data.columns) if hasattr(data, "columns") else list(data)
    columns = {str(name): _read_column(data[name]) for name in names}
    if len({len(column) for column in columns.values()}) > 1:
        raise CountersignError("bad_table", None, "The columns have different numbers of rows.")
    return columns


def _read_column(values: Any) -> NDArray[Any]:
    array = np.asarray(values)
    return array.astype(np.float64) if array.dtype.kind in "iuf" else array.astype(object)


def _replace(data: Any, changed: Mapping[str, NDArray[Any]]) -> Any:
    if not hasattr(data, "columns"):
        return {name: changed.get(str(name), values) for name, values in data.items()}
    copy = data.copy()
    for name in data.columns:
        values = changed.get(str(name))
        if values is not None:  # of a category column the type is kept, with the categories that are there now
            copy[name] = _as_category(values) if str(data[name].dtype) == "category" else values
    return copy


def _as_category(values: NDArray[Any]) -> Any:
    import pandas as pd

    return pd.Categorical(values)


def take_rows(data: Any, index: Integers | slice) -> Any:
    """Return some rows of a table, a sequence of images, or an array."""
    if hasattr(data, "iloc"):
        return data.iloc[index]
    if isinstance(data, Mapping):
        return {name: np.asarray(values)[index] for name, values in data.items()}
    if isinstance(data, np.ndarray) or isinstance(index, slice):
        return data[index]
    return [data[place] for place in index]


def count_rows(data: Any) -> int:
    """Return how many rows or images there are."""
    if isinstance(data, Mapping):
        return len(next(iter(data.values()))) if data else 0
    return len(data)
