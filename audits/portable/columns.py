"""What a model document reads and how it prepares it: inputs, and columns made from them.

Every column is made from one input by a few steps of arithmetic, which is enough for pipelines of
scaling, imputing and one-hot encoding, and keeps it possible to say which input a contribution
belongs to.

Inputs travel as one array of shape (inputs, rows) in float64: a number as itself, a category as
its place in the input's list, an unknown category as -1, a missing value as NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.errors import BadInput
from audits.portable.strict_json import (
    LARGEST_NUMBER,
    check_keys,
    check_list,
    check_name,
    check_names,
    check_real,
    check_whole,
    check_word,
    refuse,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAXIMUM_INPUTS = 200
MAXIMUM_COLUMNS = 2_000
MAXIMUM_CATEGORIES = 10_000
MAXIMUM_STEPS = 8
ARITHMETIC = ("add", "subtract", "multiply", "divide")
STEPS = ("fill", "equals", "is_missing", *ARITHMETIC)
UNKNOWN = -1.0
SMALLEST_DIVISOR = 1e-100


@dataclass(frozen=True)
class Input:
    """One column of the table the model is given.

    `categories` are the known values of a category input, None for a number. `allowed` are the
    only values a number may have, None where any is. Other values are an error where
    `refuses_unknown` holds.
    """

    name: str
    categories: tuple[str, ...] | None
    allowed: tuple[float, ...] | None
    refuses_unknown: bool


@dataclass(frozen=True)
class Step:
    """One operation with its operand; None where it has none. A category stands as its place."""

    operation: str
    operand: float | None


@dataclass(frozen=True)
class Column:
    """One column the model sees: steps applied in order to one input."""

    name: str
    input: int
    steps: tuple[Step, ...]


def check_inputs(value: object) -> tuple[Input, ...]:
    """Check the list `inputs`."""
    listed = check_list(value, "inputs", 1, MAXIMUM_INPUTS)
    inputs = tuple(_check_input(entry, f"inputs[{number}]") for number, entry in enumerate(listed))
    names = [found.name for found in inputs]
    if len(set(names)) < len(names):
        refuse("inputs", "a name is given twice")
    return inputs


def _check_input(value: object, place: str) -> Input:
    part = check_keys(value, place, ("name", "kind"), ("categories", "allowed", "unknown"))
    name = check_name(part["name"], f"{place}.name")
    kind = check_word(part["kind"], f"{place}.kind", ("number", "category"))
    unknown = check_word(part.get("unknown", "refused"), f"{place}.unknown", ("refused", "kept"))
    if kind == "category":
        if "categories" not in part or "allowed" in part:
            refuse(place, "a category lists its categories and has no other allowed values")
        categories = check_names(part["categories"], f"{place}.categories", MAXIMUM_CATEGORIES)
        return Input(name, categories, None, unknown == "refused")
    if "categories" in part:
        refuse(place, "a number has no categories")
    allowed = None
    if "allowed" in part:
        values = check_list(part["allowed"], f"{place}.allowed", 1, MAXIMUM_CATEGORIES)
        allowed = tuple(check_real(number, f"{place}.allowed[{i}]") for i, number in enumerate(values))
    return Input(name, None, allowed, allowed is not None and unknown == "refused")


def check_columns(value: object, inputs: tuple[Input, ...]) -> tuple[Column, ...]:
    """Check the list `columns`; where it is None the inputs themselves are the columns."""
    if value is None:
        return tuple(Column(found.name, number, ()) for number, found in enumerate(inputs))
    listed = check_list(value, "columns", 1, MAXIMUM_COLUMNS)
    columns = []
    for number, entry in enumerate(listed):
        place = f"columns[{number}]"
        part = check_keys(entry, place, ("name", "input"), ("steps",))
        source = check_whole(part["input"], f"{place}.input", 0, len(inputs) - 1)
        steps = check_list(part.get("steps", []), f"{place}.steps", 0, MAXIMUM_STEPS)
        checked = tuple(_check_step(step, f"{place}.steps[{i}]", inputs[source]) for i, step in enumerate(steps))
        columns.append(Column(check_name(part["name"], f"{place}.name"), source, checked))
    names = [column.name for column in columns]
    if len(set(names)) < len(names):
        refuse("columns", "a name is given twice")
    return tuple(columns)


def _check_step(value: object, place: str, source: Input) -> Step:
    part = check_keys(value, place, ("do",), ("value",))
    operation = check_word(part["do"], f"{place}.do", STEPS)
    if operation == "is_missing":
        if "value" in part:
            refuse(place, "is_missing has no value")
        return Step(operation, None)
    if "value" not in part:
        refuse(place, "'value' is missing")
    operand = part["value"]
    if isinstance(operand, str) and operation in ("fill", "equals"):
        if source.categories is None or operand not in source.categories:
            refuse(f"{place}.value", f"is not one of the categories of {source.name[:60]!r}")
        return Step(operation, float(source.categories.index(operand)))
    number = check_real(operand, f"{place}.value")
    if operation == "divide" and abs(number) < SMALLEST_DIVISOR:
        refuse(f"{place}.value", "must not be 0")
    return Step(operation, number)


def transform(columns: tuple[Column, ...], inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the columns of the model, shape (columns, rows), from inputs of shape (inputs, rows).

    Raises
    ------
    BadInput
        Where a result leaves the range of numbers that can be computed with.
    """
    import numpy as np

    table = np.empty((len(columns), inputs.shape[1]))
    with np.errstate(over="ignore", invalid="ignore"):
        for number, column in enumerate(columns):
            values = inputs[column.input]
            for step in column.steps:
                values = _apply(step, values)
            table[number] = values
    beyond = np.abs(table) > LARGEST_NUMBER
    if beyond.any():
        number, row = (int(place[0]) for place in np.nonzero(beyond))
        raise BadInput(f"becomes a number beyond {LARGEST_NUMBER:g}", column=columns[number].name, row=row + 1)
    return table


def _apply(step: Step, values: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    if step.operation == "is_missing":
        return np.isnan(values).astype(np.float64)
    operand = 0.0 if step.operand is None else step.operand
    result: Any
    if step.operation == "fill":
        result = np.where(np.isnan(values), operand, values)
    elif step.operation == "equals":
        result = (values == operand).astype(np.float64)
    elif step.operation == "add":
        result = values + operand
    elif step.operation == "subtract":
        result = values - operand
    elif step.operation == "multiply":
        result = values * operand
    else:
        result = values / operand
    found: NDArray[np.float64] = result
    return found
