"""`manage.py create_administrator`: open the first organisation administrator's account."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.actions.people import create_administrator
from governance.actors import COMMAND, Actor
from governance.exceptions import GovernanceError
from governance.models import User


class Command(BaseCommand):
    help = "Open the first organisation administrator's account. The password is read from standard input or a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--full-name", required=True, help="the name that is printed on signatures")
        parser.add_argument("--email", required=True)
        parser.add_argument("--password-file", type=Path, metavar="FILE", help="default: standard input")
        parser.add_argument("--another", action="store_true", help="also when there is an administrator already")

    def handle(self, *args: Any, **options: Any) -> None:
        """Open the account and log it. Refused input ends with exit code 1 and the reason."""
        try:
            user = create_administrator(
                username=options["username"],
                full_name=options["full_name"],
                email=options["email"],
                password=_read_password(options["password_file"]),
                another=options["another"],
                actor=Actor(User.objects.system(), COMMAND),
            )
        except GovernanceError as error:
            hint = " Give --another to make one more all the same." if error.code == "duplicate" else ""
            raise CommandError(f"{error.message}{hint if error.field is None else ''}") from None
        self.stdout.write(f"{user.get_full_name()} may now sign in as “{user.username}” and open other accounts.")


def _read_password(file: Path | None) -> str:
    """The first line of the file or of standard input; asked for twice when a person sits there."""
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"The password file {file} cannot be read: {error}") from None
        return _first_line(text)
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            raise CommandError("The two passwords differ. Nothing was done.")
        return password
    return _first_line(sys.stdin.read())


def _first_line(text: str) -> str:
    lines = text.splitlines()
    if not lines or not lines[0]:
        raise CommandError("The password is empty. Nothing was done.")
    return lines[0]
