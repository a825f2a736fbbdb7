"""Two tables: accuracy against a source joined by key, and rows that leaked from training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from audits.errors import BadInput
from audits.intervals import wilson
from audits.populations import OVERALL
from audits.quality.keys import count_passes, in_pass
from audits.quality.results import Quantity, about_column, count_share, undefined
from audits.quality.spec import ComparedColumn, QualitySpec, SourceSpec
from audits.quality.staging import Staged

CLUSTERED = "Wilson, rows as clusters: the rows found in the source taken as a sample of the file"
SAMPLED = "Wilson: the rows found in the source taken as a sample of the file"


@dataclass(frozen=True)
class ComparedCells:
    """Cells of a column in rows found in the source; a cell missing on one side only differs."""

    column: str
    compared: int
    agreeing: int


@dataclass(frozen=True)
class SourceComparison:
    """Rows of the file found in the source, and how their cells agree.

    `squares` are the sums over rows of agreeing², agreeing x compared and compared².
    """

    rows: int
    matched: int
    source_rows: int
    columns: tuple[ComparedCells, ...]
    squares: tuple[float, float, float]


def compare_with_source(table: Staged, other: Staged, source: SourceSpec) -> SourceComparison:
    """Join the file with its source by key and compare the cells of the listed columns.

    Raises
    ------
    BadInput
        Where the source has a key twice: which of the rows is true cannot be known.
    """
    own, theirs = (_digest_of_key(staged, source.key) for staged in (table, other))
    _check_source_keys(other, source.key)
    passes = count_passes(max(table.rows, other.rows))
    totals: list[float] = [0.0] * (4 + 2 * len(source.columns))
    for number in range(passes):
        left = _write_side(table, source.columns, "l", own, in_pass(own, number, passes))
        right = _write_side(other, source.columns, "r", theirs, in_pass(theirs, number, passes))
        row = table.engine.execute(_write_comparison(source.columns, left, right)).fetchall()[0]
        totals = [total + float(value or 0) for total, value in zip(totals, row, strict=True)]
    matched, *squares = totals[:4]
    cells = tuple(
        ComparedCells(part.column, int(totals[4 + 2 * place]), int(totals[5 + 2 * place]))
        for place, part in enumerate(source.columns)
    )
    return SourceComparison(table.rows, int(matched), other.rows, cells, (squares[0], squares[1], squares[2]))


def _digest_of_key(table: Staged, key: tuple[str, ...]) -> str:
    """Return the digest of a complete key, NULL where a part is missing."""
    known = " AND ".join(f"{table.text(name)} IS NOT NULL" for name in key)
    return f"CASE WHEN {known} THEN {table.digest(key)} END"


def _check_source_keys(other: Staged, key: tuple[str, ...]) -> None:
    digest = _digest_of_key(other, key)
    passes = count_passes(other.rows)
    for number in range(passes):
        twice = other.engine.execute(
            f"SELECT count(*) FROM (SELECT {digest} AS h FROM {other.relation} "  # noqa: S608
            f"WHERE {in_pass(digest, number, passes)} GROUP BY h HAVING h IS NOT NULL AND count(*) > 1)"
        ).fetchall()[0][0]
        if twice:
            raise BadInput(
                f"the source has {twice:,} keys on more than one row, so its values cannot be taken as true",
                column=", ".join(key)[:200],
            )


def _write_side(table: Staged, columns: Sequence[ComparedColumn], side: str, digest: str, condition: str) -> str:
    """Return the query of one side of the comparison: key digest, and each cell as text and number."""
    parts = []
    for place, part in enumerate(columns):
        name = part.column if side == "l" else part.source
        parts.append(f"{table.text(name)} AS {side}t{place}, {table.number(name)} AS {side}n{place}")
    return f"SELECT {digest} AS h, {', '.join(parts)} FROM {table.relation} WHERE {condition}"  # noqa: S608


def _write_comparison(columns: Sequence[ComparedColumn], left: str, right: str) -> str:
    """Return the query: matched rows, three sums of squares, then compared and agreeing per column."""
    compared = [f"(lt{place} IS NOT NULL OR rt{place} IS NOT NULL)" for place in range(len(columns))]
    agreeing = []
    for place, part in enumerate(columns):
        near = f"abs(ln{place} - rn{place}) <= {part.tolerance!r}::DOUBLE"
        agreeing.append(f"coalesce(lt{place} = rt{place} OR {near}, false)")
    cells = ", ".join(
        f"{first}::INTEGER AS k{place}, {second}::INTEGER AS a{place}"
        for place, (first, second) in enumerate(zip(compared, agreeing, strict=True))
    )
    all_compared = " + ".join(f"k{place}" for place in range(len(columns)))
    all_agreeing = " + ".join(f"a{place}" for place in range(len(columns)))
    sums = ", ".join(f"sum(k{place}), sum(a{place})" for place in range(len(columns)))
    joined = f"SELECT {cells} FROM ({left}) JOIN ({right}) USING (h)"  # noqa: S608
    rows = f"SELECT *, ({all_compared})::DOUBLE AS k, ({all_agreeing})::DOUBLE AS a FROM ({joined})"  # noqa: S608
    return f"SELECT count(*), sum(a * a), sum(a * k), sum(k * k), {sums} FROM ({rows})"  # noqa: S608


def measure_accuracy(found: SourceComparison, z: float) -> list[Quantity]:
    """Return coverage by the source, and the share of agreeing cells overall and by column.

    Where every row is found the shares are exact; otherwise the rows found are a sample of the
    file and the shares have Wilson intervals. Overall, the cells of one row agree or differ
    together, so the interval uses the number of cells the rows are worth (design effect).
    """
    quantities = [count_share("source_coverage", OVERALL, found.matched, found.rows)]
    if not found.matched:
        return [undefined("accuracy_to_source", OVERALL, "no row has a counterpart in the source"), *quantities]
    is_whole = found.matched == found.rows
    compared = sum(part.compared for part in found.columns)
    agreeing = sum(part.agreeing for part in found.columns)
    if is_whole or not compared:
        overall = count_share("accuracy_to_source", OVERALL, agreeing, compared)
    else:
        size = _find_effective_size(found, agreeing, compared)
        low, high, _ = wilson(agreeing / compared * size, size, z)
        overall = Quantity("accuracy_to_source", OVERALL, agreeing / compared, low, high, compared, agreeing, CLUSTERED)
    quantities.insert(0, overall)
    for part in found.columns:
        share = count_share("accuracy_to_source", about_column(part.column), part.agreeing, part.compared)
        if not is_whole and part.compared:
            low, high, _ = wilson(part.agreeing, part.compared, z)
            share = Quantity(
                share.metric, share.population, share.value, low, high, part.compared, part.agreeing, SAMPLED
            )
        quantities.append(share)
    return quantities


def _find_effective_size(found: SourceComparison, agreeing: int, compared: int) -> float:
    """Return how many independent cells the compared ones are worth (Kish's design effect)."""
    share = agreeing / compared
    if share in (0.0, 1.0):
        return float(found.matched)
    squared, product, size = found.squares
    between = squared - 2 * share * product + share * share * size
    effect = between / (compared * share * (1 - share))
    return compared / max(effect, 1.0) if math.isfinite(effect) else float(found.matched)


@dataclass(frozen=True)
class Leakage:
    """Rows of the file that stand in the training data too."""

    columns: tuple[str, ...]
    rows: int
    leaked: int
    training_rows: int
    keyed: int | None
    leaked_keys: int | None


def find_leakage(table: Staged, training: Staged, spec: QualitySpec) -> Leakage:
    """Count the rows of the file whose digest over the declared columns is found in training.

    Without a declaration, rows are compared over every column both tables have, but the key.
    Cells are compared as numbers where they write some, else as text.

    Raises
    ------
    BadInput
        Where no column is left to compare, or the training data lack a declared one.
    """
    declared = spec.training.columns if spec.training else None
    shared = tuple(name for name in table.file.columns if name in training.file.columns and name not in spec.key)
    columns = declared or shared
    for name in columns:
        if name not in training.file.columns:
            raise BadInput("is not in the training data; name columns both tables have", column=name)
    if not columns:
        raise BadInput("the table and the training data have no column in common", column="training.columns")
    digests = (staged.digest(columns, by_number=True) for staged in (table, training))
    leaked, _ = _count_found(table, training, *digests)
    keyed = leaked_keys = None
    if spec.key and all(name in training.file.columns for name in spec.key):
        leaked_keys, keyed = _count_found(
            table, training, _digest_of_key(table, spec.key), _digest_of_key(training, spec.key)
        )
    return Leakage(columns, table.rows, leaked, training.rows, keyed, leaked_keys)


def _count_found(table: Staged, training: Staged, own: str, theirs: str) -> tuple[int, int]:
    """Return (rows found in training, rows with a digest)."""
    passes = count_passes(max(table.rows, training.rows))
    found = known = 0
    for number in range(passes):
        known_rows = (
            f"SELECT {own} AS h FROM {table.relation} WHERE {in_pass(own, number, passes)} AND {own} IS NOT NULL"  # noqa: S608
        )
        seen = f"SELECT DISTINCT {theirs} AS h FROM {training.relation} WHERE {in_pass(theirs, number, passes)}"  # noqa: S608
        row = table.engine.execute(
            "SELECT count(*), count(*) FILTER (seen.h IS NOT NULL) "  # noqa: S608
            f"FROM ({known_rows}) own LEFT JOIN ({seen}) seen ON own.h = seen.h"
        ).fetchall()[0]
        known, found = known + row[0], found + row[1]
    return found, known


def measure_leakage(found: Leakage) -> list[Quantity]:
    """Return the share of rows, and of keys, that stand in the training data too."""
    quantities = [count_share("leakage", OVERALL, found.leaked, found.rows)]
    if found.keyed is not None and found.leaked_keys is not None:
        quantities.append(count_share("key_leakage", OVERALL, found.leaked_keys, found.keyed))
    return quantities
