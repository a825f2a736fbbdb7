"""Attempts to get out, made from inside the sandbox. What is contained says so; what is not, says what it reached.

The quick ones are the self-test of every worker; the others (filling memory, disk and process table, hanging,
crashing) are for the tests and for an operator who wants to see.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

PARENT = 1
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
MANY = 512
GIBIBYTE = 1 << 30


class Escaped(Exception):
    """The attempt succeeded; the message says what was reached."""


def read_host_files() -> str:
    """Files of the machine, its users and the worker."""
    places = ("/etc/shadow", "/etc/passwd", "/root/.ssh", "/home", "/var", "/run", "/sys", "/etc/hostname")
    seen = [place for place in places if os.path.lexists(place) and _can_read(place)]
    if seen:
        raise Escaped(f"sees {', '.join(seen)}")
    return "no such files"


def _can_read(place: str) -> bool:
    """Say whether there is anything behind the name: an empty folder on the way to a mount is nothing."""
    path = Path(place)
    try:
        if path.is_dir():
            return bool(list(path.iterdir()))
        path.open("rb").close()
    except OSError:
        return False
    return True


def read_environment() -> str:
    """Secrets in the environment of this process or of the one that started it."""
    own = set(os.environ) - ALLOWED_VARIABLES
    first = Path("/proc/1/environ").read_bytes().split(b"\0")
    others = {line.split(b"=")[0].decode() for line in first if line} - ALLOWED_VARIABLES
    if own or others:
        raise Escaped(f"reads the variables {', '.join(sorted(own | others))}")
    return "nothing of the worker's"


ALLOWED_VARIABLES = {
    *("HOME", "PATH", "LC_ALL", "LC_CTYPE", "PWD", "MALLOC_ARENA_MAX", "NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
}


def reach_network() -> str:
    """Connections out, to the machine's own services, and to the host's sockets by name."""
    interfaces = [name for _, name in socket.if_nameindex() if name != "lo"]
    if interfaces:
        raise Escaped(f"has the interface {interfaces[0]}")
    for family, address in ((socket.AF_INET, ("1.1.1.1", 53)), (socket.AF_INET6, ("::1", 5432))):
        _expect_refusal(partial(_connect, family, address), f"connects to {address[0]}")
    for port in (22, 80, 5432, 6379, 8000):
        _expect_refusal(partial(_connect, socket.AF_INET, ("127.0.0.1", port)), f"connects to port {port}")
    return "no interface, no answer"


def _connect(family: int, address: Any) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as link:
        link.settimeout(0.5)
        link.connect(address)


def reach_host_sockets() -> str:
    """Unix sockets of the machine: by path, and abstract ones listed by the kernel."""
    for path in ("/run/dbus/system_bus_socket", "/var/run/docker.sock", "/run/systemd/private", "/tmp/.X11-unix/X0"):  # noqa: S108
        _expect_refusal(partial(_connect, socket.AF_UNIX, path), f"connects to {path}")
    lines = Path("/proc/net/unix").read_text().splitlines()[1:] if Path("/proc/net/unix").exists() else []
    named = [line.split()[-1] for line in lines if len(line.split()) > 7]
    if named:
        raise Escaped(f"sees the socket {named[0]}")
    return "none to be seen"


def write_files() -> str:
    """Anything outside its own /tmp, the inputs and our code included."""
    here = Path(__file__)
    places = [Path("/x"), Path("/usr/x"), Path("/dev/shm/x"), Path("/input/x"), here.with_name("x"), here]  # noqa: S108
    places += sorted(Path("/input").glob("*")) if Path("/input").is_dir() else []
    for place in places:
        _expect_refusal(partial(place.open, "ab"), f"writes {place}")
    return "refused"


def gain_privileges() -> str:
    """New namespaces, mounts, another user, the devices of the machine."""
    libc = ctypes.CDLL(None, use_errno=True)
    attempts: tuple[tuple[str, Callable[[], int]], ...] = (
        ("opens a user namespace", lambda: libc.unshare(CLONE_NEWUSER)),
        ("opens a network namespace", lambda: libc.unshare(CLONE_NEWNET)),
        ("mounts", lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)),
        ("becomes root", lambda: libc.setresuid(0, 0, 0) if os.getuid() else -1),
        ("changes its root", lambda: libc.chroot(b"/tmp")),
    )
    for name, call in attempts:
        if call() == 0:
            raise Escaped(name)
    status = Path("/proc/self/status").read_text()
    for line in ("CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"):
        if line not in status:
            raise Escaped(f"is not {line}")
    return "refused, no capabilities"


def kill_others() -> str:
    """The process that started it, and everything else it may signal."""
    others = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in (PARENT, os.getpid())]
    if others:
        raise Escaped(f"sees the process {others[0]}")
    os.kill(PARENT, signal.SIGTERM)
    time.sleep(0.05)
    return "sees nobody else; the first process ignores it"


def be_root() -> str:
    """The user that the machine knows: root's processes are not limited."""
    if os.getuid() == 0:
        raise Escaped("runs as root")
    return f"runs as user {os.getuid()}"


def fork_without_end() -> str:
    """A fork bomb: every child waits, until no more are given."""
    children = []
    try:
        for _ in range(MANY):
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    except OSError as error:
        return f"{len(children)} processes, then {errno.errorcode.get(error.errno or 0)}"
    finally:
        for child in children:
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
    raise Escaped(f"started {MANY} processes")


def fill_memory() -> str:
    """Eight gibibytes at once."""
    try:
        block = bytearray(8 * GIBIBYTE)
    except MemoryError:
        return "refused"
    raise Escaped(f"holds {len(block) >> 30} GiB")


def fill_disk() -> str:
    """Files in its own /tmp until no more fits, none larger than the limit of one file."""
    written = 0
    try:
        for number in range(256):
            with Path(f"/tmp/fill{number}").open("wb") as file:  # noqa: S108 - the sandbox's own
                for _ in range(16):
                    written += file.write(b"x" * (1 << 20))
    except OSError as error:
        return f"{written >> 20} MiB, then {errno.errorcode.get(error.errno or 0)}"
    raise Escaped(f"wrote {written >> 20} MiB")


def loop() -> str:
    """Work without end."""
    while True:
        pass


def hang() -> str:
    """Sleep without end."""
    while True:
        signal.pause()


def crash() -> str:
    """Read through a null pointer."""
    ctypes.string_at(0)
    raise Escaped("lives on")


def flood() -> str:
    """Print without end."""
    while True:
        os.write(2, b"x" * 65_536)


def answer_too_much() -> str:
    """A result beyond every limit."""
    return "x" * (80 << 20)


QUICK: dict[str, Callable[[], str]] = {
    probe.__name__: probe
    for probe in (
        *(read_host_files, read_environment, reach_network, reach_host_sockets, write_files),
        *(gain_privileges, kill_others, be_root, fork_without_end),
    )
}
SLOW: dict[str, Callable[[], str]] = {
    probe.__name__: probe for probe in (fill_memory, fill_disk, loop, hang, crash, flood, answer_too_much)
}


def _expect_refusal(attempt: Callable[[], object], reached: str) -> None:
    """Raise Escaped unless the attempt is refused by the system."""
    try:
        attempt()
    except OSError:
        return
    raise Escaped(reached)


def run_self_test(
    paths: Mapping[str, Path], spec: Mapping[str, Any], progress: Callable[[float, str], None]
) -> dict[str, Any]:
    """Make every quick attempt. Returns {"contained": {name: how}, "escaped": {name: what was reached}}."""
    contained, escaped = {}, {}
    for name, attempt in QUICK.items():
        try:
            contained[name] = attempt()
        except Escaped as reached:
            escaped[name] = str(reached)
    return {"contained": contained, "escaped": escaped}


def run_probe(
    paths: Mapping[str, Path], spec: Mapping[str, Any], progress: Callable[[float, str], None]
) -> dict[str, Any]:
    """Make one attempt, named by spec["name"]. Raises Escaped."""
    return {"contained": (QUICK | SLOW)[spec["name"]]()}
