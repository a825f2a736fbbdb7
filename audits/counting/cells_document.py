"""Read a cells document that somebody else counted: nothing in it is taken on trust that can be checked.

Whoever counts elsewhere could claim more precision than the rows have: weights whose squares do not
go with them, a combination listed twice, more rows than were read. Each is an error that says where.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audits.counting.cells import FORMAT, FORMER_FORMAT, NO_LABEL, Cell, Cells, LeftOut
from audits.counting.score_documents import read_scores
from audits.errors import BadInput
from audits.spec_columns import TASKS

if TYPE_CHECKING:
    from audits.counting.error_moments import ErrorMoments
    from audits.counting.scores import ScoreCounts

LARGEST_COUNT = 2**53 - 1
"""The largest whole number that every reader of JSON holds exactly."""
MAXIMUM_TEXT = 1_024
ROUNDING = 1e-9
"""How far sums of weights may be off, as a share: they were added in some order, and written in decimals."""
SLACK = 1e-6
"""How far moments of errors may be off, as a share: they were moved to a common mean."""
WEIGHTS = ("count", "weight", "weight_squared")
BOUNDED = (
    ("e1", "weight", "e2"),
    ("a1", "weight", "e2"),
    ("e2", "weight", "e4"),
    ("u2", "weight", "u4"),
    ("eu2", "e4", "u4"),
)
"""Moments of errors whose square is at most the product of two others (Cauchy-Schwarz)."""


def read_document(document: object) -> Cells:
    """Read a cells document of the present or the former format.

    Raises
    ------
    BadInput
        Naming the key, the cell or the sum that is wrong.
    """
    if not isinstance(document, Mapping) or document.get("format") not in (FORMAT, FORMER_FORMAT):
        raise BadInput(f'not a cells document: it must be a JSON object whose "format" is "{FORMAT}"')
    try:
        cells = _read_keys(document)
        _check_totals(cells)
    except KeyError as error:
        raise BadInput(f"the cells document is damaged: the key {error} is missing") from None
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise BadInput(f"the cells document is damaged: {error}") from None
    return cells


def _read_keys(document: Mapping[str, Any]) -> Cells:
    """Return the cells; what is not as written raises ValueError, KeyError or TypeError."""
    task = document.get("task", "binary")
    if task not in TASKS:
        raise ValueError(f"unknown task {task!r:.60}")
    features = _read_texts(document["sensitive_features"], "sensitive_features")
    classes = _read_texts(document.get("classes", []), "classes")
    condition = document.get("condition")
    if condition is not None:
        _read_text(condition, "condition")
    positive_label = _read_text(document["positive_label"], "positive_label")
    if classes and positive_label and (len(classes) != 2 or classes[1] != positive_label):
        raise ValueError("classes must be the negative and the positive label")
    width = len(features) + (condition is not None)
    highest = 1 if positive_label else len(classes) - 1
    lowest = 0 if task in ("binary", "multiclass") else NO_LABEL
    errors, scores = document.get("errors"), document.get("scores")
    is_weighted = document["weighted"]
    if not isinstance(is_weighted, bool):
        raise ValueError("weighted must be true or false")
    return Cells(
        sensitive_features=features,
        positive_label=positive_label,
        rows=_read_cells(document["cells"], width, lowest, max(highest, lowest), is_weighted=is_weighted),
        weighted=is_weighted,
        rows_read=_read_count(document["rows_read"], "rows_read", 0),
        rows_missing=_read_count(document["rows_missing"], "rows_missing", 0),
        left_out=_read_left_out(document["left_out"]),
        task=task,
        classes=classes,
        errors=_read_errors(errors) if errors is not None else None,
        condition=condition,
        scores=read_scores(scores, width) if scores is not None else None,
    )


def _read_errors(document: Any) -> ErrorMoments:
    from audits.counting.error_moments import ErrorMoments

    return ErrorMoments.from_json(document)


def _read_text(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) > MAXIMUM_TEXT:
        raise ValueError(f"{name} must be a text of at most {MAXIMUM_TEXT:,} characters, not {value!r:.60}")
    if any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{name} holds a character that is no text: {value!a:.60}")
    return value


def _read_texts(value: Any, name: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{name} must be a list of texts, not {value!r:.60}")
    texts = tuple(_read_text(text, f"{name}[{number}]") for number, text in enumerate(value))
    if len(set(texts)) < len(texts):
        raise ValueError(f"a text is listed twice in {name}")
    return texts


def _read_count(value: Any, name: str, lowest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= LARGEST_COUNT:
        raise ValueError(f"{name}: a count must be a whole number from {lowest} to {LARGEST_COUNT:,}")
    return value


def _read_left_out(value: Any) -> tuple[LeftOut, ...]:
    if not isinstance(value, list) or not all(isinstance(part, Mapping) for part in value):
        raise ValueError('left_out must be a list of objects with "reason" and "rows"')
    found = []
    for number, part in enumerate(value):
        place = f"left_out[{number}]"
        if set(part) != {"reason", "rows"}:
            raise ValueError(f'{place} must be an object with "reason" and "rows"')
        found.append(LeftOut(_read_text(part["reason"], f"{place}.reason"), _read_count(part["rows"], place, 1)))
    return tuple(found)


def _read_cells(value: Any, width: int, lowest: int, highest: int, *, is_weighted: bool) -> tuple[Cell, ...]:
    """Return the cells, sorted; each combination once."""
    if not isinstance(value, list):
        raise ValueError("cells must be a list")
    found: dict[tuple[tuple[str, ...], int, int], Cell] = {}
    for number, row in enumerate(value):
        cell = _read_cell(row, f"cells[{number}]", width, lowest, highest)
        check_weights(f"cells[{number}]", cell.count, cell.weight, cell.weight_squared, is_weighted=is_weighted)
        key = (cell.group, cell.label, cell.prediction)
        if key in found:
            raise ValueError(f"cells[{number}] is the same combination as one before it; add their counts up")
        found[key] = cell
    return tuple(found[key] for key in sorted(found))


def _read_cell(row: Any, place: str, width: int, lowest: int, highest: int) -> Cell:
    if not isinstance(row, list) or len(row) != 6:
        raise ValueError(f"{place} must list group, label, prediction, count, weight and weight_squared")
    group, label, prediction, count, weight, weight_squared = row
    if not isinstance(group, list) or len(group) != width:
        raise ValueError(f"{place}: a group must list {width} values, not {group!r:.60}")
    for number in (label, prediction):
        if isinstance(number, bool) or not isinstance(number, int) or not lowest <= number <= highest:
            raise ValueError(f"{place}: label and prediction must be {lowest} to {highest}")
    for number in (weight, weight_squared):
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < math.inf:
            raise ValueError(f"{place}: weights must be finite and not negative")
    values = tuple(_read_text(text, f"{place}: a value of the group") for text in group)
    return Cell(values, label, prediction, _read_count(count, place, 1), float(weight), float(weight_squared))


def check_weights(place: str, count: int, weight: float, squared: float, *, is_weighted: bool) -> None:
    """Check that so many rows can have this sum of weights and of their squares; ValueError says why not.

    Weights that are not negative have weight^2 / count <= squares <= weight^2. Smaller squares would
    claim more rows than there are, and intervals would be too narrow.
    """
    if not is_weighted:
        if not weight == squared == count:
            raise ValueError(f"{place}: without weights, weight and weight_squared must equal the count of {count:,}")
        return
    if (weight == 0) != (squared == 0):
        raise ValueError(f"{place}: weight and weight_squared must both be 0, or neither")
    if not (1 - ROUNDING) * weight * (weight / count) <= squared <= (1 + ROUNDING) * weight * weight:
        raise ValueError(
            f"{place}: no {count:,} rows have weights that add up to {weight:g} and whose squares add up to {squared:g}"
        )


def _check_totals(cells: Cells) -> None:
    """Check that every part of the document speaks of the same rows; ValueError says which does not."""
    used, left_out = cells.rows_used, sum(part.rows for part in cells.left_out)
    if used + left_out > LARGEST_COUNT:
        raise ValueError(f"more than {LARGEST_COUNT:,} rows are counted")
    if cells.rows_read != used + left_out:
        raise ValueError(
            f"rows_read is {cells.rows_read:,}, but {used:,} rows are in the cells and {left_out:,} left out"
        )
    if cells.rows_missing > cells.rows_read:
        raise ValueError("rows_missing is above rows_read")
    if not used:
        raise ValueError("no row is in the cells; nothing is left to audit")
    if cells.weighted and not any(cell.weight for cell in cells.rows):
        raise ValueError("all weights are zero")
    if cells.scores is not None:
        _check_scores(cells, cells.scores)
    if cells.errors is not None:
        _check_errors(cells, cells.errors)


def _check_errors(cells: Cells, errors: ErrorMoments) -> None:
    """Check that the moments are of the rows in the cells, and that some errors can have them."""
    columns = {name: column.tolist() for name, column in errors.columns.items()}
    found = dict(zip(errors.groups, zip(*(columns[name] for name in WEIGHTS), strict=True), strict=True))
    wanted = _add_up((cell.group, cell) for cell in cells.rows)
    if set(found) != set(wanted) or not all(_agree(found[key], wanted[key]) for key in wanted):
        raise ValueError("the errors are not those of the rows in the cells")
    for number, group in enumerate(errors.groups):
        sums = {name: column[number] for name, column in columns.items()}
        for name, other, square in BOUNDED:
            if sums[name] ** 2 > (1 + SLACK) * sums[other] * sums[square]:
                raise ValueError(f"no errors have the sums {name} and {square} of the group {group!r:.60}")


def _check_scores(cells: Cells, scores: ScoreCounts) -> None:
    """Check that the scores are those of the rows in the cells."""
    for number, row in enumerate(zip(scores.count, scores.weight, scores.weight_squared, strict=True)):
        count, weight, squared = row
        where = f"scores, row {number}"
        check_weights(where, int(count), float(weight), float(squared), is_weighted=cells.weighted)
    found: dict[tuple[Any, ...], list[float]] = {}
    columns = (scores.group, scores.label, scores.count, scores.weight, scores.weight_squared)
    for group, label, *sums in zip(*(column.tolist() for column in columns), strict=True):
        entry = found.setdefault((scores.groups[group], label), [0, 0.0, 0.0])
        for column, value in enumerate(sums):
            entry[column] += value
    wanted = _add_up(((cell.group, cell.label), cell) for cell in cells.rows)
    if set(found) != set(wanted) or not all(_agree(found[key], wanted[key]) for key in wanted):
        raise ValueError("the scores are not those of the rows in the cells")


def _add_up(keyed: Any) -> dict[Any, list[float]]:
    """Return key -> [count, weight, weight_squared] of the cells of each key."""
    sums: dict[Any, list[float]] = {}
    for key, cell in keyed:
        entry = sums.setdefault(key, [0, 0.0, 0.0])
        entry[0] += cell.count
        entry[1] += cell.weight
        entry[2] += cell.weight_squared
    return sums


def _agree(found: Sequence[float], wanted: Sequence[float]) -> bool:
    """Tell whether count, weight and squares are the same: counts exactly, sums within rounding."""
    return found[0] == wanted[0] and all(
        math.isclose(one, other, rel_tol=ROUNDING) for one, other in zip(found[1:], wanted[1:], strict=True)
    )
