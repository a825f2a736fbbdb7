"""How long an entry of the log waits for its seal, in a running portal with its signer process.

    python tests/bench/seal_latency.py [--count 400] [--seconds 60]

Prints the median, the 99th percentile and the longest wait in milliseconds, from the entry's own time to that of the
checkpoint that covers it: once with one quiet writer, once with four at once. Promised: decisions within 2 s (p99),
everything within 60 s. For PostgreSQL: `python tools/servers.py -- python tests/bench/seal_latency.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.parts.serving import describe_portal  # noqa: E402 - the repository must be on the path
from tests.portals import Portal, make_portal  # noqa: E402

PROMISED_SECONDS = 2.0


def call(portal: Portal, what: str) -> str:
    """Call a function of ``tests.bench.parts.sealing`` inside the portal's environment."""
    done = portal.manage("shell", "-v", "0", "-c", f"from tests.bench.parts import sealing; sealing.{what}")
    return done.stdout.strip()


def measure(portal: Portal, *, writers: int, count: int, seconds: float) -> list[float]:
    """The sorted waits of ``count`` entries by so many writers at once."""
    first = int(call(portal, "print_size()"))
    share = count // writers
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(lambda seed: call(portal, f"append({share}, {seconds}, {seed})"), range(writers)))
    time.sleep(3)
    waits = json.loads(call(portal, f"print_waits({first})"))
    if None in waits or len(waits) != share * writers:
        raise SystemExit(f"of {share * writers} entries {len(waits)} are there and {waits.count(None)} are not sealed")
    return sorted(waits)


def main(count: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder, make_portal(Path(folder), Path(folder) / "data") as portal:
        portal.start("--prepare")
        print(f"From entry to seal in milliseconds ({describe_portal(portal)})")
        print(f"{'':24}{'entries':>10}{'median':>10}{'p99':>10}{'longest':>10}")
        for name, writers in (("one writer", 1), ("four writers at once", 4)):
            waits = measure(portal, writers=writers, count=count, seconds=seconds)
            shown = (waits[len(waits) // 2], waits[int(len(waits) * 0.99)], waits[-1])
            print(f"{name:24}{len(waits):>10}" + "".join(f"{wait * 1000:>10.0f}" for wait in shown), flush=True)
            if shown[1] > PROMISED_SECONDS:
                raise SystemExit(f"the 99th percentile is over the {PROMISED_SECONDS:.0f} s promised")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    main(given.count, given.seconds)
