"""The data-quality profile of a table: every dimension as a number, every column as it is found."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from audits.errors import BadInput
from audits.intervals import find_z
from audits.populations import OVERALL
from audits.quality.columns import ColumnCounts, count_columns, trust_numbers
from audits.quality.comparison import (
    compare_with_source,
    find_leakage,
    measure_accuracy,
    measure_leakage,
)
from audits.quality.keys import check_uniqueness, measure_label_consistency, measure_uniqueness
from audits.quality.measured import Profile
from audits.quality.numbers import profile_numbers
from audits.quality.personal import PersonalHint, find_hints, measure_personal
from audits.quality.record import to_json
from audits.quality.representation import (
    check_balance,
    check_representation,
    measure_balance,
    measure_representation,
)
from audits.quality.results import Quantity, about_column, count_share, exact, undefined
from audits.quality.rules import check_rules, measure_rules
from audits.quality.spec import QualitySpec, check_quality_spec
from audits.quality.staging import Staged, stage
from audits.quality.timeliness import check_timeliness, measure_timeliness
from audits.quality.validity import check_validity, measure_schema, measure_validity
from audits.quality.values import ValueProfile, count_constant, profile_values
from audits.tables.arrow import ArrowScan
from audits.tables.diagnose import raise_unreadable
from audits.tables.engine import open_engine
from audits.tables.formats import check_size
from audits.tables.frames import TableFile, read_table
from audits.tables.limits import LIMITS, Limits, check_row_count

QUALITY_LIMITS = replace(LIMITS, columns=2_000)
"""A table of features is wider than a file of predictions."""
OTHER_TABLES = ("training", "source")

Progress = Callable[[float, str], None]


def run_quality(
    path: Path | Sequence[Path],
    spec: Mapping[str, Any],
    *,
    others: Mapping[str, Path] | None = None,
    limits: Limits = QUALITY_LIMITS,
    progress: Progress | None = None,
    scratch: Path | None = None,
) -> dict[str, Any]:
    """Profile a table as a specification says; the one door for other programs.

    Parameters
    ----------
    path : Path or sequence of Path
        The table: CSV, Parquet or Arrow, one file or several of the same columns.
    spec : mapping
        The JSON document checked by `spec.check_quality_spec`.
    others : mapping, optional
        Further tables: "training" (leakage) and "source" (accuracy).
    limits : Limits
        What the files may ask of the machine.
    progress : callable, optional
        Called with (share done, what is being done).
    scratch : Path, optional
        An existing folder for the private copy of large text tables; the system's own where not
        given. Nothing is left in it, unless the process is killed.

    Returns
    -------
    dict
        JSON-ready, `format` "countersign/data-quality/1". No NaN: undefined numbers are null with
        a reason. No value of a cell that hints at a person.

    Raises
    ------
    BadInput
        Naming the key, column, row or limit.
    """
    report = progress or _ignore_progress
    checked = check_quality_spec(dict(spec))
    report(0.0, "checking the file")
    file = _read(path, checked, checked.used_columns, limits)
    further = _read_others(others or {}, checked, limits)
    with _open(file, further, scratch) as (engine, copies):
        profile = _profile_guarded(engine, file, further, checked, copies, limits, report)
    report(0.95, "recording")
    document = to_json(profile)
    report(1.0, "done")
    return document


def run_quality_job(paths: Mapping[str, Path], spec: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Profile a table inside the sandbox: `paths` by role, "evidence" is the table."""
    others = {role: paths[role] for role in OTHER_TABLES if role in paths}
    return run_quality(paths["evidence"], spec, others=others, progress=progress)


def _ignore_progress(share: float, step: str) -> None:
    """Do nothing: nobody asked to be told."""


def _read(path: Path | Sequence[Path], spec: QualitySpec, required: tuple[str, ...], limits: Limits) -> TableFile:
    file = read_table(path, required, delimiter=spec.delimiter, encoding=spec.encoding, limits=limits)
    if file.rows is not None:
        check_size(file.rows, file.columns, limits)
    return replace(file, used=file.columns)


def _read_others(others: Mapping[str, Path], spec: QualitySpec, limits: Limits) -> dict[str, TableFile]:
    """Check the further tables. A source needs to be described; training data do not."""
    for role in others:
        if role not in OTHER_TABLES:
            raise BadInput(f"further tables are {' and '.join(OTHER_TABLES)}", column=role)
    if "source" in others and spec.source is None:
        raise BadInput("a table was given; name its key and the columns to compare", column="source")
    for role, part in (("source", spec.source), ("training", spec.training)):
        if part is not None and role not in others:
            raise BadInput("is described, but no such table was given", column=role)
    found = {}
    for role, path in others.items():
        try:
            found[role] = replace(_read(path, spec, _list_needed(role, spec), limits), view=f"arrow_{role}")
        except BadInput as error:
            raise _about(role, error) from None
    return found


def _list_needed(role: str, spec: QualitySpec) -> tuple[str, ...]:
    """Return the columns a further table must have."""
    if role == "source" and spec.source is not None:
        return tuple(dict.fromkeys((*spec.source.key, *(part.source for part in spec.source.columns))))
    return (spec.training.columns or ()) if spec.training is not None else ()


def _about(role: str, error: BadInput) -> BadInput:
    name = {"training": "training data", "source": "source"}[role]
    return BadInput(f"{error.message} (in the {name})", column=error.column, row=error.row, line=error.line)


@contextmanager
def _open(
    file: TableFile, others: Mapping[str, TableFile], scratch: Path | None
) -> Iterator[tuple[Any, dict[str, Path]]]:
    """Open the engine for the tables and for one private copy of each; the copies are gone afterwards."""
    tables = {"main": file, **others}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quality-", dir=scratch)))
        copies = {role: folder / f"{role}.parquet" for role in tables}
        paths = [path for table in tables.values() for path in table.paths]
        engine = stack.enter_context(open_engine([*paths, *copies.values()]))
        for table in tables.values():
            if table.kind == "arrow":
                engine.register(table.view, ArrowScan(table.paths, table.used))
        yield engine, copies


def _profile_guarded(
    engine: Any,
    file: TableFile,
    others: Mapping[str, TableFile],
    spec: QualitySpec,
    copies: Mapping[str, Path],
    limits: Limits,
    report: Progress,
) -> Profile:
    import duckdb

    try:
        table = stage(engine, file, spec, "main_rows", copies["main"])
        check_row_count(table.rows, limits)
        staged = {role: stage(engine, other, spec, f"{role}_rows", copies[role]) for role, other in others.items()}
        return profile_table(table, staged, spec, report)
    except duckdb.OutOfMemoryException:
        raise BadInput(
            "the table asks for more memory than the column engine may use; leave out columns of long texts"
        ) from None
    except duckdb.Error:
        raise_unreadable(file, limits)


def profile_table(table: Staged, others: Mapping[str, Staged], spec: QualitySpec, report: Progress) -> Profile:
    """Measure every dimension of a staged table."""
    columns = table.file.columns
    report(0.1, "counting cells")
    counts = count_columns(table, columns)
    table = trust_numbers(table, counts)
    report(0.25, "looking for personal data")
    hints = find_hints(table, counts)
    report(0.35, "counting distinct values")
    values = _profile_values(table, counts, hints, spec, report)
    report(0.6, "sorting numbers")
    numeric = {name: found for name, found in counts.items() if found.numbers and is_measured(found)}
    numbers = profile_numbers(table, numeric)
    report(0.75, "checking what was declared")
    validities = check_validity(table, spec)
    conformity, schema = measure_schema(table, spec, validities)
    report(0.8, "looking for repeated rows")
    profile = Profile(
        spec=spec,
        file=table.file,
        others={role: other.file for role, other in others.items()},
        rows=table.rows,
        types=table.types,
        counts=counts,
        values=values,
        numbers=numbers,
        validities=validities,
        schema=schema,
        uniqueness=check_uniqueness(table, spec),
        rules=check_rules(table, spec, counts),
        hints=hints,
        representations=check_representation(table, spec),
        balance=check_balance(table, spec.label, spec.minimum_published_count) if spec.label else None,
        timeliness=check_timeliness(table, spec.time) if spec.time else None,
        comparison=compare_with_source(table, others["source"], spec.source)
        if spec.source and "source" in others
        else None,
        leakage=find_leakage(table, others["training"], spec) if "training" in others else None,
    )
    quantities = [*_measure_binding(table, spec), *_measure_completeness(table, counts, spec), conformity]
    quantities += _measure(profile)
    quantities.append(measure_label_consistency(table, spec))
    return replace(profile, quantities=quantities)


def is_measured(counts: ColumnCounts) -> bool:
    """Tell whether a column is one of numbers: most of its present cells write one, and not as codes."""
    return counts.numbers * 2 > counts.present and not counts.codes


def _profile_values(
    table: Staged,
    counts: Mapping[str, ColumnCounts],
    hints: Sequence[PersonalHint],
    spec: QualitySpec,
    report: Progress,
) -> dict[str, ValueProfile]:
    """Count distinct values column by column; values of columns that hint at a person are not listed."""
    withheld = {hint.column for hint in hints} | set(spec.key)
    found = {}
    for place, (name, column) in enumerate(counts.items()):
        found[name] = profile_values(
            table,
            column,
            minimum=spec.minimum_published_count,
            z=find_z(spec.level),
            is_listed=name not in withheld and spec.describe(name).role not in ("key", "identifier"),
        )
        if place % 10 == 0:
            report(0.35 + 0.25 * place / len(counts), "counting distinct values")
    return found


def _measure_binding(table: Staged, spec: QualitySpec) -> list[Quantity]:
    """Return whether the file is the declared dataset version; nothing where no digest is declared."""
    if spec.dataset_digest is None:
        return []
    return [exact("dataset_match", OVERALL, table.file.sha256 == spec.dataset_digest, table.rows)]


def _measure_completeness(table: Staged, counts: Mapping[str, ColumnCounts], spec: QualitySpec) -> list[Quantity]:
    """Return completeness overall and by column, and the share of complete rows.

    A required column that is not in the file has all its cells missing.
    """
    required = [column.name for column in spec.columns.values() if column.is_required]
    absent = [name for name in required if name not in counts]
    present = sum(found.present for found in counts.values())
    quantities = [count_share("completeness", OVERALL, present, table.rows * (len(counts) + len(absent)))]
    quantities += [
        count_share("completeness", about_column(name), found.present, table.rows) for name, found in counts.items()
    ]
    quantities += [count_share("completeness", about_column(name), 0, table.rows) for name in absent]
    needed = [table.text(name) for name in (required or table.file.columns) if name in counts]
    condition = "false" if absent else " AND ".join(f"{text} IS NOT NULL" for text in needed)
    complete = table.engine.execute(
        f"SELECT count(*) FROM {table.relation} WHERE {condition}"  # noqa: S608
    ).fetchall()[0][0]
    return [*quantities, count_share("complete_rows", OVERALL, complete, table.rows)]


def _measure(profile: Profile) -> Iterator[Quantity]:
    """Yield the numbers of every further dimension."""
    z = find_z(profile.spec.level)
    yield from measure_uniqueness(profile.uniqueness, profile.rows)
    yield from measure_validity(profile.validities)
    yield from measure_rules(profile.rules)
    if profile.timeliness is not None:
        yield from measure_timeliness(profile.timeliness)
    if profile.comparison is not None:
        yield from measure_accuracy(profile.comparison, z)
    else:
        yield undefined("accuracy_to_source", OVERALL, "not assessed: no source is given")
    if profile.leakage is not None:
        yield from measure_leakage(profile.leakage)
    else:
        yield undefined("leakage", OVERALL, "not assessed: no training data are given")
    if profile.balance is not None:
        yield from measure_balance(profile.balance)
    for representation in profile.representations:
        yield from measure_representation(representation, profile.spec, z)
    yield from _measure_columns(profile)
    yield from measure_personal(profile.hints, len(profile.counts))


def _measure_columns(profile: Profile) -> Iterator[Quantity]:
    """Yield distinct values and outliers by column."""
    for name, found in profile.values.items():
        population = about_column(name)
        counted = exact("distinct_values", population, found.distinct, profile.counts[name].present)
        yield replace(counted, low=found.low, high=found.high, method=found.method)
    yield exact("constant_columns", OVERALL, count_constant(profile.values), len(profile.counts))
    for name, numbers in profile.numbers.items():
        size, population = profile.counts[name].numbers, about_column(name)
        for metric, outside in (("outliers", numbers.outliers), ("robust_outliers", numbers.robust)):
            if outside is None:
                yield undefined(metric, population)
            else:
                yield count_share(metric, population, outside, size)
