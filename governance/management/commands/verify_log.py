"""`manage.py verify_log`: check the whole log again, and every table that it can vouch for."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseAway

from governance.log_verification import Problem, Verification, own_trust, verify, verify_files
from governance.notes import NoteError, VerifierKey
from governance.signer_files import SignerError
from governance.trust import Trust

TAMPERED, NOT_VERIFIABLE = 1, 2
SHOWN = 50


class Command(BaseCommand):
    help = "Check the log from its stored bytes, and every table against it. Exit 0: whole, 1: changed, 2: cannot tell."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--vkey",
            type=Path,
            metavar="FILE",
            help="verifier keys you trust, one per line; default: the one the signer published on this machine",
        )
        parser.add_argument("--evidence", action="store_true", help="also read every stored file again")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was checked and everything that is wrong. Nothing is repaired and nothing is written."""
        began = time.monotonic()
        trust = _read_own_trust() if options["vkey"] is None else Trust.of(_read_vkeys(options["vkey"]))
        try:
            found = verify(vkeys=trust, progress=self._progress("entries"))
            files = verify_files(progress=self._progress("files")) if options["evidence"] else ()
        except DatabaseAway as error:
            raise CommandError(f"The database cannot be read: {error}", returncode=NOT_VERIFIABLE) from None
        except Exception as error:  # whatever happens, it must neither read as whole nor as changed
            raise CommandError(f"The check itself failed: {error!r}", returncode=NOT_VERIFIABLE) from error
        self._summarise(found, time.monotonic() - began)
        problems = (*found.problems, *files)
        for problem in problems[:SHOWN]:
            self.stdout.write(f"  {_place(problem)}: {problem.what}")
        if len(problems) > SHOWN:
            self.stdout.write(f"  … and {len(problems) - SHOWN:,} more.")
        for doubt in found.doubts:
            self.stdout.write(f"  Not checked: {doubt}")
        self._end(problems, found.doubts, files_read=options["evidence"])

    def _summarise(self, found: Verification, seconds: float) -> None:
        self.stdout.write(
            f"Read {found.entries:,} entries and {found.checkpoints:,} checkpoints that hold in {seconds:.1f} s."
        )
        unsealed = found.entries - found.sealed
        if unsealed and not found.problems:
            self.stdout.write(f"The last {unsealed:,} entries are not sealed by a checkpoint yet.")

    def _end(self, problems: tuple[Problem, ...], doubts: tuple[str, ...], *, files_read: bool) -> None:
        if problems:
            first = _place(problems[0])
            raise CommandError(f"CHANGED: {len(problems):,} problems, the first at {first}.", returncode=TAMPERED)
        if doubts:
            raise CommandError("Nothing wrong was found, but not all could be checked.", returncode=NOT_VERIFIABLE)
        with_files = ", and every stored file," if files_read else ""
        self.stdout.write(f"Whole: the log{with_files} and the tables it vouches for are as they were recorded.")
        if not files_read:
            self.stdout.write("Stored files were not read; --evidence reads every one again.")

    def _progress(self, what: str) -> Callable[[int, int], None] | None:
        """A line that rewrites itself, only where a person sees it."""
        if not sys.stderr.isatty():
            return None

        def show(done: int, total: int) -> None:
            end = "\n" if done >= total else ""
            self.stderr.write(f"\r{what}: {done:,} of {total:,}", ending=end)
            self.stderr.flush()

        return show


def _place(problem: Problem) -> str:
    return "the log as a whole" if problem.index is None else f"entry {problem.index}"


def _read_own_trust() -> Trust:
    try:
        return own_trust()
    except SignerError as error:
        raise CommandError(str(error), returncode=NOT_VERIFIABLE) from None


def _read_vkeys(path: Path) -> tuple[str, ...]:
    try:
        found = tuple(path.read_text(encoding="utf-8").split())
        for vkey in found:
            VerifierKey.from_text(vkey)
    except (OSError, UnicodeDecodeError, NoteError) as error:
        raise CommandError(f"The verifier keys in {path} cannot be used: {error}", returncode=NOT_VERIFIABLE) from None
    if not found:
        raise CommandError(f"{path} holds no verifier key.", returncode=NOT_VERIFIABLE)
    return found
