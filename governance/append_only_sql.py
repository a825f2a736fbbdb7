"""The words of the append-only triggers, for either database, and how to read back those that stand.

A trigger is described by a text that is equal exactly when the trigger does the same: on SQLite its own SQL, on
PostgreSQL its kind, its arguments, its function's source, and that it fires always (also for replication, by which a
superuser would otherwise pass it).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper


@dataclass(frozen=True)
class Guard:
    """What may still happen to the rows of a table once they are written: deleted they never are.

    ``fill_once`` names columns that may change while they are empty; one written ``a:b`` may change in the moment in
    which b is filled. ``updates`` leaves changes to the rules above the database.
    """

    table: str
    fill_once: tuple[str, ...] = ()
    updates: bool = False


@dataclass(frozen=True)
class Trigger:
    """One trigger of a table: how to make it, and the text that says what it does."""

    table: str
    name: str
    statements: tuple[str, ...]
    meaning: str


Key = tuple[str, str]
PREFIX = "append_only"


def list_triggers(connection: BaseDatabaseWrapper, guards: Sequence[Guard]) -> list[Trigger]:
    """The triggers that the guards need, for the tables as they are in this database now; absent tables need none."""
    with connection.cursor() as cursor:
        present = set(connection.introspection.table_names(cursor))
        found: list[Trigger] = []
        for guard in guards:
            if guard.table in present:
                found += _postgres(guard) if connection.vendor == "postgresql" else _sqlite(guard, cursor)
    return found


def read_triggers(connection: BaseDatabaseWrapper) -> dict[Key, str]:
    """The append-only triggers that stand: (table, name) -> what each does."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(READ_POSTGRES, [f"{PREFIX}%"])
            return {
                (table, name): _describe(kind, enabled, function, arguments.split("\\000")[:-1], source)
                for table, name, kind, enabled, function, arguments, source in cursor.fetchall()
            }
        cursor.execute("SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'")
        return {(table, name): sql for table, name, sql in cursor.fetchall() if f"_{PREFIX}_" in name}


def drop_statement(connection: BaseDatabaseWrapper, key: Key) -> str:
    """The statement that takes one trigger down."""
    table, name = key
    on = f' ON "{table}"' if connection.vendor == "postgresql" else ""
    return f'DROP TRIGGER IF EXISTS "{name}"{on}'


# --- PostgreSQL -----------------------------------------------------------------------------------

ROW, BEFORE, DELETE, UPDATE, TRUNCATE = 1, 2, 8, 16, 32  # the bits of pg_trigger.tgtype
ALWAYS = "A"
READ_POSTGRES = """
SELECT c.relname, t.tgname, t.tgtype, t.tgenabled::text, p.proname, encode(t.tgargs, 'escape'), p.prosrc
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND t.tgqual IS NULL AND c.relnamespace = current_schema()::regnamespace AND t.tgname LIKE %s
"""
REFUSE = """
BEGIN
    RAISE EXCEPTION 'Countersign: % of % is refused. Its rows stand as they were recorded.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END
"""
# Each argument is a column that may be filled while it is empty, or a:b, a column that may change as b is filled.
REFUSE_CHANGE = """
DECLARE
    was jsonb := to_jsonb(OLD);
    becomes jsonb := to_jsonb(NEW);
    allowed text;
    filled text;
    names text[] := '{}';
BEGIN
    FOREACH allowed IN ARRAY coalesce(TG_ARGV::text[], '{}') LOOP
        filled := split_part(allowed, ':', -1);
        IF coalesce(was ->> filled, '') = '' AND coalesce(becomes ->> filled, '') <> '' THEN
            names := names || split_part(allowed, ':', 1);
        END IF;
    END LOOP;
    IF was - names IS DISTINCT FROM becomes - names THEN
        RAISE EXCEPTION 'Countersign: % of % is refused. Its rows stand as they were recorded.', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
"""
FUNCTIONS = {"countersign_refuse": REFUSE, "countersign_refuse_change": REFUSE_CHANGE}


def function_statements() -> list[str]:
    """What PostgreSQL needs before the triggers: the functions they call, as they must be."""
    return [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql "
        f"SET search_path = pg_catalog, pg_temp AS $body${source}$body$"
        for name, source in FUNCTIONS.items()
    ]


def _postgres(guard: Guard) -> Iterator[Trigger]:
    yield _postgres_trigger(guard, "delete", ROW | BEFORE | DELETE)
    yield _postgres_trigger(guard, "truncate", BEFORE | TRUNCATE)
    if not guard.updates:
        yield _postgres_trigger(guard, "update", ROW | BEFORE | UPDATE, guard.fill_once)


def _postgres_trigger(guard: Guard, event: str, kind: int, arguments: Sequence[str] = ()) -> Trigger:
    table, name = guard.table, f"{PREFIX}_{event}"
    function = "countersign_refuse_change" if arguments else "countersign_refuse"
    level = "ROW" if kind & ROW else "STATEMENT"
    spoken = ", ".join(f"'{argument}'" for argument in arguments)
    statements = (
        f'CREATE TRIGGER "{name}" BEFORE {event.upper()} ON "{table}" FOR EACH {level} '
        f"EXECUTE FUNCTION {function}({spoken})",
        f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER "{name}"',
    )
    return Trigger(table, name, statements, _describe(kind, ALWAYS, function, arguments, FUNCTIONS[function]))


def _describe(kind: int, enabled: str, function: str, arguments: Sequence[str], source: str) -> str:
    return f"{kind} {enabled} {function}({', '.join(arguments)}) {hashlib.sha256(source.encode()).hexdigest()}"


# --- SQLite ---------------------------------------------------------------------------------------


def _sqlite(guard: Guard, cursor: CursorWrapper) -> Iterator[Trigger]:
    cursor.execute(f'PRAGMA table_info("{guard.table}")')
    rows = cursor.fetchall()
    columns, keys = [row[1] for row in rows], [row[1] for row in rows if row[5]]
    uniques = [(tuple(keys), ""), *_unique_indexes(guard.table, cursor)]
    yield _sqlite_trigger(guard, "delete", "", "its rows are never deleted")
    # REPLACE deletes what stands in its way, without a word to other triggers: so nothing may stand there.
    taken = " OR ".join(_is_taken(guard.table, unique, where) for unique, where in uniques)
    yield _sqlite_trigger(guard, "insert", taken, "a row of the same key stands there")
    if guard.updates:
        another = " AND ".join(f'"{key}" IS NOT OLD."{key}"' for key in keys)
        taken = " OR ".join(_is_taken(guard.table, unique, where, another) for unique, where in uniques)
        yield _sqlite_trigger(guard, "update", taken, "a row of the same key stands there")
    else:
        changed = _changes_more(columns, guard.fill_once) if guard.fill_once else ""
        yield _sqlite_trigger(guard, "update", changed, "its rows stand as they were recorded")


def _sqlite_trigger(guard: Guard, event: str, condition: str, why: str) -> Trigger:
    name = f"{guard.table}_{PREFIX}_{event}"
    when = f"WHEN {condition} " if condition else ""
    message = f"Countersign: {event.upper()} of {guard.table} is refused: {why}."
    statement = (
        f'CREATE TRIGGER "{name}" BEFORE {event.upper()} ON "{guard.table}" FOR EACH ROW {when}'
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
    )
    return Trigger(guard.table, name, (statement,), statement)


def _unique_indexes(table: str, cursor: CursorWrapper) -> list[tuple[tuple[str, ...], str]]:
    """(columns, condition) of every unique index, in the order of their names."""
    cursor.execute(f'PRAGMA index_list("{table}")')
    found = []
    for name in sorted(row[1] for row in cursor.fetchall() if row[2]):
        cursor.execute(f'PRAGMA index_info("{name}")')
        unique = tuple(row[2] for row in cursor.fetchall())
        if None in unique:
            raise ValueError(f"the unique index {name} has an expression, which the guard of {table} cannot repeat")
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [name])
        _before, _where, condition = ((cursor.fetchone() or [""])[0] or "").partition(" WHERE ")
        found.append((unique, condition))
    return found


def _is_taken(table: str, unique: Sequence[str], where: str, another: str = "") -> str:
    """Whether a row stands that the new one would be in conflict with."""
    same = [f'"{column}" = NEW."{column}"' for column in unique]
    parts = [*same, *([f"({where})"] if where else []), *([another] if another else [])]
    exists = f'EXISTS (SELECT 1 FROM "{table}" WHERE {" AND ".join(parts)})'  # noqa: S608 - our own tables
    of_new = re.sub(r'("\w+")', r"NEW.\1", where)
    return f"({exists} AND ({of_new}))" if where else exists


def _changes_more(columns: Sequence[str], fill_once: Sequence[str]) -> str:
    """Whether an update changes more than filling what is empty."""
    allowed = {}
    for name in fill_once:
        column, _colon, filled = name.partition(":")
        allowed[column] = filled or column
    kept = []
    for column in columns:
        same = f'NEW."{column}" IS OLD."{column}"'
        if column in allowed:
            was, becomes = (f"ifnull({row}.\"{allowed[column]}\", '')" for row in ("OLD", "NEW"))
            same = f"({same} OR ({was} = '' AND {becomes} <> ''))"
        kept.append(same)
    return f"NOT ({' AND '.join(kept)})"
