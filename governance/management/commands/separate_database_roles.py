"""`manage.py separate_database_roles`: owner, application and signer as three roles on PostgreSQL."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection, transaction

from governance.database_roles import Roles, find_excess, separate


class Command(BaseCommand):
    help = (
        "Make three roles on PostgreSQL: the owner of the tables, the application, and the signer. Run it once as a "
        "superuser (or whoever owns the database and may create roles), and again after every migrate."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        names = Roles()
        parser.add_argument("--owner", default=names.owner, metavar="ROLE", help="default: %(default)s")
        parser.add_argument("--app", default=names.application, metavar="ROLE", help="default: %(default)s")
        parser.add_argument("--signer", default=names.signer, metavar="ROLE", help="default: %(default)s")
        for role in ("owner", "app", "signer"):
            parser.add_argument(
                f"--{role}-password-file",
                type=Path,
                metavar="FILE",
                help=f"sets the password of the {role}'s role to the first line of FILE; default: left as it is",
            )
        parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 when a role may too much")

    def handle(self, *args: Any, **options: Any) -> None:
        """Separate the roles in one transaction, or say what stands in the way."""
        if connection.vendor != "postgresql":
            raise CommandError("Roles are PostgreSQL's. SQLite has none: whoever can write its file can write it all.")
        roles = Roles(options["owner"], options["app"], options["signer"])
        if len(set(roles.all)) < len(roles.all):
            raise CommandError("Owner, application and signer must be three roles.")
        try:
            if not options["check"]:
                with transaction.atomic():
                    separate(roles, _read_passwords(roles, options))
            excess = list(find_excess(roles))
        except Error as error:
            raise CommandError(f"PostgreSQL refused: {error}") from None
        for what in excess:
            self.stdout.write(f"  {what}")
        if excess:
            raise CommandError(f"{len(excess):,} rights are more than the roles need.")
        self.stdout.write(
            f"{roles.owner} owns every table, {roles.application} can only add to the record, "
            f"and {roles.signer} only seals it."
        )


def _read_passwords(roles: Roles, options: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, role in zip(("owner", "app", "signer"), roles.all, strict=True):
        path = options[f"{name}_password_file"]
        if path is None:
            continue
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"The password file {path} cannot be read: {error}") from None
        if not lines or not lines[0]:
            raise CommandError(f"The password file {path} is empty.")
        found[role] = lines[0]
    return found
