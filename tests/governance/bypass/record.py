"""A whole record in a database and a data folder of its own, committed, for tests that attack it from outside.

Attackers here do not borrow the test's transaction: they open the database themselves, as its owner, and what they do
stays done. The commands that the operator would run then meet it as they would on a real site.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from governance.signer import BrokenEntry, sign_once
from tests.governance.log_history import History, make_history, note

ON_POSTGRES = os.environ.get("COUNTERSIGN_DATABASE_URL", "").startswith("postgres")


@dataclass
class Record:
    """The database's name (on SQLite its file), the data folder, and who was there when it was made."""

    name: str
    data: Path
    history: History

    @contextmanager
    def opened(self) -> Iterator[None]:
        """This process works on this record, as the portal would."""
        before = connection.settings_dict["NAME"]
        connection.close()
        connection.settings_dict["NAME"] = self.name
        try:
            with override_settings(COUNTERSIGN_DATA=self.data):
                yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = before

    @contextmanager
    def broken_into(self) -> Iterator[Callable[..., list[Any]]]:
        """A function that runs SQL as the owner of the database, on a connection of its own; committed at the end.

        The portal's connection is closed meanwhile: the attacker takes what locks they need.
        """
        connection.close()
        link: Any = psycopg.connect(url_of(self.name)) if ON_POSTGRES else sqlite3.connect(self.name)

        def run(statement: str, *values: Any) -> list[Any]:
            cursor = link.execute(statement if ON_POSTGRES else statement.replace("%s", "?"), values)
            return list(cursor.fetchall()) if cursor.description else []

        try:
            yield run
            link.commit()
        finally:
            link.close()


def url_of(name: str) -> str:
    """The address of a database on the run's PostgreSQL, as its superuser."""
    return urlunsplit(urlsplit(os.environ["COUNTERSIGN_DATABASE_URL"])._replace(path=f"/{name}"))


def copy_database(name: str, folder: Path) -> str:
    """A copy of a database that nobody is writing to; return its name. In ``folder`` where it is a file."""
    connection.close()
    if ON_POSTGRES:
        copy = f"record_{uuid.uuid4().hex}"
        with psycopg.connect(url_of("postgres"), autocommit=True) as server:
            server.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{name}"')
        return copy
    copied = folder / f"{uuid.uuid4().hex}.sqlite3"
    source, target = sqlite3.connect(name), sqlite3.connect(copied)
    source.backup(target)
    source.close()
    target.close()
    return str(copied)


def drop_database(name: str) -> None:
    connection.close()
    if ON_POSTGRES:
        with psycopg.connect(url_of("postgres"), autocommit=True) as server:
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    else:
        Path(name).unlink()


def make_record(folder: Path) -> tuple[Record, str]:
    """Build the history in a database of its own, sealed; and the name of a backup from a little earlier."""
    record = make_empty(folder)
    with record.opened():
        record.history = make_history()
    backup = copy_database(record.name, folder)
    with record.opened():
        note(record.history.root, count=7)
        sign_once()
    return record, backup


def make_empty(folder: Path) -> Record:
    """A migrated database in which nothing has happened, and a data folder."""
    data = folder / "data"
    for part in ("evidence", "incoming", "keys"):
        (data / part).mkdir(parents=True)
    return Record(copy_database(str(connection.settings_dict["NAME"]), folder), data, None)


@contextmanager
def own_copy(record: Record, folder: Path) -> Iterator[Record]:
    """A copy of the record that a test may destroy."""
    data = folder / "stolen"
    shutil.copytree(record.data, data)
    copy = Record(copy_database(record.name, folder), data, record.history)
    try:
        with copy.opened():
            yield copy
    finally:
        drop_database(copy.name)


# --- What the operator finds ----------------------------------------------------------------------


def verify_log() -> tuple[int, str]:
    """Exit code and output of `manage.py verify_log`."""
    output = StringIO()
    try:
        call_command("verify_log", stdout=output)
    except CommandError as error:
        return error.returncode, output.getvalue() + str(error)
    return 0, output.getvalue()


def refusal_to_sign() -> BrokenEntry | None:
    """What the signer objects to, or None when it signed."""
    try:
        sign_once()
    except BrokenEntry as error:
        return error
    return None
