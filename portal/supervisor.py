"""Start web, worker, signer and sweep, keep them running, and end them together.

`manage.py serve` checks the settings and then turns into this module, which imports nothing
but the standard library and so stays small. Each child runs in a session of its own: Ctrl-C
reaches only the supervisor, which passes the word on, and a child that will not end can be
killed with everything it started.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 25.0
QUICK_DEATH_SECONDS = 10.0
QUICK_DEATHS_ALLOWED = 5
LONGEST_BACKOFF_SECONDS = 16.0
PORT_PATIENCE_SECONDS = 5.0
LOOP_SECONDS = 0.2


class SupervisorError(Exception):
    """Something the operator must repair; the message says what and how."""


def say(text: str) -> None:
    """Print one line for the operator at once."""
    print(text, flush=True)


def end_with_parent() -> Callable[[], None]:
    """Return a function for the child that has the kernel stop it when the supervisor dies.

    Without it a supervisor killed with -9 would leave its children on the port.
    """
    parent = os.getpid()
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def ask_kernel() -> None:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

    return ask_kernel


@dataclass
class Child:
    """One process to keep running."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    quick_deaths: int = 0

    def start(self) -> None:
        """Start the process in a session of its own."""
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent(),
        )

    def is_running(self) -> bool:
        """Say whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def keep_running(self) -> None:
        """Start the process again when it has died, later each time it dies young.

        Raises SupervisorError after five deaths in a row within ten seconds of a start.
        """
        if self.is_running():
            return
        now = time.monotonic()
        if self.process is not None:
            self.note_death(self.process.returncode, now)
        if now >= self.restart_at:
            self.start()

    def note_death(self, code: int, now: float) -> None:
        """Clear up after a dead process and decide when it may start again."""
        self.signal_group(signal.SIGKILL)
        self.process = None
        died_young = now - self.started_at < QUICK_DEATH_SECONDS
        self.quick_deaths = self.quick_deaths + 1 if died_young else 0
        if self.quick_deaths >= QUICK_DEATHS_ALLOWED:
            raise SupervisorError(
                f"The {self.name} ended {QUICK_DEATHS_ALLOWED} times within "
                f"{QUICK_DEATH_SECONDS:.0f} s of starting ({describe_exit(code)}). "
                f"Its own messages are above. To see it alone, run: {' '.join(self.command)}"
            )
        delay = min(2.0 ** (self.quick_deaths - 1), LONGEST_BACKOFF_SECONDS) if died_young else 0.0
        self.restart_at = now + delay
        say(f"The {self.name} ended ({describe_exit(code)}); starting it again in {delay:.0f} s.")

    def signal(self, number: int) -> None:
        """Send a signal to the process itself; its own children are its business."""
        if self.process is not None and self.is_running():
            self.process.send_signal(number)

    def signal_group(self, number: int) -> None:
        """Send a signal to the process and everything it started."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                pass  # nothing of it is left


def describe_exit(code: int) -> str:
    """Return 'exit code 3' or 'killed by SIGKILL'."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def require_free_port(bind: str, port: int) -> None:
    """Raise SupervisorError when the port is taken.

    A predecessor that was killed may still be closing, hence a few seconds of patience.
    """
    until = time.monotonic() + PORT_PATIENCE_SECONDS
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((bind, port))
                return
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise SupervisorError(
                        f"Cannot listen on {bind} port {port}: {error.strerror}. Give another "
                        "address with COUNTERSIGN_BIND or another port with PORT=."
                    ) from error
        if time.monotonic() > until:
            raise SupervisorError(
                f"Port {port} on {bind} is taken by another program. "
                f"Choose another one: make run PORT={port + 1} (or set COUNTERSIGN_PORT)."
            )
        time.sleep(LOOP_SECONDS)


def is_answering(bind: str, port: int) -> bool:
    """Ask the health page once; anything but 200 within two seconds is a no."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104 - compared only
    link = http.client.HTTPConnection(host, port, timeout=2)
    try:
        link.request("GET", "/healthz", headers={"Host": "localhost"})
        return link.getresponse().status == 200
    except OSError:
        return False
    finally:
        link.close()


def plan_children(plan: argparse.Namespace) -> list[Child]:
    """Return the processes of the portal; the signer may run elsewhere, under a user and an address of its own."""
    address = f"[{plan.bind}]:{plan.port}" if ":" in plan.bind else f"{plan.bind}:{plan.port}"
    gunicorn = "--worker-class gthread --threads 4 --no-control-socket --log-level warning"
    celery = "worker --pool prefork --without-mingle --without-gossip --loglevel WARNING"
    return [
        Child(
            "web process",
            [
                *(PYTHON, "-m", "gunicorn", "portal.wsgi:application", "--bind", address),
                *("--workers", str(plan.web), "--graceful-timeout", "20", *gunicorn.split()),
            ],
        ),
        Child(
            "worker",
            [
                *(PYTHON, "-m", "celery", "--quiet", "--app", "portal.celery", *celery.split()),
                *("--concurrency", str(plan.worker)),
            ],
            {
                # OpenMP's threads do not survive a fork: scikit-learn would hang in the child.
                "OMP_NUM_THREADS": "1",
                # Celery warns of root because of pickle, which is switched off here.
                "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
            },
        ),
        *([] if plan.no_signer else [Child("signer", [PYTHON, "manage.py", "sign_log"])]),
        Child("sweep", [PYTHON, "manage.py", "sweep", "--every", "5"]),
    ]


class Supervisor:
    """Keeps the children of one portal running until it is told to stop."""

    def __init__(self, plan: argparse.Namespace) -> None:
        self.plan = plan
        self.children = plan_children(plan)
        self.story = Child("story", [PYTHON, "manage.py", "load_story", "--if-empty"])
        self.sign_ins = Path(plan.data) / "sign-ins.txt"
        self.stopping = False
        self.announced = False

    def run(self) -> int:
        """Run until a signal or a child that keeps dying; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self.note_signal)
        try:
            while not self.stopping:
                for child in self.children:
                    child.keep_running()
                self.take_next_step()
                time.sleep(LOOP_SECONDS)
        except SupervisorError as error:
            say(str(error))
            return 1
        finally:
            self.stop()
        return 0

    def note_signal(self, number: int, frame: FrameType | None) -> None:
        """First signal: stop in order. Second signal: stop now."""
        if self.stopping:
            for child in (*self.children, self.story):
                child.signal_group(signal.SIGKILL)
        self.stopping = True

    def take_next_step(self) -> None:
        """Once the web answers: load the story if asked, then say where the portal is."""
        if self.announced:
            return
        if self.story.process is None:
            if not is_answering(self.plan.bind, self.plan.port):
                return
            if self.plan.story:
                if not self.sign_ins.exists():
                    say(f"The portal answers at {self.plan.origin}; its example story comes now.")
                self.story.start()
                return
        elif self.story.is_running():
            return
        elif self.story.process.returncode != 0:
            say("The story could not be loaded; the reason is above. The portal runs without it.")
            say("Repair the cause, then: .venv/bin/python manage.py load_story --if-empty")
        self.announce()

    def announce(self) -> None:
        """Print the address and, where the story left them, the sign-ins."""
        self.announced = True
        say(f"\nCountersign is running at {self.plan.origin}")
        if self.sign_ins.exists():
            say(f"\n{self.sign_ins.read_text().rstrip()}\n\n(kept in {self.sign_ins})")
        say("Ctrl-C ends it.\n")

    def stop(self) -> None:
        """Ask every child to end, wait, then kill what is left with all it started."""
        family = (*self.children, self.story)
        for child in family:
            child.signal(signal.SIGTERM)
        until = time.monotonic() + GRACE_SECONDS
        while any(child.is_running() for child in family) and time.monotonic() < until:
            time.sleep(LOOP_SECONDS)
        for child in family:
            if child.is_running():
                say(f"The {child.name} did not end within {GRACE_SECONDS:.0f} s and is killed.")
            child.signal_group(signal.SIGKILL)


def read_plan(arguments: list[str]) -> argparse.Namespace:
    """Parse what `manage.py serve` hands over."""
    parser = argparse.ArgumentParser(prog="portal.supervisor")
    parser.add_argument("--bind", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--origin", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--web", type=int, default=2)
    parser.add_argument("--worker", type=int, default=2)
    parser.add_argument("--story", action="store_true")
    parser.add_argument("--no-signer", action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(Supervisor(read_plan(sys.argv[1:])).run())
