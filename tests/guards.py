"""Getting behind the triggers that keep the record append-only, as somebody who owns the tables can.

Only tests do this: to tamper with what the triggers protect, and to empty the tables between transactional tests.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from governance import append_only
from governance.append_only_sql import FUNCTIONS, function_statements

LET_PASS = "RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END$$"
inside: list[bool] = []
# Set by tests that work on another database than the run's own: emptying that takes seconds and changes nothing.
nothing_to_empty: list[bool] = []


@contextmanager
def behind_the_guards() -> Iterator[None]:
    """Inside, everything may be changed and deleted; afterwards every trigger stands as before. May be nested."""
    if inside:
        yield
        return
    inside.append(True)
    _take_down()
    try:
        yield
    finally:
        inside.pop()
        # PostgreSQL takes no more statements in a transaction that failed; its rollback puts everything back.
        if connection.vendor != "postgresql" or not (connection.in_atomic_block and sys.exc_info()[0]):
            _put_up()


def empty_behind_the_guards(empty: Callable[[], None]) -> None:
    """Empty the tables by ``empty``, which believes that it has migrated and would put up each trigger in between."""
    if nothing_to_empty:
        nothing_to_empty.clear()
        return
    with behind_the_guards(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(append_only, "install", lambda connection: 0)
        empty()


def _take_down() -> None:
    if connection.vendor == "postgresql":
        # Other function bodies, and not DROP TRIGGER: that would have to wait for the end of the test's transaction.
        _run([f"CREATE OR REPLACE FUNCTION {name}() {LET_PASS}" for name in FUNCTIONS])
    else:
        append_only.remove(connection)


def _put_up() -> None:
    if connection.vendor == "postgresql":
        _run(function_statements())
    else:
        append_only.install(connection)


def _run(statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
