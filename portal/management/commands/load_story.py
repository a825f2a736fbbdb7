"""`manage.py load_story`: tell the example story to an empty, running portal."""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from countersign import CountersignError
from governance.actions.people import create_administrator
from governance.actors import COMMAND, Actor
from governance.models import User
from portal.story.cast import ADMINISTRATOR, SignIns, write_privately
from portal.story.chapters import BEGINNING, STRANDS, Chapter
from portal.story.office import Office, StoryError, lock_story


class Command(BaseCommand):
    """Killed in the middle, the next start goes on: the passwords are kept before they are used, every chapter looks
    up what has happened, and only the end is marked."""

    help = "Load the example story through the API of the running portal. Invented people, real computations."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default=settings.COUNTERSIGN_ORIGIN, help="default: the portal's own address")
        parser.add_argument(
            "--if-empty", action="store_true", help="do nothing, and succeed, where people use the portal already"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell what is left of the story. Exit code 1 with the reason when it cannot be told."""
        folder: Path = settings.COUNTERSIGN_DATA / "story"
        is_begun = (folder / "sign-ins.json").exists() and _has_user(ADMINISTRATOR.login)
        if not is_begun and User.objects.filter(is_system=False).exists():
            if options["if_empty"]:
                return
            raise CommandError("There are people in this portal already; the story is told to an empty one only.")
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            lock = lock_story(folder)
            sign_ins = SignIns.read_or_draw(folder)
            if not (is_begun and sign_ins.is_told):
                self.tell(Office(options["url"], folder, sign_ins, lock))
        except (CountersignError, StoryError) as error:
            raise CommandError(str(error)) from error
        os.close(lock)
        write_privately(settings.COUNTERSIGN_DATA / "sign-ins.txt", sign_ins.describe(options["url"]))

    def tell(self, office: Office) -> None:
        """Open the first account on the command line, as an operator does; everything else happens over HTTP."""
        self.say("Loading the example story (once; about half a minute)")
        if not _has_user(ADMINISTRATOR.login):
            create_administrator(
                username=ADMINISTRATOR.login,
                full_name=ADMINISTRATOR.full_name,
                email=ADMINISTRATOR.email,
                password=office.password_of(ADMINISTRATOR),
                actor=Actor(User.objects.system(), COMMAND),
            )
        self.tell_strand(office, (BEGINNING,))
        with ThreadPoolExecutor(len(STRANDS)) as pool:
            list(pool.map(lambda strand: self.tell_strand(office, strand), STRANDS))
        office.close()
        office.sign_ins.mark_told()

    def tell_strand(self, office: Office, strand: Sequence[Chapter]) -> None:
        """Tell chapters in their order and say of each how it ended."""
        for title, chapter in strand:
            started = time.monotonic()
            outcome = chapter(office)
            self.say(f"  {title}: {outcome} ({time.monotonic() - started:.0f} s)")

    def say(self, text: str) -> None:
        """Print at once: somebody is waiting."""
        self.stdout.write(text)
        self.stdout.flush()


def _has_user(login: str) -> bool:
    return User.objects.filter(username=login).exists()
