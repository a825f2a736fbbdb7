"""From a prediction file to cells: the streaming pass and what it checks on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from audits.counting.cells import MISSING_GROUP, NO_LABEL, Cell, Cells, LeftOut, name_negative, sum_cells
from audits.counting.checks import UNMATCHED_REASON, Combination, FileLocator, check_combinations, name_value
from audits.counting.details import ScoreBins, add_details
from audits.counting.identity import check_ids, check_sensitive_ids
from audits.counting.plan import Plan, make_plan
from audits.counting.ranking import find_thresholds
from audits.errors import BadInput
from audits.spec import AuditSpec
from audits.spec_columns import MAXIMUM_CLASSES
from audits.tables.diagnose import raise_unreadable
from audits.tables.engine import THREADS
from audits.tables.frames import LIMITS, Limits, TableFile, open_table

if TYPE_CHECKING:
    import duckdb

MISSING_REASON = "a sensitive value is missing"
MAXIMUM_CONDITIONS = 100
MOST_COMBINATIONS = 2_000_000
ENGINE_MEMORY = "1GB"


class FileReader:
    """How the embedded engine reads the columns of files."""

    sum_function = "fsum"
    divide = "//"

    def __init__(self, file: TableFile) -> None:
        self._file = file

    @property
    def source(self) -> str:
        """Return the rows of the predictions as `p`."""
        return f"{self._file.scan()} AS p"

    def join(self, spec: AuditSpec) -> str:
        """Return the rows of the predictions as `p` with their sensitive values as `s`."""
        if self._file.sensitive is None or spec.sensitive_file is None:
            return self.source
        own = self.text(spec.columns["id"])
        other = self.text(spec.sensitive_file.id, "sensitive_file")
        return f"{self.source} LEFT JOIN {self._file.sensitive.scan()} AS s ON {own} = {other}"

    def raw(self, column: str, source: str = "predictions") -> str:
        """Return the column as the file has it."""
        file, table = self._choose(source)
        return file.name(column, table)

    def text(self, column: str, source: str = "predictions") -> str:
        """Return the column as text, NULL where empty."""
        file, table = self._choose(source)
        return file.text(column, table)

    def number(self, column: str, source: str = "predictions") -> str:
        """Return the column as a double, NULL where it is not a number."""
        file, table = self._choose(source)
        return file.number(column, table)

    def _choose(self, source: str) -> tuple[TableFile, str]:
        """Return the file of a source and its alias in the query."""
        if source == "sensitive_file" and self._file.sensitive is not None:
            return self._file.sensitive, "s"
        return self._file, "p"

    def exact_number(self, column: str) -> str:
        """Return the column as a double: `fsum` keeps what a plain sum loses."""
        return self.number(column)


def reduce_to_cells(
    file: TableFile,
    spec: AuditSpec,
    *,
    limits: Limits = LIMITS,
    threads: int = THREADS,
    memory_limit: str = ENGINE_MEMORY,
) -> Cells:
    """Count the combinations of a prediction file.

    One pass over the file by the column engine, and one more for each of scores, errors and
    clusters where the specification names them; memory does not grow with the number of rows.

    Parameters
    ----------
    file : TableFile
        From `frames.read_predictions`.
    spec : AuditSpec
    limits : Limits
    threads : int
        Threads of the column engine.
    memory_limit : str
        Memory of the column engine.

    Raises
    ------
    BadInput
        Naming the column and the first row at fault.
    """
    return reduce_rows(file, spec, limits=limits, threads=threads, memory_limit=memory_limit).cells


class Reduction(NamedTuple):
    """Cells, and the combinations they were made of."""

    cells: Cells
    plan: Plan
    found: list[Combination]


def reduce_rows(
    file: TableFile,
    spec: AuditSpec,
    *,
    limits: Limits,
    threads: int = THREADS,
    memory_limit: str = ENGINE_MEMORY,
    bins: ScoreBins | None = None,
    is_part: bool = False,
) -> Reduction:
    """Count the combinations of a table or, with `is_part`, of one part of it.

    Of a part nothing is asked that only the whole can lack: the positive label, rows in use, a
    weight above 0. `bins` are the ranges that scores are put into, as `add_details` says.
    """
    import duckdb

    with open_table(file, threads=threads, memory_limit=memory_limit) as engine:
        try:
            return _reduce(engine, file, spec, limits, bins, is_part)
        except duckdb.OutOfMemoryException:
            raise BadInput(
                "the table has too many distinct combinations to be counted; name sensitive "
                "columns that hold groups, not identifiers"
            ) from None
        except duckdb.Error:
            raise_unreadable(file, limits)
        finally:
            file.check_contents()


def _reduce(
    engine: duckdb.DuckDBPyConnection,
    file: TableFile,
    spec: AuditSpec,
    limits: Limits,
    bins: ScoreBins | None,
    is_part: bool,
) -> Reduction:
    reader = FileReader(file)
    locator = FileLocator(file)
    check_sensitive_ids(engine, file, spec)
    source = reader.join(spec)
    prediction = None
    if spec.task == "ranking":
        source, prediction = find_thresholds(engine, spec, reader, source, locator)
    plan = make_plan(spec, reader, source, prediction=prediction)
    most = count_most(spec, limits)
    found = count_combinations(engine, plan, most)
    check_combinations(spec, plan, found, locator, limits, most=most, is_part=is_part)
    check_ids(engine, file, spec, sum(part.rows for part in found))
    cells, converted = convert(spec, plan, found, is_part=is_part)
    cluster = reader.text(spec.columns["cluster"]) if "cluster" in spec.columns else None
    cells = add_details(engine, spec, plan, cells, converted, found, limits, cluster=cluster, bins=bins)
    return Reduction(cells, plan, found)


def count_most(spec: AuditSpec, limits: Limits) -> int:
    """Return how many combinations a table can have whose columns hold what they should."""
    classes = len(spec.labels) if spec.labels else MAXIMUM_CLASSES if spec.task == "multiclass" else 2
    pairs = 1 if spec.task == "regression" else classes * classes
    conditions = MAXIMUM_CONDITIONS if "condition" in spec.columns else 1
    return min(limits.groups * pairs * conditions, MOST_COMBINATIONS)


def count_combinations(engine: duckdb.DuckDBPyConnection, plan: Plan, most: int) -> list[Combination]:
    """Count the distinct combinations of keys into the table `combinations`, and return them."""
    totals = plan.totals()
    sums = ", ".join(f"{aggregate} AS {name}" for name, aggregate in totals.items())
    keys = plan.names()
    engine.execute(
        "CREATE TEMP TABLE combinations AS SELECT (row_number() OVER ()) - 1 AS number, * "  # noqa: S608
        f"FROM (SELECT {keys}, {sums} FROM ({plan.rows()}) GROUP BY {keys} LIMIT {most + 1})"
    )
    query = f"SELECT number, {plan.texts()}, {', '.join(totals)} FROM combinations ORDER BY number"  # noqa: S608
    return [read_combination(row, plan, totals) for row in engine.execute(query).fetchall()]


def read_combination(row: Sequence[Any], plan: Plan, names: Sequence[str] | dict[str, str]) -> Combination:
    """Return one row of the counting query: number, keys, totals."""
    width = 1 + len(plan.keys)
    return Combination(int(row[0]), tuple(row[1:width]), dict(zip(names, row[width:], strict=True)))


def convert(
    spec: AuditSpec, plan: Plan, found: Sequence[Combination], *, is_part: bool = False
) -> tuple[Cells, dict[int, tuple[tuple[str, ...], int, int]]]:
    """Turn counted texts into cells, under the declared policy for missing values.

    Returns
    -------
    (cells, number of a combination in use -> (group, label, prediction))
    """
    features = plan.places("feature")
    matched = plan.places("matched")
    unmatched = [part for part in found if matched and not part.keys[matched[0]]]
    joined = [part for part in found if not (matched and not part.keys[matched[0]])]
    missing = [part for part in joined if any(part.keys[place] is None for place in features)]
    _check_missing(spec, features, joined, missing)
    used = joined
    if spec.missing == "exclude":
        used = [part for part in joined if all(part.keys[place] is not None for place in features)]
    classes = find_classes(spec, plan, used)
    converted = {part.number: _convert_keys(spec, plan, part, classes) for part in used}
    rows = sum_cells(_make_cell(part, *converted[part.number]) for part in used)
    if not is_part:
        check_something_is_left(spec, rows)
    rows_missing = sum(part.rows for part in missing)
    reasons = {
        MISSING_REASON: rows_missing if spec.missing == "exclude" else 0,
        UNMATCHED_REASON: sum(part.rows for part in unmatched),
    }
    cells = Cells(
        sensitive_features=spec.sensitive,
        positive_label=spec.positive_label,
        rows=rows,
        weighted="weight" in spec.columns,
        rows_read=sum(part.rows for part in found),
        rows_missing=rows_missing,
        left_out=tuple(LeftOut(reason, number) for reason, number in reasons.items() if number),
        task=spec.task,
        classes=classes,
        condition=spec.columns.get("condition"),
    )
    return cells, converted


def check_something_is_left(spec: AuditSpec, rows: Sequence[Cell]) -> None:
    """Check that there are rows in use, and weights above 0."""
    if not rows:
        raise BadInput("every row lacks a sensitive value; nothing is left to audit")
    if "weight" in spec.columns and not sum(cell.weight for cell in rows):
        raise BadInput("all weights are zero", column=spec.columns["weight"])


def _check_missing(
    spec: AuditSpec, features: Sequence[int], joined: Sequence[Combination], missing: Sequence[Combination]
) -> None:
    """Check that there is a policy for missing values, and that no value passes for a missing one."""
    if missing and spec.missing is None:
        rows = sum(part.rows for part in missing)
        place = next(place for place in features if missing[0].keys[place] is None)
        raise BadInput(
            f"{rows:,} rows lack a sensitive value; say in the specification whether to "
            'leave them out ("missing": "exclude") or to make them a group '
            '("missing": "own_group")',
            column=spec.sensitive[features.index(place)],
        )
    if missing and spec.missing == "own_group":
        for number, place in enumerate(features):
            if any(part.keys[place] == MISSING_GROUP for part in joined):
                raise_ambiguous(spec.sensitive[number])


def raise_ambiguous(column: str) -> NoReturn:
    """Raise BadInput about a value that could pass for a missing one."""
    raise BadInput(f"has both empty cells and cells that say {MISSING_GROUP!r}; rename one", column=column)


def find_classes(spec: AuditSpec, plan: Plan, used: Sequence[Combination]) -> tuple[str, ...]:
    """Return the classes that label and prediction index."""
    if spec.task == "multiclass" and spec.labels:
        return spec.labels
    places = [place for role in ("label", "prediction") for place in plan.places(role)]
    found = sorted({str(part.keys[place]) for part in used for place in places if plan.keys[place].bins is None})
    if spec.task == "multiclass":
        return tuple(found)
    if spec.positive_label:
        others = [label for label in (spec.labels or found) if label != spec.positive_label]
        return (others[0] if others else name_negative(spec.positive_label)), spec.positive_label
    return ("not selected", "selected") if spec.task == "ranking" else ()


def _convert_keys(
    spec: AuditSpec, plan: Plan, part: Combination, classes: tuple[str, ...]
) -> tuple[tuple[str, ...], int, int]:
    """Return (group, label, prediction) of a combination."""
    group = [name_value(spec, number, part.keys[place]) for number, place in enumerate(plan.places("feature"))]
    group += [str(part.keys[place]) for place in plan.places("condition")]
    numbers = []
    for role in ("label", "prediction"):
        values = [(part.keys[place], plan.keys[place].bins is not None) for place in plan.places(role)]
        if not values:
            numbers.append(NO_LABEL)
            continue
        value, is_number = values[0]
        numbers.append(int(value) if is_number else classes.index(str(value)))
    return tuple(group), numbers[0], numbers[1]


def _make_cell(part: Combination, group: tuple[str, ...], label: int, prediction: int) -> Cell:
    weight = float(part.totals.get("weight", part.rows))
    return Cell(group, label, prediction, part.rows, weight, float(part.totals.get("squared", part.rows)))
