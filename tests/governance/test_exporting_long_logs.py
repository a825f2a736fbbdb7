"""An export of 20,000 entries: memory stays flat, and one that was killed goes on to the very same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.client.small_log import GOOD, verifier
from tests.governance.long_log import FILE_BYTES, STEP
from tests.portals import MANAGE, ROOT, Portal

ENTRIES = 20_000
MOST_MEGABYTES = 12  # of growth, over a log ten times as long


def test_long_log_is_exported_in_flat_memory_and_after_a_kill(
    new_portal: Callable[..., Portal], tmp_path: Path
) -> None:
    portal = new_portal()
    portal.manage("migrate")
    portal.manage("shell", "-c", f"from tests.governance.long_log import fill_log; fill_log({ENTRIES})")

    shown = portal.manage("shell", "-c", "from tests.governance.long_log import print_growth; print_growth()")
    short, long, _short_bytes, long_bytes, growth = map(int, shown.stdout.split()[-5:])
    assert (short < STEP + 100, long) == (True, ENTRIES)
    assert long_bytes > FILE_BYTES + ENTRIES * 250
    assert growth < MOST_MEGABYTES, shown.stdout

    whole = tmp_path / "whole.tar"
    portal.manage("export_log", "--out", str(whole))
    assert whole.stat().st_size == long_bytes
    with whole.open("rb") as file:
        verdict = verifier.verify_archive(file, (portal.data / "keys" / "log.vkey").read_text().split())
    assert verdict.outcome is GOOD, verdict.message
    assert verdict.checkpoint.size == ENTRIES

    for kill_at in (1, long_bytes // 3, long_bytes - 1):
        resumed = export_and_kill(portal, tmp_path / "resumed.tar", kill_at)
        assert resumed.read_bytes() == whole.read_bytes(), kill_at
        resumed.unlink()


def export_and_kill(portal: Portal, out: Path, kill_at: int) -> Path:
    """Kill an export once that many bytes are written, and let another one finish it."""
    part = out.with_name(f"{out.name}.part")
    words = [*MANAGE, "export_log", "--out", str(out)]
    process = subprocess.Popen(words, env=portal.environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        if part.exists() and part.stat().st_size >= kill_at:
            os.kill(process.pid, signal.SIGKILL)
        time.sleep(0.001)
    process.wait(timeout=60)
    if part.exists():  # else it was done before it could be killed
        portal.manage("export_log", "--out", str(out), "--resume")
    assert not part.exists()
    return out
