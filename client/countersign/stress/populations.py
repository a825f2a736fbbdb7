"""Other rows than those at hand: another site, another season, another mixture, another order.

Each function gets the number of rows and says which of them, in which order and how often, are predicted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from countersign.errors import CountersignError
from countersign.stress.catalogue import Condition, register
from countersign.stress.randomness import Integers, Stream


def _column(options: Any, name: str) -> Any:
    column = options.get("column")
    if column is None:
        raise CountersignError("bad_condition", None, f"{name} needs the option “column”: the values by row.")
    return np.asarray(column)


@register(
    "other_rows", "rows", "Another site or season", "none",
    (0,), options=("column", "value"),
)  # fmt: skip
def keep_only(count: int, level: float, stream: Stream, options: Any) -> Integers:
    """Only the rows whose ``column`` (one value for each row) has this ``value`` are predicted."""
    column = _column(options, "other_rows")
    return np.flatnonzero(column == options.get("value")).astype(np.int64)


def at(column: Any, value: Any, name: str = "") -> Condition:
    """Return the condition of only those rows whose column has a value, such as another site or season.

    Parameters
    ----------
    column : sequence
        One value for each row; the column need not be a feature.
    value : object
        The value that is kept.
    name : str
        How the condition is called; the value, where left out.
    """
    return Condition("other_rows", 1, {"column": column, "value": value}, label=name or str(value))


@register(
    "other_mixture", "rows", "Another mixture of groups", "way from the present shares to the reverse ones",
    (0.1, 0.25, 0.5, 0.75, 1), options=("column",),
)  # fmt: skip
def reweigh(count: int, level: float, stream: Stream, options: Any) -> Integers:
    """As many rows are drawn with replacement, so that the shares of the values of ``column`` move towards their
    reverse: the rarest becomes the most frequent."""
    values, place, sizes = np.unique(_column(options, "other_mixture"), return_inverse=True, return_counts=True)
    reverse = np.empty(len(values))
    order = np.argsort(sizes, kind="stable")
    reverse[order] = np.sort(sizes)[::-1]
    wanted = (1 - level) * sizes + level * reverse
    weights = (wanted / sizes)[place.reshape(-1)]
    ends = np.cumsum(weights)
    places = np.searchsorted(ends, stream.uniform(count) * ends[-1], side="right")
    return np.asarray(np.minimum(places, count - 1), dtype=np.int64)


@register(
    "permuted_rows", "rows", "Another order (a check: nothing should change)", "none",
    (0,),
)  # fmt: skip
def permute(count: int, level: float, stream: Stream, options: Any) -> Integers:
    """The same rows in another order. A model that looks at one row at a time predicts exactly the same."""
    return stream.permutation(count)


@register(
    "duplicated_rows", "rows", "Rows entered twice (a check: shares hardly change)", "share that comes twice",
    (0.1, 0.25, 0.5, 0.75, 1),
)  # fmt: skip
def duplicate(count: int, level: float, stream: Stream, options: Any) -> Integers:
    """Some rows follow a second time. At severity 5 all do, and no rate of any group changes."""
    return np.append(np.arange(count), stream.choose_share(level, count)).astype(np.int64)
