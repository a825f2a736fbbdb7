"""Evidence taken in per second, through the running portal as a program submits it.

    python tests/bench/intake.py [--rows 0 100000] [--count 200]

Each item is one request: checked, hashed, recorded, logged and committed to disk before it is answered. Prints items
per second with one program and with four at once, at each size of the record, and megabytes per second for files. For
PostgreSQL: `python tools/servers.py -- python tests/bench/intake.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.parts.serving import Served, describe_portal, serve  # noqa: E402 - after the path

FILE_SIZE = 5_000_000


def submit_metrics(served: Served, number: int) -> None:
    item = {
        "kind": "metrics",
        "title": f"Metrics {number}",
        "observed_at": datetime.now(UTC).isoformat(),
        "content": {"metrics": [{"name": "accuracy", "value": number / 1000}]},
    }
    answer = served.program.post(f"/api/v1/model-versions/{served.known['version']}/evidence", json=item)
    assert answer.status_code == 201, answer.text[:500]


def submit_file(served: Served, number: int) -> None:
    metadata = {"kind": "file", "title": f"File {number}", "observed_at": datetime.now(UTC).isoformat()}
    answer = served.program.post(
        f"/api/v1/model-versions/{served.known['version']}/evidence",
        data={"metadata": json.dumps(metadata)},
        files={"file": (f"{number}.bin", os.urandom(FILE_SIZE))},
    )
    assert answer.status_code == 201, answer.text[:500]


def measure_rate(served: Served, submit: Callable[[Served, int], None], count: int, programs: int) -> float:
    """Items per second with so many programs at once."""
    submit(served, 0)
    started = time.perf_counter()
    with ThreadPoolExecutor(programs) as pool:
        list(pool.map(lambda number: submit(served, number), range(1, count + 1)))
    return count / (time.perf_counter() - started)


def main(sizes: list[int], count: int) -> None:
    with serve() as served:
        print(f"Evidence intake ({describe_portal(served.portal)})\n")
        print(f"{'items on record':>16}{'1 program, items/s':>22}{'4 programs, items/s':>22}{'files, MB/s':>14}")
        for rows in sizes:
            served.run(f"fill({rows})")
            one, four = (measure_rate(served, submit_metrics, count, programs) for programs in (1, 4))
            files = measure_rate(served, submit_file, 10, 1) * FILE_SIZE / 1e6
            print(f"{rows:>16,}{one:>22.1f}{four:>22.1f}{files:>14.1f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[0, 100_000])
    parser.add_argument("--count", type=int, default=200)
    given = parser.parse_args()
    main(sorted(given.rows), given.count)
