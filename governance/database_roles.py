"""Three roles on PostgreSQL, so that a portal that was taken over cannot take down what guards the record.

The owner owns every table and migrates; nobody else can switch a trigger off. The application reads and writes, but of
append-only tables it may only add rows and fill what is empty, and of seals it may write none. The signer reads
everything and adds seals. A role that is not named here may nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from governance.append_only import GUARDS

# Only the signer adds to these, and it alone seals releases.
SEALS = ("governance_checkpoint", "governance_cosignature", "governance_timestamp", "governance_revocationlist")
SEALED = {"governance_release": "envelope", "governance_reportsignature": "signature"}
# What only a migration changes.
OWNERS_OWN = ("django_migrations", "django_content_type", "auth_permission")


@dataclass(frozen=True)
class Roles:
    """The names of the three roles."""

    owner: str = "countersign_owner"
    application: str = "countersign_app"
    signer: str = "countersign_signer"

    @property
    def all(self) -> tuple[str, str, str]:
        return self.owner, self.application, self.signer


def separate(roles: Roles, passwords: Mapping[str, str]) -> None:
    """Make the roles where they are missing and give each exactly its rights; may be repeated at any time.

    ``passwords`` are set where one is given. Runs inside the caller's transaction, as a superuser or as a role that
    may create roles and owns the database. Raises what PostgreSQL answers when it may not.
    """
    with connection.cursor() as cursor:
        for role in roles.all:
            _make_role(cursor, role, passwords.get(role))
        _close_database(cursor, roles)
        _hand_over(cursor, roles.owner)
        for table in _tables(cursor):
            _run(cursor, "REVOKE ALL ON {} FROM PUBLIC, {}, {}", table, roles.application, roles.signer)
            for role, right in _rights(table, roles):
                _run(cursor, f"GRANT {right} ON {{}} TO {{}}", table, role)
        for sequence in _sequences(cursor):
            _run(cursor, "GRANT USAGE ON SEQUENCE {} TO {}, {}", sequence, roles.application, roles.signer)


def find_excess(roles: Roles) -> Iterator[str]:
    """Say what the application or the signer may do beyond what ``separate`` gives them."""
    with connection.cursor() as cursor:
        for role in (roles.application, roles.signer):
            yield from (f"{role} {what}" for what in _excess_of(cursor, role, roles))


# --- Making ---------------------------------------------------------------------------------------


def _make_role(cursor: CursorWrapper, role: str, password: str | None) -> None:
    cursor.execute(
        "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls OR NOT rolcanlogin "
        "FROM pg_roles WHERE rolname = %s",
        [role],
    )
    found = cursor.fetchone()
    if found is None:
        _run(cursor, "CREATE ROLE {} LOGIN", role)
    elif found[0]:  # such powers would go past everything below
        _run(cursor, "ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS", role)
    if password is not None:
        # As a digest, so that it stands in no log of statements.
        connection.ensure_connection()
        digest = connection.connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
        cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(digest.decode())))


def _hand_over(cursor: CursorWrapper, owner: str) -> None:
    """Everything in the schema to the owner; sequences of columns follow their tables."""
    _run(cursor, "GRANT {} TO CURRENT_USER", owner)
    for table in _tables(cursor):
        _run(cursor, "ALTER TABLE {} OWNER TO {}", table, owner)
    cursor.execute(
        "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace "
        "AND p.proname LIKE 'countersign%%'"
    )
    for (function,) in cursor.fetchall():
        cursor.execute(sql.SQL("ALTER FUNCTION {} OWNER TO {}").format(sql.SQL(function), sql.Identifier(owner)))


def _close_database(cursor: CursorWrapper, roles: Roles) -> None:
    cursor.execute("SELECT current_database(), current_schema()")
    database, schema = cursor.fetchone()
    _run(cursor, "REVOKE ALL ON DATABASE {} FROM PUBLIC", database)
    _run(cursor, "REVOKE ALL ON SCHEMA {} FROM PUBLIC", schema)
    for role in roles.all:
        _run(cursor, "GRANT CONNECT ON DATABASE {} TO {}", database, role)
        _run(cursor, "GRANT USAGE ON SCHEMA {} TO {}", schema, role)
    _run(cursor, "GRANT CREATE ON SCHEMA {} TO {}", schema, roles.owner)


def _rights(table: str, roles: Roles) -> Iterator[tuple[str, str]]:
    """(role, right) for one table."""
    yield roles.application, "SELECT"
    yield roles.signer, "SELECT"
    if table in SEALS:
        yield roles.signer, "INSERT"
    elif table not in OWNERS_OWN:
        yield roles.application, "INSERT"
        yield from ((roles.application, right) for right in _changes(table))
    if table in SEALED:
        yield roles.signer, f"UPDATE ({SEALED[table]})"


def _changes(table: str) -> Iterator[str]:
    """What the application may change and delete in a table that it writes to."""
    guard = next((guard for guard in GUARDS if guard.table == table), None)
    if guard is None:
        yield "UPDATE, DELETE"
    elif guard.updates:
        yield "UPDATE"
    else:
        columns = {name.partition(":")[0] for name in guard.fill_once} - {SEALED.get(table)}
        if columns:
            yield f"UPDATE ({', '.join(sorted(columns))})"


# --- Checking -------------------------------------------------------------------------------------

EXCESS = """
SELECT c.relname, p.privilege
FROM pg_class c, unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES']) AS p(privilege)
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND c.relname = ANY(%s)
AND has_table_privilege(%s, c.oid, p.privilege)
UNION ALL
SELECT table_name || '.' || column_name, privilege_type FROM information_schema.column_privileges
WHERE table_schema = current_schema() AND grantee IN (%s, 'PUBLIC') AND privilege_type IN ('UPDATE', 'INSERT')
ORDER BY 1, 2
"""


def _excess_of(cursor: CursorWrapper, role: str, roles: Roles) -> Iterator[str]:
    cursor.execute("SELECT rolsuper OR rolcreaterole OR rolbypassrls FROM pg_roles WHERE rolname = %s", [role])
    powers = cursor.fetchone()
    if powers is None:
        yield "does not exist"
        return
    if powers[0]:
        yield "has powers over other roles or past every right"
        return
    cursor.execute("SELECT pg_has_role(%s, %s, 'MEMBER')", [role, roles.owner])
    if cursor.fetchone()[0]:
        yield f"may act as {roles.owner}"
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
        "AND relowner = (SELECT oid FROM pg_roles WHERE rolname = %s) ORDER BY 1",
        [role],
    )
    for (table,) in cursor.fetchall():
        yield f"owns {table}"
    yield from _excess_on_tables(cursor, role, roles)


def _excess_on_tables(cursor: CursorWrapper, role: str, roles: Roles) -> Iterator[str]:
    guarded = {guard.table: guard for guard in GUARDS}
    given: dict[str, set[str]] = {}
    for table in _tables(cursor):
        for who, right in _rights(table, roles):
            if who == role:
                given.setdefault(table, set()).add(right)
    cursor.execute(EXCESS, [list(guarded), role, role])
    for name, privilege in cursor.fetchall():
        table, _dot, column = name.partition(".")
        rights = given.get(table, set())
        whole = any(privilege in right.split(", ") for right in rights)
        part = any(right.startswith(f"{privilege} (") and column in right for right in rights)
        if not (column and (whole or part)):
            yield f"has {privilege} on {name}"


# --- Reading --------------------------------------------------------------------------------------


def _tables(cursor: CursorWrapper) -> list[str]:
    return [item.name for item in connection.introspection.get_table_list(cursor) if item.type in ("t", "p")]


def _sequences(cursor: CursorWrapper) -> list[str]:
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'S' AND relnamespace = current_schema()::regnamespace ORDER BY 1"
    )
    return [row[0] for row in cursor.fetchall()]


def _run(cursor: CursorWrapper, statement: str, *names: str) -> None:
    cursor.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))
