"""The command line that locks a child in: bubblewrap, no network, read-only files, limits, no privileges.

An ordinary user runs bubblewrap at once. Root first becomes the user nobody (`become_nobody.py`), because the kernel
does not count root's processes; from there on it is the same sandbox.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from audits.sandbox.failures import SandboxUnavailable

PACKAGE = Path(__file__).resolve().parents[1]
CHILD = Path(__file__).resolve().with_name("job.py")
ROOTS_ENTRY = Path(__file__).resolve().with_name("become_nobody.py")
INPUTS = PurePosixPath("/input")
MEBIBYTE = 1 << 20
MERGED = ("bin", "lib", "lib32", "lib64", "sbin")
PROGRAMS = {"bwrap": "bubblewrap", "prlimit": "util-linux"}
THREADS = 2
ENVIRONMENT = {
    "HOME": "/tmp",  # noqa: S108 - the child's own, gone with it
    "PATH": "/usr/bin",
    "LC_ALL": "C.UTF-8",
    "MALLOC_ARENA_MAX": str(THREADS),
    "NUMBA_CACHE_DIR": "/tmp",  # noqa: S108
    "NUMBA_NUM_THREADS": str(THREADS),
    "OMP_NUM_THREADS": str(THREADS),
    "OPENBLAS_NUM_THREADS": str(THREADS),
}


@dataclass(frozen=True)
class JobLimits:
    """What one job may take. Set by the operator, never by the submitter.

    `seconds` is wall-clock time; `memory` is address space in bytes (the engine, its threads and the numerical
    libraries reserve about 1 GiB before the first row); `files` bounds what is written to the child's own /tmp,
    in memory; `processes` counts threads too; `output` bounds the result document in bytes.
    """

    seconds: float = 1500.0
    memory: int = 3072 * MEBIBYTE
    files: int = 64 * MEBIBYTE
    processes: int = 64
    open_files: int = 256
    output: int = 64 * MEBIBYTE


def find_program(name: str) -> str:
    """Return the path of a program the walls are built from. Raises SandboxUnavailable naming its package."""
    path = shutil.which(name, path="/usr/bin:/bin:/usr/local/bin")
    if path is None:
        raise SandboxUnavailable(
            f"{name} is not installed on the machine of the worker. Run: apt-get install {PROGRAMS[name]}"
        )
    return path


def build_command(inputs: Mapping[str, Path], limits: JobLimits) -> list[str]:
    """Return the command that runs the child with `inputs` bound read-only at /input/ROLE.

    Raises SandboxUnavailable where a program is missing. For root every input must be readable by others.
    """
    shown = list_shown() | {str(INPUTS / role): path.resolve() for role, path in inputs.items()}
    if os.geteuid() != 0:
        return _lock_in(shown, limits)
    staged = {place: Path(f"/tmp/{number}") for number, place in enumerate(shown)}  # noqa: S108 - see become_nobody
    entry = [sys.executable, "-I", "-S", str(ROOTS_ENTRY), str(os.getpid()), *map(str, shown.values()), "--"]
    return [*entry, *_lock_in(staged, limits)]


def _lock_in(shown: Mapping[str, Path], limits: JobLimits) -> list[str]:
    """The sandbox proper, for an ordinary user. `shown` maps places inside to files outside."""
    words = [find_program("bwrap"), "--unshare-user", "--disable-userns", "--unshare-all", "--die-with-parent"]
    words += ["--new-session", "--cap-drop", "ALL", "--clearenv"]
    for name, value in ENVIRONMENT.items():
        words += ["--setenv", name, value]
    words += ["--size", str(limits.files), "--tmpfs", "/tmp"]  # noqa: S108 - below comes what may lie under /tmp
    words += ["--ro-bind", "/usr", "/usr", *_link_usr()]
    for place, path in shown.items():
        words += ["--ro-bind", str(path), place]
    words += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev", "--remount-ro", "/"]
    words += ["--chdir", "/tmp", "--"]  # noqa: S108
    words += [find_program("prlimit"), f"--as={limits.memory}", f"--fsize={limits.files}", "--core=0"]
    # Set last, inside the child's own user namespace: there the kernel counts the child's processes and nobody else's.
    processor = int(limits.seconds * THREADS) + 1  # the soft limit says what it is, the hard one kills
    words += [f"--cpu={processor}:{processor + 5}", f"--nproc={limits.processes}"]
    words += [f"--nofile={limits.open_files}", "--", sys.executable, "-I", "-B", str(CHILD)]
    return words


def list_shown() -> dict[str, Path]:
    """What every child sees besides /usr: the interpreter with its libraries and this package, nothing else."""
    found = {str(path): path for path in (Path(sys.base_prefix), Path(sys.prefix), PACKAGE)}
    loader_cache = Path("/etc/ld.so.cache")
    if loader_cache.exists():
        found[str(loader_cache)] = loader_cache
    return {place: path for place, path in found.items() if not path.is_relative_to("/usr")}


def _link_usr() -> list[str]:
    """Give /bin, /lib and their like as this machine has them: links into /usr, or folders of their own."""
    words = []
    for name in MERGED:
        place = Path("/") / name
        if place.is_symlink():
            words += ["--symlink", os.readlink(place), str(place)]
        elif place.is_dir():
            words += ["--ro-bind", str(place), str(place)]
    return words


def is_open_to_others(path: Path) -> bool:
    """Say whether any user may read the file."""
    return bool(path.stat().st_mode & stat.S_IROTH)
