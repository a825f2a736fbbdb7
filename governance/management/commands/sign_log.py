"""`manage.py sign_log`: seal the log with signed checkpoints, until told to stop."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseAway

from governance.signer import INTERVAL_SECONDS, BrokenEntry, SignerError, run, sign_once


class Command(BaseCommand):
    help = "Seal the log with signed checkpoints, and promotions with signed envelopes, until told to stop."
    requires_system_checks: list[str] = []  # the supervisor has made them; a signer starts fast

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="check the whole log, seal what is new, and end")
        parser.add_argument(
            "--interval",
            type=float,
            default=INTERVAL_SECONDS,
            metavar="SECONDS",
            help="how often to look for new entries (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit code 1 when the log is broken (only with --once) or the signer's files need an operator."""
        try:
            if options["once"]:
                self._seal_once()
                return
            stop = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
            run(stop, interval=options["interval"])
        except SignerError as error:
            raise CommandError(str(error)) from None

    def _seal_once(self) -> None:
        try:
            made = sign_once()
        except BrokenEntry as error:
            place = "The log" if error.index is None else f"Entry {error.index}"
            raise CommandError(f"{place} is not as it was recorded: {error.what}. Nothing was signed.") from None
        except DatabaseAway as error:
            raise CommandError(f"The database cannot be read: {error}") from None
        self.stdout.write("Nothing is new." if made is None else f"Sealed {made.size} entries.")
