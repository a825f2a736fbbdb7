"""Whether present cells are what was declared: type, format, pattern, values, range."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from audits.errors import BadInput
from audits.populations import OVERALL
from audits.quality.personal import FORMAT_TESTS, write_test
from audits.quality.results import Quantity, about_column, count_share, undefined
from audits.quality.spec import QualitySpec
from audits.quality.spec_columns import ColumnSpec
from audits.quality.staging import Staged
from audits.tables.engine import quote_text

BOOLEAN_WORDS = ("true", "false", "yes", "no", "0", "1")


@dataclass(frozen=True)
class ColumnValidity:
    """What failed in a column: check ("type", "range"...) -> present cells that fail it."""

    column: str
    checked: int
    passed: int
    failed: Mapping[str, int]


def check_validity(table: Staged, spec: QualitySpec) -> list[ColumnValidity]:
    """Count, for every declared column in the file, the present cells that pass all its checks.

    Raises
    ------
    BadInput
        For a pattern the engine does not know.
    """
    declared = [column for column in spec.columns.values() if column.name in table.file.columns]
    tests = {column.name: _list_tests(table, column) for column in declared}
    names = [name for name, found in tests.items() if found]
    _try_patterns(table, [spec.columns[name] for name in names])
    validities: list[ColumnValidity] = []
    for start in range(0, len(names), table.batch):
        validities += _count(table, {name: tests[name] for name in names[start : start + table.batch]})
    return validities


def _list_tests(table: Staged, column: ColumnSpec) -> dict[str, str]:
    """Return check -> SQL condition that holds for a valid cell."""
    text = table.text(column.name)
    tests = {
        "type": _test_type(table, column),
        "format": column.format and write_test(FORMAT_TESTS[column.format], text),
        "pattern": column.pattern and f"regexp_full_match({text}, {quote_text(column.pattern)})",
        "values": column.values and f"{text} IN ({', '.join(quote_text(value) for value in column.values)})",
        "range": " AND ".join(_test_range(table, column)),
    }
    return {check: test for check, test in tests.items() if test}


def _test_range(table: Staged, column: ColumnSpec) -> Iterator[str]:
    for sign, bound in ((">=", column.minimum), ("<=", column.maximum)):
        if isinstance(bound, date):
            yield f"CAST({table.moment(column.name)} AS DATE) {sign} DATE '{bound.isoformat()}'"
        elif bound is not None:
            yield f"{table.number(column.name)} {sign} {bound!r}::DOUBLE"


def _test_type(table: Staged, column: ColumnSpec) -> str | None:
    """Return the condition of a declared type; None where every text will do."""
    text, number, moment = table.text(column.name), table.number(column.name), table.moment(column.name)
    native = str(table.is_native_number(column.name)).lower()
    return {
        "integer": f"{number} = floor({number}) AND ({native} OR NOT regexp_matches({text}, '[.eE]'))",
        "number": f"{number} IS NOT NULL",
        "boolean": f"lower({text}) IN ({', '.join(quote_text(word) for word in BOOLEAN_WORDS)})",
        "date": f"{moment} IS NOT NULL AND {moment} = CAST(CAST({moment} AS DATE) AS TIMESTAMP)",
        "timestamp": f"{moment} IS NOT NULL",
    }.get(column.type or "")


def _try_patterns(table: Staged, columns: Sequence[ColumnSpec]) -> None:
    import duckdb

    for column in columns:
        if column.pattern is None:
            continue
        try:
            table.engine.execute(f"SELECT regexp_full_match('', {quote_text(column.pattern)})").fetchall()
        except duckdb.Error:
            raise BadInput(
                "the engine does not know this expression (it speaks RE2); write it plainer",
                column=f"columns.{column.name}.pattern"[:200],
            ) from None


def _count(table: Staged, tests: Mapping[str, Mapping[str, str]]) -> list[ColumnValidity]:
    parts = []
    for name, conditions in tests.items():
        text = table.text(name)
        held = [f"coalesce({condition}, false)" for condition in conditions.values()]
        parts.append(f"count({text})")
        parts.append(f"count(*) FILTER ({text} IS NOT NULL AND {' AND '.join(held)})")
        parts += [f"count(*) FILTER ({text} IS NOT NULL AND NOT {condition})" for condition in held]
    row = list(table.engine.execute(f"SELECT {', '.join(parts)} FROM {table.rows_of(tuple(tests))}").fetchall()[0])  # noqa: S608
    found = []
    for name, conditions in tests.items():
        checked, passed, *failed = row[: 2 + len(conditions)]
        row = row[2 + len(conditions) :]
        found.append(ColumnValidity(name, checked, passed, dict(zip(conditions, failed, strict=True))))
    return found


def measure_validity(validities: Sequence[ColumnValidity]) -> list[Quantity]:
    """Return the share of valid cells overall and by column."""
    if not validities:
        return [undefined("validity", OVERALL)]
    passed = sum(found.passed for found in validities)
    checked = sum(found.checked for found in validities)
    overall = count_share("validity", OVERALL, passed, checked)
    return [
        overall,
        *(count_share("validity", about_column(found.column), found.passed, found.checked) for found in validities),
    ]


def measure_schema(
    table: Staged, spec: QualitySpec, validities: Sequence[ColumnValidity]
) -> tuple[Quantity, dict[str, list[str]]]:
    """Return the schema's conformity, and the columns that miss it by reason."""
    by_name = {found.column: found for found in validities}
    absent = [name for name in spec.columns if name not in table.file.columns]
    mistyped = [name for name, found in by_name.items() if found.failed.get("type")]
    undeclared = [name for name in table.file.columns if name not in spec.columns]
    whole = len(spec.columns) + (len(undeclared) if spec.is_closed and spec.columns else 0)
    good = len(spec.columns) - len(absent) - len(mistyped)
    reasons = {"absent": absent, "not_of_declared_type": mistyped, "not_declared": undeclared if spec.columns else []}
    return count_share("schema_conformity", OVERALL, good, whole), reasons
