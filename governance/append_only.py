"""Triggers inside the database that refuse to change or delete what was recorded, whoever asks for it.

They are a first fence and never the proof: whoever owns the tables can take them down. ``verify_log`` says when they
do not stand as they are written here, and finds what was changed meanwhile.

A later migration that rewrites guarded rows begins with ``RunPython(append_only.lift, append_only.lift)``, as does one
that drops a column of theirs; Django's own rebuilding of a table on SQLite loses its triggers. Either way they are put
back when ``migrate`` ends.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Warning
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder

from governance.append_only_sql import Guard, drop_statement, function_statements, list_triggers, read_triggers

logger = logging.getLogger(__name__)

APP = "governance"
INSTALLED_BY = "0006_append_only"
GUARDS = (
    Guard("governance_auditlogentry"),
    Guard("governance_logsubject"),
    Guard("governance_lognode"),
    Guard("governance_checkpoint"),
    Guard("governance_cosignature"),
    Guard("governance_timestamp"),
    Guard("governance_revocationlist"),
    Guard("governance_loghead", updates=True),
    Guard("governance_dossiersnapshot"),
    Guard("governance_policytext"),
    Guard("governance_signoff", ("log_index",)),
    Guard("governance_overrule", ("log_index",)),
    Guard("governance_waiver", ("log_index",)),
    Guard("governance_riskassessment", ("log_index",)),
    Guard("governance_release", ("log_index", "envelope", "ended_at", "end_reason:ended_at")),
    Guard("governance_reportsignature", ("log_index", "signature")),
    Guard("governance_user", updates=True),
    Guard("governance_secondfactor", updates=True),
    Guard("governance_remark", ("log_index", "resolved_by_id", "resolved_at", "resolution:resolved_at")),
    Guard("governance_remark_mentions"),
    Guard("governance_frameworkedition", ("log_index", "withdrawn_at", "withdrawn_by_id")),
    Guard("governance_answer", ("log_index",)),
    Guard("governance_factsignature", ("log_index",)),
    Guard("governance_controlruling", ("log_index",)),
)


def install(connection: BaseDatabaseWrapper) -> int:
    """Put up every trigger that does not stand as it should; return how many. Changes nothing where all stand."""
    standing = read_triggers(connection)
    wanted = list_triggers(connection, GUARDS)
    lacking = [trigger for trigger in wanted if standing.get((trigger.table, trigger.name)) != trigger.meaning]
    if not lacking:
        return 0
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        for statement in function_statements() if connection.vendor == "postgresql" else ():
            cursor.execute(statement)
        for trigger in lacking:
            cursor.execute(drop_statement(connection, (trigger.table, trigger.name)))
            for statement in trigger.statements:
                cursor.execute(statement)
    return len(lacking)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take down every append-only trigger. Only migrations do this."""
    with connection.cursor() as cursor:
        for key in read_triggers(connection):
            cursor.execute(drop_statement(connection, key))


def find_fallen(connection: BaseDatabaseWrapper) -> Iterator[str]:
    """Say of every trigger that does not stand as it should what is wrong with it."""
    standing = read_triggers(connection)
    for trigger in list_triggers(connection, GUARDS):
        found = standing.get((trigger.table, trigger.name))
        if found != trigger.meaning:
            said = "is missing" if found is None else "was changed or switched off"
            yield f"the trigger {trigger.name} that keeps {trigger.table} append-only {said}"


# --- When ----------------------------------------------------------------------------------------


def raise_guards(apps: Any, schema_editor: Any) -> None:
    """As a step of a migration: put the triggers up."""
    install(schema_editor.connection)


def lift(apps: Any, schema_editor: Any) -> None:
    """As a step of a migration that must rewrite guarded rows: take the triggers down until ``migrate`` ends."""
    remove(schema_editor.connection)


def put_back(using: str = DEFAULT_DB_ALIAS, **given: Any) -> None:
    """After every ``migrate``: what a migration took down stands again. Listens to ``post_migrate``."""
    connection = connections[using]
    if (APP, INSTALLED_BY) in MigrationRecorder(connection).applied_migrations() and (count := install(connection)):
        # No warning: new tables and rewritten ones end every migration so. What fell otherwise, the check has said.
        logger.info("Put up %d triggers that keep the record append-only, after the migrations.", count)


def check_guards(databases: Any = None, **given: Any) -> list[CheckMessage]:
    """A system check of ``check --database`` and ``migrate``: every trigger stands."""
    messages: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        if (APP, INSTALLED_BY) in MigrationRecorder(connection).applied_migrations():
            messages += [
                Warning(
                    f"In the database {what}.",
                    hint="Find out who took it down and run verify_log. Then put it back: manage.py migrate",
                    id="governance.W001",
                )
                for what in find_fallen(connection)
            ]
    return messages


def refuse_fixture(sender: Any, raw: bool = False, **given: Any) -> None:
    """Fixtures would write decisions that nobody took. Listens to ``pre_save``; ``raw`` is what ``loaddata`` sets."""
    if raw and sender._meta.app_label == APP:
        name = sender._meta.verbose_name
        raise IntegrityError(f"Countersign loads no fixtures: a {name} comes into being by an action that is logged.")
