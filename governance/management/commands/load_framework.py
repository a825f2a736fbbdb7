"""Load frameworks from files, or those that come with the product."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.actions.frameworks import load_framework
from governance.actors import COMMAND, Actor
from governance.exceptions import Duplicate, GovernanceError
from governance.frameworks.catalogue import parse_framework, shipped_texts
from governance.models import FrameworkEdition, User

LARGEST_FILE = 1_000_000


class Command(BaseCommand):
    help = "Load framework files (YAML). A file with the id of a loaded framework corrects it; see the FORMAT.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
        parser.add_argument("--shipped", action="store_true", help="load those that come with the product")
        parser.add_argument("--check", action="store_true", help="only say whether the files can be loaded")

    def handle(self, *args: Any, **options: Any) -> None:
        texts = {str(path): read_file(path) for path in options["files"]}
        if options["shipped"]:
            texts |= shipped_texts()
        if not texts:
            raise CommandError("Name files, or say --shipped.")
        for name, text in texts.items():
            try:
                self.load(name, text, only_check=options["check"])
            except GovernanceError as error:
                raise CommandError(f"{name}: {error.message}") from None

    def load(self, name: str, text: str, *, only_check: bool) -> None:
        framework = parse_framework(text)
        if only_check:
            self.stdout.write(f"{name}: {framework.title}, {len(framework.controls)} controls, can be loaded")
            return
        try:
            edition = load_framework(text, actor=Actor(User.objects.system(), COMMAND))
        except Duplicate as already:
            self.stdout.write(f"{name}: {already.message}")
        else:
            self.stdout.write(f"{name}: loaded as {edition.key}, text {edition.number}")


def read_file(path: Path) -> str:
    """A file's text. Raises ``CommandError`` that says what is wrong with the file."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise CommandError(f"{path} is larger than {LARGEST_FILE:,} bytes.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from None


def load_new_shipped_frameworks() -> int:
    """Load what came with the product and was never loaded in any form; return how many. What somebody has corrected
    or withdrawn stays as they left it."""
    known = set(FrameworkEdition.objects.values_list("key", flat=True))
    new = [text for text in shipped_texts().values() if parse_framework(text).id not in known]
    for text in new:
        load_framework(text, actor=Actor(User.objects.system(), COMMAND))
    return len(new)
