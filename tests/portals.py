"""Portals started by tests as processes of their own, exactly as `make run` starts one.

Each has its own data folder, port, database and, where the run has Redis, its own Redis number.
Use the fixtures in tests/conftest.py rather than this module.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import urlopen

import psycopg
import redis

ROOT = Path(__file__).resolve().parent.parent
MANAGE = [sys.executable, str(ROOT / "manage.py")]
START_SECONDS = 90
STOP_SECONDS = 60


@dataclass
class Portal:
    """A running portal: its address, its data folder, and a way to run commands beside it."""

    url: str
    data: Path
    environment: dict[str, str]
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def manage(self, *arguments: str, text_in: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `manage.py ARGUMENTS` on this portal's data; an exit code other than 0 raises."""
        done = subprocess.run(
            [*MANAGE, *arguments],
            env=self.environment,
            cwd=ROOT,
            input=text_in,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"manage.py {arguments}: {done.stdout}\n{done.stderr}")
        return done

    def read_output(self) -> str:
        """Return what the portal printed so far."""
        return (self.data / "serve.log").read_text()

    def start(self, *options: str) -> None:
        """Start `manage.py serve` and wait until the health page answers."""
        with (self.data / "serve.log").open("a") as output:
            self.process = subprocess.Popen(
                [*MANAGE, "serve", *options],
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                text=True,
            )
        until = time.monotonic() + START_SECONDS
        while not self.is_answering():
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop_at_once()
                raise AssertionError(f"The portal did not come up:\n{self.read_output()}")
            time.sleep(0.1)

    def is_answering(self) -> bool:
        """Say whether the health page answers 200."""
        try:
            with urlopen(f"{self.url}/healthz", timeout=5) as answer:  # noqa: S310 - our own http
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal to the supervisor and return its exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(number)
        code = self.process.wait(timeout=STOP_SECONDS)
        self.process = None
        return code

    def stop_at_once(self) -> None:
        """End the portal without waiting for work in hand: a second signal means now."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=STOP_SECONDS)
            self.process = None

    def list_processes(self) -> dict[int, str]:
        """Return pid and command line of every process started for this portal's port or data."""
        marks = (f"COUNTERSIGN_DATA={self.data}\0", f"COUNTERSIGN_PORT={self.url.rsplit(':')[-1]}\0")
        found = {}
        for folder in Path("/proc").iterdir():
            try:
                environment = (folder / "environ").read_text(errors="replace")
                command = (folder / "cmdline").read_text(errors="replace")
            except (OSError, ValueError):
                continue  # not a process, or gone meanwhile
            if command and all(mark in environment for mark in marks):
                found[int(folder.name)] = command.replace("\0", " ")
        return found


def find_free_port() -> int:
    """Return a TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def own_database() -> Iterator[dict[str, str]]:
    """Yield the variables of a database of its own on the run's PostgreSQL, or none for SQLite."""
    url = os.environ.get("COUNTERSIGN_DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield {}
        return
    name = f"portal_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    try:
        yield {"COUNTERSIGN_DATABASE_URL": urlunsplit(urlsplit(url)._replace(path=f"/{name}"))}
    finally:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def own_broker() -> Iterator[dict[str, str]]:
    """Yield the variables of an unused number on the run's Redis, or none for the file queue."""
    url = os.environ.get("COUNTERSIGN_BROKER_URL", "")
    if not url.startswith("redis"):
        yield {}
        return
    base = urlsplit(url)
    keeper = redis.Redis(host=base.hostname or "localhost", port=base.port or 6379, db=0)
    number = next(n for n in range(1, 200) if keeper.set(f"portal-{n}", "taken", nx=True))
    try:
        yield {"COUNTERSIGN_BROKER_URL": urlunsplit(base._replace(path=f"/{number}"))}
    finally:
        keeper.delete(f"portal-{number}")
        keeper.close()


@contextmanager
def make_portal(template: Path, data: Path, **settings: str) -> Iterator[Portal]:
    """Yield a portal on a fresh data folder, not yet started; stop it at the end.

    `template` holds collected static files, which are linked instead of collected again.
    `settings` are further COUNTERSIGN_ variables, given without the prefix.
    """
    shutil.copytree(template, data, copy_function=os.link, dirs_exist_ok=True)
    port = find_free_port()
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("COUNTERSIGN_")}
    with own_database() as database, own_broker() as broker:
        environment = {
            **inherited,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "COUNTERSIGN_DATA": str(data),
            "COUNTERSIGN_PORT": str(port),
            **database,
            **broker,
            **{f"COUNTERSIGN_{name}": value for name, value in settings.items()},
        }
        portal = Portal(f"http://127.0.0.1:{port}", data, environment)
        try:
            yield portal
        finally:
            portal.stop_at_once()
