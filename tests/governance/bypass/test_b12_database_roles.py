"""On PostgreSQL three roles: the application can do all its work, and nothing to the record that is not its work."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from governance.append_only import check_guards
from governance.database_roles import Roles, find_excess
from governance.models import Checkpoint, Release
from governance.signer import sign_once
from tests.governance import log_history
from tests.governance.bypass.record import ON_POSTGRES, Record, url_of, verify_log
from tests.governance.log_history import make_history, note
from tests.guards import nothing_to_empty

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def roles() -> Iterator[Roles]:
    """Names of this test's own: roles belong to the whole server."""
    mark = uuid.uuid4().hex[:8]
    names = Roles(f"owner_{mark}", f"app_{mark}", f"signer_{mark}")
    yield names
    if ON_POSTGRES:
        with psycopg.connect(url_of("postgres"), autocommit=True) as server:
            for role in names.all:
                server.execute(f"DROP ROLE IF EXISTS {role}")


@pytest.fixture
def separated(roles: Roles, record: Record) -> Record:
    """The record, its roles separated by the command."""
    separate(roles)
    return record


def separate(roles: Roles, *options: str) -> str:
    output = StringIO()
    names = ("--owner", roles.owner, "--app", roles.application, "--signer", roles.signer)
    call_command("separate_database_roles", *names, *options, stdout=output)
    return output.getvalue()


@contextmanager
def connected_as(role: str) -> Iterator[None]:
    """This process works under the role."""
    before = connection.settings_dict["USER"]
    connection.close()
    connection.settings_dict["USER"] = role
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["USER"] = before


def link_as(role: str, record: Record) -> Any:
    address = urlsplit(url_of(record.name))
    return psycopg.connect(urlunsplit(address._replace(netloc=f"{role}@{address.hostname}:{address.port}")))


# What somebody who took over the application would try, and what the answer is.
ATTEMPTS = [
    "ALTER TABLE governance_auditlogentry DISABLE TRIGGER append_only_update",
    "ALTER TABLE governance_auditlogentry DISABLE TRIGGER ALL",
    "DROP TRIGGER append_only_update ON governance_auditlogentry",
    "CREATE TRIGGER aaa BEFORE UPDATE ON governance_signoff FOR EACH ROW EXECUTE FUNCTION countersign_refuse()",
    "CREATE OR REPLACE FUNCTION countersign_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "DROP FUNCTION countersign_refuse() CASCADE",
    "SET session_replication_role = replica",
    "UPDATE governance_auditlogentry SET type = 'x'",
    "UPDATE governance_signoff SET decision = 'approve'",
    "UPDATE governance_release SET envelope = 'x'",
    "UPDATE governance_release SET statement = 'x'",
    "UPDATE governance_checkpoint SET note = 'x'",
    "DELETE FROM governance_auditlogentry",
    "DELETE FROM governance_logsubject",
    "DELETE FROM governance_signoff",
    "DELETE FROM governance_release",
    "DELETE FROM governance_user",
    "DELETE FROM governance_loghead",
    "TRUNCATE governance_auditlogentry CASCADE",
    "TRUNCATE governance_idempotencyrecord",
    "INSERT INTO governance_checkpoint (size, root, note, signed_at) VALUES (9999, '', 'x', now())",
    "INSERT INTO governance_revocationlist (issued_at, valid_until, log_size, envelope) VALUES (now(), now(), 1, '')",
    "INSERT INTO django_migrations (app, name, applied) VALUES ('governance', 'x', now())",
    "DROP TABLE governance_auditlogentry CASCADE",
    "ALTER TABLE governance_auditlogentry RENAME TO kept",
    "ALTER TABLE governance_auditlogentry ADD COLUMN more text",
    "CREATE RULE hide AS ON INSERT TO governance_auditlogentry DO INSTEAD NOTHING",
    "ALTER TABLE governance_auditlogentry ENABLE ROW LEVEL SECURITY",
    "CREATE TABLE mine (id int)",
    "CREATE TEMPORARY TABLE governance_signoff (id int)",
    "SET ROLE {owner}",
    "SET SESSION AUTHORIZATION {owner}",
    "GRANT {owner} TO {app}",
    "ALTER ROLE {app} SUPERUSER",
    "ALTER TABLE governance_auditlogentry OWNER TO {app}",
    "COPY governance_auditlogentry TO PROGRAM 'cat'",
    "SELECT pg_read_file('postgresql.conf')",
]
# Refused by right, where the trigger would have been asked only after it.
NO = (psycopg.errors.InsufficientPrivilege,)


def tries(record: Record, role: str, statement: str) -> Exception | None:
    with link_as(role, record) as link:
        try:
            link.execute(statement)
        except psycopg.Error as error:
            link.rollback()
            return error
        link.rollback()
        return None


def run_errand(roles: Roles, patch: pytest.MonkeyPatch) -> None:
    """People, a model, evidence, audits, sign-offs, promotions, a report: everything that the history does, under the
    application's role, and each seal under the signer's."""
    seal: Callable[[], Any] = sign_once

    def seal_as_the_signer() -> Any:
        with connected_as(roles.signer):
            return seal()

    patch.setattr(log_history, "sign_once", seal_as_the_signer)
    with connected_as(roles.application):
        history = make_history()
        note(history.root, count=3)
        seal_as_the_signer()


if ON_POSTGRES:

    def test_application_can_do_nothing_to_the_record(separated: Record, roles: Roles) -> None:
        connection.close()
        names = {"owner": roles.owner, "app": roles.application}
        answers = {text: tries(separated, roles.application, text.format(**names)) for text in ATTEMPTS}
        assert {text: repr(answer) for text, answer in answers.items() if not isinstance(answer, NO)} == {}
        assert verify_log()[0] == 0

    def test_signer_can_only_seal(separated: Record, roles: Roles) -> None:
        connection.close()
        names = {"owner": roles.owner, "app": roles.signer}
        may = {
            text
            for text in ATTEMPTS
            if text.startswith(("INSERT INTO governance_checkpoint", "INSERT INTO governance_rev"))
        }
        may.add("UPDATE governance_release SET envelope = 'x'")
        extra = [
            "INSERT INTO governance_logsubject (entry_id, kind, object_id) VALUES (1, 'x', 1)",
            "UPDATE governance_modelversion SET state = 'RELEASED'",
            "UPDATE governance_user SET is_organisation_administrator = true",
            "INSERT INTO governance_signoff (id) VALUES (1)",
            "UPDATE governance_release SET ended_at = now()",
        ]
        answers = {text: tries(separated, roles.signer, text.format(**names)) for text in [*ATTEMPTS, *extra]}
        refused = {text for text, answer in answers.items() if isinstance(answer, NO)}
        assert refused == {*ATTEMPTS, *extra} - may
        # What is sealed is sealed: the trigger says so where the right does not.
        assert isinstance(answers["UPDATE governance_release SET envelope = 'x'"], psycopg.errors.IntegrityError)

    def test_portal_does_all_its_work_under_the_roles(
        roles: Roles, empty_record: Record, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        separate(roles)
        run_errand(roles, monkeypatch)
        assert Checkpoint.objects.count() >= 4
        assert not Release.objects.filter(envelope="").exists()
        with connected_as(roles.application):
            code, said = verify_log()
        assert code == 0, said

    def test_owner_migrates_and_the_command_is_repeated(separated: Record, roles: Roles) -> None:
        with connected_as(roles.owner):
            call_command("migrate", verbosity=0, interactive=False)
            with connection.schema_editor() as editor:
                editor.execute("CREATE TABLE governance_later (id bigint PRIMARY KEY)")
        assert isinstance(tries(separated, roles.application, "SELECT * FROM governance_later"), NO)
        connection.close()
        assert "owns every table" in separate(roles)
        assert tries(separated, roles.application, "SELECT * FROM governance_later") is None

    def test_application_starts_without_changing_anything(separated: Record, roles: Roles) -> None:
        with connected_as(roles.application):
            call_command("migrate", verbosity=0, interactive=False)
            assert check_guards(databases=["default"]) == []

    def test_check_names_rights_that_are_too_much(separated: Record, roles: Roles) -> None:
        assert separate(roles, "--check") != ""
        connection.close()
        with separated.broken_into() as run:
            run(f"GRANT DELETE ON governance_auditlogentry TO {roles.application}")
            run(f"GRANT UPDATE ON governance_signoff TO {roles.application}")
            run(f"ALTER TABLE governance_waiver OWNER TO {roles.application}")
            run(f"GRANT {roles.owner} TO {roles.signer}")
            run(f"GRANT INSERT ON governance_auditlogentry TO {roles.signer}")
        found = set(find_excess(roles))
        assert {
            f"{roles.application} has DELETE on governance_auditlogentry",
            f"{roles.application} has UPDATE on governance_signoff.decision",
            f"{roles.application} owns governance_waiver",
            f"{roles.signer} may act as {roles.owner}",
            f"{roles.signer} has INSERT on governance_auditlogentry.body",
        } <= found
        with pytest.raises(CommandError, match="rights are more than the roles need"):
            separate(roles, "--check")
        with separated.broken_into() as run:
            run(f"REVOKE {roles.owner} FROM {roles.signer}")
        separate(roles)
        assert list(find_excess(roles)) == []

    def test_passwords_are_read_from_files_and_kept_as_digests(roles: Roles, record: Record, tmp_path: Path) -> None:
        (tmp_path / "app").write_text("a long enough passphrase\n")
        separate(roles, "--app-password-file", str(tmp_path / "app"))
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolname, rolpassword FROM pg_authid WHERE rolname = ANY(%s)", [list(roles.all)])
            kept = dict(cursor.fetchall())
        assert kept[roles.application].startswith("SCRAM-SHA-256$")
        assert (kept[roles.owner], kept[roles.signer]) == (None, None)
        (tmp_path / "app").write_text("")
        with pytest.raises(CommandError, match="is empty"):
            separate(roles, "--app-password-file", str(tmp_path / "app"))

    def test_owner_of_the_database_need_not_be_a_superuser(roles: Roles, record: Record) -> None:
        """As on servers that others run: a role that owns the database and may create roles."""
        chief = f"chief_{uuid.uuid4().hex[:8]}"
        connection.close()
        with psycopg.connect(url_of(record.name), autocommit=True) as server:
            server.execute(f"CREATE ROLE {chief} LOGIN CREATEROLE")
            server.execute(f'ALTER DATABASE "{record.name}" OWNER TO {chief}')
            for (table,) in server.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
                server.execute(f"ALTER TABLE {table} OWNER TO {chief}")
            for name in ("countersign_refuse", "countersign_refuse_change"):
                server.execute(f"ALTER FUNCTION {name}() OWNER TO {chief}")
        try:
            with connected_as(chief):
                separate(roles)
            assert list(find_excess(roles)) == []
        finally:
            connection.close()
            with psycopg.connect(url_of(record.name), autocommit=True) as server:
                server.execute(f"REASSIGN OWNED BY {chief} TO postgres")
                server.execute(f"DROP OWNED BY {chief} CASCADE")
                server.execute(f"DROP ROLE {chief}")

else:

    def test_sqlite_has_no_roles(roles: Roles) -> None:
        nothing_to_empty.append(True)
        with pytest.raises(CommandError, match="Roles are PostgreSQL's"):
            separate(roles)
