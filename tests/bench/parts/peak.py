"""The largest memory this process has held, by the kernel's own mark."""

from __future__ import annotations

from pathlib import Path


def measure_peak() -> float:
    """Return the peak resident memory in MiB.

    Not `getrusage`: its figure survives exec, so a child of a large process would count its parent's memory as its own.
    """
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
