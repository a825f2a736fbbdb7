"""What is checked on counted combinations, before they become cells.

Every check looks at the distinct combinations, not at the rows; the slow search for the first row
at fault runs only for a table that has one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from audits.counting.plan import BAD_NUMBER, Plan
from audits.errors import BadInput
from audits.spec import MISSING_GROUP, AuditSpec, name_bins
from audits.spec_columns import MAXIMUM_CLASSES
from audits.tables.diagnose import iterate_rows, raise_at_first, raise_long_cell, read_number
from audits.tables.frames import TableFile
from audits.tables.limits import LARGEST_NUMBER, LARGEST_VALUE, Limits, check_row_count

SMALLEST_WEIGHT = 1 / LARGEST_NUMBER
VALUES = (-LARGEST_VALUE, LARGEST_VALUE)
UNMATCHED_REASON = "no row with sensitive values has the id"


@dataclass(frozen=True, slots=True)
class Combination:
    """One distinct combination of keys, as an engine counted it.

    `number` is its place in the engine's own table, `keys` are texts (whole numbers for bins),
    None where empty; `totals` as in `Plan.totals`.
    """

    number: int
    keys: tuple[Any, ...]
    totals: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """Return the rows of the combination."""
        return int(self.totals["rows"])


class Locator(Protocol):
    """Finds the row at fault, where the rows can be looked at."""

    def raise_first(self, column: str, is_bad: Callable[[str | None], bool], message: str, source: str) -> NoReturn:
        """Raise BadInput at the first cell for which `is_bad` holds."""

    def raise_first_long(self, columns: Sequence[str], limits: Limits) -> NoReturn:
        """Raise BadInput at the first cell that is too long."""

    def raise_first_unmatched(self, spec: AuditSpec, message: str) -> NoReturn:
        """Raise BadInput at the first row without sensitive values."""


class FileLocator:
    """Finds rows of files."""

    def __init__(self, file: TableFile) -> None:
        self._file = file

    def raise_first(
        self, column: str, is_bad: Callable[[str | None], bool], message: str, source: str = "predictions"
    ) -> NoReturn:
        """Raise BadInput with row and line of the first cell for which `is_bad` holds."""
        if source == "sensitive_file" and self._file.sensitive is not None:
            raise_at_first(self._file.sensitive, column, is_bad, f"in the file with sensitive values: {message}")
        raise_at_first(self._file, column, is_bad, message)

    def raise_first_long(self, columns: Sequence[str], limits: Limits) -> NoReturn:
        """Raise BadInput with row and line of the first cell that is too long."""
        for row in iterate_rows(self._file, tuple(columns)):
            for name, text in zip(columns, row.cells, strict=True):
                if text is not None and len(text) > limits.cell_characters:
                    raise_long_cell(self._file, name, row, limits)
        raise BadInput(f"a cell has more than {limits.cell_characters:,} characters")

    def raise_first_unmatched(self, spec: AuditSpec, message: str) -> NoReturn:
        """Raise BadInput with row and line of the first row without sensitive values."""
        known: set[str | None] = set()
        if self._file.sensitive is not None and spec.sensitive_file is not None:
            known = {row.cells[0] for row in iterate_rows(self._file.sensitive, (spec.sensitive_file.id,))}
        raise_at_first(self._file, spec.columns["id"], lambda text: text not in known, f"{message}; first:")


def check_combinations(
    spec: AuditSpec,
    plan: Plan,
    found: Sequence[Combination],
    locator: Locator,
    limits: Limits,
    *,
    most: int,
    is_part: bool = False,
) -> None:
    """Check what was counted; BadInput names the column and, where it can, the row.

    Parameters
    ----------
    spec, plan : AuditSpec, Plan
    found : sequence of Combination
    locator : Locator
    limits : Limits
    most : int
        Combinations that were asked for; one more shows that there are too many.
    is_part : bool
        Whether more rows are counted elsewhere: what only the whole table can lack is not asked.
    """
    rows = sum(part.rows for part in found)
    check_row_count(max(rows, 1) if is_part else rows, limits)
    texts = [key for part in found for key in part.keys if isinstance(key, str)]
    if max(map(len, texts), default=0) > limits.cell_characters:
        locator.raise_first_long(spec.used_columns, limits)
    for role, column in (("label", "y_true"), ("prediction", "y_pred")):
        if column in spec.columns:
            _check_full(plan, found, role, locator, "the label is empty; give every row a label or leave the row out")
    _check_full(plan, found, "condition", locator, "the condition is empty; name one in every row")
    _check_bins(spec, plan, found, locator)
    check_labels(spec, plan, found, locator, is_part=is_part)
    _check_groups(spec, plan, found, limits, is_cut=len(found) > most)
    _check_matched(spec, plan, found, locator)
    _check_numbers(spec, plan, found, locator)


def _check_full(plan: Plan, found: Sequence[Combination], role: str, locator: Locator, message: str) -> None:
    for place in plan.places(role):
        if any(part.keys[place] is None for part in found):
            locator.raise_first(plan.keys[place].column, lambda text: text is None, message, "predictions")


def _check_bins(spec: AuditSpec, plan: Plan, found: Sequence[Combination], locator: Locator) -> None:
    for place in plan.places("feature"):
        key = plan.keys[place]
        if key.bins is not None and any(part.keys[place] == BAD_NUMBER for part in found):
            locator.raise_first(
                key.column,
                lambda text: text is not None and read_number(text) is None,
                "a column with bins must hold numbers; found",
                spec.features[place].source,
            )


def check_labels(
    spec: AuditSpec, plan: Plan, found: Sequence[Combination], locator: Locator, *, is_part: bool = False
) -> None:
    """Check the values of the label columns against what the specification says."""
    places = [place for place in (*plan.places("label"), *plan.places("prediction")) if not _is_number(plan, place)]
    if not places:
        return
    values = {part.keys[place] for part in found for place in places}
    if not is_part:
        _check_overlap(plan, found, places)
    shown = ", ".join(repr(value[:40]) for value in sorted(values)[:10])
    names = ", ".join(plan.keys[place].column for place in places)
    if spec.labels is not None:
        _check_declared(plan, found, places, spec.labels, locator)
    if spec.task == "multiclass":
        if len(values) > MAXIMUM_CLASSES:
            raise BadInput(f"more than {MAXIMUM_CLASSES} classes: {shown}...", column=names)
        return
    if len(values) > 2:
        raise BadInput(f"a {spec.task} audit needs two labels, the file has {len(values):,}: {shown}", column=names)
    is_absent = spec.positive_label not in values and spec.labels is None
    # Another part may hold the positive label, but not as a third one.
    if is_absent and (not is_part or len(values) == 2):
        raise BadInput(
            f"the positive label {spec.positive_label!r} never occurs; found {shown}. Write it as "
            "it stands in the file, or list both labels under labels",
            column=names,
        )


def _check_overlap(plan: Plan, found: Sequence[Combination], places: Sequence[int]) -> None:
    """Check that labels and predictions are written alike: 1 and 1.0 would never agree."""
    if len(places) < 2:
        return
    truths, guesses = ({part.keys[place] for part in found} for place in places)
    names = ", ".join(plan.keys[place].column for place in places)
    for truth in sorted(truths - guesses):
        for guess in sorted(guesses - truths):
            if _read_label(truth) == _read_label(guess):
                raise BadInput(
                    f"the labels {truth[:40]!r} and {guess[:40]!r} are one written in two ways; write them alike",
                    column=names,
                )
    if not truths & guesses and min(len(truths), len(guesses)) > 1:
        raise BadInput("no true label occurs among the predictions, nor the other way round", column=names)


def _read_label(text: str) -> float | str:
    """Return a label as the number it writes, else as its word."""
    number = read_number(text)
    return text.strip().casefold() if number is None else number


def _check_declared(
    plan: Plan, found: Sequence[Combination], places: Sequence[int], labels: tuple[str, ...], locator: Locator
) -> None:
    """Check that every label is one of those declared."""
    listed = ", ".join(map(repr, labels[:10]))
    for place in places:
        if not {part.keys[place] for part in found} <= set(labels):
            locator.raise_first(
                plan.keys[place].column,
                lambda text: text not in labels,
                f"the label is not one of {listed}:",
                "predictions",
            )


def _is_number(plan: Plan, place: int) -> bool:
    """Tell whether a key is a flag we made, not a value of the table."""
    return plan.keys[place].bins is not None


def _check_groups(spec: AuditSpec, plan: Plan, found: Sequence[Combination], limits: Limits, *, is_cut: bool) -> None:
    """Check that the groups are groups, not identifiers."""
    places = plan.places("feature")
    if is_cut or len({tuple(part.keys[place] for place in places) for part in found}) > limits.groups:
        widest = max(places, key=lambda place: len({part.keys[place] for part in found}))
        conditions = plan.places("condition")
        if conditions and len({part.keys[conditions[0]] for part in found}) > len(
            {part.keys[widest] for part in found}
        ):
            raise BadInput("too many conditions to compare", column=plan.keys[conditions[0]].column)
        raise BadInput(
            f"more than {limits.groups:,} groups; name columns that hold groups, not identifiers or measurements",
            column=spec.sensitive[places.index(widest)],
        )


def _check_matched(spec: AuditSpec, plan: Plan, found: Sequence[Combination], locator: Locator) -> None:
    """Check that every row has sensitive values, unless such rows are left out."""
    for place in plan.places("matched"):
        rows = sum(part.rows for part in found if not part.keys[place])
        if rows and spec.sensitive_file is not None and spec.sensitive_file.unmatched is None:
            hint = 'leave such rows out with "unmatched": "exclude" in sensitive_file'
            message = f"{rows:,} rows have an id that the file with sensitive values lacks ({hint})"
            locator.raise_first_unmatched(spec, message)


def _check_numbers(spec: AuditSpec, plan: Plan, found: Sequence[Combination], locator: Locator) -> None:
    """Check weights, scores and the values of a regression."""
    if "w" in plan.numbers and any(_is_bad_sum(part.totals) for part in found):
        locator.raise_first(
            spec.columns["weight"],
            _is_bad_weight,
            f"a weight must be 0 or a number from {SMALLEST_WEIGHT:g} to {LARGEST_NUMBER:g}; found",
            "predictions",
        )
    low, high = spec.score_range or VALUES
    limit = "" if spec.score_range is None else f" from {low:g} to {high:g}"
    for name, role, title, lowest, highest in (
        ("s", "y_score", f"a score must be a finite number{limit}", max(low, VALUES[0]), min(high, VALUES[1])),
        ("t", "y_true", "a true value must be a finite number", *VALUES),
        ("p", "y_pred", "a predicted value must be a finite number", *VALUES),
    ):
        if name in plan.numbers and any(_is_out(part.totals, name, lowest, highest) for part in found):
            is_large = not any(_is_out(part.totals, name, -LARGEST_NUMBER, LARGEST_NUMBER) for part in found)
            bound = f" of at most {LARGEST_VALUE:g}" if is_large and not limit else ""
            _raise_first_number(locator, spec.columns[role], lowest, highest, f"{title}{bound}; found")


def _raise_first_number(locator: Locator, column: str, lowest: float, highest: float, message: str) -> NoReturn:
    locator.raise_first(
        column,
        lambda text: (number := read_number(text)) is None or not lowest <= number <= highest,
        message,
        "predictions",
    )


def _is_out(totals: Mapping[str, Any], name: str, lowest: float, highest: float) -> bool:
    """Tell whether a number is absent or out of bounds in some row (NaN compares as neither)."""
    if totals[f"{name}_known"] < totals["rows"]:
        return True
    return not (lowest <= float(totals[f"{name}_low"]) and float(totals[f"{name}_high"]) <= highest)


def _is_bad_sum(totals: Mapping[str, Any]) -> bool:
    least = totals["w_least"]
    is_small = least is not None and float(least) < SMALLEST_WEIGHT
    return is_small or _is_out(totals, "w", 0.0, LARGEST_NUMBER)


def _is_bad_weight(text: str | None) -> bool:
    number = read_number(text)
    return number is None or math.isnan(number) or (number != 0 and number < SMALLEST_WEIGHT)


def name_value(spec: AuditSpec, place: int, value: Any) -> str:
    """Return the name of a sensitive value: its bin, itself, or the group of missing values."""
    if value is None:
        return MISSING_GROUP
    bins = spec.features[place].bins
    return str(value) if bins is None else name_bins(bins)[int(value)]
