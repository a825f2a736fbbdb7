"""`manage.py serve`: the whole portal (web, worker, signer, sweep) by one command."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from governance.management.commands.load_framework import load_new_shipped_frameworks
from portal.supervisor import SupervisorError, require_free_port


class Command(BaseCommand):
    help = "Start web, worker, signer and sweep together and keep them running until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--prepare",
            action="store_true",
            help="first create or migrate the database and collect the static files",
        )
        parser.add_argument(
            "--story",
            action="store_true",
            help="load the example story once, when the portal is still empty",
        )
        parser.add_argument(
            "--no-signer",
            action="store_true",
            help="leave the signer out: it runs elsewhere, as `manage.py sign_log` under its own user",
        )
        parser.add_argument("--web-processes", type=int, default=2)
        parser.add_argument("--worker-processes", type=int, default=2)

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, prepare, then turn into the supervisor (which never imports Django)."""
        bind, port = settings.COUNTERSIGN_BIND, settings.COUNTERSIGN_PORT
        lock_data_folder(settings.COUNTERSIGN_DATA)
        try:
            require_free_port(bind, port)
        except SupervisorError as error:
            raise CommandError(str(error)) from error
        if options["prepare"]:
            self.prepare()
        elif list_pending_migrations():
            raise CommandError(
                f"The database lacks {', '.join(list_pending_migrations())}. "
                "Run: manage.py migrate (or start with --prepare)."
            )
        command = [
            *(sys.executable, "-m", "portal.supervisor"),
            *("--bind", bind, "--port", str(port), "--origin", settings.COUNTERSIGN_ORIGIN),
            *("--data", str(settings.COUNTERSIGN_DATA)),
            *("--web", str(options["web_processes"])),
            *("--worker", str(options["worker_processes"])),
            *(["--story"] if options["story"] else []),
            *(["--no-signer"] if options["no_signer"] else []),
        ]
        connection.close()
        os.chdir(settings.BASE_DIR)
        os.execv(sys.executable, command)  # noqa: S606 - our own interpreter, our own words

    def prepare(self) -> None:
        """Migrate and collect static files, where there is anything new."""
        pending = list_pending_migrations()
        if pending:
            self.say(f"Preparing the database ({len(pending)} migrations)")
            call_command("migrate", interactive=False, verbosity=0)
        loaded = load_new_shipped_frameworks()
        if loaded:
            self.say(f"Loaded {loaded} frameworks")
        if collect_static_files():
            self.say("Collected the static files")

    def say(self, text: str) -> None:
        """Print at once: what is still in a buffer when the supervisor takes over is lost."""
        self.stdout.write(text)
        self.stdout.flush()


def collect_static_files() -> bool:
    """Collect and compress the static files when any has changed; say whether one had.

    The REST framework's own are left out: its browsable pages are switched off.
    """
    stamp = settings.COUNTERSIGN_DATA / "static.stamp"
    wanted = digest_static_files()
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    call_command(
        "collectstatic",
        interactive=False,
        clear=True,
        verbosity=0,
        ignore_patterns=["rest_framework"],
    )
    stamp.write_text(wanted)
    return True


def lock_data_folder(data: Path) -> None:
    """Keep a second portal off this data folder for as long as this process lives.

    The lock belongs to the open file: it passes on to the supervisor, is not given to its
    children, and is released by the kernel however the supervisor ends.
    """
    handle = os.open(data / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.read(handle, 200).decode() or "another process"
        raise CommandError(
            f"A portal already runs on the data folder {data} ({owner}). "
            "End it first, or give this one a folder of its own: make run DATA=... PORT=..."
        ) from error
    os.ftruncate(handle, 0)
    os.write(handle, f"process {os.getpid()}, {settings.COUNTERSIGN_ORIGIN}".encode())
    os.set_inheritable(handle, True)


def list_pending_migrations() -> list[str]:
    """Return the migrations the database still lacks, as app.name."""
    executor = MigrationExecutor(connection)
    targets = executor.loader.graph.leaf_nodes()
    return [f"{step.app_label}.{step.name}" for step, _ in executor.migration_plan(targets)]


def digest_static_files() -> str:
    """Return a digest over name, size and time of every static file; contents are not read."""
    lines = []
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = os.stat(storage.path(name))
            lines.append(f"{name} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
