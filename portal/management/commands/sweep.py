"""`manage.py sweep`: ring again for work that was left waiting or whose worker died."""

from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections
from kombu.exceptions import OperationalError

from governance.actions.log import record_heartbeat
from governance.actors import SYSTEM, Actor
from governance.exceptions import TransitionNotAllowed
from governance.log_state import is_heartbeat_due
from governance.models import User
from governance.tasks import Sweep
from portal.expiry import withdraw_expired_releases

logger = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 60.0


class Command(BaseCommand):
    help = "Ring again for waiting work and withdraw expired releases; with --every N, go on until told to stop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, metavar="SECONDS", help="repeat with this pause; default: once")

    def handle(self, *args: Any, **options: Any) -> None:
        """Sweep once, or until SIGTERM; while database or broker is away, ask more rarely."""
        sweep = Sweep()
        if options["every"] is None:
            sweep.ring()
            withdraw_expired_releases()
            give_sign_of_life()
            return
        told_to_stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: told_to_stop.set())
        pause = options["every"]
        while not told_to_stop.wait(pause):
            close_old_connections()
            try:
                sweep.ring()
                withdraw_expired_releases()
                give_sign_of_life()
                pause = options["every"]
            except (DatabaseError, OperationalError, OSError) as error:
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                logger.error(
                    "Cannot sweep: %s. Is the database up, the disk not full and the broker at "
                    "COUNTERSIGN_BROKER_URL there? Trying again in %.0f s.",
                    error,
                    pause,
                )


def give_sign_of_life() -> None:
    """Append one to the log when nothing else happened for a day, so that it is sealed anew every day."""
    if is_heartbeat_due():
        with suppress(TransitionNotAllowed):  # another sweep was first
            record_heartbeat(actor=Actor(User.objects.system(), SYSTEM))
