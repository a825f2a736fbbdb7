"""B12: what the owner of the tables or a superuser can do to get behind the triggers, and that it is found.

Here the way in is what is tried; what can be forged once inside is B11.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from governance.append_only_sql import FUNCTIONS
from tests.governance.bypass.forging import (
    Run,
    edit_a_text_and_its_leaf,
    edit_a_text_and_the_whole_tree,
    place_of,
    read,
)
from tests.governance.bypass.record import ON_POSTGRES, Record, drop_database, refusal_to_sign, url_of, verify_log
from tools.servers import find_postgres_programs

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = "governance_auditlogentry"
REFUSED = (psycopg.errors.IntegrityError, sqlite3.IntegrityError)


def assert_found(expected: int, *also_said: str) -> None:
    code, said = verify_log()
    assert code == 1, said
    assert said.splitlines()[-1].endswith(f"the first at entry {expected}."), said
    assert [what for what in also_said if what not in said] == [], said
    assert refusal_to_sign() is not None


# --- Ways in ----------------------------------------------------------------------------------------


def disable_the_trigger(run: Run) -> str:
    run(f"ALTER TABLE {TABLE} DISABLE TRIGGER append_only_update")
    return "append_only_update that keeps governance_auditlogentry append-only was changed or switched off"


def disable_every_trigger(run: Run) -> str:
    run(f"ALTER TABLE {TABLE} DISABLE TRIGGER ALL")
    return "append_only_delete that keeps governance_auditlogentry append-only was changed or switched off"


def leave_it_to_replication(run: Run) -> str:
    run(f"ALTER TABLE {TABLE} ENABLE TRIGGER append_only_update")
    run("SET session_replication_role = replica")
    return "append_only_update that keeps governance_auditlogentry append-only was changed or switched off"


def replace_the_function(run: Run) -> str:
    for name in FUNCTIONS:
        run(f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    return "append_only_truncate that keeps governance_signoff append-only was changed or switched off"


def drop_the_trigger(run: Run) -> str:
    name = "append_only_update" if ON_POSTGRES else f"{TABLE}_append_only_update"
    run(f"DROP TRIGGER {name}" + (f" ON {TABLE}" if ON_POSTGRES else ""))
    return f"{name} that keeps governance_auditlogentry append-only is missing"


def make_the_trigger_toothless(run: Run) -> str:
    said = drop_the_trigger(run).replace("is missing", "was changed or switched off")
    run(f"CREATE TRIGGER {TABLE}_append_only_update BEFORE UPDATE ON {TABLE} WHEN false BEGIN SELECT 1; END")
    return said


def edit_the_schema_table(run: Run) -> str:
    """Without DROP TRIGGER, and so without anything that a log of statements would show."""
    run("PRAGMA writable_schema = ON")
    run("DELETE FROM sqlite_master WHERE name = %s", f"{TABLE}_append_only_update")
    run("PRAGMA writable_schema = RESET")
    return f"{TABLE}_append_only_update that keeps governance_auditlogentry append-only is missing"


WAYS_IN: list[Callable[[Run], str]] = [drop_the_trigger]
if ON_POSTGRES:
    WAYS_IN += [disable_the_trigger, disable_every_trigger, leave_it_to_replication, replace_the_function]
else:
    WAYS_IN += [make_the_trigger_toothless, edit_the_schema_table]


@pytest.mark.parametrize("get_in", WAYS_IN, ids=lambda way: way.__name__)
def test_b12_open_way_in_is_found_before_anything_is_forged(record: Record, get_in: Callable[[Run], str]) -> None:
    with record.broken_into() as run:
        said = get_in(run)
    code, output = verify_log()
    assert (code, said in output) == (1, True), output


@pytest.mark.parametrize("get_in", WAYS_IN, ids=lambda way: way.__name__)
def test_b12_forgery_through_it_is_found_with_its_entry(record: Record, get_in: Callable[[Run], str]) -> None:
    with record.broken_into() as run:
        said = get_in(run)
        expected = edit_a_text_and_its_leaf(run)
    assert_found(expected, said)


def test_b12_triggers_refuse_the_owner_who_leaves_them_alone(record: Record) -> None:
    for statement in (
        "UPDATE governance_auditlogentry SET type = 'x'",
        "DELETE FROM governance_auditlogentry",
        "UPDATE governance_signoff SET decision = 'approve'",
        "DELETE FROM governance_release",
        "DELETE FROM governance_user",
    ):
        with pytest.raises(REFUSED, match="Countersign: "), record.broken_into() as run:
            run(statement)
    assert verify_log()[0] == 0


def test_b12_pretending_to_be_a_replica_is_no_way_in(record: Record) -> None:
    """session_replication_role switches ordinary triggers off, and foreign keys; SQLite's pragma is its nearest kin."""
    pretend = "SET session_replication_role = replica" if ON_POSTGRES else "PRAGMA recursive_triggers = OFF"
    verb = "INSERT" if ON_POSTGRES else "INSERT OR REPLACE"
    end = ' ON CONFLICT ("index") DO UPDATE SET body = excluded.body' if ON_POSTGRES else ""
    for statement in (
        "UPDATE governance_auditlogentry SET type = 'x'",
        "DELETE FROM governance_auditlogentry",
        f"{verb} INTO governance_auditlogentry SELECT * FROM governance_auditlogentry WHERE true{end}",  # noqa: S608
    ):
        with record.broken_into() as run:
            run(pretend)
            with pytest.raises(REFUSED, match="Countersign: "):
                run(statement)
    assert verify_log()[0] == 0


# --- Around the database ----------------------------------------------------------------------------


def test_b12_text_edited_in_a_dump_is_found_after_it_is_loaded(record: Record, tmp_path: Path) -> None:
    """The triggers come back with the dump; the forgery comes with it too."""
    with record.broken_into() as run:
        index = place_of(run, "sign_off.given")
        meaning = str(read(run, index)["data"]["meaning"])
    dump = dump_of(record, tmp_path)
    forged = meaning.replace("e", "E", 1)
    # PostgreSQL writes bytes in hex, SQLite too: every other place that tells of it is edited as well.
    for old, new in ((meaning, forged), (meaning.encode().hex(), forged.encode().hex())):
        dump = dump.replace(old, new).replace(old.upper(), new.upper())
    with loaded(record, dump, tmp_path) as copy, copy.opened():
        code, said = verify_log()
        assert code == 1, said
        assert f"entry {index}: its text does not have the leaf hash that was stored with it" in said
        assert "append-only" not in said
        refused = refusal_to_sign()
        assert refused is not None
        assert refused.index == index


def test_b12_honest_dump_is_whole_after_it_is_loaded(record: Record, tmp_path: Path) -> None:
    with loaded(record, dump_of(record, tmp_path), tmp_path) as copy, copy.opened():
        code, said = verify_log()
        assert (code, refusal_to_sign()) == (0, None), said


def dump_of(record: Record, folder: Path) -> str:
    if not ON_POSTGRES:
        link = sqlite3.connect(record.name)
        text = "\n".join(link.iterdump())
        link.close()
        return text
    dump = folder / "dump.sql"
    program = str(find_postgres_programs() / "pg_dump")
    subprocess.run([program, "--dbname", url_of(record.name), "--file", str(dump)], check=True)
    return dump.read_text()


@contextmanager
def loaded(record: Record, dump: str, folder: Path) -> Iterator[Record]:
    """The dump in a new database, beside the same data folder."""
    if ON_POSTGRES:
        name = f"loaded_{os.getpid()}"
        with psycopg.connect(url_of("postgres"), autocommit=True) as server:
            server.execute(f'CREATE DATABASE "{name}"')
        command = [str(find_postgres_programs() / "psql"), "--quiet", "--dbname", url_of(name)]
        subprocess.run(
            [*command, "--set", "ON_ERROR_STOP=1"], input=dump, text=True, check=True, stdout=subprocess.DEVNULL
        )
    else:
        name = str(folder / "loaded.sqlite3")
        link = sqlite3.connect(name)
        link.executescript(dump)
        link.close()
    try:
        yield Record(name, record.data, record.history)
    finally:
        drop_database(name)


def test_b12_byte_flipped_in_the_stored_files_of_the_database_is_found(record: Record) -> None:
    """With an editor on the disk: SQLite's file itself; of PostgreSQL, the row as its page would read."""
    with record.broken_into() as run:
        index = place_of(run, "version.promoted")
        text = bytes(run('SELECT body FROM governance_auditlogentry WHERE "index" = %s', index)[0][0])
        flipped = text.replace(b"production", b"productioN")
        if ON_POSTGRES:
            run(f"ALTER TABLE {TABLE} DISABLE TRIGGER USER")
            run('UPDATE governance_auditlogentry SET body = %s WHERE "index" = %s', flipped, index)
            run(f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER append_only_update")
        else:
            run("PRAGMA wal_checkpoint(TRUNCATE)")
    if not ON_POSTGRES:
        edit_file(Path(record.name), text[:200], flipped[:200])
        edit_file(Path(record.name), text[-200:], flipped[-200:])
    code, said = verify_log()
    assert code == 1, said
    assert f"entry {index}: its text does not have the leaf hash that was stored with it" in said
    refused = refusal_to_sign()
    assert refused is not None
    assert refused.index == index


def edit_file(path: Path, old: bytes, new: bytes) -> None:
    content: Any = path.read_bytes()
    path.write_bytes(content.replace(old, new))


def test_b12_whole_tree_forged_by_the_owner_is_found_against_the_signers_memory(record: Record) -> None:
    with record.broken_into() as run:
        drop_the_trigger(run)
        if ON_POSTGRES:
            run("ALTER TABLE governance_lognode DISABLE TRIGGER USER")
        else:
            run("DROP TRIGGER governance_lognode_append_only_delete")
        expected = edit_a_text_and_the_whole_tree(run)
    assert_found(expected, "is missing")
