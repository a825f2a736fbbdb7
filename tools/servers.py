"""Run a command with a PostgreSQL and a Redis of its own, and end both whatever happens.

    python tools/servers.py -- pytest tests

The command finds them in COUNTERSIGN_DATABASE_URL and COUNTERSIGN_BROKER_URL. Both live on free
ports in a temporary folder, without fsync: they are for tests and forget everything.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

START_SECONDS = 60
STOP_SECONDS = 20
PR_SET_PDEATHSIG = 1
POSTGRES_OPTIONS = (
    *("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"),
    *("-c", "max_connections=200", "-c", "listen_addresses=127.0.0.1"),
)


def end_with_parent(number: int) -> Callable[[], None]:
    """Return a function for a child: the kernel sends it `number` when this process dies."""
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(PR_SET_PDEATHSIG, number)


def find_free_port() -> int:
    """Return a TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_postgres_programs() -> Path:
    """Return the folder with initdb and postgres; Debian keeps them off PATH, by version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        raise SystemExit("PostgreSQL is not installed. Run: apt-get install postgresql-15")
    return found[0].parent if found else Path(str(on_path)).resolve().parent


def choose_postgres_user() -> str | None:
    """Return the user to run PostgreSQL as: it refuses root, so root lends Debian's own."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


def wait_for_port(name: str, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the port answers; raise with the log's end when the server died."""
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"{name} did not start:\n{log.read_text()[-2000:]}")


@contextmanager
def run_server(name: str, command: list[str], port: int, log: Path, *, stop: int, user: str | None) -> Iterator[None]:
    """Run one server in a session of its own until the block ends."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user,
            preexec_fn=end_with_parent(stop),
        )
    try:
        wait_for_port(name, port, process, log)
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def run_postgres(folder: Path) -> Iterator[str]:
    """Run a new, empty PostgreSQL and yield its address."""
    programs, user, port = find_postgres_programs(), choose_postgres_user(), find_free_port()
    data = folder / "postgres"
    data.mkdir(mode=0o700)
    if user is not None:
        folder.chmod(0o755)
        shutil.chown(data, user)
    cluster = data / "cluster"
    locale = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    subprocess.run(
        [programs / "initdb", "-D", cluster, *locale],
        user=user,
        cwd=data,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    command = [str(programs / "postgres"), "-D", str(cluster), "-p", str(port), "-k", str(data)]
    log = folder / "postgres.log"
    # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients.
    with run_server("PostgreSQL", [*command, *POSTGRES_OPTIONS], port, log, stop=signal.SIGINT, user=user):
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"


@contextmanager
def run_redis(folder: Path) -> Iterator[str]:
    """Run a new, empty Redis that writes nothing to disk, and yield its address."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("Redis is not installed. Run: apt-get install redis-server")
    port = find_free_port()
    command = [
        *(program, "--bind", "127.0.0.1", "--port", str(port), "--databases", "256"),
        *("--save", "", "--appendonly", "no", "--dir", str(folder)),
    ]
    log = folder / "redis.log"
    with run_server("Redis", command, port, log, stop=signal.SIGTERM, user=None):
        yield f"redis://127.0.0.1:{port}/0"


def raise_interrupt(number: int, frame: FrameType | None) -> None:
    """Turn SIGTERM into the exception Ctrl-C raises, so that both leave by the same door."""
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    """Run the command after `--` with both servers; return its exit code."""
    if arguments[:1] != ["--"] or len(arguments) < 2:
        print("usage: servers.py -- command ...", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, raise_interrupt)
    with ExitStack() as servers:
        folder = Path(servers.enter_context(tempfile.TemporaryDirectory(prefix="countersign-")))
        environment = {
            **os.environ,
            "COUNTERSIGN_DATABASE_URL": servers.enter_context(run_postgres(folder)),
            "COUNTERSIGN_BROKER_URL": servers.enter_context(run_redis(folder)),
        }
        command = subprocess.Popen(arguments[1:], env=environment)
        try:
            return command.wait()
        except KeyboardInterrupt:
            command.send_signal(signal.SIGINT)
            command.wait()
            return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
