"""What happens to cells that people fill in: typing errors, values nobody has seen, gaps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countersign.stress.catalogue import register
from countersign.stress.randomness import Stream

Column = NDArray[Any]
ROWS_OF_KEYS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
UNSEEN = "not seen before"


def _list_neighbours() -> dict[str, str]:
    """Key -> the keys beside it on a QWERTY keyboard, each row half a key to the right of the one above."""
    found: dict[str, str] = {}
    for line, keys in enumerate(ROWS_OF_KEYS):
        for place, key in enumerate(keys):
            near = [(line, place - 1), (line, place + 1), (line - 1, place), (line - 1, place + 1)]
            near += [(line + 1, place - 1), (line + 1, place)]
            found[key] = "".join(
                ROWS_OF_KEYS[row][column]
                for row, column in near
                if 0 <= row < len(ROWS_OF_KEYS) and 0 <= column < len(ROWS_OF_KEYS[row])
            )
    return found


NEIGHBOURS = _list_neighbours()


def _hit_neighbour(text: str, stream: Stream) -> str:
    places = [place for place, sign in enumerate(text) if sign.lower() in NEIGHBOURS]
    if not places:
        return _double(text, stream)
    place = places[stream.integer(len(places))]
    keys = NEIGHBOURS[text[place].lower()]
    key = keys[stream.integer(len(keys))]
    return text[:place] + (key.upper() if text[place].isupper() else key) + text[place + 1 :]


def _transpose(text: str, stream: Stream) -> str:
    places = [place for place in range(len(text) - 1) if text[place] != text[place + 1]]
    if not places:
        return _double(text, stream)
    place = places[stream.integer(len(places))]
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def _leave_out(text: str, stream: Stream) -> str:
    if len(text) < 2:
        return _double(text, stream)
    place = stream.integer(len(text))
    return text[:place] + text[place + 1 :]


def _double(text: str, stream: Stream) -> str:
    place = stream.integer(len(text))
    return text[:place] + text[place] + text[place:]


def _change_case(text: str, stream: Stream) -> str:
    changed = text.swapcase() if stream.integer(2) else text.upper()
    return changed if changed != text else _pad(text, stream)


def _pad(text: str, stream: Stream) -> str:
    return (f" {text}", f"{text} ", f" {text} ")[stream.integer(3)]


TYPING: tuple[Callable[[str, Stream], str], ...] = (
    _hit_neighbour,
    _transpose,
    _leave_out,
    _double,
    _change_case,
    _pad,
)


@register(
    "typing_noise", "texts", "Typing errors", "share of the cells",
    (0.02, 0.05, 0.1, 0.2, 0.4), options=("columns",),
    source="kinds after Damerau, CACM 1964, and Belinkov and Bisk, ICLR 2018; shares of our own",
)  # fmt: skip
def type_badly(values: Column, share: float, stream: Stream, options: Any) -> Column:
    """Some cells get one error each: a neighbouring key, two letters swapped, one left out or doubled, other case, or
    a space before or after."""
    changed = values.copy()
    for place in stream.choose_share(share, len(values)):
        text = values[place]
        if isinstance(text, str) and text:
            changed[place] = TYPING[stream.integer(len(TYPING))](text, stream)
    return changed


@register(
    "unseen_category", "texts", "A category nobody has seen", "share of the cells",
    (0.01, 0.05, 0.1, 0.2, 0.4), options=("columns", "value"),
)  # fmt: skip
def meet_unseen(values: Column, share: float, stream: Stream, options: Any) -> Column:
    """Some cells hold “not seen before”, or the option ``value``."""
    changed = values.copy()
    changed[stream.choose_share(share, len(values))] = options.get("value", UNSEEN)
    return changed


def _erase(values: Column, places: Any) -> Column:
    changed = values.copy()
    changed[places] = np.nan if changed.dtype.kind == "f" else None
    return changed


@register(
    "missing_cells", "cells", "Cells left empty", "share of the cells",
    (0.02, 0.05, 0.1, 0.2, 0.4), options=("columns",), source="missing completely at random: Rubin, Biometrika 1976",
)  # fmt: skip
def leave_empty(values: Column, share: float, stream: Stream, options: Any) -> Column:
    """Some cells are missing: NaN in a column of numbers, None in one of texts."""
    return _erase(values, stream.choose_share(share, len(values)))


@register(
    "missing_columns", "cells", "Whole columns missing", "number of columns",
    (1, 2, 3, 4, 5), options=("columns",),
)  # fmt: skip
def lose_columns(values: Column, count: float, stream: Stream, options: Any) -> Column:
    """All cells of some columns are missing; the columns of a severity are among those of the next."""
    return _erase(values, slice(None))
