"""What root runs before the sandbox: lay out what the child may see, become the user nobody, go on as bubblewrap.

    python -I -S become_nobody.py PARENT SOURCE... -- COMMAND...

The kernel neither counts root's processes nor lets a user reach files in root's closed folders. So every source is
mounted at /tmp/0, /tmp/1, ... of a mount namespace of our own, where nobody can reach it. The process that started
this stays the direct parent of bubblewrap: when it dies, the kernel kills the sandbox.
"""

from __future__ import annotations

import ctypes
import os
import signal
import stat
import sys

STAGE = "/tmp"  # noqa: S108 - an empty one is mounted over it, in our own namespace
NOBODY = 65534
CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38

libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> None:
    """Never returns: the process becomes the command, or ends with a message on standard error."""
    place = arguments.index("--")
    parent, sources, command = int(arguments[0]), arguments[1:place], arguments[place + 1 :]
    lay_out(sources)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "end with the parent")
    if os.getppid() != parent:
        sys.exit("the worker is gone")
    os.execve(command[0], command, {})  # noqa: S606 - our own words


def lay_out(sources: list[str]) -> None:
    """Mount the sources on the stage, in a mount namespace of this process alone."""
    check(libc.unshare(CLONE_NEWNS), "a mount namespace of its own")
    handles = [os.open(source, os.O_PATH | os.O_CLOEXEC) for source in sources]
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    mount("none", STAGE, "tmpfs", 0, "mode=0755")
    for number, handle in enumerate(handles):
        target = f"{STAGE}/{number}"
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            os.mkdir(target, 0o755)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
        mount(f"/proc/self/fd/{handle}", target, "", MS_BIND | MS_REC)


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount, or end the process."""
    words = source.encode(), target.encode(), kind.encode() or None
    check(libc.mount(*words, ctypes.c_ulong(flags), options.encode() or None), f"to mount {target}")


def check(outcome: int, what: str) -> None:
    """End the process with a message when the kernel refused."""
    if outcome != 0:
        sys.exit(f"root was refused {what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main(sys.argv[1:])
