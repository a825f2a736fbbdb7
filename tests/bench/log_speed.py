"""How fast the log grows under many writers while it is read, and how long the whole of a long log takes to verify.

    python tests/bench/log_speed.py [--seconds 60] [--writers 8] [--entries 1000000]

Promised: 200 entries a second for a minute by eight writers while a reader verifies, without gap or twin; a million
entries verified, with every table, within 60 s and 500 MB. How long entries wait for their seal is measured by
tests/bench/seal_latency.py. Both databases are driven: SQLite as it is set up (synchronous FULL), and PostgreSQL where
`python tools/servers.py -- python tests/bench/log_speed.py` gives one (without fsync: say so with its figures).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.parts.serving import describe_portal  # noqa: E402 - the repository must be on the path
from tests.portals import Portal, make_portal  # noqa: E402

PROMISED_RATE, PROMISED_SECONDS, PROMISED_MIB = 200, 60, 500
LEAD_SECONDS = 5.0  # until every process has loaded Django


def call(portal: Portal, what: str) -> Any:
    """Call a function of ``tests.bench.parts.long_log`` inside the portal's environment; return what it printed."""
    done = portal.manage("shell", "-v", "0", "-c", f"from tests.bench.parts import long_log; long_log.{what}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def measure_growth(portal: Portal, writers: int, seconds: float) -> None:
    """Writers and a reader at once; print the rate, the longest wait of one writer, and what the reader saw."""
    call(portal, "open_log()")
    start = time.time() + LEAD_SECONDS + writers
    with ThreadPoolExecutor(writers + 1) as pool:
        reading = pool.submit(call, portal, f"read({start}, {seconds})")
        done = list(pool.map(lambda _number: call(portal, f"write({start}, {seconds})"), range(writers)))
        looks, problems = reading.result()
    written = sorted(place for places, _longest in done for place in places)
    size, is_contiguous, stored = call(portal, "print_gaps()")
    rate = len(written) / seconds
    print(f"{writers} writers for {seconds:.0f} s: {len(written):,} entries, {rate:,.0f} a second; ", end="")
    print(f"longest wait {max(longest for _places, longest in done):.2f} s; {looks} looks by a reader meanwhile")
    whole = is_contiguous and size == stored and len(set(written)) == len(written) and problems == []
    if not whole:
        raise SystemExit(f"gaps, twins or false alarms: {size} {stored} {is_contiguous} {problems}")
    warn(rate >= PROMISED_RATE, f"below the {PROMISED_RATE} a second promised")


def measure_verification(portal: Portal, entries: int) -> None:
    """Lengthen the log to so many entries, seal it, and verify all of it."""
    began = time.perf_counter()
    call(portal, f"lengthen({entries})")
    print(f"{entries:,} entries written in {time.perf_counter() - began:.0f} s", flush=True)
    portal.manage("sign_log", "--once")
    read, taken, worked, peak, problems = call(portal, "print_verification()")
    print(f"{read:,} entries verified in {taken:.1f} s ({worked:.1f} s of one core), peak memory {peak:.0f} MiB")
    if problems:
        raise SystemExit(f"a log that nobody touched has problems: {problems}")
    warn(taken <= PROMISED_SECONDS, f"over the {PROMISED_SECONDS} s promised for a million")
    warn(peak <= PROMISED_MIB, f"over the {PROMISED_MIB} MiB promised")


def warn(kept: bool, otherwise: str) -> None:
    if not kept:
        print(f"  ({otherwise}; on a machine that others use, compare the seconds of one core)")


def main(writers: int, seconds: float, entries: int) -> None:
    with tempfile.TemporaryDirectory() as folder, make_portal(Path(folder), Path(folder) / "data") as portal:
        portal.manage("migrate", "--verbosity", "0")
        print(f"The log's speed ({describe_portal(portal)})", flush=True)
        if seconds:
            measure_growth(portal, writers, seconds)
        if entries:
            measure_verification(portal, entries)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--entries", type=int, default=1_000_000)
    given = parser.parse_args()
    main(given.writers, given.seconds, given.entries)
