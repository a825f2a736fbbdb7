"""Bring the environment of this clone up to what the lock files say; redo only what changed.

    python3 tools/prepare.py run     everything `make run` needs
    python3 tools/prepare.py test    and what `make test` adds

Runs under the machine's own Python, with the standard library alone. Every step leaves a stamp
when it is complete: a run killed at any moment is repeated from the step it was in.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from configparser import ConfigParser, Error
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
BUILD = ROOT / "build"
OLDEST_PYTHON = (3, 11)
LOG_TAIL_LINES = 25

DEBIAN_RUN = (
    "bubblewrap",
    "libpango-1.0-0",
    "libpangoft2-1.0-0",
    "libharfbuzz-subset0",
    "fonts-inter",
    "fonts-noto-core",
    "fonts-noto-cjk",
    "graphviz",
)
DEBIAN_TEST = (
    *DEBIAN_RUN,
    *("chromium", "poppler-utils", "postgresql-15", "redis-server"),
    *("qpdf", "libnss3-tools", "strace"),  # what others say of our PDF files, and what rendering one asks the kernel
    *("golang-go", "golang-golang-x-mod-dev"),  # a second opinion on the log: it reads our checkpoints and proofs
)


class StepFailed(Exception):
    """A step could not be done; the message says what to do about it."""


@contextmanager
def progress(label: str) -> Iterator[None]:
    """Show that a step is under way (with its seconds on a terminal) and how it ended."""
    started = time.monotonic()
    done = threading.Event()

    def tick() -> None:
        while not done.wait(1):
            print(f"\r  {label} … {time.monotonic() - started:.0f} s", end="", flush=True)

    on_terminal = sys.stdout.isatty()
    print(f"  {label} …", end="" if on_terminal else "\n", flush=True)
    ticker = threading.Thread(target=tick, daemon=True)
    if on_terminal:
        ticker.start()
    try:
        yield
    finally:
        done.set()
        if on_terminal:
            ticker.join()
        failed = sys.exc_info()[0] is not None
        took = f"{'failed after' if failed else 'done in'} {time.monotonic() - started:.0f} s"
        print(f"\r  {label}: {took}" if on_terminal else f"  {label}: {took}", flush=True)


def run_logged(
    step: str,
    command: Sequence[str | Path],
    *,
    remedy: str,
    environment: dict[str, str] | None = None,
) -> None:
    """Run a command with its output in build/logs; on failure show the output's end and a remedy."""
    log = BUILD / "logs" / f"{step}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        output.write(f"$ {shlex.join(map(str, command))}\n")
        output.flush()
        code = subprocess.call(
            command,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    if code != 0:
        tail = "\n".join(f"    {line}" for line in log.read_text().splitlines()[-LOG_TAIL_LINES:])
        raise StepFailed(f"{tail}\n\nWhat to do: {remedy}\nThe whole output is in {log}")


def digest_files(*paths: Path) -> str:
    """Return one SHA-256 over the contents of `paths`, in order."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


# --- Debian packages ------------------------------------------------------------------------------


def list_missing_packages(wanted: Sequence[str]) -> list[str]:
    """Return those of `wanted` that dpkg does not have installed."""
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n", *wanted]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    installed = {line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in wanted if name not in installed]


def install_debian_packages(wanted: Sequence[str]) -> None:
    """Install what is missing as root or by sudo; without either, say the command and stop."""
    if shutil.which("dpkg-query") is None:
        require_programs()
        return
    missing = list_missing_packages(wanted)
    if not can_make_environments():
        missing.append(f"python{sys.version_info[0]}.{sys.version_info[1]}-venv")
    if not missing:
        return
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    prefix: list[str] = []
    if os.geteuid() != 0:
        prefix = ["sudo", "-n"]
        if shutil.which("sudo") is None or subprocess.call([*prefix, "true"], stderr=subprocess.DEVNULL) != 0:
            raise StepFailed(
                "Some Debian packages are missing, and installing them needs root. Run this, "
                f"then start again:\n\n    sudo apt-get update && sudo {shlex.join(install)}"
            )
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    remedy = f"see whether this works by hand: {shlex.join([*prefix, *install])}"
    with progress(f"Debian packages: {' '.join(missing)}"):
        try:
            run_logged("apt", [*prefix, *install], remedy=remedy, environment=quiet)
        except StepFailed:  # a machine that never asked, or long ago, knows no current versions
            run_logged("apt-update", [*prefix, "apt-get", "update"], remedy=remedy)
            run_logged("apt", [*prefix, *install], remedy=remedy, environment=quiet)


def can_make_environments() -> bool:
    """Say whether this Python can make a virtual environment (Debian ships that apart)."""
    probe = [sys.executable, "-c", "import ensurepip, venv"]
    return subprocess.call(probe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def require_programs() -> None:
    """On other systems we install nothing; name what is missing."""
    if shutil.which("dot") is None:
        raise StepFailed(
            "This is not Debian, so nothing is installed for you. Countersign needs Pango and "
            "Graphviz: install them (for example: brew install pango graphviz), then start again."
        )


# --- Python ---------------------------------------------------------------------------------------


def read_pip_settings() -> dict[str, str]:
    """Return pip's index settings as uv's variables, since uv does not read pip's files.

    pip: first the environment, then the user's file, then the machine's. Variables of uv that
    are already set are left alone.
    """
    parser = ConfigParser(interpolation=None)
    home = Path.home()
    try:
        parser.read(
            [
                *(Path("/etc/pip.conf"), home / ".pip" / "pip.conf"),
                home / ".config" / "pip" / "pip.conf",
                os.environ.get("PIP_CONFIG_FILE", os.devnull),
            ]
        )
    except Error:
        pass  # pip itself will complain about its file, and better
    found = {}
    for option, variable in (
        ("index-url", "UV_DEFAULT_INDEX"),
        ("extra-index-url", "UV_INDEX"),
        ("find-links", "UV_FIND_LINKS"),
        ("cert", "SSL_CERT_FILE"),
    ):
        value = os.environ.get(f"PIP_{option.upper().replace('-', '_')}") or parser.get("global", option, fallback="")
        if value and variable not in os.environ:
            found[variable] = " ".join(value.split())
    # As pip does: the best match of all indexes. The hashes in the lock decide what is accepted.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **found}


def environment_works() -> bool:
    """Say whether .venv was completed here and its interpreter still starts."""
    stamp = VENV / ".home"
    if not stamp.exists() or stamp.read_text() != str(ROOT):
        return False
    return subprocess.call([PYTHON, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def make_environment() -> None:
    """Make .venv with uv in it, anew when it is broken, half-made or from another place."""
    if VENV.is_symlink():  # `venv --clear` would empty the folder behind it, which may be another clone's
        raise StepFailed(
            f"{VENV} is a symbolic link to {VENV.resolve()}. This clone needs an environment of its own, and making "
            "one there would empty that folder. Nothing was touched.\n\nWhat to do: rm .venv and start again"
        )
    if environment_works():
        return
    remedy = "delete the folder .venv and start again; if that fails, look at the output above"
    with progress("Python environment in .venv"):
        run_logged("venv", [sys.executable, "-m", "venv", "--clear", VENV], remedy=remedy)
        lock = ROOT / "requirements" / "boot.lock"
        run_logged(
            "boot",
            [*(PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "-r"), lock],
            remedy="check that pip reaches its package index: .venv/bin/pip download uv",
            environment={"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
        (VENV / ".home").write_text(str(ROOT))


def install_python_packages(kind: str) -> None:
    """Bring .venv to requirements/KIND.lock, hashes checked, byte-compiled.

    Byte code is compiled here even where PYTHONDONTWRITEBYTECODE is set: without it every
    process would compile the numerical libraries again, nine seconds each time. The test lock
    holds the run lock whole, so it satisfies `make run` too.
    """
    locks = {name: digest_files(ROOT / "requirements" / f"{name}.lock") for name in ("run", "test")}
    stamp = VENV / ".packages"
    installed = stamp.read_text() if stamp.exists() else ""
    if installed in {f"test {locks['test']}", f"{kind} {locks[kind]}"}:
        return
    stamp.unlink(missing_ok=True)
    lock = ROOT / "requirements" / f"{kind}.lock"
    count = sum("==" in line for line in lock.read_text().splitlines())
    with progress(f"{count} Python packages"):
        run_logged(
            "packages",
            [
                *(UV, "pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode"),
                *("--python", PYTHON, lock),
            ],
            remedy="check the network and the package index set for pip or uv, then start again",
            environment=read_pip_settings(),
        )
    stamp.write_text(f"{kind} {locks[kind]}")
    (VENV / ".client").unlink(missing_ok=True)  # sync removed what the lock does not name


def install_client() -> None:
    """Install the client from client/, editable, so that the story and the CLI are this clone's."""
    project = ROOT / "client" / "pyproject.toml"
    stamp = VENV / ".client"
    wanted = digest_files(project)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    with progress("Countersign's own client"):
        run_logged(
            "client",
            [
                *(UV, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"),
                *("--python", PYTHON, "--editable", project.parent),
            ],
            remedy="look at client/pyproject.toml; it is built by hatchling",
        )
    stamp.write_text(wanted)


# --- Front end ------------------------------------------------------------------------------------


def install_front_end() -> None:
    """Install the locked npm packages and copy what the browser needs (tools/vendor.py)."""
    command = [PYTHON, ROOT / "tools" / "vendor.py"]
    if subprocess.call([*command, "--is-current"], cwd=ROOT) == 0:
        return
    with progress("Front-end packages"):
        run_logged(
            "front-end",
            command,
            remedy="check the network and the registry set for npm (~/.npmrc), then start again",
        )


def prepare(kind: str) -> None:
    """Do every step in order, under a lock so that two starts do not mix."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "prepare.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("  Another start is preparing this clone; waiting for it …", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        install_debian_packages(DEBIAN_TEST if kind == "test" else DEBIAN_RUN)
        make_environment()
        install_python_packages(kind)
        install_client()
        install_front_end()


def main(arguments: list[str]) -> int:
    """Prepare for `run` or `test`; a failure is told with its remedy, and is exit code 1."""
    if arguments not in (["run"], ["test"]):
        print("usage: prepare.py run|test", file=sys.stderr)
        return 2
    if sys.version_info < OLDEST_PYTHON:
        print(
            f"Countersign needs Python 3.11 or later; {sys.executable} is {sys.version.split()[0]}. "
            "Name another one: make run PYTHON=/usr/bin/python3.11",
            file=sys.stderr,
        )
        return 1
    try:
        prepare(arguments[0])
    except StepFailed as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The next start goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
